"""Allocation policies as rows of a replay's tables."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ltrr.replay.allocations.comparison import AllocationComparison
from ltrr.replay.allocations.estimate import TwoStageEstimate
from ltrr.replay.allocations.verdict import allocation_verdict
from ltrr.replay.intervals.p_value import two_sided
from ltrr.replay.judging.answers import AS_LOGGED
from ltrr.replay.judging.diagnostics import MEANINGS
from ltrr.replay.judging.evaluation import Evaluation, whole
from ltrr.replay.judging.verdict import CANNOT, WEAK, Verdict, rows_needed

__all__ = ["PREFIX", "with_allocations"]

PREFIX = "quota:"
"""What names of allocation policies begin with."""

Rows = list[dict[str, Any]]
Answers = dict[tuple[str, str], tuple[TwoStageEstimate, Verdict]]


def with_allocations(evaluation: Evaluation, comparison: AllocationComparison) -> Evaluation:
    """Return the evaluation with rows for each quota: by sequence, by quota and by page.

    Parameters
    ----------
    evaluation : Evaluation
    comparison : AllocationComparison
        After the pass.
    """
    answers = {
        (quota, answer.name): (answer, allocation_verdict(answer))
        for quota, judge in comparison.judges.items()
        for answer in judge.answers()
    }
    found = {
        "estimates": [row for key in answers for row in _estimates(key[0], *answers[key], comparison)],
        "differences": _differences(answers, comparison),
        "diagnostics": [
            row for (quota, _), (answer, _) in answers.items() for row in _diagnostics(quota, answer)
        ],
    }
    about = evaluation.about
    return replace(
        evaluation,
        rows={
            **evaluation.rows,
            **{name: [*evaluation.rows[name], *whole(name, rows)] for name, rows in found.items()},
        },
        about={
            **about,
            "policies": [*about["policies"], *(f"{PREFIX}{quota}" for quota in comparison.judges)],
        },
    )


def _estimates(
    quota: str, answer: TwoStageEstimate, verdict: Verdict, comparison: AllocationComparison
) -> Rows:
    """Return the rows of one answer, one for each interval."""
    settings = comparison.settings
    row: dict[str, Any] = {
        "policy": f"{PREFIX}{quota}",
        "estimator": answer.name,
        "interval": "none",
        "level": settings.level,
        "n": answer.n,
        "ess": answer.effective,
        "verdict": verdict.label,
        "reason": verdict.reason,
        "bias": answer.doubt,
        "metric": "reward",
        "note": answer.note,
    }
    if verdict.label == CANNOT or answer.value is None:
        return [row]
    wanted = settings.half_width or abs(answer.value) / 10.0
    rows = []
    for name, interval in comparison.intervals(answer.estimator):
        low, high = (-math.inf, math.inf) if interval is None else (interval.low, interval.high)
        needed = rows_needed(answer.n, low, high, wanted)
        found = {"value": answer.value, "low": low, "high": high, "interval": name, "rows_needed": needed}
        rows.append({**row, **found})
    return rows


def _differences(answers: Answers, comparison: AllocationComparison) -> Rows:
    """Return the rows of paired differences; none where one of the two cannot be answered."""
    rows = []
    for pair in comparison.pairs:
        sides = [answers[pair.quota, pair.estimator]]
        if pair.against is not None:
            sides.append(answers[pair.against, pair.estimator])
        words = [verdict.label for _, verdict in sides]
        if CANNOT in words:
            continue
        value = pair.difference.value()
        notes = list(dict.fromkeys(filter(None, (answer.note for answer, _ in sides))))
        for name, interval in comparison.intervals(pair.difference):
            if interval is None:
                continue
            rows.append(
                {
                    "policy": f"{PREFIX}{pair.quota}",
                    "against": AS_LOGGED if pair.against is None else f"{PREFIX}{pair.against}",
                    "estimator": pair.estimator,
                    "difference": value,
                    "low": interval.low,
                    "high": interval.high,
                    "interval": name,
                    "level": comparison.settings.level,
                    "verdict": WEAK if WEAK in words else words[0],
                    "metric": "reward",
                    "p": two_sided(pair.difference),
                    "note": "; ".join(notes),
                }
            )
    return rows


def _diagnostics(quota: str, answer: TwoStageEstimate) -> Rows:
    return [
        {
            "policy": f"{PREFIX}{quota}",
            "diagnostic": f"{key} ({answer.name})",
            "value": value,
            "meaning": meaning,
        }
        for key, value, meaning in (
            ("ess", answer.ess, MEANINGS["ess"]),
            (
                "expected_ess",
                answer.expected_ess,
                "effective sample size expected from the logging policy's probabilities, n² / Σ E[w²]",
            ),
            ("mean_weight", answer.mean_weight, MEANINGS["mean_weight"]),
            ("unsupported_mass", answer.outside, MEANINGS["unsupported_mass"]),
            ("own_weights", answer.own, "share of requests whose weights are of this level"),
        )
    ]
