"""The newest items, each request's own future left out."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float64, Int32, Int64

__all__ = ["first_released"]


@kernel
def first_released(order: Int32, released: Float64, time: Float64, depth: Int32) -> tuple[Int64, Int32]:
    """Return, for each request, the first items of a list that are released by its time.

    Parameters
    ----------
    order : int32 (M,)
        Items, best first.
    released : float64 (N,)
        Of all items.
    time, depth : float64 (B,), int32 (B,)
        Of the requests.

    Returns
    -------
    indptr, item : int64 (B + 1,), int32 (indptr[B],)
    """
    indptr = np.zeros(len(time) + 1, np.int64)
    item = np.empty(depth.astype(np.int64).sum(), np.int32)
    end = 0
    for b in range(len(time)):
        most = end + depth[b]
        for i in order:
            if end == most:
                break
            if released[i] <= time[b]:
                item[end] = i
                end += 1
        indptr[b + 1] = end
    return indptr, item[:end]
