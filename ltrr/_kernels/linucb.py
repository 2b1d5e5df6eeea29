"""Ridge regressions kept up to date one row at a time, and their upper confidence bounds.

A bank holds M regressions of dimension d: A_m = λI + Σ x xᵀ, b_m = Σ r x, the inverse of A_m kept by
Sherman–Morrison and recomputed from A_m every ``refactor_every`` rows, and the weights θ_m = A_m⁻¹ b_m.
Policies with shared parameters have M = 1. Rows are learned strictly in order, so that how rows are cut into
batches changes no digit.

Decisions in turn count what was chosen before its reward is known: A⁻¹ learns x xᵀ, θ stays, as if the reward
had been θᵀx.

Sources: Li, Chu, Langford, Schapire, "A contextual-bandit approach to personalized news article
recommendation", WWW 2010, algorithms 1 and 2; Sherman and Morrison, Ann. Math. Stat. 21 (1950);
Desautels, Krause, Burdick, "Parallelizing exploration-exploitation tradeoffs in Gaussian process bandit
optimization", JMLR 15 (2014), section 4.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ltrr._kernels.jit import fast, kernel
from ltrr.types.arrays import Float32, Float64, Int32, Int64

__all__ = [
    "Bank",
    "count",
    "disjoint_bounds",
    "disjoint_in_turn",
    "disjoint_play",
    "joint",
    "joint_taken",
    "learn",
    "new_bank",
    "shared_bounds",
    "shared_in_turn",
    "shared_one",
    "shared_play",
]


class Bank(NamedTuple):
    """M ridge regressions: gram, inverse (M, d, d), target, weights (M, d), numbers of updates int64 (M,)."""

    gram: Float64
    inverse: Float64
    target: Float64
    weights: Float64
    lessons: Int64


def new_bank(n_models: int, dimension: int, ridge: float) -> Bank:
    """Return regressions that have learned nothing."""
    eye = np.broadcast_to(np.eye(dimension), (n_models, dimension, dimension))
    return Bank(
        eye * ridge,
        eye / ridge,
        np.zeros((n_models, dimension)),
        np.zeros((n_models, dimension)),
        np.zeros(n_models, np.int64),
    )


@kernel
def joint(indptr: Int64, features: Float32, context: Float32, crossed: Int64, out: Float32) -> None:
    """Fill ``out`` (N, 1 + F + len(crossed)·D) with bias, action features and crossed features × context.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Actions of each request.
    features : float32 (N, F)
        Of the actions.
    context : float32 (B, D)
        Of the requests.
    crossed : int64 (c,)
        Columns of ``features`` that are multiplied by the context.
    out : float32 (N, 1 + F + c·D)
        Filled.
    """
    n_features = features.shape[1]
    n_context = context.shape[1]
    for b in range(len(indptr) - 1):
        for n in range(indptr[b], indptr[b + 1]):
            out[n, 0] = 1.0
            for f in range(n_features):
                out[n, 1 + f] = features[n, f]
            place = 1 + n_features
            for column in crossed:
                factor = features[n, column]
                for j in range(n_context):
                    out[n, place + j] = factor * context[b, j]
                place += n_context


@kernel
def joint_taken(
    indptr: Int64,
    action: Int32,
    features: Float32,
    context: Float32,
    crossed: Int64,
    taken: Int32,
    slot: int,
    out: Float32,
) -> int:
    """Fill ``out[:, slot]`` with the rows of `joint` of actions taken; return −1, or a row that took none.

    Parameters
    ----------
    indptr, action, features : int64 (B + 1,), int32 (N,), float32 (N, F)
        Actions of each request.
    context : float32 (B, D)
        Of the requests.
    crossed : int64 (c,)
        Columns of ``features`` that are multiplied by the context.
    taken : int32 (B,)
        The action that each request took.
    slot : int
        Which rows of ``out`` are filled.
    out : float32 (B, S, 1 + F + c·D)
        Filled.
    """
    n_features = features.shape[1]
    n_context = context.shape[1]
    for b in range(len(indptr) - 1):
        n = indptr[b]
        while n < indptr[b + 1] and action[n] != taken[b]:
            n += 1
        if n == indptr[b + 1]:
            return b
        row = out[b, slot]
        row[0] = 1.0
        for f in range(n_features):
            row[1 + f] = features[n, f]
        place = 1 + n_features
        for column in crossed:
            factor = features[n, column]
            for j in range(n_context):
                row[place + j] = factor * context[b, j]
            place += n_context
    return -1


@fast
def _bound(x: Float64, inverse: Float64, weights: Float64, alpha: float) -> float:
    """Return θᵀx + α √(xᵀA⁻¹x), reading one triangle of A⁻¹ and no row whose x is zero."""
    mean = 0.0
    for i in range(len(x)):
        mean += weights[i] * x[i]
    # The confidence term costs d² and is not needed for the mean alone.
    if alpha == 0.0:
        return mean
    square = 0.0
    for i in range(len(x)):
        xi = x[i]
        # Features are often one-hot: a row of A⁻¹ whose x is zero need not be read.
        if xi != 0.0:
            # A⁻¹ is symmetric: twice the lower triangle with half the diagonal is the whole quadratic form.
            part = 0.5 * inverse[i, i] * xi
            for j in range(i):
                part += inverse[i, j] * x[j]
            square += 2.0 * xi * part
    # Rounding may push a variance near 0 below it, and the root of that would be NaN.
    return mean + alpha * math.sqrt(max(square, 0.0))


@fast
def shared_bounds(x: Float32, bank: Bank, alpha: float, out: Float64) -> None:
    """Fill ``out`` (N,) with the bounds of rows ``x`` (N, d) under the bank's only regression.

    Parameters
    ----------
    x : float32 (N, d)
        Joint features of each request's actions.
    bank : Bank
        One regression.
    alpha : float >= 0
        α, the width of the confidence term in standard errors.
    out : float64 (N,)
        Filled.
    """
    inverse = bank.inverse[0]
    weights = bank.weights[0]
    row = np.empty(x.shape[1])
    for n in range(x.shape[0]):
        # Widened to float64 once, not at each of the d products.
        row[:] = x[n]
        out[n] = _bound(row, inverse, weights, alpha)


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
def _outer(x: Float64, out: Float64) -> None:
    """Fill the flat ``out`` (d·d,) with x xᵀ, so that xᵀMx is one long dot product for every M."""
    d = len(x)
    for i in range(d):
        xi = x[i]
        for j in range(d):
            out[i * d + j] = xi * x[j]


@fast
def _bound_outer(x: Float64, outer: Float64, inverse: Float64, weights: Float64, alpha: float) -> float:
    """Return θᵀx + α √(xᵀA⁻¹x) from the flat outer product of x and the flat A⁻¹."""
    mean = 0.0
    for i in range(len(x)):
        mean += weights[i] * x[i]
    square = 0.0
    for i in range(len(outer)):
        square += outer[i] * inverse[i]
    return mean + alpha * math.sqrt(max(square, 0.0))


@fast
def disjoint_bounds(indptr: Int64, action: Int32, x: Float32, bank: Bank, alpha: float, out: Float64) -> None:
    """Fill ``out`` (N,) with the bound of each action's own regression at its request's ``x`` (B, d).

    Parameters
    ----------
    indptr, action : int64 (B + 1,), int32 (N,)
        Actions of each request; an action is the number of its regression.
    x : float32 (B, d)
        Context of each request.
    bank : Bank
        A regression for each action.
    alpha : float >= 0
        α, the width of the confidence term in standard errors.
    out : float64 (N,)
        Filled.
    """
    d = x.shape[1]
    row = np.empty(d)
    outer = np.empty(d * d)
    # A view: the bank's arrays are contiguous. All actions of a request share x, so x xᵀ is made once for
    # them.
    flat = bank.inverse.reshape(len(bank.lessons), d * d)
    for b in range(len(indptr) - 1):
        row[:] = x[b]
        _outer(row, outer)
        for n in range(indptr[b], indptr[b + 1]):
            a = action[n]
            out[n] = _bound_outer(row, outer, flat[a], bank.weights[a], alpha)


@fast
def _learn_one(x: Float64, reward: float, bank: Bank, m: int, refactor_every: int, u: Float64) -> None:
    """Teach regression ``m`` one row; ``u`` (d,) is scratch."""
    d = len(x)
    gram, inverse = bank.gram[m], bank.inverse[m]
    target, weights = bank.target[m], bank.weights[m]
    u[:] = 0.0
    # The residual under the weights before this row: θ moves along A⁻¹x by it, which saves the product A⁻¹b.
    error = reward
    for i in range(d):
        xi = x[i]
        # Zeros change neither A, b nor u. A⁻¹ is symmetric, so rows stand for columns and memory is read in
        # order.
        if xi != 0.0:
            error -= weights[i] * xi
            target[i] += reward * xi
            for j in range(d):
                u[j] += xi * inverse[i, j]
                gram[i, j] += xi * x[j]
    bank.lessons[m] += 1
    # Counted for each regression, not for each call, so that batches of another size refactor at the same
    # rows.
    if bank.lessons[m] % refactor_every == 0:
        fresh = np.linalg.inv(gram)
        for i in range(d):
            for j in range(d):
                # LAPACK's inverse is symmetric only to rounding, and `_bound` trusts one triangle.
                inverse[i, j] = 0.5 * (fresh[i, j] + fresh[j, i])
        for i in range(d):
            total = 0.0
            for j in range(d):
                total += inverse[i, j] * target[j]
            weights[i] = total
        return
    # A⁻¹ is positive definite, so that 1 + xᵀA⁻¹x is at least 1 and the division is safe.
    scale = 1.0
    for i in range(d):
        scale += x[i] * u[i]
    scale = 1.0 / scale
    for i in range(d):
        step = u[i] * scale
        weights[i] += step * error
        for j in range(d):
            inverse[i, j] -= step * u[j]


@fast
def learn(x: Float32, model: Int64, reward: Float64, bank: Bank, refactor_every: int) -> None:
    """Teach rows ``x`` (n, d) with their rewards to the regressions ``model`` (n,), in order and in place.

    Parameters
    ----------
    x : float32 (n, d)
        What was seen of each row.
    model : int64 (n,)
        The regression that learns it.
    reward : float64 (n,)
        r, what it earned.
    bank : Bank
        Changed.
    refactor_every : int >= 1
        A regression's inverse is recomputed after this many of its own rows.
    """
    row = np.empty(x.shape[1])
    u = np.empty(x.shape[1])
    for n in range(x.shape[0]):
        # In order, one by one: each row changes the inverse that the next one needs.
        row[:] = x[n]
        _learn_one(row, reward[n], bank, model[n], refactor_every, u)


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
            bound = _bound(row, inverse, weights, alpha)
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
        _outer(row, outer)
        best_bound = -math.inf
        out[b] = indptr[b]
        for n in range(indptr[b], indptr[b + 1]):
            a = action[n]
            bound = _bound_outer(row, outer, flat[a], weights[a], alpha)
            if bound > best_bound:
                out[b], best_bound = n, bound
        for s in range(earlier.shape[1]):
            _count_one(x[b], inverse[earlier[b, s]], row)
        _count_one(x[b], inverse[action[out[b]]], row)


@fast
def shared_play(
    x: Float64, rewards: Float64, bank: Bank, alpha: float, refactor_every: int, chosen: Int64
) -> None:
    """Play T rounds one at a time over rows ``x`` (T, n, d) and full rewards (T, n); fill ``chosen`` (T,).

    Parameters
    ----------
    x : float64 (T, n, d)
        Joint features of each round's actions.
    rewards : float64 (T, n)
        What each action would earn; only that of the chosen one is learned.
    bank : Bank
        One regression; changed.
    alpha : float >= 0
        α, the width of the confidence term in standard errors.
    refactor_every : int >= 1
        A regression's inverse is recomputed after this many of its own rows.
    chosen : int64 (T,)
        Filled with the position of each round's action.
    """
    u = np.empty(x.shape[2])
    for t in range(x.shape[0]):
        best, best_bound = 0, -math.inf
        for n in range(x.shape[1]):
            bound = _bound(x[t, n], bank.inverse[0], bank.weights[0], alpha)
            # Strictly larger, so that the lowest position wins a tie.
            if bound > best_bound:
                best, best_bound = n, bound
        chosen[t] = best
        _learn_one(x[t, best], rewards[t, best], bank, 0, refactor_every, u)


@fast
def disjoint_play(
    x: Float64, rewards: Float64, bank: Bank, alpha: float, refactor_every: int, chosen: Int64
) -> None:
    """Play T rounds one at a time over contexts (T, d) and full rewards (T, M); fill ``chosen`` (T,).

    Parameters
    ----------
    x : float64 (T, d)
        Context of each round.
    rewards : float64 (T, M)
        What each action would earn; only that of the chosen one is learned.
    bank : Bank
        A regression for each action; changed.
    alpha : float >= 0
        α, the width of the confidence term in standard errors.
    refactor_every : int >= 1
        A regression's inverse is recomputed after this many of its own rows.
    chosen : int64 (T,)
        Filled with each round's action.
    """
    d = x.shape[1]
    u = np.empty(d)
    outer = np.empty(d * d)
    flat = bank.inverse.reshape(len(bank.lessons), d * d)
    for t in range(x.shape[0]):
        best, best_bound = 0, -math.inf
        _outer(x[t], outer)
        for m in range(len(bank.lessons)):
            bound = _bound_outer(x[t], outer, flat[m], bank.weights[m], alpha)
            if bound > best_bound:
                best, best_bound = m, bound
        chosen[t] = best
        _learn_one(x[t], rewards[t, best], bank, best, refactor_every, u)
