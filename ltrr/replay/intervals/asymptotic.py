"""Normal intervals by the delta method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import ClassVar

from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.intervals.level import FEW, FEW_CLUSTERS, tail
from ltrr.types import Float64, Int64

__all__ = ["Asymptotic", "students"]


@dataclass(frozen=True)
class Asymptotic:
    """Estimate ± normal quantile × standard error, ``θ̂ ± z_{1−α/2} sqrt(gᵀ Σ g / n)``.

    Σ is the covariance of the estimator's rows and g the derivative of the estimate with respect to their
    means, so a ratio's denominator is as random as its numerator: under a constant reward SNIPS has zero
    width, and a shift of all rewards shifts its interval.

    Assumes that n is large enough for the mean of the rows to be normal. It is not where the effective sample
    size is small: the estimate and its error are both too low whenever the large weights were not drawn, and
    the interval misses on the high side more often than stated.

    Where rows of a cluster are dependent, Σ and n are those of the sums by cluster, and the quantile is
    Student's for as many clusters. Fewer than some 40 clusters, or one that outweighs the others, leave Σ
    itself too uncertain: such intervals miss more often than stated.

    It needs nothing but what the estimator holds, so `add` and `merge` do nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> from ltrr.replay.estimators.ips import IPS
    >>> ips = IPS()
    >>> ips.add(ReplayBatch(np.arange(4), np.array([1.0, 0.0, 1.0, 0.0]), weight=np.ones(4)))
    >>> interval = Asymptotic().interval(ips)
    >>> round(interval.low, 3), interval.mean, round(interval.high, 3)
    (-0.066, 0.5, 1.066)

    References
    ----------
    van der Vaart, "Asymptotic Statistics", 1998, theorem 3.1; Cameron, Miller, "A practitioner's guide to
    cluster-robust inference", Journal of Human Resources 50(2), 2015, section VI.
    """

    clustered: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """``asymptotic``."""
        return "asymptotic"

    def fork(self, estimator: Estimator | None = None) -> Asymptotic:
        """Return another; it holds nothing."""
        del estimator
        return replace(self)

    def add(self, rows: Float64, key: Int64) -> None:
        """Keep nothing of the rows."""

    def merge(self, other: Asymptotic) -> None:
        """Keep nothing of the other."""

    def interval(self, estimator: Estimator, level: float = 0.95) -> Interval | None:
        """Return the interval; None where fewer than two requests, or clusters, leave the spread unknown."""
        z, clusters = -NormalDist().inv_cdf(tail(level)), estimator.clusters
        if self.lacks(estimator):
            return None
        if clusters is not None:
            z = students(z, clusters.n - 1)
        value, half = estimator.value(), z * estimator.standard_error()
        return Interval(value, value - half, value + half, estimator.moments.n)

    def lacks(self, estimator: Estimator) -> str:
        """Return what is missing for an interval: a second request, a second cluster, or nothing."""
        if estimator.moments.n < 2:
            return FEW
        return FEW_CLUSTERS if estimator.clusters is not None and estimator.clusters.n < 2 else ""


def students(z: float, degrees: int) -> float:
    """Return Student's quantile for the normal quantile z, without a library that takes long to load.

    Four terms of the expansion in 1 / degrees: within 0.2 % for 95 % and 5 degrees of freedom or more.

    Examples
    --------
    >>> round(students(1.959964, 9), 3), round(students(1.959964, 119), 4)
    (2.262, 1.9801)

    References
    ----------
    Abramowitz, Stegun, "Handbook of mathematical functions", 1964, 26.7.5.
    """
    x, n = z * z, float(degrees)
    terms = (
        (x + 1.0) / 4.0,
        ((5.0 * x + 16.0) * x + 3.0) / 96.0,
        (((3.0 * x + 19.0) * x + 17.0) * x - 15.0) / 384.0,
        ((((79.0 * x + 776.0) * x + 1482.0) * x - 1920.0) * x - 945.0) / 92160.0,
    )
    return z * (1.0 + sum(term / n ** (k + 1) for k, term in enumerate(terms)))
