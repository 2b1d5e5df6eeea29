"""Per-request sums behind the ranking metrics."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float64, Int8, Int64

__all__ = ["dcg", "first_hit"]


@kernel
def dcg(grade: Int8, gain: Float64, discount: Float64, out: Float64) -> None:
    """Fill ``out`` (B,) with the sums of ``gain[grade] * discount[place]``.

    They run over the first len(discount) places; empty ones (grade below 0) add nothing.
    """
    width = min(grade.shape[1], len(discount))
    for b in range(len(grade)):
        total = 0.0
        for place in range(width):
            # Also keeps −1, an empty place, from reading the last gain.
            if grade[b, place] > 0:
                total += gain[grade[b, place]] * discount[place]
        out[b] = total


@kernel
def first_hit(grade: Int8, k: int, level: int, out: Int64) -> None:
    """Fill ``out`` (B,) with the first of k places whose grade is at least ``level``; −1 where none is."""
    for b in range(len(grade)):
        out[b] = -1
        for place in range(k):
            if grade[b, place] >= level:
                out[b] = place
                break
