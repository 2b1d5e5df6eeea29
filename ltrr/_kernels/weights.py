"""Sums and a histogram of importance weights in one pass."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float64, Int64

__all__ = ["weight_pass"]


@kernel
def weight_pass(
    weight: Float64, count: Float64, reward: Float64, low: float, per_decade: float, n: Int64, mass: Float64
) -> Float64:
    """Add weights to the histogram (n, mass) and return their sums.

    Bin 0 holds weights of 0, bin 1 those below 10 ** low, bin 2 + b those from 10 ** (low + b / per_decade)
    on; the last bin is open above. Returned: Σ c, Σ c w, Σ c² w², Σ c² w, Σ c², Σ |c w r|, Σ c² w² r², number
    of rows with w r ≠ 0.

    Parameters
    ----------
    weight, count, reward : float64 (n,)
        w, c and r: importance weight, events that the row stands for, reward.
    low : float
        log10 of the smallest weight that has a bin of its own.
    per_decade : float
        Bins a factor of ten.
    n, mass : int64 (bins,), float64 (bins,)
        Rows and Σ c w of each bin; added to.
    """
    out = np.zeros(8)
    last = len(n) - 1
    for i in range(len(weight)):
        w, c, r = weight[i], count[i], reward[i]
        b = 0
        # The logarithm of 0 has no bin, so that weights of 0 have one of their own.
        if w > 0.0:
            x = (np.log10(w) - low) * per_decade
            # int() rounds towards 0, which is down only for x >= 0: what is negative is sorted out before.
            b = min(2 + int(x), last) if x >= 0.0 else 1
        n[b] += 1
        mass[b] += c * w
        cw = c * w
        out[0] += c
        out[1] += cw
        out[2] += cw * cw
        out[3] += c * cw
        out[4] += c * c
        out[5] += abs(cw * r)
        out[6] += cw * r * cw * r
        if w * r != 0.0:
            out[7] += 1.0
    return out
