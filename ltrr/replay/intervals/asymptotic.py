"""Normal intervals by the delta method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.intervals.level import tail
from ltrr.types import Float64, Int64

__all__ = ["Asymptotic"]


@dataclass(frozen=True)
class Asymptotic:
    """Estimate ± normal quantile × standard error, ``θ̂ ± z_{1−α/2} sqrt(gᵀ Σ g / n)``.

    Σ is the covariance of the estimator's rows and g the derivative of the estimate with respect to their
    means, so a ratio's denominator is as random as its numerator: under a constant reward SNIPS has zero
    width, and a shift of all rewards shifts its interval.

    Assumes that n is large enough for the mean of the rows to be normal. It is not where the effective sample
    size is small: the estimate and its error are both too low whenever the large weights were not drawn, and
    the interval misses on the high side more often than stated.

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
    van der Vaart, "Asymptotic Statistics", 1998, theorem 3.1.
    """

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
        """Return the interval; None where fewer than two requests leave the spread unknown."""
        z = -NormalDist().inv_cdf(tail(level))
        n = estimator.moments.n
        if n < 2:
            return None
        value, half = estimator.value(), z * estimator.standard_error()
        return Interval(value, value - half, value + half, n)
