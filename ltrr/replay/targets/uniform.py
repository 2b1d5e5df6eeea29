"""Every eligible action with the same probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr.logs.events import Events
from ltrr.replay.targets.distribution import Distribution
from ltrr.replay.targets.reads import NO_COLUMNS, Reads
from ltrr.types import Float64, Int64

__all__ = ["UniformTarget"]


def _widths(events: Events) -> Int64:
    """Return how many actions each row could choose among, without building the action sets."""
    if events.indptr is None:
        return np.full(len(events), len(events.space.actions), np.int64)
    return np.diff(events.indptr)


@dataclass(frozen=True)
class UniformTarget(Distribution):
    """Give each of the n eligible actions of a row probability 1/n.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> three = Space(("a", "b", "c"))
    >>> one = Events(three, row=np.ones(1), key=np.ones(1), action=np.array([2]), reward=np.ones(1))
    >>> UniformTarget().logged(one).round(3).tolist()
    [0.333]
    """

    @property
    def name(self) -> str:
        """Name in tables."""
        return "uniform"

    @property
    def reads(self) -> Reads:
        """Nothing but the actions."""
        return NO_COLUMNS

    def probabilities(self, events: Events) -> Float64:
        """Return 1/n for each of the n eligible actions."""
        widths = _widths(events)
        return np.repeat(1.0 / widths, widths)

    def logged(self, events: Events) -> Float64:
        """Return 1/n for a row of n eligible actions, (n,)."""
        return np.asarray(1.0 / _widths(events))
