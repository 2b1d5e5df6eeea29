"""A replay's folder read again: to draw its page once more, or to set two side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.replay.evaluation import Evaluation
from ltrr.replay.report.page import write_replay
from ltrr.replay.report.tables import estimate
from ltrr.report.page import drawing, render

__all__ = ["compare_replays", "is_replay", "read_replay", "redraw"]

_FRAMES = ("differences", "diagnostics", "weights", "blocks")


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
        table = _frame(folder / "estimates.csv")
        frames = {name: _frame(folder / f"{name}.csv") for name in _FRAMES}
        return Evaluation(table=table, about=about, **frames)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} holds no whole replay ({error}); run `ltrr replay` again") from error


def _frame(path: Path) -> pd.DataFrame:
    """Return a table; texts that are empty stay texts."""
    frame = pd.read_csv(path)
    texts = ("bias", "reason", "estimated", "parameter", "interval", "verdict")
    for name in texts:
        if name in frame and (frame[name].dtype == object or frame[name].isna().all()):
            frame[name] = frame[name].fillna("")
    return frame


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
            cells += [{"mean": value, "spread": interval}, {"mean": str(r[f"verdict{end}"]), "spread": ""}]
        rows.append({"name": f"{r['policy']}, {r['estimator']}", "cells": cells, "best": False})
    head = ["policy and estimator", names[0], "verdict", names[1], "verdict"]
    note = "Estimates that both replays have. Each interval is that of its own replay."
    return {"note": note, "head": head, "rows": rows, "meanings": []}
