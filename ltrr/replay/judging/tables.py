"""All tables of a replay, and the notes that go with them."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import metadata
from typing import Any

import numpy as np

from ltrr.logs.faults import FAULTS, SPOILS
from ltrr.logs.propensity_check import PropensityCheck
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay.judging.answers import Answers
from ltrr.replay.judging.comparison import Comparison
from ltrr.replay.judging.diagnostics import MEANINGS, Diagnostics
from ltrr.replay.judging.differences import clip_rows, difference_rows, guardrail_rows
from ltrr.replay.judging.evaluation import Evaluation, whole
from ltrr.replay.judging.left_out import left_out_rows, left_out_share
from ltrr.replay.judging.models import Models
from ltrr.replay.judging.policy_judge import PolicyJudge
from ltrr.replay.judging.repeats import Repeats
from ltrr.replay.judging.settings import Settings

__all__ = ["DEFAULT_INTERVALS", "Pass", "tables_of"]

DEFAULT_INTERVALS = ("asymptotic", "clopper-pearson for proportions")


@dataclass(frozen=True)
class Pass:
    """A finished pass over a log.

    Parameters
    ----------
    log : ReplayLog
    comparison : Comparison
        Of the whole log.
    segments : mapping of str to Comparison
        By the value of the column.
    learners : sequence of PolicyJudge
        Policies that learned along the log, which are in no comparison.
    models : Models
    settings : Settings
    check : PropensityCheck or None
        Whether propensities fit the actions; None where they are estimates.
    repeats : Repeats or None
        Whether rows repeat others; None where propensities are estimates.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.logs import read
    >>> from ltrr.replay.judging.plan import Plan
    >>> log = read(pa.table({"action": [*"ab"] * 50, "reward": [0, 1] * 50, "propensity": [0.5] * 100}))
    >>> comparison = Comparison(Plan.of(log, Settings()), [])
    >>> for events in log.chunks():
    ...     comparison.add(events)
    >>> comparison.finish()
    >>> found = tables_of(Pass(log, comparison, {}, [], Models(logged=True), Settings()))
    >>> [(row["policy"], row["value"]) for row in found.rows["estimates"]]
    [('as logged', 0.5)]
    """

    log: ReplayLog
    comparison: Comparison
    segments: Mapping[str, Comparison]
    learners: Sequence[PolicyJudge]
    models: Models
    settings: Settings
    check: PropensityCheck | None = None
    repeats: Repeats | None = None


def tables_of(done: Pass) -> Evaluation:
    """Return the tables of a finished pass."""
    judges = [*done.comparison.judges, *done.learners]
    shared: dict[str, float | None] = {"left_out": left_out_share(done.log)}
    for found_of_log in (done.check, done.repeats):
        shared |= {} if found_of_log is None else found_of_log.summary()
    says = (
        ("", "") if done.check is None else (done.check.placeholder, done.check.worst(done.log.space.actions))
    )
    common = (done.models, done.settings, shared, *says)
    whole_log = Answers(done.comparison, *common)
    parts = [whole_log, *(Answers(of, *common, name) for name, of in done.segments.items())]
    summaries = [whole_log.summary(one) for one in judges]
    rows: list[dict[str, Any]] = []
    for part in parts:
        rows += part.logged()
        for one in part.comparison.judges:
            rows += part.of(one)
    for one in done.learners:
        rows += whole_log.of(one)
    verdicts = {
        (row["policy"], row["metric"], row["estimator"], row["segment"]): row["verdict"] for row in rows
    }
    found = {
        "estimates": rows,
        "differences": difference_rows(parts, verdicts),
        "diagnostics": _diagnostics(judges, summaries),
        "weights": _weights(judges),
        "blocks": _blocks(judges),
        "guardrails": guardrail_rows(whole_log, verdicts),
        "clips": clip_rows(whole_log),
        "left_out": left_out_rows(done.log, done.comparison),
    }
    tables = {name: whole(name, of) for name, of in found.items()}
    return Evaluation(tables, _about(done, judges), done.log.faults)


def _diagnostics(judges: list[PolicyJudge], summaries: list[dict[str, float | None]]) -> list[dict[str, Any]]:
    return [
        {"policy": one.target.name, "diagnostic": name, "value": value, "meaning": MEANINGS[name]}
        for one, summary in zip(judges, summaries, strict=True)
        for name, value in summary.items()
        if value is not None and name in MEANINGS
    ]


def _weights(judges: list[PolicyJudge]) -> list[dict[str, Any]]:
    low = Diagnostics.edges()
    return [
        {"policy": one.target.name, "low": low[b], "rows": int(n), "mass": float(one.diagnostics.mass[b])}
        for one in judges
        for b, n in enumerate(one.diagnostics.histogram)
        if n
    ]


def _error(total: float, squares: float, n: float) -> float:
    """Return the standard error of a mean from sums."""
    return math.sqrt(max(squares / n - (total / n) ** 2, 0.0) / n)


def _blocks(judges: list[PolicyJudge]) -> list[dict[str, Any]]:
    return [
        {
            "policy": one.target.name,
            "block": i,
            "rows": int(b[0]),
            "reward": b[3] / b[0],
            "weight": b[1] / b[0] if one.diagnostics.weighted else np.nan,
            "reward_se": _error(b[3], b[4], b[0]),
            "weight_se": _error(b[1], b[2], b[0]) if one.diagnostics.weighted else np.nan,
            "start": b[5],
            "end": b[6],
        }
        for one in judges
        for i, b in enumerate(one.diagnostics.blocks())
    ]


def _about(done: Pass, judges: list[PolicyJudge]) -> dict[str, Any]:
    """Return what the tables describe."""
    log, settings = done.log, done.settings
    faults = log.faults
    first = faults.first
    plain = {
        f.name: value if isinstance(value, (int, float, str, tuple, list, type(None))) else repr(value)
        for f in fields(settings)
        if f.name not in ("estimators", "intervals", "metrics", "guardrails")
        for value in (getattr(settings, f.name),)
    }
    return {
        "log": log.name,
        "format": log.format,
        "columns": getattr(log, "columns_line", ""),
        "kept": getattr(log, "kept", ""),
        "rows": faults.rows,
        "used": faults.used,
        "skipped": faults.skipped,
        "cluster": done.comparison.cluster,
        "faults": [
            {
                "fault": kind,
                "rows": count,
                "first_row": first[kind].row if kind in first else None,
                "detail": first[kind].detail if kind in first else "",
                "meaning": FAULTS[kind],
            }
            for kind, count in faults.counts.items()
        ],
        "notes": _notes(done, judges),
        "policies": [one.target.name for one in judges],
        "settings": plain
        | {
            "estimators": list(dict.fromkeys(e.name for e in judges[0].entries)) if judges else [],
            "intervals": [getattr(m, "name", str(m)) for m in settings.intervals] or list(DEFAULT_INTERVALS),
            "metrics": [metric.text for metric in settings.measured.metrics[1:]],
            "guardrails": [rule.text for rule in settings.guardrails],
        },
        "versions": {"ltrr": metadata.version("ltrr"), "python": platform.python_version()},
    }


def _notes(done: Pass, judges: list[PolicyJudge]) -> list[str]:
    """Return the warnings of a replay."""
    out, log, models = [], done.log, done.models
    if selected := getattr(log, "selected", ""):
        out.append(f"Only a part of the log was read: {selected}.")
    left_out = sum(getattr(log, "left_out", ()))
    if left_out:
        out.append(f"{left_out:,} rare features of the log became no column; raise max_features.")
    estimated = models.estimated()
    if estimated:
        out.append(f"{estimated[0].upper()}{estimated[1:]}: no weight can be trusted further than that.")
    fitted: dict[str, Mapping[str, Any]] = {
        "rewards": models.reward,
        "mrdr": models.mrdr,
        "densities": models.balanced,
    }
    for what, by_target in fitted.items():
        for target, model in by_target.items():
            out += [f"Model of {what}{f' for {target}' if target else ''}: {note}." for note in model.notes]
    if models.propensity is not None:
        out += [f"Model of propensities: {note}." for note in models.propensity.notes]
    for one in judges:
        if one.target.estimated:
            out.append(
                f"The probabilities of {one.target.name} are ESTIMATED {one.target.estimated}: what is "
                "judged is that estimate."
            )
        note = getattr(one.target, "note", "")
        if note:
            out.append(f"{one.target.name}: {note}.")
    faults = log.faults
    if faults.skipped:
        excluding = {*SPOILS, "dangling event"}
        out.append(
            f"{faults.skipped:,} of {faults.rows:,} rows were excluded: "
            + ", ".join(f"{kind} ({count:,})" for kind, count in faults.counts.items() if kind in excluding)
            + "."
        )
    return out
