"""The p-value that goes with the asymptotic interval."""

from __future__ import annotations

import math

from ltrr.errors import InputError
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.intervals.asymptotic import Asymptotic, students

__all__ = ["two_sided"]


def two_sided(estimator: Estimator, within: float = 0.0) -> float | None:
    """Return the p-value of an estimate of 0, or within so much of it; None without spread or weights.

    It is the level α at which an end of the interval `Asymptotic` is 0: ``erfc(z / √2)``, where z is
    ``|θ̂| / se``, or has this as its Student's quantile where rows are grouped in clusters.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> from ltrr.replay.estimators.on_policy import OnPolicy
    >>> mean = OnPolicy()
    >>> mean.add(ReplayBatch(np.arange(4), np.array([1.0, 0.0, 1.0, 0.0])))
    >>> p = two_sided(mean)
    >>> round(p, 4), abs(Asymptotic().interval(mean, 1.0 - p).low) < 1e-12
    (0.0833, True)
    """
    if Asymptotic().lacks(estimator):
        return None
    try:
        value = estimator.value()
    except InputError:  # the verdict on its parts says so
        return None
    error = estimator.standard_error()
    if not error:
        return None
    z = max(0.0, abs(value) - within) / error
    if estimator.clusters is not None:
        z = _normals(z, estimator.clusters.n - 1)
    return math.erfc(z / math.sqrt(2.0))


def _normals(t: float, degrees: int) -> float:
    """Return the normal quantile whose `students` is t, by bisection."""
    low, high = 0.0, t
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if students(middle, degrees) < t else (low, middle)
    return high
