"""Estimates with their verdicts, and paired differences, as rows of tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators import Estimator
from ltrr.replay.intervals import IntervalMethod
from ltrr.replay.intervals.bounded import Bounded
from ltrr.replay.judging.comparison import Comparison
from ltrr.replay.judging.models import Models
from ltrr.replay.judging.policy_judge import Entry, PolicyJudge
from ltrr.replay.judging.settings import Settings
from ltrr.replay.judging.verdict import CANNOT, WEAK, Verdict, judge, rows_needed

__all__ = ["AS_LOGGED", "difference_rows", "estimate_rows", "logged_rows"]

Rows = list[dict[str, Any]]

AS_LOGGED = "as logged"
"""The policy that wrote the log, in the tables."""


def logged_rows(comparison: Comparison, summary: Mapping[str, float | None], settings: Settings) -> Rows:
    """Return the rows of the reward as logged."""
    moments = comparison.logged.estimator.moments
    n = moments.n
    own: dict[str, float | None] = {
        "n": float(n),
        "ess": float(n),
        "drift_weight_p": None,
        "ess_rewarded": None,
    }
    if n:
        # the first column counts events, the second holds their rewards
        mean, squares = float(moments.mean[1]), float(moments.comoment[1, 1]) / n
        own["ess_rewarded"] = n * mean * mean / (squares + mean * mean) if mean else None
    verdict = judge({**summary, **own}, weighting=False)
    return _rows(AS_LOGGED, comparison.logged, verdict, "", n, comparison, settings, 1.0)


def estimate_rows(
    one: PolicyJudge,
    summary: Mapping[str, float | None],
    comparison: Comparison,
    models: Models,
    settings: Settings,
) -> Rows:
    """Return the rows of one policy's estimates."""
    n = comparison.logged.estimator.moments.n
    rows: Rows = []
    for entry in one.entries:
        verdict = _verdict(one, entry, summary, models)
        estimated = _estimated(one, models, entry.estimator)
        ess = {**summary, **entry.own_weights()}["ess"]
        rows += _rows(
            one.target.name,
            entry,
            verdict,
            estimated,
            float(n) if ess is None else ess,
            comparison,
            settings,
            summary["max_weight"],
        )
    return rows


def _estimated(one: PolicyJudge, models: Models, estimator: Estimator) -> str:
    """Say which probabilities are estimates."""
    parts = []
    if one.target.estimated:
        parts.append(f"target probabilities estimated {one.target.estimated}")
    propensities = models.estimated(estimator.needs)
    if propensities and estimator.weight:
        parts.append(propensities)
    return "; ".join(parts)


def _lack(one: PolicyJudge, entry: Entry, models: Models) -> str:
    """Say which input an estimator lacks, as the user would name it."""
    estimator = entry.estimator
    if one.chosen_only and estimator.whole_target:
        return (
            f"`{estimator.name}` needs the policy's probabilities of all eligible actions, and this policy "
            "states those of the chosen ones only."
        )
    if "marginal" in estimator.needs and models.embedding is None:
        return f"`{estimator.name}` needs `embedding`, the category of each action, which was not given."
    return entry.refused


def _verdict(one: PolicyJudge, entry: Entry, summary: Mapping[str, float | None], models: Models) -> Verdict:
    """Return the verdict on one estimate."""
    estimator = entry.estimator
    weighting = bool(estimator.weight)
    # weights of exactly 1 do not reweight: the target is the logging policy
    same = one.diagnostics.weighted and summary["max_weight"] == 1.0 and summary["mean_weight"] == 1.0
    deterministic = one.diagnostics.deterministic and not same
    if summary["n"] and entry.refused and not (weighting and deterministic):
        return Verdict(CANNOT, _lack(one, entry, models))
    verdict = judge(
        {**summary, **entry.own_weights()},
        weighting=weighting,
        deterministic=deterministic,
        estimated=_estimated(one, models, estimator),
        biased=estimator.bias,
    )
    if verdict.label == CANNOT:
        return verdict
    try:
        estimator.value()
    except InputError as error:
        return Verdict(CANNOT, str(error))
    return verdict


def _rows(
    policy: str,
    entry: Entry,
    verdict: Verdict,
    estimated: str,
    ess: float,
    comparison: Comparison,
    settings: Settings,
    largest_weight: float | None,
) -> Rows:
    """Return the table's rows of one estimate, one for each interval."""
    estimator = entry.estimator
    common = {
        "policy": policy,
        "estimator": entry.name,
        "parameter": estimator.parameter,
        "level": settings.level,
        "n": estimator.moments.n,
        "ess": ess,
        "verdict": verdict.label,
        "reason": verdict.reason,
        "estimated": estimated,
        "bias": estimator.bias,
    }
    if verdict.label == CANNOT:
        return [{**common, "interval": "none"}]
    value = estimator.value()
    found = [
        (name, interval)
        for name, interval in _intervals(entry, comparison, settings, largest_weight)
        if interval is not None or len(entry.methods) + (comparison.resampler is not None) == 1
    ]
    out = []
    for name, interval in found or [("none", None)]:
        row = {**common, "value": value, "interval": name if interval is not None else "none"}
        if interval is not None:
            wanted = settings.half_width or abs(value) / 10.0
            row |= {"low": interval.low, "high": interval.high}
            row["rows_needed"] = rows_needed(interval.n, interval.low, interval.high, wanted)
        out.append(row)
    return out


def _one(
    method: IntervalMethod, estimator: Estimator, level: float, largest_weight: float | None
) -> tuple[str, Interval | None]:
    """Return a method's interval; a star marks one that takes the largest weight seen as the bound."""
    if isinstance(method, Bounded):
        star = "*" if method.assumes(estimator) else ""
        return method.name + star, method.interval(estimator, level, largest_weight=largest_weight)
    return method.name, method.interval(estimator, level)


def _intervals(
    entry: Entry, comparison: Comparison, settings: Settings, largest_weight: float | None
) -> list[tuple[str, Interval | None]]:
    """Return every asked interval of an estimate, in the order asked for; None where it does not apply."""
    out: list[tuple[str, Interval | None]] = [
        _one(method, entry.estimator, settings.level, largest_weight) for method in entry.methods
    ]
    if comparison.resampler is not None and comparison.resampler.knows(entry.estimator):
        out.append(
            (
                comparison.resampler.bootstrap.name,
                comparison.resampler.interval(entry.estimator, settings.level),
            )
        )
    return out


def difference_rows(
    judges: list[PolicyJudge],
    comparison: Comparison,
    verdicts: Mapping[tuple[Any, Any], Any],
    settings: Settings,
    largest: list[float | None],
) -> list[dict[str, Any]]:
    """Return the rows of paired differences; none where one of the two cannot be answered."""
    out = []
    for pair in comparison.pairs:
        j, name = pair.first
        policy = judges[j].target.name
        against = AS_LOGGED if pair.second is None else judges[pair.second[0]].target.name
        words = {verdicts.get((policy, name)), verdicts.get((against, name), "")}
        if CANNOT in words or not pair.entry.estimator.moments.n:
            continue
        for by, interval in _intervals(pair.entry, comparison, settings, largest[j]):
            if interval is None:
                continue
            out.append(
                {
                    "policy": policy,
                    "against": against,
                    "estimator": name,
                    "difference": pair.entry.estimator.value(),
                    "low": interval.low,
                    "high": interval.high,
                    "interval": by,
                    "level": settings.level,
                    "verdict": WEAK if WEAK in words else verdicts.get((policy, name)),
                }
            )
    return out
