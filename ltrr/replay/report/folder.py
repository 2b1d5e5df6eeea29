"""A replay's page drawn once more, and two replays set side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.replay.judging.evaluation import Evaluation
from ltrr.replay.judging.metrics import REWARD
from ltrr.replay.report.files import is_replay, read_replay, write_replay
from ltrr.replay.report.numbers import estimate
from ltrr.report.page import drawing, render

__all__ = ["compare_replays", "is_replay", "read_replay", "redraw"]

_WORDS = {
    "same": "Both replays used the same log and as many of its rows.",
    "heading": "Estimates of both replays",
    "nothing": "The replays have no estimate in common.",
}
"""What the page of two replays says around its table."""


def redraw(folder: Path) -> Path:
    """Draw figures and page of a replay's folder again and return the page."""
    return write_replay(read_replay(folder), folder)


def compare_replays(first: Path, second: Path) -> Path:
    """Write ``comparison.html`` with the estimates of two replays side by side into the first folder."""
    one, two = read_replay(first), read_replay(second)
    names = [str(folder) for folder in (first, second)]
    warnings = []
    for key, words in (("log", "The logs differ"), ("used", "The numbers of rows used differ")):
        if one.about[key] != two.about[key]:
            values = f"{one.about[key]} and {two.about[key]}"
            warnings.append(f"{words}: {values}. Differences between the replays are not paired.")
    with drawing():
        page = render(
            "comparison.html.j2",
            title=" and ".join(names),
            names=names,
            warnings=warnings,
            table=_side_by_side(one, two, names),
            words=_WORDS,
            runs=[],
        )
    place = first / "comparison.html"
    try:
        write_aside(place, page.encode())
    except OSError as error:
        raise InputError(f"{place} cannot be written: {error.strerror or error}") from error
    return place


def _side_by_side(first: Evaluation, second: Evaluation, names: list[str]) -> dict[str, Any] | None:
    seconds = {_name(row): row for row in second.rows["estimates"]}
    rows = []
    for row in first.rows["estimates"]:
        if _name(row) not in seconds:
            continue
        cells = []
        for r in (row, seconds[_name(row)]):
            value, interval = estimate(r["value"], r["low"], r["high"])
            cells += [{"mean": value, "spread": interval.strip("–")}, {"mean": r["verdict"], "spread": ""}]
        parts = (
            row["policy"],
            row["estimator"],
            row["metric"] if row["metric"] != REWARD else "",
            row["segment"],
        )
        rows.append({"name": ", ".join(filter(None, parts)), "cells": cells, "best": False})
    if not rows:
        return None
    head = ["policy and estimator", names[0], "verdict", names[1], "verdict"]
    note = "Reward a request. Each interval is that of its own replay."
    return {"note": note, "head": head, "rows": rows, "meanings": []}


def _name(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what an estimate is called in both replays."""
    return row["policy"], row["metric"], row["estimator"], row["segment"], row["interval"]
