"""Features of JSON objects: names are paths joined by dots, values are numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from ltrr.types import Int32

__all__ = [
    "EMPTY",
    "Features",
    "Flat",
    "Names",
    "Unreadable",
    "clean",
    "flatten",
    "is_utf8",
    "items",
    "loads",
    "number",
    "short",
]

_COST = 200
_MOST_NAMES = 1 << 16
_MOST_BYTES = 1 << 26
_decode = msgspec.json.Decoder().decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Unreadable(ValueError):
    """What is wrong with a line, in a few words.

    Examples
    --------
    >>> number("pdrop", "many")
    Traceback (most recent call last):
    ltrr.logs.formats.json_features.Unreadable: `pdrop` is not a number: "many"
    """


def short(value: Any) -> str:
    """Return a value as JSON, cut to 40 characters."""
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def number(name: str, value: Any) -> float:
    """Return a float; NaN for null and for "NaN"."""
    if value is None or (isinstance(value, str) and value.lower() == "nan"):
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unreadable(f"`{name}` is not a number: {short(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def clean(text: str) -> str:
    """Return text that UTF-8 can hold: JSON may escape half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


class Names:
    """Names numbered in the order in which they are first seen, for Arrow's dictionaries.

    Examples
    --------
    >>> names = Names()
    >>> [names.number(name) for name in ("tea", "latte", "tea")]
    [0, 1, 0]
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._array = pa.array([], pa.string())

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, name: str) -> int:
        """Return a name's number."""
        return self._numbers.setdefault(name, len(self._numbers))

    def encoded(self, numbers: Int32) -> pa.DictionaryArray:
        """Return the names of numbers; null for −1."""
        if len(self._array) != len(self._numbers):
            try:
                self._array = pa.array(list(self._numbers), pa.string())
            except UnicodeEncodeError:
                self._array = pa.array(map(clean, self._numbers), pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(numbers, mask=numbers < 0), self._array)


class Flat(NamedTuple):
    """Numbers of names, and values; of several objects one behind the other, with the length of each.

    Examples
    --------
    >>> flat = Flat([], [], [])
    >>> flat.add([Flat([0, 1], [0.5, 2.0], [2]), Flat([2], [1.0], [1])])
    >>> flat
    Flat(names=[0, 1, 2], values=[0.5, 2.0, 1.0], lengths=[3])
    """

    names: list[int]
    values: list[float]
    lengths: list[int]

    def add(self, parts: Iterable[Flat]) -> None:
        """Put one object behind the others, made of several."""
        before = len(self.names)
        for part in parts:
            self.names.extend(part.names)
            self.values.extend(part.values)
        self.lengths.append(len(self.names) - before)


EMPTY = Flat([], [], [])


class Features:
    """Features of objects given as JSON text; what repeats is flattened once.

    Examples
    --------
    >>> features = Features()
    >>> features.of("user", b'{"age": 31, "city": "Oslo"}')
    Flat(names=[0, 1], values=[31.0, 1.0], lengths=[2])
    >>> features.of("user", b'{"city": "Oslo"}')
    Flat(names=[1], values=[1.0], lengths=[1])
    """

    def __init__(self) -> None:
        self.names = Names()
        self._known: dict[tuple[str | None, bytes], Flat] = {}
        self.size = 0

    def of(self, name: str | None, text: bytes) -> Flat:
        """Return the features of the value ``text`` under a name; None for an object by itself."""
        found = self._known.get((name, text))
        if found is None:
            pairs: list[tuple[str, float]] = []
            _leaves(name, loads(text), pairs)
            names = [self.names.number(key) for key, _ in pairs]
            found = Flat(names, [value for _, value in pairs], [len(pairs)])
            self._known[name, text] = found
            self.size += len(text) + _COST
        return found

    def of_several(self, texts: Iterable[bytes]) -> Flat:
        """Return the features of several objects."""
        each = [self.of(None, text) for text in texts]
        names = [name for flat in each for name in flat.names]
        return Flat(names, [x for flat in each for x in flat.values], [len(flat.names) for flat in each])

    @property
    def full(self) -> bool:
        """True where so much is known that it should be forgotten."""
        return self.size > _MOST_BYTES or len(self.names) > _MOST_NAMES


def loads(text: bytes) -> Any:
    """Return a JSON value; what msgspec refuses and Python's json accepts (NaN, 1e400) is accepted."""
    try:
        return _decode(text)
    except msgspec.MsgspecError:
        return json.loads(text)


def items(text: bytes) -> list[bytes] | None:
    """Return the entries of a JSON list, as JSON; None if it is not a list."""
    try:
        return list(map(bytes, _split(text)))
    except msgspec.ValidationError:
        return None
    except msgspec.DecodeError:
        found = json.loads(text)
        return [json.dumps(entry).encode() for entry in found] if isinstance(found, list) else None


def is_utf8(text: bytes) -> bool:
    """Say whether bytes are text; msgspec does not check what it passes over."""
    try:
        return text.isascii() or text.decode() is not None
    except UnicodeDecodeError:
        return False


def flatten(object_: dict[str, Any]) -> list[tuple[str, float]]:
    """Return the features of an object: names are paths joined by dots, texts become ``path=text``, value 1.

    True is the feature with value 1, numbers in lists have their place behind in brackets, objects in lists
    go by the list's name; what starts with an underscore is left out, and so are false and null. A name may
    come twice; its values add up, as they do in a linear model.

    Examples
    --------
    >>> flatten({"User": {"name": "Ann", "age": 30, "tags": [{"vip": True}]}, "xy": [0.5, 2]})
    [('User.name=Ann', 1.0), ('User.age', 30.0), ('User.tags.vip', 1.0), ('xy[0]', 0.5), ('xy[1]', 2.0)]
    """
    out: list[tuple[str, float]] = []
    _leaves(None, object_, out)
    return out


def _leaves(name: str | None, value: Any, out: list[tuple[str, float]]) -> None:
    if isinstance(value, dict):
        path = "" if name is None else f"{name}."
        for key, inner in value.items():
            if not key.startswith("_"):
                _leaves(path + key, inner, out)
    elif isinstance(value, str):
        out.append((f"{name}={value}", 1.0))
    elif value is True:
        out.append((str(name), 1.0))
    elif isinstance(value, list):
        _items(str(name), value, out)
    elif value is not None and value is not False:
        out.append((str(name), number(str(name), value)))


def _items(name: str, values: Iterable[Any], out: list[tuple[str, float]]) -> None:
    for j, inner in enumerate(values):
        if not isinstance(inner, bool):
            plain = isinstance(inner, (int, float))
            _leaves(f"{name}[{j}]" if plain else name, inner, out)
