"""Inverse propensity scoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ltrr.replay.estimators.base import Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["IPS"]


@dataclass
class IPS(Estimator):
    """Mean of weighted rewards, ``(1/n) Σ w_i r_i`` with ``w = π(a | x) / π_b(a | x)``.

    Unbiased wherever π_b > 0 where π > 0 and the propensities are right. Its variance grows with the largest
    weights, and a shift of all rewards does not shift it by the same amount.

    Examples
    --------
    >>> import numpy as np
    >>> ips = IPS()
    >>> ips.add(ReplayBatch(np.arange(2), np.array([1.0, 0.0]), weight=np.array([2.0, 0.5])))
    >>> ips.value()
    1.0

    References
    ----------
    Horvitz, Thompson, "A generalization of sampling without replacement from a finite universe", JASA 47,
    1952; Strehl, Langford, Li, Kakade, "Learning from logged implicit exploration data", NIPS 2010.
    """

    name: ClassVar[str] = "ips"

    def shrunk(self, weight: Float64) -> Float64:
        """Return the weights as used; estimators that bend weights override this."""
        return weight

    def largest(self, weight_bound: float) -> float:
        """Return the largest of the bent weights, given the largest weight."""
        return weight_bound

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``w r``, with the weights as `shrunk` leaves them."""
        return (self.shrunk(needed(batch, "weight", self.name)) * batch.reward)[:, None]

    def combine(self, mean: Float64) -> Float64:
        """Return the mean itself."""
        return mean[..., 0]

    def bounds(self, weight_bound: float, low: float, high: float) -> tuple[float, float]:
        """Return the range of ``w r`` for weights in [0, weight_bound]."""
        top = self.largest(weight_bound)
        return min(0.0, top * low), max(0.0, top * high)
