"""Many paired differences judged together: Student's test of each, Holm's correction over all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from ltrr import _check
from ltrr.errors import InputError
from ltrr.metrics.holm_adjusted import holm_adjusted
from ltrr.types import Float64

__all__ = ["Together", "judged_together"]


@dataclass(frozen=True)
class Together:
    """M mean differences with intervals that exclude zero exactly where Holm's test rejects.

    Parameters
    ----------
    mean, low, high : float64 (M,)
        The mean over seeds and the ends of the corrected interval; ends are −inf and inf for one seed.
    p, p_holm : float64 (M,)
        Student's two-sided p-value, and Holm's: the smallest level at which the difference is found with all
        others. 1 for one seed.

    Examples
    --------
    Alone the first difference would be found at the level of 5 %, together with another it is not:

    >>> found = judged_together(np.array([[0.04, 0.05, 0.07], [0.01, -0.02, 0.02]]))
    >>> found.p.round(3).tolist(), found.p_holm.round(3).tolist()
    ([0.026, 0.808], [0.053, 0.808])
    >>> (found.low > 0.0).tolist()
    [False, False]
    """

    mean: Float64
    low: Float64
    high: Float64
    p: Float64
    p_holm: Float64


def judged_together(values: Float64, *, weights: Float64 | None = None, level: float = 0.95) -> Together:
    """Judge M differences over n seeds so that all findings together are right at the given level.

    The p-values, each divided by its weight, are sorted; each is compared with ``α`` over the sum of the
    weights from it on (without weights: the i-th smallest of M, from 1, with ``α / (M − i + 1)``), and the
    first that fails ends the findings. Each interval has the level that its own difference was compared at,
    those after the first failure that of its step: so an interval excludes zero exactly where Holm finds a
    difference. The probability of any false finding is at most α = 1 − ``level``, however the differences
    depend on one another, as long as means over seeds are close to normal.

    Parameters
    ----------
    values : float64 (M, n)
        One row a difference, one column a seed.
    weights : float64 (M,), optional
        How much of ``α`` each difference may use, > 0; by default all alike.
    level : float
        In (0, 1).

    Raises
    ------
    InputError
        If there is no seed, a value is not finite or a weight is not positive.

    Examples
    --------
    Of two differences the clear one is found, the other not:

    >>> import numpy as np
    >>> found = judged_together(np.array([[.10, .11, .12], [.01, -.02, .02]]))
    >>> found.low.round(3).tolist(), found.p_holm.round(3).tolist()
    ([0.074, -0.048], [0.005, 0.808])

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2),
    1979.
    """
    values = _check.array("values", values, np.float64, (None, None))
    _check.number("level", level, low=0.0, high=1.0, open_low=True)
    m, n = values.shape
    if n == 0 or not np.isfinite(values).all():
        raise InputError(f"`values` must hold at least one seed and finite numbers only, got {values.shape}")
    weight = np.ones(m) if weights is None else _check.array("weights", weights, np.float64, (m,))
    if not (weight > 0.0).all():
        raise InputError("`weights` must be positive: a difference of weight 0 could never be found")
    mean = values.mean(axis=1)
    if n == 1:
        return Together(mean, np.full(m, -np.inf), np.full(m, np.inf), np.ones(m), np.ones(m))
    # equal values have no spread, but their rounded mean may differ from them by a digit
    centred = np.where((values == values[:, :1]).all(axis=1, keepdims=True), 0.0, values - mean[:, None])
    error = np.sqrt((centred**2).sum(axis=1) / (n - 1) / n)
    t = np.where(mean == 0.0, 0.0, np.inf)
    np.divide(np.abs(mean), error, out=t, where=error > 0.0)
    p = np.minimum(2.0 * stdtr(n - 1, -t), 1.0)
    order = np.argsort(p / weight, kind="stable")
    ratio = (p / weight)[order]
    remaining = np.cumsum(weight[order][::-1])[::-1]
    alpha = 1.0 - level
    failed = np.flatnonzero(ratio > alpha / remaining[np.searchsorted(ratio, ratio, side="left")])
    stop = failed[0] if len(failed) else m - 1
    compared = np.empty(m)
    # ties are compared at the level of the first of them: their order means nothing
    first = np.searchsorted(ratio, ratio, side="left")
    compared[order] = alpha / remaining[np.minimum(first, stop)] if m else np.empty(0)
    compared *= weight
    half = -stdtrit(n - 1, compared / 2.0) * error
    return Together(mean, mean - half, mean + half, p, holm_adjusted(p, weight))
