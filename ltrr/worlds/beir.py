"""BEIR: reads a folder in this layout and says in one line what is wrong with it, and where.

The layout: ``corpus.jsonl`` (``_id``, ``title``, ``text``, ``metadata``), ``queries.jsonl`` (``_id``,
``text``) and ``qrels/<split>.tsv`` (a header, then query-id, corpus-id, score), each plain or gzipped.
Source: Thakur et al., "BEIR: a heterogeneous benchmark", NeurIPS Datasets 2021, and its repository's wiki.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ltrr.errors import InputError
from ltrr.worlds.gathered import CollectionFiles, Gathered, Place
from ltrr.worlds.text_lines import lines_of, shortened

__all__ = ["read_beir", "read_documents", "read_queries", "score_of"]

_HEADER = ["query-id", "corpus-id", "score"]
_SCORE = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
_RELEASE_KEYS = ("date_released", "release_date", "released")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_beir(path: str | Path, *, split: str = "test", skip_unknown: bool = False) -> CollectionFiles:
    """Read the corpus, the queries and the judgements of one split.

    Parameters
    ----------
    path : str or Path
        The collection's folder.
    split : str
        Which judgements: ``qrels/<split>.tsv``.
    skip_unknown : bool
        Leave out judgements of queries or items that are not in the collection, instead of refusing them.

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
    found = Gathered(skip_unknown=skip_unknown)
    read_documents(corpus, found)
    read_queries(queries, found)
    _read_qrels(qrels, found)
    return found.files(str(path))


def _find(folder: Path, name: str) -> Path:
    """Return the file, plain or gzipped."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise InputError(f"{folder} holds no {name} (or {name}.gz): a collection needs it")


def read_documents(path: Path, found: Gathered) -> None:
    """Read a ``corpus.jsonl``: ids, titles, texts, metadata as JSON and release times."""
    numbered = 0
    for place, name, record in _records(path):
        numbered += not isinstance(record["_id"], str)
        text = _text(place, record, "text")
        title = _text(place, record, "title") if record.get("title") is not None else ""
        metadata = _metadata(place, record)
        found.document(
            place,
            name,
            title=title,
            text=text,
            metadata=_as_json(place, metadata),
            released=_release_time(metadata),
        )
    found.must_hold_words(str(path))
    _note_numbers(path, numbered, found)


def read_queries(path: Path, found: Gathered) -> None:
    """Read a ``queries.jsonl``: ids and texts."""
    numbered = 0
    for place, name, record in _records(path):
        numbered += not isinstance(record["_id"], str)
        found.query(place, name, _text(place, record, "text"))
    _note_numbers(path, numbered, found)


def _note_numbers(path: Path, numbered: int, found: Gathered) -> None:
    if numbered:
        found.notes.append(f"{path.name}: {numbered} integer `_id`s are read as text")


def _records(path: Path) -> Iterator[tuple[Place, str, dict[str, Any]]]:
    """Yield place, ``_id`` and object of each line of a JSON-lines file."""
    source = str(path)
    for number, line in lines_of(path):
        place = Place(source, number)
        try:
            record = json.loads(line)
            if "\\ud" in line or "\\uD" in line:
                # half a surrogate pair passes as JSON, but is no text that can be written again
                json.dumps(record, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            cause = getattr(error, "msg", None) or str(error)
            raise InputError(f"{place} is not JSON ({cause}); write one object a line") from error
        if not isinstance(record, dict):
            raise InputError(f"{place} must hold a JSON object, got {shortened(record)}")
        name = record.get("_id")
        if isinstance(name, int) and not isinstance(name, bool):
            name = str(name)
        if not isinstance(name, str) or not name:
            raise InputError(f"{place} must have `_id`, a text, got {shortened(name)}")
        yield place, name, record


def _metadata(place: Place, record: Mapping[str, Any]) -> Mapping[str, Any]:
    value = record.get("metadata")
    value = {} if value is None else value
    if not isinstance(value, dict):
        raise InputError(f"{place} must have an object as `metadata`, got {shortened(value)}")
    return value


def _as_json(place: Place, metadata: Mapping[str, Any]) -> str:
    try:
        return json.dumps(metadata, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as error:  # NaN, an infinite number, bottomless nesting
        raise InputError(f"{place} has `metadata` that is not JSON ({error}); correct it") from error


def _text(place: Place, record: Mapping[str, Any], key: str) -> str:
    """Return a text of a record."""
    value = record.get(key)
    if not isinstance(value, str):
        raise InputError(f"{place} must have `{key}`, a text, got {shortened(value)}")
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


def _read_qrels(path: Path, found: Gathered) -> None:
    """Read query, item and score of each judgement."""
    header, source = False, str(path)
    for number, line in lines_of(path):
        place, cells = Place(source, number), line.split("\t")
        if not header:
            if cells != _HEADER:
                wanted = "<tab>".join(_HEADER)
                raise InputError(f"{place} must be the header {wanted}, got {shortened(line)}; add it")
            header = True
            continue
        if len(cells) != 3:
            raise InputError(
                f"{place} must hold query-id, corpus-id and score separated by tabs, got {shortened(line)}"
            )
        found.judgement(place, cells[0], cells[1], score_of(place, cells[2]))
    found.must_be_known(source)


def score_of(place: Place, text: str) -> float:
    """Return the score of a judgement."""
    if not _SCORE.fullmatch(text):
        raise InputError(f"{place} must hold a score, a number, got {shortened(text)}")
    return float(text)
