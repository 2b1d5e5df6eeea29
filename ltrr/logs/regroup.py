"""Batches cut and joined so that each holds whole requests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr.errors import InputError
from ltrr.logs.roles import MOST_SLOTS
from ltrr.types import Int64
from ltrr.types.arrow import as_numpy

__all__ = ["joined", "pieces", "regrouped", "resized", "run_starts"]

Batches = Iterable[tuple[str, pa.RecordBatch]]


def run_starts(column: pa.Array) -> Int64:
    """Return where runs of equal values begin, and the length of the column at the end.

    Examples
    --------
    >>> run_starts(pa.array(["a", "a", "b"])).tolist()
    [0, 2, 3]
    """
    if len(column) == 0:
        return np.zeros(1, np.int64)
    if pa.types.is_dictionary(column.type):
        column = column.indices
    ends = as_numpy(pc.run_end_encode(column, run_end_type=pa.int64()).run_ends)
    return np.concatenate([[0], ends]).astype(np.int64)


def joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Return batches of one schema as one; columns of nulls take the type that other batches have."""
    if len(batches) == 1:
        return batches[0]
    try:
        table = pa.concat_tables([pa.Table.from_batches([b]) for b in batches], promote_options="permissive")
    except pa.ArrowTypeError:
        # labels are integers in some batches and text in others, as in parts that two programs wrote
        mixed = {n for n in batches[0].schema.names if len({b.column(n).type for b in batches}) > 1}
        tables = [pa.Table.from_batches([_in_text(b, mixed)]) for b in batches]
        table = pa.concat_tables(tables, promote_options="permissive")
    whole = table.combine_chunks()
    arrays = [c.chunk(0) if c.num_chunks else pa.nulls(0, c.type) for c in whole.columns]
    return pa.RecordBatch.from_arrays(arrays, names=whole.column_names)


def _in_text(batch: pa.RecordBatch, names: Collection[str]) -> pa.RecordBatch:
    """Return a batch with these columns of labels, or of lists of labels, as text."""
    arrays = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        listed = pa.types.is_large_list(column.type)
        kind = column.type.value_type if listed else column.type
        if name in names and (pa.types.is_integer(kind) or pa.types.is_dictionary(kind)):
            column = column.cast(pa.large_list(pa.string()) if listed else pa.string())
        arrays.append(column)
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def resized(batches: Batches, rows: int) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Cut and join the batches of each part to exactly ``rows`` rows, fewer at the end of a part.

    Examples
    --------
    >>> parts = [("a", pa.record_batch({"x": [1, 2, 3]})), ("a", pa.record_batch({"x": [4]}))]
    >>> [batch.column(0).to_pylist() for _, batch in resized(parts, 2)]
    [[1, 2], [3, 4]]
    """
    kept: list[pa.RecordBatch] = []
    size, part = 0, ""
    for name, batch in batches:
        if kept and name != part:
            yield part, joined(kept)
            kept, size = [], 0
        part = name
        kept.append(batch)
        size += batch.num_rows
        if size < rows:
            continue
        whole, start = joined(kept), 0
        while size - start >= rows:
            yield part, whole.slice(start, rows)
            start += rows
        kept, size = ([whole.slice(start)], size - start) if size > start else ([], 0)
    if kept:
        yield part, joined(kept)


def regrouped(batches: Batches, group: str | None, name: str) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Move the last request of each batch to the next one, which may go on with it.

    Parameters
    ----------
    batches : iterable of (part, batch)
    group : str or None
        The column whose equal neighbours are one request; None where a row is one.
    name : str
        What the log is called in messages.

    Raises
    ------
    InputError
        If a request has too many rows.
    """
    if group is None:
        yield from batches
        return
    part, kept = "", None
    for part, batch in batches:
        whole = batch if kept is None else joined([kept, batch])
        # an unreadable row has no id and may be a slot of the request before it
        column = whole.column(whole.schema.get_field_index(group))
        starts = run_starts(pc.fill_null_forward(column))
        cut = int(starts[-2]) if len(starts) > 1 else 0
        if whole.num_rows - cut > MOST_SLOTS:
            raise InputError(
                f"{name}, {part}: `{group}` has the same value in more than {MOST_SLOTS:,} consecutive rows, "
                "so it does not name requests; map another column"
            )
        if cut:
            yield part, whole.slice(0, cut)
        kept = whole.slice(cut)
    if kept is not None and kept.num_rows:
        yield part, kept


def pieces(batch: pa.RecordBatch, rows: int, group: str | None, name: str) -> Iterator[pa.RecordBatch]:
    """Yield a batch of whole requests in pieces of about ``rows`` rows."""
    if batch.num_rows <= rows:
        yield batch
        return
    slices = (("", batch.slice(start, rows)) for start in range(0, batch.num_rows, rows))
    yield from (piece for _, piece in regrouped(slices, group, name))
