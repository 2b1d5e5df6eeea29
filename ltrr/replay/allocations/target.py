"""Allocation policies judged from logs of ltrr, as rows of a replay's tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ltrr.errors import InputError
from ltrr.logs.formats.run_log import RunLog
from ltrr.logs.replay_log import ReplayLog
from ltrr.metrics.intervals import Interval
from ltrr.replay.allocations.two_stage import TwoStageEstimate, two_stage
from ltrr.replay.estimators import Estimator
from ltrr.replay.intervals import Asymptotic
from ltrr.replay.judging.diagnostics import MEANINGS
from ltrr.replay.judging.evaluation import Evaluation, whole
from ltrr.replay.judging.settings import Settings
from ltrr.replay.judging.verdict import CANNOT, Verdict, judge, rows_needed

__all__ = ["allocation_of", "with_allocations"]

PREFIX = "quota:"

LEVELS = ("sequence-ips", "quota-ips", "quota-snips", "quota-dr", "page-ips", "page-snips", "page-dr")
"""Estimators for an allocation policy, those with the fewest assumptions first."""


def allocation_of(item: str, log: ReplayLog) -> str:
    """Return the quota that ``quota:2 bm25 + 1 memory`` means.

    Raises
    ------
    InputError
        If ltrr did not write the log.
    """
    if not isinstance(log, RunLog):
        raise InputError(
            f"policy {item!r} divides slots among arms: only logs written by ltrr hold what that needs, got "
            f"the format {log.format!r}"
        )
    return item.removeprefix(PREFIX)


def with_allocations(
    evaluation: Evaluation, log: ReplayLog, quotas: Sequence[str], settings: Settings
) -> Evaluation:
    """Return the evaluation with rows for each quota: by sequence, by quota and by page.

    Parameters
    ----------
    evaluation : Evaluation
    log : RunLog
    quotas : sequence of str
        As "2 bm25 + 1 memory".
    settings : Settings
    """
    if not quotas or not isinstance(log, RunLog):
        return evaluation
    rows: list[dict[str, Any]] = []
    diagnostics: list[dict[str, Any]] = []
    notes: list[str] = []
    for quota in quotas:
        policy = f"{PREFIX}{quota}"
        answers = two_stage(
            log.parts.folder,
            target=quota,
            policy=log.parts.policy,
            seed=log.parts.seed,
            estimators=LEVELS,
            warm_up=log.warm_up,
            on_error=log.faults.on_error,
        )
        for answer in answers:
            rows.append(_row(policy, answer, settings))
            diagnostics += [
                {"policy": policy, "diagnostic": f"{key} ({answer.name})", "value": value, "meaning": meaning}
                for key, value, meaning in (
                    ("ess", answer.ess, MEANINGS["ess"]),
                    ("mean_weight", answer.mean_weight, MEANINGS["mean_weight"]),
                    ("unsupported_mass", answer.outside, MEANINGS["unsupported_mass"]),
                    ("own_weights", answer.own, "share of requests whose weights are of this level"),
                )
            ]
            if answer.note:
                notes.append(f"{policy} {answer.name}: {answer.note}.")
    return replace(
        evaluation,
        rows={
            **evaluation.rows,
            "estimates": [*evaluation.rows["estimates"], *whole("estimates", rows)],
            "diagnostics": [*evaluation.rows["diagnostics"], *whole("diagnostics", diagnostics)],
        },
        about={
            **evaluation.about,
            "policies": [*evaluation.about["policies"], *(f"{PREFIX}{quota}" for quota in quotas)],
            "notes": [*evaluation.about["notes"], *notes],
        },
    )


def _verdict(answer: TwoStageEstimate) -> Verdict:
    if answer.reason:
        return Verdict(CANNOT, answer.reason)
    spread = max(answer.n / answer.ess - 1.0, 0.0) if answer.ess else 0.0
    return judge(
        {
            "n": float(answer.n),
            "ess": answer.ess,
            "mean_weight": answer.mean_weight,
            "mean_weight_se": answer.mean_weight * math.sqrt(spread / max(answer.n, 1)),
            "unsupported_mass": answer.outside,
        }
    )


def _row(policy: str, answer: TwoStageEstimate, settings: Settings) -> dict[str, Any]:
    """Return the table's row of one answer."""
    verdict = _verdict(answer)
    row: dict[str, Any] = {
        "policy": policy,
        "estimator": answer.name,
        "interval": "none",
        "level": settings.level,
        "n": answer.n,
        "ess": answer.ess,
        "verdict": verdict.label,
        "reason": verdict.reason,
        "estimated": "",
        "bias": "",
    }
    if verdict.label == CANNOT or answer.value is None:
        return row
    interval = _interval(answer.estimator, settings.level)
    wanted = settings.half_width or abs(answer.value) / 10.0
    return row | {
        "value": answer.value,
        "low": interval.low,
        "high": interval.high,
        "interval": Asymptotic().name,
        "rows_needed": rows_needed(answer.n, interval.low, interval.high, wanted),
    }


def _interval(estimator: Estimator, level: float) -> Interval:
    found = Asymptotic().interval(estimator, level)
    return found or Interval(estimator.value(), -math.inf, math.inf, estimator.moments.n)
