"""Top k of (score, item) pairs packed into one integer, so that the tie rule costs nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ltrr._kernels.jit import kernel

__all__ = ["UInt64", "key_bits", "key_item", "key_of", "offer", "sort_descending"]

UInt64 = NDArray[np.uint64]

_32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_SIGN = np.uint64(0x80000000)


@kernel
def key_of(bits: int, item: int) -> np.uint64:
    """Return a key that orders by score descending, then item ascending: a larger key comes first.

    ``bits`` are those of a float32 score as int32. The bits of positive floats rise with their value;
    those of negative ones fall, and are turned round.

    Parameters
    ----------
    bits : int32
        Bits of the score.
    item : int
        In [0, 2³²).
    """
    # A negative int32 is widened with ones: only its lower half is the float.
    raw = np.uint64(bits) & _LOW
    rising = raw ^ _LOW if bits < 0 else raw | _SIGN
    # The id is turned round, so that among equal scores the lower id has the larger key.
    return (rising << _32) | (_LOW - np.uint64(item))


@kernel
def key_item(key: np.uint64) -> np.int64:
    """Return the item of a key."""
    return np.int64(_LOW - (key & _LOW))


@kernel
def key_bits(key: np.uint64) -> np.uint64:
    """Return the bits of the score that went into a key."""
    rising = key >> _32
    return rising ^ _SIGN if rising & _SIGN else rising ^ _LOW


@kernel
def _sift_down(heap: UInt64, root: int, n: int) -> None:
    """Restore the min-heap ``heap[:n]`` below ``root``."""
    value = heap[root]
    # Values move up into the hole and the root is written once, at its end: half the writes of swapping.
    child = 2 * root + 1
    while child < n:
        # The smaller child moves up, or it would stand below a larger one.
        if child + 1 < n and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[root] = heap[child]
        root = child
        child = 2 * root + 1
    heap[root] = value


@kernel
def offer(heap: UInt64, n: int, k: int, key: np.uint64) -> int:
    """Offer a key to the ``k`` largest kept in the min-heap ``heap[:n]``; return the new ``n``.

    Parameters
    ----------
    heap : uint64 (at least k,)
        Changed in its first k places.
    n : int
        Keys kept so far, at most k.
    k : int >= 1
        Keys to keep.
    key : uint64
        From `key_of`.
    """
    # The smallest kept key is the root: most offers lose to it in one comparison, the others cost log k.
    if n < k:
        at = n
        while at > 0:
            parent = (at - 1) >> 1
            if heap[parent] <= key:
                break
            heap[at] = heap[parent]
            at = parent
        heap[at] = key
        return n + 1
    if key > heap[0]:
        heap[0] = key
        _sift_down(heap, 0, k)
    return n


@kernel
def sort_descending(heap: UInt64, n: int) -> None:
    """Turn the min-heap ``heap[:n]`` into a descending list.

    Parameters
    ----------
    heap : uint64 (at least n,)
        Changed in its first n places.
    n : int
        Keys that it holds.
    """
    for last in range(n - 1, 0, -1):
        heap[0], heap[last] = heap[last], heap[0]
        _sift_down(heap, 0, last)
