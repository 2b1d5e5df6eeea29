"""Exact bounds of a proportion."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.replay.intervals.level import tail
from ltrr.types import Float64

__all__ = ["proportion_bounds", "proportion_of_clusters"]

_FADED = 45.0
"""The density is taken as 0 where its logarithm is this far below the peak's, and the tail's further."""

_HALVINGS = 100


def proportion_bounds(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Return the Clopper–Pearson bounds of k successes in m independent trials.

    The low bound is the α/2 quantile of Beta(k, m − k + 1), 0 for k = 0; the high bound the 1 − α/2 quantile
    of Beta(k + 1, m − k), 1 for k = m.

    Parameters
    ----------
    successes : int
        k, 0 <= k <= m.
    trials : int
        m >= 1.
    level : float
        Confidence level in (0, 1).

    Examples
    --------
    >>> [round(bound, 4) for bound in proportion_bounds(0, 150)]
    [0.0, 0.0243]
    >>> [round(bound, 4) for bound in proportion_bounds(81, 263)]
    [0.2527, 0.3676]

    References
    ----------
    Clopper, Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26(4), 1934.
    """
    outside = tail(level)
    m = _check.integer("trials", trials, low=1)
    k = _check.integer("successes", successes, low=0, high=m)
    low = _quantile(k - 1, m - k, outside, upper=False) if k > 0 else 0.0
    high = _quantile(k, m - k - 1, outside, upper=True) if k < m else 1.0
    return low, high


def proportion_of_clusters(successes: int, clusters: int, level: float = 0.95) -> tuple[float, float]:
    """Return bounds of a mean of rewards in [0, 1] where all rows of all clusters had reward 0, or all 1.

    Rows of a cluster are dependent, so a cluster is one trial. Whether any of its rows differs is at least as
    likely as one row is, so the bounds hold for the mean over clusters, and for the mean over rows where
    clusters with many rows have no other rewards than those with few.

    Parameters
    ----------
    successes : int
        0 where all rewards were 0, ``clusters`` where all were 1.
    clusters : int
        Number of clusters, >= 1.
    level : float
        Confidence level in (0, 1).

    Raises
    ------
    InputError
        If successes are neither 0 nor all: the spread over clusters then gives the interval.

    Examples
    --------
    >>> [round(bound, 4) for bound in proportion_of_clusters(0, 30)]
    [0.0, 0.1157]
    """
    if successes not in (0, clusters):
        raise InputError(f"`successes` must be 0 or all of {clusters!r} clusters, got {successes!r}")
    return proportion_bounds(successes, clusters, level)


def _quantile(p: int, q: int, outside: float, *, upper: bool) -> float:
    """Return x with a tail of ``outside`` below it, or above, under a density ∝ t^p (1 − t)^q.

    Tails are integrals of the density by Gauss and Legendre's rule, divided by the whole: no logarithm of a
    gamma function is taken, whose rounding would show from a million trials on.
    """
    peak = p / (p + q) if p + q else 0.5

    def log_density(t: Float64 | float) -> Float64:
        step = np.asarray(t) - peak
        out = np.zeros(step.shape)
        with np.errstate(divide="ignore"):
            out += p * np.log1p(step / peak) if p else 0.0
            out += q * np.log1p(-step / (1.0 - peak)) if q else 0.0
        return out

    faded = -_FADED + math.log(outside)
    low = _root(lambda t: bool(log_density(t) > faded), 0.0, peak)
    high = _root(lambda t: bool(log_density(t) < faded), peak, 1.0)
    whole = _integral(log_density, low, peak) + _integral(log_density, peak, high)

    def beyond(x: float) -> bool:
        own = _integral(log_density, x, high) if upper else _integral(log_density, low, x)
        return own < outside * whole if upper else own > outside * whole

    return _root(beyond, low, high)


def _root(above: Callable[[float], bool], low: float, high: float) -> float:
    """Return where a condition that holds at high numbers begins to hold, by bisection."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (low, middle) if above(middle) else (middle, high)
    return 0.5 * (low + high)


@cache
def _rule() -> tuple[Float64, Float64]:
    """Return nodes in [−1, 1] and their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(48)
    return nodes, weights


def _integral(log_density: Callable[[Float64], Float64], low: float, high: float) -> float:
    """Return the integral of a density given by its logarithm."""
    nodes, weights = _rule()
    half = 0.5 * (high - low)
    return half * float(weights @ np.exp(log_density(low + half * (1.0 + nodes))))
