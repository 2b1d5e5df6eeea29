"""The page: the best K candidates, a few of them replaced by others to learn about."""

from __future__ import annotations

import numpy as np

from ltrr import _check
from ltrr._kernels.page import explore as explore_places
from ltrr._kernels.page import show, top
from ltrr.errors import InputError
from ltrr.types import Bool, Float64, Int64, Page, Union
from ltrr.types.trusted import trusted

__all__ = ["build_page"]


def build_page(
    union: Union, score: Float64, k: int, *, explore: float = 0.0, u: Float64 | None = None
) -> Page:
    """Return the ``k`` candidates of highest score of each request, ties by item id ascending.

    With ``explore`` a share of places shows a candidate from outside these in place of its own, drawn so that
    the probability of each item at each place is known: with n > k candidates and m = max(k, n − k), each
    outside item stands at each place with explore / m, and the best item stays at its own place with
    1 − explore · (n − k) / m.

    Parameters
    ----------
    union : Union
        Candidates of B requests, ascending by item id within a request.
    score : float64 (N,)
        The ranker's score of each candidate.
    k : int >= 1
        Places on the page; those beyond the number of candidates stay empty.
    explore : float in [0, 1]
        Share of places that are explored.
    u : float64 (B, k, 2), optional
        Uniforms of each place: whether it explores, and which candidate it then shows. Needed to explore.

    Returns
    -------
    Page

    Raises
    ------
    InputError
        If a score is NaN, which has no order, or uniforms are missing.

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
    propensity, explored = np.ones(candidate.shape), np.zeros(candidate.shape, np.bool_)
    if _check.fraction("explore", explore) > 0.0:
        if u is None:
            raise InputError("`u` must hold uniforms (B, k, 2) where `explore` is above 0, got none")
        uniforms = _check.array("u", u, np.float64, (len(union), places, 2))
        explore_places(union.indptr, uniforms, explore, candidate, propensity, explored)
    return _page(union, value, candidate, propensity, explored)


def _page(union: Union, score: Float64, candidate: Int64, propensity: Float64, explored: Bool) -> Page:
    item, page_score = np.empty(candidate.shape, np.int32), np.empty(candidate.shape)
    show(candidate, union.item, score, item, page_score)
    return trusted(
        Page, item=item, candidate=candidate, score=page_score, propensity=propensity, explored=explored
    )
