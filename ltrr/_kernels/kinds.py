"""Kinds of requests: a few columns of their context, cut into buckets."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float32, Float64, Int64

__all__ = ["kinds"]


@kernel
def kinds(context: Float32, column: Int64, cut: Float64, cut_indptr: Int64, out: Int64) -> None:
    """Fill ``out`` (B,) with the number of each request's combination of buckets, the last column fastest.

    Parameters
    ----------
    context : float32 (B, D)
    column : int64 (c,)
        Columns that are cut; −1 counts as the lowest bucket.
    cut, cut_indptr : float64 (M,), int64 (c + 1,)
        Rising edges of each column; a value on an edge is above it, and NaN is above all.
    out : int64 (B,)
        Filled.
    """
    for b in range(len(context)):
        kind = 0
        for c in range(len(column)):
            low, high = cut_indptr[c], cut_indptr[c + 1]
            bucket = 0
            if column[c] >= 0:
                for i in range(low, high):
                    # Asked this way round, NaN is above every edge, as numpy sorts it.
                    if not context[b, column[c]] < cut[i]:
                        bucket += 1
            kind = kind * (high - low + 1) + bucket
        out[b] = kind
