"""The direct method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ltrr.replay.estimators.base import Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["DM"]


@dataclass
class DM(Estimator):
    """Mean predicted reward under the target policy, ``(1/n) Σ_i Σ_a π(a | x_i) q̂(x_i, a)``.

    Needs no propensities and has a small variance, but it relies on the reward model: its bias is the model's
    error under the target policy, which more rows do not remove and its interval does not show.

    Examples
    --------
    >>> import numpy as np
    >>> dm = DM()
    >>> dm.add(ReplayBatch(np.arange(2), np.array([1.0, 0.0]), q_target=np.array([0.25, 0.75])))
    >>> dm.value()
    0.5

    References
    ----------
    Beygelzimer, Langford, "The offset tree for learning with partial labels", KDD 2009, section 3; Dudík,
    Langford, Li, "Doubly robust policy evaluation and learning", ICML 2011, section 2.
    """

    name: ClassVar[str] = "dm"
    needs: ClassVar[frozenset[str]] = frozenset({"q"})
    weight: ClassVar[str] = ""
    bias: ClassVar[str] = "rests on the model of rewards alone; compare with dr."

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``q̂(x, π)``."""
        return needed(batch, "q_target", self.name)[:, None]

    def combine(self, mean: Float64) -> Float64:
        """Return the mean itself."""
        return mean[..., 0]

    def bounds(self, weight_bound: float, low: float, high: float) -> tuple[float, float]:
        """Return the range of rewards, provided that the predictions lie in it."""
        del weight_bound
        return low, high
