"""Expectations under a policy of what is predicted for each action."""

from __future__ import annotations

import numpy as np

from ltrr import _check
from ltrr._kernels.nuisance import expected
from ltrr.types import Float64, Int64

__all__ = ["expected_value"]


def expected_value(indptr: Int64, probabilities: Float64, values: Float64) -> Float64:
    """Return ``Σ_a π(a | x) q̂(x, a)`` of each row, (n,).

    Parameters
    ----------
    indptr : int64 (n + 1,)
        Where each row's actions start.
    probabilities : float64 (N,)
        π(a | x), flat.
    values : float64 (N,)
        What is predicted for each action, flat; it does not matter where the probability is 0.

    Raises
    ------
    InputError
        If lengths do not agree.

    Examples
    --------
    >>> import numpy as np
    >>> pi, q = np.array([0.5, 0.5, 1.0]), np.array([1.0, 3.0, 4.0])
    >>> expected_value(np.array([0, 2, 3]), pi, q).tolist()
    [2.0, 4.0]
    """
    q = _check.array("values", values, np.float64, (None,))
    pi = _check.array("probabilities", probabilities, np.float64, (len(q),))
    rows = _check.indptr("indptr", indptr, None, len(q))
    out = np.empty(len(rows) - 1)
    expected(rows, pi, q, out)
    return out
