"""Collection files: reads a folder in the BEIR layout and says in one line what is wrong with it, and where.

The layout: ``corpus.jsonl`` (``_id``, ``title``, ``text``, ``metadata``), ``queries.jsonl`` (``_id``,
``text``) and ``qrels/<split>.tsv`` (a header, then query-id, corpus-id, score), each plain or gzipped.
Source: Thakur et al., "BEIR: a heterogeneous benchmark", NeurIPS Datasets 2021, and its repository's wiki.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ltrr.errors import InputError
from ltrr.features.tokens import unicode_words
from ltrr.types import Float64, Int8, Int32
from ltrr.worlds.grades import grades_of

__all__ = ["CollectionFiles", "read_collection"]

_HEADER = ["query-id", "corpus-id", "score"]
_SCORE = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
_RELEASE_KEYS = ("date_released", "release_date", "released")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class CollectionFiles:
    """What a collection's files say, with ids replaced by positions.

    Parameters
    ----------
    item_name, title, text : tuple of str, length N
        The corpus; titles are empty where there are none.
    metadata : tuple of str, length N or 0
        One JSON object an item, as text; empty where no item has any.
    released : float64 (N,)
        Release times in seconds since 1970, NaN where the metadata holds no readable date.
    query_name, query_text : tuple of str, length Q
        The queries.
    judged_query, judged_item : int32 (J,)
        Positions of each judged pair, in the order of the file.
    grade : int8 (J,)
        Scores as grades, see `ltrr.worlds.grades.grades_of`.
    notes : tuple of str
        What was left out or read as something else, one sentence each.

    Examples
    --------
    >>> files = CollectionFiles(
    ...     item_name=("d1",), title=("Shoe",), text=("red",), metadata=(), released=np.array([np.nan]),
    ...     query_name=("q1",), query_text=("red shoe",), judged_query=np.array([0], np.int32),
    ...     judged_item=np.array([0], np.int32), grade=np.array([2], np.int8), notes=(),
    ... )
    >>> files.query_text[files.judged_query[0]], files.item_name[files.judged_item[0]]
    ('red shoe', 'd1')
    """

    item_name: tuple[str, ...]
    title: tuple[str, ...]
    text: tuple[str, ...]
    metadata: tuple[str, ...]
    released: Float64
    query_name: tuple[str, ...]
    query_text: tuple[str, ...]
    judged_query: Int32
    judged_item: Int32
    grade: Int8
    notes: tuple[str, ...]


def read_collection(path: str | Path, *, split: str = "test", skip_unknown: bool = False) -> CollectionFiles:
    """Read the corpus, the queries and the judgements of one split.

    Parameters
    ----------
    path : str or Path
        The collection's folder.
    split : str
        Which judgements: ``qrels/<split>.tsv``.
    skip_unknown : bool
        Leave out judgements of queries or items that the collection has not, instead of refusing them.

    Raises
    ------
    InputError
        If a file is absent, empty, damaged, not UTF-8, or a line of it is malformed, with file and line; or
        if no document holds a word.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder that holds corpus.jsonl")
    # all three are looked for first, so that a missing one does not show only after a long read
    corpus, queries, qrels = (
        _find(folder, name) for name in ("corpus.jsonl", "queries.jsonl", f"qrels/{split}.tsv")
    )
    item_name, item_text, title, metadata, released, numbered_items = _read_corpus(corpus)
    query_name, query_text, numbered_queries = _read_queries(queries)
    judged_query, judged_item, score, skipped = _read_qrels(
        qrels,
        {name: i for i, name in enumerate(query_name)},
        {name: i for i, name in enumerate(item_name)},
        skip_unknown=skip_unknown,
    )
    grade, grade_notes = grades_of(np.array(score, np.float64))
    notes = [f"{skipped} judgements of unknown queries or items are left out"] if skipped else []
    for path_read, numbered in ((corpus, numbered_items), (queries, numbered_queries)):
        if numbered:
            notes.append(f"{path_read.name}: {numbered} integer `_id`s are read as text")
    return CollectionFiles(
        tuple(item_name),
        tuple(title),
        tuple(item_text),
        tuple(metadata) if any(m != "{}" for m in metadata) else (),
        np.array(released, np.float64),
        tuple(query_name),
        tuple(query_text),
        np.array(judged_query, np.int32),
        np.array(judged_item, np.int32),
        grade,
        (*notes, *grade_notes),
    )


def _find(folder: Path, name: str) -> Path:
    """Return the file, plain or gzipped."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise InputError(f"{folder} holds no {name} (or {name}.gz): a collection needs it")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a UTF-8 file that are not blank."""
    number, empty = 0, True
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                try:
                    line = raw.decode().removeprefix("\ufeff" if number == 1 else "")
                except UnicodeDecodeError as error:
                    bad = f"byte {error.start + 1} of the line, 0x{raw[error.start]:02x}"
                    raise InputError(
                        f"{path}: line {number} is not UTF-8 ({bad}); save it as UTF-8"
                    ) from error
                if line.strip():
                    empty = False
                    yield number, line.rstrip("\r\n")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read after line {number}: {error}; download it again") from error
    if empty:
        raise InputError(f"{path} is empty: download it again")


def _records(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield line number, ``_id`` and object of each line of a JSON-lines file; ids are unique."""
    lines: dict[str, int] = {}
    for number, line in _lines(path):
        try:
            record = json.loads(line)
            if "\\ud" in line or "\\uD" in line:
                # half a surrogate pair passes as JSON, but is no text that can be written again
                json.dumps(record, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            cause = getattr(error, "msg", None) or str(error)
            raise InputError(
                f"{path}: line {number} is not JSON ({cause}); write one object a line"
            ) from error
        if not isinstance(record, dict):
            raise InputError(f"{path}: line {number} must hold a JSON object, got {_short(record)}")
        name = record.get("_id")
        if isinstance(name, int) and not isinstance(name, bool):
            name = str(name)
        if not isinstance(name, str) or not name:
            raise InputError(f"{path}: line {number} must have `_id`, a text, got {_short(name)}")
        if name in lines:
            raise InputError(
                f"{path}: lines {lines[name]} and {number} have the same `_id` {_short(name)}; remove one"
            )
        lines[name] = number
        yield number, name, record


def _read_queries(path: Path) -> tuple[list[str], list[str], int]:
    """Return the ids and texts of the queries, and how many ids are integers."""
    names: list[str] = []
    texts: list[str] = []
    numbered = 0
    for number, name, record in _records(path):
        names.append(name)
        numbered += not isinstance(record["_id"], str)
        texts.append(_text(path, number, record, "text"))
    return names, texts, numbered


def _read_corpus(path: Path) -> tuple[list[str], list[str], list[str], list[str], list[float], int]:
    """Return ids, texts, titles, metadata as JSON and release times of the items; number of integer ids."""
    names: list[str] = []
    texts: list[str] = []
    titles: list[str] = []
    metadata: list[str] = []
    released: list[float] = []
    numbered = 0
    for number, name, record in _records(path):
        names.append(name)
        numbered += not isinstance(record["_id"], str)
        texts.append(_text(path, number, record, "text"))
        titles.append(_text(path, number, record, "title") if record.get("title") is not None else "")
        value = record.get("metadata")
        value = {} if value is None else value
        if not isinstance(value, dict):
            raise InputError(f"{path}: line {number} must have an object as `metadata`, got {_short(value)}")
        try:
            metadata.append(json.dumps(value, ensure_ascii=False, allow_nan=False))
        except (ValueError, RecursionError) as error:  # NaN, an infinite number, bottomless nesting
            raise InputError(
                f"{path}: line {number} has `metadata` that is not JSON ({error}); correct it"
            ) from error
        released.append(_release_time(value))
    if not any(unicode_words(text) for text in (*texts, *titles)):
        what = "holds a letter or digit" if any(map(str.strip, (*texts, *titles))) else "has any text"
        raise InputError(f"{path}: no document {what}, so nothing can be found; write `title` or `text`")
    return names, texts, titles, metadata, released, numbered


def _text(path: Path, number: int, record: Mapping[str, Any], key: str) -> str:
    """Return a text of a record."""
    value = record.get(key)
    if not isinstance(value, str):
        raise InputError(f"{path}: line {number} must have `{key}`, a text, got {_short(value)}")
    return value


def _release_time(metadata: Mapping[str, Any]) -> float:
    """Return the seconds from 1970 to the release date, NaN where there is none that can be read."""
    for key in _RELEASE_KEYS:
        value = metadata.get(key)
        if isinstance(value, str):
            try:
                date = datetime.fromisoformat(value)
            except ValueError:
                continue
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            return (date - _EPOCH).total_seconds()
    return float("nan")


def _read_qrels(
    path: Path, queries: Mapping[str, int], items: Mapping[str, int], *, skip_unknown: bool
) -> tuple[list[int], list[int], list[float], int]:
    """Return query, item and score of each judgement, and the number of unknown ones left out."""
    known: dict[tuple[int, int], tuple[float, int]] = {}
    unknown, first = 0, ""
    header = False
    for number, line in _lines(path):
        cells = line.split("\t")
        if not header:
            if cells != _HEADER:
                raise InputError(
                    f"{path}: line {number} must be the header {'<tab>'.join(_HEADER)}, got {_short(line)}; "
                    "add it"
                )
            header = True
            continue
        if len(cells) != 3:
            raise InputError(
                f"{path}: line {number} must hold query-id, corpus-id and score separated by tabs, "
                f"got {_short(line)}"
            )
        if not _SCORE.fullmatch(cells[2]):
            raise InputError(f"{path}: line {number} must hold a score, a number, got {_short(cells[2])}")
        query, item = queries.get(cells[0]), items.get(cells[1])
        if query is None or item is None:
            what = f"query {_short(cells[0])}" if query is None else f"item {_short(cells[1])}"
            first = first or f"{what} at line {number}"
            unknown += 1
            continue
        score = float(cells[2])
        before = known.setdefault((query, item), (score, number))
        if max(before[0], 0.0) != max(score, 0.0):
            raise InputError(
                f"{path}: lines {before[1]} and {number} judge query {_short(cells[0])} and item "
                f"{_short(cells[1])} differently; remove one"
            )
    if unknown and not skip_unknown:
        raise InputError(
            f"{path}: {unknown} judgements name a query or item that the collection has not, first {first}; "
            "correct them, or leave them out with --skip-unknown (skip_unknown=True)"
        )
    return [q for q, _ in known], [i for _, i in known], [s for s, _ in known.values()], unknown


def _short(value: Any) -> str:
    """Return a value as one short line."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
