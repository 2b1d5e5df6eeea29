"""A replay's folder read again: to draw its page once more, or to set two side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.replay.judging.evaluation import DIFFERENCE_COLUMNS, ESTIMATE_COLUMNS, Evaluation
from ltrr.replay.report.page import write_replay
from ltrr.replay.report.tables import estimate
from ltrr.report.page import drawing, render

__all__ = ["compare_replays", "is_replay", "read_replay", "redraw"]

_FRAMES = {
    "estimates": ESTIMATE_COLUMNS,
    "differences": DIFFERENCE_COLUMNS,
    "diagnostics": ("policy", "diagnostic", "value", "meaning"),
    "weights": ("policy", "low", "rows", "mass"),
    "blocks": ("policy", "block", "rows", "reward", "weight"),
}
"""Files of a replay's folder and their columns."""

_TEXTS = (
    *("policy", "against", "estimator", "interval", "verdict", "reason", "estimated", "bias"),
    *("diagnostic", "meaning"),
)
"""Columns of text: names may look like numbers or like what is absent."""

_ABOUT = ("log", "format", "rows", "used", "skipped", "faults", "notes", "policies", "settings", "versions")
"""What ``replay.json`` tells."""

_WORDS = {
    "same": "Both replays used the same log and as many of its rows.",
    "heading": "Estimates of both replays",
    "nothing": "The replays have no estimate in common.",
}
"""What the page of two replays says around its table."""


def is_replay(folder: Path) -> bool:
    """Say whether a folder holds the results of a replay."""
    return (folder / "replay.json").is_file()


def read_replay(folder: Path) -> Evaluation:
    """Return what a replay left in its folder.

    Raises
    ------
    InputError
        If a file of it is missing or cannot be read.
    """
    try:
        about: dict[str, Any] = json.loads((folder / "replay.json").read_text(encoding="utf-8"))
        absent = [key for key in _ABOUT if key not in about]
        if absent:
            raise ValueError(f"replay.json has no {absent[0]!r}")
        frames = {name: _frame(folder / f"{name}.csv", columns) for name, columns in _FRAMES.items()}
        return Evaluation(table=frames.pop("estimates"), about=about, **frames)
    except (OSError, ValueError) as error:
        cause = str(error).splitlines()[0]
        raise InputError(f"{folder} holds no whole replay ({cause}); run `ltrr replay` again") from error


def _frame(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return a table with every digit; texts stay texts, whatever they look like."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    absent = [name for name in columns if name not in frame]
    if absent:
        raise ValueError(f"{path.name} has no column {absent[0]!r}")
    return frame.assign(**{name: _numbers(frame[name]) for name in columns if name not in _TEXTS})


def _numbers(texts: pd.Series[str]) -> pd.Series[Any]:
    """Return what was written, to the last digit: pandas' own parser of numbers may miss it."""
    whole = len(texts) and texts.str.fullmatch(r"-?\d+").all()
    return texts.astype(int) if whole else texts.replace("", "nan").astype(float)


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
    keys = ["policy", "estimator", "interval"]
    both = first.table.merge(second.table, on=keys, suffixes=("", "_2"))
    if not len(both):
        return None
    rows = []
    for r in both.to_dict("records"):
        cells = []
        for end in ("", "_2"):
            value, interval = estimate(r[f"value{end}"], r[f"low{end}"], r[f"high{end}"])
            cells += [
                {"mean": value, "spread": interval.strip("–")},
                {"mean": str(r[f"verdict{end}"]), "spread": ""},
            ]
        rows.append({"name": f"{r['policy']}, {r['estimator']}", "cells": cells, "best": False})
    head = ["policy and estimator", names[0], "verdict", names[1], "verdict"]
    note = "Reward a request. Each interval is that of its own replay."
    return {"note": note, "head": head, "rows": rows, "meanings": []}
