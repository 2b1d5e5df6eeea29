"""Results of a static arm for all queries, computed once and shared."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr import _check
from ltrr._kernels.cache import beginnings
from ltrr.errors import InputError
from ltrr.protocols import Retriever, State
from ltrr.retrieval._depth import checked
from ltrr.types import Candidates, Catalogue, Feedback, Float32, Int32, Int64, Queries, Requests
from ltrr.types.ragged import concat_indptr
from ltrr.types.trusted import trusted

__all__ = ["StaticCache"]

BLOCK = 1024
"""Queries retrieved at once: bounds the memory that the arm needs besides the results."""


@dataclass
class StaticCache:
    """A static arm whose results are computed once per query and served by slicing.

    Serves what the arm itself would return, bit for bit: a static arm's results depend on the query alone,
    and its deeper list extends the shallower one. Queries that were appended to the table since are computed
    when first asked for, and where another run's table appends other texts to the same beginning, these are
    computed again. So the runs of a study may share one cache, one after another or each in its own process;
    arrays once stored are never written to.

    Parameters
    ----------
    retriever : Retriever
        The arm; ``static``, and indexed already or through `index`.
    queries : Queries
        The table of queries to begin with.
    max_depth : int >= 1
        Length at which lists are stored.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.types import Catalogue, Queries, Requests
    >>> class First:
    ...     static = True
    ...     def index(self, catalogue): self.n = len(catalogue)
    ...     def retrieve(self, requests, depth):
    ...         ends = np.append(0, np.cumsum(np.minimum(depth, self.n)))
    ...         item = np.concatenate([np.arange(n) for n in np.diff(ends)])
    ...         return Candidates(ends, item, -item, np.diff(ends) == depth)
    ...     def learn(self, feedback): pass
    ...     def state(self): return {}
    ...     def restore(self, state): pass
    >>> cache = StaticCache(First(), Queries(("a", "b")), max_depth=3)
    >>> cache.index(Catalogue(tuple("xyz"), {"title": tuple("uvw")}))
    >>> cache.warm()
    >>> one, none = np.zeros(1, np.int64), np.zeros((1, 0), np.float32)
    >>> asked = Requests(one, one, one, one, one, none, (), Queries(("a", "b")))
    >>> cache.retrieve(asked, np.array([2])).item.tolist()
    [0, 1]
    """

    retriever: Retriever
    queries: Queries
    max_depth: int

    # The longest table seen; row q + 1 of the results is its query q, row 0 the answer to no query (−1).
    _table: Queries = field(init=False, repr=False)
    _indptr: Int64 = field(init=False, repr=False)
    _item: Int32 = field(init=False, repr=False)
    _score: Float32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.integer("StaticCache.max_depth", self.max_depth, low=1)
        if not self.retriever.static:
            kind = type(self.retriever).__name__
            raise InputError(f"`StaticCache.retriever` must be static, got {kind}, whose results change")
        self._clear()

    @property
    def static(self) -> bool:
        """True."""
        return True

    @property
    def always_full(self) -> bool:
        """Whether the arm is."""
        return bool(getattr(self.retriever, "always_full", False))

    def index(self, catalogue: Catalogue) -> None:
        """Index the arm and drop all results."""
        self.retriever.index(catalogue)
        self._clear()

    def warm(self) -> None:
        """Compute the results of all queries of the table that are not there yet."""
        self._extend(self.queries)

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return what the arm would return.

        Raises
        ------
        InputError
            If a depth is beyond ``max_depth``.
        """
        asked = checked(depth, len(requests))
        if len(asked) and int(asked.max()) > self.max_depth:
            raise InputError(
                f"`depth` must be <= {self.max_depth} (`StaticCache.max_depth`), got {int(asked.max())}"
            )
        self._extend(requests.queries)
        indptr, item, score, capped = beginnings(self._indptr, self._item, self._score, requests.query, asked)
        return trusted(Candidates, indptr=indptr, item=item, score=score, capped=capped)

    def learn(self, feedback: Feedback) -> None:
        """Pass feedback on to the arm, which has no use for it."""
        self.retriever.learn(feedback)

    def state(self) -> State:
        """Return nothing: all of it can be computed again."""
        return {}

    def restore(self, state: State) -> None:
        """Do nothing."""

    def _clear(self) -> None:
        self._table = self.queries
        self._indptr = np.zeros(1, np.int64)
        self._item = np.empty(0, np.int32)
        self._score = np.empty(0, np.float32)

    def _keep(self, rows: int) -> None:
        """Drop the results beyond the first ``rows``."""
        self._indptr = self._indptr[: rows + 1]
        self._item = self._item[: self._indptr[-1]]
        self._score = self._score[: self._indptr[-1]]

    def _extend(self, queries: Queries) -> None:
        """Append the results of the queries that are new, keeping those of the texts that are the same."""
        if queries is not self._table:
            n = min(len(queries), len(self._table))
            if queries.text[:n] != self._table.text[:n]:
                # The table of another run, which appended other texts to the same beginning.
                pairs = zip(queries.text, self._table.text, strict=False)
                self._keep(next(q for q, (new, old) in enumerate(pairs) if new != old) + 1)
                self._table = queries
            elif len(queries) > n:
                self._table = queries
        done, rows = len(self._indptr) - 1, len(self._table) + 1
        if done == rows:
            return
        blocks = [
            self._compute(np.arange(start - 1, min(start + BLOCK, rows) - 1, dtype=np.int32))
            for start in range(done, rows, BLOCK)
        ]
        self._indptr = concat_indptr([self._indptr, *(b.indptr for b in blocks)])
        self._item = np.concatenate([self._item, *(b.item for b in blocks)])
        self._score = np.concatenate([self._score, *(b.score for b in blocks)])

    def _compute(self, query: Int32) -> Candidates:
        ids, time = np.zeros(len(query), np.int64), np.zeros(len(query), np.float64)
        context = np.zeros((len(query), 0), np.float32)
        requests = Requests(ids, ids, ids, query, time, context, (), self._table)
        return self.retriever.retrieve(requests, np.full(len(query), self.max_depth, np.int32))
