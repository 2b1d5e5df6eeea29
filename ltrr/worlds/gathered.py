"""Gathering a collection: documents, queries and judgements are checked one by one as they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.features.tokens import unicode_words
from ltrr.types import Float64, Int8, Int32
from ltrr.worlds.grades import grades_of
from ltrr.worlds.text_lines import shortened

__all__ = ["CollectionFiles", "Gathered", "Place", "without_zeros"]


@dataclass(frozen=True)
class CollectionFiles:
    """What a collection says, with ids replaced by positions; `ltrr.worlds.Collection` takes it as its path.

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
    source : str
        What it was read from, for messages.

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
    source: str = "the collection"

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        n = f"items={len(self.item_name)}, queries={len(self.query_name)}, judgements={len(self.grade)}"
        return f"CollectionFiles({self.source!r}, {n})"

    def save(self, folder: str | Path, *, split: str = "test") -> None:
        """Write a folder in the BEIR layout, which study files and the command line can name.

        Parameters
        ----------
        folder : str or Path
            Made if absent.
        split : str
            Name of the judgements.
        """
        place = Path(folder)
        (place / "qrels").mkdir(parents=True, exist_ok=True)
        metadata = self.metadata or ("{}",) * len(self.item_name)
        items = zip(self.item_name, self.title, self.text, map(json.loads, metadata), strict=True)
        keys = ("_id", "title", "text", "metadata")
        queries = zip(self.query_name, self.query_text, strict=True)
        judged = zip(self.judged_query.tolist(), self.judged_item.tolist(), self.grade.tolist(), strict=True)
        rows = [f"{self.query_name[q]}\t{self.item_name[i]}\t{grade}" for q, i, grade in judged]
        for name, lines in (
            ("corpus.jsonl", [_json(dict(zip(keys, item, strict=True))) for item in items]),
            ("queries.jsonl", [_json({"_id": name, "text": text}) for name, text in queries]),
            (f"qrels/{split}.tsv", ["query-id\tcorpus-id\tscore", *rows]),
        ):
            write_aside(place / name, "".join(f"{line}\n" for line in lines).encode())


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)


class Place(NamedTuple):
    """Where something was read: the place of a message.

    Parameters
    ----------
    source : str
        A file, or what else is read.
    number : int
        From 1.
    unit : str
        What is numbered.

    Examples
    --------
    >>> print(Place("corpus.jsonl", 3), "|", Place("a", 1).and_also(Place("a", 2)))
    corpus.jsonl: line 3 | a: lines 1 and 2
    """

    source: str
    number: int
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.source}: {self.unit} {self.number}"

    def and_also(self, other: Place) -> str:
        """Return this place and another as the beginning of a sentence."""
        if self.source == other.source:
            return f"{self.source}: {self.unit}s {self.number} and {other.number}"
        return f"{self} and {other}"


@dataclass
class Gathered:
    """Documents and queries, then judgements, checked as they come; `files` returns the whole.

    Parameters
    ----------
    item_id, query_id : str
        What the format calls the ids, for messages.
    skip_unknown : bool
        Leave out judgements of queries or items that are not in the collection, instead of refusing them.
    numbers : bool
        Queries are numbered, so that 051 and 51 are the same.

    Examples
    --------
    >>> found = Gathered()
    >>> found.document(Place("docs", 1), "d1", text="red shoe")
    >>> found.query(Place("topics", 1), "q1", "shoe")
    >>> found.judgement(Place("qrels", 1), "q1", "d1", 2.0)
    >>> found.files("here").grade.tolist()
    [2]
    >>> found.query(Place("topics", 9), "q1", "hat")
    Traceback (most recent call last):
    ltrr.errors.InputError: topics: lines 1 and 9 have the same `_id` 'q1'; remove one
    """

    item_id: str = "_id"
    query_id: str = "_id"
    _: KW_ONLY
    skip_unknown: bool = False
    numbers: bool = False
    notes: list[str] = field(default_factory=list, init=False)
    _items: dict[str, Place] = field(default_factory=dict, init=False)
    _queries: dict[str, Place] = field(default_factory=dict, init=False)
    _text: list[str] = field(default_factory=list, init=False)
    _title: list[str] = field(default_factory=list, init=False)
    _metadata: list[str] = field(default_factory=list, init=False)
    _released: list[float] = field(default_factory=list, init=False)
    _asked: list[str] = field(default_factory=list, init=False)
    _at: tuple[dict[str, int], dict[str, int]] | None = field(default=None, init=False)
    _judged: dict[tuple[int, int], tuple[float, Place]] = field(default_factory=dict, init=False)
    _again: set[tuple[int, int]] = field(default_factory=set, init=False)
    _unknown: int = field(default=0, init=False)
    _first: str = field(default="", init=False)

    def document(
        self,
        place: Place,
        name: str,
        *,
        title: str = "",
        text: str = "",
        metadata: str = "{}",
        released: float = float("nan"),
    ) -> None:
        """Add a document."""
        _add(self._items, name, place, self.item_id)
        self._title.append(title)
        self._text.append(text)
        self._metadata.append(metadata)
        self._released.append(released)

    def query(self, place: Place, name: str, text: str) -> None:
        """Add a query."""
        _add(self._queries, without_zeros(name) if self.numbers else name, place, self.query_id)
        self._asked.append(text)

    def queries(self) -> dict[str, str]:
        """Return the texts of the queries by id."""
        return dict(zip(self._queries, self._asked, strict=True))

    def must_hold_words(self, source: str) -> None:
        """Refuse a corpus in which nothing can be found."""
        texts = (*self._text, *self._title)
        if not any(unicode_words(text) for text in texts):
            what = "holds a letter or digit" if any(map(str.strip, texts)) else "has any text"
            raise InputError(
                f"{source}: no document {what}, so nothing can be found; write `title` or `text`"
            )

    def judgement(self, place: Place, query: str, item: str, score: float, *, again: bool = False) -> None:
        """Add a judgement, once all documents and queries are there.

        Parameters
        ----------
        place : Place
        query, item : str
        score : float
        again : bool
            Of a pair that is judged in several ways, such as by subtopic, keep the highest score and count
            it, instead of refusing it.
        """
        queries, items = self._positions()
        q, i = queries.get(without_zeros(query) if self.numbers else query), items.get(item)
        if q is None or i is None:
            what = f"query {shortened(query)}" if q is None else f"item {shortened(item)}"
            self._first = self._first or f"{what} at {place.unit} {place.number}"
            self._unknown += 1
            return
        before, first = self._judged.setdefault((q, i), (score, place))
        if max(before, 0.0) == max(score, 0.0):
            return
        if not again:
            raise InputError(
                f"{first.and_also(place)} judge query {shortened(query)} and item {shortened(item)} "
                "differently; remove one"
            )
        self._judged[q, i] = (max(before, score), first)
        self._again.add((q, i))

    def must_be_known(self, source: str) -> None:
        """Refuse unknown ids in judgements, once all are read."""
        if self._unknown and not self.skip_unknown:
            raise InputError(
                f"{source}: {self._unknown} judgements name a query or item that is not in the collection, "
                f"first {self._first}; correct them, or leave them out with --skip-unknown "
                "(skip_unknown=True)"
            )

    def files(self, source: str) -> CollectionFiles:
        """Return what was gathered."""
        scores = np.array([score for score, _ in self._judged.values()], np.float64)
        grade, grade_notes = grades_of(scores)
        left, again = self._unknown, len(self._again)
        skipped = [f"{left} judgements of unknown queries or items are left out"] if left else []
        if again:
            self.notes.append(f"{again} pairs are judged in several ways: the highest score counts")
        return CollectionFiles(
            item_name=tuple(self._items),
            title=tuple(self._title),
            text=tuple(self._text),
            metadata=tuple(self._metadata) if any(m != "{}" for m in self._metadata) else (),
            released=np.array(self._released, np.float64),
            query_name=tuple(self._queries),
            query_text=tuple(self._asked),
            judged_query=np.array([q for q, _ in self._judged], np.int32),
            judged_item=np.array([i for _, i in self._judged], np.int32),
            grade=grade,
            notes=(*skipped, *self.notes, *grade_notes),
            source=source,
        )

    def _positions(self) -> tuple[dict[str, int], dict[str, int]]:
        if self._at is None:
            self._at = (
                {name: n for n, name in enumerate(self._queries)},
                {name: n for n, name in enumerate(self._items)},
            )
        return self._at


def without_zeros(name: str) -> str:
    """Return a number without leading zeros, and any other id as it is.

    Examples
    --------
    >>> without_zeros("051"), without_zeros("000"), without_zeros("q01")
    ('51', '0', 'q01')
    """
    return (name.lstrip("0") or "0") if name.isdecimal() else name


def _add(known: dict[str, Place], name: str, place: Place, called: str) -> None:
    """Add an id that must be new."""
    before = known.setdefault(name, place)
    if before is not place:
        raise InputError(f"{before.and_also(place)} have the same `{called}` {shortened(name)}; remove one")
