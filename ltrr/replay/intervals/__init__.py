"""Intervals, apart from estimators."""

from ltrr.replay.intervals.base import IntervalMethod

__all__ = ["IntervalMethod"]
