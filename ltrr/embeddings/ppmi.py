"""Actions as a matrix, and how much more often than by chance its rows and columns go together."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from ltrr.types import Float64, Int64

__all__ = ["co_counts", "factors", "ppmi"]

# Singular values below this share of the largest are noise of the factorisation, not structure.
_NOISE = 1e-5


def co_counts(query: Int64, item: Int64, weight: Float64, session: Int64, *, n: int, share: float) -> Any:
    """Return float64 CSR (n, n): the weight of actions on each item under each query.

    An action counts ``share`` of its weight for each other query of its session.

    Examples
    --------
    Queries 0 and 1 are of one session, which leads to item 2.

    >>> co_counts(np.array([0, 1]), np.array([2, 2]), np.array([1.0, 4.0]), np.zeros(2, int), n=3,
    ...           share=0.5).toarray().tolist()
    [[0.0, 0.0, 3.0], [0.0, 0.0, 4.5], [0.0, 0.0, 0.0]]
    """
    own = sparse.csr_matrix((weight, (query, item)), shape=(n, n))
    if share == 0.0:
        return own
    _, at = np.unique(session, return_inverse=True)
    shape = (int(at.max(initial=-1)) + 1, n)
    asked = sparse.csr_matrix((np.ones(len(at)), (at, query)), shape=shape)
    asked.data[:] = 1.0  # repeated queries have been summed
    return (1.0 - share) * own + share * (asked.T @ sparse.csr_matrix((weight, (at, item)), shape=shape))


def ppmi(counts: Any, *, smoothing: float) -> Any:
    r"""Return CSR like ``counts``: max(0, ln (c(q, i) / (c(q) p(i)))), with p(i) = c(i)^α / Σ c^α.

    Examples
    --------
    >>> ppmi(sparse.csr_matrix([[2.0, 0.0], [1.0, 1.0]]), smoothing=1.0).toarray().round(3).tolist()
    [[0.288, 0.0], [0.0, 0.693]]
    """
    found = sparse.coo_matrix(counts)
    found.sum_duplicates()
    of_query = np.bincount(found.row, found.data, found.shape[0])
    of_item = np.bincount(found.col, found.data, found.shape[1]) ** smoothing
    seen = found.data > 0.0
    row, col, weight = found.row[seen], found.col[seen], found.data[seen]
    value = np.log(weight / of_query[row] * (of_item.sum() / of_item[col]))
    out = sparse.csr_matrix((np.maximum(value, 0.0), (row, col)), shape=found.shape)
    out.eliminate_zeros()
    return out


def factors(matrix: Any, *, dim: int, seed: int) -> tuple[Float64, Float64]:
    """Return U √Σ (n, d) and V √Σ (m, d) of the truncated factorisation U Σ Vᵀ, d <= ``dim``.

    In each direction the entry of V of largest size, the first of equal ones, is positive. A matrix of zeros
    has no directions.

    Examples
    --------
    >>> left, right = factors(sparse.csr_matrix([[0.0, 4.0], [9.0, 0.0]]), dim=2, seed=0)
    >>> np.abs(left @ right.T).round(6).tolist(), bool((right.max(axis=0) > 0).all())
    ([[0.0, 4.0], [9.0, 0.0]], True)
    """
    if matrix.nnz == 0:
        return np.zeros((matrix.shape[0], 0)), np.zeros((matrix.shape[1], 0))
    left, strength, right = randomized_svd(matrix, min(dim, *matrix.shape), n_iter=4, random_state=seed)
    real = strength > _NOISE * strength[0]
    largest = np.abs(right).argmax(axis=1)
    scale = np.sqrt(strength) * np.sign(right[np.arange(len(right)), largest])
    return (left * scale)[:, real], (right.T * scale)[:, real]
