"""Paired differences, guardrails and estimates by clip, as rows of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ltrr.metrics.holm_adjusted import holm_adjusted
from ltrr.metrics.intervals import Interval
from ltrr.replay.intervals import Asymptotic
from ltrr.replay.intervals.p_value import two_sided
from ltrr.replay.judging.answers import AS_LOGGED, Answers
from ltrr.replay.judging.comparison import LOGGED, Comparison, Pair
from ltrr.replay.judging.denominator import errors_from_zero
from ltrr.replay.judging.guardrails import Guardrail
from ltrr.replay.judging.rounding import rounding_of, widened
from ltrr.replay.judging.verdict import CANNOT, WEAK
from ltrr.replay.judging.verdict_rules import NO_DENOMINATOR

__all__ = ["clip_rows", "difference_rows", "guardrail_rows"]

Rows = list[dict[str, Any]]
Verdicts = Mapping[tuple[str, str, str, str], str]
"""By policy, metric, estimator and segment."""


def name_of(comparison: Comparison, judge: int) -> str:
    """Return a policy's name in the tables."""
    return AS_LOGGED if judge == LOGGED else comparison.judges[judge].target.name


def difference_rows(parts: Sequence[Answers], verdicts: Verdicts) -> Rows:
    """Return the rows of paired differences; none where one of the two cannot be answered.

    ``p`` is two-sided, by the delta method. ``p_adjusted`` is Holm's over the policies and segments that are
    compared by the same estimator and metric, those of the whole log apart from those of segments.
    """
    rows: Rows = []
    for answers in parts:
        for pair in answers.comparison.pairs:
            rows += _rows_of(answers, pair, verdicts)
    families: dict[tuple[Any, ...], list[int]] = {}
    for i, row in enumerate(rows):
        if row["p"] is not None:
            key = (row["estimator"], row["metric"], row["interval"], bool(row["segment"]))
            families.setdefault(key, []).append(i)
    for family in families.values():
        for i, p in zip(family, holm_adjusted([rows[i]["p"] for i in family]), strict=True):
            rows[i]["p_adjusted"] = float(p)
    return rows


def _rows_of(answers: Answers, pair: Pair, verdicts: Verdicts) -> Rows:
    comparison, estimator = answers.comparison, pair.entry.estimator
    policy, against = name_of(comparison, pair.first[0]), name_of(comparison, pair.second[0])
    name, metric, segment = pair.entry.name, pair.entry.metric, answers.segment
    other = comparison.entry(pair.second).name
    labels = [verdicts.get((policy, metric, name, segment)), verdicts.get((against, metric, other, segment))]
    if CANNOT in labels or estimator.moments.n < 1:
        return []
    judged = [comparison.judges[j].diagnostics for j, _ in (pair.first, pair.second) if j != LOGGED]
    rounding = rounding_of(comparison, pair)
    largest = max((one.max_weight or 0.0 for one in judged), default=0.0) or None
    common = {
        "policy": policy,
        "against": against,
        "estimator": name,
        "difference": estimator.value(),
        "level": answers.settings.level,
        "verdict": WEAK if WEAK in labels else labels[0],
        "metric": metric,
        "segment": segment,
        "p": two_sided(estimator, rounding),
    }
    return [
        {**common, "interval": by, "low": interval.low - rounding, "high": interval.high + rounding}
        for by, interval, _ in answers.intervals.of(pair.entry, largest)
        if interval is not None
    ]


def guardrail_rows(answers: Answers, verdicts: Verdicts) -> Rows:
    """Return what each guardrail shows of each policy and estimator."""
    return [
        _guarded(answers, rule, pair, verdicts)
        for rule in answers.settings.guardrails
        for pair in (answers.comparison.changes if rule.relative else answers.comparison.pairs)
        if pair.second[0] == LOGGED and pair.entry.metric == rule.metric
    ]


def _guarded(answers: Answers, rule: Guardrail, pair: Pair, verdicts: Verdicts) -> dict[str, Any]:
    """Return one row: the change from the value as logged, or its share, and whether the bound holds."""
    policy, name = name_of(answers.comparison, pair.first[0]), pair.entry.name
    logged = verdicts.get((AS_LOGGED, rule.metric, answers.comparison.entry(pair.second).name, ""))
    answered = not {CANNOT, None} & {logged, verdicts.get((policy, rule.metric, name, ""))}
    change = _change(answers, pair, relative=rule.relative) if answered else None
    return {
        "policy": policy,
        "metric": rule.metric,
        "estimator": name,
        "bound": rule.text,
        "margin": rule.margin,
        "difference": None if change is None else change.mean,
        "low": None if change is None else change.low,
        "high": None if change is None else change.high,
        "level": answers.settings.level,
        "outcome": rule.outcome(change),
    }


def _change(answers: Answers, pair: Pair, *, relative: bool) -> Interval | None:
    """Return the paired interval of the change, or of its share of the value as logged.

    A share is of the absolute value, so that its sign is that of the change. There is none where the value as
    logged may be 0.
    """
    if relative and errors_from_zero(answers.comparison.entry(pair.second).estimator) < NO_DENOMINATOR:
        return None
    found = Asymptotic().interval(pair.entry.estimator, answers.settings.level)
    rounding = rounding_of(answers.comparison, pair)
    if found is None:
        return None
    if not relative:
        return widened(found, rounding)
    found = widened(found, rounding / abs(answers.comparison.entry(pair.second).estimator.value()))
    low, middle, high = (end - 1.0 for end in (found.low, found.mean, found.high))
    if answers.comparison.entry(pair.second).estimator.value() < 0.0:
        low, middle, high = -high, -middle, -low
    return Interval(middle, low, high, found.n)


def clip_rows(answers: Answers) -> Rows:
    """Return each policy's estimates by weights clipped at several values."""
    rows: Rows = []
    for j, one in enumerate(answers.comparison.judges):
        grid = answers.comparison.clip_grid(j)
        if grid is None or not one.diagnostics.weighted or not grid.moments.mean[1:].any():
            continue
        largest = one.diagnostics.max_weight or 0.0
        for i in range(grid.width):
            at = grid.at(i)
            interval = Asymptotic().interval(at, answers.settings.level)
            if interval is not None:
                clip = at.max_weight
                rows.append(
                    {
                        "policy": one.target.name,
                        "clip": clip,
                        "value": interval.mean,
                        "low": interval.low,
                        "high": interval.high,
                    }
                )
            if at.max_weight >= largest:
                break
    return rows
