"""The regressions of all folds behind a reward model: ridge in closed form, others on a matrix of pairs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr.logs.events import Events
from ltrr.replay.nuisance._design import Design, action_of, blocks, indptr_of
from ltrr.replay.nuisance._members import Member, fit_members
from ltrr.replay.nuisance._ridge import RidgeMember, fit_ridge
from ltrr.types import Float64, Int64

__all__ = ["MatrixRegression", "RidgeRegression"]

_ROWS_A_COLUMN = 100
"""Fewest rows for each column of a ridge regression in which every action has its own slopes …"""

_COLUMNS = 128
"""… or, on few rows, most columns."""

_SPARSE = 4
"""Where there are more than this many actions for each that is eligible, pairs are predicted one by one."""

_PAIRS = 65_536
"""Predictions made at a time, so that they stay in the processor's cache."""


@dataclass
class MatrixRegression:
    """Regressions on a matrix with a row a pair.

    Parameters
    ----------
    kind : str or a scikit-learn estimator
    folds : int
    seed : int
    """

    kind: Any
    folds: int
    seed: int
    design: Design = field(init=False, repr=False)
    _members: list[Member] = field(init=False, repr=False)

    def fit(self, events: Events, y: Float64, weight: Float64, fold: Int64, *, calibrate: bool) -> Int64:
        """Fit outcomes (n, M); return in how many folds each is a constant, (M,)."""
        self.design = Design(trees=isinstance(self.kind, str) and self.kind == "lightgbm")
        self.design.fit(events)
        x = self.design.matrix(events, np.arange(len(events)), events.place)
        self._members, constants = fit_members(
            self.kind,
            x,
            y,
            weight,
            fold,
            self.folds,
            calibrate=calibrate,
            seed=self.seed,
            action=events.action.astype(np.int64),
            n_actions=len(events.space.actions),
        )
        return constants

    def predict(self, events: Events, fold: Int64, out: Float64) -> None:
        """Fill in the predictions of all pairs, (M, N)."""
        for row, flat in blocks(events):
            if len(flat):
                self.pairs(events, row, flat, fold, out[:, flat[0] : flat[-1] + 1])

    def pairs(self, events: Events, row: Int64, flat: Int64, fold: Int64, out: Float64) -> None:
        """Fill in the predictions of some pairs, (M, m)."""
        x, action, of_pair = self.design.matrix(events, row, flat), action_of(events, flat), fold[row]
        for k, member in enumerate(self._members):
            mine = np.flatnonzero(of_pair == k)
            if len(mine):
                out[:, mine] = member(x[mine], action[mine]).T


@dataclass
class RidgeRegression:
    """Ridge regressions with an intercept for each action, and slopes where there are rows enough.

    Parameters
    ----------
    folds : int
    """

    folds: int
    design: Design = field(init=False, repr=False)
    _members: list[RidgeMember] = field(init=False, repr=False)

    def fit(self, events: Events, y: Float64, weight: Float64, fold: Int64, *, calibrate: bool) -> Int64:
        """Fit outcomes (n, M); return in how many folds each is a constant, (M,)."""
        self.design = Design(trees=False)
        self.design.fit(events)
        self._members, constants = fit_ridge(
            self._numbers(events, np.arange(len(events)), events.place),
            events.action.astype(np.int64),
            y,
            weight,
            fold,
            shape=(self.folds, len(events.space.actions)),
            slopes=self.design.columns <= max(_COLUMNS, len(events) // _ROWS_A_COLUMN),
            calibrate=calibrate,
        )
        return constants

    def predict(self, events: Events, fold: Int64, out: Float64) -> None:
        """Fill in the predictions of all pairs, (M, N)."""
        n, n_actions = len(events), len(events.space.actions)
        if events.features is None and n * n_actions <= _SPARSE * out.shape[1]:
            self._rows(events, fold, out)
            return
        for row, flat in blocks(events):
            if len(flat):
                self.pairs(events, row, flat, fold, out[:, flat[0] : flat[-1] + 1])

    def pairs(self, events: Events, row: Int64, flat: Int64, fold: Int64, out: Float64) -> None:
        """Fill in the predictions of some pairs, (M, m)."""
        z, action, of_pair = self._numbers(events, row, flat), action_of(events, flat), fold[row]
        for k, member in enumerate(self._members):
            mine = np.flatnonzero(of_pair == k)
            if len(mine):
                out[:, mine] = member.pairs(z[mine], action[mine])

    def _rows(self, events: Events, fold: Int64, out: Float64) -> None:
        """Fill in predictions that differ by row and action alone: a product of two matrices a fold."""
        indptr, n_actions, features = indptr_of(events), len(events.space.actions), events.space.features
        u = np.zeros((n_actions, 0)) if features is None else self.design.features(features)
        step = max(1, _PAIRS // max(n_actions, 1))
        for start in range(0, len(events), step):
            row = np.arange(start, min(start + step, len(events)))
            z = _with_ones(self.design.of_rows(events, row))
            flat = slice(indptr[start], indptr[row[-1] + 1])
            every = np.empty((len(row), n_actions))
            each = [np.flatnonzero(fold[row] == k) for k in range(self.folds)]
            parts = [z[mine] for mine in each]
            for m in range(len(out)):
                for member, mine, part in zip(self._members, each, parts, strict=True):
                    every[mine] = member.every(m, part, u)
                if events.eligible is None:
                    out[m, flat] = every.reshape(-1)
                else:
                    of_pair = np.repeat(row - start, np.diff(indptr[start : row[-1] + 2]))
                    out[m, flat] = every[of_pair, events.eligible[flat]]

    def _numbers(self, events: Events, row: Int64, flat: Int64) -> Float64:
        return _with_ones(self.design.of_rows(events, row), self.design.of_actions(events, flat))


def _with_ones(*columns: Float64) -> Float64:
    return np.concatenate([np.ones((len(columns[0]), 1)), *columns], axis=1)
