"""The features of a request, an item and the pair of them that a ranker sees."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Bool, Float32, Float64, Int32, Int64

__all__ = ["fill_rows", "new_queries", "query_profile", "shared_terms", "weighted_sum", "with_share"]

_DAY_SECONDS = 86_400.0


@kernel
def query_profile(indptr: Int64, term: Int32, idf: Float64, out: Float32) -> None:
    """Fill ``out`` (B, 4): tokens, mean idf of the known ones, share of unknown ones, sum of idf.

    Terms are −1 where the vocabulary does not know the token; a token that comes twice counts twice.

    Parameters
    ----------
    indptr, term : int64 (B + 1,), int32 (T,)
        Tokens of each query.
    idf : float64 (V,)
        Inverse document frequency of each term.
    out : float32 (B, 4)
        Filled.
    """
    for b in range(len(indptr) - 1):
        known = 0
        # Summed in float64 and narrowed once, so that long queries lose no digits.
        total = 0.0
        n = indptr[b + 1] - indptr[b]
        for j in range(indptr[b], indptr[b + 1]):
            if term[j] >= 0:
                known += 1
                total += idf[term[j]]
        out[b, 0] = n
        out[b, 1] = total / known if known else 0.0
        out[b, 2] = (n - known) / n if n else 0.0
        out[b, 3] = total


@kernel
def shared_terms(
    query_indptr: Int64,
    query_term: Int32,
    indptr: Int64,
    item: Int32,
    item_indptr: Int64,
    item_term: Int32,
    out: Float32,
) -> None:
    """Fill ``out`` (N,) with the share of the query's distinct terms that each item has.

    ``item_term`` rises strictly within an item. An unknown token is a term of its own that no item has.

    Parameters
    ----------
    query_indptr, query_term : int64 (B + 1,), int32 (T,)
        Tokens of each query.
    indptr, item : int64 (B + 1,), int32 (N,)
        Items of each request.
    item_indptr, item_term : int64 (catalogue + 1,), int32 (P,)
        Distinct terms of each item.
    out : float32 (N,)
        Filled.
    """
    for b in range(len(indptr) - 1):
        start, end = query_indptr[b], query_indptr[b + 1]
        distinct = 0
        for j in range(start, end):
            # Every pair of tokens is compared: queries have a dozen, and a set would have to be allocated.
            distinct += _is_first(query_term, start, j)
        for i in range(indptr[b], indptr[b + 1]):
            found = 0
            if item[i] >= 0:
                low, high = item_indptr[item[i]], item_indptr[item[i] + 1]
                for j in range(start, end):
                    if query_term[j] >= 0 and _is_first(query_term, start, j):
                        found += _contains(item_term, low, high, query_term[j])
            out[i] = found / distinct if distinct else 0.0


@kernel
def _is_first(term: Int32, start: int, j: int) -> bool:
    """Say whether ``term[j]`` is unknown or has not come since ``start``."""
    if term[j] < 0:
        return True
    first = True
    for other in range(start, j):
        # No early exit: a loop without branches can be vectorised.
        first &= term[other] != term[j]
    return first


@kernel
def _contains(term: Int32, low: int, high: int, wanted: int) -> bool:
    """Say whether rising ``term[low:high]`` holds ``wanted``, by bisection."""
    end = high
    while low < high:
        middle = (low + high) >> 1
        if term[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    # The bisection may end past the item's terms, where those of the next item begin.
    return low < end and term[low] == wanted


@kernel
def fill_rows(
    indptr: Int64,
    item: Int32,
    per_request: Float32,
    per_item: Float32,
    time: Float64,
    released: Float64,
    age_column: int,
    out: Float32,
) -> None:
    """Complete ``out`` (N, F), whose first columns are the pairs' own.

    Column ``age_column`` gets the days since release, no less than 0; the last columns get the request's row
    of ``per_request`` and the item's row of ``per_item``. Rows of empty places (−1) become zero.

    Parameters
    ----------
    indptr, item : int64 (B + 1,), int32 (N,)
        Items of each request.
    per_request, per_item : float32 (B, P), float32 (catalogue, I)
        Columns of each request and of each item.
    time, released : float64 (B,), float64 (catalogue,)
        Seconds on the world's clock.
    age_column : int
        Column of the age in days.
    out : float32 (N, F)
        Filled in ``age_column`` and in the last P + I columns.
    """
    n_request, n_item = per_request.shape[1], per_item.shape[1]
    n_pair = out.shape[1] - n_request - n_item
    for b in range(len(indptr) - 1):
        for i in range(indptr[b], indptr[b + 1]):
            chosen = item[i]
            if chosen < 0:
                out[i, :] = 0.0
                continue
            # The difference is taken in float64: float32 seconds of today's clock are two minutes apart.
            out[i, age_column] = max(0.0, (time[b] - released[chosen]) / _DAY_SECONDS)
            for c in range(n_request):
                out[i, n_pair + c] = per_request[b, c]
            for c in range(n_item):
                out[i, n_pair + n_request + c] = per_item[chosen, c]


@kernel
def weighted_sum(features: Float32, column: Int64, weight: Float64, out: Float64) -> None:
    """Fill ``out`` (N,) with weighted sums over the chosen columns, added in their order.

    Parameters
    ----------
    features : float32 (N, F)
    column : int64 (c,)
        Columns that are summed, in [0, F).
    weight : float64 (c,)
        Their weights.
    out : float64 (N,)
        Filled.
    """
    for i in range(len(features)):
        total = 0.0
        for c in range(len(column)):
            # In order and in float64, so that the ranking is the same on every machine.
            total += weight[c] * features[i, column[c]]
        out[i] = total


@kernel
def with_share(indptr: Int64, score: Float32, bound: Float32, out: Float32) -> None:
    """Fill ``out`` (N, 2) with scores and their shares of the request's bound, 0 where that is 0.

    Parameters
    ----------
    indptr, score : int64 (B + 1,), float32 (N,)
        Scores of each request's items.
    bound : float32 (B,)
        The most that any item can score.
    out : float32 (N, 2)
        Filled.
    """
    for b in range(len(indptr) - 1):
        for j in range(indptr[b], indptr[b + 1]):
            out[j, 0] = score[j]
            out[j, 1] = score[j] / bound[b] if bound[b] > 0.0 else np.float32(0.0)


@kernel
def new_queries(query: Int32, asked: Bool, out: Bool) -> None:
    """Fill ``out`` (B,) with whether a row's query was not asked before, neither among earlier rows.

    Parameters
    ----------
    query : int32 (B,)
        Queries below the length of ``asked``; −1, no query, is always new.
    asked : bool (Q,)
        Queries asked before; those of the rows are marked.
    out : bool (B,)
        Filled.
    """
    for b in range(len(query)):
        q = query[b]
        out[b] = q < 0 or not asked[q]
        if q >= 0:
            asked[q] = True
