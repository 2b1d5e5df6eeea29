"""Topics: which information needs hide behind the queries, what satisfies them, and how often they come."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types import Bool, Catalogue, Float64, Int8, Int16, Int32, Int64, Queries

__all__ = ["Topics"]

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Topics:
    """All that stands still in a world of Q query texts and T topics (hidden information needs).

    Parameters
    ----------
    catalogue : Catalogue
        The N items.
    queries : Queries
        The Q query texts, originals and variants.
    query_indptr : int64 (Q + 1,)
        Query q may mean ``query_topic[query_indptr[q]:query_indptr[q + 1]]``; at least one topic.
    query_topic : int32 (M,)
        Topic ids in [0, T).
    query_weight : float64 (M,)
        P(topic | query), >= 0; sums to 1 within a query.
    topic_indptr : int64 (T + 1,)
        Topic t has judgements ``topic_item[topic_indptr[t]:topic_indptr[t + 1]]``.
    topic_item : int32 (J,)
        Judged items in [0, N), strictly ascending within a topic.
    topic_grade : int8 (J,)
        Their grades in [0, ``max_grade``]; a zero is a judgement too.
    traffic : float64 (Q,)
        Probability of each query text in the stream; sums to 1.
    held_out : float64 (Q,)
        Probability of each query text among held-out requests; sums to 1, or all zeros where there are none.
        No topic is both in the stream and held out.
    intent : int16 (Q,)
        The hidden kind of each query, an index into ``intent_names``.
    intent_names : tuple of str
        Names of the kinds.
    max_grade : int
        The highest grade, >= 1 and <= 127.
    complete : bool
        True where pairs without a judgement have grade 0 for sure (synthetic worlds); False where they are
        unjudged (real collections).
    excluded : int32 (T,), optional
        An item that is never shown to each topic, −1 for none: for queries that are documents themselves.
    reserved : bool (T,), optional
        Topics that no replicate's stream asks, for figures on which nothing was ever tuned.

    Raises
    ------
    InputError
        If a table breaks one of the rules above.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.types import Catalogue, Queries
    >>> topics = Topics(
    ...     catalogue=Catalogue(name=("a", "b"), fields={"text": ("red shoe", "blue hat")}),
    ...     queries=Queries(("shoe", "hat")),
    ...     query_indptr=np.array([0, 1, 2]), query_topic=np.array([0, 1]), query_weight=np.ones(2),
    ...     topic_indptr=np.array([0, 1, 2]), topic_item=np.array([0, 1]), topic_grade=np.array([1, 1]),
    ...     traffic=np.array([1.0, 0.0]), held_out=np.array([0.0, 1.0]),
    ...     intent=np.zeros(2), intent_names=("plain",), max_grade=1, complete=True,
    ... )
    >>> topics.n_topics
    2
    """

    catalogue: Catalogue
    queries: Queries
    query_indptr: Int64
    query_topic: Int32
    query_weight: Float64
    topic_indptr: Int64
    topic_item: Int32
    topic_grade: Int8
    traffic: Float64
    held_out: Float64
    intent: Int16
    intent_names: tuple[str, ...]
    max_grade: int
    complete: bool
    excluded: Int32 | None = None
    reserved: Bool | None = None

    def __post_init__(self) -> None:
        q, t = len(self.queries), len(self.topic_indptr) - 1
        object.__setattr__(
            self, "max_grade", _check.integer("Topics.max_grade", self.max_grade, low=1, high=127)
        )
        m, j = len(self.query_topic), len(self.topic_item)
        for key, dtype, length, top in (
            ("query_topic", np.int32, m, t),
            ("topic_item", np.int32, j, len(self.catalogue)),
            ("topic_grade", np.int8, j, self.max_grade + 1),
            ("intent", np.int16, q, len(self.intent_names)),
        ):
            object.__setattr__(self, key, _ids(f"Topics.{key}", getattr(self, key), dtype, length, top))
        object.__setattr__(self, "query_weight", _probabilities("query_weight", self.query_weight, m))
        for key, rows, values in (("query_indptr", q, m), ("topic_indptr", t, j)):
            object.__setattr__(self, key, _check.indptr(f"Topics.{key}", getattr(self, key), rows, values))
        if self.excluded is not None:
            # shifted by one, so that −1 passes
            shifted = np.asarray(self.excluded, np.int64) + 1
            items = _ids("Topics.excluded", shifted, np.int32, t, len(self.catalogue) + 1) - 1
            object.__setattr__(self, "excluded", items.astype(np.int32))
        if self.reserved is not None:
            reserved = _check.array("Topics.reserved", self.reserved, np.bool_, (t,))
            object.__setattr__(self, "reserved", reserved)
        self._check_weights()
        self._check_order()
        self._set_traffic(self.traffic, self.held_out)

    @staticmethod
    def from_frames(
        items: Any, queries: Any, judgements: Any, *, held_out: float = 0.3, seed: int = 0
    ) -> Topics:
        """Return topics from three tables: DataFrames, or mappings of column names to sequences.

        Every query is a topic of its own.

        Parameters
        ----------
        items : table
            Column ``item`` (its id) and at least one more, all of which become text fields, but for
            ``popularity`` and ``released`` (seconds), which are taken as numbers.
        queries : table
            Columns ``query`` (its id) and ``text``; ``traffic``, how often it is asked, where there is one.
        judgements : table
            Columns ``query``, ``item`` and ``grade`` (integer, >= 0).
        held_out : float
            Share of the queries that the stream never asks; at least one stays in the stream.
        seed : int
            Draws which.

        Raises
        ------
        InputError
            If a column is missing, an id is unknown or occurs twice, or a grade is invalid.

        Examples
        --------
        >>> topics = Topics.from_frames(
        ...     {"item": ["a", "b"], "title": ["red shoe", "blue hat"]},
        ...     {"query": [1, 2], "text": ["shoe", "hat"]},
        ...     {"query": [1, 2], "item": ["a", "b"], "grade": [2, 1]},
        ... )
        >>> topics.n_topics, topics.max_grade, topics.traffic.tolist()
        (2, 2, [0.0, 1.0])
        """
        item_ids, query_ids = _column(items, "items", "item"), _column(queries, "queries", "query")
        numbers: dict[str, Any] = {
            name: np.asarray(items[name]) for name in ("popularity", "released") if name in items
        }
        fields = {str(f): tuple(map(str, items[f])) for f in items if f not in ("item", *numbers)}
        judged = [_column(judgements, "judgements", name) for name in ("query", "item", "grade")]
        topic = _places("judgements.query", judged[0], query_ids)
        item = _places("judgements.item", judged[1], item_ids)
        order = np.lexsort((item, topic))
        n = len(query_ids)
        weight = _column(queries, "queries", "traffic") if "traffic" in queries else np.ones(n)
        shuffled = np.random.default_rng(seed).permutation(n)
        n_held = min(round(_check.fraction("held_out", held_out) * n), n - 1)
        parts = []
        for rows in (shuffled[n_held:], shuffled[:n_held]):
            part = np.zeros(n)
            part[rows] = weight[rows]
            parts.append(part / part.sum() if len(rows) else part)
        grade = np.asarray(judged[2])
        return Topics(
            catalogue=Catalogue(tuple(map(str, item_ids)), fields, **numbers),
            queries=Queries(tuple(map(str, _column(queries, "queries", "text")))),
            query_indptr=np.arange(n + 1),
            query_topic=np.arange(n, dtype=np.int32),
            query_weight=np.ones(n),
            topic_indptr=np.concatenate([[0], np.cumsum(np.bincount(topic, minlength=n))]),
            topic_item=item[order].astype(np.int32),
            topic_grade=grade[order],
            traffic=parts[0],
            held_out=parts[1],
            intent=np.zeros(n, np.int16),
            intent_names=("plain",),
            max_grade=int(grade.max()) if len(grade) else 0,
            complete=False,
        )

    @property
    def n_topics(self) -> int:
        """Number of topics, T."""
        return len(self.topic_indptr) - 1

    def with_traffic(self, traffic: Float64, held_out: Float64) -> Topics:
        """Return the same topics asked otherwise; the two columns alone are checked, all others shared.

        Raises
        ------
        InputError
            If the two do not fit, as for the class.
        """
        topics = copy.copy(self)
        topics._set_traffic(traffic, held_out)
        return topics

    def shares(self) -> tuple[Float64, Float64]:
        """Return the probability (T,) of each topic in the stream and among the held-out requests."""
        row = np.repeat(np.arange(len(self.queries)), np.diff(self.query_indptr))
        out = np.zeros((2, self.n_topics))
        for part, probability in zip(out, (self.traffic, self.held_out), strict=True):
            np.add.at(part, self.query_topic, probability[row] * self.query_weight)
        return out[0], out[1]

    def _set_traffic(self, traffic: Float64, held_out: Float64) -> None:
        """Set what is asked, once it is known to be two distributions that share no topic."""
        for key, value in (("traffic", traffic), ("held_out", held_out)):
            object.__setattr__(self, key, _probabilities(key, value, len(self.queries)))
        total = float(self.traffic.sum())
        if abs(total - 1.0) > _SUM_TOLERANCE:
            raise InputError(f"`Topics.traffic` must sum to 1, got {total:g}")
        total = float(self.held_out.sum())
        if total != 0.0 and abs(total - 1.0) > _SUM_TOLERANCE:
            raise InputError(f"`Topics.held_out` must sum to 1 or be all zeros, got a sum of {total:g}")
        self._check_parts()

    def _check_weights(self) -> None:
        """Refuse meanings whose probabilities do not sum to one."""
        row = np.repeat(np.arange(len(self.queries)), np.diff(self.query_indptr))
        sums = np.bincount(row, self.query_weight, minlength=len(self.queries))
        bad = np.flatnonzero(np.abs(sums - 1.0) > _SUM_TOLERANCE)
        if len(bad):
            query, got = int(bad[0]), sums[bad[0]]
            raise InputError(
                f"`Topics.query_weight` must sum to 1 within each query, got {got:g} for query {query}"
            )

    def _check_order(self) -> None:
        """Refuse items that do not ascend within a topic: grades are found by binary search."""
        rises = np.diff(self.topic_item.astype(np.int64)) > 0
        starts = self.topic_indptr[1:-1]
        starts = starts[(starts > 0) & (starts < len(self.topic_item))]
        rises[starts - 1] = True
        if not bool(rises.all()):
            place = int(np.flatnonzero(~rises)[0])
            topic = int(np.searchsorted(self.topic_indptr, place, side="right")) - 1
            raise InputError(
                f"`Topics.topic_item` must ascend strictly within a topic, topic {topic} does not"
            )

    def _check_parts(self) -> None:
        """Refuse a topic that the stream asks about and that is held out."""
        row = np.repeat(np.arange(len(self.queries)), np.diff(self.query_indptr))
        seen = np.zeros((2, self.n_topics), np.bool_)
        for part, probability in enumerate((self.traffic, self.held_out)):
            seen[part, self.query_topic[probability[row] > 0.0]] = True
        both = np.flatnonzero(seen[0] & seen[1])
        if len(both):
            raise InputError(
                f"`Topics.held_out` must share no topic with `traffic`, got {len(both)} shared, "
                f"the first is {both[0]}"
            )
        asked = np.flatnonzero(seen[0] & self.reserved) if self.reserved is not None else both
        if len(asked):
            raise InputError(
                f"`Topics.reserved` must hold no topic of `traffic`, got {len(asked)} of them, "
                f"the first is {asked[0]}"
            )


def _probabilities(key: str, value: Any, length: int) -> Float64:
    """Return a column of probabilities after a check."""
    column: Float64 = _check.array(f"Topics.{key}", value, np.float64, (length,))
    if not bool(np.all((column >= 0.0) & (column <= 1.0 + _SUM_TOLERANCE))):
        raise InputError(f"`Topics.{key}` must hold probabilities in [0, 1]")
    return column


def _column(table: Any, name: str, column: str) -> Any:
    """Return a column of a table as an array."""
    if column not in table:
        raise InputError(f"`{name}` must have a column {column!r}, got {', '.join(map(str, table))}")
    return np.asarray(table[column])


def _places(name: str, wanted: Any, known: Any) -> Int64:
    """Return where each id stands among the known ones."""
    place = {key: i for i, key in enumerate(known.tolist())}
    if len(place) < len(known):
        raise InputError(f"`{name.partition('.')[2]}` must name its rows apart, got an id twice")
    unknown = [key for key in wanted.tolist() if key not in place]
    if unknown:
        raise InputError(f"`{name}` must name known rows, got {unknown[0]!r}")
    return np.array([place[key] for key in wanted.tolist()], np.int64)


def _ids(name: str, value: Any, dtype: type, length: int, top: int) -> Any:
    """Return ids or grades as an array within [0, top), checked before they could wrap around."""
    wide = _check.array(name, value, np.int64, (length,))
    if length and not (int(wide.min()) >= 0 and int(wide.max()) < top):
        worst = int(wide.min()) if int(wide.min()) < 0 else int(wide.max())
        raise InputError(f"`{name}` must lie in [0, {top}), got {worst}")
    return wide.astype(dtype)
