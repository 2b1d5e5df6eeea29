"""Which cluster each row belongs to, and sums of rows by cluster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ltrr._kernels.jit import kernel
from ltrr._kernels.philox import _times
from ltrr.types.arrays import Float64, Int64

__all__ = ["add_by_cluster", "find_clusters"]

_ODD = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ over the golden ratio: multiplied by it, neighbouring ids land far apart."""


@kernel
def find_clusters(ids: Int64, table: Int64, place: Int64, known: int, out: Int64) -> int:
    """Return how many ids are known after numbering some in the order in which they are first seen.

    Parameters
    ----------
    ids : int64 (n,)
        Ids of clusters.
    table, place : int64 (size,), int64 (size,)
        Open addressing: the id in each slot and its number, −1 where the slot is free; ``size`` is a power of
        two and more than known + n. Filled.
    known : int
        Ids numbered so far.
    out : int64 (n,)
        Filled with the numbers.
    """
    last = np.uint64(len(table) - 1)
    shift = np.uint64(32)
    for i in range(len(ids)):
        mixed = _times(np.uint64(ids[i]), _ODD)
        # the high half of the product depends on all bits of the id, the low half on its low bits alone
        slot = (mixed ^ (mixed >> shift)) & last
        while place[slot] >= 0 and table[slot] != ids[i]:
            slot = (slot + np.uint64(1)) & last
        if place[slot] < 0:
            table[slot] = ids[i]
            place[slot] = known
            known += 1
        out[i] = place[slot]
    return known


@kernel
def add_by_cluster(number: NDArray[np.int64], rows: Float64, sums: Float64) -> None:
    """Add rows (n, k) to the sums (clusters, k) of their clusters, in order."""
    for i in range(len(number)):
        g = number[i]
        for c in range(rows.shape[1]):
            sums[g, c] += rows[i, c]
