"""Pareto k̂: how heavy the tail of the weights is."""

from __future__ import annotations

import numpy as np

from ltrr.types import Float64

__all__ = ["pareto_k", "tail_size"]


def tail_size(n: int) -> int:
    """Return how many of n weights form the tail: ``min(n / 5, 3 √n)``, rounded up.

    Examples
    --------
    >>> tail_size(10_000)
    300
    """
    return int(np.ceil(min(n / 5.0, 3.0 * np.sqrt(n))))


def pareto_k(largest: Float64, n: int) -> float | None:
    """Return the shape k̂ of a generalised Pareto distribution fitted to the largest of n weights.

    Above 0.7 the mean of the weights converges too slowly for any practical n; above 1 it does not exist. The
    estimate is the posterior mean of Zhang and Stephens, shrunk towards 0.5 with the weight of ten values.

    Parameters
    ----------
    largest : float64 (m,)
        The largest weights, in any order, at least ``tail_size(n) + 1`` of them where there are that many.
    n : int
        Number of all weights.

    Returns
    -------
    float or None
        None where fewer than five weights exceed the tail's threshold: nothing can be concluded. −inf where
        all weights of the tail are equal: there is no tail.

    Examples
    --------
    >>> import numpy as np
    >>> u = (np.arange(10_000) + 0.5) / 10_000
    >>> round(pareto_k(u ** -0.5, 10_000), 1)
    0.5

    References
    ----------
    Zhang, Stephens, "A new and efficient estimation method for the generalized Pareto distribution",
    Technometrics 51(3), 2009, section 2; Vehtari, Simpson, Gelman, Yao, Gabry, "Pareto smoothed importance
    sampling", JMLR 25, 2024, section 2.4 and appendix C.
    """
    tail = min(tail_size(n), len(largest) - 1)
    if tail < 5:
        return None
    top = np.sort(np.asarray(largest, np.float64))[-(tail + 1) :]
    x = top[1:] - top[0]
    if x[-1] <= 0.0:
        return -np.inf
    x = x[x > 0.0]
    m = len(x)
    if m < 5:
        return None
    n_grid = 30 + int(np.sqrt(m))
    quartile = x[int(m / 4 + 0.5) - 1]
    grid = 1.0 / x[-1] + (1.0 - np.sqrt(n_grid / (np.arange(1, n_grid + 1) - 0.5))) / (3.0 * quartile)
    grid[grid == 0.0] = 1e-12 / x[-1]  # k vanishes with it, their ratio does not
    k = np.log1p(-grid[:, None] * x).mean(axis=1)
    likelihood = m * (np.log(-grid / k) - k - 1.0)
    posterior = np.exp(likelihood - likelihood.max())
    theta = float(posterior @ grid / posterior.sum())
    shape = float(np.log1p(-theta * x).mean())
    return (m * shape + 10.0 * 0.5) / (m + 10.0)
