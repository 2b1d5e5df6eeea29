"""The difference of two estimates from one log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.replay.estimators.joined import Joined
from ltrr.types import Float64

__all__ = ["Difference"]


@dataclass
class Difference(Joined):
    """First estimate minus second, of two policies on the same requests, ``θ₁(m₁) − θ₂(m₂)``.

    The two may also be estimates of one policy by two estimators. Errors that both share cancel. Where both
    are means of bounded terms the one term is ``s₁ − s₂``, and finite-sample bounds apply; they take the same
    weight bound for both policies.

    Parameters
    ----------
    first, second : Estimator
        The estimators, see `Joined`.

    Examples
    --------
    >>> from ltrr.replay.estimators.batch import ReplayBatch
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
    sign: ClassVar[str] = "-"

    @property
    def width(self) -> int:  # type: ignore[override]  # a constant of all other kinds
        """Number of terms: of both, or one where both are means."""
        return 1 if self._means else super().width

    @property
    def _means(self) -> bool:
        """True where both estimates are means of one bounded term."""
        return self.first.bounds(1.0, 0.0, 1.0) is not None and self.second.bounds(1.0, 0.0, 1.0) is not None

    def of_rows(self, mean: Float64) -> Float64:
        """Return the difference of the two values from means of `paired` rows, (..., k + 1) → (...)."""
        if self._means:
            return np.asarray(mean[..., 1] / mean[..., 0])
        first, second = self._split(mean)
        return np.asarray(first - second)

    def bounds(self, weight_bound: float, low: float, high: float) -> tuple[float, float] | None:
        """Return the range of ``s₁ − s₂``, where both are means of bounded terms."""
        first = self.first.bounds(weight_bound, low, high)
        second = self.second.bounds(weight_bound, low, high)
        if first is None or second is None:
            return None
        return first[0] - second[1], first[1] - second[0]

    def paired(self, first: Float64, second: Float64) -> Float64:
        """Return the difference's rows, (requests, k + 1), from the rows of the two estimators."""
        rows = super().paired(first, second)
        return np.stack([rows[:, 0], rows[:, 1] - rows[:, 2]], axis=1) if self._means else rows
