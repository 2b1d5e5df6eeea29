"""Allocation policies judged from logs of ltrr, as rows of a replay's tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.formats.run_log import RunLog
from ltrr.logs.replay_log import ReplayLog
from ltrr.metrics.intervals import Interval
from ltrr.replay.allocations.two_stage import AllocationJudge, TwoStageEstimate, fitted_model
from ltrr.replay.allocations.weights import TwoStage
from ltrr.replay.estimators import Estimator
from ltrr.replay.intervals import Asymptotic
from ltrr.replay.judging.diagnostics import MEANINGS
from ltrr.replay.judging.evaluation import Evaluation, whole
from ltrr.replay.judging.settings import Settings
from ltrr.replay.judging.verdict import CANNOT, Verdict, judge, rows_needed

__all__ = ["allocation_judges", "allocation_of", "chunks_of", "with_allocations"]

PREFIX = "quota:"

_FOREIGN = (
    "policy {!r} divides slots among arms: only logs written by ltrr hold what that needs, got "
    "the format {!r}"
)

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
        raise InputError(_FOREIGN.format(item, log.format))
    return item.removeprefix(PREFIX)


def allocation_judges(log: ReplayLog, quotas: Sequence[str]) -> dict[str, AllocationJudge]:
    """Return the judge of each quota, as "2 bm25 + 1 memory"; a pass over the log fits the one model of all.

    Raises
    ------
    InputError
        If ltrr did not write the log, or a quota is not one of its.
    """
    if not isinstance(log, RunLog):
        raise InputError(_FOREIGN.format(quotas[0], log.format))
    stages = {quota: TwoStage(log, quota) for quota in quotas}
    model = fitted_model(next(iter(stages.values())), LEVELS)
    return {quota: AllocationJudge(stage, LEVELS, model) for quota, stage in stages.items()}


def chunks_of(log: ReplayLog, judges: Mapping[str, AllocationJudge]) -> Iterator[Events]:
    """Yield a log's chunks; the judges of allocations see them too, with what events alone do not hold."""
    if not judges or not isinstance(log, RunLog):
        yield from log.chunks()
        return
    for part in log.read():
        for one in judges.values():
            one.add(part)
        yield part.events


def with_allocations(
    evaluation: Evaluation, judges: Mapping[str, AllocationJudge], settings: Settings
) -> Evaluation:
    """Return the evaluation with rows for each quota: by sequence, by quota and by page.

    Parameters
    ----------
    evaluation : Evaluation
    judges : mapping of str to AllocationJudge
        By quota, after the pass.
    settings : Settings
    """
    rows: list[dict[str, Any]] = []
    diagnostics: list[dict[str, Any]] = []
    notes: list[str] = []
    for quota, of_quota in judges.items():
        policy = f"{PREFIX}{quota}"
        for answer in of_quota.answers():
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
            "policies": [*evaluation.about["policies"], *(f"{PREFIX}{quota}" for quota in judges)],
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
