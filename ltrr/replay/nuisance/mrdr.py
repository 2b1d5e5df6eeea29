"""Weights of the regression that makes the doubly robust estimator least variable."""

from __future__ import annotations

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types import Float64

__all__ = ["mrdr_weights"]


def mrdr_weights(weight: Float64, propensity: Float64) -> Float64:
    """Return ``w² (1 − π_b)`` of each logged decision, (n,): what `RewardModel.fit` weighs its errors with.

    Given the context, the variance of the doubly robust estimate that depends on the errors
    ``δ_a = E[r | x, a] − q̂(x, a)`` is ``Σ_a π_a² δ_a² / π_b,a − (Σ_a π_a δ_a)²``, a quadratic form whose
    diagonal is ``π_a² (1 − π_b,a) / π_b,a``; each logged decision, met with probability π_b, stands for its
    action's part of it. For a deterministic target policy the form has no other entries and the weights are
    exact. For a stochastic one the products of errors of different actions are left out, which no weight on
    logged rewards can carry; they vanish where such errors are uncorrelated over contexts.

    Parameters
    ----------
    weight : float64 (n,)
        π / π_b of the chosen actions, >= 0.
    propensity : float64 (n,)
        π_b of the chosen actions, in (0, 1].

    Raises
    ------
    InputError
        If a value is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> mrdr_weights(np.array([2.0, 0.0]), np.array([0.25, 0.5])).tolist()
    [3.0, 0.0]

    References
    ----------
    Farajtabar, Chow, Ghavamzadeh, "More robust doubly robust off-policy evaluation", ICML 2018, section 4.1
    (there with the whole form, for models trained on it by gradient).
    """
    p = _check.array("propensity", propensity, np.float64, (None,))
    w = _check.array("weight", weight, np.float64, (len(p),))
    if not np.all((p > 0) & (p <= 1)):
        raise InputError(f"`propensity` must lie in (0, 1], got {p[~((p > 0) & (p <= 1))][0]:g}")
    if not np.all((w >= 0) & (w < np.inf)):
        raise InputError(f"`weight` must be >= 0 and finite, got {w[~((w >= 0) & (w < np.inf))][0]:g}")
    return np.asarray(w * w * (1.0 - p))
