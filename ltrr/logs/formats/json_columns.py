"""Values of JSON objects as Arrow columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from ltrr.logs.formats.sparse import offsets, sparse, sparses

__all__ = ["json_column", "wrong"]

_NESTED = {list, dict}
_NUMBERS = {bool, int, float}
_WHAT = {
    "number": "a number",
    "text": "text or a number",
    "time": "seconds or a time in ISO 8601",
    "any": "a number or text",
    "sparse": "an object of numbers",
    "sparses": "a list of objects of numbers",
}
_SHOWN = 60


def wrong(values: Sequence[Any], name: str, kind: str) -> dict[int, str]:
    """Return the positions of values that a column of a kind cannot hold, and why.

    Examples
    --------
    >>> wrong([0.5, None, {"x": 1}], "reward", "number")
    {2: '`reward` must be a number, got {"x": 1}'}
    """
    good = _fits(values, kind)
    if good is None:
        return {}
    what = "a list" if good is _is_list else _WHAT.get(kind, "a list")
    return {
        at: f"`{name}` must be {what}, got {_shown(value)}"
        for at, value in enumerate(values)
        if value is not None and not good(value)
    }


def json_column(values: Sequence[Any], kind: str) -> pa.Array:
    """Return values as an array; they must be such that `wrong` finds nothing.

    Values of one type of number keep it: integers are exact up to 64 bits, with or without a sign. Several
    types of number are floats. All else is text, as a CSV file would hold it; so are labels that are not
    integers.

    Examples
    --------
    >>> json_column([3.0, "a", None, True], "text").to_pylist()
    ['3', 'a', None, 'true']
    >>> json_column([[1, 0.5], None], "numbers").type
    ListType(list<item: double>)
    """
    if kind == "sparse":
        return sparse([None if value is None else _named(value) for value in values])
    if kind == "sparses":
        return sparses([None if value is None else [_named(one) for one in value] for value in values])
    if list not in set(map(type, values)):
        return _plain(values, kind)
    flat = list(chain.from_iterable(value for value in values if value))
    return pa.ListArray.from_arrays(offsets(values), _plain(flat, kind))


def _fits(values: Sequence[Any], kind: str) -> Callable[[Any], bool] | None:
    """Return the check of values of a column, None where all pass."""
    if kind in ("sparse", "sparses"):
        return _is_named if kind == "sparse" else _are_named
    types = set(map(type, values)) - {type(None)}
    lists = bool(types) and (list in types or str not in types) if kind in ("numbers", "texts") else False
    if kind == "any" and list in types:
        lists = 2 * sum(isinstance(v, list) for v in values) > sum(v is not None for v in values)
    if lists:
        return _is_list
    return _is_plain if types & _NESTED else None


def _is_plain(value: Any) -> bool:
    return not isinstance(value, (list, dict))


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and _NESTED.isdisjoint(map(type, value))


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and _NUMBERS.issuperset(map(type, value.values()))


def _are_named(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_named, value))


def _named(value: dict[str, float]) -> dict[bytes, float]:
    return {key.encode("utf-8", "replace"): v for key, v in value.items()}


def _plain(values: Sequence[Any], kind: str) -> pa.Array:
    """Return plain values as an array."""
    types = set(map(type, values)) - {type(None)}
    if not types:
        return pa.nulls(len(values))
    if types == {int} or (types <= _NUMBERS and kind not in ("text", "texts")):
        try:
            return _numbers(values, types)
        except OverflowError:
            pass  # more than 64 bits, or more than a float holds: the digits are kept as text
    texts = values if types == {str} else [_text(v, number=kind in ("number", "numbers")) for v in values]
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:  # half a surrogate pair, which JSON may escape
        return pa.array([t and t.encode("utf-8", "replace").decode() for t in texts], pa.string())


def _numbers(values: Sequence[Any], types: set[type]) -> pa.Array:
    if types == {bool}:
        return pa.array(values, pa.bool_())
    if types == {float}:
        return pa.array(values, pa.float64())
    if types != {int}:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    try:
        return pa.array(values, pa.int64())
    except OverflowError:
        return pa.array(values, pa.uint64())


def _text(value: Any, *, number: bool) -> str | None:
    """Return a value as the text that a CSV file would hold."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(int(value)) if isinstance(value, bool) and number else json.dumps(value)


def _shown(value: Any) -> str:
    try:
        return json.dumps(value)[:_SHOWN]
    except RecursionError:
        return "one too deep to show"
