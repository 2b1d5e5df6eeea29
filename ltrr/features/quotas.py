"""All ways to divide slots among arms."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ltrr import _check
from ltrr.types import Int32

__all__ = ["all_quotas"]


def all_quotas(n_slots: int, n_arms: int) -> Int32:
    """Return every quota vector of ``n_slots`` over ``n_arms`` in lexicographic order, (Q, R).

    Q is C(n_slots + n_arms − 1, n_slots): 20 for 3 slots and 4 arms, 120 for 3 and 8.

    Examples
    --------
    >>> all_quotas(2, 2).tolist()
    [[0, 2], [1, 1], [2, 0]]
    """
    _check.integer("n_slots", n_slots, low=0)
    _check.integer("n_arms", n_arms, low=1)
    bars = np.array(list(combinations(range(n_slots + n_arms - 1), n_arms - 1)), np.int64)
    edges = np.concatenate(
        [np.full((len(bars), 1), -1), bars, np.full((len(bars), 1), n_slots + n_arms - 1)], axis=1
    )
    return np.ascontiguousarray(np.diff(edges, axis=1) - 1, dtype=np.int32)
