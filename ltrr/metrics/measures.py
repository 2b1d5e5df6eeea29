"""Measures: what is kept of every request, one line each; tables, figures and pages read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ltrr.errors import InputError
from ltrr.metrics.ranking import candidate_recall, ndcg, recall, reciprocal_rank, unjudged_share

__all__ = [
    "DERIVED",
    "JUDGED",
    "STANDARD",
    "Measure",
    "digits_of",
    "label_of",
    "meaning_of",
]


@dataclass(frozen=True)
class Measure:
    """A number a request, averaged over requests, with an interval over seeds.

    Parameters
    ----------
    name : str
        Of its column; letters, digits and ``_``.
    label : str
        On pages and in figures.
    of : callable, optional
        Takes a `ltrr.simulation.Batch` of B requests, truth included, and returns B numbers. None for what is
        computed from several columns.
    split : bool
        Whether it is reported for repeated, first-time and held-out queries apart.
    digits : int
        After the point, where it is shown.
    meaning : str
        One line: what it tells.

    Raises
    ------
    InputError
        If the name cannot be a column's.

    Examples
    --------
    >>> first = Measure("first", "first click", lambda b: b.outcome.click[:, 0], split=True)
    >>> first.name
    'first'
    """

    name: str
    label: str
    of: Callable[[Any], Any] | None = None
    _: KW_ONLY
    split: bool = False
    digits: int = 3
    meaning: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise InputError(f"`Measure.name` must be letters, digits and '_', got {self.name!r}")
        if self.of is not None and not callable(self.of):
            raise InputError(f"`Measure.of` must be a function of a batch, got {self.of!r}")

    def values(self, batch: Any) -> np.ndarray[Any, Any]:
        """Return the measure of each request of a batch, (B,)."""
        if self.of is None:
            raise InputError(f"`Measure {self.name}` has no `of`: it is computed from other columns")
        found = np.asarray(self.of(batch))
        n = len(batch.feedback)
        if found.shape != (n,) or found.dtype.kind not in "biuf":
            raise InputError(
                f"`Measure {self.name}` must be {n} numbers, one a request, got {found.dtype} {found.shape}"
            )
        return found.astype(np.float64) if found.dtype == np.bool_ else found


def _ndcg(batch: Any) -> Any:
    grade = batch.truth_page.rectangle()
    return ndcg(grade, batch.truth_page.ideal, k=grade.shape[1])


def _recall_page(batch: Any) -> Any:
    grade = batch.truth_page.rectangle()
    return recall(grade, batch.truth_page.n_relevant, k=grade.shape[1])


def _own_share(batch: Any) -> Any:
    union = batch.union
    delivered = np.diff(union.source_indptr[union.indptr])
    share = np.ones(len(delivered))  # where nothing was delivered, nothing spilled
    np.divide(batch.own.sum(axis=1), delivered, out=share, where=delivered > 0)
    return share


STANDARD = (
    Measure(
        "reward",
        "reward",
        lambda b: b.expected,
        split=True,
        meaning="expected reward a request",
    ),
    Measure("reward_sampled", "sampled reward", lambda b: b.sampled, meaning="of what the user did"),
    Measure(
        "reward_observed", "observed reward", lambda b: b.feedback.reward, meaning="of what arrived in time"
    ),
    Measure(
        "satisfied_clicks",
        "satisfied clicks",
        lambda b: b.outcome.satisfied.sum(axis=1, dtype=np.int32),
        meaning="clicks that satisfied, a request",
    ),
    Measure(
        "clicks", "clicks", lambda b: b.outcome.click.sum(axis=1, dtype=np.int32), meaning="clicks a request"
    ),
    Measure("ndcg", "nDCG", _ndcg, split=True, meaning="of the page"),
    Measure(
        "mrr",
        "MRR",
        lambda b: reciprocal_rank(b.truth_page.rectangle()),
        split=True,
        meaning="reciprocal rank of the page's first relevant item",
    ),
    Measure(
        "recall_page",
        "page recall",
        _recall_page,
        split=True,
        meaning="share of the relevant items on the page",
    ),
    Measure(
        "recall_budget",
        "recall at budget",
        lambda b: candidate_recall(b.truth_union),
        split=True,
        meaning="share of the relevant items among the candidates",
    ),
    Measure(
        "unjudged",
        "unjudged share",
        lambda b: unjudged_share(b.truth_page),
        meaning="places of the page whose item nobody judged",
    ),
    Measure("calls", "arms called", lambda b: b.calls, meaning="arms called a request"),
    Measure(
        "candidates",
        "distinct candidates",
        lambda b: b.n_candidates.astype(np.int32),
        digits=1,
        meaning="distinct candidates a request",
    ),
    Measure(
        "spilled",
        "spilled",
        lambda b: b.union.spilled,
        digits=1,
        meaning="deliveries of fallback arms in place of missing ones; an item of two arms counts twice",
    ),
    Measure(
        "own",
        "own candidates",
        _own_share,
        meaning="share of the deliveries that came from the slots' own arms; the rest spilled",
    ),
)
"""The measures of every study, in the order of their columns."""

JUDGED = (
    Measure("ideal", "ideal page", meaning="reward of the best page there could be"),
    Measure(
        "ideal_is_exact", "ideal is exact", meaning="0 where grade order is not the best order of a page"
    ),
    Measure(
        "reward_ranked",
        "reward without explored places",
        meaning="reward of the page as the ranker orders it; quotas are compared by such pages",
    ),
    Measure("oracle_reward", "per-request oracle", meaning="reward of the best quota of each request"),
    Measure("oracle_ndcg", "oracle's nDCG", meaning="nDCG of the best quota of each request"),
    Measure("oracle_recall", "oracle's recall", meaning="recall of the best quota of each request"),
    Measure("loss_retrieval", "retrieval loss", meaning="lost since the right items were not drawn"),
    Measure(
        "loss_ranking",
        "ranking loss",
        meaning="lost because the page was not in the best order",
    ),
    Measure(
        "loss_exploration",
        "exploration loss",
        meaning="lost on places of the page that were filled at random",
    ),
    Measure("loss_cost", "cost", meaning="of arms and candidates"),
    Measure("loss_noise", "sampling noise", meaning="of the users' draws"),
)
"""Measures of the requests that oracles judged."""

DERIVED = (
    Measure(
        "difference_static",
        "difference to best static",
        meaning="reward minus that of the best static allocation, a request, paired by seed",
    ),
    Measure(
        "candidates_shared",
        "candidates shared with best static",
        digits=2,
        meaning="candidates in common, over those that either draws",
    ),
    Measure(
        "page_shared",
        "page shared with best static",
        digits=2,
        meaning="items in common, over those that either shows",
    ),
    Measure(
        "regret_static",
        "regret to best static (sum)",
        digits=1,
        meaning="sum after the warm-up, against the best static allocation",
    ),
    Measure(
        "regret_oracle",
        "regret to oracle (sum)",
        digits=1,
        meaning="sum after the warm-up, against the best quota of each request",
    ),
    Measure(
        "regret_class",
        "regret to best in class (sum)",
        digits=1,
        meaning="sum after the warm-up, against the best linear policy",
    ),
    Measure(
        "regret_ideal",
        "regret to ideal (sum)",
        digits=1,
        meaning="sum after the warm-up, against the ideal page",
    ),
    Measure(
        "oracle_gap_closed",
        "oracle gap closed",
        meaning="share of the oracle's lead over the best static; a dash where that lead may be zero",
    ),
    Measure("excess_class_early", "excess over class, first third", meaning="a request, after the warm-up"),
    Measure("excess_class_late", "… last third", meaning="a request"),
    Measure("excess_class_fall", "… fall", meaning="first third minus last"),
)
"""What the summary computes from several columns."""

APART = {
    "_seen": ", repeated queries",
    "_first": ", first-time queries",
    "_held_out": ", held-out queries (frozen)",
    "_reserved": ", reserved queries (frozen)",
}
"""What is added to the label of a measure where it is reported apart."""


def _found(metric: str, measures: Sequence[Measure]) -> tuple[Measure | None, str]:
    """Return the measure behind a metric of ``summary.csv``, and what is added to its label."""
    known = {m.name: m for m in (*STANDARD, *JUDGED, *DERIVED, *measures)}
    if metric in known:
        return known[metric], ""
    for suffix, words in APART.items():
        if metric.endswith(suffix) and metric.removesuffix(suffix) in known:
            return known[metric.removesuffix(suffix)], words
    return None, ""


def label_of(metric: str, measures: Sequence[Measure] = ()) -> str:
    """Return the label of a metric of ``summary.csv``; its own name where nothing is known of it.

    Examples
    --------
    >>> label_of("recall_budget_first"), label_of("slots_bm25"), label_of("share_first")
    ('recall at budget, first-time queries', 'slots bm25', 'share_first')
    """
    measure, words = _found(metric, measures)
    if measure is not None:
        return measure.label + words
    return f"slots {metric.removeprefix('slots_')}" if metric.startswith("slots_") else metric


def digits_of(metric: str, measures: Sequence[Measure] = ()) -> int:
    """Return the digits after the point with which a metric of ``summary.csv`` is shown."""
    measure, _ = _found(metric, measures)
    if measure is None:
        return 2 if metric.startswith(("slots_", "own_")) else 3
    return measure.digits


def meaning_of(metric: str, measures: Sequence[Measure] = ()) -> str:
    """Return in a line what a metric of ``summary.csv`` tells.

    Examples
    --------
    >>> meaning_of("reward_first")
    'expected reward a request, first-time queries'
    """
    measure, words = _found(metric, measures)
    return "" if measure is None else measure.meaning + words
