"""Tables that a scan of decision-service lines fills, and the names of their columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "ASK",
    "BY_CONTENT",
    "BY_ID",
    "BY_TAG",
    "CB",
    "CCB",
    "CHOSEN",
    "CONTEXT",
    "COST",
    "DANGLING",
    "DROP",
]
__all__ += ["END", "IDENT", "IDENTS", "KIND", "LENGTH", "LINE", "LIST", "NUMBER", "ORIGINAL", "PROPENSITY"]
__all__ += ["ROW", "ROWS", "SLATES", "SLOT", "START", "TIME", "UNREADABLE", "Columns", "columns"]

CB, CCB, SLATES, DANGLING, ASK, UNREADABLE = range(6)
"""Kinds of line; the kernel leaves to Python's json what it marks ASK, which may turn out UNREADABLE."""

START, END, KIND, ROW, ROWS, IDENT, IDENTS, CONTEXT, NUMBER = range(9)
"""Columns of `Columns.lines`; CONTEXT is where the object with the features starts, or −1."""

DROP, TIME = range(2)
"""Columns of `Columns.line_real`."""

LINE, SLOT, CHOSEN, LIST, LENGTH = range(5)
"""Columns of `Columns.rows`; CHOSEN is a place in `_multi` (−1 for none), LENGTH −1 means all actions."""

COST, ORIGINAL, PROPENSITY = range(3)
"""Columns of `Columns.row_real`."""

BY_CONTENT, BY_ID, BY_TAG = range(3)
"""What an action is known by."""


class Columns(NamedTuple):
    """What a scan writes: lines, the rows (slots) of lines, the actions of rows, the elements of `_multi`."""

    lines: Any
    line_real: Any
    event: Any
    rows: Any
    row_real: Any
    action: Any
    probability: Any
    ident: Any
    ident_info: Any
    listed: Any
    listed_real: Any


def columns(size: int) -> Columns:
    """Return room for any text of ``size`` bytes: a row takes at least eight, all else at least two."""
    n = size // 2 + 2
    # pages of memory that are never written cost nothing
    return Columns(
        np.empty((n, 9), np.int64),
        np.empty((n, 2)),
        np.empty(n, np.uint64),
        np.empty((size // 8 + 2, 5), np.int64),
        np.empty((size // 8 + 2, 3)),
        np.empty(n, np.int32),
        np.empty(n),
        np.empty(n, np.uint64),
        np.empty((n, 2), np.int32),
        np.empty(n, np.int64),
        np.empty(n),
    )
