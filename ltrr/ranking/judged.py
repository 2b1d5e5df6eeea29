"""Logged pages as evidence on models that did not make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.stats import t as student

from ltrr._kernels.judging import ranks_of
from ltrr.types import Feedback, Float32, Float64, Int32, Int64, concat_indptr, indptr_of, take_flat

__all__ = ["ModelDifference", "PageValue", "JudgedPages", "compare"]


@dataclass(frozen=True)
class JudgedPages:
    """Pages of which something earned a reward, with all their candidates, oldest first.

    Parameters
    ----------
    request : int64 (P,)
    query : int32 (P,)
    indptr : int64 (P + 1,)
        Page p has the candidates ``indptr[p]:indptr[p + 1]``, ascending by item id.
    features : float32 (N, F)
        What the ranker saw of each candidate.
    earned_indptr : int64 (P + 1,)
        Page p has the items ``earned_indptr[p]:earned_indptr[p + 1]`` that earned something.
    candidate : int64 (E,)
        Which of the page's own candidates each of these is, from 0.
    weight : float64 (E,)
        What it earned, divided by the prominence that the page gave it on average (see `PageValue`).

    Examples
    --------
    The item that earned the reward is the second of two candidates:

    >>> pages = JudgedPages(
    ...     np.array([8]), np.array([3]), np.array([0, 2]), np.zeros((2, 1), np.float32),
    ...     np.array([0, 1]), np.array([1]), np.array([1.0]),
    ... )
    >>> len(pages), len(JudgedPages.concat([pages, pages]).take(np.array([1])))
    (1, 1)
    """

    request: Int64
    query: Int32
    indptr: Int64
    features: Float32
    earned_indptr: Int64
    candidate: Int64
    weight: Float64

    def __len__(self) -> int:
        return len(self.request)

    def take(self, rows: Int64) -> JudgedPages:
        """Return the chosen pages."""
        indptr, flat = take_flat(self.indptr, rows)
        earned_indptr, earned = take_flat(self.earned_indptr, rows)
        return JudgedPages(
            self.request[rows],
            self.query[rows],
            indptr,
            self.features[flat],
            earned_indptr,
            self.candidate[earned],
            self.weight[earned],
        )

    @staticmethod
    def concat(parts: Sequence[JudgedPages]) -> JudgedPages:
        """Join pages end to end; there must be a part."""
        columns: dict[str, list[Any]] = {
            f.name: [getattr(part, f.name) for part in parts] for f in fields(JudgedPages)
        }
        joined: dict[str, Any] = {
            name: (concat_indptr if "indptr" in name else np.concatenate)(parts)
            for name, parts in columns.items()
        }
        return JudgedPages(**joined)


@dataclass(frozen=True)
class PageValue:
    r"""What a page would have earned, had another model ordered its candidates.

    .. math:: V(\pi) = \sum_i v_i \, \lambda(\mathrm{rank}_\pi(i)) \min(1 / \rho_i, w / \lambda(0)), \qquad
              \rho_i = \sum_k P(i \text{ at } k) \, \lambda(k)

    v_i is what the shown item i earned, λ(k) = log2(k + 2)^−discount the prominence of place k, 0 beyond the
    page, P the probability with which the page showed i at k, and w the ``cap``. A best item can stand at its
    own place alone, an explored one anywhere with equal probability.

    The estimate is unbiased where users act on an item in proportion to λ and to nothing else, and weights
    reach no cap. Items without a chance to be shown count 0, and capped ones too little, so that it leans
    towards the model that made the pages.

    Parameters
    ----------
    discount : float >= 0
        0 counts what stays on the page, 1 discounts as DCG does.
    cap : float >= 1
        The largest weight, in units of that of an item that always stands first.

    Examples
    --------
    The item that earned something stood second of two. A model that puts it first is worth more:

    >>> pages = JudgedPages(
    ...     np.array([8]), np.array([3]), np.array([0, 2]), np.zeros((2, 1), np.float32),
    ...     np.array([0, 1]), np.array([1]), np.array([1.0]),
    ... )
    >>> page_value = PageValue(discount=1.0, cap=3.0)
    >>> [page_value.value(pages, np.array(score), 10).round(2).tolist() for score in ([1.0, 2.0], [2.0, 1.0])]
    [[1.0], [0.63]]

    Notes
    -----
    Source: Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay and Wen, "Offline evaluation of ranking policies
    with click models", KDD 2018, section 4 (position-based model); Oosterhuis and de Rijke, "Policy-aware
    counterfactual learning to rank for top-k feedback", SIGIR 2020, section 3.
    """

    discount: float
    cap: float

    def prominence(self, rank: Int64 | Int32) -> Float64:
        """Return λ of each rank, from 0."""
        return np.asarray(np.log2(rank + 2.0) ** -self.discount, np.float64)

    def pages(self, feedback: Feedback) -> tuple[JudgedPages, Int64]:
        """Return the pages of ``feedback`` that earned something, and their rows."""
        earned = np.where(feedback.item >= 0, feedback.value, 0.0)
        rows = np.flatnonzero((earned > 0.0).any(axis=1))
        chosen = earned[rows] > 0.0
        place = self.prominence(np.arange(earned.shape[1]))
        shown = np.where(feedback.explored[rows], place.sum(), place) * feedback.propensity[rows]
        weight = earned[rows] * np.minimum(1.0 / shown, self.cap)
        candidates = feedback.candidates.take(rows)
        pages = JudgedPages(
            feedback.requests.request[rows],
            feedback.requests.query[rows],
            candidates.indptr,
            candidates.features,
            indptr_of(chosen.sum(axis=1)),
            candidates.shown[chosen].astype(np.int64),
            weight[chosen],
        )
        return pages, rows

    def value(self, pages: JudgedPages, score: Float64, places: int) -> Float64:
        """Return the value (P,) of each page, its candidates ordered by ``score`` (N,)."""
        row = np.repeat(np.arange(len(pages)), np.diff(pages.earned_indptr))
        rank = np.empty(len(row), np.int32)
        ranks_of(pages.indptr, score, row, pages.candidate, rank)
        kept = np.where(rank < places, self.prominence(rank), 0.0)
        return np.bincount(row, kept * pages.weight, minlength=len(pages)).astype(np.float64)


@dataclass(frozen=True)
class ModelDifference:
    """The mean difference of two models on the same pages, as a share of the second's value.

    Parameters
    ----------
    difference, low, high : float
        With Student's interval over clusters; −inf and inf where there are fewer than two.
    pages, queries : int
        Pages and clusters that it rests on: queries, or groups of queries on one subject.

    Examples
    --------
    >>> ModelDifference(0.1, -0.2, 0.4, pages=20, queries=18).low
    -0.2
    """

    difference: float
    low: float
    high: float
    pages: int
    queries: int


def compare(a: Float64, b: Float64, cluster: Int32 | Int64, level: float) -> ModelDifference:
    """Return how much more ``a`` (P,) is worth than ``b`` (P,), in clusters of pages (P,).

    A page of cluster −1 is one of its own.

    Examples
    --------
    Two pages of one query, one of another: the model gains a half on each page of the first.

    >>> ones = np.ones(3)
    >>> found = compare(ones + [0.5, 0.5, 0.0], ones, np.array([7, 7, 9]), level=0.9)
    >>> round(found.difference, 3), found.pages, found.queries
    (0.333, 3, 2)
    """
    n, base = len(a), float(b.sum())
    own = np.where(cluster >= 0, cluster, -1 - np.arange(n))
    distinct, group = np.unique(own, return_inverse=True)
    g = len(distinct)
    if base <= 0.0:
        return ModelDifference(0.0, -np.inf, np.inf, n, g)
    share = float((a - b).sum()) / base
    if g < 2:
        return ModelDifference(share, -np.inf, np.inf, n, g)
    # the linearised ratio: what is left of each query once the share is taken off
    left = np.bincount(group, a - (1.0 + share) * b)
    spread = float(np.sqrt((left**2).sum() * g / (g - 1.0))) / base
    half = float(student.ppf(0.5 + level / 2.0, g - 1)) * spread
    return ModelDifference(share, share - half, share + half, n, g)
