"""Fusion of several arms' lists by rank."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float64, Int32, Int64

__all__ = ["reciprocal_ranks"]


@kernel
def reciprocal_ranks(source_indptr: Int64, rank: Int32, k: float, out: Float64) -> None:
    """Fill ``out`` (N,) with each candidate's sum of 1 / (k + rank + 1) over its sources, in their order."""
    for i in range(len(source_indptr) - 1):
        total = 0.0
        for j in range(source_indptr[i], source_indptr[i + 1]):
            total += 1.0 / (k + rank[j] + 1.0)
        out[i] = total
