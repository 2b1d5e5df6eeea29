"""The best K of each request's candidates, and what is shown in place of some of them."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Bool, Float32, Float64, Int32, Int64, UInt32

__all__ = ["explore", "show", "shown", "top"]


@kernel
def top(indptr: Int64, score: Float64, out: Int64) -> None:
    """Fill ``out`` (B, K) with flat positions, best score first, earlier positions first among equals.

    The page is kept sorted while candidates pass; nearly all of them lose to its last place at once.

    Parameters
    ----------
    indptr, score : int64 (B + 1,), float64 (N,)
        Scores of each request's candidates, none NaN.
    out : int64 (B, K), K >= 1
        Filled; −1 for an empty place.
    """
    places = out.shape[1]
    for b in range(len(out)):
        n = 0
        for j in range(indptr[b], indptr[b + 1]):
            # A tie loses, because candidates come by ascending item id.
            if n == places and score[j] <= score[out[b, n - 1]]:
                continue
            at = n if n < places else n - 1
            # Strictly larger again: among equals the earlier one stays above.
            while at > 0 and score[j] > score[out[b, at - 1]]:
                out[b, at] = out[b, at - 1]
                at -= 1
            out[b, at] = j
            n = min(n + 1, places)
        for k in range(n, places):
            out[b, k] = -1


@kernel
def explore(
    indptr: Int64, u: Float64, share: float, candidate: Int64, propensity: Float64, explored: Bool
) -> None:
    """Replace some places of the best K by candidates from outside, and state what each place is shown with.

    A permutation of ``m = max(K, n − K)`` entries, the ``n − K`` outside candidates first among them, gives
    each place an outside candidate or none, all permutations alike. A place that explores (probability
    ``share``) and has one shows it. So each outside candidate stands at each place with ``share / m``, and
    the best one stays at its own with ``1 − share · (n − K) / m``.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Candidates of each request.
    u : float64 (B, K, 2)
        Uniforms: whether the place explores, and its draw of the permutation.
    share : float in [0, 1]
    candidate : int64 (B, K)
        Flat positions of the best K as `top` fills them; replaced.
    propensity, explored : float64, bool (B, K)
        Filled.
    """
    places = candidate.shape[1]
    for b in range(len(candidate)):
        n = indptr[b + 1] - indptr[b]
        outside = n - places
        fires = False
        for k in range(places):
            propensity[b, k] = 1.0
            explored[b, k] = False
            fires |= u[b, k, 0] < share
        if outside <= 0:
            continue
        m = max(places, outside)
        for k in range(places):
            propensity[b, k] = 1.0 - share * outside / m
        if not fires:
            continue
        entry = np.full(m, np.int64(-1))
        best = np.sort(candidate[b])
        at, passed = 0, 0
        for j in range(indptr[b], indptr[b + 1]):
            if passed < places and best[passed] == j:
                passed += 1
            else:
                entry[at] = j
                at += 1
        # the first K steps of a Fisher–Yates shuffle: places that do not explore use up their entry too
        for k in range(places):
            other = k + min(int(u[b, k, 1] * (m - k)), m - k - 1)
            entry[k], entry[other] = entry[other], entry[k]
            if u[b, k, 0] < share and entry[k] >= 0:
                candidate[b, k] = entry[k]
                propensity[b, k] = share / m
                explored[b, k] = True


@kernel
def show(candidate: Int64, item: Int32, score: Float64, out_item: Int32, out_score: Float64) -> None:
    """Fill ids and scores (B, K) of the places of pages; −1 and −inf where a place is empty.

    Parameters
    ----------
    candidate : int64 (B, K)
        Flat position of each place's candidate, −1 where it is empty.
    item, score : int32 (N,), float64 (N,)
        Of the candidates.
    out_item, out_score : int32 (B, K), float64 (B, K)
        Filled.
    """
    for b in range(candidate.shape[0]):
        for k in range(candidate.shape[1]):
            at = candidate[b, k]
            out_item[b, k] = item[at] if at >= 0 else np.int32(-1)
            out_score[b, k] = score[at] if at >= 0 else -np.inf


@kernel
def shown(
    indptr: Int64,
    candidate: Int64,
    slots: UInt32,
    features: Float32,
    out_row: Int32,
    out_slots: UInt32,
    out_features: Float32,
) -> None:
    """Fill what is kept of each place: its candidate's place in the request's list, slots, and features.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Candidates of each request.
    candidate : int64 (B, K)
        Flat position of each place's candidate, −1 where it is empty.
    slots, features : uint32 (N,), float32 (N, F)
        Of the candidates.
    out_row, out_slots, out_features : int32 (B, K), uint32 (B, K), float32 (B, K, F)
        Filled; −1 and zeros where a place is empty.
    """
    for b in range(candidate.shape[0]):
        for k in range(candidate.shape[1]):
            at = candidate[b, k]
            out_row[b, k] = at - indptr[b] if at >= 0 else -1
            out_slots[b, k] = slots[at] if at >= 0 else np.uint32(0)
            for f in range(features.shape[1]):
                out_features[b, k, f] = features[at, f] if at >= 0 else np.float32(0.0)
