"""Approximate nearest vectors by a graph, where a catalogue is too large to compare every item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr.errors import InputError
from ltrr.types import Float32, Int32, Int64
from ltrr.types.ragged import indptr_of

__all__ = ["NearestGraph"]

# Edges of a node, and candidates looked at for each new node: with these, the best ten of 100,000 clustered
# vectors of 128 numbers were all among 100 found.
_EDGES = 16
_BREADTH = 128


@dataclass
class NearestGraph:
    """A hierarchical navigable small world graph of vectors of length 1 (HNSW), by ``usearch``.

    Made by one thread in the order of the vectors, so that the same vectors make the same graph. The size of
    the pool is fixed, whatever depth is wanted: who is in it does not depend on the depth, nor on other
    queries.

    Parameters
    ----------
    vectors : float32 (n, d)
    pool : int
        How many neighbours a query finds, >= 1; fewer where there are fewer vectors.
    data : bytes, optional
        What `data` of such a graph was, which is then not made again.

    Raises
    ------
    InputError
        Where the extra ``ann`` is not installed.

    Examples
    --------
    >>> graph = NearestGraph(np.eye(4, dtype=np.float32), pool=2)
    >>> indptr, row = graph.search(np.array([[0.0, 0.8, 0.0, 0.6]], np.float32))
    >>> indptr.tolist(), row.tolist()
    ([0, 2], [1, 3])

    References
    ----------
    .. [1] Malkov, Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical
       navigable small world graphs", IEEE TPAMI 42(4), 2020.
    """

    vectors: Float32
    pool: int
    data: Any = None

    def __post_init__(self) -> None:
        self._graph = ann_package().Index(
            ndim=self.vectors.shape[1],
            metric="ip",
            dtype="f32",
            connectivity=_EDGES,
            expansion_add=_BREADTH,
        )
        if self.data is not None:
            self._graph.load(bytes(self.data))
        elif len(self.vectors):
            self._graph.add(np.arange(len(self.vectors)), self.vectors, threads=1)
        self.data = None

    def search(self, queries: Float32) -> tuple[Int64, Int32]:
        """Return each query's pool, about nearest first: ``indptr`` int64 (B + 1,), ``row`` int32 (M,)."""
        n = len(queries)
        if n == 0 or len(self.vectors) == 0:
            return np.zeros(n + 1, np.int64), np.zeros(0, np.int32)
        found = self._graph.search(queries, min(self.pool, len(self.vectors)), threads=1)
        # a search for one query answers without the axis of queries
        keys = np.asarray(found.keys).reshape(n, -1)
        counts = np.reshape(getattr(found, "counts", keys.shape[1]), -1).astype(np.int64)
        kept = np.arange(keys.shape[1]) < counts[:, None]
        return indptr_of(counts), keys[kept].astype(np.int32)

    def recall(self, queries: Float32, *, k: int = 10, own: Int64 | None = None) -> float:
        """Return the mean share of the exact ``k`` nearest that are in the pool; 1 where there are none.

        Parameters
        ----------
        queries : float32 (B, d)
        k : int
            Fewer where there are fewer vectors.
        own : int64 (B,), optional
            Row of each query where queries are among the vectors; it does not count as its own neighbour.
        """
        k = min(k, len(self.vectors) - (own is not None))
        if k <= 0 or len(queries) == 0:
            return 1.0
        score = queries @ self.vectors.T
        if own is not None:
            score[np.arange(len(own)), own] = -np.inf
        best = np.argpartition(-score, k - 1, axis=1)[:, :k]
        indptr, row = self.search(queries)
        pairs = np.repeat(np.arange(len(queries)), np.diff(indptr)) * len(self.vectors) + row
        wanted = np.arange(len(queries))[:, None] * len(self.vectors) + best
        return float(np.isin(wanted, pairs).mean())

    def saved(self) -> bytes:
        """Return the graph as ``data`` takes it."""
        return bytes(self._graph.save())

    def __getstate__(self) -> dict[str, Any]:
        """Travel as bytes."""
        return {"vectors": self.vectors, "pool": self.pool, "data": self.saved()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def ann_package() -> Any:
    """Return the module that searches graphs, or say how to get it.

    Examples
    --------
    >>> ann_package().Index(ndim=2).ndim
    2
    """
    try:
        from usearch import index
    except ImportError as error:
        raise InputError(
            "`Dense.ann_above` needs the extra `ann`: pip install 'ltrr[ann]'; or leave it out: exact search"
        ) from error
    return index
