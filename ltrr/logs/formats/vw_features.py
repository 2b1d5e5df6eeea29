"""Features of a line of Vowpal Wabbit's text."""

from __future__ import annotations

import math

__all__ = ["vw_features"]


def vw_features(line: bytes) -> dict[bytes, float]:
    """Return what stands behind a line's bars by name; values under one name add up.

    Examples
    --------
    >>> vw_features(b"1:0:0.5 |user:0.5 age:30 vip | x")
    {b'user.age': 15.0, b'user.vip': 0.5, b'x': 1.0}
    """
    out: dict[bytes, float] = {}
    for group in line.split(b"|")[1:]:
        words = group.split()
        space, weight = b"", 1.0
        if words and not group[:1].isspace():
            space, colon, value = words.pop(0).partition(b":")
            space = space + b"." if space else b""
            weight = _number(value) if colon else 1.0
        for word in words:
            name, colon, value = word.partition(b":")
            name = space + name
            out[name] = out.get(name, 0.0) + (weight * _number(value) if colon else weight)
    return out


def _number(text: bytes) -> float:
    """Return a number as C reads it; NaN where it is not one."""
    try:
        return math.nan if b"_" in text else float(text)
    except ValueError:
        return math.nan
