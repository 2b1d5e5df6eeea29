"""Decayed counts of actions: an item's count is brought up to date only when it is acted on."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Bool, Float64, Int32, Int64

__all__ = ["count_actions", "count_by_row"]


@kernel
def count_actions(page: Int32, acted: Bool, decay: float, lessons: int, count: Float64, clock: Int64) -> None:
    """Count the actions of pages (B, K); ``count[i]`` is as it was after update ``clock[i]``.

    Counts depend on the order of the updates alone, not on how they are cut into batches, to the last bit.

    Parameters
    ----------
    page, acted : int32 (B, K), bool (B, K)
        Items shown, −1 for an empty place, and where the user acted.
    decay : float in (0, 1]
        Factor on all counts from one update (one page) to the next.
    lessons : int
        Number of updates before these.
    count, clock : float64 (N,), int64 (N,)
        Decayed actions of each item, and the update of the last one; changed.
    """
    for b in range(len(page)):
        now = lessons + b + 1
        for k in range(page.shape[1]):
            i = page[b, k]
            if i >= 0 and acted[b, k]:
                # The decay of all lessons since the last action, at once. A count of long ago underflows to
                # 0, which is right.
                count[i] = count[i] * decay ** (now - clock[i]) + 1.0
                clock[i] = now


@kernel
def count_by_row(
    page: Int32, acted: Bool, row: Int32, decay: float, lessons: int, count: Float64, clock: Int64
) -> None:
    """Count the actions of pages (B, K) as `count_actions` does, each page in its own row of a table.

    Parameters
    ----------
    page, acted : int32 (B, K), bool (B, K)
        As in `count_actions`.
    row : int32 (B,)
        The row of each page.
    decay : float in (0, 1]
    lessons : int
        As in `count_actions`.
    count, clock : float64 (S, 1 + N), int64 (S, 1 + N)
        Column 0 counts all actions of the row, column 1 + i those on item i; changed.
    """
    for b in range(len(page)):
        now = lessons + b + 1
        r = row[b]
        for k in range(page.shape[1]):
            i = page[b, k]
            if i >= 0 and acted[b, k]:
                # The total is kept apart: a sum over items would depend on how they are numbered.
                for column in (0, i + 1):
                    count[r, column] = count[r, column] * decay ** (now - clock[r, column]) + 1.0
                    clock[r, column] = now
