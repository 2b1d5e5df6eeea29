"""Inverse propensity scoring of whole slates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr._kernels.slate import sequence
from ltrr.replay.estimators.base import Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["SlateIPS"]


@dataclass
class SlateIPS(Estimator):
    """Mean of ``(Π_k w_k) (Σ_k r_k)``: a slate counts as often as the target policy would have made it.

    ``w_k`` is the target's probability of the action in slot k, given the slots before it, over the logged
    one. Unbiased however slots affect each other, as long as every slate that the target can make could
    have been logged. The weight is a product, so its variance grows exponentially with the number of slots.

    Examples
    --------
    >>> import numpy as np
    >>> ips = SlateIPS()
    >>> key, reward = np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 0.0, 1.0])
    >>> ips.add(ReplayBatch(key, reward, weight=np.array([2.0, 1.5, 0.5, 2.0])))
    >>> ips.value()
    3.5

    References
    ----------
    Swaminathan, Krishnamurthy, Agarwal, Dudík, Langford, Jose, Zitouni, "Off-policy evaluation for slate
    recommendation", NIPS 2017, section 2, where it is the estimator to improve on.
    """

    name: ClassVar[str] = "slate-ips"
    slate: ClassVar[bool] = True
    whole_reward: ClassVar[bool] = True

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``(Π_k w_k) (Σ_k r_k)``."""
        out = np.empty((len(batch.indptr) - 1, 2))
        sequence(batch.indptr, needed(batch, "weight", self.name), batch.reward, out)
        return out[:, :1]

    def combine(self, mean: Float64) -> Float64:
        """Return the mean itself."""
        return mean[..., 0]
