"""One model a fold: trained on some of the other folds, calibrated on another, used on its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr.replay.nuisance._regressors import Predict, fit_means
from ltrr.types import Bool, Float64, Int64

__all__ = ["Member", "Part", "Seen", "fit_members", "lines", "own_intercepts", "parts_of"]

_FEWEST = 20
"""Fewest rows that a model is trained or calibrated on."""

_STEEPEST = 2.0
"""Largest calibration slope: predictions may be spread, but a nearly constant model must not be amplified."""


@dataclass(frozen=True)
class Member:
    """The model of one fold: ``clip(intercept + slope · prediction + own intercept of the action)``.

    Parameters
    ----------
    predict : callable or None
        The regression, rows (m, columns) to predictions (m, M) of M outcomes; None where all are constants.
    intercept, slope : float64 (M,)
        The calibration; slope 0 for a constant.
    low, high : float64 (M,)
        Range of the outcomes that were seen.
    own : float64 (A, M) or None
        Intercept of each action's own.
    """

    predict: Predict | None
    intercept: Float64
    slope: Float64
    low: Float64
    high: Float64
    own: Float64 | None = None

    def __call__(self, x: Any, action: Int64 | None = None) -> Float64:
        """Return predictions of the rows of a design, (m, M)."""
        if self.predict is None or len(x) == 0:
            return np.tile(self.intercept, (len(x), 1))
        out = self.intercept + self.slope * self.predict(x)
        if self.own is not None and action is not None:
            out += self.own[action]
        return np.clip(out, self.low, self.high)


@dataclass(frozen=True)
class Part:
    """What the model of one fold may see, and of it each outcome's mean, range and whether it varies.

    Parameters
    ----------
    train, apart : int64
        The rows that train the model and those that calibrate it, without rows of weight 0.
    mean, low, high : float64 (M,)
        Of both together; 0 where there is no row.
    varies : bool (M,)
        True where there is enough to train on.
    """

    train: Int64
    apart: Int64
    mean: Float64
    low: Float64
    high: Float64
    varies: Bool


def parts_of(fold: Int64, k: int, folds: int, *, calibrate: bool) -> tuple[Bool, Bool]:
    """Return which rows train the model of fold k, and which calibrate it; none of fold k do either.

    A calibration on rows that trained the model, or on fold k, would leak outcomes, so it has its own fold;
    with two folds there is none left for it.
    """
    apart = (fold == (k + 1) % folds) & (calibrate and folds > 2)
    return (fold != k) & ~apart, apart


@dataclass(frozen=True)
class Seen:
    """Outcomes (n, M) and what each fold has of them.

    Parameters
    ----------
    y : float64 (n, M)
    weight : float64 (n,)
    fold : int64 (n,)
    folds : int
    calibrate : bool
        True where a fold is kept apart to calibrate on.
    """

    y: Float64
    weight: Float64
    fold: Int64
    folds: int
    calibrate: bool
    _rows: Float64 = field(init=False, repr=False)
    _total: Float64 = field(init=False, repr=False)
    _sum: Float64 = field(init=False, repr=False)
    _low: Float64 = field(init=False, repr=False)
    _high: Float64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        each = [np.flatnonzero((self.fold == k) & (self.weight > 0)) for k in range(self.folds)]
        by_fold = [(self.y[rows], self.weight[rows, None]) for rows in each]
        for name, value in (
            ("_rows", [len(rows) for rows in each]),
            ("_total", [w.sum() for _, w in by_fold]),
            ("_sum", [(w * y).sum(axis=0) for y, w in by_fold]),
            ("_low", [y.min(axis=0, initial=np.inf) for y, _ in by_fold]),
            ("_high", [y.max(axis=0, initial=-np.inf) for y, _ in by_fold]),
        ):
            object.__setattr__(self, name, np.array(value, np.float64))

    def part(self, k: int) -> Part:
        """Return what the model of fold k may see."""
        train, apart = parts_of(np.arange(self.folds), k, self.folds, calibrate=self.calibrate)
        others, used = train | apart, self.weight > 0
        rows = np.flatnonzero(train[self.fold] & used), np.flatnonzero(apart[self.fold] & used)
        total = self._total[others].sum()
        if total == 0:
            zero = np.zeros(self.y.shape[1])
            return Part(*rows, zero, zero, zero, zero > 0)
        varies = self._low[train].min(axis=0) < self._high[train].max(axis=0)
        return Part(
            *rows,
            self._sum[others].sum(axis=0) / total,
            self._low[others].min(axis=0),
            self._high[others].max(axis=0),
            varies & (self._rows[train].sum() >= _FEWEST),
        )


def fit_members(
    kind: Any,
    x: Any,
    y: Float64,
    weight: Float64,
    fold: Int64,
    folds: int,
    *,
    calibrate: bool,
    seed: int,
    action: Int64 | None = None,
    n_actions: int = 0,
) -> tuple[list[Member], Int64]:
    """Return the models of all folds for outcomes (n, M), and in how many folds each is a constant, (M,).

    With ``action`` each action has an intercept of its own.
    """
    seen = Seen(y, weight, fold, folds, calibrate)
    members, constants = [], np.zeros(y.shape[1], np.int64)
    for k in range(folds):
        part = seen.part(k)
        constants += ~part.varies
        train, apart = part.train, part.apart
        if not part.varies.any():
            members.append(Member(None, part.mean, np.zeros(len(part.mean)), part.low, part.high))
            continue
        x_train, w = x[train], weight[train] / weight[train].mean()
        predict = _side_by_side(kind, x_train, y[train], w, part.varies, seed=seed)
        raw = predict(x[apart])
        intercept, slope = lines(raw, y[apart], weight[apart], part)
        own = None
        if action is not None and len(apart):
            rows = np.concatenate([train, apart])
            rest = y[rows] - intercept - slope * np.concatenate([predict(x_train), raw])
            rest *= weight[rows, None]
            total = np.asarray(np.bincount(action[rows], weight[rows], n_actions), np.float64)
            sums = [np.bincount(action[rows], column, n_actions) for column in rest.T]
            own = own_intercepts(np.stack(sums, axis=1), total, part)
        members.append(Member(predict, intercept, slope, part.low, part.high, own))
    return members, constants


def lines(raw: Float64, y: Float64, weight: Float64, part: Part) -> tuple[Float64, Float64]:
    """Return the calibration of each outcome, intercepts and slopes (M,), from predictions (n, M).

    It is the weighted least-squares line from predictions to outcomes, its slope in [0, 2].
    """
    slope = part.varies.astype(np.float64)
    if len(y) < _FEWEST:
        return np.where(part.varies, 0.0, part.mean), slope
    share = weight / weight.sum()
    centre, mean = np.einsum("i,im->m", share, raw), np.einsum("i,im->m", share, y)
    apart = raw - centre
    spread = np.einsum("i,im,im->m", share, apart, apart)
    joint = np.einsum("i,im,im->m", share, apart, y - mean)
    flat = spread <= 1e-18 * (1.0 + centre * centre)
    steep = np.clip(joint / np.where(flat, 1.0, spread), 0.0, _STEEPEST)
    slope = np.where(part.varies, np.where(flat, 1.0, steep), 0.0)
    return np.where(part.varies, mean - slope * centre, part.mean), slope


def own_intercepts(residuals: Float64, total: Float64, part: Part) -> Float64:
    """Return each action's own intercept for each outcome, (A, M); 0 for constants and unseen actions.

    Its residuals' mean, as if one more row of weight 1 had a residual of 0: a ridge regression of the
    residuals on the actions' indicators, with penalty 1.

    Parameters
    ----------
    residuals : float64 (A, M)
        Weighted sums of residuals.
    total : float64 (A,)
        Sums of weights, which are 1 on average.
    part : Part
    """
    return np.where(part.varies, residuals / (total + 1.0)[:, None], 0.0)


def _side_by_side(kind: Any, x: Any, y: Float64, weight: Float64, varies: Bool, *, seed: int) -> Predict:
    """Return one function for all outcomes, each with its own regression on the same matrix; 0 for others."""
    each = {int(m): fit_means(kind, x, y[:, m], weight, seed=seed) for m in np.flatnonzero(varies)}

    def predict(rows: Any) -> Float64:
        out = np.zeros((len(rows), y.shape[1]))
        if len(rows):
            for m, one in each.items():
                out[:, m] = one(rows)
        return out

    return predict
