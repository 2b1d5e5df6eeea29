"""Arrow columns in types that all of Arrow's functions know."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["usual", "usual_batch"]


def usual(column: pa.Array) -> pa.Array:
    """Return a column without types that are another one in disguise: extensions, views, runs.

    Examples
    --------
    >>> usual(pa.array(["a"], pa.string_view())).type
    DataType(string)
    """
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_run_end_encoded(column.type):
        return usual(pc.run_end_decode(column))
    kind = _type(column.type)
    return column if kind == column.type else column.cast(kind)


def usual_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch of such columns."""
    return pa.RecordBatch.from_arrays([usual(c) for c in batch.columns], names=batch.schema.names)


def _type(kind: pa.DataType) -> pa.DataType:
    """Return a type without views, in dictionaries and lists too, as polars writes them."""
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _type(kind.value_type), kind.ordered)
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_type(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_type(kind.value_type)))
    return kind
