"""The known queries whose texts are nearest to a query's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr._kernels import near_memory as kernels
from ltrr.features.text import QueryTable
from ltrr.types import Float32, Int32, Int64, Queries, Requests

__all__ = ["Neighbours", "Vectors"]


@dataclass
class Vectors:
    """Unit vectors of query texts, each computed once, shared by all forks of an arm.

    Parameters
    ----------
    encoder : Encoder
    rows : float32 (Q, d)
        Vectors so far.

    Examples
    --------
    >>> class Letters:
    ...     def encode(self, texts):
    ...         return [[text.count("a"), text.count("b")] for text in texts]
    >>> texts = Vectors(Letters())
    >>> texts.of(Queries(("aaa", "")))
    (array([[1., 0.],
           [0., 0.]], dtype=float32), 0)
    >>> texts.of(Queries(("aaa", "", "b")))[1]
    2
    """

    encoder: Any
    rows: Float32 = field(default_factory=lambda: np.zeros((0, 1), np.float32))
    _table: QueryTable = field(default_factory=QueryTable)

    def of(self, queries: Queries) -> tuple[Float32, int]:
        """Return the vectors (Q, d) of all queries, and how many are those of the call before."""
        keep, new = self._table.unseen(queries)
        if new or keep != len(self.rows):
            rows = np.array(self.encoder.encode(new), np.float32)
            length = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
            rows /= np.where(length > 0.0, length, np.float32(1.0))
            self.rows = rows if keep == 0 else np.concatenate([self.rows[:keep], rows])
        return self.rows, keep


class Neighbours:
    """The ``most`` nearest known queries of each query, compared only with those known since the last time.

    Parameters
    ----------
    most : int >= 1

    Examples
    --------
    >>> class Letters:
    ...     def encode(self, texts):
    ...         return [[text.count("a"), text.count("b")] for text in texts]
    >>> one, none = np.zeros(1, np.int64), np.zeros((1, 0), np.float32)
    >>> asked = Requests(one, one, one, one, one, none, (), Queries(("aaab", "b", "aa", "aab")))
    >>> near, cosine = Neighbours(2).of(Vectors(Letters()), asked, np.array([1, 2, 3], np.int32), 0.5)
    >>> near.tolist(), cosine.round(2).tolist()
    ([[3, 2]], [[0.9900000095367432, 0.949999988079071]])
    """

    def __init__(self, most: int) -> None:
        self._near: Int32 = np.empty((0, most), np.int32)
        self._similarity: Float32 = np.empty((0, most), np.float32)
        self._seen: Int64 = np.empty(0, np.int64)
        self._partial = False

    def of(self, texts: Vectors, requests: Requests, known: Int32, floor: float) -> tuple[Int32, Float32]:
        """Return the nearest of ``known`` (B, m) to each request's query, −1 for none, and their cosines."""
        if not len(requests.queries):
            blank = np.zeros((len(requests), self._near.shape[1]), np.float32)
            return np.full(blank.shape, -1, np.int32), blank
        vectors, keep = texts.of(requests.queries)
        self._grow(len(vectors), keep)
        query = requests.query
        asked, there = query[query >= 0], known < len(vectors)
        if self._partial:  # places in ``known`` are not those of the call before
            self._seen[:], self._near[:], self._similarity[:] = 0, -1, 0.0
        self._partial = not there.all()
        known = known[there]
        kernels.nearest(asked, vectors, known, self._seen, floor, self._near, self._similarity)
        if len(asked) == len(query):
            return self._near[query], self._similarity[query]
        has = (query >= 0)[:, None]
        near = np.where(has, self._near[query], np.int32(-1))
        return near, np.where(has, self._similarity[query], np.float32(0.0))

    def _grow(self, rows: int, keep: int) -> None:
        """Make room for ``rows`` queries, of which ``keep`` are those of the call before."""
        if keep < len(self._seen):  # another table of queries: nothing of the old one holds
            self._near, self._similarity, self._seen = self._near[:0], self._similarity[:0], self._seen[:0]
        more = rows - len(self._seen)
        if more > 0:
            blank = np.zeros((more, self._near.shape[1]), np.float32)
            self._near = np.concatenate([self._near, np.full(blank.shape, -1, np.int32)])
            self._similarity = np.concatenate([self._similarity, blank])
            self._seen = np.concatenate([self._seen, np.zeros(more, np.int64)])
