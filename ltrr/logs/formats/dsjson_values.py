"""Values of decision-service JSON, checked one by one: what is not as it should be is `Unreadable`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

__all__ = [
    "DEEPEST",
    "Unreadable",
    "label_field",
    "load",
    "members_of",
    "number",
    "several",
    "short",
    "text_of",
    "utf8",
]
__all__ += ["whole"]

DEEPEST = 200
"""Most levels of lists and objects in one another."""

_LABEL = {
    "cost": ("_label_cost", "_label_Cost"),
    "probability": ("_label_probability", "_label_Probability"),
    "action": ("_label_action", "_label_Action"),
}


class Unreadable(ValueError):
    """What is wrong with a line, in a few words."""


class _Object(dict[str, Any]):
    """A JSON object that remembers repeated names: the last one counts, but all are features."""

    def __init__(self, members: list[tuple[str, Any]]) -> None:
        super().__init__(members)
        self.members = members


def members_of(object_: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Return the members of an object, repeated ones too."""
    return object_.members if isinstance(object_, _Object) else object_.items()


def load(text: bytes) -> dict[str, Any]:
    """Return the object that a line holds.

    Raises
    ------
    Unreadable
        If it is no JSON, or no object.
    """
    try:
        out = json.loads(text.decode(), object_pairs_hook=_Object)
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from error
    if not isinstance(out, dict):
        raise Unreadable(f"an object is needed, got {short(out) if _is_shallow(out) else 'a deep list'}")
    if not _is_shallow(out):
        raise Unreadable(f"nested in more than {DEEPEST} levels")
    return out


def _is_shallow(value: Any) -> bool:
    """Say whether a value can be walked by recursion."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def short(value: Any) -> str:
    """Return a value as JSON, cut to 40 characters."""
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 40 else text[:37] + "..."


def number(name: str, value: Any) -> float:
    """Return a float; NaN for null and for "NaN"."""
    if value is None or (isinstance(value, str) and value.lower() == "nan"):
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unreadable(f"`{name}` is no number: {short(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def whole(name: str, value: Any, missing: int) -> int:
    """Return an int from 0 to 10**9; ``missing`` for null."""
    if value is None:
        return missing
    found = number(name, value)
    if not 0 <= found <= 1e9 or found != int(found):
        raise Unreadable(f"`{name}` is no whole number from 0 on: {short(value)}")
    return int(found)


def several(value: Any) -> list[Any]:
    """Return a list, of one for a single value, of none for null."""
    return value if isinstance(value, list) else [] if value is None else [value]


def label_field(object_: dict[str, Any], what: str) -> Any:
    """Return a field of the label, the last where it stands in two spellings."""
    names = [name for name in object_ if name in _LABEL[what]]
    return object_[names[-1]] if names else None


def text_of(name: str, value: Any) -> str | None:
    """Return a text; numbers as JSON writes them, None for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unreadable(f"`{name}` is no text: {short(value)}")
    return json.dumps(value)


def utf8(text: str) -> bytes:
    """Return a text's bytes; half a surrogate pair, which JSON can spell, has some too."""
    return text.encode("utf-8", "surrogatepass")
