"""Inverse propensity scoring with weights under a harmonic correction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.replay.estimators.base import BIASED
from ltrr.replay.estimators.dr import DR
from ltrr.replay.estimators.ips import IPS
from ltrr.types import Float64

__all__ = ["SubGaussian", "SubGaussianDR"]


def _lam(name: str, value: float) -> float:
    """Return λ after checking that it lies in [0, 1)."""
    if _check.fraction(name, value) == 1.0:
        raise InputError(f"`{name}` must be below 1, got {value!r}; at 1 all weights would be equal")
    return float(value)


@dataclass
class SubGaussian(IPS):
    """Mean of rewards under corrected weights, ``(1/n) Σ r_i w_i / (1 − λ + λ w_i)``.

    The correction is the power mean of order −1 of w and 1. No weight exceeds 1/λ, and with λ of order
    n^(−1/2) the error's tails are those of a normal variable. Unlike clipping it is smooth in the target
    policy, but it moves every weight other than 1, so it is biased wherever λ > 0. λ → 0 is IPS.

    Parameters
    ----------
    lam : float
        λ in [0, 1). The default, 0.1, caps weights at 10 as the other weight-bending estimators do, and is a
        convention, not a tuned value; ``slope:sub-gaussian`` has λ chosen from the log.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay import ReplayBatch
    >>> estimator = SubGaussian(0.5)
    >>> estimator.add(ReplayBatch(np.arange(2), np.array([1.0, 1.0]), weight=np.array([3.0, 0.0])))
    >>> estimator.value()
    0.75

    References
    ----------
    Metelli, Russo, Restelli, "Subgaussian and differentiable importance sampling for off-policy evaluation
    and learning", NeurIPS 2021, section 4 (order s = −1).
    """

    name: ClassVar[str] = "sub-gaussian"
    bias: ClassVar[str] = BIASED

    lam: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lam = _lam("SubGaussian.lam", self.lam)

    @classmethod
    def bent_at(cls, weight: float) -> SubGaussian:
        """Return the estimator that corrects weights to at most ``1 + weight``."""
        return cls(1.0 / (1.0 + weight))

    def shrunk(self, weight: Float64) -> Float64:
        """Return ``w / (1 − λ + λ w)``."""
        return weight / (1.0 - self.lam + self.lam * weight)

    def largest(self, weight_bound: float) -> float:
        """Return the corrected weight of the largest weight: the correction rises with the weight."""
        if np.isinf(weight_bound):
            return 1.0 / self.lam if self.lam > 0.0 else weight_bound
        return weight_bound / (1.0 - self.lam + self.lam * weight_bound)


@dataclass
class SubGaussianDR(DR):
    """Doubly robust with corrected weights.

    ``(1/n) Σ q̂(x_i, π) + (r_i − q̂(x_i, a_i)) w_i / (1 − λ + λ w_i)``. The reward model fills in what the
    correction takes from the weights, so the bias is that of `SubGaussian` with the model's errors in place
    of the rewards. λ → 0 is DR.

    Parameters
    ----------
    lam : float
        λ in [0, 1), see `SubGaussian`.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay import ReplayBatch
    >>> estimator, q = SubGaussianDR(0.5), np.array([0.5])
    >>> weight = np.array([3.0])
    >>> estimator.add(ReplayBatch(np.arange(1), np.ones(1), weight=weight, q_logged=q, q_target=q))
    >>> estimator.value()
    1.25

    References
    ----------
    Metelli, Russo, Restelli, "Subgaussian and differentiable importance sampling for off-policy evaluation
    and learning", NeurIPS 2021, section 4 for the weights; the doubly robust form is that of Dudík et al.
    """

    name: ClassVar[str] = "sub-gaussian-dr"
    bias: ClassVar[str] = BIASED

    lam: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lam = _lam("SubGaussianDR.lam", self.lam)

    @classmethod
    def bent_at(cls, weight: float) -> SubGaussianDR:
        """Return the estimator that corrects weights to at most ``1 + weight``."""
        return cls(1.0 / (1.0 + weight))

    def shrunk(self, weight: Float64) -> Float64:
        """Return ``w / (1 − λ + λ w)``."""
        return weight / (1.0 - self.lam + self.lam * weight)

    def largest(self, weight_bound: float) -> float:
        """Return the corrected weight of the largest weight: the correction rises with the weight."""
        return SubGaussian(self.lam).largest(weight_bound)
