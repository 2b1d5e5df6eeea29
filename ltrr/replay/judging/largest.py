"""The largest of many numbers, such as weights or weighted rewards."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr.replay.judging.pareto import pareto_k, tail_size
from ltrr.types import Float64

__all__ = ["Largest"]


@dataclass
class Largest:
    """Keeps the largest numbers of all that are added; parts merge.

    Parameters
    ----------
    limit : int
        How many are kept. 6,000 are the tail of 4 million.

    Examples
    --------
    >>> found = Largest(3)
    >>> found.add(np.array([1.0, 5.0, 2.0]))
    >>> found.add(np.array([4.0, 0.5]))
    >>> sorted(found.values.tolist())
    [2.0, 4.0, 5.0]
    """

    limit: int = 6_000
    values: Float64 = field(default_factory=lambda: np.zeros(0), init=False, repr=False)

    def add(self, values: Float64) -> None:
        """Take in numbers, (n,)."""
        full = len(self.values) >= self.limit
        above = values[values > self.values.min()] if full else values
        joined = np.concatenate([self.values, above])
        if len(joined) > self.limit:
            joined = np.partition(joined, len(joined) - self.limit)[-self.limit :]
        self.values = joined

    def merge(self, other: Largest) -> None:
        """Take in what another has kept."""
        self.add(other.values)

    def tail(self, n: int) -> float | None:
        """Return the shape k̂ of the tail of n numbers; None where there are too few."""
        size = tail_size(n) + 1
        if size >= len(self.values):
            return pareto_k(self.values, n)
        return pareto_k(np.partition(self.values, len(self.values) - size)[-size:], n)
