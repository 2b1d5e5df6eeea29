"""JSON lines as Arrow tables: a block at once where all its lines are alike, else line by line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from ltrr.errors import InputError
from ltrr.logs.convert import Found, numbers
from ltrr.logs.files import open_bytes

__all__ = ["json_names", "json_tables"]

_BLOCK_BYTES = 1 << 22
_HEAD_BYTES = 1 << 18
_LINE_BYTES = 1 << 28
"""Longest line: a longer one means that the file is not JSON lines."""

_FINAL = {
    "number": pa.float64(),
    "text": pa.string(),
    "time": pa.string(),
    "numbers": pa.list_(pa.float64()),
    "texts": pa.list_(pa.string()),
}


def json_names(part: Path, *, share: float = 0.0) -> list[str]:
    """Return the keys of the objects at the beginning of a file, in the order they appear.

    Parameters
    ----------
    part : Path
    share : float in [0, 1]
        Only keys that at least such a share of the objects has.

    Raises
    ------
    InputError
        If no line there is an object with keys.
    """
    first = _first(part)
    count = Counter(key for value in first for key in value)
    if not count:
        raise InputError(f"{part}: its lines must be JSON objects; the first of them are not, or it is empty")
    return [key for key, n in count.items() if n >= share * len(first)]


def _first(part: Path) -> list[dict[str, Any]]:
    """Return the objects that the first block of a file holds."""
    with open_bytes(part) as file:
        data = file.read(_HEAD_BYTES)
        if len(data) == _HEAD_BYTES:
            data += file.readline(_LINE_BYTES)
    values = (_parsed(line)[0] for line in data.splitlines() if line.strip())
    return [v for v in values if v is not None]


def json_tables(part: Path, wanted: Mapping[str, str], bad: str, like: Path) -> Iterator[pa.Table]:
    """Yield the wanted columns in the types of what they hold; column ``bad`` marks unreadable rows.

    ``wanted`` says what a column holds: "number", "text", "time", "numbers", "texts" or "any" (numbers where
    the first lines of the file ``like`` hold numbers, else text). Blank lines do not count.
    """
    first = _first(like)
    kinds = {name: _kind(name, kind, first) for name, kind in wanted.items()}
    guess = pa.schema([(name, _guess(name, kinds[name], first)) for name in wanted])
    with open_bytes(part) as file:
        while data := file.read(_BLOCK_BYTES):
            if not data.endswith(b"\n"):
                data += file.readline(_LINE_BYTES)
            lines = [line for line in data.split(b"\n") if line.strip()]
            if lines:
                table = _at_once(data, len(lines), guess, kinds)
                yield table if table is not None else _one_by_one(lines, kinds, bad)


def _kind(name: str, kind: str, first: list[dict[str, Any]]) -> str:
    values = [v for row in first if (v := row.get(name)) is not None]
    if kind == "any":
        return "number" if values and all(isinstance(v, (int, float)) for v in values) else "text"
    if kind in ("numbers", "texts") and values and isinstance(values[0], str):
        return "text"
    return kind


def _guess(name: str, kind: str, first: list[dict[str, Any]]) -> pa.DataType:
    """Return the type that the first lines show, for Arrow's reader; wrong guesses cost time only."""
    values = [v for row in first if (v := row.get(name)) is not None]
    inner = [u for v in values if isinstance(v, list) for u in v] if kind in ("numbers", "texts") else values
    if kind in ("number", "numbers"):
        simple = pa.bool_() if kind == "number" and inner and isinstance(inner[0], bool) else pa.float64()
    else:
        whole = inner and all(isinstance(v, int) and not isinstance(v, bool) for v in inner)
        number = inner and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in inner)
        # labels may have more digits than a float holds, times need none of them
        simple = pa.float64() if number and (kind == "time" or not whole) else pa.string()
        simple = pa.int64() if whole and kind != "time" else simple
    return pa.list_(simple) if kind in ("numbers", "texts") else simple


def _at_once(data: bytes, n: int, guess: pa.Schema, kinds: Mapping[str, str]) -> pa.Table | None:
    """Return a block as Arrow reads it; None where a line is faulty or unlike the first ones."""
    try:
        data.decode()
        table = pj.read_json(
            pa.BufferReader(data),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=pj.ParseOptions(explicit_schema=guess, unexpected_field_behavior="ignore"),
        )
        if len(table) != n:
            return None
        arrays = [_as(table[name].combine_chunks(), kind) for name, kind in kinds.items()]
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    return pa.table(arrays, names=list(kinds))


def _as(column: pa.Array, kind: str) -> pa.Array:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    return column.cast(_FINAL[kind])


def _parsed(line: bytes) -> tuple[dict[str, Any] | None, str]:
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError:
        return None, "the line is not UTF-8"
    except (ValueError, RecursionError) as error:
        return None, f"the line is not JSON: {' '.join(str(error).split())[:100]}"
    if not isinstance(value, dict):
        return None, f"the line must be a JSON object, it is a {type(value).__name__}"
    return value, ""


def _text(value: Any, kind: str) -> str | None:
    """Return a JSON value as the text that a CSV file would hold.

    Raises
    ------
    TypeError
        If it is a list or an object.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (list, dict)):
        raise TypeError
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # as Arrow writes it
    if isinstance(value, bool) and kind in ("number", "numbers"):
        return str(int(value))
    return json.dumps(value)


def _one_by_one(lines: list[bytes], kinds: Mapping[str, str], bad: str) -> pa.Table:
    """Return lines parsed one by one, in the same types as a block at once."""
    columns: dict[str, list[Any]] = {name: [] for name in kinds}
    unreadable: list[str | None] = []
    for line in lines:
        row, why = _parsed(line)
        out: dict[str, Any] = {}
        for name, kind in kinds.items() if row is not None else ():
            value = row.get(name) if row is not None else None
            try:
                many = kind in ("numbers", "texts") and isinstance(value, list)
                out[name] = [_text(v, kind) for v in value or ()] if many else _text(value, kind)
                if kind in ("numbers", "texts") and value is not None and not many:
                    raise TypeError
            except TypeError:
                why, out = f"`{name}` must be {_what(kind)}, got {json.dumps(value)[:60]}", {}
                break
        unreadable.append(why or None)
        for name, values in columns.items():
            values.append(out.get(name))
    arrays = []
    for name, kind in kinds.items():
        if kind in ("number", "numbers"):
            arrays.append(_number_column(name, kind, columns[name], unreadable))
        else:
            arrays.append(pa.array([_valid(v) for v in columns[name]], _FINAL[kind]))
    table = pa.table(arrays, names=list(kinds))
    return table.append_column(bad, pa.array(unreadable, pa.string())) if any(unreadable) else table


def _valid(value: Any) -> Any:
    """Return text that UTF-8 can hold: JSON may escape half a surrogate pair."""
    if isinstance(value, list):
        return [_valid(v) for v in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _what(kind: str) -> str:
    return {"number": "a number", "text": "text or a number"}.get(kind, "a list")


def _number_column(name: str, kind: str, values: list[Any], unreadable: list[str | None]) -> pa.Array:
    found = Found()
    if kind == "number":
        value = numbers(pa.array([_valid(v) for v in values], pa.string()), name, found)
        column = pa.array(value, mask=np.isnan(value))
        rows = np.arange(len(values))
    else:
        lists = pa.array([_valid(v) for v in values], pa.list_(pa.string()))
        flat = pa.array(numbers(lists.flatten(), name, found))
        column = pa.ListArray.from_arrays(lists.offsets, flat, mask=lists.is_null())
        rows = np.asarray(pc.list_parent_indices(lists).to_numpy())
    for _, positions, details in found.notes:
        for at, detail in zip(rows[positions].tolist(), details, strict=True):
            unreadable[at] = unreadable[at] or detail
    return column
