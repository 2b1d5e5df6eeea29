"""Ridge regressions with coefficients by action, in closed form from sums by fold and action."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr.replay.nuisance._members import Part, Seen, lines, own_intercepts, parts_of
from ltrr.types import Bool, Float64, Int64

__all__ = ["RidgeMember", "Sums", "fit_ridge"]


@dataclass(frozen=True)
class RidgeMember:
    """The calibrated model of one fold: ``clip(z · common + z · own[action])`` for each of M outcomes.

    Parameters
    ----------
    common : float64 (M, p)
        Coefficients of all actions, the intercept first.
    own : float64 (M, A, q)
        What the first q of them differ by in each action: the intercept alone (q = 1) or all (q = p).
    low, high : float64 (M,)
        Range of the outcomes that were seen.
    """

    common: Float64
    own: Float64
    low: Float64
    high: Float64

    def every(self, m: int, z: Float64, features: Float64) -> Float64:
        """Return one outcome's predictions for all actions, (n, A).

        Parameters
        ----------
        m : int
            The outcome.
        z : float64 (n, p − F)
            Ones and the numbers of rows.
        features : float64 (A, F)
            The numbers of actions.
        """
        width, common, own = z.shape[1], self.common[m], self.own[m]
        out: Float64
        if own.shape[1] == 1:
            out = (z @ common[:width])[:, None] + (own[:, 0] + features @ common[width:])
        else:
            both = common + own
            out = z @ both[:, :width].T
            if features.shape[1]:
                out += np.einsum("aj,aj->a", features, both[:, width:])
        np.clip(out, self.low[m], self.high[m], out=out)
        return out

    def pairs(self, z: Float64, action: Int64) -> Float64:
        """Return the predictions of pairs, (M, n), from ones and numbers (n, p) and the actions."""
        return np.clip(_raw(self.common, self.own, z, action), self.low[:, None], self.high[:, None])


def _raw(common: Float64, own: Float64, z: Float64, action: Int64) -> Float64:
    out = np.asarray(common @ z.T, np.float64)
    for m in range(len(out)):
        if own.shape[2] == 1:
            out[m] += own[m, action, 0]
        else:
            out[m] += np.einsum("ij,ij->i", z, own[m, action])
    return out


@dataclass(frozen=True)
class Sums:
    """Weighted sums of products of columns and outcomes: all that the regressions of any folds need.

    Parameters
    ----------
    gram : float64 (folds, p, p)
        ``Σ w z zᵀ`` by fold.
    moment : float64 (folds, p, M)
        ``Σ w z yᵀ`` by fold.
    own_gram, own_moment : float64 (folds, A, q, p), (folds, A, q, M)
        The same of the first q columns, by fold and action.
    """

    gram: Float64
    moment: Float64
    own_gram: Float64
    own_moment: Float64

    @staticmethod
    def of(
        z: Float64,
        action: Int64,
        y: Float64,
        weight: Float64,
        fold: Int64,
        *,
        shape: tuple[int, int],
        own: int,
    ) -> Sums:
        """Return the sums of rows: columns (n, p), outcomes (n, M); shape is (folds, A), ``own`` is q."""
        folds, n_actions = shape
        group = fold * n_actions + action
        order = np.argsort(group, kind="stable")
        group, z, y = group[order], z[order], y[order]
        wz, wy = weight[order, None] * z, weight[order, None] * y
        gram, moment = np.zeros((folds, z.shape[1], z.shape[1])), np.zeros((folds, z.shape[1], y.shape[1]))
        ends = np.searchsorted(group, np.arange(folds + 1) * n_actions)
        for k in range(folds):
            part = slice(ends[k], ends[k + 1])
            gram[k], moment[k] = wz[part].T @ z[part], wz[part].T @ y[part]
        own_gram = np.zeros((folds * n_actions, own, z.shape[1]))
        own_moment = np.zeros((folds * n_actions, own, y.shape[1]))
        start = np.flatnonzero(np.diff(group, prepend=-1))
        if own == 1:
            own_gram[group[start], 0] = np.add.reduceat(wz, start, axis=0)
            own_moment[group[start], 0] = np.add.reduceat(wy, start, axis=0)
        else:
            for first, last in zip(start, np.append(start[1:], len(group)), strict=True):
                own_gram[group[first]] = wz[first:last].T @ z[first:last]
                own_moment[group[first]] = wz[first:last].T @ y[first:last]
        return Sums(
            gram,
            moment,
            own_gram.reshape(folds, n_actions, own, -1),
            own_moment.reshape(folds, n_actions, own, -1),
        )

    def solve(self, folds: Bool) -> tuple[Float64, Float64]:
        """Return the coefficients fitted on some folds: common (M, p) and own (M, A, q).

        They minimise ``Σ w (y − z · common − z · own[a])² + |common slopes|² + Σ_a (own intercept[a]² + d
        |own slopes[a]|²)``, d the number of slopes: so an action's slopes together may differ from the
        common ones as much as its intercept may, however many they are. An action's own coefficients are
        eliminated first, which leaves one system of p unknowns for all outcomes.
        """
        gram, moment = self.gram[folds].sum(axis=0), self.moment[folds].sum(axis=0)
        own_gram, own_moment = self.own_gram[folds].sum(axis=0), self.own_moment[folds].sum(axis=0)
        _, own, p = own_gram.shape
        penalty = np.append(1.0, np.full(own - 1, own - 1.0))
        right = np.concatenate([own_gram, own_moment], axis=2)
        solved = np.linalg.solve(own_gram[:, :, :own] + np.diag(penalty), right)
        reduced = own_gram.reshape(-1, p).T @ solved.reshape(-1, right.shape[2])
        left = gram - reduced[:, :p] + np.diag(np.append(0.0, np.ones(p - 1)))
        common = np.linalg.solve(left, moment - reduced[:, p:])
        return common.T, np.moveaxis(solved[:, :, p:] - solved[:, :, :p] @ common, 2, 0)

    def residuals(self, folds: Bool, common: Float64, own: Float64) -> tuple[Float64, Float64]:
        """Return sums over some folds, by action: of weights (A,) and of weighted residuals (A, M)."""
        z, y = self.own_gram[folds, :, 0].sum(axis=0), self.own_moment[folds, :, 0].sum(axis=0)
        fitted = z @ common.T + np.einsum("aj,maj->am", z[:, : own.shape[2]], own)
        return z[:, 0], y - fitted


def fit_ridge(
    z: Float64,
    action: Int64,
    y: Float64,
    weight: Float64,
    fold: Int64,
    *,
    shape: tuple[int, int],
    slopes: bool,
    calibrate: bool,
) -> tuple[list[RidgeMember], Int64]:
    """Return the models of all folds, and in how many folds each outcome is a constant, (M,).

    Parameters
    ----------
    z : float64 (n, p)
        Ones and scaled numbers.
    action : int64 (n,)
    y : float64 (n, M)
        Outcomes.
    weight : float64 (n,)
        1 on average: the unit of the penalties.
    fold : int64 (n,)
    shape : (int, int)
        Numbers of folds and of actions.
    slopes : bool
        True where every action has its own slopes, False where it has its own intercept alone.
    calibrate : bool
    """
    folds, n_actions = shape
    sums = Sums.of(z, action, y, weight, fold, shape=shape, own=z.shape[1] if slopes else 1)
    seen = Seen(y, weight, fold, folds, calibrate)
    members, constants = [], np.zeros(y.shape[1], np.int64)
    for k in range(folds):
        part = seen.part(k)
        constants += ~part.varies
        if part.varies.any():
            common, own = _fitted(sums, seen, part, k, z, action)
        else:
            common, own = np.zeros((y.shape[1], z.shape[1])), np.zeros((y.shape[1], n_actions, 1))
            common[:, 0] = part.mean
        members.append(RidgeMember(common, own, part.low, part.high))
    return members, constants


def _fitted(sums: Sums, seen: Seen, part: Part, k: int, z: Float64, action: Int64) -> tuple[Float64, Float64]:
    """Return the calibrated coefficients of fold k, with the actions' intercepts."""
    train, apart = parts_of(np.arange(seen.folds), k, seen.folds, calibrate=seen.calibrate)
    common, own = sums.solve(train)
    rows = part.apart
    raw = _raw(common, own, z[rows], action[rows]).T
    intercept, slope = lines(raw, seen.y[rows], seen.weight[rows], part)
    common, own = common * slope[:, None], own * slope[:, None, None]
    common[:, 0] += intercept
    if len(rows):
        total, residuals = sums.residuals(train | apart, common, own)
        own[:, :, 0] += own_intercepts(residuals, total, part).T
    return common, own
