"""The rules of the verdict, each a reason in one sentence or an empty text; the most serious first."""

from __future__ import annotations

import math

from ltrr.logs.propensity_tests import ESTIMATE, SURPRISE, doubtful, far_off
from ltrr.replay.judging.verdict_case import Case, plural

__all__ = ["DOUBTS", "GRAVE"]

LEAST_ESS = 10.0
"""Below this effective sample size, or number of clusters, no interval means anything."""
ENOUGH_ESS = 1_000.0
"""From here on asymptotic and bootstrap intervals cover as stated (benchmarks/coverage.md)."""
ENOUGH_REWARDED = 30.0
"""Effective number of rewarded rows below which a rate's interval is far from normal."""
HEAVY_TAIL = 0.7
LARGE_SHARE = 0.05
LARGEST_REWARD = 0.25
"""Share of the sum of squared weighted rewards from which on one row decides the width of the interval."""
FAR_OUTSIDE, OUTSIDE = 0.1, 0.001
LEFT_OUT = 0.05
"""Share of excluded rows from which on they may have been others than those kept."""
REPEATED = 0.05
"""Share of rows that repeat others from which on intervals are visibly too short."""
GAP = 1e-3
"""p-value below which DR and IPS differ by more than chance."""
NO_DENOMINATOR, SMALL_DENOMINATOR = 3.0, 5.0
"""Standard errors between a ratio's denominator and 0, below which it has no value, or is far from normal."""
MANY_ERRORS = 1_000.0
"""From here on the standard error is rounding noise, and only the mean is said."""


def _empty(case: Case) -> str:
    return "" if case.n else "no usable row is left."


def _placeholder(case: Case) -> str:
    if not (case.weighting and case.placeholder):
        return ""
    if far_off(case.summary):
        where = _where(case)
        return (
            f"propensities do not fit the actions taken ({where}); they are placeholders "
            f"({case.placeholder}): {ESTIMATE}."
        )
    return f"propensities are placeholders ({case.placeholder}): {ESTIMATE}."


def _deterministic(case: Case) -> str:
    if not (case.weighting and case.deterministic):
        return ""
    return (
        "the log is deterministic (every propensity is 1): nothing else was tried, so no weight can say "
        "what would have followed; log with exploration."
    )


def _far_off(case: Case) -> str:
    if not (case.weighting and far_off(case.summary)):
        return ""
    return f"propensities do not fit the actions taken ({_where(case)}): {ESTIMATE}."


def _where(case: Case) -> str:
    """Say where propensities and actions differ most."""
    if case.misfit:
        return case.misfit
    mean, bits = case.get("propensity_mean", 1.0), case.get("propensity_bits", 0.0)
    if mean > 1.0:
        return f"mean of 1/p of an action {mean:.2f}"
    return f"shares in earlier rows average {2.0**bits:.3g} times the propensities"


def _far_outside(case: Case) -> str:
    outside = case.get("unsupported_mass", 0.0)
    if not (case.weighting or case.modelled) or outside < FAR_OUTSIDE:
        return ""
    return (
        f"{outside:.0%} of the target's probability lies on actions that the logging policy never took "
        "there: their rewards are unknown."
    )


def _unrewarded(case: Case) -> str:
    if case.modelled or case.exact or case.get("rewarded", 1.0) > 0.0:
        return ""
    which = "row with a weight" if case.weighting else "row"
    return f"no {which} has a reward: that none was seen does not show that there is none."


def _handful(case: Case) -> str:
    if case.exact or case.ess >= LEAST_ESS:
        return ""
    if case.modelled:
        return (
            f"effective sample size {case.ess:.1f}, below {LEAST_ESS:.0f}: the model has hardly seen "
            "what the target chooses."
        )
    if case.ess == case.n:
        return f"{plural(case.n, 'row')}, below {LEAST_ESS:.0f}: a handful of rows decides everything."
    return (
        f"effective sample size {case.ess:.1f}, below {LEAST_ESS:.0f}: a handful of rows decides everything."
    )


def _no_denominator(case: Case) -> str:
    return _denominator(case, NO_DENOMINATOR, "the ratio may have any value")


def _one_reward(case: Case) -> str:
    share = case.get("reward_top_share", 0.0)
    if case.exact or case.modelled or share <= LARGEST_REWARD:
        return ""
    what = "weighted rewards" if case.weighting else "rewards"
    return f"one row holds {share:.0%} of the sum of squared {what}: the interval rests on it."


def _heavy_rewards(case: Case) -> str:
    k = case.get("reward_k", -math.inf)
    if case.exact or case.modelled or k <= HEAVY_TAIL:
        return ""
    what = "weighted rewards" if case.weighting else "rewards"
    return f"the tail of the {what} is heavy (Pareto k̂ {k:.2f} > {HEAVY_TAIL}): the largest are yet to come."


def _small_denominator(case: Case) -> str:
    return _denominator(case, SMALL_DENOMINATOR, "intervals may miss more often than stated")


def _denominator(case: Case, least: float, so: str) -> str:
    """Return what follows from a denominator that is fewer standard errors than that from 0."""
    errors = case.get("denominator_errors", math.inf)
    if errors >= least:
        return ""
    where = "is 0" if not errors else f"is {errors:.1f} standard errors from 0, below {least:.0f}"
    return f"the mean to divide by {where}: {so}."


def _few_clusters(case: Case) -> str:
    if case.clusters >= LEAST_ESS:
        return ""
    return f"{_clusters(case)}, below {LEAST_ESS:.0f} effective: their dependence cannot be judged."


def _clusters(case: Case) -> str:
    """Count the clusters."""
    found = case.get("clusters", case.clusters)
    effective = f" count as {case.clusters:,.0f}" if round(case.clusters) < round(found) else ""
    return f"{plural(found, 'cluster')} in {plural(case.n, 'row')}{effective}"


def _far_mean(case: Case) -> str:
    mean, error = case.get("mean_weight", 1.0), case.get("mean_weight_se", 0.0)
    if not case.weighting or abs(mean - 1.0) <= max(0.2, 5.0 * error):
        return ""
    return (
        f"weights average {mean:.3g} where right propensities give 1: propensities are wrong, or the "
        "target leaves the logged support."
    )


def _left_out(case: Case) -> str:
    share = case.get("left_out", 0.0)
    if share < LEFT_OUT:
        return ""
    return (
        f"{share:.0%} of the rows were left out: they may differ from those kept; see the table of kept and "
        "left-out rows."
    )


def _repeats(case: Case) -> str:
    share, p = case.get("repeat_share", 0.0), case.get("repeat_p", 1.0)
    if share < REPEATED or p >= SURPRISE or not math.isinf(case.clusters):
        return ""
    return (
        f"{share:.0%} of the rows repeat the last action of their context beyond what propensities allow: "
        "copies, or choices kept for a user; map the events' ids, or the users, by --column."
    )


def _biased(case: Case) -> str:
    return case.biased


def _small(case: Case) -> str:
    if case.exact or case.modelled:
        return ""
    miss = f"below {ENOUGH_ESS:,.0f}: intervals may miss more often than stated."
    if case.clusters < ENOUGH_ESS:
        return f"{_clusters(case)}, {miss.replace(':', ' effective:', 1)}"
    if case.ess >= ENOUGH_ESS or not math.isinf(case.clusters):
        return ""
    if round(case.ess, 6) >= case.n:
        return f"{plural(case.n, 'row')}, {miss}"
    return f"effective sample size {case.ess:,.0f} of {case.n:,.0f} rows, {miss}"


def _one_weight(case: Case) -> str:
    share = case.get("max_weight_share", 0.0)
    if not case.weighting or share <= LARGE_SHARE:
        return ""
    return f"one weight holds {share:.0%} of all weight."


def _heavy_tail(case: Case) -> str:
    k = case.get("pareto_k", -math.inf)
    return (
        f"the weights' tail is heavy (Pareto k̂ {k:.2f} > {HEAVY_TAIL})."
        if case.weighting and k > HEAVY_TAIL
        else ""
    )


def _outside(case: Case) -> str:
    outside = case.get("unsupported_mass", 0.0)
    if not case.weighting or outside <= OUTSIDE:
        return ""
    return f"{outside:.2%} of the target's probability lies outside the logged support, and is not counted."


def _mean_off(case: Case) -> str:
    mean, error = case.get("mean_weight", 1.0), case.get("mean_weight_se", 0.0)
    if not case.weighting or abs(mean - 1.0) <= max(5.0 * error, 0.01):
        return ""
    if abs(mean - 1.0) >= MANY_ERRORS * error:
        return f"weights average {mean:.3g} where right propensities give 1."
    return f"weights average {mean:.3g}, {abs(mean - 1.0) / error:.1f} standard errors off 1."


def _misfit(case: Case) -> str:
    if not (case.weighting and doubtful(case.summary)):
        return ""
    if case.misfit or case.get("propensity_p", 1.0) < SURPRISE:
        return f"propensities do not fit the actions taken ({_where(case)})."
    return (
        f"the logged distributions do not fit the actions taken (p = {case.get('calibration_p', 1.0):.1g})."
    )


def _inverse_off(case: Case) -> str:
    mean, error = case.get("mean_inverse_propensity", 1.0), case.get("mean_inverse_propensity_se", 0.0)
    if not case.weighting or abs(mean - 1.0) <= max(5.0 * error, 0.05):
        return ""
    return (
        f"1/propensity averages {mean:.3g} times the number of actions: propensities are not those of the "
        "actions taken, or actions have probability 0."
    )


def _gap(case: Case) -> str:
    p = case.get("gap_p", 1.0)
    if not case.weighting or p >= GAP:
        return ""
    return (
        f"DR and IPS differ by more than chance (p = {p:.1g}): propensities, or the rows kept, are not right."
    )


def _few_rewarded(case: Case) -> str:
    rewarded = case.get("ess_rewarded", math.inf)
    if case.exact or rewarded >= ENOUGH_REWARDED:
        return ""
    return (
        f"only {rewarded:.0f} effective rewarded rows, below {ENOUGH_REWARDED:.0f}: too few for a rare "
        "event's interval."
    )


def _drift(case: Case) -> str:
    p = min(case.get("drift_reward_p", 1.0), case.get("drift_weight_p", 1.0))
    return (
        f"rewards or weights drift over time (p = {p:.1g}): the past may not be the future."
        if p < SURPRISE
        else ""
    )


def _estimated(case: Case) -> str:
    return f"{case.estimated}: an estimate is used in place of a known probability." if case.estimated else ""


GRAVE = (
    _empty,
    _placeholder,
    _deterministic,
    _far_outside,
    _far_off,
    _unrewarded,
    _handful,
    _no_denominator,
    _few_clusters,
    _far_mean,
)
"""Reasons why a question cannot be answered."""

DOUBTS = (
    _left_out,
    _repeats,
    _biased,
    _small,
    _one_weight,
    _heavy_tail,
    _outside,
    _mean_off,
    _misfit,
    _inverse_off,
    _gap,
    _few_rewarded,
    _one_reward,
    _heavy_rewards,
    _small_denominator,
    _drift,
    _estimated,
)
"""Reasons why an answer is weak."""
