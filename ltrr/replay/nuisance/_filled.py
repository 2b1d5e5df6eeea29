"""Missing numbers, for regressions that take none."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr.types import Float32, Float64, Int64

__all__ = ["Filled"]


@dataclass
class Filled:
    """Columns whose missing values are their means, and a column for each that says where one was missing.

    Means, and which columns lack values, are those of the rows it was fitted on; a column that had no value
    at all is 0.

    Examples
    --------
    >>> filled = Filled()
    >>> filled.fit(np.array([[1.0, 5.0], [3.0, np.nan], [2.0, 7.0]]))
    >>> filled(np.array([[np.nan, np.nan], [4.0, 8.0]])).tolist()
    [[2.0, 6.0, 1.0], [4.0, 8.0, 0.0]]
    """

    _mean: Float64 = field(init=False, repr=False)
    _lacking: Int64 = field(init=False, repr=False)

    def fit(self, x: Float32 | Float64) -> None:
        """Learn the means, and which columns lack values, from rows (n, D)."""
        known = ~np.isnan(x)
        total = np.where(known, x, 0.0).sum(axis=0, dtype=np.float64)
        self._mean = total / np.maximum(known.sum(axis=0), 1)
        self._lacking = np.flatnonzero(~known.all(axis=0))

    def __call__(self, x: Float32 | Float64) -> Float64:
        """Return rows without missing values, (n, D + columns that lacked values)."""
        gone = np.isnan(x)
        if not len(self._lacking) and not gone.any():
            return x.astype(np.float64)
        return np.concatenate([np.where(gone, self._mean, x), gone[:, self._lacking]], axis=1)
