"""Arrow columns to NumPy arrays: what cannot be read is reported with its row."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr.errors import InputError
from ltrr.types import Bool, Float64, Int64

__all__ = [
    "Found",
    "ids",
    "is_text",
    "labels",
    "looks_numeric",
    "numbers",
    "plain",
    "times",
    "whole",
]

_NUMBER = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:nan|inf|infinity))$"
_INTEGER = r"^(0|-?[1-9]\d{0,17})$"
_ISO = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?"
_ZONE = r"(Z|[+-]\d\d(:?\d\d)?)"
_NO_TEXT = re.compile("[\udc80-\udcff]")
_MISSING = pa.array(["", "NA", "N/A", "n/a", "null", "NULL", "None", "<NA>"])
_SHOWN = 60
"""Longest value that a message shows."""


@dataclass
class Found:
    """Faults met while columns of one chunk were parsed.

    Parameters
    ----------
    notes : list of (str, int64 array, list of str)
        Kind, local positions of the rows, what was found there.
    """

    notes: list[tuple[str, Int64, list[str]]] = field(default_factory=list)

    def note(self, kind: str, rows: Int64, values: list[Any], detail: str) -> None:
        """Note rows and the values found there; ``detail`` names the column and what it should hold."""
        if len(rows):
            shown = [repr(v) if len(repr(v)) <= _SHOWN else repr(v)[:_SHOWN] + "…" for v in values]
            self.notes.append((kind, np.asarray(rows, np.int64), [f"{detail}, got {v}" for v in shown]))


def plain(column: pa.Array | pa.ChunkedArray, name: str, found: Found) -> pa.Array:
    """Return one array without dictionary, bytes as text; text that holds NUL or is not UTF-8 is reported."""
    if isinstance(column, pa.ChunkedArray):
        column = (
            column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.nulls(0)])
        )
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if is_text(column.type):
        try:
            column = column.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            shown = column.cast(pa.binary()).to_pylist()
            shown = [None if v is None else v.decode("utf-8", "surrogateescape") for v in shown]
            column = pa.array([None if v is None else _NO_TEXT.sub("\0", v) for v in shown], pa.string())
        nul = pc.match_substring(column, "\0")
        if pc.any(nul).as_py():
            bad = _where(nul)
            detail = f"`{name}` must be text in UTF-8 without NUL"
            found.note("unreadable", bad, column.take(pa.array(bad)).to_pylist(), detail)
            column = pc.if_else(nul, pa.scalar(None, column.type), column)
    return column


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type holds text (or bytes, or text by dictionary)."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def mask(values: pa.Array) -> Bool:
    """Return an Arrow array of truth values as NumPy, nulls as False."""
    return np.asarray(values.fill_null(False).to_numpy(zero_copy_only=False), bool)


def _where(values: pa.Array) -> Int64:
    return np.flatnonzero(mask(values)).astype(np.int64)


def _trimmed(column: pa.Array) -> pa.Array:
    """Return text without white space at the ends, and null where it means a missing value."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.is_in(text, value_set=_MISSING), pa.scalar(None, pa.string()), text)


def looks_numeric(column: pa.Array | pa.ChunkedArray, name: str) -> bool:
    """Return whether at least 9 of 10 values (those that are there) are numbers."""
    column = plain(column, name, Found())
    if not is_text(column.type):
        return True
    text = _trimmed(column).drop_null()
    return len(text) > 0 and 10 * len(_where(pc.match_substring_regex(text, _NUMBER))) >= 9 * len(text)


def numbers(column: pa.Array | pa.ChunkedArray, name: str, found: Found) -> Float64:
    """Return a column as numbers, NaN where a value is missing; what is not a number is "unreadable".

    Raises
    ------
    InputError
        If the column's type cannot hold numbers.
    """
    column = plain(column, name, found)
    if is_text(column.type):
        try:
            column = column.cast(pa.float64())
        except pa.ArrowInvalid:
            text = _trimmed(column)
            bad = _where(pc.invert(pc.match_substring_regex(text, _NUMBER)))
            found.note("unreadable", bad, text.take(pa.array(bad)).to_pylist(), f"`{name}` must be a number")
            text = pc.if_else(pc.match_substring_regex(text, _NUMBER), text, pa.scalar(None, pa.string()))
            column = text.cast(pa.float64())
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise InputError(f"column `{name}` must hold numbers, it holds {kind}; map another column")
    if column.null_count or pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        column = column.cast(pa.float64(), safe=False)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def whole(column: pa.Array | pa.ChunkedArray, name: str, found: Found, *, top: int) -> Int64:
    """Return a column as integers from 0 to ``top``; what is not one is reported and replaced by 0."""
    value = numbers(column, name, found)
    missing = np.isnan(value)
    # what was unreadable is missing by now, and noted already
    noted = np.concatenate([rows for _, rows, _ in found.notes] or [np.zeros(0, np.int64)])
    gone = np.setdiff1d(np.flatnonzero(missing), noted)
    found.note("missing value", gone, [None] * len(gone), f"`{name}` must be an integer from 0 to {top}")
    with np.errstate(invalid="ignore"):
        good = (value >= 0) & (value <= top) & (value == np.floor(value))
    bad = np.flatnonzero(~good & ~missing)
    found.note("unreadable", bad, value[bad].tolist(), f"`{name}` must be an integer from 0 to {top}")
    return np.where(good, value, 0.0).astype(np.int64)


def times(column: pa.Array | pa.ChunkedArray, name: str, found: Found) -> Float64:
    """Return a column as seconds: text may be ISO 8601 (UTC where it has no time zone)."""
    column = plain(column, name, found)
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("ms"))
        kind = column.type
    if pa.types.is_timestamp(kind):
        return _seconds(column)
    if not is_text(kind):
        return numbers(column, name, found)
    text = _trimmed(column)
    out = np.full(len(text), np.nan)
    left = mask(text.is_valid())
    for pattern, stamp in (
        (_ISO + _ZONE + ")$", pa.timestamp("ns", "UTC")),
        (_ISO + ")?$", pa.timestamp("ns")),
        (_NUMBER, None),
    ):
        rows = _where(pc.match_substring_regex(text, pattern))
        if len(rows):
            some = text.take(pa.array(rows))
            out[rows] = numbers(some, name, Found()) if stamp is None else _stamps(some, stamp)
            left[rows[~np.isnan(out[rows])]] = False
    bad = np.flatnonzero(left)
    detail = f"`{name}` must be seconds or a time in ISO 8601"
    found.note("unreadable", bad, text.take(pa.array(bad, pa.int64())).to_pylist(), detail)
    return out


def _seconds(stamps: pa.Array) -> Float64:
    """Return timestamps as seconds, NaN for null; nanoseconds since 1970 have more digits than float64."""
    units = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[stamps.type.unit]
    ticks = np.asarray(stamps.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), np.int64)
    whole_seconds, rest = np.divmod(ticks, units)
    return np.where(mask(stamps.is_null()), np.nan, whole_seconds + rest / units)


def _stamps(text: pa.Array, kind: pa.DataType) -> Float64:
    """Return ISO 8601 texts as seconds; NaN for days that no calendar has."""
    try:
        return _seconds(text.cast(kind))
    except pa.ArrowInvalid:
        out = np.full(len(text), np.nan)
        for i, value in enumerate(text.to_pylist()):
            try:
                stamp = datetime.fromisoformat(value)
            except ValueError:
                continue
            out[i] = (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()
        return out


def labels(column: pa.Array | pa.ChunkedArray, name: str, found: Found) -> pa.Array:
    """Return a column of labels as int64 or as text; null where there is none.

    Raises
    ------
    InputError
        If the column's type is neither integer, text nor boolean, nor floats that are whole.
    """
    column = plain(column, name, found)
    kind = column.type
    if is_text(kind):
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if pa.types.is_integer(kind):
        return column if kind == pa.int64() else column.cast(pa.int64(), safe=False)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        value = numbers(column, name, found)
        good = np.abs(value) < 2.0**53
        good &= np.where(good, value, 0.5) == np.floor(np.where(good, value, 0.0))
        bad = np.flatnonzero(~good & ~np.isnan(value))
        found.note("unreadable", bad, value[bad].tolist(), f"`{name}` must be a label, whole if a number")
        return pa.array(np.where(good, value, 0.0).astype(np.int64), mask=~good)
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    raise InputError(f"column `{name}` must hold labels, it holds {kind}; map another column")


def ids(column: pa.Array | pa.ChunkedArray, name: str, found: Found) -> Int64:
    """Return a column of ids as int64: integers as they are, other text by its hash; 0 where missing."""
    label = labels(column, name, found)
    gone = _where(label.is_null())
    found.note("missing value", gone, [None] * len(gone), f"`{name}` must be an id")
    if not is_text(label.type):
        return np.asarray(label.fill_null(0).to_numpy(zero_copy_only=False), np.int64)
    text = label.fill_null("0")
    number = pc.match_substring_regex(text, _INTEGER)
    out = pc.if_else(number, text, "0").cast(pa.int64()).to_numpy(zero_copy_only=False).copy()
    rest = _where(pc.invert(number))
    if len(rest):
        import pandas as pd

        words = text.take(pa.array(rest)).to_numpy(zero_copy_only=False)
        out[rest] = pd.util.hash_array(words, categorize=False).view(np.int64)
    return np.asarray(out, np.int64)
