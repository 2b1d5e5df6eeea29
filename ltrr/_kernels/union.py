"""The distinct candidates of several lists, with the sources of each."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float32, Int16, Int32, Int64, UInt32

__all__ = ["collect", "layout", "merge"]


@kernel
def layout(
    used: Int32,
    quota: Int32,
    action: Int32,
    slabs: Int32,
    slot_size: int,
    fallback: Int32,
    offset: Int64,
    spilled: Int32,
) -> bool:
    """Say whether slots can hold what was delivered; fill where each list begins and what was spilled.

    Parameters
    ----------
    used, quota : int32 (B, R)
        Candidates and slots of each arm.
    action, slabs, slot_size, fallback
        As for `merge`.
    offset : int64 (B·R + 1,)
        Filled, as `merge` takes it; 0 first.
    spilled : int32 (B,)
        Filled with the candidates beyond the slots of the arms that delivered them.
    """
    n_requests, n_arms = used.shape
    fills = np.zeros(n_arms, np.bool_)
    for a in fallback:
        if not 0 <= a < n_arms or fills[a]:
            return False
        fills[a] = True
    chose = np.empty(n_arms, np.int64)
    for b in range(n_requests):
        chose[:] = 0
        for a in action[b]:
            if 0 <= a < n_arms:
                chose[a] += 1
        total, room, over = 0, 0, 0
        for a in range(n_arms):
            beyond = max(used[b, a] - quota[b, a] * slabs[a], 0)
            wrong = action.shape[1] > 0 and chose[a] != quota[b, a]
            if wrong or used[b, a] < 0 or (beyond > 0 and not fills[a]):
                return False
            offset[b * n_arms + a + 1] = offset[b * n_arms + a] + used[b, a]
            total += used[b, a]
            room += quota[b, a] * slot_size
            over += beyond
        if over > 0 and total > room:
            return False
        spilled[b] = over
    return True


@kernel
def collect(
    indptr: Int64,
    item: Int32,
    score: Float32,
    offset: Int64,
    arm: int,
    n_arms: int,
    out_item: Int32,
    out_score: Float32,
) -> bool:
    """Copy the beginnings of one arm's lists to their places; say whether lists and ids were as they must be.

    Parameters
    ----------
    indptr, item, score : int64 (B + 1,), int32 (N,), float32 (N,)
        The arm's lists.
    offset : int64 (B·R + 1,)
        Where each arm's list begins, as `merge` takes it.
    arm, n_arms : int
        The arm's number, and R.
    out_item, out_score : int32 (M,), float32 (M,)
        Filled in the arm's places.
    """
    n_requests = (len(offset) - 1) // n_arms
    if len(indptr) != n_requests + 1:
        return False
    for b in range(n_requests):
        start, stop = offset[b * n_arms + arm], offset[b * n_arms + arm + 1]
        shift = indptr[b] - start
        if stop + shift > indptr[b + 1]:
            return False
        for j in range(start, stop):
            if item[j + shift] < 0:
                return False
            out_item[j] = item[j + shift]
            out_score[j] = score[j + shift]
    return True


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
def _own_bits(start: Int64, action: Int32, slabs: Int32, slot_size: int, missing: Int64, bit: UInt32) -> None:
    """Give each candidate that an arm delivered to its own slots the bit of the slot.

    Fills ``bit`` at these candidates, of which arm a's begin at ``start[a]``, and ``missing`` (S,) with what
    the arm left of each slot.
    """
    place = start[:-1].copy()
    for s in range(len(action)):
        a = action[s]
        # Slots that chose the same arm get its slabs in turn.
        end = min(place[a] + slabs[a], start[a + 1])
        missing[s] = slot_size - (end - place[a])
        bit[place[a] : end] = np.uint32(1) << np.uint32(s)
        place[a] = end


@kernel
def _spilled_bits(
    start: Int64, quota: Int32, slabs: Int32, fallback: Int32, missing: Int64, bit: UInt32
) -> None:
    """Give each candidate that a fallback arm delivered beyond its own slots the bit of the slot it fills.

    In the order in which they were delivered they fill the slots: the first slot's ``missing`` (S,) ones come
    first.
    """
    s = 0
    for a in fallback:
        for j in range(start[a] + quota[a] * slabs[a], start[a + 1]):
            while missing[s] == 0:
                s += 1
            bit[j] = np.uint32(1) << np.uint32(s)
            missing[s] -= 1


@kernel
def merge(
    offset: Int64,
    item: Int32,
    score: Float32,
    quota: Int32,
    action: Int32,
    slabs: Int32,
    slot_size: int,
    fallback: Int32,
) -> tuple[Int64, Int32, UInt32, Int64, Int16, Int16, Int32, Float32]:
    """Merge collected lists: arm a of request b holds ``offset[b·R + a]:offset[b·R + a + 1]``, best first.

    ``action`` has no column where one slot chose a whole quota: all candidates are that slot's, slot 0.
    Returns the columns of `Union` in order.

    Parameters
    ----------
    offset : int64 (B·R + 1,)
        Where each arm's list begins. An arm outside ``fallback`` delivered at most its quota of slabs, and
        all arms together at most the candidates of all slots.
    item, score : int32 (M,), float32 (M,)
        All lists, one behind the other.
    quota : int32 (B, R)
        Slots of each arm.
    action : int32 (B, S) or (B, 0)
        Arm that each slot chose.
    slabs : int32 (R,)
        Candidates that a slot asks of each arm.
    slot_size : int
        Candidates a slot.
    fallback : int32 (F,)
        Arms that delivered what was missing, in this order.
    """
    n_requests, n_arms = quota.shape
    n_slots = action.shape[1]
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
    of_arm, of_rank = np.empty(most, np.int16), np.empty(most, np.int32)
    # Of a whole quota this is the bit of all, and is never written again.
    of_bit = np.ones(most, np.uint32)
    missing = np.empty(n_slots, np.int64)
    start = np.empty(n_arms + 1, np.int64)

    n = 0
    for b in range(n_requests):
        first, last = offset[b * n_arms], offset[(b + 1) * n_arms]
        start[:] = offset[b * n_arms : (b + 1) * n_arms + 1] - first
        # Arm by arm, best first: the sort is stable, so that the sources of an item keep this order.
        for a in range(n_arms):
            for j in range(start[a], start[a + 1]):
                of_arm[j], of_rank[j] = a, j - start[a]
        if n_slots > 0:
            _own_bits(start, action[b], slabs, slot_size, missing, of_bit)
            _spilled_bits(start, quota[b], slabs, fallback, missing, of_bit)
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
            # More slabs than an int16 counts are beyond any quota, and only that is asked of them.
            slab[first + t] = min(of_rank[j] // slabs[of_arm[j]], 32_767)
            rank[first + t] = of_rank[j]
            out_score[first + t] = score[first + j]
        indptr[b + 1] = n
    return indptr, out_item[:n], slots[:n], source_indptr[: n + 1], arm, slab, rank, out_score
