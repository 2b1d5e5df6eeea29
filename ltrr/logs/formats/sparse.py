"""Features by name as Arrow maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa

__all__ = ["offsets", "sparse", "sparses"]


def sparse(rows: Sequence[Mapping[bytes, float] | None]) -> pa.MapArray:
    r"""Return features by name as a column of type map<dictionary<int32, string>, double>; None is null.

    Names are UTF-8; bytes that are not are written out, as in ``\xff``.

    Examples
    --------
    >>> sparse([{b"age": 30.0}, None, {}]).to_pylist()
    [[('age', 30.0)], None, []]
    """
    names = list(chain.from_iterable(row for row in rows if row))
    code = {name: i for i, name in enumerate(dict.fromkeys(names))}
    codes = np.fromiter(map(code.__getitem__, names), np.int32, len(names))
    levels = pa.array([name.decode("utf-8", "backslashreplace") for name in code], pa.string())
    values = chain.from_iterable(row.values() for row in rows if row)
    return pa.MapArray.from_arrays(
        offsets(rows),
        pa.DictionaryArray.from_arrays(pa.array(codes), levels),
        pa.array(np.fromiter(values, np.float64, len(names))),
    )


def sparses(rows: Sequence[Sequence[Mapping[bytes, float]] | None]) -> pa.ListArray:
    """Return lists of features by name, one an eligible action, as a column of lists of maps; None is null.

    Examples
    --------
    >>> sparses([[{b"red": 1.0}, {}], None]).to_pylist()
    [[[('red', 1.0)], []], None]
    """
    return pa.ListArray.from_arrays(offsets(rows), sparse(list(chain.from_iterable(r for r in rows if r))))


def offsets(rows: Sequence[Mapping[bytes, float] | Sequence[object] | None]) -> pa.Array:
    """Return where the entries of each row begin and the last one ends; null where the row is.

    Examples
    --------
    >>> offsets([[7, 8], None, [9]]).to_pylist()
    [0, None, 2, 3]
    """
    ends = np.cumsum([0, *(0 if row is None else len(row) for row in rows)])
    return pa.array(ends.astype(np.int32), mask=np.array([*(row is None for row in rows), False]))
