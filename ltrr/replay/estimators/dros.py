"""Doubly robust estimation with optimistic shrinkage of weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.replay.estimators.base import BIASED, positive
from ltrr.replay.estimators.dr import DR
from ltrr.types import Float64

__all__ = ["DROS"]


@dataclass
class DROS(DR):
    """Doubly robust with shrunk weights, ``(1/n) Σ q̂(x_i, π) + (r_i − q̂(x_i, a_i)) λ w_i / (w_i² + λ)``.

    The shrunk weights minimise a bound on the mean squared error. They rise up to w = √λ, where they are
    halved to √λ / 2, and fall beyond: rows with the largest weights count least. The bias is the model's
    error on what shrinkage leaves out. λ → 0 is the direct method, λ → ∞ is DR.

    Parameters
    ----------
    lam : float
        λ > 0; inf for DR. The default, 100, halves a weight of 10, where the other weight-bending estimators
        break too, and is a convention, not a tuned value; ``slope:dr-os`` has λ chosen from the
        log.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay import ReplayBatch
    >>> shrunk, q = DROS(4.0), np.array([0.5])
    >>> shrunk.add(ReplayBatch(np.arange(1), np.array([1.0]), weight=np.array([2.0]), q_logged=q, q_target=q))
    >>> shrunk.value()
    1.0

    References
    ----------
    Su, Dimakopoulou, Krishnamurthy, Dudík, "Doubly robust off-policy evaluation with shrinkage", ICML 2020,
    section 3 (optimistic shrinkage).
    """

    name: ClassVar[str] = "dr-os"
    bias: ClassVar[str] = BIASED

    lam: float = 100.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lam = positive("DROS.lam", self.lam)

    @classmethod
    def bent_at(cls, weight: float) -> DROS:
        """Return the estimator whose shrunk weight is half of ``weight`` there."""
        return cls(weight * weight)

    def shrunk(self, weight: Float64) -> Float64:
        """Return ``λ w / (w² + λ)``, in the form that has the limit λ = ∞."""
        # the square of a weight above 1e154 is infinite, and its shrunk weight 0 as it should be
        with np.errstate(over="ignore"):
            return np.asarray(weight / (1.0 + weight * weight / self.lam))

    def largest(self, weight_bound: float) -> float:
        """Return the shrunk weight of ``min(weight_bound, √λ)``, where the shrunk weights peak."""
        peak = min(weight_bound, float(np.sqrt(self.lam)))
        return peak / (1.0 + peak * peak / self.lam) if np.isfinite(peak) else peak
