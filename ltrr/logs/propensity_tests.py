"""Tests of propensities against the actions taken, from sums by action and half of the context."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ltrr.types import Float64

__all__ = [
    "ESTIMATE",
    "FAR_MEAN",
    "ROUNDING",
    "SURPRISE",
    "bennett",
    "doubtful",
    "far_off",
    "mean_evidence",
    "normal_tail",
    "upper_z",
]

ESTIMATE = 'estimate them: propensity_model="logistic", --propensity-model logistic'
"""What to do about propensities that are none."""
SURPRISE = 1e-4
"""p-value below which propensities do not fit the actions taken."""
ROUNDING = 0.01
"""A mean of 1{a}/p up to 1.01 is put down to propensities stored with few digits."""
SOME_MEAN, SOME_BITS = 1.02, 0.001
FAR_MEAN, FAR_BITS = 1.2, 0.03
"""From here on no weight is trusted. Propensities that are wrong by a seventh, give or take, make predicted
over stated probability average 1 + 1/7², which is 0.03 bits."""


def upper_z(sums: Float64, rows: Float64) -> tuple[Float64, Float64]:
    """Return the mean of X = 1{a}/p of every cell, and by how many standard errors it is above 1.

    Only means above 1 refute: an action that has a tiny propensity in some contexts is rarely taken there, so
    that the mean of a right log lies mostly below 1. The variance is the larger of Σ c² (X − 1)² and of
    Σ c² (1 − p) / p² over the rows that took the action: both have the right expectation, and the second is
    not 0 where an action of propensity near 1 was always taken.

    Parameters
    ----------
    sums : float64 (4, ...)
        Σ c, Σ c/p, Σ c²/p², Σ c²/p over the rows that took the action.
    rows : float64 (2, ...)
        Σ c and Σ c² over the rows in which it was eligible.

    Examples
    --------
    >>> mean, z = upper_z(np.array([90.0, 180.0, 360.0, 180.0]), np.array([100.0, 100.0]))
    >>> float(mean), round(float(z), 2)
    (1.8, 5.89)
    """
    _, x, squares, products = sums
    total, count2 = rows
    variance = np.maximum(squares - 2.0 * products + count2, squares - products)
    there = (total > 0.0) & (variance > 1e-10 * count2)
    mean = np.divide(x, total, out=np.ones_like(x), where=total > 0.0)
    above = x - (1.0 + ROUNDING) * total
    z = np.divide(above, np.sqrt(np.where(there, variance, 1.0)), out=np.zeros_like(x), where=there)
    return mean[()], z[()]


def normal_tail(z: float) -> float:
    """Return the probability that a standard normal variable is above z.

    Examples
    --------
    >>> round(normal_tail(1.959964), 6)
    0.025
    """
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def bennett(taken: Float64, sums: Float64, largest: float) -> Float64:
    """Return Bennett's bound on the p-value of actions taken given the distributions logged, two-sided.

    ``2 exp(−V/b² h(b t/V))``, ``h(u) = (1 + u) ln(1 + u) − u``, for a difference t of taken and expected, its
    variance V, and steps up to b.

    Parameters
    ----------
    taken : float64 (...)
        Σ c over the rows that took the action.
    sums : float64 (4, ...)
        Σ c, Σ c², Σ c q, Σ c² q (1 − q) over the rows in which the action was eligible.
    largest : float
        b, the largest c.

    Examples
    --------
    >>> round(float(bennett(np.array(60.0), np.array([100.0, 100.0, 50.0, 25.0]), 1.0)), 3)
    0.399

    References
    ----------
    Freedman, "On tail probabilities for martingales", Annals of Probability 3(1), 1975, theorem 1.6.
    """
    total, _, expected, variance = sums
    off = np.maximum(np.abs(taken - expected) - ROUNDING * expected, 0.0)
    off = np.where(off > 1e-9 * total, off, 0.0)
    v = np.maximum(variance, 1e-12 * np.maximum(total, 1.0)) / (largest * largest)
    t = off / largest
    u = t / v
    out: Float64 = np.minimum(2.0 * np.exp(t - (v + t) * np.log1p(u)), 1.0)
    return out


def mean_evidence(logs: list[float]) -> float:
    """Return the logarithm of the mean of numbers given by their logarithms.

    Examples
    --------
    >>> round(mean_evidence([0.0, math.log(3.0)]), 6) == round(math.log(2.0), 6)
    True
    """
    top = max(logs)
    return top + math.log(sum(math.exp(x - top) for x in logs) / len(logs))


def doubtful(summary: Mapping[str, float | None]) -> bool:
    """Return whether propensities do not fit the actions taken, from `PropensityCheck.summary`."""
    return _beyond(summary, SOME_MEAN, SOME_BITS) or _of(summary, "calibration_p", 1.0) < SURPRISE


def far_off(summary: Mapping[str, float | None]) -> bool:
    """Return whether propensities are so far off that no weight can be trusted."""
    return _beyond(summary, FAR_MEAN, FAR_BITS)


def _beyond(summary: Mapping[str, float | None], mean: float, bits: float) -> bool:
    """Return whether propensities are off by so much and by more than chance."""
    found = _of(summary, "propensity_bits", 0.0)
    # a factor that all propensities share costs log2 of it, and is judged as a mean is
    shared = math.log2(max(_of(summary, "propensity_scale", 1.0), 1.0))
    off = _of(summary, "propensity_mean", 1.0) > mean or found > math.log2(mean) or found - shared > bits
    return off and _of(summary, "propensity_p", 1.0) < SURPRISE


def _of(summary: Mapping[str, float | None], key: str, default: float) -> float:
    value = summary.get(key)
    return default if value is None else value
