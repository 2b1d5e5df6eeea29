"""The figures and the page of a replay, one file that opens offline."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ltrr._state import write_aside
from ltrr.replay.judging.answers import AS_LOGGED
from ltrr.replay.judging.evaluation import Evaluation, Records
from ltrr.replay.judging.verdict import CANNOT, SUPPORTED, WEAK
from ltrr.replay.report import figures as replay_figures
from ltrr.replay.report.tables import estimate, number, tables
from ltrr.report.canvas import as_svg, stamp
from ltrr.report.page import drawing, render

__all__ = ["best_row", "write_page"]

_RANK = {SUPPORTED: 0, WEAK: 1, CANNOT: 2}

_NAMED = 4
"""Most policies that the question names."""

_FOREST = "Lines are intervals; the dotted line is the reward as logged. A cross has no value."
_WEIGHTS = (
    "Where the rows are, and where the weight is. Weight far to the right of the rows: few rows decide. "
    "Weight 0: rows that contribute nothing."
)
_OVER_TIME = "Steady lines: nothing changed during the log. Steps and slopes: something did."
"""What the figures show, in words."""


def write_page(evaluation: Evaluation, folder: Path) -> Path:
    """Draw the figures, write them and the page that holds them to a folder, and return the page."""
    about = evaluation.about
    with drawing():
        drawn = [("forest", replay_figures.forest(evaluation), _FOREST)]
        if evaluation.rows["weights"]:
            drawn.append(("weights", replay_figures.weights(evaluation), _WEIGHTS))
        if any(row["block"] > 0 for row in evaluation.rows["blocks"]):
            drawn.append(("over_time", replay_figures.over_time(evaluation), _OVER_TIME))
        figures = []
        for name, axes, caption in drawn:
            stamp(axes, f"log {about['log']} · {about['used']:,} rows · ltrr {about['versions']['ltrr']}")
            svg = as_svg(axes, caption)
            write_aside(folder / f"{name}.svg", svg.encode())
            figures.append({"svg": svg, "caption": caption})
    page = render("replay.html.j2", **_content(evaluation), figures=figures)
    write_aside(folder / "report.html", page.encode())
    return folder / "report.html"


def _content(evaluation: Evaluation) -> dict[str, Any]:
    about = evaluation.about
    settings = about["settings"]
    setting = (
        f"Log {about['log']} ({about['format']}): {about['rows']:,} rows, {about['used']:,} used, "
        f"{about['skipped']:,} excluded. Intervals: {', '.join(settings['intervals'])} at "
        f"{settings['level']:.0%}; seed {settings['seed']}."
    )
    columns, kept = about.get("columns", ""), about.get("kept", "")
    setting += f" The text was parsed once, into a temporary file of {kept}." if kept else ""
    return {
        "title": f"replay of {about['log']}",
        "name": f"Replay of {about['log']}",
        "question": f"What would {_join(about['policies'])} have earned in place of the policy that wrote "
        "the log?",
        "answer": [_answer(evaluation, policy) for policy in about["policies"]],
        "warnings": about["notes"],
        "setting": setting,
        "columns": f"{columns[:1].upper()}{columns[1:]}." if columns else "",
        "tables": tables(evaluation),
        "settings": json.dumps(
            {"settings": settings, "versions": about["versions"]}, indent=2, ensure_ascii=False, default=str
        ),
    }


def _join(names: list[str]) -> str:
    if len(names) > _NAMED:
        return f"each of {len(names)} policies"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def best_row(rows: Records, policy: str) -> Mapping[str, Any]:
    """Return the row to read first: of the best verdict, unbiased before biased, the narrowest interval."""

    def place(row: Mapping[str, Any]) -> tuple[int, bool, float]:
        width = row["high"] - row["low"]
        return _RANK[row["verdict"]], row["bias"] != "", width if width == width else math.inf

    return min((row for row in rows if row["policy"] == policy), key=place)


def _sentence(text: Any) -> str:
    """Return a clause as a sentence; names further on keep their capitals."""
    return str(text)[:1].upper() + str(text)[1:]


def _answer(evaluation: Evaluation, policy: str) -> dict[str, str]:
    """Say in a sentence what a policy would have earned, or why the log cannot tell."""
    rows = evaluation.rows["estimates"]
    row = best_row(rows, policy)
    kind = str(row["verdict"]).split()[0]
    if row["verdict"] == CANNOT:
        return {"kind": kind, "head": f"{policy}: {CANNOT}.", "text": _sentence(row["reason"])}
    value, interval = estimate(row["value"], row["low"], row["high"])
    text = f"{value} a request by {row['estimator']}"
    if math.isfinite(row["low"]) and math.isfinite(row["high"]):
        text += f", {row['level']:.0%} interval {interval} ({row['interval']})"
    logged = next((r["value"] for r in rows if r["policy"] == AS_LOGGED), math.nan)
    if math.isfinite(logged):
        text += f"; as logged {number(logged)}"
    for d in evaluation.rows["differences"]:
        if (d["policy"], d["estimator"], d["against"]) == (policy, row["estimator"], AS_LOGGED):
            sure = "" if d["low"] <= 0.0 <= d["high"] else ", clear of 0"
            text += f", difference {' '.join(estimate(d['difference'], d['low'], d['high']))}{sure}"
            break
    return {
        "kind": kind,
        "head": f"{policy}: {row['verdict']}.",
        "text": f"{text}. {_sentence(row['reason'])}",
    }
