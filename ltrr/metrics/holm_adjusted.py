"""p-values that are right together, by Holm's procedure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ltrr.types import Float64

__all__ = ["holm_adjusted"]


def holm_adjusted(p: Float64 | Sequence[float], weights: Float64 | None = None) -> Float64:
    """Return p-values that are right together, by Holm's procedure.

    In the order of ``p / w`` the i-th is ``max_{j <= i} (p_j / w_j) Σ_{k >= j} w_k``, at most 1: the smallest
    level at which it is found together with all others, however they depend on one another.

    Parameters
    ----------
    p : float64 (M,)
    weights : float64 (M,), optional
        How much of the level each may use, > 0; by default all alike.

    Examples
    --------
    >>> holm_adjusted([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2),
    1979.
    """
    values = np.asarray(p, np.float64)
    weight = np.ones(len(values)) if weights is None else weights
    ratio = values / weight
    order = np.argsort(ratio, kind="stable")
    remaining = np.cumsum(weight[order][::-1])[::-1]
    out = np.empty(len(values))
    out[order] = np.minimum(np.maximum.accumulate(ratio[order] * remaining), 1.0)
    return out
