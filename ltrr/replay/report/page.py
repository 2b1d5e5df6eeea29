"""A replay's folder: tables, figures and report.html, one file that opens offline."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.logs.faults import Faults
from ltrr.replay.judging.answers import AS_LOGGED
from ltrr.replay.judging.verdict import CANNOT
from ltrr.replay.report import figures as replay_figures
from ltrr.replay.report.tables import estimate, number, tables
from ltrr.report.canvas import as_svg, save_png, stamp
from ltrr.report.page import drawing, render

if TYPE_CHECKING:
    from ltrr.replay.judging.evaluation import Evaluation

__all__ = ["best_row", "write_faults", "write_replay"]

_NAMED = 4
"""Most policies that the question names."""


def write_replay(evaluation: Evaluation, folder: Path) -> Path:
    """Write tables, figures and page to a folder, made if absent.

    Parameters
    ----------
    evaluation : Evaluation
    folder : Path
        Gets estimates.csv, differences.csv, diagnostics.csv, weights.csv, blocks.csv, replay.json, the
        figures and report.html, each whole or absent.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        Where the folder cannot be written.
    """
    about = evaluation.about
    with drawing():
        drawn = [
            (
                "forest",
                replay_figures.forest(evaluation),
                "Lines are intervals; the dotted line is the reward as logged. A cross has no value.",
            ),
        ]
        if len(evaluation.weights):
            caption = (
                "Where the rows are, and where the weight is. Weight far to the right of the rows: few rows "
                "decide. Weight 0: rows that contribute nothing."
            )
            drawn.append(("weights", replay_figures.weights(evaluation), caption))
        if evaluation.blocks.groupby("policy").size().max() > 1:
            caption = "Steady lines: nothing changed during the log. Steps and slopes: something did."
            drawn.append(("over_time", replay_figures.over_time(evaluation), caption))
        for _, axes, _ in drawn:
            stamp(axes, f"log {about['log']} · {about['used']:,} rows · ltrr {about['versions']['ltrr']}")
        page = render("replay.html.j2", **_content(evaluation), figures=_figures(drawn))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("estimates", "differences", "diagnostics", "weights", "blocks"):
            frame = evaluation.table if name == "estimates" else getattr(evaluation, name)
            write_aside(folder / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n").encode())
        text = json.dumps(about, indent=2, ensure_ascii=False, default=str)
        write_aside(folder / "replay.json", text.encode())
        save_png(folder, drawn)
        write_aside(folder / "report.html", page.encode())
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error
    return folder / "report.html"


def write_faults(faults: Faults, folder: Path) -> None:
    """Write every kept fault with its row to faults.csv of a folder."""
    rows = sorted((fault.row, fault.kind, fault.detail) for fault in faults.kept)
    frame = pd.DataFrame(rows, columns=["row", "fault", "found"])
    write_aside(folder / "faults.csv", frame.to_csv(index=False, lineterminator="\n").encode())


def _figures(drawn: list[tuple[str, Any, str]]) -> list[dict[str, Any]]:
    return [{"svg": as_svg(axes, caption), "caption": caption} for _, axes, caption in drawn]


def _content(evaluation: Evaluation) -> dict[str, Any]:
    about = evaluation.about
    settings = about["settings"]
    setting = (
        f"Log {about['log']} ({about['format']}): {about['rows']:,} rows, {about['used']:,} used, "
        f"{about['skipped']:,} excluded. Intervals: {', '.join(settings['intervals'])} at "
        f"{settings['level']:.0%}; seed {settings['seed']}."
    )
    return {
        "title": f"replay of {about['log']}",
        "name": f"Replay of {about['log']}",
        "question": f"What would {_join(about['policies'])} have earned in place of the policy that wrote "
        "the log?",
        "answer": [_answer(evaluation, policy) for policy in about["policies"]],
        "warnings": about["notes"],
        "setting": setting,
        "tables": tables(evaluation),
        "settings": json.dumps(
            {"settings": settings, "versions": about["versions"]}, indent=2, ensure_ascii=False, default=str
        ),
    }


def _join(names: list[str]) -> str:
    if len(names) > _NAMED:
        return f"each of {len(names)} policies"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def best_row(table: pd.DataFrame, policy: str) -> pd.Series[Any]:
    """Return the row to read first: of the best verdict, unbiased before biased, the narrowest interval."""
    own = table[table.policy == policy]
    rank = own.verdict.map({"supported": 0, "weak": 1, CANNOT: 2})
    width = (own.high.astype(float) - own.low.astype(float)).fillna(np.inf)
    order = np.lexsort((width.to_numpy(), (own.bias != "").to_numpy(), rank.to_numpy()))
    return cast("pd.Series[Any]", own.iloc[order[0]])


def _sentence(text: Any) -> str:
    """Return a clause as a sentence; names further on keep their capitals."""
    return str(text)[:1].upper() + str(text)[1:]


def _answer(evaluation: Evaluation, policy: str) -> dict[str, str]:
    """Say in a sentence what a policy would have earned, or why the log cannot tell."""
    row = best_row(evaluation.table, policy)
    kind = str(row.verdict).split()[0]
    if row.verdict == CANNOT:
        return {"kind": kind, "head": f"{policy}: {CANNOT}.", "text": _sentence(row.reason)}
    value, interval = estimate(row.value, row.low, row.high)
    text = f"{value} a request by {row.estimator}"
    if math.isfinite(row.low) and math.isfinite(row.high):
        text += f", {row.level:.0%} interval {interval} ({row.interval})"
    logged = evaluation.table[evaluation.table.policy == AS_LOGGED].value
    if len(logged) and math.isfinite(logged.iloc[0]):
        text += f"; as logged {number(logged.iloc[0])}"
    own = evaluation.differences
    own = own[(own.policy == policy) & (own.estimator == row.estimator) & (own.against == AS_LOGGED)]
    if len(own):
        d = own.iloc[0]
        sure = "" if d.low <= 0.0 <= d.high else ", clear of 0"
        text += f", difference {' '.join(estimate(d.difference, d.low, d.high))}{sure}"
    return {
        "kind": kind,
        "head": f"{policy}: {row.verdict}.",
        "text": f"{text}. {_sentence(row.reason)}",
    }
