"""What near queries remember: neighbours among known queries, their entries merged, and single pairs."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr._kernels.memory import _find, rate_of
from ltrr.types.arrays import Float32, Int32, Int64

__all__ = ["merged", "nearest", "valued"]


@kernel
def nearest(
    query: Int32, vectors: Float32, known: Int32, seen: Int64, floor: float, near: Int32, similarity: Float32
) -> None:
    """Bring the nearest known queries of each query up to date, in place.

    Parameters
    ----------
    query : int32 (B,)
        Queries >= 0, some of them more than once.
    vectors : float32 (Q, d)
        Rows of length 1, or zero.
    known : int32 (n,)
        Queries with entries; only ever appended to.
    seen : int64 (Q,)
        How many of ``known`` each query has been compared with; changed.
    floor : float
        Least similarity.
    near, similarity : int32 (Q, m), float32 (Q, m)
        Neighbours, the most similar first, ties by query id; −1 where there are fewer; changed.
    """
    m = near.shape[1]
    for b in range(len(query)):
        q = query[b]
        for k in range(seen[q], len(known)):
            other = known[k]
            if other == q:
                continue
            # one order of summing, whatever the batch
            dot = np.float32(0.0)
            for j in range(vectors.shape[1]):
                dot += vectors[q, j] * vectors[other, j]
            if dot < floor:
                continue
            at = m
            while at > 0 and (
                near[q, at - 1] < 0
                or dot > similarity[q, at - 1]
                or (dot == similarity[q, at - 1] and other < near[q, at - 1])
            ):
                at -= 1
            if at == m:
                continue
            for i in range(m - 1, at, -1):
                near[q, i], similarity[q, i] = near[q, i - 1], similarity[q, i - 1]
            near[q, at], similarity[q, at] = other, dot
        seen[q] = len(known)


@kernel
def merged(
    query: Int32,
    near: Int32,
    factor: Float32,
    item: Int32,
    actions: Float32,
    shows: Float32,
    size: Int32,
    smoothing: tuple[float, float, float, float],
) -> tuple[Int64, Int32, Float32]:
    """Return each request's whole list: its own entries, then those of near queries.

    An own entry scores 1 + its rate, another the greatest rate times factor of the neighbours that hold it.

    Parameters
    ----------
    query : int32 (B,)
        −1 or beyond the table where the query has no entries of its own.
    near, factor : int32 (B, m), float32 (B, m)
        Neighbours, −1 for none, and what their rates are multiplied by, in [0, 1]; 0 leaves one out.
    item, actions, shows, size : int32 (Q, C), float32 (Q, C), float32 (Q, C), int32 (Q,)
        The table.
    smoothing : (float, float, float, float)
        See `rate_of`.

    Returns
    -------
    indptr : int64 (B + 1,)
    item : int32 (N,)
    score : float32 (N,)
        Descending, ties by item id.
    """
    n, m = near.shape
    most = 0
    for b in range(n):
        if 0 <= query[b] < len(size):
            most += size[query[b]]
        for k in range(m):
            if near[b, k] >= 0:
                most += size[near[b, k]]
    indptr = np.zeros(n + 1, np.int64)
    out_item, out_score = np.empty(most, np.int32), np.empty(most, np.float32)
    end = 0
    for b in range(n):
        start = end
        q = query[b]
        own = size[q] if 0 <= q < len(size) else 0
        for i in range(own):
            out_item[end] = item[q, i]
            out_score[end] = 1.0 + rate_of(actions[q, i], shows[q, i], smoothing)
            end += 1
        for k in range(m):
            other = near[b, k]
            if other < 0 or factor[b, k] <= 0.0:
                continue
            for i in range(size[other]):
                value = np.float32(factor[b, k] * rate_of(actions[other, i], shows[other, i], smoothing))
                at = start + _find(out_item[start:], end - start, item[other, i])
                if at < start:
                    out_item[end], out_score[end] = item[other, i], value
                    end += 1
                elif at >= start + own:
                    out_score[at] = max(out_score[at], value)
        for i in range(start + 1, end):
            moved, value, at = out_item[i], out_score[i], i
            while at > start and (
                value > out_score[at - 1] or (value == out_score[at - 1] and moved < out_item[at - 1])
            ):
                out_item[at], out_score[at] = out_item[at - 1], out_score[at - 1]
                at -= 1
            out_item[at], out_score[at] = moved, value
        indptr[b + 1] = end
    return indptr, out_item[:end].copy(), out_score[:end].copy()


@kernel
def valued(
    indptr: Int64,
    wanted: Int32,
    near: Int32,
    factor: Float32,
    item: Int32,
    actions: Float32,
    shows: Float32,
    size: Int32,
    smoothing: tuple[float, float, float, float],
) -> tuple[Float32, Int32, Float32]:
    """Return what near queries say of each pair: the greatest rate times factor, and whose it is.

    Parameters
    ----------
    indptr, wanted : int64 (B + 1,), int32 (N,)
        Items of each request; −1 for none.
    near, factor, item, actions, shows, size, smoothing
        As `merged` takes them.

    Returns
    -------
    value : float32 (N,)
        0 where no neighbour holds the item.
    neighbour : int32 (N,)
        Its place among the request's neighbours, −1 for none.
    rate : float32 (N,)
        The neighbour's rate.
    """
    n = len(wanted)
    value, rate = np.zeros(n, np.float32), np.zeros(n, np.float32)
    neighbour = np.full(n, -1, np.int32)
    for b in range(len(indptr) - 1):
        for k in range(near.shape[1]):
            other = near[b, k]
            if other < 0 or factor[b, k] <= 0.0:
                continue
            for j in range(indptr[b], indptr[b + 1]):
                at = _find(item[other], size[other], wanted[j]) if wanted[j] >= 0 else -1
                if at < 0:
                    continue
                own = rate_of(actions[other, at], shows[other, at], smoothing)
                found = np.float32(factor[b, k] * own)
                if found > value[j]:
                    value[j], neighbour[j], rate[j] = found, k, own
    return value, neighbour, rate
