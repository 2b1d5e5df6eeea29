"""Bounds of requests that are decided one after another, each of which counts what was chosen before it.

What was chosen counts before its reward is known: A⁻¹ learns x xᵀ, θ stays, as if the reward had been θᵀx.

Source: Desautels, Krause, Burdick, "Parallelizing exploration-exploitation tradeoffs in Gaussian process
bandit optimization", JMLR 15 (2014), section 4.
"""

from __future__ import annotations

import math

import numpy as np

from ltrr._kernels.jit import fast
from ltrr._kernels.joint import joint
from ltrr._kernels.linucb import Bank, bound_of, bound_of_outer, outer_product, shared_bounds
from ltrr.types.arrays import Float32, Float64, Int32, Int64

__all__ = ["count", "disjoint_in_turn", "disjoint_rows_in_turn", "shared_in_turn", "shared_one"]


@fast
def shared_one(
    features: Float32, context: Float32, crossed: Int64, bank: Bank, alpha: float, out: Float32
) -> int:
    """Return the action of the highest bound of one request, the first of several; fill its row ``out``.

    Parameters
    ----------
    features : float32 (N, F)
        Of the request's actions, at least one.
    context : float32 (1, D)
        Of the request.
    crossed : int64 (c,)
        Columns of ``features`` that are multiplied by the context.
    bank : Bank
        One regression.
    alpha : float >= 0
        α, the width of the confidence term in standard errors.
    out : float32 (1, 1 + F + c·D)
        Filled with the joint features of that action.
    """
    n = features.shape[0]
    x, bound = np.empty((n, out.shape[1]), np.float32), np.empty(n)
    joint(np.array([0, n]), features, context, crossed, x)
    shared_bounds(x, bank, alpha, bound)
    best = int(bound.argmax())
    out[0] = x[best]
    return best


@fast
def _count_one(x: Float32, inverse: Float64, u: Float64) -> None:
    """Add x xᵀ to the A whose inverse (d, d) is given; ``u`` (d,) is scratch."""
    d = len(x)
    u[:] = 0.0
    scale = 1.0
    for i in range(d):
        xi = float(x[i])
        if xi != 0.0:
            for j in range(d):
                u[j] += xi * inverse[i, j]
    for i in range(d):
        scale += x[i] * u[i]
    scale = 1.0 / scale
    for i in range(d):
        step = u[i] * scale
        for j in range(d):
            inverse[i, j] -= step * u[j]


@fast
def count(x: Float32, model: Int64, inverse: Float64) -> None:
    """Add the outer products of rows ``x`` (n, d) to the matrices ``model`` (n,), in order.

    Parameters
    ----------
    x : float32 (n, d)
        Rows that will be learned.
    model : int64 (n,)
        The regression that will learn each.
    inverse : float64 (M, d, d)
        Inverses of the matrices; changed.
    """
    u = np.empty(x.shape[1])
    for n in range(x.shape[0]):
        _count_one(x[n], inverse[model[n]], u)


@fast
def shared_in_turn(
    indptr: Int64, x: Float32, earlier: Float32, inverse: Float64, weights: Float64, alpha: float, out: Int64
) -> None:
    """Fill ``out`` (B,) with the place of each request's highest bound; requests after it count its row.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Actions of each request.
    x : float32 (N, d)
        Their joint features.
    earlier : float32 (B, s, d)
        Rows chosen in the slots before; they count for the requests that follow.
    inverse : float64 (d, d)
        A⁻¹ as the batch found it; changed.
    weights : float64 (d,)
        θ.
    alpha : float >= 0
        α, the width of the confidence term in standard errors.
    out : int64 (B,)
        Filled.
    """
    row = np.empty(x.shape[1])
    for b in range(len(indptr) - 1):
        best_bound = -math.inf
        out[b] = indptr[b]
        for n in range(indptr[b], indptr[b + 1]):
            row[:] = x[n]
            bound = bound_of(row, inverse, weights, alpha)
            # Strictly larger, so that the lowest position wins a tie.
            if bound > best_bound:
                out[b], best_bound = n, bound
        for s in range(earlier.shape[1]):
            _count_one(earlier[b, s], inverse, row)
        _count_one(x[out[b]], inverse, row)


@fast
def disjoint_in_turn(
    indptr: Int64,
    action: Int32,
    x: Float32,
    earlier: Int64,
    inverse: Float64,
    weights: Float64,
    alpha: float,
    out: Int64,
) -> None:
    """Fill ``out`` (B,) with the place of each request's highest bound; requests after it count its row.

    Parameters
    ----------
    indptr, action : int64 (B + 1,), int32 (N,)
        Actions of each request; an action is the number of its regression.
    x : float32 (B, d)
        Context of each request.
    earlier : int64 (B, s)
        Actions chosen in the slots before; they count for the requests that follow.
    inverse : float64 (M, d, d)
        The regressions' A⁻¹ as the batch found them; changed.
    weights : float64 (M, d)
        Their θ.
    alpha : float >= 0
        α, the width of the confidence term in standard errors.
    out : int64 (B,)
        Filled.
    """
    d = x.shape[1]
    row = np.empty(d)
    outer = np.empty(d * d)
    flat = inverse.reshape(len(inverse), d * d)
    for b in range(len(indptr) - 1):
        row[:] = x[b]
        outer_product(row, outer)
        best_bound = -math.inf
        out[b] = indptr[b]
        for n in range(indptr[b], indptr[b + 1]):
            a = action[n]
            bound = bound_of_outer(row, outer, flat[a], weights[a], alpha)
            if bound > best_bound:
                out[b], best_bound = n, bound
        for s in range(earlier.shape[1]):
            _count_one(x[b], inverse[earlier[b, s]], row)
        _count_one(x[b], inverse[action[out[b]]], row)


@fast
def disjoint_rows_in_turn(
    indptr: Int64,
    action: Int32,
    x: Float32,
    earlier: tuple[Float32, Int64],
    inverse: Float64,
    weights: Float64,
    alpha: float,
    out: Int64,
) -> None:
    """Fill ``out`` as `disjoint_in_turn` does, where every action has a row of its own.

    Parameters
    ----------
    indptr, action : int64 (B + 1,), int32 (N,)
        Actions of each request; an action is the number of its regression.
    x : float32 (N, d)
        Row of each action.
    earlier : float32 (B, s, d) and int64 (B, s)
        Rows and actions chosen in the slots before; they count for the requests that follow.
    inverse : float64 (M, d, d)
        The regressions' A⁻¹ as the batch found them; changed.
    weights : float64 (M, d)
        Their θ.
    alpha : float >= 0
        α, the width of the confidence term in standard errors.
    out : int64 (B,)
        Filled.
    """
    rows, models = earlier
    row = np.empty(x.shape[1])
    for b in range(len(indptr) - 1):
        best_bound = -math.inf
        out[b] = indptr[b]
        for n in range(indptr[b], indptr[b + 1]):
            a = action[n]
            row[:] = x[n]
            bound = bound_of(row, inverse[a], weights[a], alpha)
            if bound > best_bound:
                out[b], best_bound = n, bound
        for s in range(rows.shape[1]):
            _count_one(rows[b, s], inverse[models[b, s]], row)
        _count_one(x[out[b]], inverse[action[out[b]]], row)
