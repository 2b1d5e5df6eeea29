"""Hashes of texts, 128 bits each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ltrr._kernels.jit import kernel
from ltrr._kernels.philox import _plus, _times
from ltrr.types.arrays import Int64

__all__ = ["UInt64", "hash_texts"]

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
