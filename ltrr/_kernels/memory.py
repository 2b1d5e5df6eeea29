"""Statistics of (query, item) pairs: one row a query, its first ``size`` places filled."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float32, Int32, Int64

__all__ = ["coverage", "entries", "known", "locate", "ranked", "rate_of", "stored"]


@kernel
def _find(row: Int32, n: int, item: int) -> int:
    """Return the place of ``item`` among the first ``n`` of a row, or −1."""
    # A scan: the default 64 items of a row are four cache lines, and nothing need be kept in order.
    for i in range(n):
        if row[i] == item:
            return i
    return -1


@kernel
def rate_of(actions: float, shows: float, smoothing: tuple[float, float, float, float]) -> float:
    """Return the smoothed rate of an entry, or the lower end of its Wilson interval, in [0, 1].

    Parameters
    ----------
    actions, shows : float
        As the table holds them.
    smoothing : (float, float, float, float)
        What is added to actions and to shows, what both are multiplied by before that, and how many standard
        errors the bound lies below the rate.
    """
    prior_actions, prior_shows, scale, bound = smoothing
    n = np.float64(shows) * scale + prior_shows
    # Without a prior, counts that have faded to nothing are worth nothing.
    if n <= 0.0:
        return 0.0
    # An action far down the page counts 1 and its show less, so that few of them may give more than 1.
    rate = min((np.float64(actions) * scale + prior_actions) / n, 1.0)
    if bound > 0.0:
        spread = bound * bound / n
        half = np.sqrt(spread * (rate * (1.0 - rate) + spread / 4.0))
        rate = max((rate + spread / 2.0 - half) / (1.0 + spread), 0.0)
    return rate


@kernel
def locate(query: Int32, indptr: Int64, wanted: Int32, item: Int32, size: Int32) -> Int64:
    """Return the flat position (N,) of each (query, item) pair in the table, −1 where it is not stored.

    Parameters
    ----------
    query : int32 (B,)
        Queries, of which some may be beyond the table.
    indptr, wanted : int64 (B + 1,), int32 (N,)
        Items of each request.
    item, size : int32 (Q, C), int32 (Q,)
        The table.
    """
    out = np.empty(len(wanted), np.int64)
    for b in range(len(query)):
        q = query[b]
        # A query that came after the last lesson has no row yet.
        known = 0 <= q < len(size)
        for j in range(indptr[b], indptr[b + 1]):
            at = _find(item[q], size[q], wanted[j]) if known else -1
            out[j] = q * item.shape[1] + at if at >= 0 else -1
    return out


@kernel
def entries(query: Int32, size: Int32) -> Int32:
    """Return the number of entries (B,) of each query, 0 where it is none (−1) or beyond the table."""
    out = np.zeros(len(query), np.int32)
    for b in range(len(query)):
        if 0 <= query[b] < len(size):
            out[b] = size[query[b]]
    return out


@kernel
def stored(
    at: Int64, actions: Float32, shows: Float32, smoothing: tuple[float, float, float, float]
) -> tuple[Float32, Float32]:
    """Return the smoothed rate (N,) and the actions (N,) of pairs at flat positions, 0 where one is −1.

    Parameters
    ----------
    at : int64 (N,)
        As `locate` returns them.
    actions, shows : float32 (Q, C)
        The table.
    smoothing : (float, float, float, float)
        See `rate_of`.
    """
    rate, count = np.zeros(len(at), np.float32), np.zeros(len(at), np.float32)
    flat_actions, flat_shows = actions.reshape(-1), shows.reshape(-1)
    for j in range(len(at)):
        if at[j] >= 0:
            count[j] = flat_actions[at[j]] * smoothing[2]
            # In float64, narrowed once.
            rate[j] = rate_of(flat_actions[at[j]], flat_shows[at[j]], smoothing)
    return rate, count


@kernel
def ranked(
    query: Int32,
    indptr: Int64,
    item: Int32,
    actions: Float32,
    shows: Float32,
    size: Int32,
    smoothing: tuple[float, float, float, float],
) -> tuple[Int32, Float32]:
    """Return the best entries of each query, as many as ``indptr`` has room for, by rate and item id.

    Parameters
    ----------
    query : int32 (B,)
        −1 only where ``indptr`` has no room.
    indptr : int64 (B + 1,)
        Room for each request, at most as many as its query has entries.
    item, actions, shows, size : int32 (Q, C), float32 (Q, C), float32 (Q, C), int32 (Q,)
        The table.
    smoothing : (float, float, float, float)
        See `rate_of`.
    """
    out_item = np.empty(indptr[-1], np.int32)
    out_rate = np.empty(indptr[-1], np.float32)
    # Scratch for one query, made once for all.
    order = np.empty(item.shape[1], np.int64)
    rate = np.empty(item.shape[1], np.float32)
    for b in range(len(query)):
        start, room = indptr[b], indptr[b + 1] - indptr[b]
        # Asked before q is used: where there is no room it may be −1.
        if room == 0:
            continue
        q = query[b]
        for i in range(size[q]):
            # The rate is compared as it is returned, in float32: order and score cannot disagree.
            rate[i] = np.float32(rate_of(actions[q, i], shows[q, i], smoothing))
            at = i
            # Insertion: at most `capacity` entries, and it needs no keys of its own.
            while at > 0 and (
                rate[i] > rate[order[at - 1]]
                or (rate[i] == rate[order[at - 1]] and item[q, i] < item[q, order[at - 1]])
            ):
                order[at] = order[at - 1]
                at -= 1
            order[at] = i
        for r in range(room):
            out_item[start + r] = item[q, order[r]]
            out_rate[start + r] = rate[order[r]]
    return out_item, out_rate


@kernel
def coverage(
    query: Int32,
    actions: Float32,
    shows: Float32,
    size: Int32,
    smoothing: tuple[float, float, float, float],
) -> Float32:
    """Return (B, 3): log1p of the number of entries and of their actions, and the best rate.

    Parameters
    ----------
    query : int32 (B,)
        −1 where a request has none; others may be beyond the table.
    actions, shows, size : float32 (Q, C), float32 (Q, C), int32 (Q,)
        The table.
    smoothing : (float, float, float, float)
        See `rate_of`.
    """
    out = np.zeros((len(query), 3), np.float32)
    for b in range(len(query)):
        q = query[b]
        if q < 0 or q >= len(size) or size[q] == 0:
            continue
        total, best = 0.0, 0.0
        for i in range(size[q]):
            total += np.float64(actions[q, i]) * smoothing[2]
            best = max(best, rate_of(actions[q, i], shows[q, i], smoothing))
        out[b, 0] = np.log1p(np.float64(size[q]))
        out[b, 1] = np.log1p(total)
        out[b, 2] = best
    return out


@kernel
def known(
    indptr: Int64, item: Int32, rate: Float32, actions: Float32, coverage: Float32, out: Float32
) -> None:
    """Fill ``out`` (N, 4) with what a ranker sees of each pair; zeros in empty places (−1).

    Parameters
    ----------
    indptr, item : int64 (B + 1,), int32 (N,)
        Items of each request.
    rate, actions : float32 (N,)
        Of each pair, as columns 0 and 1 show them.
    coverage : float32 (B, 3)
        As `coverage` returns it: column 2 shows the best rate, column 3 whether there are entries.
    out : float32 (N, 4)
        Filled.
    """
    for b in range(len(indptr) - 1):
        for j in range(indptr[b], indptr[b + 1]):
            out[j] = 0.0
            if item[j] >= 0:
                out[j, 0], out[j, 1], out[j, 2] = rate[j], actions[j], coverage[b, 2]
                out[j, 3] = coverage[b, 0] > 0
