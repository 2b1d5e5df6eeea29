"""What functions of two estimates from one log share: their terms side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ltrr.errors import InputError
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.part import fed_by
from ltrr.types import Float64

__all__ = ["Joined"]


@dataclass
class Joined(Estimator):
    """A function of two estimates on the same requests, whose terms are joined.

    Covariances and resamples then apply to both together, so that what both share cancels as it should. Take
    in two batches of the same requests by `add_pair`; intervals take the `paired` rows. The two may be of any
    kind. Where one is joined itself, pair its rows first and add those to ``moments``.

    Parameters
    ----------
    first, second : Estimator
        The estimators, of the same kind or not; what they have seen is ignored.

    Raises
    ------
    InputError
        If the two batches are not of the same requests.

    Examples
    --------
    >>> from ltrr.replay.estimators.difference import Difference
    >>> from ltrr.replay.estimators.on_policy import OnPolicy
    >>> from ltrr.replay.estimators.snips import SNIPS
    >>> Difference(SNIPS(), OnPolicy()).width
    3
    """

    first: Estimator
    second: Estimator

    sign: ClassVar[str]
    """What stands between the two labels."""

    # What is a constant of other estimators follows here from the two parts.

    @property
    def width(self) -> int:  # type: ignore[override]  # a constant of all other kinds
        """Number of terms of both."""
        return self.first.width + self.second.width

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]  # a constant of all other kinds
        """Optional columns that either batch must have."""
        return self.first.needs | self.second.needs

    @property
    def weight(self) -> str:  # type: ignore[override]  # a constant of all other kinds
        """Column of `ReplayBatch` that reweights the rows of the first, or else of the second."""
        return self.first.weight or self.second.weight

    @property
    def slate(self) -> bool:  # type: ignore[override]  # a constant of all other kinds
        """True where both take requests with several slots."""
        return self.first.slate and self.second.slate

    @property
    def whole_reward(self) -> bool:  # type: ignore[override]  # a constant of all other kinds
        """True where both need no more than the total reward of a slate."""
        return self.first.whole_reward and self.second.whole_reward

    @property
    def bias(self) -> str:  # type: ignore[override]  # a constant of all other kinds
        """Why the first is biased, or else the second; "" where both are consistent."""
        return self.first.bias or self.second.bias

    @property
    def label(self) -> str:
        """The two labels with the sign between them."""
        parts = [f"({e.label})" if isinstance(e, Joined) else e.label for e in (self.first, self.second)]
        return f" {self.sign} ".join(parts)

    def parameters(self) -> Mapping[str, Any]:  # type: ignore[override]  # equal where both parts are
        """Return kind and parameters of both."""
        return {
            "first": (self.first.name, self.first.parameters()),
            "second": (self.second.name, self.second.parameters()),
        }

    def terms(self, batch: ReplayBatch) -> Float64:
        """Raise `InputError`: one batch is for one of the two."""
        del batch
        name = type(self).__name__
        raise InputError(
            f"`{name}` takes two batches, one for each estimate: use add_pair, and paired for rows"
        )

    def _split(self, mean: Float64) -> tuple[Float64, Float64]:
        """Return the two values from means of joined rows, (..., k + 1)."""
        k = self.first.width
        # some kinds choose by what they have seen, or correct for the number of rows
        first, second = fed_by(self, self.first, 0), fed_by(self, self.second, k)
        rest = np.concatenate([mean[..., :1], mean[..., k + 1 :]], axis=-1)
        return first.of_rows(mean[..., : k + 1]), second.of_rows(rest)

    def combine(self, mean: Float64) -> Float64:
        """Return the value from means of the terms, (..., k)."""
        return self.of_rows(np.concatenate([np.ones_like(mean[..., :1]), mean], axis=-1))

    def paired(self, first: Float64, second: Float64) -> Float64:
        """Return joined rows, (requests, k + 1), from the rows of the two estimators."""
        if len(first) != len(second) or not np.array_equal(first[:, 0], second[:, 0]):
            raise InputError(
                f"`{type(self).__name__}` must have rows of the same requests with the same counts, got "
                f"{len(first)} and {len(second)}"
            )
        return np.concatenate([first, second[:, 1:]], axis=1)

    def add_pair(self, first: ReplayBatch, second: ReplayBatch) -> None:
        """Take in two batches of the same requests, one for each estimate."""
        if not np.array_equal(self.keys(first), self.keys(second)):
            raise InputError(
                f"`{type(self).__name__}.add_pair` must have two batches of the same requests in one order"
            )
        self.moments.add(self.paired(self.first.rows(first), self.second.rows(second)))
