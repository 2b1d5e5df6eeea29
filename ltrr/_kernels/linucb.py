"""Ridge regressions kept up to date one row at a time, and their upper confidence bounds.

A bank holds M regressions of dimension d: A_m = λI + Σ x xᵀ, b_m = Σ r x, the inverse of A_m kept by
Sherman–Morrison and recomputed from A_m every ``refactor_every`` rows, and the weights θ_m = A_m⁻¹ b_m.
Policies with shared parameters have M = 1. Rows are learned strictly in order, so that how rows are cut into
batches changes no digit.

Sources: Li, Chu, Langford, Schapire, "A contextual-bandit approach to personalized news article
recommendation", WWW 2010, algorithms 1 and 2; Sherman and Morrison, Ann. Math. Stat. 21 (1950).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ltrr._kernels.jit import fast
from ltrr.types.arrays import Float32, Float64, Int32, Int64

__all__ = [
    "Bank",
    "bound_of",
    "bound_of_outer",
    "disjoint_bounds",
    "disjoint_play",
    "learn",
    "new_bank",
    "outer_product",
    "shared_bounds",
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


@fast
def bound_of(x: Float64, inverse: Float64, weights: Float64, alpha: float) -> float:
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
        out[n] = bound_of(row, inverse, weights, alpha)


@fast
def outer_product(x: Float64, out: Float64) -> None:
    """Fill the flat ``out`` (d·d,) with x xᵀ, so that xᵀMx is one long dot product for every M."""
    d = len(x)
    for i in range(d):
        xi = x[i]
        for j in range(d):
            out[i * d + j] = xi * x[j]


@fast
def bound_of_outer(x: Float64, outer: Float64, inverse: Float64, weights: Float64, alpha: float) -> float:
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
        outer_product(row, outer)
        for n in range(indptr[b], indptr[b + 1]):
            a = action[n]
            out[n] = bound_of_outer(row, outer, flat[a], bank.weights[a], alpha)


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
                # LAPACK's inverse is symmetric only to rounding, and `bound_of` trusts one triangle.
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
            bound = bound_of(x[t, n], bank.inverse[0], bank.weights[0], alpha)
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
        outer_product(x[t], outer)
        for m in range(len(bank.lessons)):
            bound = bound_of_outer(x[t], outer, flat[m], bank.weights[m], alpha)
            if bound > best_bound:
                best, best_bound = m, bound
        chosen[t] = best
        _learn_one(x[t], rewards[t, best], bank, best, refactor_every, u)
