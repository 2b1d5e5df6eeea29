"""Whether times lie in years in which a log may have been written."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr.types import Float64

__all__ = ["Years"]

_EPOCH_LIKE = 1e8
_YEARS = (1990, 2100)
_YEAR_SECONDS = 31_556_952
_LOW, _HIGH = ((year - 1970) * _YEAR_SECONDS for year in _YEARS)


@dataclass
class Years:
    """Counts times that look like seconds since 1970 and lie outside the years 1990 to 2100.

    Times below 1e8 may count from the log's beginning and are not judged.

    Parameters
    ----------
    n, outside : int
        Times seen, and how many of them lie outside.

    Examples
    --------
    >>> years = Years()
    >>> years.add(np.array([1.7e9, 5.0]))
    >>> years.warning
    ''
    >>> years.add(np.array([9.9e9]))
    >>> years.warning
    '1 of 3 times lies outside the years 1990 to 2100, the first in 2283; are they in one unit, since 1970?'
    """

    n: int = field(default=0, init=False)
    outside: int = field(default=0, init=False)
    _first: float = field(default=0.0, init=False, repr=False)

    def add(self, seconds: Float64) -> None:
        """Take in further times in seconds."""
        late = (seconds >= _EPOCH_LIKE) & ((seconds < _LOW) | (seconds >= _HIGH)) & (seconds < np.inf)
        found = np.flatnonzero(late)
        if len(found) and not self.outside:
            self._first = float(seconds[found[0]])
        self.n += len(seconds)
        self.outside += len(found)

    @property
    def warning(self) -> str:
        """What is to be reported; "" if nothing."""
        if not self.outside:
            return ""
        verb, year = "lies" if self.outside == 1 else "lie", 1970 + int(self._first // _YEAR_SECONDS)
        return (
            f"{self.outside:,} of {self.n:,} times {verb} outside the years {_YEARS[0]} to {_YEARS[1]}, the "
            f"first in {year}; are they in one unit, since 1970?"
        )
