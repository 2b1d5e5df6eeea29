"""Names numbered by first appearance, known by hashes of their bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ltrr._kernels import dsjson_features as kernels
from ltrr.types import Int32, Int64

__all__ = ["HashIndex"]

UInt64 = NDArray[np.uint64]


@dataclass
class HashIndex:
    """A table from 64-bit hashes to numbers 0, 1, 2 … in the order in which they were first seen.

    Two names with the same hash would be taken for one: for n names the chance of any is below n² / 2⁶⁵,
    3·10⁻¹⁴ for a million.

    Parameters
    ----------
    most : int
        Hashes beyond this count get no number (−1); they are seen, and lost.

    Examples
    --------
    >>> table = HashIndex(10)
    >>> table.add(np.array([7, 5, 7], np.uint64))[0].tolist(), len(table)
    ([0, 1, 0], 2)
    >>> table.find(np.array([5, 6], np.uint64)).tolist()
    [1, -1]
    """

    most: int
    _n: int = field(default=0, init=False, repr=False)
    _table: UInt64 = field(init=False, repr=False)
    _ids: Int32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._table = np.zeros(1 << 10, np.uint64)
        self._ids = np.zeros(1 << 10, np.int32)

    def __len__(self) -> int:
        return self._n

    @property
    def full(self) -> bool:
        """True when no more are taken."""
        return self._n >= self.most

    def add(self, hashes: UInt64) -> tuple[Int32, Int64]:
        """Return the numbers of hashes, new ones where needed, and the places in ``hashes`` of those."""
        out = np.full(len(hashes), -1, np.int32)
        first = np.empty(self.most, np.int64)
        before, at = self._n, 0
        while True:
            at, self._n = kernels.intern(hashes, at, self._table, self._ids, first, self._n, out)
            if at == len(hashes) or self._n >= self.most:
                break
            self._grow()
        if at < len(hashes):
            kernels.find(hashes[at:], self._table, self._ids, out[at:])
        return out, first[before : self._n]

    def find(self, hashes: UInt64) -> Int32:
        """Return the numbers of hashes, −1 for those that have none."""
        out: Int32 = np.empty(len(hashes), np.int32)
        kernels.find(hashes, self._table, self._ids, out)
        return out

    def _grow(self) -> None:
        used = np.flatnonzero(self._table)
        order: Any = used[np.argsort(self._ids[used])]
        hashes = self._table[order]
        self._table = np.zeros(len(self._table) * 4, np.uint64)
        self._ids = np.zeros(len(self._table), np.int32)
        scratch = np.empty(len(hashes), np.int64)
        out = np.empty(len(hashes), np.int32)
        kernels.intern(hashes, 0, self._table, self._ids, scratch, 0, out)
