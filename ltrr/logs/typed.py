"""From a format's columns to the reader's own: one schema for all formats, faults with the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr.errors import InputError
from ltrr.logs.convert import Found, is_text, labels, numbers, plain, trimmed, whole
from ltrr.logs.format import FAULT, FAULT_TYPE, ROW, WHOLE
from ltrr.logs.lists import lists
from ltrr.logs.ragged import codes_of, flat_lists, flat_maps
from ltrr.logs.roles import MOST_SLOTS, Role
from ltrr.logs.times import times
from ltrr.types import Float64, Int64
from ltrr.types.arrow import as_arrow, as_numpy, scalar

__all__ = ["UNNAMED", "faults_of", "typed"]

_MOST_POSITIONS = 2**31 - 1
_TOPS = {"slot": MOST_SLOTS - 1, "position": _MOST_POSITIONS}


UNNAMED = "(line "
"""How the id of an event begins that has none of its own."""


def typed(
    batch: pa.RecordBatch, roles: Sequence[Role], row: int, *, fixed: bool, unnamed: bool = False
) -> pa.RecordBatch:
    """Return a batch with a column a role, the rows' numbers, and what is wrong with rows.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        As a format made it.
    roles : sequence of Role
    row : int
        Rows of the log before this part, or before this batch where the format numbers no rows.
    fixed : bool
        True for types that are the same in every batch: labels by dictionary, ids as text. False where
        integers may stay integers.
    unnamed : bool
        True where events may lack an id: their line is theirs then.

    Raises
    ------
    InputError
        If the type of a column cannot hold what it should.
    """
    n, found = batch.num_rows, Found()
    own = _own_faults(batch, found)
    columns = {role.name: _column(batch, role, found, fixed=fixed) for role in roles}
    if ROW in batch.schema.names:
        numbered = np.asarray(as_numpy(batch.column(batch.schema.get_field_index(ROW))), np.int64) + row
    else:
        numbered = np.arange(row + 1, row + n + 1, dtype=np.int64)
    columns[ROW] = as_arrow(numbered)
    if unnamed and "event" in columns and columns["event"].null_count:
        line = pc.binary_join_element_wise(
            scalar(UNNAMED), columns[ROW].cast(pa.string()), scalar(")"), scalar("")
        )
        columns["event"] = pc.coalesce(columns["event"], line)
    if WHOLE in batch.schema.names:
        columns[WHOLE] = batch.column(batch.schema.get_field_index(WHOLE))
    columns[FAULT] = own if own is not None and len(found.notes) <= 1 else _faults(found, n)
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _own_faults(batch: pa.RecordBatch, found: Found) -> pa.Array | None:
    """Note the faults that the format found, first of all; return them as they are if there are any."""
    if FAULT not in batch.schema.names:
        return None
    column = batch.column(batch.schema.get_field_index(FAULT))
    if column.null_count == len(column):
        return None
    rows = np.flatnonzero(as_numpy(column.is_valid())).astype(np.int64)
    values = column.take(as_arrow(rows)).to_pylist()
    for kind in dict.fromkeys(v["kind"] for v in values):
        mine = [i for i, v in enumerate(values) if v["kind"] == kind]
        found.notes.append((kind, rows[mine], [str(values[i]["detail"]) for i in mine]))
    return column


def _faults(found: Found, n: int) -> pa.Array:
    """Return what was found as a column: of a row's faults the first found."""
    if not found.notes:
        return pa.nulls(n, FAULT_TYPE)
    rows = np.concatenate([rows for _, rows, _ in found.notes])
    details = [text for _, _, texts in found.notes for text in texts]
    kinds = [kind for kind, of, _ in found.notes for _ in range(len(of))]
    _, first = np.unique(rows, return_index=True)
    out: list[dict[str, str] | None] = [None] * n
    for i in first.tolist():
        out[int(rows[i])] = {"kind": kinds[i], "detail": details[i]}
    return pa.array(out, FAULT_TYPE)


def faults_of(batch: pa.RecordBatch) -> list[tuple[str, Int64, list[str]]]:
    """Return the faults of a typed batch by kind: local rows, and what was found in each."""
    found = Found()
    _own_faults(batch, found)
    return found.notes


def _column(batch: pa.RecordBatch, role: Role, found: Found, *, fixed: bool) -> pa.Array:
    """Return the column of a role."""
    at = batch.schema.get_field_index(role.column)
    if at < 0:
        raise InputError(f"has no column {role.column!r}, which other parts of the log have")
    column, name = batch.column(at), role.column
    if role.kind == "number":
        value = numbers(column, name, found)
        return as_arrow(_finite(value, name, found) if role.name.startswith("number:") else value)
    if role.kind == "time":
        return as_arrow(times(column, name, found, unit=role.unit))
    if role.kind in _TOPS:
        return as_arrow(whole(column, name, found, top=_TOPS[role.kind]))
    if role.kind == "tag":
        tags = _tags(column, name, found)
        return tags.cast(pa.string()).dictionary_encode() if fixed else tags
    if role.kind in ("label", "id"):
        return _label(column, role, found, fixed=fixed)
    if role.kind in ("labels", "numbers"):
        return _list(column, role, found, fixed=fixed)
    _check_features(column, name, found)
    return column


def _finite(value: Float64, name: str, found: Found) -> Float64:
    """Return numbers with those that are infinite reported."""
    bad = np.flatnonzero(np.isinf(value))
    found.note("unreadable", bad, value[bad].tolist(), f"`{name}` must be a finite number")
    return value


def _tags(column: pa.Array, name: str, found: Found) -> pa.Array:
    """Return plain values of any type as labels; numbers with a fraction and times by their text."""
    column = plain(column, name, found)
    if pa.types.is_temporal(column.type):
        return column.cast(pa.string())
    if not pa.types.is_floating(column.type):
        return labels(column, name, found)
    value = numbers(column, name, found)
    known = ~np.isnan(value)
    whole = (np.abs(value) < 2.0**53) & (value == np.floor(value))
    text = pc.if_else(
        as_arrow(whole),
        as_arrow(np.where(whole, value, 0.0).astype(np.int64)).cast(pa.string()),
        as_arrow(value).cast(pa.string()),
    )
    return pc.if_else(as_arrow(known), text, pa.nulls(len(text), pa.string()))


def _check_features(column: pa.Array, name: str, found: Found) -> None:
    """Note rows with a feature by name whose value is not a number: what is missing has no name.

    Raises
    ------
    InputError
        If the column's type holds no numbers by name.
    """
    outer = None
    if not pa.types.is_map(column.type):
        outer, column = flat_lists(column)
    kind = column.type
    good = pa.types.is_map(kind) and is_text(kind.key_type) and _is_number(kind.item_type)
    if not good:
        raise InputError(f"column `{name}` must hold numbers by name, it holds {kind}; map another column")
    indptr, names, values = flat_maps(column)
    bad = np.flatnonzero(np.isnan(values))
    if len(bad):
        row = np.searchsorted(indptr, bad, side="right") - 1
        row = row if outer is None else np.searchsorted(outer, row, side="right") - 1
        details = [f"{name} = nan" for name in names.take(as_arrow(bad)).to_pylist()]
        found.notes.append(("context not finite", row.astype(np.int64), details))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _label(column: pa.Array, role: Role, found: Found, *, fixed: bool) -> pa.Array:
    """Return labels: where types are fixed as text, by dictionary unless they are ids."""
    if not fixed:
        return labels(column, role.column, found)
    if role.kind == "id":
        return labels(column, role.column, found).cast(pa.string())
    if not pa.types.is_dictionary(column.type):
        return labels(column, role.column, found).cast(pa.string()).dictionary_encode()
    # the dictionary stays as it is: its order may be that in which a format numbers actions
    inner = Found()
    values = labels(column.dictionary, role.column, inner).cast(pa.string())
    codes, _ = codes_of(column)
    for kind, at, details in inner.notes:
        rows = np.flatnonzero(np.isin(codes, at))
        detail = dict(zip(at.tolist(), details, strict=True))
        found.notes.append((kind, rows.astype(np.int64), [detail[c] for c in codes[rows].tolist()]))
    return pa.DictionaryArray.from_arrays(column.indices, values)


def _list(column: pa.Array, role: Role, found: Found, *, fixed: bool) -> pa.Array:
    """Return a column of lists as Arrow lists; faults of the entries are the rows'."""
    if role.kind == "numbers" and is_text(column.type):
        # of labels only the empty text is missing
        column = trimmed(plain(column, role.column, found))
    gone = np.asarray(as_numpy(column.is_null()), bool)
    indptr, flat = lists(column, role.column, found)
    inner = Found()
    values: Any
    if role.kind == "numbers":
        values = as_arrow(numbers(flat, role.column, inner))
    else:
        values = _label(flat, role, inner, fixed=fixed)
    row = np.repeat(np.arange(len(column)), np.diff(indptr))
    for kind, at, details in inner.notes:
        found.notes.append((kind, row[at], details))
    if role.name.startswith("context:"):
        wrong = np.flatnonzero((np.diff(indptr) != role.width) & ~gone)
        found.note(
            "unreadable",
            wrong,
            np.diff(indptr)[wrong].tolist(),
            f"`{role.column}` must be a list of {role.width} numbers, as in the first rows; entries",
        )
    offsets = pa.array(indptr, pa.int64(), mask=np.append(gone, False)) if gone.any() else as_arrow(indptr)
    return pa.LargeListArray.from_arrays(offsets, values)
