"""How numbers are written on pages and in the terminal: with the digits that mean something."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

__all__ = ["change", "count", "effective", "estimate", "marks", "number", "p_value"]

_NOTHING = 1e-12
"""Numbers below this, and widths below this share of the value, are what rounding leaves of 0."""

_WHOLE = 100.0
"""Effective sample sizes from here on are given without decimals."""

_LEAST_P = 1e-4
"""A p-value below this is given as a bound: a normal approximation has no more to say."""

_MOST_DECIMALS = 9

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _plain(value: float, decimals: int) -> str:
    """Return a number with its decimals; what is rounded to 0 has no sign."""
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text


def number(value: Any) -> str:
    """Return a number with three significant digits after the leading zeros; a dash where there is none.

    Examples
    --------
    >>> [number(value) for value in (0.004567, 12345.6, 3.2e-11, -2e-17, None)]
    ['0.00457', '12,346', '3.20e-11', '0', '–']
    """
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) < _NOTHING:
        return "0"
    digits = max(0, 3 - math.floor(math.log10(abs(value))) - 1) if abs(value) < 1000 else 0
    return _plain(value, digits) if digits <= _MOST_DECIMALS else f"{value:.2e}"


def estimate(value: Any, low: Any, high: Any) -> tuple[str, str]:
    """Return a value and its interval with as many decimals as the interval's width makes meaningful.

    Two significant digits of the half-width, three where the value has them too; dashes for what is absent.

    Examples
    --------
    >>> estimate(-0.0000451, -0.000146, 0.0000556)
    ('-0.000045', '[-0.000146, 0.000056]')
    >>> estimate(-3e-18, -0.01, 0.01)
    ('0.0000', '[-0.0100, 0.0100]')
    """
    if all(abs(one) < _NOTHING for one in (value, low, high)):
        return "0", "[0, 0]"
    if not all(map(math.isfinite, (value, low, high))) or high - low <= _NOTHING * max(abs(low), abs(high)):
        ends = f"[{number(low)}, {number(high)}]" if math.isfinite(low) else "–"
        return number(value), ends
    finest = 1 - math.floor(math.log10((high - low) / 2.0))
    own = 2 - math.floor(math.log10(abs(value))) if value else finest
    decimals = min(max(finest, min(own, finest + 1), 0), _MOST_DECIMALS)
    return _plain(value, decimals), f"[{_plain(low, decimals)}, {_plain(high, decimals)}]"


def change(value: Any, low: Any, high: Any, *, relative: bool) -> tuple[str, str]:
    """Return a change and its interval with signs; a relative one in per cent.

    Examples
    --------
    >>> change(-0.004, -0.009, 0.001, relative=True)
    ('-0.400 %', '[-0.900 %, +0.100 %]')
    """
    if not all(map(math.isfinite, (value, low, high))):
        return "–", "–"
    factor, unit = (100.0, " %") if relative else (1.0, "")
    middle, ends = estimate(factor * value, factor * low, factor * high)
    first, last = ends.strip("[]").split(", ")
    signed = [
        text if text[:1] == "-" or not text.strip("0.,") else f"+{text}" for text in (middle, first, last)
    ]
    return f"{signed[0]}{unit}", f"[{signed[1]}{unit}, {signed[2]}{unit}]"


def p_value(value: Any) -> str:
    """Return a p-value with two significant digits, or that it is below the least that is given.

    Examples
    --------
    >>> [p_value(value) for value in (1.0, 0.4567, 0.0317, 0.00012, 1e-300, None)]
    ['1', '0.46', '0.032', '0.00012', '< 0.0001', '–']
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value < _LEAST_P:
        return f"< {_LEAST_P:.4f}"
    digits = 1 - math.floor(math.log10(value))
    text = f"{value:.{digits}f}"
    return "1" if float(text) >= 1.0 else text


def marks(notes: Iterable[str]) -> dict[str, str]:
    """Return the mark of each different note.

    Examples
    --------
    >>> marks(["few rows", "no range", "few rows"])
    {'few rows': '¹', 'no range': '²'}
    """
    return {note: str(i).translate(_SUPERSCRIPTS) for i, note in enumerate(dict.fromkeys(notes), start=1)}


def count(value: Any) -> str:
    """Return a number of rows or clusters, a dash where there is none.

    Examples
    --------
    >>> count(12345.0), count(float("nan"))
    ('12,345', '–')
    """
    return f"{value:,.0f}" if math.isfinite(value) else "–"


def effective(ess: float) -> str:
    """Return an effective sample size, small ones with a decimal.

    Examples
    --------
    >>> effective(1234.5), effective(7.25)
    ('1,234', '7.2')
    """
    return f"{ess:.1f}" if ess < _WHOLE else count(ess)
