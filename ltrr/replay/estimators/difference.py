"""The difference of two estimates from one log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ltrr.errors import InputError
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["Difference"]


@dataclass
class Difference(Estimator):
    """First estimate minus second, of two policies on the same requests, ``θ₁(m₁) − θ₂(m₂)``.

    The terms of both are joined, so covariances, resamples and bounds apply to both together, and errors that
    both share cancel. Where both estimates are means of bounded terms the one term is ``s₁ − s₂``, and
    finite-sample bounds apply; they take the same weight bound for both policies.

    Take in two batches of the same requests, one a policy, by `add_pair`; intervals take `paired` rows.

    Parameters
    ----------
    first, second : Estimator
        The estimators, of the same kind or not. What they have seen is ignored, except by kinds that choose
        (`Slope`) or correct for the number of rows (`CressieRead`): those must see the same batches.

    Raises
    ------
    InputError
        If the two batches are not of the same requests.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay.estimators.ips import IPS
    >>> key, reward = np.arange(2), np.array([1.0, 0.5])
    >>> difference = Difference(IPS(), IPS())
    >>> difference.add_pair(
    ...     ReplayBatch(key, reward, weight=np.array([2.0, 1.0])),
    ...     ReplayBatch(key, reward, weight=np.array([1.0, 0.0]))
    ... )
    >>> difference.value()
    0.75
    """

    name: ClassVar[str] = "difference"

    first: Estimator
    second: Estimator

    # What is a constant of other estimators follows here from the two parts.

    @property
    def width(self) -> int:  # type: ignore[override]  # a constant of all other kinds
        """Number of terms: of both, or one where both are means."""
        return 1 if self._means else self.first.width + self.second.width

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]  # a constant of all other kinds
        """Optional columns that either batch must have."""
        return self.first.needs | self.second.needs

    @property
    def slate(self) -> bool:  # type: ignore[override]  # a constant of all other kinds
        """True where both take requests with several slots."""
        return self.first.slate and self.second.slate

    @property
    def bias(self) -> str:  # type: ignore[override]  # a constant of all other kinds
        """Why the first is biased, or else the second; "" where both are consistent."""
        return self.first.bias or self.second.bias

    @property
    def _means(self) -> bool:
        """True where both estimates are means of one bounded term."""
        return self.first.bounds(1.0, 0.0, 1.0) is not None and self.second.bounds(1.0, 0.0, 1.0) is not None

    @property
    def label(self) -> str:
        """The two labels with a minus sign between them."""
        return f"{self.first.label} - {self.second.label}"

    def parameters(self) -> Mapping[str, Any]:  # type: ignore[override]  # equal where both parts are
        """Return kind and parameters of both."""
        return {
            "first": (self.first.name, self.first.parameters()),
            "second": (self.second.name, self.second.parameters()),
        }

    def terms(self, batch: ReplayBatch) -> Float64:
        """Raise `InputError`: one batch is for one policy."""
        del batch
        raise InputError("`Difference` takes two batches, one a policy: use add_pair, and paired for rows")

    def combine(self, mean: Float64) -> Float64:
        """Return the difference of the two values."""
        if self._means:
            return mean[..., 0]
        k = self.first.width
        return np.asarray(self.first.combine(mean[..., :k]) - self.second.combine(mean[..., k:]))

    def bounds(self, weight_bound: float, low: float, high: float) -> tuple[float, float] | None:
        """Return the range of ``s₁ − s₂``, where both are means of bounded terms."""
        first = self.first.bounds(weight_bound, low, high)
        second = self.second.bounds(weight_bound, low, high)
        if first is None or second is None:
            return None
        return first[0] - second[1], first[1] - second[0]

    def paired(self, first: Float64, second: Float64) -> Float64:
        """Return the difference's rows, (requests, k + 1), from the rows of the two estimators."""
        if len(first) != len(second) or not np.array_equal(first[:, 0], second[:, 0]):
            raise InputError(
                "`Difference` must have rows of the same requests with the same counts, got "
                f"{len(first)} and {len(second)}"
            )
        if self._means:
            return np.stack([first[:, 0], first[:, 1] - second[:, 1]], axis=1)
        return np.concatenate([first, second[:, 1:]], axis=1)

    def add_pair(self, first: ReplayBatch, second: ReplayBatch) -> None:
        """Take in two batches of the same requests, one a policy."""
        if not np.array_equal(self.keys(first), self.keys(second)):
            raise InputError("`Difference.add_pair` must have two batches of the same requests in one order")
        self.moments.add(self.paired(self.first.rows(first), self.second.rows(second)))
