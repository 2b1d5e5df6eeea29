"""Lists and maps of Arrow as row pointers and flat values, whatever slice of a longer column they are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr.types import Float64, Int32, Int64
from ltrr.types.arrow import as_floats, as_numpy, filled

__all__ = ["codes_of", "flat_lists", "flat_maps"]


def _offsets(column: pa.Array) -> tuple[Int64, int, int]:
    offsets = np.asarray(as_numpy(column.offsets), np.int64)
    first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    return offsets - first, first, last


def flat_lists(column: pa.Array) -> tuple[Int64, pa.Array]:
    """Return a column of lists as a row pointer (n + 1,) and its flat values; null is an empty list.

    Examples
    --------
    >>> indptr, flat = flat_lists(pa.array([[9], [1, 2], None, [3]]).slice(1))
    >>> indptr.tolist(), flat.to_pylist()
    ([0, 2, 2, 3], [1, 2, 3])
    """
    if column.null_count:
        # a null list may have entries all the same
        lengths = np.asarray(as_numpy(filled(pc.list_value_length(column), 0)), np.int64)
        return np.append(0, np.cumsum(lengths)), column.flatten()
    indptr, first, last = _offsets(column)
    return indptr, column.values.slice(first, last - first)


def flat_maps(column: pa.Array) -> tuple[Int64, pa.Array, Float64]:
    """Return a column of maps as a row pointer (n + 1,), the flat names and their values.

    Examples
    --------
    >>> maps = pa.array([[("z", 0.0)], [("a", 1.0), ("b", 2.0)]], pa.map_(pa.string(), pa.float64()))
    >>> indptr, names, values = flat_maps(maps.slice(1))
    >>> indptr.tolist(), names.to_pylist(), values.tolist()
    ([0, 2], ['a', 'b'], [1.0, 2.0])
    """
    indptr, first, last = _offsets(column)
    names, values = column.keys.slice(first, last - first), column.items.slice(first, last - first)
    return indptr, names, as_floats(values)


def codes_of(names: pa.Array) -> tuple[Int32, list[str]]:
    """Return labels as codes, −1 for null, and what the codes stand for.

    Examples
    --------
    >>> codes, texts = codes_of(pa.array(["b", None, "b"]))
    >>> codes.tolist(), texts
    ([0, -1, 0], ['b'])
    """
    coded = names if pa.types.is_dictionary(names.type) else names.dictionary_encode()
    codes = np.asarray(as_numpy(filled(coded.indices, -1)), np.int32)
    return codes, coded.dictionary.to_pylist()
