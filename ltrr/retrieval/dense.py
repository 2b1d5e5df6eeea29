"""Dense retrieval: nearest vectors by cosine."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ltrr import _check
from ltrr._kernels.dense import normalise_rows, score_pairs, select
from ltrr.embeddings import LSA
from ltrr.errors import InputError
from ltrr.features.text import QueryTable, catalogue_texts
from ltrr.protocols import Encoder, State
from ltrr.retrieval._depth import checked
from ltrr.retrieval.base import Arm
from ltrr.retrieval.nearest_graph import NearestGraph, ann_package
from ltrr.types import Candidates, Catalogue, Float32, Int32, Int64, Items, Requests, indptr_of

__all__ = ["Dense"]

# Queries of one matrix product: its result, so many rows of N float32, is the arm's working memory.
_QUERIES_AT_ONCE = 64

_ROUNDING = 2.0**-24

# Items whose nearest neighbours, found exactly, are looked for in the pools of an approximate search.
_SAMPLE = 100

_log = logging.getLogger(__name__)


@dataclass
class Dense(Arm):
    """Nearest neighbours by cosine of text vectors, exact unless approximation is asked for.

    Candidates come from a matrix product; what may be among the best is scored again in one fixed order, so
    that results do not depend on the batch. Items and queries whose vector is zero (no known term) are
    never returned and find nothing.

    **Approximate search** (``ann_above``): a graph gives each query a pool of ``ann_pool`` items, whatever
    depth is wanted, and these are scored exactly and ordered. So deeper lists extend shallower ones, scores
    are those of exact search, and no list is longer than the pool: it must hold the deepest list that is
    wanted, and `ltrr.checks.check_retriever` needs one as large as its catalogue. One thread makes the graph;
    on another kind of processor it may differ, and with it who is in the pools. ``ann_recall_`` says what
    share of the exact ten nearest neighbours of 100 items is in their pools, and is logged; `recall` measures
    it on queries, which may be harder. With 100,000 items of 128 numbers on one core, a query took 2.0 ms
    exactly and 0.5 ms approximately if asked alone, 0.4 and 0.8 ms among 64, and the graph 30 s: it is for
    larger catalogues, and for queries that come one by one.

    Where the encoder is not fitted to the catalogue, `update` encodes the new items alone.

    Parameters
    ----------
    encoder : Encoder, optional
        Has ``encode(texts)``; if it has ``fit(texts)`` too, that is called with the catalogue's texts. A new
        `LSA` if None. One with ``encode_queries(texts)`` encodes queries by that.
    fields : sequence of str, optional
        Text fields to encode; all of them if None.
    fit : bool
        False to use an encoder as it has been fitted already, for instance to other texts.
    ann_above : int, optional
        Search approximately where more items than this are searched; never if None. Needs the extra ``ann``.
    ann_pool : int
        Items that an approximate search finds and scores, >= 1: the greatest length of its lists.

    Attributes
    ----------
    ann_recall_ : float or None
        Share of exact nearest neighbours that approximate search finds; None where search is exact.
    encoder_ : Encoder
        What encodes.
    vectors_ : float32 (N, dim)
        The items' vectors, of length 1 or zero.

    Raises
    ------
    InputError
        If a parameter is out of range, a field is unknown, or the encoder returns something other than one
        finite row a text, all of one length.

    Examples
    --------
    >>> from ltrr.types import Queries
    >>> arm = Dense(LSA(dim=2))
    >>> arm.index(Catalogue(("a", "b", "c"), {"text": ("blue sky", "blue sea", "green field")}))
    >>> one = np.zeros(1, np.int64)
    >>> asks = Requests(one, one, one, one, one, np.zeros((1, 0)), (), Queries(("bleu sky",)))
    >>> arm.retrieve(asks, np.array([2], np.int32)).item.tolist()
    [0, 1]
    """

    source: ClassVar[str] = "embedding"
    exact_when_renumbered: ClassVar[bool] = False  # encoders are fitted to the texts in their order

    encoder: Encoder | None = None
    fields: Sequence[str] | None = None
    fit: bool = True
    ann_above: int | None = None
    ann_pool: int = 256
    ann_recall_: float | None = field(init=False, default=None, repr=False)
    encoder_: Encoder = field(init=False, repr=False)
    vectors_: Float32 = field(init=False, repr=False)
    _rows: Int32 = field(init=False, repr=False)
    _searched: Float32 = field(init=False, repr=False)
    _graph: NearestGraph | None = field(init=False, default=None, repr=False)
    _table: QueryTable = field(init=False, repr=False)
    _queries: Float32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.fit, bool):
            raise InputError(f"`Dense.fit` must be true or false, got {self.fit!r}")
        _check.integer("Dense.ann_pool", self.ann_pool, low=1)
        if self.ann_above is not None:
            _check.integer("Dense.ann_above", self.ann_above, low=0)
            ann_package()  # a study without it stops before any work
        if self.encoder is None and not self.fit:
            raise InputError("`Dense.encoder` must be a fitted encoder where `fit` is false, got None")

    def index(self, catalogue: Catalogue) -> None:
        """Fit the encoder if it can be fitted and encode the catalogue; a second call starts afresh."""
        texts = catalogue_texts(catalogue, fields=self.fields)
        self.encoder_ = LSA() if self.encoder is None else self.encoder
        if self._is_fitted_here():
            self.encoder_.fit(texts)  # type: ignore[attr-defined]  # it has the method
        self._search(catalogue, self._encode(texts))

    def update(self, catalogue: Catalogue, new_items: Int32) -> None:
        """Take in a catalogue that has grown: only new texts are encoded, unless the encoder is fitted again.

        Vectors are those of `index` to the last bit if a text's vector does not depend on its batch.
        """
        known = getattr(self, "vectors_", None)
        first = 0 if known is None else len(known)
        grown = np.array_equal(np.sort(new_items), np.arange(first, len(catalogue)))
        # without all texts nothing can be fitted, and what else is new cannot be seen from here
        if known is None or not grown or self._is_fitted_here():
            self.index(catalogue)
            return
        fresh = catalogue_texts(catalogue, fields=self.fields)[first:]
        self._search(catalogue, np.concatenate([known, self._encode(fresh, known)]) if fresh else known)

    def _is_fitted_here(self) -> bool:
        return self.fit and hasattr(self.encoder_, "fit")

    def _search(self, catalogue: Catalogue, vectors: Float32) -> None:
        """Take vectors, of which those of living items that are not zero are searched."""
        self._keep(vectors, np.flatnonzero(catalogue.alive & vectors.any(axis=1)).astype(np.int32))
        self._graph, self.ann_recall_ = None, None
        if self.ann_above is not None and len(self._rows) > self.ann_above:
            self._connect()

    def _connect(self) -> None:
        """Make the graph of approximate search, and measure what it misses."""
        start, n = time.perf_counter(), len(self._rows)
        self._graph = NearestGraph(self._searched, pool=self.ann_pool)
        seconds = time.perf_counter() - start
        own = np.random.default_rng(n).choice(n, min(n, _SAMPLE), replace=False)
        self.ann_recall_ = self._graph.recall(self._searched[own], own=own)
        text = "Dense: approximate search over %d items (graph made in %.1f s); of the exact ten nearest "
        _log.info(
            text + "neighbours of %d items, %.4f are in their pools of %d",
            n,
            seconds,
            len(own),
            self.ann_recall_,
            self.ann_pool,
        )

    def recall(self, requests: Requests, *, k: int = 10) -> float:
        """Return the mean share of the exact ``k`` nearest items of the requests' queries that are found.

        1 where search is exact. Queries without a vector do not count.
        """
        _check.integer("k", k, low=1)
        queries, row = self._query_rows(requests)
        asked = queries[row[row >= 0]]
        return 1.0 if self._graph is None else self._graph.recall(asked[asked.any(axis=1)], k=k)

    def _keep(self, vectors: Float32, rows: Int32) -> None:
        """Take vectors, and the rows of them that are searched, and forget all queries."""
        self.vectors_, self._rows = vectors, rows
        self._searched = vectors[rows] if len(rows) < len(vectors) else vectors
        self._table = QueryTable()
        self._queries = np.zeros((0, vectors.shape[1]), np.float32)

    def index_state(self) -> State:
        """Return the vectors, and what the encoder has been fitted to.

        Raises
        ------
        InputError
            If the encoder is fitted and has no ``index_state`` and ``restore_index``.
        """
        state: State = {"vectors": self.vectors_, "rows": self._rows, "encoder": {}, "graph": {}}
        if self._graph is not None:
            state["graph"] = {"data": self._graph.saved(), "recall": self.ann_recall_}
        if hasattr(self.encoder_, "index_state"):
            return state | {"encoder": self.encoder_.index_state()}
        if hasattr(self.encoder_, "fit"):
            name = type(self.encoder_).__name__
            text = f"`Dense` cannot be saved: its encoder {name} is fitted and has no `index_state()`"
            raise InputError(f"{text}; write it and `restore_index(state)`")
        return state

    def restore_index(self, state: State) -> None:
        """Continue from the vectors."""
        self.encoder_ = LSA() if self.encoder is None else self.encoder
        if state["encoder"]:
            self.encoder_.restore_index(state["encoder"])  # type: ignore[attr-defined]  # it has written it
        self._keep(state["vectors"], state["rows"])
        graph = state["graph"]
        self._graph = NearestGraph(self._searched, self.ann_pool, graph["data"]) if graph else None
        self.ann_recall_ = graph["recall"] if graph else None

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return up to ``depth[b]`` nearest items for each request's query."""
        queries, row = self._query_rows(requests)
        found = row >= 0
        found[found] = queries[row[found]].any(axis=1)
        depth = checked(depth, len(requests))
        if self._graph is not None:
            return self._near(self._graph, queries, row, np.where(found, depth, 0), depth)
        length = np.where(found, np.minimum(depth, len(self._rows)), 0)
        out_indptr = indptr_of(length)
        item = np.empty(out_indptr[-1], np.int32)
        score = np.empty(out_indptr[-1], np.float32)
        # two sums of d products of rows of length 1 differ by 2 d roundings at most, and so may each of two
        # items; the 8 leaves room for lengths that are not quite 1
        margin = 4.0 * (self.vectors_.shape[1] + 8) * _ROUNDING
        active = np.flatnonzero(length > 0)
        for start in range(0, len(active), _QUERIES_AT_ONCE):
            b = active[start : start + _QUERIES_AT_ONCE]
            query = queries[row[b]]
            part = np.append(out_indptr[b], out_indptr[b[-1] + 1])
            select(query @ self._searched.T, margin, query, self.vectors_, self._rows, part, item, score)
        return Candidates(out_indptr, item, score, length == depth)

    def _near(
        self, graph: NearestGraph, queries: Float32, row: Int64, length: Int32, depth: Int32
    ) -> Candidates:
        """Return the best of each request's pool, scored as exact search scores them."""
        asked = np.flatnonzero(length > 0)
        indptr, near = graph.search(queries[row[asked]])
        pool = self._rows[near]
        score = np.empty(len(pool), np.float32)
        score_pairs(queries, row[asked], indptr, pool, self.vectors_, score)
        of = np.repeat(np.arange(len(asked)), np.diff(indptr))
        order = np.lexsort((pool, -score, of))
        kept = order[np.arange(len(order)) - indptr[of] < length[asked][of]]
        got = np.zeros(len(row), np.int32)
        got[asked] = np.minimum(np.diff(indptr), length[asked])
        return Candidates(indptr_of(got), pool[kept], score[kept], got == depth)

    def score(self, requests: Requests, items: Items) -> Float32:
        """Return float32 (N,): the cosine of each request's query and its items, 0 for −1 items.

        The bits are those that `retrieve` gives.
        """
        out = np.empty(len(items.item), np.float32)
        queries, row = self._query_rows(requests)
        score_pairs(queries, row, items.indptr, items.item, self.vectors_, out)
        return out

    def features(self, requests: Requests, items: Items) -> tuple[tuple[str, ...], Float32]:
        """Return ``cosine``, the score."""
        return ("cosine",), self.score(requests, items)[:, None]

    def _encode(self, texts: Sequence[str], like: Float32 | None = None, verb: str = "encode") -> Float32:
        """Return the vectors of texts, of the dimension of others where such are given."""
        dim = None if like is None else like.shape[1]
        vectors = np.array(getattr(self.encoder_, verb)(texts), np.float32, order="C")
        vectors = _check.array(f"encoder.{verb}(texts)", vectors, np.float32, (len(texts), dim))
        if not np.isfinite(vectors).all():
            raise InputError(f"`encoder.{verb}(texts)` must be finite, got NaN or infinity")
        normalise_rows(vectors)
        return vectors

    def _query_rows(self, requests: Requests) -> tuple[Float32, Int64]:
        """Return the vectors of all queries seen and each request's row in them, −1 for no query."""
        keep, new = self._table.unseen(requests.queries)
        if new or keep == 0:
            verb = "encode_queries" if hasattr(self.encoder_, "encode_queries") else "encode"
            fresh = self._encode(new, self.vectors_, verb) if new else self._queries[:0]
            self._queries = np.concatenate([self._queries[:keep], fresh])
        return self._queries, requests.query.astype(np.int64)
