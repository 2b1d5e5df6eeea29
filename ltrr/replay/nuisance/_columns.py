"""Numbers of linear models: without gaps, centred and scaled."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr.replay.nuisance._filled import Filled
from ltrr.types import Float32, Float64, Int64

__all__ = ["Columns"]


@dataclass
class Columns:
    """Columns with mean 0 and standard deviation 1 over the rows they were fitted on.

    Constant columns are left out. Missing values are means, with a column for each that lacked some
    (`Filled`).

    Examples
    --------
    >>> columns = Columns()
    >>> columns.fit(np.array([[1.0, 7.0], [3.0, 7.0]]))
    >>> columns(np.array([[1.0, 7.0], [4.0, 9.0]])).tolist()
    [[-1.0], [2.0]]
    """

    width: int = field(default=0, init=False)
    _filled: Filled = field(default_factory=Filled, init=False, repr=False)
    _varying: Int64 = field(init=False, repr=False)
    _mean: Float64 = field(init=False, repr=False)
    _scale: Float64 = field(init=False, repr=False)

    def fit(self, x: Float32 | Float64) -> None:
        """Learn means and scales from rows (n, D)."""
        self._filled.fit(x)
        numbers = self._filled(x)
        scale = numbers.std(axis=0)
        # what is constant but for rounding has no slope of its own
        self._varying = np.flatnonzero(scale > 1e-6 * (1.0 + np.abs(numbers).max(axis=0, initial=0.0)))
        self._mean, self._scale = numbers.mean(axis=0)[self._varying], scale[self._varying]
        self.width = len(self._varying)

    def __call__(self, x: Float32 | Float64) -> Float64:
        """Return the scaled columns of rows, (n, width)."""
        numbers = self._filled(x)
        if self.width < numbers.shape[1]:
            numbers = numbers[:, self._varying]
        numbers = numbers - self._mean
        numbers /= self._scale
        return numbers
