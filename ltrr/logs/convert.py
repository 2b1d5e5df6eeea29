"""Arrow columns to numbers, labels and ids: what cannot be read is reported with its row."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr.errors import InputError
from ltrr.logs.identity import identify
from ltrr.types import Bool, Float64, Int64
from ltrr.types.arrow import as_arrow, as_floats, as_numpy, filled, scalar, texts

__all__ = [
    "NUMBER",
    "Found",
    "holds_numbers",
    "ids",
    "is_text",
    "labels",
    "looks_numeric",
    "mask",
    "numbers",
    "plain",
    "trimmed",
    "whole",
]

NUMBER = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:nan|inf|infinity))$"
"""A number as text, as a regular expression."""
_WORD = r"^(?i:true|false)$"
_INTEGER = r"^(0|-?[1-9]\d{0,17})$"
_LONG_INTEGER = r"^-?[1-9]\d{18}$"
_WHOLE = r"^(-?)0*(\d+)\.0*$"
"""An integer written with a decimal point."""
_NO_TEXT = re.compile("[\udc80-\udcff]")
_MISSING = texts(["", "NA", "N/A", "n/a", "#N/A", "null", "NULL", "None", "<NA>", "NaT", "\\N"])
"""Texts of numbers and times that are not there. Of labels only the empty one: an action may be called NA."""

_NONE = pa.nulls(1, pa.string())[0]
_LABEL = "`{}` must be a label, whole if a number"
_SHOWN = 60
"""Longest value that a message shows."""


@dataclass
class Found:
    """Faults met while columns of one chunk were parsed.

    Parameters
    ----------
    notes : list of (str, int64 array, list of str)
        Kind, local positions of the rows, what was found there.

    Examples
    --------
    >>> found = Found()
    >>> numbers(pa.array(["1.5", "many"]), "reward", found).tolist()
    [1.5, nan]
    >>> found.notes
    [('unreadable', array([1]), ["`reward` must be a number, got 'many'"])]
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
            found.note("unreadable", bad, column.take(as_arrow(bad)).to_pylist(), detail)
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
    return as_numpy(filled(values, False))


def _where(values: pa.Array) -> Int64:
    return np.flatnonzero(mask(values)).astype(np.int64)


def trimmed(column: pa.Array) -> pa.Array:
    """Return text without white space at the ends, and null where it means a missing value."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.is_in(text, value_set=_MISSING), _NONE, text)


def looks_numeric(column: pa.Array | pa.ChunkedArray, name: str) -> bool:
    """Return whether at least 9 of 10 values (those that are there) are numbers."""
    column = plain(column, name, Found())
    if not is_text(column.type):
        return True
    text = _without_words(trimmed(column).drop_null())
    return len(text) > 0 and 10 * len(_where(pc.match_substring_regex(text, NUMBER))) >= 9 * len(text)


def holds_numbers(column: pa.Array, name: str) -> bool:
    """Return whether a column is of numbers, or of text that looks numeric."""
    if is_text(column.type):
        return looks_numeric(column, name)
    kind = column.type
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
    )


def _without_words(text: pa.Array) -> pa.Array:
    """Return text with 1 for the words true and 0 for false, in capitals or not."""
    if not pc.any(pc.match_substring_regex(text, _WORD)).as_py():
        return text
    low = pc.utf8_lower(text)
    is_true, is_false = (pc.equal(low, scalar(word)) for word in ("true", "false"))
    return pc.if_else(is_true, scalar("1"), pc.if_else(is_false, scalar("0"), text))


def _parsed(column: pa.Array, name: str, found: Found) -> pa.Array:
    """Return text as float64, null where a value is missing or no number."""
    for clean in (None, trimmed, _without_words):
        # most columns need no cleaning, which costs more than the cast
        column = column if clean is None else clean(column)
        try:
            return column.cast(pa.float64())
        except pa.ArrowInvalid:
            continue
    number = pc.match_substring_regex(column, NUMBER)
    bad = _where(pc.invert(number))
    found.note("unreadable", bad, column.take(as_arrow(bad)).to_pylist(), f"`{name}` must be a number")
    return pc.if_else(number, column, _NONE).cast(pa.float64())


def numbers(column: pa.Array | pa.ChunkedArray, name: str, found: Found) -> Float64:
    """Return a column as numbers, NaN where a value is missing; what is not a number is "unreadable".

    The decimal mark is a point. True and false, in capitals or not, are 1 and 0.

    Raises
    ------
    InputError
        If the column's type cannot hold numbers.
    """
    column = plain(column, name, found)
    if is_text(column.type):
        column = _parsed(column, name, found)
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise InputError(f"column `{name}` must hold numbers, it holds {kind}; map another column")
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        column = column.cast(pa.float64(), safe=False)
    return as_floats(column)


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


def labels(column: pa.Array | pa.ChunkedArray, name: str, found: Found) -> pa.Array:
    """Return a column of labels as int64 or as text; null where there is none.

    An integer is the same label in all formats and types: 1 in floats and decimals that are whole and in the
    text ``1.0`` (any text of digits, a point and zeros, so ``2.0`` is not kept apart from ``2``). Integers
    beyond 64 bits with a sign are text.

    Raises
    ------
    InputError
        If the column's type is neither integer, text nor boolean, nor floats that are whole.
    """
    column = plain(column, name, found)
    kind = column.type
    if is_text(kind):
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        return _whole_text(pc.if_else(pc.equal(text, scalar("")), _NONE, text))
    if pa.types.is_integer(kind):
        return _int64_or_text(column)
    if pa.types.is_decimal(kind):
        good = pc.equal(pc.floor(column), column)
        bad = _where(pc.invert(good))
        found.note("unreadable", bad, column.take(as_arrow(bad)).to_pylist(), _LABEL.format(name))
        wide = pa.decimal256(76, 0) if pa.types.is_decimal256(kind) else pa.decimal128(38, 0)
        return _int64_or_text(pc.if_else(good, column, pa.scalar(None, kind)).cast(wide))
    if pa.types.is_floating(kind):
        value = numbers(column, name, found)
        good = np.abs(value) < 2.0**53
        good &= np.where(good, value, 0.5) == np.floor(np.where(good, value, 0.0))
        bad = np.flatnonzero(~good & ~np.isnan(value))
        found.note("unreadable", bad, value[bad].tolist(), _LABEL.format(name))
        return pa.array(np.where(good, value, 0.0).astype(np.int64), mask=~good)
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    raise InputError(f"column `{name}` must hold labels, it holds {kind}; map another column")


def _int64_or_text(column: pa.Array) -> pa.Array:
    if column.type == pa.int64():
        return column
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column.cast(pa.string())


def _whole_text(text: pa.Array) -> pa.Array:
    """Return labels with integers as they are usually written in place of ``1.0``."""
    if not pc.any(pc.match_substring_regex(text, _WHOLE)).as_py():
        return text
    short = pc.replace_substring_regex(text, _WHOLE, r"\1\2")
    minus = scalar("-0")
    return pc.if_else(pc.and_(pc.equal(short, minus), pc.not_equal(text, minus)), scalar("0"), short)


def ids(column: pa.Array | pa.ChunkedArray, name: str, found: Found) -> Int64:
    """Return a column of ids as int64: integers as they are, other text by its hash; 0 where missing."""
    label = labels(column, name, found)
    gone = _where(label.is_null())
    found.note("missing value", gone, [None] * len(gone), f"`{name}` must be an id")
    if not is_text(label.type):
        return np.asarray(as_numpy(filled(label, 0)), np.int64)
    text = filled(label, "0")
    number = _fits_int64(text)
    out = as_numpy(pc.if_else(number, text, scalar("0")).cast(pa.int64())).copy()
    rest = _where(pc.invert(number))
    if len(rest):
        out[rest] = identify(text.take(as_arrow(rest))).key
    return np.asarray(out, np.int64)


def _fits_int64(text: pa.Array) -> pa.Array:
    """Return whether texts are integers of 64 bits as they are usually written."""
    number = pc.match_substring_regex(text, _INTEGER)
    long = pc.match_substring_regex(text, _LONG_INTEGER)
    if not pc.any(long).as_py():
        return number
    # of 19 digits each, the order of texts is that of their sizes
    top = pc.if_else(pc.starts_with(text, "-"), scalar(str(-(2**63))), scalar(str(2**63 - 1)))
    return pc.or_(number, pc.and_(long, pc.less_equal(text, top)))
