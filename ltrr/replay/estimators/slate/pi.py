"""The pseudo-inverse estimator for slates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr._kernels.slate import additive
from ltrr.replay.estimators.base import BIASED, Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["PI"]


@dataclass
class PI(Estimator):
    """Mean of ``(1 + Σ_k (w_k − 1)) (Σ_k r_k)``: weights are added over slots, not multiplied.

    Unbiased where the slate's expected reward is a sum of unknown parts, one for each slot and its action,
    ``E[R | x, a] = Σ_k φ_k(x, a_k)``, and logging and target policy fill slots independently given the
    context (only then does the pseudo-inverse of the logged second moments take this form; for slots filled
    without replacement it is an approximation). Biased where actions of different slots interact. It needs
    only the slate's total reward, in whichever slot it is recorded, and its weights may be negative.

    Examples
    --------
    >>> import numpy as np
    >>> pi = PI()
    >>> key, reward = np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 0.0, 1.0])
    >>> pi.add(ReplayBatch(key, reward, weight=np.array([2.0, 1.5, 0.5, 2.0])))
    >>> pi.value()
    3.25

    References
    ----------
    Swaminathan, Krishnamurthy, Agarwal, Dudík, Langford, Jose, Zitouni, "Off-policy evaluation for slate
    recommendation", NIPS 2017, section 3; in this closed form: Vlassis, Chandrashekar, Gil, Kallus, "Control
    variates for slate off-policy evaluation", NeurIPS 2021.
    """

    name: ClassVar[str] = "pi"
    slate: ClassVar[bool] = True
    whole_reward: ClassVar[bool] = True
    bias: ClassVar[str] = BIASED

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``(1 + Σ_k (w_k − 1)) (Σ_k r_k)``."""
        out = np.empty(len(batch.indptr) - 1)
        additive(batch.indptr, needed(batch, "weight", self.name), batch.reward, out)
        return out[:, None]

    def combine(self, mean: Float64) -> Float64:
        """Return the mean itself."""
        return mean[..., 0]
