"""Sums over the rows of a log by action and half of the context, for tests of its propensities."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ltrr._kernels.propensity import chosen_sums, eligible_sums, play_bets
from ltrr.logs.events import Events
from ltrr.logs.propensity_halves import Halves
from ltrr.types import Float64, Int8

__all__ = ["STAKES", "PropensitySums"]

_SLOTS = 8
"""Slots beyond share the last cell."""
_ADDED = ("n", "inverse", "capital", "_chosen", "_eligible", "_every", "_full", "_seen")
STAKES = np.array([1.0, 0.5, 0.2, 0.05])
"""A stake of 1 is the likelihood ratio; small stakes bear propensities that are now and then far too high."""
_CELLS = 200_000
"""Most cells of slot, pattern and action."""


@dataclass
class PropensitySums:
    """What the tests need to know of the rows; parts with the same halves merge.

    Parameters
    ----------
    n_actions, n_slots : int
        Size of the action space, and most slots of a request.
    halves : Halves
    n : int
        Rows.
    inverse : float64 (3,)
        Σ c/p − c m, its squares, and Σ c m, for m eligible actions.
    capital : float64 (2, stakes)
        ln of what bets on the actions, against their propensities, have made of 1.
    largest, smallest : float
        Of the events that a row stands for.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> events = Events(Space(("a", "b")), [1, 2], [1, 2], [0, 1], [0.0, 1.0], propensity=[0.5, 0.25])
    >>> sums = PropensitySums(2, 1, Halves.of(events.context, 2, ragged=False))
    >>> sums.add(events)
    >>> sums.chosen()[:, 1, 0].tolist(), sums.eligible()[:, 0, 0].tolist()
    ([2.0, 4.0], [2.0, 2.0])
    """

    n_actions: int
    n_slots: int
    halves: Halves
    n: int = field(default=0, init=False)
    inverse: Float64 = field(init=False, repr=False)
    capital: Float64 = field(init=False, repr=False)
    largest: float = field(default=0.0, init=False)
    smallest: float = field(default=math.inf, init=False)
    _chosen: Float64 = field(init=False, repr=False)
    _eligible: Float64 = field(init=False, repr=False)
    _every: Float64 = field(init=False, repr=False)
    _full: int = field(default=0, init=False, repr=False)
    _seen: Float64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        a, bits = self.n_actions, self.halves.bits
        slots = min(max(self.n_slots, 1), _SLOTS)
        self._chosen, self._eligible = np.zeros((2, self.halves.groups, 1 << bits, a, 4))
        self._every = np.zeros((self.halves.groups, 1 << bits, 1, 2))
        self.inverse, self.capital = np.zeros(3), np.zeros((2, len(STAKES)))
        while bits and (slots * a << bits) > _CELLS:
            bits -= 1
        self._seen = np.zeros((slots, 1 + (1 << bits), 1 + a))

    def add(self, events: Events) -> None:
        """Take in a chunk that has propensities."""
        if events.propensity is None:
            return
        n, codes = len(events), self.halves.codes(events.context)
        count = np.ones(n) if events.count is None else events.count
        self.n += n
        self.largest, self.smallest = max(self.largest, count.max()), min(self.smallest, count.min())
        sets = events.eligible is not None and len(events.eligible) < n * self.n_actions
        before = self._chosen.sum(axis=2)
        chosen_sums(events.action, events.propensity, count, codes, self._chosen)
        if sets or events.probabilities is not None:
            self._ragged(events, events.propensity, count, codes)
        else:
            added = self._chosen.sum(axis=2) - before
            squares = None if events.count is None else self.halves.sums(codes, count * count)
            self._plain(added, added[..., 0] if squares is None else squares)
        self._bet(events, events.propensity, codes[:, 0], sets=sets)

    def _plain(self, added: Float64, squares: Float64) -> None:
        """Add rows in which every action is eligible: their sums by pattern, and Σ c²."""
        self._every[:, :, 0, 0] += added[..., 0]
        self._every[:, :, 0, 1] += squares
        c, x, xx, cx = added[0].sum(axis=0)
        m = self.n_actions
        self.inverse += np.array([x - m * c, xx - 2.0 * m * cx + m * m * squares[0].sum(), m * c])

    def _ragged(self, events: Events, propensity: Float64, count: Float64, codes: Int8) -> None:
        """Add rows by every eligible action."""
        indptr, action = events.actions.indptr, events.actions.action
        q = np.zeros(0) if events.probabilities is None else events.probabilities
        eligible_sums(indptr, action, q, count, codes, self._eligible)
        self._full += len(events) if len(q) else 0
        size = count * np.diff(indptr)
        off = count / propensity - size
        self.inverse += np.array([off.sum(), off @ off, size.sum()])

    def _bet(self, events: Events, propensity: Float64, code: Int8, *, sets: bool) -> None:
        """Bet on the actions in the order of the log."""
        indptr, eligible = np.zeros(0, np.int64), np.zeros(0, np.int32)
        if sets:
            indptr, eligible = events.actions.indptr, events.actions.action
        who = (events.action, propensity, events.slot, np.ascontiguousarray(code))
        play_bets(*who, indptr, eligible, self._seen, STAKES, self.capital)

    def merge(self, other: PropensitySums) -> None:
        """Take in the sums of a later part of the log with the same halves.

        Bets on each part start without knowledge of the others, which is as valid.
        """
        for name in _ADDED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.largest, self.smallest = max(self.largest, other.largest), min(self.smallest, other.smallest)

    def chosen(self) -> Float64:
        """Return Σ c, Σ c/p, Σ c²/p², Σ c²/p over the rows that took an action, (A, 4, 1 + 2C)."""
        return self.halves.split(self._chosen)

    def eligible(self) -> Float64:
        """Return Σ c, Σ c², Σ c q, Σ c² q (1 − q) over the rows in which it was eligible."""
        out = self.halves.split(self._eligible)
        out[:, :2] += self.halves.split(self._every)
        return out

    @property
    def full(self) -> bool:
        """True where every row has a whole distribution."""
        return 0 < self.n == self._full

    @property
    def sampled(self) -> bool:
        """True where rows stand for different numbers of events: which are kept may depend on the action."""
        return self.smallest != self.largest
