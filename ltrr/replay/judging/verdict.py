"""The verdict: whether this log can answer the question, with a reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CANNOT", "SUPPORTED", "WEAK", "Verdict", "judge", "rows_needed"]

SUPPORTED, WEAK, CANNOT = "supported", "weak", "cannot answer"

LEAST_ESS = 10.0
"""Below this effective sample size no interval means anything."""
ENOUGH_ESS = 1_000.0
"""From here on asymptotic and bootstrap intervals cover as stated (benchmarks/coverage.md)."""
ENOUGH_REWARDED = 30.0
"""Effective number of rewarded rows below which a rate's interval is far from normal."""
HEAVY_TAIL = 0.7
LARGE_SHARE = 0.05
FAR_OUTSIDE, OUTSIDE = 0.1, 0.001
SURPRISE = 1e-4
"""p-value below which drift or miscalibration is reported."""


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
) -> Verdict:
    """Return the verdict on an estimate from the diagnostics of its policy.

    The first reason that applies is given, the most serious first.

    *Cannot answer*: a deterministic log, a tenth of the target's probability outside the logged support, no
    rewarded row that counts, an effective sample size below 10, weights whose mean is far from 1.

    *Weak*: a biased estimator, effective sample size below 1,000, one weight above 5 % of all, Pareto k̂ above
    0.7, part of the target outside the support, mean weight off 1, logged distributions that do not fit the
    actions, fewer than 30 effective rewarded rows, drift, estimated probabilities.

    Parameters
    ----------
    summary : mapping
        Of `Diagnostics.summary`.
    weighting : bool
        True where the estimate rests on weights.
    deterministic : bool
        True where every propensity is 1.
    estimated : str
        Why probabilities are estimates, or "".
    biased : str
        Why the estimator is biased, or "".

    Examples
    --------
    >>> judge({"n": 5000.0, "ess": 4.2, "mean_weight": 1.0}).label
    'cannot answer'
    >>> judge({"n": 5000.0, "ess": 656.0, "mean_weight": 1.0}).reason
    'effective sample size 656 of 5,000 rows, below 1,000: intervals may miss more often than stated.'
    """
    if not summary.get("n"):
        return Verdict(CANNOT, "no usable row is left.")
    if weighting:
        grave = _grave(summary, deterministic=deterministic)
        if grave:
            return Verdict(CANNOT, grave)
    reasons = [biased] if biased else []
    reasons += [reason for reason in _doubts(summary, weighting=weighting) if reason]
    if estimated:
        reasons.append(f"{estimated}: an estimate is used in place of a known probability.")
    if reasons:
        return Verdict(WEAK, reasons[0])
    if not weighting:
        return Verdict(SUPPORTED, f"the mean of {summary['n']:,.0f} requests: nothing is reweighted.")
    return Verdict(
        SUPPORTED,
        f"effective sample size {summary.get('ess') or summary['n']:,.0f}, no heavy tail, target within the "
        "logged support.",
    )


def _get(summary: Mapping[str, float | None], key: str, default: float) -> float:
    value = summary.get(key)
    return default if value is None else value


def _grave(summary: Mapping[str, float | None], *, deterministic: bool) -> str:
    """Say why weights cannot answer at all, or nothing."""
    if deterministic:
        return (
            "the log is deterministic (every propensity is 1): nothing else was tried, so no weight can say "
            "what would have followed; log with exploration."
        )
    outside = _get(summary, "unsupported_mass", 0.0)
    if outside >= FAR_OUTSIDE:
        return (
            f"{outside:.0%} of the target's probability lies on actions that the logging policy never took "
            "there: their rewards are unknown."
        )
    if _get(summary, "rewarded", 1.0) == 0.0:
        return "no row with a weight has a reward: that none was seen does not show that there is none."
    ess = _get(summary, "ess", 0.0)
    if ess < LEAST_ESS:
        return (
            f"effective sample size {ess:.1f}, below {LEAST_ESS:.0f}: a handful of rows decides everything."
        )
    mean, error = _get(summary, "mean_weight", 1.0), _get(summary, "mean_weight_se", 0.0)
    if abs(mean - 1.0) > max(0.2, 5.0 * error):
        return (
            f"weights average {mean:.3g} where right propensities give 1: propensities are wrong, or the "
            "target leaves the logged support."
        )
    return ""


def _doubts(summary: Mapping[str, float | None], *, weighting: bool) -> list[str]:
    """Say what makes an answer weak, the most serious first; empty texts where nothing does."""
    n = _get(summary, "n", 0.0)
    out: list[str] = []
    if weighting:
        ess, share = _get(summary, "ess", n), _get(summary, "max_weight_share", 0.0)
        k = _get(summary, "pareto_k", -math.inf)
        outside = _get(summary, "unsupported_mass", 0.0)
        mean, error = _get(summary, "mean_weight", 1.0), _get(summary, "mean_weight_se", 0.0)
        inverse = _get(summary, "mean_inverse_propensity", 1.0)
        inverse_error = _get(summary, "mean_inverse_propensity_se", 0.0)
        fit = _get(summary, "calibration_p", 1.0)
        out += [
            f"effective sample size {ess:,.0f} of {n:,.0f} rows, below {ENOUGH_ESS:,.0f}: intervals may miss "
            "more often than stated."
            if ess < ENOUGH_ESS
            else "",
            f"one weight holds {share:.0%} of all weight." if share > LARGE_SHARE else "",
            f"the weights' tail is heavy (Pareto k̂ {k:.2f} > {HEAVY_TAIL})." if k > HEAVY_TAIL else "",
            f"{outside:.2%} of the target's probability lies outside the logged support, and is not counted."
            if outside > OUTSIDE
            else "",
            f"weights average {mean:.3g}, {abs(mean - 1.0) / error:.1f} standard errors off 1."
            if error > 0.0 and abs(mean - 1.0) > max(5.0 * error, 0.01)
            else "",
            f"1/propensity averages {inverse:.3g} times the number of actions: propensities are not those of "
            "the actions taken, or actions have probability 0."
            if inverse_error > 0.0 and abs(inverse - 1.0) > max(5.0 * inverse_error, 0.05)
            else "",
            f"the logged distributions do not fit the actions taken (p = {fit:.1g})."
            if fit < SURPRISE
            else "",
        ]
    rewarded = _get(summary, "ess_rewarded", math.inf)
    drift = min(_get(summary, "drift_reward_p", 1.0), _get(summary, "drift_weight_p", 1.0))
    out += [
        f"only {rewarded:.0f} effective rewarded rows, below {ENOUGH_REWARDED:.0f}: too few for a rare "
        "event's interval."
        if rewarded < ENOUGH_REWARDED
        else "",
        f"rewards or weights drift over time (p = {drift:.1g}): the past may not be the future."
        if drift < SURPRISE
        else "",
    ]
    return out


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
