"""Names of actions and of features in decision-service JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ltrr._kernels.dsjson_columns import BY_CONTENT, BY_ID, BY_TAG
from ltrr._kernels.dsjson_features import IGNORED
from ltrr._kernels.json_bytes import hash_bytes
from ltrr.logs.formats.dsjson_values import Unreadable, members_of, number, short, utf8

__all__ = ["action_name", "elements_of", "features_of", "flatten", "known_by"]


def elements_of(line: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the actions of `_multi`, in `c` or beside it.

    Raises
    ------
    Unreadable
        If it is no list of objects.
    """
    context = line.get("c")
    if context is not None and not isinstance(context, dict):
        raise Unreadable(f"`c` is no object: {short(context)}")
    multi = (context or {}).get("_multi", line.get("_multi"))
    if multi is None:
        return []
    if not isinstance(multi, list) or not all(isinstance(element, dict) for element in multi):
        raise Unreadable("`_multi` is no list of objects")
    return multi


def known_by(element: dict[str, Any]) -> tuple[int, str]:
    """Return what an action is known by, and its name."""
    tag = element.get("_tag")
    if isinstance(tag, str):
        return BY_TAG, tag
    inner = element.get("i")
    if isinstance(inner, dict) and isinstance(inner.get("id"), str):
        return BY_ID, inner["id"]
    parts = sorted(name if value == 1 else f"{name}={value:g}" for name, value in flatten(element))
    return BY_CONTENT, ", ".join(parts)


def action_name(element: dict[str, Any]) -> str:
    """Return the name of an action: its tag, else its id, else its features.

    Examples
    --------
    >>> action_name({"_tag": "Latte", "j": [{"roast": "dark"}]})
    'Latte'
    >>> action_name({"j": {"roast": "dark", "price": 3}})
    'j.price=3, j.roast=dark'
    """
    name = utf8(known_by(element)[1]).decode("utf-8", "replace")
    return name if len(name) <= 120 else f"{name[:100]}… {hash_bytes(utf8(name)):016x}"


def features_of(line: dict[str, Any]) -> Iterator[tuple[str, float, int]]:
    """Yield all features of a line: name, value, and owner as in `ltrr._kernels.dsjson_features.Found`."""
    context = line.get("c")
    root = line if context is None else context
    for name, value in flatten(root, beside=context is None):
        yield name, value, -1
    for key, sign, start in (("_multi", 1, 0), ("_slots", -1, -2)):
        listed = root.get(key)
        for j, element in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(element, dict):
                for name, value in flatten(element):
                    yield name, value, start + sign * j


def flatten(object_: dict[str, Any], *, beside: bool = False) -> Iterator[tuple[str, float]]:
    """Yield the features of an object: names are paths joined by dots, texts become ``path=text``, value 1.

    True is the feature with value 1, numbers in lists have their place behind in brackets, objects in lists
    go by the list's name; what starts with an underscore is no feature, nor are false and null. ``beside``
    says that the object is a whole line, whose label is no feature either.

    Examples
    --------
    >>> list(flatten({"User": {"name": "Ann", "age": 30, "tags": [{"vip": True}]}, "xy": [0.5, 2]}))
    [('User.name=Ann', 1.0), ('User.age', 30.0), ('User.tags.vip', 1.0), ('xy[0]', 0.5), ('xy[1]', 2.0)]
    """
    for key, value in members_of(object_):
        if not key.startswith("_") and not (beside and key in IGNORED):
            yield from _leaves(key, value)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, inner in members_of(value):
            if not key.startswith("_"):
                yield from _leaves(f"{name}.{key}", inner)
    elif isinstance(value, list):
        for j, inner in enumerate(value):
            plain = isinstance(inner, (int, float)) and not isinstance(inner, bool)
            if plain:
                yield from _leaves(f"{name}[{j}]", inner)
            elif not isinstance(inner, bool):
                yield from _leaves(name, inner)
    elif isinstance(value, str):
        yield f"{name}={value}", 1.0
    elif isinstance(value, bool):
        if value:
            yield name, 1.0
    elif value is not None:
        yield name, number(name, value)
