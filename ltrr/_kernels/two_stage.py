"""Which quotas would have shown the same page."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr._kernels.spill import delivered
from ltrr.types.arrays import Int32, Int64

__all__ = ["page_groups"]


@kernel
def page_groups(
    indptr: Int64,
    source_start: Int64,
    source: Int32,
    quotas: Int32,
    slabs: Int32,
    slot_size: int,
    fallback: Int32,
    group: Int64,
    page: Int32,
) -> None:
    """Fill ``group`` (B, Q) with the lowest quota that shows the same page, ``page`` (B, Q, K) with places.

    Request b has ``indptr[b + 1] − indptr[b]`` candidates, known by their places in the ranker's order, and
    the sources ``source_start[b]:source_start[b + 1]`` (place, arm, rank) in ascending order of place. A
    candidate is drawn by a quota if some arm delivers deeper than its rank there. Empty places are −1.

    Parameters
    ----------
    indptr, source_start : int64 (B + 1,)
        Candidates and sources of each request.
    source : int32 (M, 3)
        Place in the ranker's order, arm, and rank within the arm.
    quotas : int32 (Q, R)
        Slots of each arm.
    slabs : int32 (R,)
        Candidates that a slot asks of each arm.
    slot_size : int
        Candidates a slot.
    fallback : int32 (F,)
        Arms that deliver what is missing of the slots, in this order.
    group : int64 (B, Q)
        Filled.
    page : int32 (B, Q, K)
        Filled.
    """
    n_quotas, n_arms = quotas.shape
    k = page.shape[2]
    available = np.zeros(n_arms, np.int32)
    depth = np.zeros(n_arms, np.int32)
    for b in range(len(indptr) - 1):
        first, last = source_start[b], source_start[b + 1]
        available[:] = 0
        for i in range(first, last):
            # Ranks of a list have no gap, so that the deepest one gives its length.
            available[source[i, 1]] = max(available[source[i, 1]], source[i, 2] + 1)
        for q in range(n_quotas):
            delivered(quotas[q], available, slabs, slot_size, fallback, depth)
            found, previous = 0, -1
            for i in range(first, last):
                # The sources of a candidate stand side by side, so that looking one back is enough to count
                # it once.
                if source[i, 0] != previous and source[i, 2] < depth[source[i, 1]]:
                    previous = source[i, 0]
                    page[b, q, found] = previous
                    found += 1
                    # Places ascend in the ranker's order: the first k that are drawn are the page.
                    if found == k:
                        break
            page[b, q, found:] = -1
            group[b, q] = q
            for other in range(q):
                # Only the first quota of each group: the others show its page.
                if group[b, other] == other:
                    same = True
                    for j in range(k):
                        if page[b, q, j] != page[b, other, j]:
                            same = False
                            break
                    if same:
                        group[b, q] = other
                        break
