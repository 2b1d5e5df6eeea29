"""Differences from the log's own policy that rounded propensities make."""

from __future__ import annotations

from ltrr.metrics.intervals import Interval
from ltrr.replay.judging.comparison import LOGGED, Comparison, Pair

__all__ = ["rounding_of", "widened"]

ROUNDED = 0.005
"""Weights all this close to 1 are what propensities of the policy itself, stored with few digits, give."""

_NOISE = 1e-12
"""What sums of floating-point numbers leave."""


def rounding_of(comparison: Comparison, pair: Pair) -> float:
    """Return by how much a policy may differ from the log's own through rounded propensities alone.

    A relative error δ of every propensity moves the mean of weighted rewards by at most δ times the mean size
    of rewards; δ is the largest distance of a weight from 1 where all are close to it.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.replay import run
    >>> log = pa.table({"action": [*"abc"] * 50, "reward": [0, 1, 1] * 50, "propensity": [0.3333] * 150})
    >>> found = run(log, ["uniform"], estimators=["ips"], quiet=True).differences.iloc[0]
    >>> bool(found.difference > 0.0), bool(found.low < 0.0 < found.high), bool(found.p > 0.999)
    (True, True, True)
    """
    if pair.second[0] != LOGGED or pair.first[0] == LOGGED:
        return 0.0
    off = comparison.judges[pair.first[0]].diagnostics.off_one
    share = max(off, _NOISE) if off <= ROUNDED else _NOISE
    return share * size_of(comparison, pair)


def size_of(comparison: Comparison, pair: Pair) -> float:
    """Return the size of a metric's value as logged: of a mean, the mean size of its rewards."""
    logged = comparison.entry(pair.second)
    value = abs(logged.estimator.value())
    events = float(comparison.taken.sum())
    if len(logged.places) > 1 or not events:
        return 2.0 * value  # both parts of a ratio may be off
    return max(value, float(comparison.rewarded[logged.places[0], 0]) / events)


def widened(found: Interval, by: float) -> Interval:
    """Return an interval that is wider by as much on both sides."""
    return Interval(found.mean, found.low - by, found.high + by, found.n)
