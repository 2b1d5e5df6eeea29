"""Arrow columns to times in seconds: what cannot be read is reported with its row."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr.logs.convert import NUMBER, Found, is_text, mask, numbers, plain, trimmed
from ltrr.types import Float64
from ltrr.types.arrow import as_arrow, as_numpy, filled

__all__ = ["time_unit", "times"]

_ISO = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?"
_ZONE = r"(Z|[+-]\d\d(:?\d\d)?)"
_UNITS = ((1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6))


def times(column: pa.Array | pa.ChunkedArray, name: str, found: Found, unit: float = 1.0) -> Float64:
    """Return a column as seconds: text may be ISO 8601 (UTC where it has no time zone).

    Parameters
    ----------
    column : pyarrow.Array or pyarrow.ChunkedArray
    name : str
        The column's name.
    found : Found
        Receives values that are no times.
    unit : float
        Seconds that one unit of times that are numbers stands for, see `time_unit`.
    """
    column = plain(column, name, found)
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("ms"))
        kind = column.type
    if pa.types.is_timestamp(kind):
        return _seconds(column)
    if not is_text(kind):
        return _scaled(numbers(column, name, found), unit)
    text = trimmed(column)
    out = np.full(len(text), np.nan)
    left = mask(text.is_valid())
    for pattern, stamp in (
        (_ISO + _ZONE + ")$", pa.timestamp("ns", "UTC")),
        (_ISO + ")?$", pa.timestamp("ns")),
        (NUMBER, None),
    ):
        rows = np.flatnonzero(mask(pc.match_substring_regex(text, pattern)))
        if len(rows):
            some = text.take(as_arrow(rows))
            out[rows] = _scaled(numbers(some, name, Found()), unit) if stamp is None else _stamps(some, stamp)
            # NaN means a day that no calendar has, but a number may be NaN
            left[rows if stamp is None else rows[~np.isnan(out[rows])]] = False
    bad = np.flatnonzero(left)
    detail = f"`{name}` must be seconds or a time in ISO 8601"
    found.note("unreadable", bad, text.take(as_arrow(bad)).to_pylist(), detail)
    return out


def _scaled(value: Float64, unit: float) -> Float64:
    # a quotient of whole numbers is rounded once: 1700000000123 ms are exactly the nearest float
    return value if unit == 1.0 else value / round(1.0 / unit)


def time_unit(first_values: Float64) -> float:
    """Return the seconds that one unit of a log's times stands for, by the median of its first times.

    Numbers below 1e11 are seconds (until the year 5138), below 1e14 milliseconds, below 1e17 microseconds,
    others nanoseconds, each since 1970. One log has one unit. Times in ISO 8601 or Arrow's own types are
    seconds already.

    Examples
    --------
    >>> time_unit(np.array([1.7e12, np.nan])), time_unit(np.array([3.0])), time_unit(np.array([]))
    (0.001, 1.0, 1.0)
    """
    value = np.abs(first_values[np.isfinite(first_values)])
    middle = float(np.median(value)) if len(value) else 0.0
    return next((unit for below, unit in _UNITS if middle < below), 1e-9)


def _seconds(stamps: pa.Array) -> Float64:
    """Return timestamps as seconds, NaN for null; nanoseconds since 1970 have more digits than float64."""
    units = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[stamps.type.unit]
    ticks = as_numpy(filled(stamps.cast(pa.int64()), 0))
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
