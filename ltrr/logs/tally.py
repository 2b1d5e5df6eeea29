"""Sums over the chunks of a log that describe its content."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ltrr.logs.events import Events, Space
from ltrr.logs.propensity_check import PropensityCheck
from ltrr.types import Float64, Int64

__all__ = ["Tally"]

_SHIFT = 13
_BUCKETS = (0x3F800000 >> _SHIFT) + 1
"""Float32 numbers up to 1, by sign, exponent and the first ten binary digits: a tenth of a per cent apart."""


@dataclass
class Tally:
    """Sums over the chunks of a log.

    Parameters
    ----------
    space : Space
        What the ids mean.
    n, requests, slots : int
        Rows, requests, and most slots of a request so far.
    nonzero, certain : int
        Rows with a reward other than 0, and with a propensity of 1.
    has : set of str
        Columns that the log turned out to have.
    targets : set of str
        Names of its columns of target probabilities.
    ranges : dict of str to (float, float)
        Smallest and largest value, by column.
    sums : dict of str to float
        Sum of the values, by column.

    Examples
    --------
    >>> tally = Tally(Space(("a", "b")))
    >>> tally.add(Events(tally.space, [1, 2], [1, 2], [0, 1], [0.0, 1.0], propensity=[0.5, 0.5]))
    >>> tally.mean("reward"), tally.taken.tolist(), tally.inverse_mean()
    (0.5, [1, 1], (1.0, 0.0))
    """

    space: Space
    n: int = 0
    requests: int = 0
    slots: int = 0
    nonzero: int = 0
    certain: int = 0
    has: set[str] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)
    taken: Int64 = field(init=False)
    buckets: Int64 = field(init=False)
    inverse: Float64 = field(init=False)
    check: PropensityCheck = field(init=False)

    def __post_init__(self) -> None:
        self.taken = np.zeros(len(self.space.actions), np.int64)
        self.buckets = np.zeros(_BUCKETS, np.int64)
        self.inverse = np.zeros(5)
        self.check = PropensityCheck(len(self.space.actions), whole=True)

    def add(self, events: Events) -> None:
        """Take in a chunk."""
        if len(events) == 0:
            return
        n, space = len(events), self.space
        self.n += n
        self.requests += len(events.request_indptr) - 1
        self.slots = max(self.slots, int(np.diff(events.request_indptr).max()))
        self.taken += np.bincount(events.action, minlength=len(self.taken))
        self.nonzero += int(np.count_nonzero(events.reward))
        eligible = (
            np.full(n, len(space.actions), np.float64)
            if events.indptr is None
            else np.diff(events.indptr).astype(np.float64)
        )
        self._range("reward", events.reward)
        self._range("eligible", eligible)
        if space.timed:
            self._range("time", events.time)
        for name, there in (
            ("distributions", events.probabilities is not None),
            ("ids", not np.array_equal(events.key, events.row)),
            ("features", events.features is not None or space.features is not None),
            ("sampled", events.count is not None and bool((events.count > 1.0).any())),
        ):
            if there:
                self.has.add(name)
        self.targets |= set(events.targets)
        if events.propensity is not None:
            self._propensities(events.propensity, eligible, events.count)
            self.check.add(events)

    def _range(self, name: str, values: Float64) -> None:
        low, high = self.ranges.get(name, (math.inf, -math.inf))
        self.ranges[name] = (min(low, float(values.min())), max(high, float(values.max())))
        self.sums[name] = self.sums.get(name, 0.0) + float(values.sum())

    def _propensities(self, propensity: Float64, eligible: Float64, count: Float64 | None) -> None:
        self.has.add("propensities")
        self._range("propensity", propensity)
        self.certain += int((propensity == 1.0).sum())
        bits = np.minimum(propensity, 1.0).astype(np.float32).view(np.int32) >> _SHIFT
        self.buckets += np.bincount(bits, minlength=_BUCKETS)
        x = 1.0 / (propensity * eligible)
        c = np.ones(len(x)) if count is None else count
        cx = c * x
        self.inverse += np.array([c.sum(), cx.sum(), cx @ cx, cx @ c, c @ c])

    def mean(self, name: str) -> float | None:
        """Return the mean of a column, None where there is none."""
        return self.sums[name] / self.n if name in self.sums else None

    def median(self) -> float | None:
        """Return the median propensity, to the accuracy of the buckets."""
        if "propensity" not in self.ranges:
            return None
        at = int(np.searchsorted(np.cumsum(self.buckets), (self.n + 1) // 2))
        value = float(np.array([at << _SHIFT], np.int32).view(np.float32)[0])
        low, high = self.ranges["propensity"]
        return min(max(value, low), high)

    def inverse_mean(self) -> tuple[float | None, float | None]:
        """Return the weighted mean of 1 / (propensity · eligible) and its standard error."""
        c, cx, cx2, ccx, cc = self.inverse.tolist()
        if not c:
            return None, None
        mean = cx / c
        return mean, math.sqrt(max(cx2 - 2.0 * mean * ccx + mean * mean * cc, 0.0)) / c
