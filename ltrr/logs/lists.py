"""Columns of lists, in all the forms that tables use."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from ltrr.errors import InputError
from ltrr.logs.convert import Found, is_text, mask, plain
from ltrr.types import Int64
from ltrr.types.arrow import as_arrow, as_numpy, filled, scalar
from ltrr.types.ragged import take_flat

__all__ = ["lists"]


def lists(column: pa.Array | pa.ChunkedArray, name: str, found: Found) -> tuple[Int64, pa.Array]:
    """Return a column of lists as a row pointer and flat values: list type, JSON ``[…]`` or ``a|b|c``.

    Raises
    ------
    InputError
        If the column's type is neither a list nor text.
    """
    column = plain(column, name, found)
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _pointer(pc.list_value_length(column)), column.flatten()
    if pa.types.is_null(kind):
        return np.zeros(len(column) + 1, np.int64), pa.nulls(0, pa.string())
    if not is_text(kind):
        raise InputError(f"column `{name}` must hold lists, it holds {kind}; map another column")
    text = filled(pc.utf8_trim_whitespace(column.cast(pa.string())), "")
    is_json = pc.starts_with(text, "[")
    if pc.all(is_json).as_py():
        return _json_lists(text, name, found)
    empty = pc.equal(text, scalar(""))
    split = pc.split_pattern(pc.if_else(is_json, scalar(""), text), "|")
    lengths = pc.if_else(pc.or_(empty, is_json), scalar(0), pc.list_value_length(split).cast(pa.int64()))
    flat = split.flatten().filter(as_arrow(np.repeat(mask(pc.greater(lengths, scalar(0))), _lengths(split))))
    indptr = _pointer(lengths)
    if not pc.any(is_json).as_py():
        return indptr, flat
    # both notations in one chunk: read each, then put the rows in order
    ptr, values = _json_lists(pc.if_else(is_json, text, scalar("[]")), name, found)
    n, both = len(text), np.concatenate([ptr, ptr[-1] + indptr[1:]])
    rows = np.where(mask(is_json), 0, n) + np.arange(n)
    indptr, at = take_flat(both, rows)
    return indptr, pa.concat_arrays([values.cast(pa.string()), flat.cast(pa.string())]).take(as_arrow(at))


def _lengths(column: pa.Array) -> Int64:
    return np.asarray(as_numpy(filled(pc.list_value_length(column), 0)), np.int64)


def _pointer(lengths: pa.Array) -> Int64:
    out = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(as_numpy(filled(lengths, 0)), out=out[1:])
    return out


def _json_lists(text: pa.Array, name: str, found: Found) -> tuple[Int64, pa.Array]:
    """Return JSON lists as a row pointer and flat values, through Arrow where it can, else one by one."""
    lines = pc.binary_join_element_wise('{"v":', pc.replace_substring_regex(text, r"\s+", " "), "}", "")
    data = "\n".join(lines.to_pylist()).encode()
    try:
        table = pj.read_json(
            pa.BufferReader(data), read_options=pj.ReadOptions(use_threads=False, block_size=len(data) + 1)
        )
        column = table["v"].combine_chunks()
        flat = column.flatten()
        simple = pa.types.is_integer(flat.type) or pa.types.is_floating(flat.type) or is_text(flat.type)
        if len(table) == len(text) and table.num_columns == 1 and simple:
            return _pointer(pc.list_value_length(column)), flat
    except (pa.ArrowException, AttributeError, KeyError, UnicodeDecodeError):
        pass  # mixed types, dates or a fault: one by one tells which
    values, lengths, bad = [], np.zeros(len(text), np.int64), []
    for i, one in enumerate(text.to_pylist()):
        try:
            value = json.loads(one)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, list) or any(isinstance(v, (list, dict)) for v in value):
            bad.append(i)
            continue
        lengths[i] = len(value)
        values += [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in value]
    rows = np.array(bad, np.int64)
    found.note("unreadable", rows, text.take(as_arrow(rows)).to_pylist(), f"`{name}` must be a list")
    return np.concatenate([[0], np.cumsum(lengths)]), pa.array(values, pa.string())
