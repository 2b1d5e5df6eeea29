"""Self-normalised doubly robust estimation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.replay.estimators.base import Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["SNDR"]


@dataclass
class SNDR(Estimator):
    """Doubly robust with normalised weights, ``(1/n) Σ q̂(x_i, π) + Σ w_i (r_i − q̂(x_i, a_i)) / Σ w_i``.

    Consistent where DR is, with a bias of order 1/n. The correction is a weighted mean of residuals, so a few
    large weights cannot carry it beyond the largest residual. With q̂ = 0 it is SNIPS; residuals that are all
    the same are returned exactly.

    Examples
    --------
    >>> import numpy as np
    >>> sndr = SNDR()
    >>> reward, weight = np.array([1.0, 0.0]), np.array([1.5, 0.5])
    >>> q_logged, q_target = np.array([0.5, 0.5]), np.array([0.25, 0.25])
    >>> sndr.add(ReplayBatch(np.arange(2), reward, weight=weight, q_logged=q_logged, q_target=q_target))
    >>> sndr.value()
    0.5

    References
    ----------
    Robins, Sued, Lei-Gomez, Rotnitzky, "Comment: performance of double-robust estimators when inverse
    probability weights are highly variable", Statistical Science 22(4), 2007; Thomas, Brunskill,
    "Data-efficient off-policy policy evaluation for reinforcement learning", ICML 2016
    (weighted doubly robust).
    """

    name: ClassVar[str] = "sndr"
    width: ClassVar[int] = 3
    needs: ClassVar[frozenset[str]] = frozenset({"weight", "q"})

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``(q̂(x, π), w (r − q̂(x, a)), w)``."""
        weight = needed(batch, "weight", self.name)
        residual = weight * (batch.reward - needed(batch, "q_logged", self.name))
        return np.stack([needed(batch, "q_target", self.name), residual, weight], axis=1)

    def combine(self, mean: Float64) -> Float64:
        """Return the first mean plus the ratio of the others."""
        return np.asarray(mean[..., 0] + mean[..., 1] / mean[..., 2])
