"""The verdict: whether this log can answer the question, with a reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ltrr.replay.judging.verdict_case import Case, plural
from ltrr.replay.judging.verdict_rules import DOUBTS, GRAVE

__all__ = ["CANNOT", "SUPPORTED", "WEAK", "Verdict", "judge", "rows_needed"]

SUPPORTED, WEAK, CANNOT = "supported", "weak", "cannot answer"


@dataclass(frozen=True)
class Verdict:
    """A verdict and its reason.

    Parameters
    ----------
    label : "supported", "weak" or "cannot answer"
    reason : str
        One sentence.

    Examples
    --------
    >>> verdict = judge({"n": 50_000.0, "ess": 200.0, "mean_weight": 1.0})
    >>> verdict.label, verdict.reason.partition(":")[0]
    ('weak', 'effective sample size 200 of 50,000 rows, below 1,000')
    """

    label: str
    reason: str


def judge(
    summary: Mapping[str, float | None],
    *,
    weighting: bool = True,
    deterministic: bool = False,
    estimated: str = "",
    biased: str = "",
    modelled: bool = False,
    exact: bool = False,
    placeholder: str = "",
    misfit: str = "",
) -> Verdict:
    """Return the verdict on an estimate from the diagnostics of its policy.

    The first reason that applies is given, the most serious first. The rules are those of `verdict_rules`:

    *Cannot answer*: placeholders for propensities, a deterministic log, propensities that are far from the
    actions taken, a tenth of the target's probability outside the logged support, no rewarded row that
    counts, an effective sample size or number of clusters below 10, a ratio's denominator within 3 standard
    errors of 0, weights whose mean is far from 1.

    *Weak*: a twentieth of the rows left out, or repeating others, a biased estimator, effective sample size
    or number of clusters below 1,000, one weight above 5 % of all, Pareto k̂ above 0.7, part of the target
    outside the support, mean weight off 1, propensities that do not fit the actions, DR and IPS that differ
    by more than chance, fewer than 30 effective rewarded rows, one row above 25 % of the squared weighted
    rewards, their Pareto k̂ above 0.7, a denominator within 5 standard errors of 0, drift, estimated
    probabilities.

    Parameters
    ----------
    summary : mapping
        Of `Diagnostics.summary`, with what is known of clusters, excluded rows and other estimates.
    weighting : bool
        True where the estimate rests on weights.
    deterministic : bool
        True where every propensity is 1.
    estimated : str
        Why probabilities are estimates, or "".
    biased : str
        Why the estimator is biased, or "".
    modelled : bool
        True where the estimate rests on a model of rewards alone.
    exact : bool
        True where the interval is exact for a proportion, so that few rows are no reason.
    placeholder, misfit : str
        Of `PropensityCheck.placeholder` and `PropensityCheck.worst`: why propensities are none, and where
        they differ most from the actions taken.

    Examples
    --------
    >>> judge({"n": 5000.0, "ess": 4.2, "mean_weight": 1.0}).label
    'cannot answer'
    >>> judge({"n": 5000.0, "ess": 656.0, "mean_weight": 1.0}).reason
    'effective sample size 656 of 5,000 rows, below 1,000: intervals may miss more often than stated.'
    """
    case = Case(
        summary=summary,
        weighting=weighting,
        deterministic=deterministic,
        modelled=modelled,
        exact=exact,
        placeholder=placeholder,
        misfit=misfit,
        biased=biased,
        estimated=estimated,
    )
    for label, rules in ((CANNOT, GRAVE), (WEAK, DOUBTS)):
        for rule in rules:
            reason = rule(case)
            if reason:
                return Verdict(label, reason)
    clusters = case.get("clusters", 0.0)
    grouped = f" in {plural(clusters, 'cluster')}" if clusters else ""
    if not weighting:
        return Verdict(SUPPORTED, f"the mean of {plural(case.n, 'request')}{grouped}: nothing is reweighted.")
    return Verdict(
        SUPPORTED,
        f"effective sample size {case.ess:,.0f}{grouped}, no heavy tail, target within the logged support.",
    )


def rows_needed(n: float, low: float, high: float, half_width: float) -> float | None:
    """Return how many rows of the same kind would give a half-width, the present interval's being known.

    Widths fall with the root of the number of rows: ``n ((high − low) / 2 / half_width)²``.

    Examples
    --------
    >>> rows_needed(10_000, 0.0, 0.2, 0.05)
    40000.0
    """
    half = (high - low) / 2.0
    if not (math.isfinite(half) and half_width > 0.0):
        return None
    return n * (half / half_width) ** 2
