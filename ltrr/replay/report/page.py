"""The figures and the page of a replay, one file that opens offline."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from ltrr._state import write_aside
from ltrr.replay.judging.answers import AS_LOGGED
from ltrr.replay.judging.evaluation import Evaluation
from ltrr.replay.judging.guardrails import BROKEN, HOLDS, NOT_SHOWN
from ltrr.replay.judging.verdict import CANNOT
from ltrr.replay.report import figures as replay_figures
from ltrr.replay.report.best import best_row, guarded, of_log
from ltrr.replay.report.numbers import change, estimate, number
from ltrr.replay.report.segment_rows import by_segment
from ltrr.replay.report.tables import tables
from ltrr.report.canvas import as_svg, stamp
from ltrr.report.page import drawing, render

__all__ = ["best_row", "write_page"]

_NAMED = 4
"""Most policies that the question names."""

_KINDS = {HOLDS: "supported", NOT_SHOWN: "weak", BROKEN: "cannot"}
"""How the outcome of a guardrail looks: as the verdict of the same weight."""

_FOREST = "Lines are intervals; the dotted line is the reward as logged. A cross has no value."
_SEGMENTS = (
    "Lines are intervals of the paired difference, each at its own level; which differences are clear of 0 "
    "after Holm's procedure is in the table. A cross has no value."
)
_CLIPS = (
    "Estimates by weights of at most the clip, with intervals; a ring is the estimate without a clip. A flat "
    "line: large weights decide nothing. A line that still moves at its right end: the largest decide; the "
    "figure of weights shows whether they are on few rows."
)
_WEIGHTS = (
    "Where the rows are, and where the weight is. Weight far to the right of the rows: few rows decide. "
    "Weight 0: rows that contribute nothing."
)
_OVER_TIME = (
    "Lines within their bands: nothing shows that the log changed. Steps and slopes out of them: something "
    "did. By chance alone one block of 20 is outside."
)
"""What the figures show, in words."""


def write_page(evaluation: Evaluation, folder: Path) -> Path:
    """Draw the figures, write them and the page that holds them to a folder, and return the page."""
    about = evaluation.about
    with drawing():
        figures = []
        for name, draw, caption in _figures(evaluation):
            axes = draw(evaluation)
            stamp(axes, f"log {about['log']} · {about['used']:,} rows · ltrr {about['versions']['ltrr']}")
            svg = as_svg(axes, caption)
            write_aside(folder / f"{name}.svg", svg.encode())
            figures.append({"svg": svg, "caption": caption})
    page = render("replay.html.j2", **_content(evaluation), figures=figures)
    write_aside(folder / "report.html", page.encode())
    return folder / "report.html"


def _figures(evaluation: Evaluation) -> Iterator[tuple[str, Callable[[Evaluation], Axes], str]]:
    """Yield name, function and caption of each figure that there is something to draw in."""
    rows = evaluation.rows
    yield "forest", replay_figures.forest, _FOREST
    if by_segment(evaluation):
        yield "segments", replay_figures.segments, _SEGMENTS
    clipped = [row["policy"] for row in rows["clips"]]
    if len(clipped) > len(set(clipped)):
        yield "clips", replay_figures.clips, _CLIPS
    if rows["weights"]:
        yield "weights", replay_figures.weights, _WEIGHTS
    if any(row["block"] > 0 for row in rows["blocks"]):
        yield "over_time", replay_figures.over_time, _OVER_TIME


def _content(evaluation: Evaluation) -> dict[str, Any]:
    about = evaluation.about
    settings = about["settings"]
    setting = (
        f"Log {about['log']} ({about['format']}): {about['rows']:,} rows, {about['used']:,} used, "
        f"{about['skipped']:,} excluded. {100.0 * settings['level']:.6g}% intervals: "
        f"{', '.join(settings['intervals'])}. Seed {settings['seed']}."
    )
    columns, kept = about.get("columns", ""), about.get("kept", "")
    if about.get("cluster"):
        setting += (
            f" Rows with the same {about['cluster']} may depend on one another: intervals are by cluster."
        )
    setting += f" The text was parsed once, into a temporary file of {kept}." if kept else ""
    return {
        "title": f"replay of {about['log']}",
        "name": f"Replay of {about['log']}",
        "question": f"What would {_join(about['policies'])} have earned in place of the policy that wrote "
        "the log?",
        "answer": [
            {**_answer(evaluation, policy), "rules": list(_guardrails(evaluation, policy))}
            for policy in about["policies"]
        ],
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


def _sentence(text: Any) -> str:
    """Return a clause as a sentence; names further on keep their capitals."""
    return str(text)[:1].upper() + str(text)[1:]


def _answer(evaluation: Evaluation, policy: str) -> dict[str, str]:
    """Say in a sentence what a policy would have earned, or why the log cannot tell."""
    rows = of_log(evaluation.rows["estimates"])
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
    for d in of_log(evaluation.rows["differences"]):
        if (d["policy"], d["estimator"], d["against"]) == (policy, row["estimator"], AS_LOGGED):
            sure = "" if d["low"] <= 0.0 <= d["high"] else ", clear of 0"
            text += f", difference {' '.join(estimate(d['difference'], d['low'], d['high']))}{sure}"
            break
    return {
        "kind": kind,
        "head": f"{policy}: {row['verdict']}.",
        "text": f"{text}. {_sentence(row['reason'])}",
    }


def _guardrails(evaluation: Evaluation, policy: str) -> Iterator[dict[str, str]]:
    """Yield a sentence on each guardrail, by the estimator of the row to read first."""
    for rule in guarded(evaluation, policy):
        relative = str(rule["bound"]).endswith("%")
        value, interval = change(rule["difference"], rule["low"], rule["high"], relative=relative)
        text = f"Change {value} {interval} by {rule['estimator']}."
        if value == "–":
            text = f"The change is not known by {rule['estimator']}."
        yield {
            "kind": _KINDS[rule["outcome"]],
            "head": f"{rule['bound']}: {rule['outcome']}.",
            "text": text,
        }
