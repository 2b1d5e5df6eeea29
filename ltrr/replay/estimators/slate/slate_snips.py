"""Self-normalised inverse propensity scoring of whole slates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr._kernels.slate import sequence
from ltrr.replay.estimators.base import Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["SlateSNIPS"]


@dataclass
class SlateSNIPS(Estimator):
    """Weighted slate rewards over slate weights, ``Σ_i W_i R_i / Σ_i W_i``, ``W = Π_k w_k``, ``R = Σ_k r_k``.

    Consistent wherever `SlateIPS` is unbiased, with a bias of order 1/n; slates of constant reward are
    returned exactly, and a shift of all slates' rewards shifts the estimate.

    Examples
    --------
    >>> import numpy as np
    >>> snips = SlateSNIPS()
    >>> key, reward = np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 0.0, 1.0])
    >>> snips.add(ReplayBatch(key, reward, weight=np.array([2.0, 1.5, 0.5, 2.0])))
    >>> snips.value()
    1.75

    References
    ----------
    Swaminathan, Krishnamurthy, Agarwal, Dudík, Langford, Jose, Zitouni, "Off-policy evaluation for slate
    recommendation", NIPS 2017, section 4, where it is called weighted IPS.
    """

    name: ClassVar[str] = "slate-snips"
    width: ClassVar[int] = 2
    slate: ClassVar[bool] = True
    whole_reward: ClassVar[bool] = True
    ratio: ClassVar[bool] = True

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``(W R, W)``."""
        out = np.empty((len(batch.indptr) - 1, 2))
        sequence(batch.indptr, needed(batch, "weight", self.name), batch.reward, out)
        return out

    def combine(self, mean: Float64) -> Float64:
        """Return the ratio of the two means."""
        return np.asarray(mean[..., 0] / mean[..., 1])
