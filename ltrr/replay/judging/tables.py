"""All tables of a replay, and the notes that go with them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import fields
from importlib import metadata
from typing import Any

import numpy as np

from ltrr.logs.faults import FAULTS, SPOILS
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay.judging.answers import difference_rows, estimate_rows, logged_rows
from ltrr.replay.judging.comparison import Comparison
from ltrr.replay.judging.diagnostics import MEANINGS, Diagnostics
from ltrr.replay.judging.evaluation import Evaluation, whole
from ltrr.replay.judging.models import Models
from ltrr.replay.judging.policy_judge import PolicyJudge
from ltrr.replay.judging.settings import Settings

__all__ = ["tables_of"]


def tables_of(
    log: ReplayLog,
    judges: list[PolicyJudge],
    comparison: Comparison,
    models: Models,
    settings: Settings,
) -> Evaluation:
    """Return the tables of a finished pass."""
    summaries = [one.diagnostics.summary() for one in judges]
    rows = logged_rows(comparison, summaries[0] if summaries else {}, settings)
    for one, summary in zip(judges, summaries, strict=True):
        rows += estimate_rows(one, summary, comparison, models, settings)
    verdicts = {(row["policy"], row["estimator"]): row["verdict"] for row in rows}
    largest = [summary["max_weight"] for summary in summaries]
    differences = difference_rows(judges, comparison, verdicts, settings, largest)
    found = {
        "estimates": rows,
        "differences": differences,
        "diagnostics": _diagnostics(judges, summaries),
        "weights": _weights(judges),
        "blocks": _blocks(judges),
    }
    tables = {name: whole(name, of) for name, of in found.items()}
    return Evaluation(tables, _about(log, judges, models, settings), log.faults)


def _diagnostics(judges: list[PolicyJudge], summaries: list[dict[str, float | None]]) -> list[dict[str, Any]]:
    return [
        {"policy": one.target.name, "diagnostic": name, "value": value, "meaning": MEANINGS[name]}
        for one, summary in zip(judges, summaries, strict=True)
        for name, value in summary.items()
        if value is not None
    ]


def _weights(judges: list[PolicyJudge]) -> list[dict[str, Any]]:
    low = Diagnostics.edges()
    return [
        {"policy": one.target.name, "low": low[b], "rows": int(n), "mass": float(one.diagnostics.mass[b])}
        for one in judges
        for b, n in enumerate(one.diagnostics.histogram)
        if n
    ]


def _blocks(judges: list[PolicyJudge]) -> list[dict[str, Any]]:
    return [
        {
            "policy": one.target.name,
            "block": i,
            "rows": int(b[0]),
            "reward": b[3] / b[0],
            "weight": b[1] / b[0] if one.diagnostics.weighted else np.nan,
        }
        for one in judges
        for i, b in enumerate(one.diagnostics.blocks())
    ]


def _about(log: ReplayLog, judges: list[PolicyJudge], models: Models, settings: Settings) -> dict[str, Any]:
    """Return what the tables describe."""
    faults = log.faults
    first = faults.first
    plain = {
        f.name: value if isinstance(value, (int, float, str, tuple, list, type(None))) else repr(value)
        for f in fields(settings)
        if f.name not in ("estimators", "intervals")
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
        "notes": _notes(log, judges, models),
        "policies": [one.target.name for one in judges],
        "settings": plain
        | {
            "estimators": [e.name for e in judges[0].entries] if judges else [],
            "intervals": [getattr(m, "name", str(m)) for m in settings.intervals],
        },
        "versions": {"ltrr": metadata.version("ltrr"), "python": platform.python_version()},
    }


def _notes(log: ReplayLog, judges: list[PolicyJudge], models: Models) -> list[str]:
    """Return the warnings of a replay."""
    out = []
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
