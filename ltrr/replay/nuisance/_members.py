"""One model a fold: trained on some of the other folds, calibrated on another, used on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr.replay.nuisance._regressors import Predict, fit_means
from ltrr.types import Bool, Float64, Int64

__all__ = ["Member", "fit_members", "parts_of"]

_FEWEST = 20
"""Fewest rows that a model is trained or calibrated on."""

_STEEPEST = 2.0
"""Largest calibration slope: predictions may be spread, but a nearly constant model must not be amplified."""


@dataclass(frozen=True)
class Member:
    """The model of one fold: ``clip(intercept + slope · prediction)``, or a constant where there is none.

    Parameters
    ----------
    predict : callable or None
        The regression; None for a constant.
    intercept, slope : float
        The calibration.
    low, high : float
        Range of the outcomes that were seen.
    """

    predict: Predict | None
    intercept: float
    slope: float
    low: float
    high: float

    def __call__(self, x: Any) -> Float64:
        """Return predictions of the rows of a design, (m,)."""
        if self.predict is None or len(x) == 0:
            return np.full(len(x), self.intercept)
        return np.clip(self.intercept + self.slope * self.predict(x), self.low, self.high)


def parts_of(fold: Int64, k: int, folds: int, *, calibrate: bool) -> tuple[Bool, Bool]:
    """Return which rows train the model of fold k, and which calibrate it; none of fold k do either.

    A calibration on rows that trained the model, or on fold k, would leak outcomes, so it has its own fold;
    with two folds there is none left for it.
    """
    apart = (fold == (k + 1) % folds) & (calibrate and folds > 2)
    return (fold != k) & ~apart, apart


def fit_members(
    kind: Any, x: Any, y: Float64, weight: Float64, fold: Int64, folds: int, *, calibrate: bool, seed: int
) -> tuple[list[Member], int]:
    """Return the models of all folds, and how many of them are constants."""
    used = weight > 0
    members, constants = [], 0
    for k in range(folds):
        train, apart = parts_of(fold, k, folds, calibrate=calibrate)
        train, apart = train & used, apart & used
        others = train | apart
        if not others.any():
            members.append(Member(None, 0.0, 0.0, 0.0, 0.0))
            constants += 1
            continue
        mean = float(np.average(y[others], weights=weight[others]))
        low, high = float(y[others].min()), float(y[others].max())
        if train.sum() < _FEWEST or np.ptp(y[train]) == 0:
            members.append(Member(None, mean, 0.0, low, high))
            constants += 1
            continue
        w = weight[train] / weight[train].mean()
        predict = fit_means(kind, x[train], y[train], w, seed=seed)
        intercept, slope = 0.0, 1.0
        if apart.sum() >= _FEWEST:
            intercept, slope = _line(predict(x[apart]), y[apart], weight[apart])
        members.append(Member(predict, intercept, slope, low, high))
    return members, constants


def _line(raw: Float64, y: Float64, weight: Float64) -> tuple[float, float]:
    """Return the weighted least-squares line from predictions to outcomes, its slope in [0, 2]."""
    share = weight / weight.sum()
    centre, mean = float(share @ raw), float(share @ y)
    spread = float(share @ (raw - centre) ** 2)
    if spread <= 1e-18 * (1.0 + centre * centre):
        return mean - centre, 1.0
    slope = float(share @ ((raw - centre) * (y - mean))) / spread
    slope = min(max(slope, 0.0), _STEEPEST)
    return mean - slope * centre, slope
