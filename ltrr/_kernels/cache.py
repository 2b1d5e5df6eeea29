"""Beginnings of stored lists."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Bool, Float32, Int32, Int64

__all__ = ["beginnings", "whole_rows"]


@kernel
def beginnings(
    indptr: Int64, item: Int32, score: Float32, query: Int32, depth: Int32
) -> tuple[Int64, Int32, Float32, Bool]:
    """Return the first ``depth[b]`` entries, or as many as there are, of each query's list, as CSR.

    The last array says which lists were as long as asked for.

    Parameters
    ----------
    indptr, item, score : int64 (L + 1,), int32 (N,), float32 (N,)
        L stored lists: that of no query (−1) first, then that of query 0…
    query : int32 (B,)
        The query of each request.
    depth : int32 (B,)
        How many entries it takes at most, >= 0.
    """
    out_indptr = np.zeros(len(query) + 1, np.int64)
    capped = np.empty(len(query), np.bool_)
    for b in range(len(query)):
        length = indptr[query[b] + 2] - indptr[query[b] + 1]
        # Widths come first, so that the outputs are allocated once, at their size.
        out_indptr[b + 1] = out_indptr[b] + min(length, np.int64(depth[b]))
        capped[b] = length >= depth[b]
    out_item = np.empty(out_indptr[-1], np.int32)
    out_score = np.empty(out_indptr[-1], np.float32)
    for b in range(len(query)):
        shift = indptr[query[b] + 1] - out_indptr[b]
        for j in range(out_indptr[b], out_indptr[b + 1]):
            out_item[j] = item[j + shift]
            out_score[j] = score[j + shift]
    return out_indptr, out_item, out_score, capped


@kernel
def whole_rows(indptr: Int64, value: Int32, row: Int64) -> tuple[Int64, Int32]:
    """Return the lists ``row[b]``, as CSR.

    Parameters
    ----------
    indptr, value : int64 (L + 1,), int32 (N,)
        L stored lists.
    row : int64 (B,)
        The list that each request takes.
    """
    out_indptr = np.zeros(len(row) + 1, np.int64)
    for b in range(len(row)):
        out_indptr[b + 1] = out_indptr[b] + indptr[row[b] + 1] - indptr[row[b]]
    out = np.empty(out_indptr[-1], np.int32)
    for b in range(len(row)):
        out[out_indptr[b] : out_indptr[b + 1]] = value[indptr[row[b]] : indptr[row[b] + 1]]
    return out_indptr, out
