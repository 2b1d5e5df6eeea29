"""Where a model would put what users acted on."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float64, Int32, Int64

__all__ = ["ranks_of"]


@kernel
def ranks_of(indptr: Int64, score: Float64, row: Int64, candidate: Int64, out: Int32) -> None:
    """Fill ``out`` (A,) with the rank of single candidates among all of their request, from 0.

    Parameters
    ----------
    indptr : int64 (P + 1,)
        Candidates of each page, ascending by item id.
    score : float64 (N,)
        Scores, none NaN.
    row, candidate : int64 (A,)
        The page, and which of its candidates.
    out : int32 (A,)
    """
    for a in range(len(row)):
        first, own = indptr[row[a]], indptr[row[a]] + candidate[a]
        rank = 0
        for j in range(first, indptr[row[a] + 1]):
            # a tie goes to the smaller item id, as on the page
            if score[j] > score[own] or (score[j] == score[own] and j < own):
                rank += 1
        out[a] = rank
