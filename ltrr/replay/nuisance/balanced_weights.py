"""Weights from a classifier that distinguishes the target policy's actions from the logged ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr import _check
from ltrr._kernels.draw import draw_rows
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.nuisance._design import Design, indptr_of
from ltrr.replay.nuisance._members import Member, fit_members, parts_of
from ltrr.replay.nuisance._regressors import check_kind
from ltrr.replay.nuisance.folds import fold_of, sample_rows
from ltrr.rng import Streams
from ltrr.types import Float64, Int64

__all__ = ["BalancedWeights"]

_SURE = 1e-3
"""Probabilities are kept this far from 0 and 1: the largest weight before scaling is about a thousand."""

_CLOSE = 1e-3
"""How far from 1 a row of target probabilities may sum: some models state them in single precision."""


@dataclass
class BalancedWeights:
    """Density ratio ``p(target | x, a) / p(logged | x, a)`` of the chosen actions, cross-fitted by key.

    For every logged context one action is drawn from the target policy; a classifier learns to distinguish
    these pairs from the logged ones, and its odds estimate π / π_b without any propensity: they are right as
    far as the classifier is. Each fold's odds are divided by their mean over the logged pairs of a fold that
    the classifier has not seen, since weights have mean 1. The reward is not used.

    Parameters
    ----------
    kind : "lightgbm", "logistic" or a scikit-learn classifier
        The classifier.
    folds : int >= 2
        Folds of cross-fitting; with two, weights are not scaled to mean 1.
    seed : int
        Of folds, sample, draws and models.
    max_rows : int
        Classifiers are fitted on at most this many logged rows, and as many drawn ones.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.logs.events import Events, Space
    >>> n, action = 4000, np.resize([0, 0, 0, 1], 4000)
    >>> events = Events(Space(("a", "b")), np.arange(1, n + 1), np.arange(n), action, np.zeros(n))
    >>> balanced = BalancedWeights("logistic")
    >>> balanced.fit(events, np.full(2 * n, 0.5))
    >>> weight = balanced.weights(events, np.full(2 * n, 0.5))
    >>> bool(abs(weight[action == 1].mean() - 2.0) < 0.2)
    True

    References
    ----------
    Sondhi, Arbour, Dimmery, "Balanced off-policy evaluation in general action spaces", AISTATS 2020.
    """

    kind: Any = "lightgbm"
    folds: int = 5
    seed: int = 0
    max_rows: int = 200_000

    notes: tuple[str, ...] = field(default=(), init=False, repr=False)
    _design: Design = field(init=False, repr=False)
    _members: list[Member] = field(default_factory=list, init=False, repr=False)
    _scale: Float64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_kind("BalancedWeights.kind", self.kind, ("lightgbm", "logistic"))
        _check.integer("BalancedWeights.folds", self.folds, low=2)
        _check.integer("BalancedWeights.seed", self.seed, low=0)
        _check.integer("BalancedWeights.max_rows", self.max_rows, low=1)

    def fit(self, events: Events, pi: Float64) -> None:
        """Fit the classifiers of all folds.

        Parameters
        ----------
        events : Events
            At least one; beyond ``max_rows`` a random sample is used.
        pi : float64 (N,)
            Target probabilities, ragged like ``events.actions``, summing to 1 a row.

        Raises
        ------
        InputError
            If there is no row, or ``pi`` is not a distribution in some row.
        """
        if len(events) == 0:
            raise InputError("`BalancedWeights.fit` needs at least one event, got none")
        drawn = self._draw(events, pi)
        logged = events.place
        rows = sample_rows(events.key, max_rows=self.max_rows, seed=self.seed)
        self._design = Design(trees=isinstance(self.kind, str) and self.kind == "lightgbm")
        self._design.fit(events.take(rows))
        both, flat = np.concatenate([rows, rows]), np.concatenate([logged[rows], drawn[rows]])
        x = self._design.matrix(events, both, flat)
        label = np.repeat([0.0, 1.0], len(rows))
        count = np.ones(len(both)) if events.count is None else events.count[both]
        fold = fold_of(events.key[both], folds=self.folds, seed=self.seed)
        self._members, constants = fit_members(
            self.kind, x, label[:, None], count, fold, self.folds, calibrate=True, seed=self.seed
        )
        self._scale = np.ones(self.folds)
        for k, member in enumerate(self._members):
            _, apart = parts_of(fold, k, self.folds, calibrate=True)
            mine = np.flatnonzero(apart & (label == 0))
            if len(mine):
                self._scale[k] = 1.0 / float(np.average(_odds(member(x[mine])[:, 0]), weights=count[mine]))
        self.notes = ()
        if constants[0]:
            self.notes = (f"{constants[0]} of {self.folds} folds have too few rows: all weights are 1 there",)

    def weights(self, events: Events, pi: Float64) -> Float64:
        """Return the density ratio of the chosen actions, (n,); 0 where the target never takes them.

        Raises
        ------
        InputError
            If the classifiers were not fitted.
        """
        if not self._members:
            raise InputError("`BalancedWeights` was not fitted: call `fit` first")
        place = events.place
        target = _check.array("pi", pi, np.float64, (int(indptr_of(events)[-1]),))
        x = self._design.matrix(events, np.arange(len(events)), place)
        fold = fold_of(events.key, folds=self.folds, seed=self.seed)
        out = np.zeros(len(events))
        for k, member in enumerate(self._members):
            mine = np.flatnonzero((fold == k) & (target[place] > 0))
            if len(mine):
                out[mine] = _odds(member(x[mine])[:, 0]) * self._scale[k]
        return out

    def _draw(self, events: Events, pi: Float64) -> Int64:
        """Return the flat position of an action drawn from the target for each row, (n,)."""
        indptr = indptr_of(events)
        target = _check.array("pi", pi, np.float64, (int(indptr[-1]),))
        row = np.repeat(np.arange(len(events)), np.diff(indptr))
        total = np.bincount(row, weights=target, minlength=len(events))
        bad = np.flatnonzero(~(np.abs(total - 1.0) <= _CLOSE))
        if len(bad):
            raise InputError(
                f"`pi` must sum to 1 in every row, got {total[bad[0]]:g} in row "
                f"{int(events.row[bad[0]])} of the log"
            )
        u = Streams(self.seed).uniform("replay-balance", events.key, events.slot)
        out, mixed = np.empty(len(events), np.int64), np.empty(len(target))
        if draw_rows(indptr, target / total[row], u, u, 0.0, out, mixed) >= 0:
            raise InputError("`pi` must be probabilities >= 0, got a negative one or NaN")
        return out


def _odds(p: Float64) -> Float64:
    """Return p / (1 − p) with p kept away from 0 and 1."""
    kept = np.clip(p, _SURE, 1.0 - _SURE)
    return np.asarray(kept / (1.0 - kept))
