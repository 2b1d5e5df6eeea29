"""Reward interaction inverse propensity scoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr._kernels.slate import cascade
from ltrr.replay.estimators.base import BIASED, Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["RIPS"]


@dataclass
class RIPS(Estimator):
    """Mean of ``Σ_k (Π_{j<=k} w_j) r_k``: a slot's reward is weighted by its own and the earlier actions.

    Unbiased under the cascade assumption: the user reads the slots in order, so a slot's reward may depend on
    actions and rewards of slots before it, but not on slots after it. Biased where later slots draw
    attention from earlier ones. Early slots escape the product of all weights that `SlateIPS` puts on them;
    where the only reward is at the last slot the two are equal.

    Examples
    --------
    >>> import numpy as np
    >>> rips = RIPS()
    >>> key, reward = np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 0.0, 1.0])
    >>> rips.add(ReplayBatch(key, reward, weight=np.array([2.0, 1.5, 0.5, 2.0])))
    >>> rips.value()
    3.0

    References
    ----------
    McInerney, Brost, Chandar, Mehrotra, Carterette, "Counterfactual evaluation of slate recommendations with
    sequential reward interactions", KDD 2020; without their normalisation, which `SNRIPS` has.
    """

    name: ClassVar[str] = "rips"
    slate: ClassVar[bool] = True
    bias: ClassVar[str] = BIASED

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``Σ_k (Π_{j<=k} w_j) r_k``."""
        out, nothing = np.empty(len(batch.indptr) - 1), np.empty(0)
        cascade(batch.indptr, needed(batch, "weight", self.name), batch.reward, nothing, nothing, out)
        return out[:, None]

    def combine(self, mean: Float64) -> Float64:
        """Return the mean itself."""
        return mean[..., 0]
