"""Comparators that see the truth: every quota at once, ideal pages, and where a round lost reward.

Nothing here may reach a policy. All values are expectations under a user model, never sampled clicks, and all
are taken on the state (memory, ranker) of the policy that is being judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr._kernels import oracles as kernels
from ltrr._kernels.users import page_values
from ltrr.errors import InputError
from ltrr.metrics.ranking import ndcg
from ltrr.types import Float64, Int8, Int32, Truth, Union
from ltrr.users.tables import UserTables

__all__ = [
    "LossSplit",
    "QuotaValues",
    "best_order_value",
    "ideal_value",
    "quota_walk",
]


@dataclass(frozen=True)
class QuotaValues:
    """What each of Q quotas would have been worth to B requests.

    Parameters
    ----------
    reward : float64 (B, Q)
        Expected gross reward of the page, in [0, 1]; costs are the caller's to subtract.
    ndcg : float64 (B, Q)
        nDCG of the page at its size, linear gain; 0 for requests without relevant items.
    recall : float64 (B, Q)
        Candidate recall of the union; 0 for requests without relevant items.
    n_candidates : int32 (B, Q)
        Size of the union.

    Examples
    --------
    Two requests, three quotas: what the best quota of each request is worth, and the best single quota.

    >>> import numpy as np
    >>> values = QuotaValues(
    ...     reward=np.array([[0.2, 0.5, 0.4], [0.8, 0.3, 0.4]]), ndcg=np.ones((2, 3)),
    ...     recall=np.ones((2, 3)), n_candidates=np.full((2, 3), 60),
    ... )
    >>> values.reward.max(axis=1).tolist(), int(values.reward.mean(axis=0).argmax())
    ([0.5, 0.8], 0)
    """

    reward: Float64
    ndcg: Float64
    recall: Float64
    n_candidates: Int32

    def __len__(self) -> int:
        return len(self.reward)


@dataclass(frozen=True)
class LossSplit:
    """The gap between the ideal and the sampled reward of B requests, split by cause.

    ``ideal − sampled = retrieval + ranking + noise``, request by request.

    Parameters
    ----------
    retrieval : float64 (B,)
        ideal − best order: the union lacks better items.
    ranking : float64 (B,)
        best order − expected: the union has them, the page does not show them in grade order.
    noise : float64 (B,)
        expected − sampled: the user's luck; zero on average.

    Examples
    --------
    >>> import numpy as np
    >>> split = LossSplit.of(ideal=np.array([.9]), best_order=np.array([.7]), expected=np.array([.6]),
    ...                      sampled=np.array([1.]))
    >>> split.retrieval.round(2), split.ranking.round(2), split.noise.round(2)
    (array([0.2]), array([0.1]), array([-0.4]))
    """

    retrieval: Float64
    ranking: Float64
    noise: Float64

    @staticmethod
    def of(*, ideal: Float64, best_order: Float64, expected: Float64, sampled: Float64) -> LossSplit:
        """Split the loss of requests given the four values (B,) of each."""
        ideal = _check.array("ideal", ideal, np.float64, (None,))
        shape = (len(ideal),)
        best_order = _check.array("best_order", best_order, np.float64, shape)
        expected = _check.array("expected", expected, np.float64, shape)
        sampled = _check.array("sampled", sampled, np.float64, shape)
        return LossSplit(ideal - best_order, best_order - expected, expected - sampled)

    @property
    def total(self) -> Float64:
        """Ideal minus sampled reward (B,)."""
        return self.retrieval + self.ranking + self.noise


def _reward(page: Int8, tables: UserTables, reward_code: int) -> Float64:
    """Return the expected gross reward (n,) of pages of grades (n, K)."""
    _check.integer("reward_code", reward_code, low=0, high=3)
    k, n_grades = tables.table.shape[1:]
    if k != page.shape[1] or (page.size and int(page.max()) >= n_grades):
        raise InputError(
            f"`tables` must cover pages of {page.shape[1]} places and grades up to "
            f"{int(page.max()) if page.size else 0}, got {k} places and grades below {n_grades}"
        )
    out = np.empty(len(page), np.float64)
    page_values(page, tables.table, tables.independent, reward_code, out)
    return out


def quota_walk(
    pool: Union,
    score: Float64,
    truth: Truth,
    quotas: Int32,
    *,
    slot_size: int,
    fallback: Int32,
    page_size: int,
    tables: UserTables,
    reward_code: int,
    slabs: Int32 | None = None,
) -> QuotaValues:
    """Value every quota exactly: the union it would draw, the page the ranker would make of it.

    The candidates are sorted once by (score descending, item ascending). A candidate belongs to a quota's
    union if some arm that drew it delivers deeper than the rank it has there, short slabs and lists spilling
    to the fallback arms as in a real round; the first ``page_size`` members are the page. It assumes scores
    that do not depend on the quota, so features of the ranker that look at provenance make it an
    approximation.

    Parameters
    ----------
    pool : Union
        All arms' candidates, each arm drawn to the whole budget (slots times ``slot_size``): an arm's list is
        taken to end at its highest rank in the pool.
    score : float64 (N,)
        The ranker's scores of the pool's candidates.
    truth : Truth
        Truth of the pool's items.
    quotas : int32 (Q, R)
        Slots per arm.
    slot_size : int
        Candidates a slot, at least 1.
    fallback : int32 (F,)
        Arms that take over missing candidates, in this order.
    page_size : int
        Places on the page, at least 1.
    tables : UserTables
        The user model for pages of ``page_size`` places.
    reward_code : int
        Kind of reward: 0 satisfied, 1 click, 2 clicks, 3 dcg.
    slabs : int32 (R,), optional
        Candidates that a slot asks of each arm; the whole slot if None.

    Returns
    -------
    QuotaValues

    Raises
    ------
    InputError
        If pool, scores and truth do not belong together, or an arm is out of range.

    Examples
    --------
    Two arms with two candidates each; only item 7 is relevant, and only arm 1 has it.

    >>> import numpy as np
    >>> from ltrr.retrieval.union import union
    >>> from ltrr.types import Candidates
    >>> lists = [Candidates.from_lists([own], depth=[2]) for own in ([4, 5], [7, 4])]
    >>> pool = union(lists, delivered=[[2, 2]], quota=[[1, 1]], slot_size=2)
    >>> truth = Truth(
    ...     indptr=pool.indptr, item=pool.item, grade=[0, 0, 1], judged=[True] * 3, n_relevant=[1],
    ...     ideal=[[1, 0]], topic=[0], max_grade=1,
    ... )
    >>> sure = UserTables.positions([1.0, 0.5], attract=np.array([0.0, 1.0]), satisfy=np.array([0.0, 1.0]))
    >>> values = quota_walk(
    ...     pool, np.array([3.0, 1.0, 2.0]), truth, np.array([[1, 0], [0, 1]]), slot_size=2,
    ...     fallback=np.zeros(0), page_size=2, tables=sure, reward_code=0,
    ... )
    >>> values.reward.tolist(), values.recall.tolist(), values.n_candidates.tolist()
    ([[0.0, 0.5]], [[0.0, 1.0]], [[2, 2]])
    """
    score = _check.array("score", score, np.float64, (len(pool.item),))
    quotas = _check.array("quotas", quotas, np.int32, (None, None))
    n_quotas, n_arms = quotas.shape
    fallback = _check.array("fallback", fallback, np.int32, (None,))
    _check.integer("slot_size", slot_size, low=1)
    asked = np.full(n_arms, slot_size) if slabs is None else slabs
    asked = _check.array("slabs", asked, np.int32, (n_arms,))
    _check.integer("page_size", page_size, low=1)
    if not (np.array_equal(pool.indptr, truth.indptr) and np.array_equal(pool.item, truth.item)):
        raise InputError("`truth` must be about the items of `pool`, in the same order")
    if np.isnan(score).any():
        raise InputError("`score` must not hold NaN: the order of the candidates would be arbitrary")
    if quotas.size and int(quotas.min()) < 0:
        raise InputError(f"`quotas` must be >= 0, got {quotas.min()}")
    for name, arm in (("pool.arm", pool.arm), ("fallback", fallback)):
        if len(arm) and not 0 <= int(arm.min()) <= int(arm.max()) < n_arms:
            raise InputError(f"`{name}` must lie in [0, {n_arms}), got {arm.min()}…{arm.max()}")

    n = len(pool)
    row = np.repeat(np.arange(n), np.diff(pool.indptr))
    order = np.lexsort((pool.item, -score, row))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - pool.indptr[row]
    source = np.column_stack((np.repeat(place, np.diff(pool.source_indptr)), pool.arm, pool.rank))
    page = np.empty((n, n_quotas, page_size), np.int8)
    counts = np.empty((n, n_quotas, 2), np.int32)
    kernels.quota_pages(
        pool.indptr,
        pool.source_indptr[pool.indptr],
        source.astype(np.int32),
        truth.grade[order],
        quotas,
        asked,
        slot_size,
        fallback,
        page,
        counts,
    )
    flat = page.reshape(n * n_quotas, page_size)
    shape = (n, n_quotas)
    relevant = np.maximum(truth.n_relevant, 1)[:, None]
    return QuotaValues(
        reward=_reward(flat, tables, reward_code).reshape(shape),
        ndcg=ndcg(flat, np.repeat(truth.ideal, n_quotas, axis=0), k=page_size).reshape(shape),
        recall=np.where(truth.n_relevant[:, None] > 0, counts[:, :, 1] / relevant, 0.0),
        n_candidates=np.ascontiguousarray(counts[:, :, 0]),
    )


def ideal_value(truth: Truth, *, page_size: int, tables: UserTables, reward_code: int) -> Float64:
    """Return the expected reward (B,) of the ideal page: the catalogue's best items in grade order.

    It is the highest value of any page where showing higher grades earlier is best under the user model; that
    fails for rewards that count several clicks when users stop after a good one.

    Parameters
    ----------
    truth : Truth
        Truth of anything asked for these requests; only ``ideal`` is used.
    page_size : int
        Places on the page.
    tables : UserTables
        The user model for pages of ``page_size`` places.
    reward_code : int
        Kind of reward: 0 satisfied, 1 click, 2 clicks, 3 dcg.

    Raises
    ------
    InputError
        If ``truth.ideal`` is cut before the page's end although relevant items may follow.

    Examples
    --------
    >>> import numpy as np
    >>> sure = UserTables.positions([1.0, 0.5], attract=np.array([0.0, 1.0]), satisfy=np.array([0.0, 1.0]))
    >>> truth = Truth(
    ...     indptr=[0, 2], item=[4, 7], grade=[0, 0], judged=[True, True], n_relevant=[1], ideal=[[1, 0]],
    ...     topic=[0], max_grade=1,
    ... )
    >>> ideal_value(truth, page_size=2, tables=sure, reward_code=0).tolist()
    [1.0]
    """
    ideal = truth.ideal[:, :page_size]
    missing = page_size - ideal.shape[1]
    if missing > 0:
        if len(truth) and (ideal.shape[1] == 0 or bool((ideal[:, -1] > 0).any())):
            raise InputError(f"`truth.ideal` must hold {page_size} grades a request, got {ideal.shape[1]}")
        ideal = np.pad(ideal, ((0, 0), (0, missing)))
    return _reward(np.ascontiguousarray(ideal), tables, reward_code)


def best_order_value(truth: Truth, *, page_size: int, tables: UserTables, reward_code: int) -> Float64:
    """Return the expected reward (B,) of the union's best items in grade order.

    Parameters
    ----------
    truth : Truth
        Truth of the union's items.
    page_size : int
        Places on the page.
    tables : UserTables
        The user model for pages of ``page_size`` places.
    reward_code : int
        Kind of reward: 0 satisfied, 1 click, 2 clicks, 3 dcg.

    Examples
    --------
    The union's only relevant item comes last, and would be first in the best order.

    >>> import numpy as np
    >>> sure = UserTables.positions([0.5, 0.1], attract=np.array([0.0, 1.0]), satisfy=np.array([0.0, 1.0]))
    >>> truth = Truth(
    ...     indptr=[0, 3], item=[4, 5, 7], grade=[0, 0, 1], judged=[True, True, True], n_relevant=[1],
    ...     ideal=[[1, 0]], topic=[0], max_grade=1,
    ... )
    >>> best_order_value(truth, page_size=2, tables=sure, reward_code=0).tolist()
    [0.5]
    """
    page = np.empty((len(truth), page_size), np.int8)
    kernels.best_pages(truth.indptr, truth.grade, page)
    return _reward(page, tables, reward_code)
