"""Sums of rows under Poisson resampling, with draws that are functions of key, resample and seed.

A block of 256 resamples takes 16 calls of Philox for a row: each gives 256 bits, which are 16 draws of 16
bits. A draw u becomes the number of entries of `CUMULATIVE` that are <= u. Over the 65,536 values of u these
weights sum to 65,536 and their squares to 131,072, so that mean and variance are 1 exactly; the nearest
integers to the Poisson probabilities miss that by 3 and 21. Third and fourth central moments are 1.001 and
4.009 (Poisson: 1 and 4), and the largest weight is 8 (a Poisson variable exceeds it once in 900,000 draws).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ltrr._kernels.jit import kernel, parallel
from ltrr._kernels.philox import _M0, _M1, _W0, _W1, _high, _plus, _times
from ltrr.types.arrays import Float64, Int64

__all__ = ["BLOCK", "CUMULATIVE", "poisson_sums", "poisson_weights"]

CUMULATIVE = (24107, 48220, 60275, 64292, 65296, 65497, 65530, 65535)
"""Values of u below the k-th entry have a weight of at most k."""

BLOCK = 256
"""Resamples a thread takes at once: their sums and draws stay in the first cache."""

_CALLS = BLOCK // 16
_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7 = (np.uint16(c) for c in CUMULATIVE)


@kernel
def _draw(k0: np.uint64, k1: np.uint64, key: np.uint64, block: int, word: NDArray[np.uint64]) -> None:
    """Fill ``word`` with the outputs of counters (key, 16 block + t): output w of call t goes to 16 w + t."""
    # Stored by output, so that neighbouring t write neighbouring words, as vector instructions need.
    for t in range(_CALLS):
        x0, x1, x2, x3 = key, np.uint64(_CALLS * block + t), np.uint64(0), np.uint64(0)
        a, b = k0, k1
        for _ in range(10):
            h0, l0 = _high(_M0, x0), _times(_M0, x0)
            h1, l1 = _high(_M1, x2), _times(_M1, x2)
            x0, x1, x2, x3 = h1 ^ x1 ^ a, l1, h0 ^ x3 ^ b, l0
            a, b = _plus(a, _W0), _plus(b, _W1)
        word[t] = x0
        word[_CALLS + t] = x1
        word[2 * _CALLS + t] = x2
        word[3 * _CALLS + t] = x3


@kernel
def _count(u: NDArray[np.uint16], weight: NDArray[np.uint8]) -> None:
    """Turn 16 random bits each into Poisson weights."""
    for j in range(len(u)):
        x = u[j]
        # Eight comparisons, no branch: a search would branch on random bits, which cannot be predicted.
        low = np.uint8(x >= _T0) + np.uint8(x >= _T1) + np.uint8(x >= _T2) + np.uint8(x >= _T3)
        high = np.uint8(x >= _T4) + np.uint8(x >= _T5) + np.uint8(x >= _T6) + np.uint8(x >= _T7)
        weight[j] = np.uint8(low + high)


@parallel
def poisson_sums(k0: np.uint64, k1: np.uint64, key: Int64, rows: Float64, out: Float64) -> None:
    """Add ``Σ_i p_i(b) rows[i]`` to column b of ``out`` (k, resamples, a multiple of `BLOCK`).

    Threads share out blocks of resamples and go through all rows in order, so that sums do not depend on
    how many threads there are.

    Parameters
    ----------
    k0, k1 : uint64
        Key of the stream.
    key : int64 (n,)
        Key of each row's request.
    rows : float64 (n, k)
        What is summed.
    out : float64 (k, resamples)
        Added to.
    """
    n, k = rows.shape
    # Each thread owns its columns of `out`, so that no sum is split between threads.
    for b in numba.prange(out.shape[1] // BLOCK):
        word = np.empty(4 * _CALLS, np.uint64)
        u = word.view(np.uint16)
        p = np.zeros((4, BLOCK), np.uint8)
        x = np.zeros((4, k))
        total = np.zeros((k, BLOCK))
        # four rows at a time: sums are read and written a quarter as often
        for i in range(0, n, 4):
            for r in range(4):
                if i + r < n:
                    _draw(k0, k1, np.uint64(key[i + r]), b, word)
                    _count(u, p[r])
                    x[r] = rows[i + r]
                else:
                    # The weights of an earlier row are still in p[r]; times 0 they add nothing.
                    x[r] = 0.0
            for c in range(k):
                x0, x1, x2, x3 = x[0, c], x[1, c], x[2, c], x[3, c]
                for j in range(BLOCK):
                    # The brackets fix the order of additions, which decides the last bit.
                    total[c, j] += (x0 * p[0, j] + x1 * p[1, j]) + (x2 * p[2, j] + x3 * p[3, j])
        out[:, b * BLOCK : (b + 1) * BLOCK] += total


@kernel
def poisson_weights(k0: np.uint64, k1: np.uint64, key: Int64, out: NDArray[np.uint8]) -> None:
    """Fill ``out`` (n, resamples, a multiple of `BLOCK`) with the weights that `poisson_sums` uses.

    Parameters
    ----------
    k0, k1 : uint64
        Key of the stream.
    key : int64 (n,)
        Key of each row's request.
    out : uint8 (n, resamples)
        Filled.
    """
    word = np.empty(4 * _CALLS, np.uint64)
    u = word.view(np.uint16)
    for i in range(len(key)):
        for b in range(out.shape[1] // BLOCK):
            _draw(k0, k1, np.uint64(key[i]), b, word)
            _count(u, out[i, b * BLOCK : (b + 1) * BLOCK])
