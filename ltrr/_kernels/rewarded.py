"""How many rewards count, in one pass without temporaries."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float64

__all__ = ["reward_pass"]


@kernel
def reward_pass(factor: Float64, reward: Float64, out: Float64) -> None:
    """Add ``Σ |f r|``, ``Σ (f r)²`` and the number of rows with ``f r ≠ 0`` to ``out`` (3,).

    Parameters
    ----------
    factor, reward : float64 (n,)
        f, the weight of a row times the events that it stands for, and r.
    out : float64 (3,)
        Added to.
    """
    for i in range(len(reward)):
        size = abs(factor[i] * reward[i])
        out[0] += size
        out[1] += size * size
        if size != 0.0:
            out[2] += 1.0
