"""The log that an estimator under check sees, and what two answers about it must have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ltrr.checks.data import batch_of
from ltrr.checks.error import require
from ltrr.replay.batch import Batch
from ltrr.types import Float64, Int64
from ltrr.types.ragged import take_flat

__all__ = ["EXACT", "REQUESTS", "Case", "close", "given", "requests_in", "weighty", "without"]

REQUESTS = 300
EXACT = 1e-12
_SPREAD = 1e-9
"""Standard errors are roots of differences, which keep fewer digits."""


@dataclass(frozen=True)
class Case:
    """An estimator under check, and the log that it sees."""

    estimator: Any
    weight_bound: float
    reward_range: tuple[float, float]
    n_slots: int

    @property
    def name(self) -> str:
        return type(self.estimator).__name__

    def batch(self, n: int = REQUESTS, *, counted: bool = True, seed: int = 10) -> Batch:
        """Return a batch, of several slots a request where the estimator takes them."""
        return batch_of(
            n,
            weight_bound=self.weight_bound,
            reward_range=self.reward_range,
            n_slots=self.n_slots if self.estimator.slate else 1,
            counted=counted,
            seed=seed,
        )

    def fed(self, *batches: Batch) -> Any:
        """Return a fork that has seen the batches."""
        pupil = self.estimator.fork()
        for batch in batches:
            pupil.add(batch)
        return pupil

    def must_agree(self, one: Any, other: Any, text: str) -> None:
        """Require that two estimators say the same, but for rounding."""
        error = one.standard_error()
        size = abs(one.value()) + abs(error) * np.sqrt(one.moments.n)
        gap = abs(one.value() - other.value())
        require(gap <= EXACT * size, f"{text}, got {other.value()!r} instead of {one.value()!r}")
        require(
            abs(error - other.standard_error()) <= _SPREAD * size / np.sqrt(one.moments.n),
            f"{text}, got a standard error of {other.standard_error()!r} instead of {error!r}",
        )


def requests_in(batch: Batch, order: Int64) -> Batch:
    """Return the chosen requests in the given order, each under a key of its own."""
    indptr, rows = take_flat(batch.indptr, order)
    return replace(batch.take(rows), key=np.repeat(np.arange(len(order)), np.diff(indptr)))


def given(column: Float64 | None) -> Float64:
    """Return a column of a batch of ours, which has them all."""
    return np.zeros(0) if column is None else column


def without(batch: Batch, columns: Iterable[str]) -> Batch:
    """Return the batch without some of its optional columns."""
    return replace(batch, **dict.fromkeys(columns))  # type: ignore[arg-type]  # all of them are optional


def weighty(batch: Batch) -> Batch:
    """Return the batch with no row that weighs nothing: a ratio is defined whichever requests are taken."""
    return replace(batch, weight=np.maximum(given(batch.weight), 0.1), accept=np.ones(len(batch)))


def close(one: Float64, other: Float64) -> bool:
    """Say whether rows are the same, but for rounding."""
    size = np.abs(one).max(initial=0.0)
    return one.shape == other.shape and bool((np.abs(one - other) <= EXACT * size).all())
