"""The doubly robust estimator for slates that users read from the top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr._kernels.slate import cascade
from ltrr.replay.estimators.base import BIASED, Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["CascadeDR"]


@dataclass
class CascadeDR(Estimator):
    """Mean of ``Σ_k [W_k (r_k − Q̂_k(a_k)) + W_{k−1} Σ_a π(a) Q̂_k(a)]``, ``W_k = Π_{j<=k} w_j``, ``W_0 = 1``.

    ``Q̂_k`` predicts the target policy's reward from slot k to the end, given the context and the slots filled
    so far. Unbiased under the cascade assumption of `RIPS` where either all weights or all predictions are
    right; with predictions of 0 it is `RIPS`, with one slot it is DR. Biased where a slot's reward depends on
    later slots. ``ReplayBatch.q_logged`` is ``Q̂_k`` of the chosen action, ``ReplayBatch.q_target`` its mean
    under π.

    Examples
    --------
    >>> import numpy as np
    >>> dr = CascadeDR()
    >>> key, reward = np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 0.0, 1.0])
    >>> weight, q = np.array([2.0, 1.5, 0.5, 2.0]), np.array([1.0, 0.5, 1.0, 0.5])
    >>> dr.add(ReplayBatch(key, reward, weight=weight, q_logged=q, q_target=q))
    >>> dr.value()
    2.375

    References
    ----------
    Kiyohara, Saito, Matsuhiro, Narita, Shimizu, Yamamoto, "Doubly robust off-policy evaluation for ranking
    policies under the cascade behavior model", WSDM 2022, section 4.
    """

    name: ClassVar[str] = "cascade-dr"
    needs: ClassVar[frozenset[str]] = frozenset({"weight", "q"})
    slate: ClassVar[bool] = True
    bias: ClassVar[str] = BIASED

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``Σ_k [W_k (r_k − Q̂_k(a_k)) + W_{k−1} Σ_a π(a) Q̂_k(a)]``."""
        out = np.empty(len(batch.indptr) - 1)
        cascade(
            batch.indptr,
            needed(batch, "weight", self.name),
            batch.reward,
            needed(batch, "q_logged", self.name),
            needed(batch, "q_target", self.name),
            out,
        )
        return out[:, None]

    def combine(self, mean: Float64) -> Float64:
        """Return the mean itself."""
        return mean[..., 0]
