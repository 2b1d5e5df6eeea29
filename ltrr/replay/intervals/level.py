"""Confidence levels, checked once."""

from __future__ import annotations

from ltrr import _check
from ltrr.errors import InputError
from ltrr.replay.estimators.base import Estimator

__all__ = ["COUNTED", "FEW", "FEW_CLUSTERS", "check_seen", "tail"]

FEW = "needs at least two requests"
"""What an interval lacks that rests on the spread of the rows, where there are too few."""

FEW_CLUSTERS = "needs at least two clusters"
"""What it lacks where rows are grouped in too few clusters."""

COUNTED = "needs rows that stand for one event each; leave the column of counts unmapped, one row an event"
"""What finite-sample intervals lack where rows stand for several events."""


def tail(level: float) -> float:
    """Return half of the probability outside an interval of the given level, a number in (0, 1).

    Examples
    --------
    >>> round(tail(0.95), 6)
    0.025
    """
    _check.number("level", level, low=0.0, high=1.0, open_low=True)
    if level == 1.0:
        raise InputError("`level` must be below 1: an interval that never misses says nothing")
    return (1.0 - level) / 2.0


def check_seen(method: str, n: int, estimator: Estimator) -> None:
    """Raise `InputError` unless the method has seen as many requests as its estimator."""
    if n != estimator.moments.n:
        raise InputError(
            f"`{method}` has seen {n} requests and `{estimator.label}` {estimator.moments.n}: give both the "
            "same batches"
        )
