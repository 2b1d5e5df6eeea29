"""Rewards predicted from context and quota, cross-fitted, for doubly robust values of allocations."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr import _check
from ltrr.types import Float32, Float64, Int64
from ltrr.types.quotas import all_quotas

__all__ = ["QuotaModel"]


@dataclass
class QuotaModel:
    """Ridge regression of the reward on context, quota and shares times context, by folds of requests.

    ``q̂(x, q) = φ(x, q)ᵀ β`` with ``φ = [1, x, one-hot(q), share(q) ⊗ x]``. Linear in the quota's columns, so
    the mean over a target's quotas is the prediction for mean columns. The sums that a fit needs are kept by
    fold (request key modulo ``folds``); a request is predicted by what the other folds taught.

    Parameters
    ----------
    n_slots, n_arms : int
    n_context : int
        Context columns, D.
    folds : int >= 2
    ridge : float > 0
        Penalty on all coefficients but the constant's.

    Examples
    --------
    >>> model = QuotaModel(n_slots=1, n_arms=2, n_context=0, ridge=1e-9)
    >>> key, quota, none = np.arange(40), np.tile([0, 0, 1, 1], 10), np.zeros((40, 0), np.float32)
    >>> model.add(key, none, quota, np.where(quota == 1, 0.75, 0.25))
    >>> model.predict(key, none, np.eye(2)[quota])[:3].round(3).tolist()
    [0.25, 0.25, 0.75]
    >>> model.predict(key, none, np.tile([0.5, 0.5], (40, 1)))[:3].round(3).tolist()
    [0.5, 0.5, 0.5]
    """

    n_slots: int
    n_arms: int
    n_context: int
    folds: int = 5
    ridge: float = 1.0
    _gram: Float64 = field(init=False, repr=False)
    _moment: Float64 = field(init=False, repr=False)
    _share: Float64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.integer("QuotaModel.folds", self.folds, low=2)
        _check.number("QuotaModel.ridge", self.ridge, low=0.0, open_low=True)
        self._share = all_quotas(self.n_slots, self.n_arms) / self.n_slots
        width = 1 + self.n_context + len(self._share) + self.n_arms * self.n_context
        self._gram = np.zeros((self.folds, width, width))
        self._moment = np.zeros((self.folds, width))

    def add(self, key: Int64, context: Float32, quota: Int64, reward: Float64) -> None:
        """Take in requests: keys, contexts (B, D), quotas by their place (B,) and rewards (B,)."""
        columns = self._columns(context, np.eye(len(self._share))[quota])
        fold = key % self.folds
        for f in range(self.folds):
            own = columns[fold == f]
            self._gram[f] += own.T @ own
            self._moment[f] += own.T @ reward[fold == f]

    def predict(self, key: Int64, context: Float32, law: Float64) -> Float64:
        """Return the mean of q̂ over a law of quotas (B, Q), (B,); one-hot rows give the quota's own q̂."""
        beta = self._coefficients()[key % self.folds]
        return np.asarray((self._columns(context, law) * beta).sum(axis=1))

    def _coefficients(self) -> Float64:
        """Return the coefficients for each fold, from all the others."""
        penalty = np.full(self._gram.shape[1], self.ridge)
        penalty[0] = 1e-9  # keeps the system solvable where a fold's complement is empty
        gram = self._gram.sum(axis=0) - self._gram + np.diag(penalty)
        moment = self._moment.sum(axis=0) - self._moment
        return np.asarray(np.linalg.solve(gram, moment[:, :, None])[:, :, 0])

    def _columns(self, context: Float32, quota: Float64) -> Float64:
        """Return φ for quotas given as weights (B, Q) that sum to 1."""
        x = context.astype(np.float64)
        crossed = (quota @ self._share)[:, :, None] * x[:, None, :]
        flat = crossed.reshape(len(x), self.n_arms * self.n_context)
        return np.concatenate([np.ones((len(x), 1)), x, quota, flat], axis=1)
