"""Whether propensities fit the actions, where rows of a cluster may share one choice."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr.logs.propensity_check import PropensityCheck
from ltrr.replay.judging.chunk import Chunk
from ltrr.replay.judging.repeats import Repeats

__all__ = ["ClusteredCheck"]

KEPT = 0.3
"""Share of rows that repeat the last action of their cluster from which on choices count as kept."""


@dataclass
class ClusteredCheck:
    """Checks propensities by all rows, or by the first row of every cluster where choices are kept in it.

    An experiment that draws once for a user has right propensities, and as many independent choices as users:
    a test that takes all rows to be independent would reject it.

    Parameters
    ----------
    every, first : PropensityCheck
        Of all rows, and of the first row of every cluster.

    Examples
    --------
    >>> check = ClusteredCheck(PropensityCheck(2), PropensityCheck(2))
    >>> check.chosen is check.every
    True
    """

    every: PropensityCheck
    first: PropensityCheck
    _kept: Repeats = field(default_factory=Repeats, init=False, repr=False)
    _known: int = field(default=0, init=False, repr=False)

    def add(self, chunk: Chunk) -> None:
        """Take in a chunk."""
        self.every.add(chunk.events)
        number = chunk.number
        if number is None or not len(number):
            return
        fresh, at = np.unique(number, return_index=True)
        self.first.add(chunk.events.take(np.sort(at[fresh >= self._known])))
        self._known = max(self._known, int(fresh[-1]) + 1)
        self._kept.add(chunk.events, number)

    @property
    def chosen(self) -> PropensityCheck:
        """The check that counts."""
        found = self._kept.summary()
        share = found["repeat_share"] or 0.0
        certain = found["repeat_p"] is not None and found["repeat_p"] < 1e-4
        return self.first if certain and share >= KEPT else self.every
