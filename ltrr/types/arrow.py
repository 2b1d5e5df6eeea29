"""Arrays between numpy and Arrow by their buffers.

`pyarrow.array`, `pyarrow.scalar` and ``to_numpy`` load pandas wherever it is installed, to ask if a value is
one of its own: a fifth of a second. What is here does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["as_arrow", "as_floats", "as_numpy", "filled", "scalar", "texts"]


def as_arrow(values: NDArray[Any]) -> pa.Array:
    """Return numbers or truth values as an Arrow array, numbers without a copy.

    Examples
    --------
    >>> as_arrow(np.array([0.5, 2.0])).type, as_arrow(np.array([True, False, True])).to_pylist()
    (DataType(double), [True, False, True])
    """
    packed = np.packbits(values, bitorder="little") if values.dtype == np.bool_ else values
    kind = pa.bool_() if values.dtype == np.bool_ else pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(packed))])


def as_numpy(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Return numbers or truth values without nulls as a numpy array: a read-only view where that can be.

    Examples
    --------
    >>> as_numpy(as_arrow(np.arange(5))[1:3]).tolist(), as_numpy(as_arrow(np.array([True, False]))).tolist()
    ([1, 2], [True, False])
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_boolean(array.type):
        return np.from_dlpack(array.cast(pa.uint8())).astype(np.bool_)
    return np.from_dlpack(array)


def texts(values: Sequence[str | None]) -> pa.Array:
    """Return texts as an Arrow array of strings.

    Examples
    --------
    >>> texts(["a", None, "é"]).to_pylist()
    ['a', None, 'é']
    """
    data = [b"" if value is None else value.encode() for value in values]
    ends = np.cumsum([0, *map(len, data)], dtype=np.int64)
    known = np.array([value is not None for value in values], np.bool_)
    valid = pa.py_buffer(np.packbits(known, bitorder="little"))
    buffers = [valid, pa.py_buffer(ends), pa.py_buffer(b"".join(data))]
    return pc.cast(pa.Array.from_buffers(pa.large_string(), len(values), buffers), pa.string())


def scalar(value: float | str) -> pa.Scalar:
    """Return a value as the functions of `pyarrow.compute` take it.

    Examples
    --------
    >>> scalar("a").as_py(), scalar(True).as_py(), scalar(2).as_py()
    ('a', True, 2)
    """
    return (texts([value]) if isinstance(value, str) else as_arrow(np.array([value])))[0]


def filled(column: pa.Array, value: float | str) -> pa.Array:
    """Return a column with a value in place of nulls.

    Examples
    --------
    >>> filled(texts(["a", None]), "none").to_pylist()
    ['a', 'none']
    """
    return pc.fill_null(column, scalar(value).cast(column.type)) if column.null_count else column


def as_floats(column: pa.Array) -> NDArray[np.float64]:
    """Return numbers as float64, NaN for null.

    Examples
    --------
    >>> as_floats(as_arrow(np.array([1, 2]))).tolist()
    [1.0, 2.0]
    """
    if column.null_count:
        column = filled(column.cast(pa.float64(), safe=False), float("nan"))
    return np.asarray(as_numpy(column), np.float64)
