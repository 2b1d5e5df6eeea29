"""The page: the best K candidates."""

from __future__ import annotations

import numpy as np

from ltrr import _check
from ltrr._kernels.page import top
from ltrr.errors import InputError
from ltrr.types import Float64, Page, Union

__all__ = ["build_page"]


def build_page(union: Union, score: Float64, k: int) -> Page:
    """Return the ``k`` candidates of highest score of each request, ties by item id ascending.

    Parameters
    ----------
    union : Union
        Candidates of B requests, ascending by item id within a request.
    score : float64 (N,)
        The ranker's score of each candidate.
    k : int >= 1
        Places on the page; those beyond the number of candidates stay empty.

    Returns
    -------
    Page

    Raises
    ------
    InputError
        If a score is NaN, which has no order.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.types import Candidates
    >>> from ltrr.retrieval.union import union
    >>> arm = Candidates(np.array([0, 3]), np.array([5, 9, 7]), np.array([3, 2, 1]), np.array([True]))
    >>> drawn = union([arm], delivered=np.array([[3]]), quota=np.array([[1]]), slot_size=3)
    >>> build_page(drawn, np.array([0.1, 0.8, 0.8]), 2).item.tolist()
    [[7, 9]]
    """
    value = _check.array("score", score, np.float64, (len(union.item),))
    places = _check.integer("k", k, low=1)
    if np.isnan(value).any():
        at = int(np.flatnonzero(np.isnan(value))[0])
        raise InputError(f"`score` must be a number for every candidate, got NaN for item {union.item[at]}")
    candidate = np.empty((len(union), places), np.int64)
    top(union.indptr, value, candidate)
    item = np.full(candidate.shape, -1, np.int32)
    page_score = np.full(candidate.shape, -np.inf)
    filled = candidate >= 0
    item[filled] = union.item[candidate[filled]]
    page_score[filled] = value[candidate[filled]]
    return Page(item, candidate, page_score)
