"""The distinct candidates of several lists, with the sources of each."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float32, Int16, Int32, Int64, UInt32

__all__ = ["SPILL_BIT", "collect", "merge"]

SPILL_BIT = np.uint32(1 << 31)
"""Set on candidates that no slot asked for."""


@kernel
def collect(
    indptr: Int64, item: Int32, score: Float32, start: Int64, stop: Int64, out_item: Int32, out_score: Float32
) -> None:
    """Copy the beginning of each request's list to ``start[b]:stop[b]`` of the outputs.

    Parameters
    ----------
    indptr, item, score : int64 (B + 1,), int32 (N,), float32 (N,)
        One arm's lists.
    start, stop : int64 (B,)
        Where the beginning of each list goes.
    out_item, out_score : int32 (M,), float32 (M,)
        Filled between ``start`` and ``stop``.
    """
    for b in range(len(start)):
        shift = indptr[b] - start[b]
        for j in range(start[b], stop[b]):
            out_item[j] = item[j + shift]
            out_score[j] = score[j + shift]


@kernel
def _sort(item: Int32, order: Int64, spare: Int64) -> None:
    """Fill ``order`` with the stable order of ``item`` (>= 0).

    A radix sort by bytes, as many as the largest id needs: at the 50 to 200 candidates of a request it is
    several times faster than sorting by comparisons, and stability keeps the sources in the order of arms.
    """
    n = len(item)
    largest = np.int32(0)
    for j in range(n):
        order[j] = j
        largest = max(largest, item[j])
    count = np.empty(257, np.int64)
    shift = 0
    # A shift by 32 has no meaning for an int32; ids below 256 need one pass only.
    while shift < 32 and largest >> shift > 0:
        count[:] = 0
        for j in range(n):
            # One place further on, so that the sums below are starts and not ends.
            count[((item[j] >> shift) & 255) + 1] += 1
        for d in range(256):
            count[d + 1] += count[d]
        for j in range(n):
            digit = (item[order[j]] >> shift) & 255
            # In the order so far, which makes each pass stable: without that the earlier bytes would be lost.
            spare[count[digit]] = order[j]
            count[digit] += 1
        order[:n] = spare[:n]
        shift += 8


@kernel
def _bits(quota: Int32, action: Int32, slab: int, arm: int) -> np.uint32:
    """Return the bit of the slot that a slab of an arm belongs to."""
    if len(action) == 0:
        return np.uint32(1) if slab < quota[arm] else SPILL_BIT
    before = 0
    for s in range(len(action)):
        if action[s] == arm:
            # Slots that chose the same arm got its slabs in turn, so that the slab's number finds the slot.
            if before == slab:
                return np.uint32(1) << np.uint32(s)
            before += 1
    return SPILL_BIT


@kernel
def merge(
    offset: Int64, item: Int32, score: Float32, quota: Int32, action: Int32, slot_size: int
) -> tuple[Int64, Int32, UInt32, Int64, Int16, Int16, Int32, Float32]:
    """Merge collected lists: arm a of request b holds ``offset[b·R + a]:offset[b·R + a + 1]``, best first.

    ``action`` has no column where one slot chose a whole quota. Returns the columns of `Union` in order.

    Parameters
    ----------
    offset : int64 (B·R + 1,)
        Where each arm's list begins.
    item, score : int32 (M,), float32 (M,)
        All lists, one behind the other.
    quota : int32 (B, R)
        Slots of each arm.
    action : int32 (B, S) or (B, 0)
        Arm that each slot chose.
    slot_size : int
        Candidates a slot.
    """
    n_requests, n_arms = quota.shape
    m = len(item)
    indptr = np.zeros(n_requests + 1, np.int64)
    # As long as if no item came twice; what is not used is cut off at the end.
    out_item = np.empty(m, np.int32)
    slots = np.empty(m, np.uint32)
    source_indptr = np.zeros(m + 1, np.int64)
    arm = np.empty(m, np.int16)
    slab = np.empty(m, np.int16)
    rank = np.empty(m, np.int32)
    out_score = np.empty(m, np.float32)

    most = 0
    for b in range(n_requests):
        # One set of scratch arrays for all requests, as long as the longest needs.
        most = max(most, offset[(b + 1) * n_arms] - offset[b * n_arms])
    order, spare = np.empty(most, np.int64), np.empty(most, np.int64)
    of_arm, of_slab = np.empty(most, np.int16), np.empty(most, np.int16)
    of_rank, of_bit = np.empty(most, np.int32), np.empty(most, np.uint32)

    n = 0
    for b in range(n_requests):
        first, last = offset[b * n_arms], offset[(b + 1) * n_arms]
        j = 0
        # Arm by arm, best first: the sort is stable, so that the sources of an item keep this order.
        for a in range(n_arms):
            length = offset[b * n_arms + a + 1] - offset[b * n_arms + a]
            for c in range((length + slot_size - 1) // slot_size):
                bit = _bits(quota[b], action[b], c, a)
                for r in range(c * slot_size, min((c + 1) * slot_size, length)):
                    of_arm[j], of_slab[j], of_rank[j], of_bit[j] = a, c, r, bit
                    j += 1
        _sort(item[first:last], order, spare)
        # No item has the id −1.
        previous = np.int32(-1)
        for t in range(last - first):
            j = order[t]
            i = item[first + j]
            if i != previous:
                out_item[n] = i
                slots[n] = 0
                n += 1
                previous = i
            slots[n - 1] |= of_bit[j]
            # Written anew at each source: the last one leaves the end.
            source_indptr[n] = first + t + 1
            arm[first + t] = of_arm[j]
            slab[first + t] = of_slab[j]
            rank[first + t] = of_rank[j]
            out_score[first + t] = score[first + j]
        indptr[b + 1] = n
    for i in range(n):
        # A slot's own draw stands above a spilled one of another arm.
        if slots[i] != SPILL_BIT:
            slots[i] &= ~SPILL_BIT
    return indptr, out_item[:n], slots[:n], source_indptr[: n + 1], arm, slab, rank, out_score
