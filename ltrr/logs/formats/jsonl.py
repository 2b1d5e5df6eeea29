"""JSON lines: an object a row, in columns named by keys or, where objects are nested, by paths."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from ltrr.errors import InputError
from ltrr.logs.format import FAULT, FAULT_TYPE, Part, log_format
from ltrr.logs.formats.json_columns import json_column, wrong
from ltrr.logs.formats.lines import line_blocks

__all__ = ["batches"]

_ENDINGS = (".jsonl", ".ndjson", ".json")
_SPECIAL = re.compile(r'["\\\x00-\x1f]')
"""Characters of keys that msgspec does not look up, as JSON escapes them."""


def _recognise(name: str, start: bytes) -> bool:
    """Return whether there is text that should be JSON by its name, or that begins as an object does."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return bool(text) and (name.endswith(_ENDINGS) or text.startswith(b"{"))


@log_format(endings=_ENDINGS, recognise=_recognise, keyed=True)
def batches(part: Part, wanted: Mapping[str, str] | None = None) -> Iterator[pa.RecordBatch]:
    r"""Read JSON lines: an object a row, blank lines aside.

    A column is named by a key (``"context.user.age": 3``) or else by a path (``"context": {"user": {"age":
    3}}``). What a line lacks is null. A line that is not a JSON object, or holds a list or an object where a
    plain value is wanted, is unreadable. A column of one type of number has this type; other columns are
    text, as a CSV file would hold it. The types may differ from batch to batch.

    Parameters
    ----------
    part : Part
    wanted : mapping of str to str, or None
        Columns, and what they hold; None for all plain values and lists of the first block's objects.

    Raises
    ------
    InputError
        If none of the first lines is an object.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = Path(folder) / "log.jsonl"
    ...     _ = log.write_text('{"action": 7, "user": {"age": 30}}\n{"action": "b"}\n', encoding="utf-8")
    ...     (batch,) = batches(Part(log))
    >>> batch.to_pylist()
    [{'action': '7', 'user.age': 30}, {'action': 'b', 'user.age': None}]
    """
    rows: _Rows | None = None
    for block in line_blocks(part.path):
        if not block.strip():
            continue
        if rows is None:
            _must_be_lines(block, part.path)
            asked = dict.fromkeys(_leaves(block), "any") if wanted is None else wanted
            rows = _Rows(asked, strict=wanted is not None)
        yield rows.batch(block)


class _Rows:
    """Reads the wanted columns of blocks of lines.

    Parameters
    ----------
    wanted : mapping of str to str
        Columns, and what they hold.
    strict : bool
        Whether a row is unreadable where a column cannot hold its value, which otherwise counts as missing.
    """

    def __init__(self, wanted: Mapping[str, str], *, strict: bool) -> None:
        self.wanted, self.strict = wanted, strict
        keys = dict.fromkeys(key for name in wanted for key in (name, *(start for start, _ in _cuts(name))))
        self.field = {key: f"f{i}" for i, key in enumerate(keys)}
        plain = {field: key for key, field in self.field.items() if not _SPECIAL.search(key)}
        # values that nobody wants are not even made
        self.row = msgspec.defstruct(
            "Row", [(f, Any, None) for f in self.field.values()], rename=plain, gc=False
        )
        self.decoder = msgspec.json.Decoder(self.row)
        self.special = len(plain) < len(self.field)

    def batch(self, block: bytes) -> pa.RecordBatch:
        """Return the columns of a block."""
        rows, faults = self._objects(block)
        columns = self._columns(rows)
        for name, kind in self.wanted.items():
            for at, detail in wrong(columns[name], name, kind).items():
                columns[name][at] = None
                if self.strict:
                    faults.setdefault(at, detail)
        for at in faults:
            for values in columns.values():
                values[at] = None
        out = {name: json_column(columns[name], kind) for name, kind in self.wanted.items()}
        if faults or not out:
            details = (faults.get(at) for at in range(len(rows)))
            notes = [d and {"kind": "unreadable", "detail": d} for d in details]
            out[FAULT] = pa.array(notes, FAULT_TYPE)
        return pa.record_batch(out)

    def _objects(self, block: bytes) -> tuple[list[Any], dict[int, str]]:
        """Return an object a line, an empty one in place of a faulty line, and the faults."""
        n = block.count(b"\n")
        # lines that all begin and end with a brace hold whole objects each, so one object a line if as many
        if not self.special and block.count(b"}\n{") == n - 1:
            try:
                rows = self.decoder.decode_lines(block)
                if len(rows) == n:
                    return rows, {}
            except (msgspec.DecodeError, RecursionError):
                pass
        return self._one_by_one([line for line in block.split(b"\n") if line.strip()])

    def _one_by_one(self, lines: list[bytes]) -> tuple[list[Any], dict[int, str]]:
        rows, faults = [], {}
        for at, line in enumerate(lines):
            try:
                if self.special:
                    raise msgspec.DecodeError
                rows.append(self.decoder.decode(line))
            except (msgspec.DecodeError, RecursionError):
                value, detail = _parsed(line)
                rows.append(self.row(**{field: value.get(key) for key, field in self.field.items()}))
                if detail:
                    faults[at] = detail
        return rows, faults

    def _columns(self, rows: list[Any]) -> dict[str, list[Any]]:
        """Return the columns' values: those under the name itself, else those at a path."""
        keys = {key: list(map(attrgetter(field), rows)) for key, field in self.field.items()}
        filled = {key for key, values in keys.items() if values.count(None) < len(rows)}
        out = {}
        for name in self.wanted:
            values = keys[name]
            for start, rest in _cuts(name):
                if start in filled:
                    pairs = zip(values, keys[start], strict=True)
                    values = [_inside(v, rest) if value is None else value for value, v in pairs]
            out[name] = list(values)
        return out


@lru_cache(maxsize=1 << 12)
def _cuts(path: str) -> tuple[tuple[str, str], ...]:
    """Return the keys that a path may begin with, the longest first, and the paths that are left.

    >>> _cuts("a.b.c")
    (('a.b', 'c'), ('a', 'b.c'))
    """
    dots = [at for at in range(len(path) - 1, 0, -1) if path[at] == "."]
    return tuple((path[:at], path[at + 1 :]) for at in dots)


def _inside(value: Any, path: str) -> Any:
    """Return what stands at a path in a value, None if nothing."""
    if not isinstance(value, dict):
        return None
    found = value.get(path)
    for start, rest in _cuts(path) if found is None else ():
        found = _inside(value.get(start), rest)
        if found is not None:
            break
    return found


def _object(line: bytes) -> tuple[dict[str, Any], str]:
    """Return the object of a line, and what is wrong with it."""
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return _parsed(line)
    return (value, "") if isinstance(value, dict) else _parsed(line)


def _parsed(line: bytes) -> tuple[dict[str, Any], str]:
    """Return the object of a line as Python's reader has it, and what is wrong with it."""
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError:
        return {}, "the line is not UTF-8"
    except (ValueError, RecursionError) as error:
        return {}, f"the line is not JSON: {' '.join(str(error).split())}"
    if not isinstance(value, dict):
        return {}, f"the line must be a JSON object, it is a {type(value).__name__}"
    return value, ""


def _leaves(block: bytes) -> list[str]:
    """Return the paths of all values of a block's objects, nested ones aside, in the order they appear."""
    out: dict[str, bool | None] = {}
    # True where some row has a plain value, False where rows have objects and no plain value, None where all
    # are null

    def walk(value: dict[str, Any], start: str) -> None:
        for key, inner in value.items():
            name = start + key
            out.setdefault(name)
            if inner is not None:
                # a key that holds a plain value somewhere is a column, and an object under it its row's fault
                out[name] = bool(out[name]) or not isinstance(inner, dict)
            if isinstance(inner, dict):
                walk(inner, f"{start}{key}.")

    for line in block.split(b"\n"):
        # what is nested too deeply to be followed is not a column
        with suppress(RecursionError):
            walk(_object(line)[0], "")
    return [name for name, is_leaf in out.items() if is_leaf is not False]


def _must_be_lines(block: bytes, path: Path) -> None:
    """Check that a file is JSON lines by its first block.

    Raises
    ------
    InputError
        If it is one array, if objects go over several lines, or if it is something else.
    """
    if not _object(block.lstrip().split(b"\n", 1)[0])[1]:
        return
    found, remedy = _whole(block)
    if found or not any(not _object(line)[1] for line in block.split(b"\n") if line.strip()):
        found = found or "the first of them are not; name the format with --format"
        raise InputError(f"{path}: its lines must be JSON objects, {found}{remedy}")


def _whole(block: bytes) -> tuple[str, str]:
    """Return which other JSON a file is, "" if it may be lines, and what to do about it."""
    text = block.decode("utf-8", "replace").lstrip()
    if re.match(r"\[\s*\{", text):
        return "it is one array", "; write an object a line, for example with jq -c '.[]' FILE"
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return "its objects go over several lines", "; write an object a line, for example with jq -c . FILE"
    return "", ""
