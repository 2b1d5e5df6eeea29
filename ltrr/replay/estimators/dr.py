"""Doubly robust estimation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ltrr.replay.estimators.base import Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["DR"]


@dataclass
class DR(Estimator):
    """Predicted reward under the target plus the weighted residual of the chosen action.

    ``(1/n) Σ q̂(x_i, π) + w_i (r_i − q̂(x_i, a_i))`` with ``q̂(x, π) = Σ_a π(a | x) q̂(x, a)``. Unbiased if
    either the propensities or the predictions are right, provided that the predictions for a row come from a
    model that did not see its reward (cross-fitting). The better the model, the smaller the variance; with
    q̂ = 0 it is IPS. With both wrong it is biased by the product of the two errors.

    Examples
    --------
    >>> import numpy as np
    >>> dr = DR()
    >>> reward, weight = np.array([1.0, 0.0]), np.array([2.0, 0.5])
    >>> q_logged, q_target = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    >>> dr.add(ReplayBatch(np.arange(2), reward, weight=weight, q_logged=q_logged, q_target=q_target))
    >>> dr.value()
    0.6875

    References
    ----------
    Dudík, Langford, Li, "Doubly robust policy evaluation and learning", ICML 2011, section 3; Dudík, Erhan,
    Langford, Li, "Doubly robust policy evaluation and optimization", Statistical Science 29(4), 2014.
    """

    name: ClassVar[str] = "dr"
    needs: ClassVar[frozenset[str]] = frozenset({"weight", "q"})

    def shrunk(self, weight: Float64) -> Float64:
        """Return the weights as used; estimators that bend weights override this."""
        return weight

    def largest(self, weight_bound: float) -> float:
        """Return the largest of the bent weights, given the largest weight."""
        return weight_bound

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``q̂(x, π) + w (r − q̂(x, a))``, with the weights as `shrunk` leaves them."""
        weight = self.shrunk(needed(batch, "weight", self.name))
        term = batch.reward - needed(batch, "q_logged", self.name)
        term *= weight
        term += needed(batch, "q_target", self.name)
        return term[:, None]

    def combine(self, mean: Float64) -> Float64:
        """Return the mean itself."""
        return mean[..., 0]

    def bounds(self, weight_bound: float, low: float, high: float) -> tuple[float, float]:
        """Return the range of the term, provided that the predictions too lie in [low, high]."""
        reach = self.largest(weight_bound) * (high - low)
        return low - reach, high + reach
