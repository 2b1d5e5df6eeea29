"""Mean and co-moments of rows in one pass, without temporaries the size of the rows."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import fast
from ltrr.types.arrays import Float64

__all__ = ["moments"]

_BLOCK = 512
"""Rows whose mean is taken first and deviations next: as many as stay in the nearest cache in between."""


@fast
def moments(rows: Float64, mean: Float64, comoment: Float64) -> None:
    """Write the mean (k,) and the centred co-moments (k, k) of rows (n, k), n >= 1."""
    n, k = rows.shape
    mean[:] = 0.0
    comoment[:] = 0.0
    delta = np.empty(k)
    # columns side by side, so that sums over a block read memory in order
    block = np.empty((k, _BLOCK))
    for start in range(0, n, _BLOCK):
        size = min(_BLOCK, n - start)
        for i in range(size):
            for a in range(k):
                block[a, i] = rows[start + i, a]
        joined = start + size
        for a in range(k):
            total = 0.0
            for i in range(size):
                total += block[a, i]
            # Deviations from the block's own mean: sums of squares less n times a squared mean would lose all
            # digits where the mean is large beside the spread.
            centre = total / size
            for i in range(size):
                block[a, i] -= centre
            # The mean of all rows so far moves towards the block's by its share of the rows. (Chan, Golub,
            # LeVeque, "Algorithms for computing the sample variance", Am. Stat. 37, 1983.)
            delta[a] = centre - mean[a]
            mean[a] += delta[a] * (size / joined)
        # 0 in the first block, where there is nothing to be merged with.
        factor = start * (size / joined)
        for a in range(k):
            # Symmetric: half of the products suffice, and the copy at the end makes both halves equal to the
            # bit.
            for b in range(a, k):
                total = 0.0
                for i in range(size):
                    total += block[a, i] * block[b, i]
                comoment[a, b] += total + delta[a] * delta[b] * factor
    for a in range(k):
        for b in range(a):
            comoment[a, b] = comoment[b, a]
