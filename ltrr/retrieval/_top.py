"""The best items of a whole catalogue."""

from __future__ import annotations

import numpy as np

from ltrr.types import Bool, Float32, Int32

__all__ = ["top_of"]


def top_of(score: Float32, allowed: Bool, depth: int) -> Int32:
    """Return the allowed items by score and id: at least ``depth`` of them, or all.

    Parameters
    ----------
    score, allowed : float32 (N,), bool (N,)
        Of all items.
    depth : int

    Examples
    --------
    >>> top_of(np.array([1, 3, 3, 2], np.float32), np.array([True, True, True, False]), 2).tolist()
    [1, 2]
    """
    if depth == 0:
        return np.empty(0, np.int32)
    items = np.flatnonzero(allowed)
    if depth < len(items):
        value = score[items]
        # Whatever ties with the last place is kept: the tie is decided below, by item id.
        items = items[value >= np.partition(value, len(value) - depth)[len(value) - depth]]
    return np.asarray(items[np.lexsort((items, -score[items]))], np.int32)
