"""Small seeded logs for the checks of estimators and intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ltrr import _check
from ltrr.checks.common import Case
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64, Int64
from ltrr.types.ragged import take_flat

__all__ = ["LogCase", "batch_of", "given", "requests_in", "weighty", "without"]


@dataclass(frozen=True, kw_only=True)
class LogCase(Case):
    """What judges logs, and the bounds that the logs keep.

    Parameters
    ----------
    component, tolerance
        As in `Case`.
    weight_bound : float > 1
        Largest weight of all kinds.
    reward_range : (float, float)
        Of rewards and predictions.

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> from ltrr.replay.estimators import IPS
    >>> from ltrr.replay.estimators.base import Estimator
    >>> class Named(LogCase):
    ...     call, group, protocol = "check_named", "estimators", Estimator
    ...     def check_name(self):
    ...         self.must("name")(self.component.name, "say what it is called")
    >>> Named(component=IPS(), weight_bound=10.0, reward_range=(0.0, 1.0)).run(skip=None)
    >>> Named(component=IPS(), weight_bound=0.5, reward_range=(0.0, 1.0))
    Traceback (most recent call last):
    ltrr.errors.InputError: `weight_bound` must be a number > 1, got 0.5
    """

    weight_bound: float
    reward_range: tuple[float, float]

    def __post_init__(self) -> None:
        super().__post_init__()
        low = _check.number("reward_range[0]", self.reward_range[0])
        _check.number("reward_range[1]", self.reward_range[1], low=low, open_low=True)
        _check.number("weight_bound", self.weight_bound, low=1.0, open_low=True)


def batch_of(
    n: int,
    *,
    weight_bound: float = 10.0,
    reward_range: tuple[float, float] = (0.0, 1.0),
    n_slots: int = 1,
    counted: bool = False,
    seed: int = 10,
) -> ReplayBatch:
    """Return logged decisions of n requests with every column of a batch, keys in no order.

    Weights average 0.9 before the bound cuts them, a fifth are 0, and some are the bound itself.

    Parameters
    ----------
    n : int
    weight_bound : float
        Largest weight, of all kinds.
    reward_range : (float, float)
        Of rewards and predictions; both ends are met.
    n_slots : int
        Requests have from 1 to this many slots.
    counted : bool
        Whether requests stand for 1 to 4 events, or for one each.
    seed : int
    """
    rng = np.random.default_rng([seed, n])
    slots = rng.integers(1, n_slots + 1, n)
    rows = int(slots.sum())
    first = np.repeat(np.cumsum(slots) - slots, slots)
    low, high = reward_range

    def weights(zeros: float) -> Float64:
        weight = rng.lognormal(0.0, 1.0, rows) * (rng.random(rows) >= zeros)
        weight = np.minimum(weight * (0.9 / max(weight.mean(), 1e-9) if rows else 1.0), weight_bound)
        return np.where(rng.random(rows) < 0.01, weight_bound, weight)

    def rewards() -> Float64:
        reward = low + (high - low) * rng.random(rows)
        return np.where(rng.random(rows) < 0.3, np.where(rng.random(rows) < 0.5, low, high), reward)

    return ReplayBatch(
        key=np.repeat(rng.permutation(10 * n)[:n], slots),
        reward=rewards(),
        weight=weights(0.2),
        slot=np.asarray(np.arange(rows) - first, np.int16),
        count=np.repeat(rng.integers(1, 5, n), slots).astype(np.float64) if counted else None,
        q_logged=rewards(),
        q_target=rewards(),
        mrdr_logged=rewards(),
        mrdr_target=rewards(),
        balanced_weight=weights(0.0),
        marginal_weight=weights(0.1),
        accept=(rng.random(rows) < 0.4).astype(np.float64),
    )


def requests_in(batch: ReplayBatch, order: Int64) -> ReplayBatch:
    """Return the chosen requests in the given order, each under a key of its own."""
    indptr, rows = take_flat(batch.indptr, order)
    return replace(batch.take(rows), key=np.repeat(np.arange(len(order)), np.diff(indptr)))


def given(column: Float64 | None) -> Float64:
    """Return a column of one of our batches, which have them all."""
    return np.zeros(0) if column is None else column


def without(batch: ReplayBatch, columns: Iterable[str]) -> ReplayBatch:
    """Return the batch without some of its optional columns."""
    return replace(batch, **dict.fromkeys(columns))  # type: ignore[arg-type]  # all of them are optional


def weighty(batch: ReplayBatch) -> ReplayBatch:
    """Return the batch without rows of weight 0: a ratio is defined whichever requests are taken."""
    return replace(batch, weight=np.maximum(given(batch.weight), 0.1), accept=np.ones(len(batch)))
