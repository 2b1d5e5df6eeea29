"""What a ranked list or a candidate set is worth against known grades, request by request.

Every function returns one number a request. A request without relevant items gets 0, never NaN; `answerable`
marks such requests, for averages over the others only.
"""

from __future__ import annotations

import numpy as np

from ltrr import _check
from ltrr._kernels import ranking_metrics
from ltrr.errors import InputError
from ltrr.types import Bool, Float64, Int8, Int32, Int64, Truth

__all__ = ["answerable", "candidate_recall", "ndcg", "recall", "reciprocal_rank", "unjudged_share"]


def _share(part: Int64, whole: Int32) -> Float64:
    """Return part / whole, 0 where the whole is 0."""
    out = np.zeros(len(part), np.float64)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def _count(indptr: Int64, mark: Bool) -> Int64:
    """Return how many values of each row are marked."""
    total = np.zeros(len(mark) + 1, np.int64)
    np.cumsum(mark, out=total[1:])
    return total[indptr[1:]] - total[indptr[:-1]]


def answerable(n_relevant: Int32) -> Bool:
    """Say which requests have a relevant item at all.

    Parameters
    ----------
    n_relevant : int32 (B,)
        Number of relevant items in the whole catalogue.

    Returns
    -------
    bool (B,)

    Examples
    --------
    >>> import numpy as np
    >>> answerable(np.array([2, 0])).tolist()
    [True, False]
    """
    return _check.array("n_relevant", n_relevant, np.int32, (None,)) > 0


def ndcg(grade: Int8, ideal: Int8, *, k: int, gain: str = "linear") -> Float64:
    """Return nDCG@k: the discounted gain of a list over that of the ideal list.

    ``Σ_{j<k} g(grade_j) / log2(j + 2)`` over the same sum of ``ideal``, with ``g(y) = y`` (linear, as in
    trec_eval) or ``2^y − 1`` (exponential, as in most learning to rank). Requests without relevant items
    get 0.

    Parameters
    ----------
    grade : int8 (B, K)
        Grades of the shown items, best place first; −1 for an empty place.
    ideal : int8 (B, W)
        The highest grades in the catalogue, descending, zeros after them.
    k : int
        Cutoff, at least 1; lists shorter than k count as they are.
    gain : {"linear", "exponential"}
        How a grade becomes a gain.

    Returns
    -------
    float64 (B,)
        In [0, 1] where every list holds only items that ``ideal`` counted.

    Raises
    ------
    InputError
        If ``ideal`` is cut before place k although relevant items may follow: the ideal would be too small.

    Examples
    --------
    >>> import numpy as np
    >>> ndcg(np.array([[0, 1, -1]], np.int8), np.array([[1, 0, 0]], np.int8), k=3).round(4).tolist()
    [0.6309]

    References
    ----------
    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 20(4), 2002,
    section 2.2; exponential gain: Burges et al., "Learning to rank using gradient descent", ICML 2005,
    section 6.
    """
    grade = _check.array("grade", grade, np.int8, (None, None))
    ideal = _check.array("ideal", ideal, np.int8, (len(grade), None))
    k = _check.integer("k", k, low=1)
    _check.choice("gain", gain, ("linear", "exponential"))
    if ideal.shape[1] < k and (ideal.shape[1] == 0 or bool((ideal[:, -1] > 0).any())) and len(ideal):
        raise InputError(f"`ideal` must hold at least k = {k} grades a request, got {ideal.shape[1]}")
    grades = np.arange(128, dtype=np.float64)
    table = grades if gain == "linear" else np.exp2(grades) - 1.0
    discount = 1.0 / np.log2(np.arange(k) + 2.0)
    got, best = np.empty(len(grade)), np.empty(len(grade))
    ranking_metrics.dcg(grade, table, discount, got)
    ranking_metrics.dcg(ideal, table, discount, best)
    out = np.zeros(len(grade), np.float64)
    np.divide(got, best, out=out, where=best > 0)
    return out


def recall(grade: Int8, n_relevant: Int32, *, k: int, level: int = 1) -> Float64:
    """Return recall@k: the share of all relevant items that the first k places hold.

    Parameters
    ----------
    grade : int8 (B, K)
        Grades of the listed items, best place first; −1 for an empty place.
    n_relevant : int32 (B,)
        Number of items of grade >= ``level`` in the whole catalogue.
    k : int
        Cutoff, at least 1.
    level : int
        Grade from which an item counts as relevant, at least 1.

    Returns
    -------
    float64 (B,)
        0 for requests without relevant items.

    Examples
    --------
    >>> import numpy as np
    >>> recall(np.array([[0, 2, 1]], np.int8), np.array([4]), k=2).tolist()
    [0.25]
    """
    grade = _check.array("grade", grade, np.int8, (None, None))
    n_relevant = _check.array("n_relevant", n_relevant, np.int32, (len(grade),))
    k = _check.integer("k", k, low=1)
    level = _check.integer("level", level, low=1)
    return _share((grade[:, :k] >= level).sum(axis=1, dtype=np.int64), n_relevant)


def reciprocal_rank(grade: Int8, *, k: int | None = None, level: int = 1) -> Float64:
    """Return 1 / (place of the first relevant item, from 1), 0 where none is listed; its mean is the MRR.

    Parameters
    ----------
    grade : int8 (B, K)
        Grades of the listed items, best place first; −1 for an empty place.
    k : int or None
        Cutoff, at least 1; None looks at the whole list.
    level : int
        Grade from which an item counts as relevant, at least 1.

    Returns
    -------
    float64 (B,)

    Examples
    --------
    >>> import numpy as np
    >>> reciprocal_rank(np.array([[0, 2, 1], [0, 0, -1]], np.int8)).tolist()
    [0.5, 0.0]
    """
    grade = _check.array("grade", grade, np.int8, (None, None))
    level = _check.integer("level", level, low=1)
    width = grade.shape[1] if k is None else min(_check.integer("k", k, low=1), grade.shape[1])
    place = np.empty(len(grade), np.int64)
    ranking_metrics.first_hit(grade, width, level, place)
    return np.where(place >= 0, 1.0 / (np.maximum(place, 0) + 1.0), 0.0)


def candidate_recall(truth: Truth) -> Float64:
    """Return the share of each request's relevant items that are among its candidates.

    Parameters
    ----------
    truth : Truth
        Truth of the union's items, which are distinct within a request.

    Returns
    -------
    float64 (B,)
        0 for requests without relevant items.

    Examples
    --------
    >>> import numpy as np
    >>> truth = Truth(
    ...     indptr=np.array([0, 3]), item=np.array([4, 7, 9]), grade=np.array([0, 2, 1]),
    ...     judged=np.ones(3, bool), n_relevant=np.array([4]), ideal=np.array([[3, 2, 1, 1]]),
    ...     topic=np.array([0]), max_grade=3,
    ... )
    >>> candidate_recall(truth).tolist()
    [0.5]
    """
    return _share(_count(truth.indptr, truth.grade >= 1), truth.n_relevant)


def unjudged_share(truth: Truth) -> Float64:
    """Return the share of each request's items that nobody judged: how far its other values are guesses.

    Empty places do not count; a request without items has nothing unjudged and gets 0.

    Parameters
    ----------
    truth : Truth
        Truth of candidates or of pages.

    Returns
    -------
    float64 (B,)

    Examples
    --------
    >>> import numpy as np
    >>> truth = Truth(
    ...     indptr=np.array([0, 3]), item=np.array([4, 7, -1]), grade=np.array([0, 2, -1]),
    ...     judged=np.array([False, True, False]), n_relevant=np.array([1]), ideal=np.array([[2]]),
    ...     topic=np.array([0]), max_grade=3,
    ... )
    >>> unjudged_share(truth).tolist()
    [0.5]
    """
    real = truth.item >= 0
    n_real = _count(truth.indptr, real).astype(np.int32)
    return _share(_count(truth.indptr, real & ~truth.judged), n_real)
