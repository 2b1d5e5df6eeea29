"""Dense retrieval: exact top k from approximate score blocks, re-scored by one ordered dot product.

A matrix product sums in an order that depends on the batch's shape and the BLAS, so its scores only say who
may be among the best; what is returned is scored by `dot`, whose order of additions is fixed.
"""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr._kernels.top_k import UInt64, key_bits, key_item, key_of, offer, sort_descending
from ltrr.types.arrays import Float32, Int32, Int64

__all__ = ["normalise_rows", "score_pairs", "select"]

# Scores compared at once: such a count is vectorised, and nearly all chunks hold none of the best.
_CHUNK = 256


@kernel
def dot(x: Float32, y: Float32) -> np.float32:
    """Return the inner product of two rows, summed in four lanes that are then added, in this order.

    Parameters
    ----------
    x, y : float32 (d,)
    """
    # lanes are scalars, since an array of them would be allocated at each call; the order stands in the code
    # They start at +0, so that no sum is −0: its key would sort below that of +0, and equal scores would not
    # be tied.
    a = b = c = d = np.float32(0.0)
    whole = len(x) // 4 * 4
    for i in range(0, whole, 4):
        a += x[i] * y[i]
        b += x[i + 1] * y[i + 1]
        c += x[i + 2] * y[i + 2]
        d += x[i + 3] * y[i + 3]
    for i in range(whole, len(x)):
        a += x[i] * y[i]
    return (a + b) + (c + d)


@kernel
def normalise_rows(rows: Float32) -> None:
    """Scale each row to length 1, in place; zero rows stay zero.

    Parameters
    ----------
    rows : float32 (n, d)
        Changed.
    """
    for i in range(len(rows)):
        # Summed in float64: squares of small float32 values would vanish, and long rows would lose digits.
        total = 0.0
        for value in rows[i]:
            total += np.float64(value) * np.float64(value)
        if total > 0.0:
            length = np.sqrt(total)
            for j in range(rows.shape[1]):
                rows[i, j] = np.float32(rows[i, j] / length)


@kernel
def score_pairs(
    query: Float32, row: Int64, indptr: Int64, item: Int32, vector: Float32, out: Float32
) -> None:
    """Fill ``out`` (N,) with the cosines of request b's query, ``query[row[b]]``, and its items.

    Rows of ``query`` and ``vector`` have length 1 or 0; −1 queries and items score 0.

    Parameters
    ----------
    query, vector : float32 (Q, d), float32 (M, d)
        Vectors of queries and items.
    row : int64 (B,)
        Row of ``query`` of each request, −1 for none.
    indptr, item : int64 (B + 1,), int32 (N,)
        Items of each request.
    out : float32 (N,)
        Filled.
    """
    for b in range(len(row)):
        for i in range(indptr[b], indptr[b + 1]):
            out[i] = 0.0
            if row[b] >= 0 and item[i] >= 0:
                out[i] = dot(query[row[b]], vector[item[i]])


@kernel
def _floor(score: Float32, k: int, heap: UInt64) -> np.float32:
    """Return the k-th largest score, where there are at least k."""
    # The approximate scores may be negative, which `key_of` allows for.
    bits = score.view(np.int32)
    size = 0
    floor = np.float32(-np.inf)
    for start in range(0, len(score), _CHUNK):
        chunk = score[start : start + _CHUNK]
        above = np.int32(0)
        for value in chunk:
            above += np.int32(value > floor)
        if above > 0:
            for i in range(start, start + len(chunk)):
                # Only the value of the k-th best is wanted, so it does not matter which of equal scores stay.
                if score[i] > floor:
                    size = offer(heap, size, k, key_of(bits[i], i))
                    if size == k:
                        floor = score[key_item(heap[0])]
    return floor


@kernel
def select(
    approximate: Float32,
    margin: float,
    query: Float32,
    vector: Float32,
    row: Int32,
    out_indptr: Int64,
    item: Int32,
    score: Float32,
) -> None:
    """Write the best items of each query to ``item[out_indptr[b]:out_indptr[b + 1]]``, and their scores.

    ``approximate[b, i]`` is within half of ``margin`` of the ordered score of query b and item ``row[i]``,
    rows ascending; no query asks for more items than there are rows.

    Parameters
    ----------
    approximate : float32 (B, n)
        Scores of all rows, from a matrix product.
    margin : float
        Twice the largest error of such a score.
    query, vector : float32 (B, d), float32 (N, d)
        Vectors of length 1 or 0.
    row : int32 (n,)
        Item of each column of ``approximate``.
    out_indptr : int64 (B + 1,)
        Room for each query's items.
    item, score : int32 (out_indptr[B],), float32 (out_indptr[B],)
        Filled, score descending, then item ascending.
    """
    depth = 0
    for b in range(len(query)):
        depth = max(depth, out_indptr[b + 1] - out_indptr[b])
    heap = np.empty(depth, np.uint64)
    exact = np.empty(1, np.float32)
    exact_bits = exact.view(np.int32)
    bits = score.view(np.uint32)
    for b in range(len(query)):
        k = out_indptr[b + 1] - out_indptr[b]
        if k == 0:
            continue
        # At least k items have an approximate score of the floor or more, so that the k-th best ordered score
        # is no lower than the floor less half the margin; whatever reaches that has at least the floor less
        # the whole margin. Rounding to float32 is harmless: no float32 lies between the bound and its nearest
        # neighbour.
        least = np.float32(_floor(approximate[b], k, heap) - margin)
        size = 0
        for start in range(0, len(row), _CHUNK):
            chunk = approximate[b, start : start + _CHUNK]
            above = np.int32(0)
            for value in chunk:
                above += np.int32(value >= least)
            if above > 0:
                for i in range(start, start + len(chunk)):
                    if approximate[b, i] >= least:
                        # Rows ascend, but the key holds the id as well, so ties do not rest on the order of
                        # the offers.
                        exact[0] = dot(query[b], vector[row[i]])
                        size = offer(heap, size, k, key_of(exact_bits[0], row[i]))
        sort_descending(heap, size)
        for i in range(size):
            item[out_indptr[b] + i] = key_item(heap[i])
            bits[out_indptr[b] + i] = key_bits(heap[i])
