"""Candidates without an item that a request must not see."""

from __future__ import annotations

import numpy as np

from ltrr.types import Candidates, Int32, indptr_of

__all__ = ["without"]


def without(found: Candidates, item: Int32, depth: Int32) -> Candidates:
    """Return the first ``depth[b]`` candidates of each request that are not ``item[b]``.

    An arm asked for one more than ``depth`` so returns what it would over a catalogue without the item.

    Parameters
    ----------
    found : Candidates
    item : int32 (B,)
        The item to drop, −1 for none.
    depth : int32 (B,)
        Greatest number of candidates to keep.

    Examples
    --------
    >>> found = Candidates.from_lists([[4, 7, 2], [4]], depth=[3, 3])
    >>> kept = without(found, np.array([7, -1], np.int32), np.array([2, 2], np.int32))
    >>> kept.item.tolist(), kept.indptr.tolist(), kept.capped.tolist()
    ([4, 2, 4], [0, 2, 3], [True, False])
    """
    row = np.repeat(np.arange(len(found)), np.diff(found.indptr))
    keep = found.item != item[row]
    passed = np.concatenate([[0], np.cumsum(keep)])
    keep &= passed[:-1] - passed[found.indptr[:-1]][row] < depth[row]
    length = np.bincount(row[keep], minlength=len(found)).astype(np.int32)
    return Candidates(indptr_of(length), found.item[keep], found.score[keep], length == depth)
