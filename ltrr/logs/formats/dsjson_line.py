"""One line of decision-service JSON as typed fields."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct, field

from ltrr.logs.formats.json_features import Unreadable, clean, number, short

__all__ = [
    "Line",
    "Outcome",
    "dangling_reason",
    "members_of",
    "read_slowly",
    "seconds",
    "typed",
    "whole",
    "wholes",
]

Whole = Annotated[int, Meta(ge=0, le=10**9)]
Never = Annotated[int, Meta(gt=0, lt=1)]
"""Type of the second spelling of a field, which no number has: `read_slowly` reads such lines."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d[T ](?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:[0-5]\d)?", re.ASCII
)


class Context(Struct, gc=False):
    """The object `c`."""

    multi: Raw = field(name="_multi", default=Raw(b""))


class Outcome(Struct, gc=False):
    """A slot's outcome.

    Examples
    --------
    >>> import msgspec
    >>> msgspec.json.decode(b'{"_label_cost": -1, "_a": [1, 0]}', type=Outcome).actions
    [1, 0]
    """

    actions: list[Whole] | Whole | None = field(name="_a", default=None)
    probabilities: list[float] | float | None = field(name="_p", default=None)
    cost: float | None = field(name="_label_cost", default=None)
    cost_: Never | None = field(name="_label_Cost", default=None)
    original: float | None = field(name="_original_label_cost", default=None)


class Line(Struct, gc=False):
    """A line; what is absent is None or empty. NaN stands where the line says NaN.

    Examples
    --------
    >>> import msgspec
    >>> line = msgspec.json.decode(b'{"_label_cost": -1, "_label_probability": 0.5}', type=Line)
    >>> line.cost, line.propensity, line.event
    (-1.0, 0.5, None)
    """

    cost: float | None = field(name="_label_cost", default=None)
    original: float | None = field(name="_original_label_cost", default=None)
    propensity: float | None = field(name="_label_probability", default=None)
    event: str | None = field(name="EventId", default=None)
    time: str | None = field(name="Timestamp", default=None)
    drop: float | None = field(name="pdrop", default=None)
    action: Whole | None = field(name="_label_Action", default=None)
    index: Whole | None = field(name="_labelIndex", default=None)
    order: Raw = field(name="a", default=Raw(b""))
    probabilities: list[float] | float | None = field(name="p", default=None)
    context: Context | None = field(name="c", default=None)
    multi: Raw = field(name="_multi", default=Raw(b""))
    outcomes: list[Outcome] | None = field(name="_outcomes", default=None)
    skip: bool | None = field(name="_skipLearn", default=None)
    cost_: Never | None = field(name="_label_Cost", default=None)
    propensity_: Never | None = field(name="_label_Probability", default=None)
    action_: Never | None = field(name="_label_action", default=None)

    @property
    def listed(self) -> bytes:
        """Text of the list of actions, in `c` or in the line."""
        inner = bytes(self.context.multi) if self.context is not None else b""
        return inner or bytes(self.multi)


class _Fields(Struct, gc=False):
    c: dict[str, Raw] | None = None


typed = msgspec.json.Decoder(Line).decode
"""Return a line's fields. What it refuses is for `read_slowly`; it takes bytes that are not UTF-8."""

_in_context = msgspec.json.Decoder(_Fields).decode
_beside = msgspec.json.Decoder(dict[str, Raw]).decode


def members_of(text: bytes) -> tuple[dict[str, bytes], bool]:
    """Return the members of the object of features as JSON, and whether that is the line itself."""
    try:
        inner = _in_context(text).c
        found = _beside(text) if inner is None else inner
        return {key: bytes(value) for key, value in found.items()}, inner is None
    except msgspec.MsgspecError:
        line = _load(text)
        context = line.get("c")
        root = line if context is None else context
        return {key: json.dumps(value).encode() for key, value in root.items()}, context is None


def _load(text: bytes) -> dict[str, Any]:
    try:
        out = json.loads(text)
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from error
    if not isinstance(out, dict):
        raise Unreadable(f"an object is needed, got {short(out)}")
    return out


def read_slowly(text: bytes) -> Line:
    """Return the fields of a line that msgspec refuses: some are right, others need a reason.

    Raises
    ------
    Unreadable
        If it is not JSON, or its fields hold what they cannot mean.
    """
    line = _load(text)
    context = line.get("c")
    if context is not None and not isinstance(context, dict):
        raise Unreadable(f"`c` is not an object: {short(context)}")
    outcomes = line.get("_outcomes")
    several = [] if outcomes is None else outcomes
    if not isinstance(several, list) or not all(isinstance(one, dict) for one in several):
        raise Unreadable("`_outcomes` is not a list of objects")
    inner = context or {}
    return Line(
        **_checked(line, _LABEL),
        multi=_raw(inner, "_multi") if "_multi" in inner else _raw(line, "_multi"),
        context=None if context is None else Context(),
        order=_raw(line, "a"),
        outcomes=None if outcomes is None else [Outcome(**_checked(one, _OUTCOME)) for one in several],
    )


def _checked(object_: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of an object; of two spellings the last that is not null counts."""
    out = {}
    for field_, (check, *names) in fields.items():
        found = [value for name, value in object_.items() if name in names and value is not None]
        out[field_] = check(names[-1], found[-1]) if found else None
    return out


def _raw(object_: dict[str, Any], name: str) -> Raw:
    return Raw(json.dumps(object_[name]).encode() if name in object_ else b"")


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def whole(name: str, value: Any) -> int:
    """Return a whole number."""
    found = number(name, value)
    if not 0 <= found <= 1e9 or found != int(found):
        raise Unreadable(f"`{name}` is not a whole number from 0 on: {short(value)}")
    return int(found)


def wholes(name: str, value: Any) -> list[int]:
    """Return a list of whole numbers, or a single one, as a list."""
    return [whole(name, entry) for entry in _several(value)]


def _numbers(name: str, value: Any) -> list[float]:
    return [number(name, entry) for entry in _several(value)]


def _text(name: str, value: Any) -> str:
    """Return a text; numbers as JSON writes them."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unreadable(f"`{name}` is not text: {short(value)}")
    return json.dumps(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, int, float)):
        raise Unreadable(f"`{name}` is neither true nor false: {short(value)}")
    return bool(value)


def _known(name: str, value: Any) -> float | None:
    found = number(name, value)
    return None if math.isnan(found) else found


_OUTCOME = {
    "actions": (wholes, "_a"),
    "probabilities": (_numbers, "_p"),
    "cost": (_known, "_label_Cost", "_label_cost"),
    "original": (number, "_original_label_cost"),
}
_LABEL = {
    "cost": (number, "_label_Cost", "_label_cost"),
    "propensity": (number, "_label_Probability", "_label_probability"),
    "action": (whole, "_label_action", "_label_Action"),
    "index": (whole, "_labelIndex"),
    "original": (number, "_original_label_cost"),
    "probabilities": (_numbers, "p"),
    "event": (_text, "EventId"),
    "time": (_text, "Timestamp"),
    "drop": (number, "pdrop"),
    "skip": (_flag, "_skipLearn"),
}


def dangling_reason(line: Line) -> str:
    """Say why a line is no decision with an outcome."""
    if line.skip:
        return "_skipLearn: the decision was never shown"
    known = (line.context, line.outcomes, line.probabilities)
    if all(value is None for value in known) and not (line.listed or bytes(line.order)):
        return f"an outcome without its decision, event {short(line.event)}"
    return "a decision without an outcome"


@lru_cache(maxsize=4096)
def _minute(minute: str, zone: str | None) -> int | None:
    try:
        at = datetime.fromisoformat(minute + ("+00:00" if zone in (None, "Z") else str(zone)))
    except ValueError:
        return None
    return (at - _EPOCH) // (_EPOCH.resolution * 1_000_000)


def seconds(text: str) -> float:
    """Return the seconds since 1970 of ISO 8601 text, in UTC where it has no zone; NaN if it is none.

    Examples
    --------
    >>> seconds("2021-02-04T16:31:29.2460000Z"), seconds("1970-01-01 01:00:00.5+01:00"), seconds("noon")
    (1612456289.246, 0.5, nan)
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return math.nan
    minute, second, decimals, zone = match.groups()
    start = _minute(minute, zone)
    if start is None:
        return math.nan
    return start + int(second) + (int(decimals) / 10.0 ** len(decimals) if decimals else 0.0)
