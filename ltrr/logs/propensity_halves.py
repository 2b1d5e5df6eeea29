"""How rows are divided by their context: halves of its columns, and patterns of halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltrr._kernels.propensity import pattern_codes
from ltrr.types import Float32, Float64, Int8, Int64

__all__ = ["FIRST_ROWS", "Halves"]

FIRST_ROWS = 1_024
"""Columns are cut at the median of these rows, however long the chunks are."""
_COLUMNS, _COLUMNS_RAGGED = 12, 8
"""Columns that are cut; fewer where every eligible action of a row is counted."""
_CELLS = 10_000
"""Most pairs of action and half."""
_GROUP = 4


@dataclass(frozen=True)
class Halves:
    """Thresholds that cut columns of the context in halves.

    Parameters
    ----------
    columns : int64 (C,)
        Places of the columns.
    thresholds : float32 (C,)
        Values above lie in the upper half; missing values in the lower one.
    bits : int
        Columns of a group, whose patterns of halves are cells.

    Examples
    --------
    >>> halves = Halves.of(np.array([[0.0, 5.0], [1.0, 5.0], [3.0, 5.0]], np.float32), 2, ragged=False)
    >>> halves.columns.tolist(), halves.thresholds.tolist(), halves.bits
    ([0], [1.0], 1)
    """

    columns: Int64
    thresholds: Float32
    bits: int

    @staticmethod
    def of(context: Float32, n_actions: int, *, ragged: bool) -> Halves:
        """Choose columns that vary, and cut them at their medians; 0/1 columns part by themselves."""
        most = min(_COLUMNS_RAGGED if ragged else _COLUMNS, max(0, (_CELLS // max(n_actions, 1) - 1) // 2))
        columns: list[int] = []
        thresholds: list[float] = []
        for j in range(context.shape[1]):
            values = np.sort(context[:, j][~np.isnan(context[:, j])])
            if len(columns) == most or not len(values) or values[0] == values[-1]:
                continue
            middle = values[(len(values) - 1) // 2]
            # a median that is the largest value leaves nothing above it
            if middle == values[-1]:
                middle = values[values < middle][-1]
            columns.append(j)
            thresholds.append(middle)
        return Halves(
            np.array(columns, np.int64), np.array(thresholds, np.float32), min(_GROUP, len(columns))
        )

    @property
    def groups(self) -> int:
        """Groups of columns; one where no column is cut."""
        return max(1, -(-len(self.columns) // max(self.bits, 1)))

    def codes(self, context: Float32) -> Int8:
        """Return each row's pattern of halves in every group."""
        codes: Int8 = pattern_codes(context, self.columns, self.thresholds, self.bits)
        return codes

    def sums(self, codes: Int8, values: Float64) -> Float64:
        """Return the sums of values by pattern, (G, P)."""
        return np.array([np.bincount(code, values, 1 << self.bits) for code in codes.T])

    def split(self, sums: Float64) -> Float64:
        """Return sums by pattern (G, P, A, k) as sums of all rows and of halves, (A, k, 1 + 2C).

        Upper halves come first, then lower ones.
        """
        total = sums[0].sum(axis=0)
        pattern = np.arange(sums.shape[1])
        upper, lower = [], []
        for j in range(len(self.columns)):
            above = (pattern >> (j % self.bits)) & 1 == 1
            upper.append(sums[j // self.bits, above].sum(axis=0))
            lower.append(sums[j // self.bits, ~above].sum(axis=0))
        return np.stack([total, *upper, *lower], axis=-1)

    def name(self, h: int, columns: Sequence[str]) -> str:
        """Name a half by the names of the context's columns; upper halves come first."""
        at = h % len(self.columns)
        sign = "above" if h < len(self.columns) else "not above"
        return f"{columns[self.columns[at]]} is {sign} {self.thresholds[at]:.4g}"

    def fits(self, other: Halves) -> bool:
        """Return whether both cut the same columns at the same values."""
        return np.array_equal(self.columns, other.columns) and np.array_equal(
            self.thresholds, other.thresholds
        )
