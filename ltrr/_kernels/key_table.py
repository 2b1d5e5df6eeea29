"""Keys of events: hashes of texts, and a table of keys that holds what was seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ltrr._kernels.jit import kernel
from ltrr._kernels.philox import _plus, _times
from ltrr.types.arrays import Int64

__all__ = ["UInt64", "hash_texts", "look_up", "mix", "repeated"]

UInt64 = NDArray[np.uint64]

_A = np.uint64(0xBF58476D1CE4E5B9)
_B = np.uint64(0x94D049BB133111EB)
_C = np.uint64(0x9E3779B97F4A7C15)
_D = np.uint64(0xD6E8FEB86659FD93)
_8 = np.uint64(8)
_27, _30, _31, _32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)


@kernel
def _finish(x: np.uint64) -> np.uint64:
    """Return a number whose every bit depends on all bits of ``x``; no two numbers give the same.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 16
    (variant 13 of Stafford's constants).
    """
    x = _times(x ^ (x >> _30), _A)
    x = _times(x ^ (x >> _27), _B)
    return x ^ (x >> _31)


@kernel
def mix(key: UInt64, out: UInt64) -> None:
    """Fill ``out`` with keys spread over all 64 bits, one to one."""
    for i in range(len(key)):
        out[i] = _finish(key[i])


@kernel
def hash_texts(offsets: Int64, data: NDArray[np.uint8], first: UInt64, second: UInt64) -> None:
    """Fill ``first`` and ``second`` with two hashes of the texts ``data[offsets[i]:offsets[i + 1]]``.

    Eight bytes at a time are mixed into two states with different multipliers, the length last.
    """
    for i in range(len(offsets) - 1):
        begin, end = offsets[i], offsets[i + 1]
        x, y = _C, _D
        # The first byte is the lowest on every machine, so that keys do not depend on its byte order.
        for j in range(begin, end, 8):
            word = np.uint64(0)
            for k in range(min(j + 8, end) - 1, j - 1, -1):
                word = (word << _8) | np.uint64(data[k])
            # A product carries upwards only; the shift brings what the high bits know down to the low ones.
            x = _times(x ^ word, _A)
            x ^= x >> _32
            y = _times(_plus(y, word) ^ (y >> _31), _B)
            y ^= y >> _27
        # The last word is filled up with zero bytes: without the length "a" and "a" + NUL would collide.
        length = np.uint64(end - begin)
        first[i] = _finish(_plus(x, length))
        second[i] = _finish(_plus(y, _times(length, _C)))


@kernel
def look_up(
    key: UInt64,
    second: UInt64,
    mask: Int64,
    table: UInt64,
    table_second: UInt64,
    table_mask: Int64,
    room: int,
    earlier: Int64,
) -> int:
    """Fill ``earlier`` with the slots seen before under each key, and add what is new while there is room.

    The tables' length is a power of two; a place is free where ``table_mask`` is 0. Keys with mask 0 are
    passed over. ``second`` and ``table_second`` may both be empty: then the key alone is the identity. Where
    a key is new and no room is left, −1 is filled in. Returned is how many keys were added.

    Parameters
    ----------
    key, second : uint64 (n,), uint64 (n,) or (0,)
        The two halves of each identity.
    mask : int64 (n,), >= 0
        Bit s is set where a request has slot s.
    table, table_second, table_mask : uint64 (T,), uint64 (T,) or (0,), integer (T,)
        What was seen; changed.
    room : int
        How many new keys may be added.
    earlier : int64 (n,)
        Filled.
    """
    # Keys are spread over all bits, so their low bits serve as the place, and the length needs no division.
    last = np.uint64(len(table) - 1)
    added = 0
    for i in range(len(key)):
        earlier[i] = 0
        # Mask 0 marks a free place: a key stored with it could be overwritten and would cut a chain of
        # probes.
        if mask[i] == 0:
            continue
        place = key[i] & last
        # Probing step by step reads memory in order. It ends because the caller keeps half of the places
        # free.
        while table_mask[place] != 0 and not (
            table[place] == key[i] and (len(second) == 0 or table_second[place] == second[i])
        ):
            place = _plus(place, np.uint64(1)) & last
        earlier[i] = table_mask[place]
        if table_mask[place] != 0:
            table_mask[place] |= mask[i]
        # A known key is updated even when the table is full; only new ones need room.
        elif added < room:
            table[place] = key[i]
            if len(second) > 0:
                table_second[place] = second[i]
            table_mask[place] = mask[i]
            added += 1
        else:
            earlier[i] = -1
    return added


@kernel
def repeated(order: Int64, key: UInt64, second: UInt64, mask: Int64, out: Int64) -> None:
    """Fill ``out`` with the slots that keys had before, among keys whose sorted order is given.

    Equal keys keep the order in which they came.

    Parameters
    ----------
    order : int64 (n,)
        Positions of the keys, sorted.
    key, second : uint64 (n,)
        The two halves of each identity.
    mask : int64 (n,), >= 0
        Bit s is set where a request has slot s.
    out : int64 (n,)
        Filled, by position.
    """
    seen = np.int64(0)
    for k in range(len(order)):
        i = order[k]
        if k > 0:
            j = order[k - 1]
            # Compared with the neighbour alone: equal keys stand side by side, so `seen` needs no table.
            if key[i] != key[j] or second[i] != second[j]:
                seen = np.int64(0)
        out[i] = seen
        seen |= mask[i]
