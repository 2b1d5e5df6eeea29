"""Doubly robust estimation that uses the reward model alone for rows with large weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.replay.estimators.base import BIASED, positive
from ltrr.replay.estimators.dr import DR
from ltrr.types import Float64

__all__ = ["SwitchDR"]


@dataclass
class SwitchDR(DR):
    """Doubly robust where weights are small, the direct method where they are large.

    ``(1/n) Σ q̂(x_i, π) + w_i [w_i <= τ] (r_i − q̂(x_i, a_i))``. The bias is the model's error where weights
    exceed τ; the variance of those rows is gone. τ = 0 is the direct method, τ → ∞ is DR.

    Parameters
    ----------
    tau : float
        τ >= 0; inf for DR. The default, 10, trusts weights up to ten times the average of 1 and is a
        convention, not a tuned value; ``slope:switch-dr`` has τ chosen from the log.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay import ReplayBatch
    >>> switch, q = SwitchDR(2.0), np.array([0.5, 0.5])
    >>> reward, weight = np.array([1.0, 1.0]), np.array([2.0, 3.0])
    >>> switch.add(ReplayBatch(np.arange(2), reward, weight=weight, q_logged=q, q_target=q))
    >>> switch.value()
    1.0

    References
    ----------
    Wang, Agarwal, Dudík, "Optimal and adaptive off-policy evaluation in contextual bandits", ICML 2017,
    section 4, with the residual on the rows below the threshold.
    """

    name: ClassVar[str] = "switch-dr"
    bias: ClassVar[str] = BIASED

    tau: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tau = positive("SwitchDR.tau", self.tau, zero=True)

    @classmethod
    def bent_at(cls, weight: float) -> SwitchDR:
        """Return the estimator that switches rows off above ``weight``."""
        return cls(weight)

    def shrunk(self, weight: Float64) -> Float64:
        """Return w where it is at most τ, 0 elsewhere."""
        return np.where(weight <= self.tau, weight, 0.0)

    def largest(self, weight_bound: float) -> float:
        """Return ``min(weight_bound, τ)``."""
        return min(weight_bound, self.tau)
