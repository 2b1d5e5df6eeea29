"""Inverse propensity scoring with weights from a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.replay.estimators.base import needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.snips import SNIPS
from ltrr.types import Float64

__all__ = ["BalancedIPS"]


@dataclass
class BalancedIPS(SNIPS):
    """Rewards weighted by a density ratio that a classifier learned, ``Σ ŵ_i r_i / Σ ŵ_i``.

    ``ŵ = p̂ / (1 − p̂)``, where p̂(x, a) is the classifier's probability that a pair (x, a) was drawn by the
    target policy and not by the log. Needs no propensities. The ratios need not average 1, hence the
    normalisation. Right as far as the classifier is; its errors are a bias that more rows alone do not
    remove.

    Examples
    --------
    >>> import numpy as np
    >>> balanced = BalancedIPS()
    >>> balanced.add(ReplayBatch(np.arange(2), np.array([1.0, 0.0]), balanced_weight=np.array([1.5, 0.5])))
    >>> balanced.value()
    0.75

    References
    ----------
    Sondhi, Arbour, Dimmery, "Balanced off-policy evaluation in general action spaces", AISTATS 2020,
    section 3.
    """

    name: ClassVar[str] = "balanced-ips"
    needs: ClassVar[frozenset[str]] = frozenset({"balanced"})
    weight: ClassVar[str] = "balanced_weight"
    ratio: ClassVar[bool] = False
    proportion: ClassVar[bool] = False
    bias: ClassVar[str] = "rests on a classifier's density ratio."

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``(ŵ r, ŵ)``."""
        weight = needed(batch, "balanced_weight", self.name)
        return np.stack([weight * batch.reward, weight], axis=1)
