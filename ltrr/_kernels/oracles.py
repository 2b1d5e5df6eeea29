"""Pages of all quotas at once: sets of candidates are bit masks over the ranker's order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ltrr._kernels.jit import kernel
from ltrr._kernels.spill import delivered
from ltrr.types.arrays import Int8, Int32, Int64

__all__ = ["best_pages", "quota_pages"]

_ONE = np.uint64(1)
_2 = np.uint64(2)
_4 = np.uint64(4)
_8 = np.uint64(8)
_16 = np.uint64(16)
_32 = np.uint64(32)
_M1 = np.uint64(0x5555555555555555)
_M2 = np.uint64(0x3333333333333333)
_M4 = np.uint64(0x0F0F0F0F0F0F0F0F)
_LOW = np.uint64(0x7F)


@kernel
def _ones(word: np.uint64) -> int:
    """Return how many bits are set."""
    # sums within ever wider fields; shifts and adds only, since a product would overflow without the JIT
    word = word - ((word >> _ONE) & _M1)
    word = (word & _M2) + ((word >> _2) & _M2)
    # A byte holds at most 8, which fits into four bits, so that one mask after the sum is enough.
    word = (word + (word >> _4)) & _M4
    # From here on no field overflows (64 fits into a byte), so that nothing is masked until the end.
    word = word + (word >> _8)
    word = word + (word >> _16)
    word = word + (word >> _32)
    # The bytes above are partial sums; 7 bits hold 0 to 64.
    return int(word & _LOW)


@kernel
def _prefixes(source: Int32, n_arms: int, n_words: int, available: Int32) -> NDArray[np.uint64]:
    """Return masks (R, depth + 1, words): mask [a, d] holds the places of arm a's first d candidates.

    ``source`` (M, 3) has place in the ranker's order, arm and rank; ``available`` (R,) is filled with the
    length of each arm's list.
    """
    available[:] = 0
    for i in range(len(source)):
        a = source[i, 1]
        # Ranks of a list have no gap, so that the deepest one gives its length.
        available[a] = max(available[a], source[i, 2] + 1)
    longest = 0
    for a in range(n_arms):
        longest = max(longest, available[a])
    masks = np.zeros((n_arms, longest + 1, n_words), np.uint64)
    for i in range(len(source)):
        place = source[i, 0]
        masks[source[i, 1], source[i, 2] + 1, place >> 6] |= _ONE << np.uint64(place & 63)
    for a in range(n_arms):
        for d in range(1, available[a] + 1):
            for w in range(n_words):
                # Each prefix holds the one before it: the union under any quota is then one OR for each arm
                # and word.
                masks[a, d, w] |= masks[a, d - 1, w]
    return masks


@kernel
def _page(
    masks: NDArray[np.uint64],
    depth: Int32,
    relevant: NDArray[np.uint64],
    grade: Int8,
    page: Int8,
    counts: Int32,
) -> None:
    """Fill ``page`` (K,) with the grades of the best places in the arms' prefixes of length ``depth`` (R,).

    ``counts`` receives the size of the union and its number of relevant candidates.
    """
    found = 0
    size = 0
    hits = 0
    for w in range(len(relevant)):
        word = np.uint64(0)
        for a in range(len(depth)):
            if depth[a] > 0:
                word |= masks[a, depth[a], w]
        # Counted over all words, although the page may be full already.
        size += _ones(word)
        hits += _ones(word & relevant[w])
        while word != 0 and found < len(page):
            # Minus one flips the lowest set bit and the zeros below it: the AND clears that bit, which is the
            # best place.
            rest = word & (word - _ONE)
            # The bits below the lowest one, counted, are its position.
            page[found] = grade[64 * w + _ones((word ^ rest) - _ONE)]
            word = rest
            found += 1
    counts[0] = size
    counts[1] = hits
    page[found:] = -1


@kernel
def quota_pages(
    indptr: Int64,
    source_start: Int64,
    source: Int32,
    grade: Int8,
    quotas: Int32,
    slabs: Int32,
    slot_size: int,
    fallback: Int32,
    page: Int8,
    counts: Int32,
) -> None:
    """Fill ``page`` (B, Q, K) with the grades each quota's page would show, −1 for empty places.

    Request b owns the grades ``indptr[b]:indptr[b + 1]``, in the ranker's order, and the sources
    ``source_start[b]:source_start[b + 1]`` (place in that order, arm, rank). ``counts`` (B, Q, 2) receives
    the size of each union and its number of relevant candidates.

    Parameters
    ----------
    indptr, source_start : int64 (B + 1,)
        Candidates and sources of each request.
    source : int32 (M, 3)
        Place in the ranker's order, arm, and rank within the arm.
    grade : int8 (N,)
        In the ranker's order.
    quotas : int32 (Q, R)
        Slots of each arm.
    slabs : int32 (R,)
        Candidates that a slot asks of each arm.
    slot_size : int
        Candidates a slot.
    fallback : int32 (F,)
        Arms that deliver what is missing of the slots, in this order.
    page : int8 (B, Q, K)
        Filled.
    counts : int32 (B, Q, 2)
        Filled.
    """
    n_quotas, n_arms = quotas.shape
    available = np.zeros(n_arms, np.int32)
    depth = np.zeros(n_arms, np.int32)
    for b in range(len(indptr) - 1):
        own = grade[indptr[b] : indptr[b + 1]]
        relevant = np.zeros((len(own) + 63) // 64, np.uint64)
        for place in range(len(own)):
            if own[place] > 0:
                relevant[place >> 6] |= _ONE << np.uint64(place & 63)
        # Once a request: its hundreds of quotas differ only in where the prefixes end.
        masks = _prefixes(source[source_start[b] : source_start[b + 1]], n_arms, len(relevant), available)
        for q in range(n_quotas):
            delivered(quotas[q], available, slabs, slot_size, fallback, depth)
            _page(masks, depth, relevant, own, page[b, q], counts[b, q])


@kernel
def best_pages(indptr: Int64, grade: Int8, page: Int8) -> None:
    """Fill ``page`` (B, K) with each request's highest grades, descending, −1 for empty places."""
    # A grade is an int8, so that counting sorts in one pass, without comparisons.
    count = np.zeros(128, np.int64)
    for b in range(len(indptr) - 1):
        count[:] = 0
        for i in range(indptr[b], indptr[b + 1]):
            if grade[i] >= 0:
                count[grade[i]] += 1
        place = 0
        for g in range(127, -1, -1):
            while count[g] > 0 and place < page.shape[1]:
                page[b, place] = g
                count[g] -= 1
                place += 1
        page[b, place:] = -1
