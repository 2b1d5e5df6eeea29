"""Items: ragged lists of item ids, one list a request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.types.arrays import Int32, Int64
from ltrr.types.ragged import take_flat

__all__ = ["Items"]


@dataclass(frozen=True)
class Items:
    """Ragged item ids of B requests.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Request b owns ``item[indptr[b]:indptr[b + 1]]``.
    item : int32 (N,)
        Item ids; −1 stands for an empty place.

    Examples
    --------
    >>> lists = Items(np.array([0, 2, 3]), np.array([5, 9, 8]))
    >>> len(lists), lists.take(np.array([1, 0])).item.tolist()
    (2, [8, 5, 9])
    """

    indptr: Int64
    item: Int32

    def __post_init__(self) -> None:
        item = _check.array("Items.item", self.item, np.int32, (None,))
        object.__setattr__(self, "item", item)
        object.__setattr__(self, "indptr", _check.indptr("Items.indptr", self.indptr, None, len(item)))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @staticmethod
    def empty() -> Items:
        """Return an empty batch."""
        return Items(np.zeros(1, np.int64), np.zeros(0, np.int32))

    def take(self, rows: Int64) -> Items:
        """Return the lists of the chosen requests."""
        indptr, flat = take_flat(self.indptr, rows)
        return Items(indptr, self.item[flat])
