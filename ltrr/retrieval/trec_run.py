"""A frozen run of any retriever, as an arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

import numpy as np

from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.retrieval._depth import checked
from ltrr.retrieval.base import Arm
from ltrr.types import (
    Candidates,
    Catalogue,
    Float32,
    Int32,
    Int64,
    Items,
    Queries,
    Requests,
    indptr_of,
    row_of,
)
from ltrr.worlds.gathered import without_zeros
from ltrr.worlds.trec_tables import read_run
from ltrr.worlds.trec_topics import topics_of

__all__ = ["TrecRun"]


@dataclass
class TrecRun(Arm):
    r"""Returns what a run file lists for the query's text, and nothing for other texts.

    So any retriever can be an arm: let it answer the texts that `ltrr.worlds.write_trec_topics` writes, which
    are all that users may ask, variants too. The list goes by the run's scores, in float32, ties by item id;
    its column of ranks is not looked at, as in trec_eval. Texts are compared without case and repeated
    spaces; of several topics with one text the first in the run counts.

    Parameters
    ----------
    path : str or Path
        The run: topic, Q0, document, rank, score, name of the run; may be gzipped.
    topics : str or Path, optional
        The texts of the run's topics (`ltrr.worlds.trec_topics.read_topics`). Without it the run's topics
        are texts themselves, in columns separated by tabs.
    encoding : str
        Of both files, as Python names it.

    Attributes
    ----------
    notes : tuple of str
        After `index`: what of the run was left out.

    Raises
    ------
    InputError
        If a file is absent or malformed, a document occurs twice in a list, or the run has no topic or no
        document in common with topics or catalogue.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.run"
    ...     _ = path.write_text("red shoe\tQ0\tb\t0\t2.5\tmine\nred shoe\tQ0\ta\t1\t1.5\tmine\n")
    ...     arm = TrecRun(path)
    ...     arm.index(Catalogue(("a", "b"), {"title": ("shoe", "red shoe")}))
    >>> two, none = np.arange(2), np.zeros((2, 0), np.float32)
    >>> asked = Requests(two, two, two, two, two, none, (), Queries(("Red shoe", "hat")))
    >>> found = arm.retrieve(asked, np.array([9, 9]))
    >>> found.item.tolist(), found.indptr.tolist()
    ([1, 0], [0, 2, 2])
    """

    path: str | Path
    _: KW_ONLY
    topics: str | Path | None = None
    encoding: str = "utf-8"

    notes: tuple[str, ...] = field(init=False, repr=False, default=())
    _row: Mapping[str, int] | None = field(init=False, repr=False, default=None)
    _indptr: Int64 = field(init=False, repr=False)
    _item: Int32 = field(init=False, repr=False)
    _score: Float32 = field(init=False, repr=False)
    _pair: Int64 = field(init=False, repr=False)
    _place: Int64 = field(init=False, repr=False)
    _n_items: int = field(init=False, repr=False, default=0)
    _known: tuple[Queries, Int64] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        for name, path in (("path", self.path), ("topics", self.topics)):
            if path is not None and not Path(path).is_file():
                raise InputError(f"`TrecRun.{name}` must be a file, got {str(path)!r}")

    def index(self, catalogue: Catalogue) -> None:
        """Read the run; only items alive in ``catalogue`` are found."""
        number = {name: i for i, name in enumerate(catalogue.name)}
        texts = None if self.topics is None else topics_of(self.topics, encoding=self.encoding)
        listed: dict[str, dict[str, float]] = {}
        for place, topic, item, score in read_run(Path(self.path), encoding=self.encoding):
            own = listed.setdefault(topic if texts is None else without_zeros(topic), {})
            if item in own:
                raise InputError(f"{place} lists document {item!r} again for topic {topic!r}; remove one")
            own[item] = score
        self._row, lists, lost = _by_text(listed, texts)
        known = [[(number[i], s) for i, s in own.items() if i in number] for own in lists]
        missing = sum(map(len, lists)) - sum(map(len, known))
        if not self._row or not any(known):
            what = "topics of its own" if not self._row else "documents of the catalogue"
            raise InputError(f"{self.path} lists no {what}: check that both use the same ids")
        counted = {
            "lists of topics without a text, or with the text of another topic": lost,
            "rows of documents that are not in the catalogue": missing,
        }
        self.notes = tuple(f"excluded {what}: {n}" for what, n in counted.items() if n)
        self._order(known, catalogue)

    def _order(self, lists: list[list[tuple[int, float]]], catalogue: Catalogue) -> None:
        """Keep the lists best first, and the place of each pair of list and item."""
        row = np.repeat(np.arange(len(lists)), [len(own) for own in lists])
        item = np.array([i for own in lists for i, _ in own], np.int32)
        with np.errstate(over="ignore"):
            score = np.array([s for own in lists for _, s in own], np.float64).astype(np.float32)
        alive = catalogue.alive[item]
        row, item, score = row[alive], item[alive], score[alive]
        order = np.lexsort((item, -score, row))
        self._item, self._score = item[order], score[order]
        self._indptr = indptr_of(np.bincount(row, minlength=len(lists)))
        self._n_items = len(catalogue)
        self._by_pair()

    def _by_pair(self) -> None:
        row = row_of(self._indptr)
        pair = row * self._n_items + self._item
        by_pair = np.argsort(pair)
        self._pair, self._place = pair[by_pair], (np.arange(len(pair)) - self._indptr[row])[by_pair]
        self._known = None

    def index_state(self) -> State:
        """Return the texts and the lists of the run."""
        if self._row is None:
            raise InputError("`TrecRun` must be given a catalogue first: call `index(catalogue)`")
        return {
            "text": list(self._row),
            "row": np.array(list(self._row.values()), np.int64),
            "notes": list(self.notes),
            "n_items": self._n_items,
            "indptr": self._indptr,
            "item": self._item,
            "score": self._score,
        }

    def restore_index(self, state: State) -> None:
        """Continue from the lists of `index_state`; the run itself is not read."""
        self._row = dict(zip(state["text"], state["row"].tolist(), strict=True))
        self.notes, self._n_items = tuple(state["notes"]), state["n_items"]
        self._indptr, self._item, self._score = state["indptr"], state["item"], state["score"]
        self._by_pair()

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return the beginning of the list of each request's text."""
        row = self._rows(requests)
        asked = checked(depth, len(requests))
        # the last list is empty, and stands for texts that are not in the run
        length = np.minimum(np.append(np.diff(self._indptr), 0)[row], asked).astype(np.int32)
        indptr = indptr_of(length)
        flat = np.arange(indptr[-1]) - np.repeat(indptr[:-1] - self._indptr[row], length)
        return Candidates(indptr, self._item[flat], self._score[flat], length == asked)

    def features(self, requests: Requests, items: Items) -> tuple[tuple[str, ...], Float32]:
        """Return ``reciprocal_rank``: 1 / (1 + rank) in the request's list, 0 where it is not there."""
        wanted = self._rows(requests)[row_of(items.indptr)] * self._n_items + items.item
        out = np.zeros((len(wanted), 1), np.float32)
        if len(self._pair):
            at = np.minimum(np.searchsorted(self._pair, wanted), len(self._pair) - 1)
            found = (self._pair[at] == wanted) & (items.item >= 0)
            out[found, 0] = 1.0 / (1.0 + self._place[at[found]])
        return ("reciprocal_rank",), out

    def _rows(self, requests: Requests) -> Int64:
        """Return the list (B,) of each request's text, the last and empty one where there is none."""
        if self._row is None:
            raise InputError("`TrecRun` must be given a catalogue first: call `index(catalogue)`")
        none = len(self._indptr) - 1
        if self._known is None or self._known[0] is not requests.queries:
            row = [self._row.get(_key(text), none) for text in requests.queries.text]
            self._known = (requests.queries, np.array([*row, none], np.int64))
        return self._known[1][requests.query]  # query −1 has the last place


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def _by_text(
    listed: Mapping[str, dict[str, float]], texts: Mapping[str, str] | None
) -> tuple[dict[str, int], list[dict[str, float]], int]:
    """Return the list of each text, the lists, and how many lists were left out."""
    row: dict[str, int] = {}
    lists: list[dict[str, float]] = []
    for topic, own in listed.items():
        text = topic if texts is None else texts.get(topic)
        if text is not None and _key(text) not in row:
            row[_key(text)] = len(lists)
            lists.append(own)
    return row, lists, len(listed) - len(lists)
