"""Philox 4x64-10: a random number is a function of key and counter, so nothing has a position to save.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 4.3.
"""

from __future__ import annotations

from types import FunctionType

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float64, Int64

__all__ = ["philox_uniform", "uniforms"]

_M0 = np.uint64(0xD2E7470EE14C6C93)
_M1 = np.uint64(0xCA5A826395121157)
_W0 = np.uint64(0x9E3779B97F4A7C15)
_W1 = np.uint64(0xBB67AE8584CAA73B)
_LOW = np.uint64(0xFFFFFFFF)
_ALL = 2**64 - 1
_32 = np.uint64(32)
_11 = np.uint64(11)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2 ** -53


@kernel
def _high(a: np.uint64, b: np.uint64) -> np.uint64:
    """Return the upper 64 bits of a product of two 64-bit numbers."""
    a0, a1 = a & _LOW, a >> _32
    b0, b1 = b & _LOW, b >> _32
    # Schoolbook multiplication by halves. No sum wraps: (2³² − 1)² + 2 (2³² − 1) is 2⁶⁴ − 1.
    t = a0 * b0
    u = a1 * b0 + (t >> _32)
    v = a0 * b1 + (u & _LOW)
    return a1 * b1 + (u >> _32) + (v >> _32)


if isinstance(_high, FunctionType):
    # Without the JIT numpy warns of scalars that wrap around, which Philox asks for; Python's do not wrap.

    def _times(a: np.uint64, b: np.uint64) -> np.uint64:
        return np.uint64(int(a) * int(b) & _ALL)

    def _plus(a: np.uint64, b: np.uint64) -> np.uint64:
        return np.uint64(int(a) + int(b) & _ALL)

else:
    # One instruction each. Built from 32-bit halves, which never wrap, the kernel takes 3.5 times as long.

    @kernel
    def _times(a: np.uint64, b: np.uint64) -> np.uint64:
        """Return a product modulo 2 ** 64."""
        return a * b

    @kernel
    def _plus(a: np.uint64, b: np.uint64) -> np.uint64:
        """Return a sum modulo 2 ** 64."""
        return a + b


@kernel
def philox_uniform(k0: np.uint64, k1: np.uint64, c0: np.uint64, c1: np.uint64) -> float:
    """Return the first output of counter (c0, c1, 0, 0) under key (k0, k1) as a float in [0, 1)."""
    x0, x1, x2, x3 = c0, c1, np.uint64(0), np.uint64(0)
    # Ten rounds as the authors advise; seven pass their tests, and three more are their margin.
    for _ in range(10):
        h0 = _high(_M0, x0)
        l0 = _times(_M0, x0)
        h1 = _high(_M1, x2)
        l1 = _times(_M1, x2)
        x0, x1, x2, x3 = h1 ^ x1 ^ k0, l1, h0 ^ x3 ^ k1, l0
        k0 = _plus(k0, _W0)
        k1 = _plus(k1, _W1)
    # 53 bits fill the mantissa: the product is exact, and 1 is never reached. The other three words are
    # dropped, so that a draw depends on its own counter alone.
    return np.float64(x0 >> _11) * _TO_UNIT


@kernel
def uniforms(k0: np.uint64, k1: np.uint64, a: Int64, b: Int64, out: Float64) -> None:
    """Fill ``out`` with the uniforms of counters (a[i], b[i]).

    Parameters
    ----------
    k0, k1 : uint64
        Key of the stream.
    a, b : int64 (n,) or (1,)
        The two counters of each number, or one for all.
    out : float64 (n,)
        Filled, in [0, 1).
    """
    one_a, one_b = len(a) == 1, len(b) == 1
    for i in range(len(out)):
        out[i] = philox_uniform(k0, k1, np.uint64(a[0 if one_a else i]), np.uint64(b[0 if one_b else i]))
