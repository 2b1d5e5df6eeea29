"""Inverse propensity scoring of every slot separately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr._kernels.slate import independent
from ltrr.replay.estimators.base import BIASED, Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["IndependentIPS"]


@dataclass
class IndependentIPS(Estimator):
    """Mean of ``Σ_k w_k r_k``: every slot is weighted by its own action alone.

    Unbiased where a slot's reward depends on the context and on that slot's action only, and the policies
    fill slots independently given the context (or a slot's probabilities do not depend on the others). Biased
    where slots affect each other: where a good first result ends the search, for instance. It needs rewards
    by slot: where a log keeps one reward a request, at its last slot, the weights of the other slots are lost
    and the estimate is meaningless.

    Examples
    --------
    >>> import numpy as np
    >>> ips = IndependentIPS()
    >>> key, reward = np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 0.0, 1.0])
    >>> ips.add(ReplayBatch(key, reward, weight=np.array([2.0, 1.5, 0.5, 2.0])))
    >>> ips.value()
    2.75

    References
    ----------
    Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay, Wen, "Offline evaluation of ranking policies with click
    models", KDD 2018 (the estimator of the item-position model).
    """

    name: ClassVar[str] = "independent-ips"
    slate: ClassVar[bool] = True
    bias: ClassVar[str] = BIASED

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``Σ_k w_k r_k``."""
        out = np.empty(len(batch.indptr) - 1)
        independent(batch.indptr, needed(batch, "weight", self.name), batch.reward, out)
        return out[:, None]

    def combine(self, mean: Float64) -> Float64:
        """Return the mean itself."""
        return mean[..., 0]
