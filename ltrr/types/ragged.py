"""Row arithmetic for CSR data: what ``take`` and ``concat`` share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ltrr.types.arrays import Int64

__all__ = ["concat_indptr", "indptr_of", "row_of", "take_flat"]


def row_of(indptr: Int64) -> Int64:
    """Return the row that each flat value belongs to, (N,).

    Examples
    --------
    >>> import numpy as np
    >>> row_of(np.array([0, 2, 3])).tolist()
    [0, 0, 1]
    """
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def indptr_of(lengths: ArrayLike) -> Int64:
    """Return the row pointer of rows of these lengths.

    Examples
    --------
    >>> indptr_of([2, 0, 1]).tolist()
    [0, 2, 2, 3]
    """
    out = np.zeros(len(np.asarray(lengths)) + 1, np.int64)
    np.cumsum(lengths, out=out[1:])
    return out


def take_flat(indptr: Int64, rows: Int64) -> tuple[Int64, Int64]:
    """Return the row pointer of the chosen rows and the flat positions of their values.

    Examples
    --------
    >>> import numpy as np
    >>> ptr, flat = take_flat(np.array([0, 2, 2, 5]), np.array([2, 0]))
    >>> ptr.tolist(), flat.tolist()
    ([0, 3, 5], [2, 3, 4, 0, 1])
    """
    lengths = indptr[1:][rows] - indptr[:-1][rows]
    new = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=new[1:])
    flat = np.arange(new[-1], dtype=np.int64) + np.repeat(indptr[rows] - new[:-1], lengths)
    return new, flat


def concat_indptr(parts: Sequence[Int64]) -> Int64:
    """Join row pointers end to end.

    Examples
    --------
    >>> import numpy as np
    >>> concat_indptr([np.array([0, 2]), np.array([0, 1, 4])]).tolist()
    [0, 2, 3, 6]
    """
    # without np.diff, which takes longer than the work where parts are single rows
    lengths = np.concatenate([p[1:] - p[:-1] for p in parts]) if parts else np.zeros(0, np.int64)
    out = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=out[1:])
    return out
