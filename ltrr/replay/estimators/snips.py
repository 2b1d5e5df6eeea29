"""Self-normalised inverse propensity scoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.replay.estimators.base import Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["SNIPS"]


@dataclass
class SNIPS(Estimator):
    """Weighted rewards over weights, ``Σ w_i r_i / Σ w_i``.

    Consistent, with a bias of order 1/n; a constant reward is returned exactly, and a shift of all rewards
    shifts the estimate.

    Examples
    --------
    >>> import numpy as np
    >>> snips = SNIPS()
    >>> snips.add(ReplayBatch(np.arange(2), np.array([1.0, 0.0]), weight=np.array([1.5, 0.5])))
    >>> snips.value()
    0.75

    References
    ----------
    Swaminathan, Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015, section 4.
    """

    name: ClassVar[str] = "snips"
    width: ClassVar[int] = 2
    ratio: ClassVar[bool] = True
    proportion: ClassVar[bool] = True

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``(w r, w)``."""
        weight = needed(batch, "weight", self.name)
        return np.stack([weight * batch.reward, weight], axis=1)

    def combine(self, mean: Float64) -> Float64:
        """Return the ratio of the two means."""
        return np.asarray(mean[..., 0] / mean[..., 1])
