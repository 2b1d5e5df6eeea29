"""The best K of each request's candidates."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float64, Int64

__all__ = ["top"]


@kernel
def top(indptr: Int64, score: Float64, out: Int64) -> None:
    """Fill ``out`` (B, K) with flat positions, best score first, earlier positions first among equals.

    The page is kept sorted while candidates pass; nearly all of them lose to its last place at once.

    Parameters
    ----------
    indptr, score : int64 (B + 1,), float64 (N,)
        Scores of each request's candidates, none NaN.
    out : int64 (B, K), K >= 1
        Filled; −1 for an empty place.
    """
    places = out.shape[1]
    for b in range(len(out)):
        n = 0
        for j in range(indptr[b], indptr[b + 1]):
            # A tie loses, because candidates come by ascending item id.
            if n == places and score[j] <= score[out[b, n - 1]]:
                continue
            at = n if n < places else n - 1
            # Strictly larger again: among equals the earlier one stays above.
            while at > 0 and score[j] > score[out[b, at - 1]]:
                out[b, at] = out[b, at - 1]
                at -= 1
            out[b, at] = j
            n = min(n + 1, places)
        for k in range(n, places):
            out[b, k] = -1
