"""How much of what two policies drew and showed is the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ltrr.study.cells import Cells, Table, after_warmup, some
from ltrr.study.study import Study
from ltrr.types import Float64, Int32, Int64

__all__ = ["overlap", "shared_with"]


def shared_with(own: Cells, other: Cells, study: Study) -> Iterator[tuple[str, Float64]]:
    """Yield (metric, one value a seed): the mean overlap with another policy on evenly spaced requests."""
    rows = after_warmup(own.pages, study)
    if not (some(rows) and other.pages):
        return
    for metric, column in (("candidates_shared", "candidates"), ("page_shared", "page")):
        yield (
            metric,
            np.array(
                [
                    np.mean(overlap(*_lists(mine, column), *_lists(theirs, column))[r])
                    for mine, theirs, r in zip(own.pages, other.pages, rows, strict=True)
                ]
            ),
        )


def _lists(table: Table, column: str) -> tuple[Int64, Int32]:
    return table[f"{column}_indptr"], table[column]


def overlap(first_indptr: Int64, first: Int32, second_indptr: Int64, second: Int32) -> Float64:
    """Return the overlap of two item sets a request: those in common over those in either (Jaccard).

    Parameters
    ----------
    first_indptr, second_indptr : int64 (n + 1,)
        Row b owns ``first[first_indptr[b]:first_indptr[b + 1]]``, distinct items; likewise the second.
    first, second : int32

    Returns
    -------
    float64 (n,)
        1 where both sets are empty.

    Examples
    --------
    >>> ends = np.array([0, 2, 2])
    >>> overlap(ends, np.array([4, 7]), np.array([0, 1, 1]), np.array([7])).tolist()
    [0.5, 1.0]
    """
    n = len(first_indptr) - 1
    sizes = [np.diff(first_indptr), np.diff(second_indptr)]
    # request and item as one number: one sorted search finds what both have, for all requests at once
    mine, theirs = (
        np.repeat(np.arange(n, dtype=np.int64), size) << 32 | items
        for size, items in zip(sizes, (first, second), strict=True)
    )
    common = np.bincount(np.intersect1d(mine, theirs, assume_unique=True) >> 32, minlength=n)
    either = sizes[0] + sizes[1] - common
    out = np.ones(n)
    np.divide(common, either, out=out, where=either > 0)
    return out
