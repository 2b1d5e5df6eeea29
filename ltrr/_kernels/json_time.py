"""Times as they stand in JSON, read from the bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ltrr._kernels.json_bytes import bare

__all__ = ["read_time"]

_POWERS = np.array([10.0**i for i in range(10)])
_DAYS_BEFORE = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365])


@bare
def _digits(b: Any, i: int, stop: int, n: int) -> Any:
    """Return the number that n digits from i on make, or −1."""
    if i + n > stop:
        return -1
    value = np.int64(0)
    for j in range(i, i + n):
        if not 48 <= b[j] <= 57:
            return -1
        value = value * 10 + (np.int64(b[j]) - 48)
    return value


@bare
def read_time(b: Any, i: int, stop: int) -> Any:
    """Return the seconds since 1970 of ``b[i:stop]``, or NaN.

    The form is year-month-dayThour:minute:second, with up to nine decimals and ``Z`` or ``±hh:mm`` behind;
    without either, the time is taken as UTC.
    """
    year, month, day = _digits(b, i, stop, 4), _digits(b, i + 5, stop, 2), _digits(b, i + 8, stop, 2)
    hour, minute = _digits(b, i + 11, stop, 2), _digits(b, i + 14, stop, 2)
    second = _digits(b, i + 17, stop, 2)
    if second < 0 or b[i + 4] != 45 or b[i + 7] != 45 or b[i + 13] != 58 or b[i + 16] != 58:
        return np.nan
    if b[i + 10] != 84 and b[i + 10] != 32:
        return np.nan
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if year < 1 or not 1 <= month <= 12 or day < 1 or not 0 <= hour < 24 or not 0 <= minute < 60:
        return np.nan
    length = _DAYS_BEFORE[month] - _DAYS_BEFORE[month - 1] + (1 if leap and month == 2 else 0)
    if second >= 60 or day > length:
        return np.nan
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - 719162
    days += _DAYS_BEFORE[month - 1] + day - 1 + (1 if leap and month > 2 else 0)
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    i += 19
    decimals, n = np.int64(0), 0
    if i < stop and b[i] == 46:
        i += 1
        while i < stop and n < 10 and 48 <= b[i] <= 57:
            decimals = decimals * 10 + (np.int64(b[i]) - 48)
            n += 1
            i += 1
        if n == 0 or n > 9:
            return np.nan
    if i < stop and (b[i] == 43 or b[i] == 45):
        hour, minute = _digits(b, i + 1, stop, 2), _digits(b, i + 4, stop, 2)
        if not 0 <= hour < 24 or not 0 <= minute < 60 or b[i + 3] != 58:
            return np.nan
        shift = (hour * 60 + minute) * 60
        seconds += shift if b[i] == 45 else -shift
        i += 6
    elif i < stop and b[i] == 90:
        i += 1
    if i != stop:
        return np.nan
    return float(seconds) + float(decimals) / _POWERS[n]
