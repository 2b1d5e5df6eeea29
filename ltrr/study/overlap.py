"""How much of what two policies drew and showed is the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ltrr.study.cells import Cells, Table, after_warmup, some
from ltrr.study.study import Study
from ltrr.types import Float64, Int32, Int64

__all__ = ["SHARED", "overlap", "shared_rows", "shared_with"]


SHARED = ("policy", "reference", "candidates", "page")
"""Columns of ``shared.csv``."""

_METRICS = {"candidates": "candidates_shared", "page": "page_shared"}


def shared_with(own: Cells, other: Cells, study: Study) -> Iterator[tuple[str, Float64]]:
    """Yield (metric, one value a seed): the mean overlap with another policy on evenly spaced requests."""
    for column, metric in _METRICS.items():
        values = _shared(own, other, study, column)
        if values is not None:
            yield metric, values


def shared_rows(
    cells: Mapping[str, Cells], pairs: Iterable[tuple[str, str]], study: Study
) -> list[dict[str, Any]]:
    """Return one row a pair of policies: what they have in common, mean over seeds and kept requests."""
    rows = []
    for policy, reference in pairs:
        found = {c: _shared(cells[policy], cells[reference], study, c) for c in _METRICS}
        if all(values is not None for values in found.values()):
            means = {c: float(np.mean(values)) for c, values in found.items() if values is not None}
            rows.append({"policy": policy, "reference": reference, **means})
    return rows


def _shared(own: Cells, other: Cells, study: Study, column: str) -> Float64 | None:
    """Return the mean overlap of one column, one value a seed; None where no requests were kept."""
    rows = after_warmup(own.pages, study)
    if not (some(rows) and other.pages):
        return None
    return np.array(
        [
            np.mean(overlap(*_lists(mine, column), *_lists(theirs, column))[r])
            for mine, theirs, r in zip(own.pages, other.pages, rows, strict=True)
        ]
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
