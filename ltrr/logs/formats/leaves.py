"""Columns of nested Arrow data by dotted paths: ``context.user.age`` is a leaf of the struct `context`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from ltrr.errors import InputError
from ltrr.logs.usual import usual

__all__ = ["check_bounds", "chosen", "leaves", "picked"]

Leaf = tuple[int, tuple[str, ...]]
"""Place of a top-level column, and names below it."""


def leaves(schema: pa.Schema) -> list[tuple[str, Leaf]]:
    """Return the dotted path and the place of each column that is no struct, in the order of the schema.

    Examples
    --------
    >>> user = pa.struct([("age", pa.int64()), ("plan", pa.string())])
    >>> [name for name, _ in leaves(pa.schema([("action", pa.int64()), ("user", user)]))]
    ['action', 'user.age', 'user.plan']
    """

    def below(kind: pa.DataType, name: str, leaf: Leaf) -> Iterable[tuple[str, Leaf]]:
        if not pa.types.is_struct(kind):
            return [(name, leaf)]
        fields = (kind.field(i) for i in range(kind.num_fields))
        return [
            found
            for f in fields
            for found in below(f.type, f"{name}.{f.name}", (leaf[0], (*leaf[1], f.name)))
        ]

    return [found for i, f in enumerate(schema) for found in below(f.type, f.name, (i, ()))]


def chosen(part: str, schema: pa.Schema, wanted: Iterable[str] | None) -> dict[str, Leaf]:
    """Return the places of the wanted columns that there are; of all, the first of each name, if None.

    Raises
    ------
    InputError
        If a wanted name stands for two columns.
    """
    found = leaves(schema)
    # a name of a column that is a struct is its own: what it should hold says what is wrong with it
    known = dict(reversed(found)) | {f.name: (i, ()) for i, f in enumerate(schema) if _is_struct(f)}
    if wanted is None:
        return {name: known[name] for name in dict.fromkeys(name for name, _ in found)}
    names = [name for name, _ in found]
    twice = [n for n in wanted if names.count(n) > 1]
    if twice:
        raise InputError(f"{part}: has two columns {twice[0]!r}; rename one")
    return {n: known[n] for n in wanted if n in known}


def picked(
    columns: Mapping[str, pa.Array], paths: Mapping[str, tuple[str, ...]], rows: int
) -> pa.RecordBatch:
    """Return a batch of leaves, in types that all of Arrow's functions know.

    Parameters
    ----------
    columns : mapping of str to pyarrow.Array
        For each name the top-level column that it lies in.
    paths : mapping of str to tuple of str
        Names below that column.
    rows : int
        Number of rows, for batches without columns.
    """
    arrays = [usual(pc.struct_field(columns[n], list(p)) if p else columns[n]) for n, p in paths.items()]
    if not arrays:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
    return pa.RecordBatch.from_arrays(arrays, names=list(paths))


def check_bounds(column: pa.Array) -> None:
    """Refuse offsets and codes of a damaged file that lead out of a column, which would end the process.

    Text that is not UTF-8 is no reason: it is a fault of its row.
    """
    if pa.types.is_dictionary(column.type):
        check_bounds(column.dictionary)
        # codes are checked against a dictionary of as many values that are all text
        blank = pa.array([""] * len(column.dictionary), pa.string())
        column = pa.DictionaryArray.from_arrays(column.indices, blank, safe=False)
    if pa.types.is_string(column.type):
        column = column.cast(pa.binary())
    elif pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    column.validate(full=True)


def _is_struct(field: pa.Field) -> bool:
    return bool(pa.types.is_struct(field.type))
