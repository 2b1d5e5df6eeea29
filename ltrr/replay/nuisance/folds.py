"""Which fold of cross-fitting an event belongs to."""

from __future__ import annotations

import numpy as np

from ltrr import _check
from ltrr.rng import Streams
from ltrr.types import Int64

__all__ = ["fold_of", "sample_rows"]


def fold_of(key: Int64, *, folds: int, seed: int) -> Int64:
    """Return the fold of each key, 0 … folds − 1: a function of key and seed alone.

    So the slots of a request share a fold, and chunks and their order do not matter.

    Parameters
    ----------
    key : int64 (n,)
        Keys of requests.
    folds : int >= 2
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> fold = fold_of(np.array([7, 7, 8]), folds=5, seed=0)
    >>> bool(fold[0] == fold[1]), bool(np.all(fold < 5))
    (True, True)
    """
    _check.integer("folds", folds, low=2)
    return (Streams(seed).uniform("replay-fold", key) * folds).astype(np.int64)


def sample_rows(key: Int64, *, max_rows: int, seed: int) -> Int64:
    """Return the rows of a random part of the requests, at most ``max_rows``, in their order.

    Whole requests are taken, those of the smallest hash first; one request always is.

    Parameters
    ----------
    key : int64 (n,)
        Keys of requests.
    max_rows : int >= 1
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> sample_rows(np.array([4, 4, 5]), max_rows=9, seed=0).tolist()
    [0, 1, 2]
    """
    _check.integer("max_rows", max_rows, low=1)
    if len(key) <= max_rows:
        return np.arange(len(key))
    u = Streams(seed).uniform("replay-fit", key)
    order = np.argsort(u, kind="stable")
    # the request on the border is left out unless it is the only one
    border = u[order[max_rows]]
    return np.flatnonzero(u < border) if u[order[0]] < border else np.flatnonzero(u == border)
