"""How far from 0 the value is that another is divided by."""

from __future__ import annotations

import math

from ltrr.replay.estimators import Estimator
from ltrr.replay.estimators.part import fed_by
from ltrr.replay.estimators.ratio import Ratio

__all__ = ["denominator_errors", "errors_from_zero"]


def denominator_errors(estimator: Estimator) -> float | None:
    """Return how many standard errors a ratio's denominator is from 0; None for what is no ratio.

    The delta method takes the ratio as linear in its denominator, which it is only far from 0.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay.estimators import OnPolicy
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> ratio, key = Ratio(OnPolicy(), OnPolicy()), np.arange(4)
    >>> of_clicks = ReplayBatch(key, np.array([0.0, 0.0, 1.0, 1.0]))
    >>> ratio.add_pair(ReplayBatch(key, np.ones(4)), of_clicks)
    >>> round(denominator_errors(ratio), 3)
    1.732
    """
    if not isinstance(estimator, Ratio) or not estimator.moments.n:
        return None
    return errors_from_zero(fed_by(estimator, estimator.second, estimator.first.width))


def errors_from_zero(estimator: Estimator) -> float:
    """Return how many standard errors an estimate is from 0; 0 where it is 0 or its error is not known."""
    if estimator.moments.n < 2:
        return 0.0
    value, error = abs(estimator.value()), estimator.standard_error()
    return value / error if error else math.inf if value else 0.0
