"""Dense retrieval: nearest vectors by cosine."""

from __future__ import annotations

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
from ltrr.types import Candidates, Catalogue, Float32, Int32, Int64, Items, Requests, indptr_of

__all__ = ["Dense"]

# Queries of one matrix product: its result, so many rows of N float32, is the arm's working memory.
_QUERIES_AT_ONCE = 64

_ROUNDING = 2.0**-24


@dataclass
class Dense(Arm):
    """Exact nearest neighbours by cosine of text vectors.

    Candidates come from a matrix product; what may be among the best is scored again in one fixed order, so
    that results do not depend on the batch. Items and queries whose vector is zero (no known term) are
    never returned and find nothing.

    Parameters
    ----------
    encoder : Encoder, optional
        Has ``encode(texts)``; if it has ``fit(texts)`` too, that is called with the catalogue's texts. A new
        `LSA` if None.
    fields : sequence of str, optional
        Text fields to encode; all of them if None.

    Attributes
    ----------
    encoder_ : Encoder
        What encodes.
    vectors_ : float32 (N, dim)
        The items' vectors, of length 1 or zero.

    Raises
    ------
    InputError
        If a field is unknown, or the encoder returns something other than one finite row a text.

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
    encoder_: Encoder = field(init=False, repr=False)
    vectors_: Float32 = field(init=False, repr=False)
    _rows: Int32 = field(init=False, repr=False)
    _searched: Float32 = field(init=False, repr=False)
    _table: QueryTable = field(init=False, repr=False)
    _queries: Float32 = field(init=False, repr=False)

    def index(self, catalogue: Catalogue) -> None:
        """Fit the encoder if it can be fitted and encode the catalogue; a second call starts afresh."""
        texts = catalogue_texts(catalogue, fields=self.fields)
        self.encoder_ = LSA() if self.encoder is None else self.encoder
        fit = getattr(self.encoder_, "fit", None)
        if fit is not None:
            fit(texts)
        vectors = self._encode(texts)
        self._keep(vectors, np.flatnonzero(catalogue.alive & vectors.any(axis=1)).astype(np.int32))

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
        state: State = {"vectors": self.vectors_, "rows": self._rows, "encoder": {}}
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

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return up to ``depth[b]`` nearest items for each request's query."""
        queries, row = self._query_rows(requests)
        found = row >= 0
        found[found] = queries[row[found]].any(axis=1)
        depth = checked(depth, len(requests))
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

    def _encode(self, texts: Sequence[str]) -> Float32:
        vectors = np.array(self.encoder_.encode(texts), np.float32, order="C")
        vectors = _check.array("encoder.encode(texts)", vectors, np.float32, (len(texts), None))
        if not np.isfinite(vectors).all():
            raise InputError("`encoder.encode(texts)` must be finite, got NaN or infinity")
        normalise_rows(vectors)
        return vectors

    def _query_rows(self, requests: Requests) -> tuple[Float32, Int64]:
        """Return the vectors of all queries seen and each request's row in them, −1 for no query."""
        keep, new = self._table.unseen(requests.queries)
        if new or keep == 0:
            fresh = self._encode(new) if new else self._queries[:0]
            self._queries = np.concatenate([self._queries[:keep], fresh])
        return self._queries, requests.query.astype(np.int64)
