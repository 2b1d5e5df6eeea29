"""Propensities that are no probabilities: the same number in every row."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ltrr.logs.events import Events
from ltrr.types import Int64

UInt64 = NDArray[np.uint64]

__all__ = ["Constant"]

_ROWS = 65_536
"""The first rows, whose contexts are compared where every propensity is 1."""


@dataclass
class Constant:
    """Whether every propensity is the same number, and what was chosen in one context.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> found = Constant()
    >>> found.add(Events(Space(("a", "b")), [1, 2], [1, 2], [0, 1], [0.0, 1.0], propensity=[1.0, 1.0]))
    >>> found.value, found.in_one_context()
    (1.0, 2)
    """

    low: float = field(default=math.inf, init=False)
    high: float = field(default=-math.inf, init=False)
    contexts: Int64 = field(default_factory=lambda: np.zeros(0, np.int64), init=False, repr=False)
    actions: Int64 = field(default_factory=lambda: np.zeros(0, np.int64), init=False, repr=False)

    def add(self, events: Events) -> None:
        """Take in a chunk that has propensities."""
        if events.propensity is None or not len(events):
            return
        self.low = min(self.low, float(events.propensity.min()))
        self.high = max(self.high, float(events.propensity.max()))
        if self.low == 1.0 and len(self.contexts) < _ROWS:
            first = np.arange(min(len(events), _ROWS - len(self.contexts)))
            self._keep(_hashed(events.take(first)), events.action[first].astype(np.int64))
        elif self.low != 1.0:
            self.contexts = self.actions = np.zeros(0, np.int64)

    def merge(self, other: Constant) -> None:
        """Take in what another has seen on a later part of the log."""
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self._keep(other.contexts, other.actions)

    def _keep(self, contexts: Int64, actions: Int64) -> None:
        self.contexts = np.concatenate([self.contexts, contexts])[:_ROWS]
        self.actions = np.concatenate([self.actions, actions])[:_ROWS]

    @property
    def value(self) -> float | None:
        """The one propensity, or None."""
        return self.low if self.high - self.low <= 1e-9 * self.high else None

    def in_one_context(self) -> int:
        """Return the largest number of actions chosen in one context, among the first rows."""
        if self.value != 1.0:
            return 0
        pairs = np.unique(np.stack([self.contexts, self.actions], axis=1), axis=0)
        return int(np.unique(pairs[:, 0], return_counts=True)[1].max())


def _hashed(events: Events) -> Int64:
    """Return a hash of what each decision saw: context, slot and eligible actions."""
    bits = np.ascontiguousarray(events.context).view(np.int32).astype(np.uint64)
    columns = [bits[:, j] for j in range(bits.shape[1])] + [events.slot.astype(np.uint64)]
    if events.indptr is not None and events.eligible is not None:
        mixed = _mixed(events.eligible.astype(np.uint64) + np.uint64(1))
        ends = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed)])
        columns.append(ends[events.indptr[1:]] - ends[events.indptr[:-1]])
    out = np.zeros(len(events), np.uint64)
    for column in columns:
        out = _mixed(out * np.uint64(31) + column + np.uint64(1))
    return out.view(np.int64)


def _mixed(x: UInt64) -> UInt64:
    """Return well mixed 64-bit numbers (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
