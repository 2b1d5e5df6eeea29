"""report.html: one file that opens offline, with question, answer, tables and figures."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.metrics.measures import APART, Measure, digits_of, label_of
from ltrr.report.canvas import as_svg, save_png, stamp
from ltrr.report.page import drawing, render
from ltrr.study import figures
from ltrr.study.notes import read_measures, read_notes

__all__ = ["write_report"]

MAIN = (
    *("reward", "reward_seen", "reward_first", "reward_held_out"),
    *("regret_static", "oracle_gap_closed"),
)
QUALITY = (
    *("ndcg", "mrr", "recall_page", "recall_budget", "recall_budget_first", "recall_budget_held_out"),
    *("satisfied_clicks", "unjudged"),
)
LOSS = (
    *("ideal", "loss_retrieval", "loss_ranking", "loss_cost", "loss_noise", "oracle_reward", "oracle_recall"),
    *("regret_oracle", "regret_class", "excess_class_early", "excess_class_late", "excess_class_fall"),
)
COST = ("calls", "candidates", "spilled")


@dataclass(frozen=True)
class _Run:
    """The tables of a run's folder."""

    folder: Path
    study: dict[str, Any]
    summary: pd.DataFrame
    curves: pd.DataFrame
    comparators: pd.DataFrame
    own: tuple[Measure, ...]
    notes: tuple[str, ...]

    @staticmethod
    def read(folder: Path) -> _Run:
        if not (folder / "summary.csv").is_file():
            raise InputError(
                f"{folder} holds no finished run: summary.csv is missing; "
                f"run `ltrr simulate --out {folder}` first"
            )
        study = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
        summary, curves, comparators = (
            pd.read_csv(folder / f"{name}.csv") for name in ("summary", "curves", "comparators")
        )
        own, notes = read_measures(folder), read_notes(folder)
        return _Run(folder, study, summary, curves, comparators, own, notes)

    @property
    def stamp(self) -> str:
        """Study, seed and version for every figure."""
        environment = json.loads((self.folder / "environment.json").read_text(encoding="utf-8"))
        seeds = f"{self.study['seeds']} seeds from {self.study['seed']}"
        return f"study {self.study['name']} · {seeds} · ltrr {environment['ltrr']}"


def write_report(folder: str | Path, other: str | Path | None = None) -> Path:
    """Draw a run's figures and its ``report.html``; with ``other`` set two runs side by side.

    Parameters
    ----------
    folder : path
        Folder of a finished run; figures and page are written into it.
    other : path, optional
        A second run, shown below the first; the page is then ``comparison.html``.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        Where a folder holds no finished run or cannot be written.
    """
    first = _Run.read(Path(folder))
    runs = [first] if other is None else [first, _Run.read(Path(other))]
    title = " and ".join(run.study["name"] for run in runs)
    with drawing():
        page = render("report.html.j2", title=title, runs=[_section(run, save=other is None) for run in runs])
    place = first.folder / ("report.html" if other is None else "comparison.html")
    try:
        write_aside(place, page.encode())
    except OSError as error:
        raise InputError(f"{place} cannot be written: {error.strerror or error}") from error
    return place


def _section(run: _Run, *, save: bool) -> dict[str, Any]:
    """Return what the template shows of one run; ``save`` also writes the PNG files."""
    drawn: list[tuple[str, Axes, str]] = []
    curves, summary = run.curves, run.summary
    has = set(curves.metric)
    if "regret_static" in has:
        drawn.append(
            ("regret", figures.regret(curves, summary), "Below zero: better than the best fixed allocation.")
        )
    elif "regret_oracle" in has:
        drawn.append(("regret", figures.regret(curves, summary, against="oracle"), ""))
    drawn.append(("recall", figures.recall(curves, summary), "How many of the right items the union holds."))
    drawn.append(
        ("reward", figures.reward(curves, summary), "Expected under the world's truth, never sampled clicks.")
    )
    if "regret_oracle" in has and "regret_static" in has:
        caption = "The oracle knows what no policy can see: it bounds what context could earn."
        drawn.append(("regret_oracle", figures.regret(curves, summary, against="oracle"), caption))
    if "loss_retrieval" in set(summary.metric):
        drawn.append(
            ("loss_split", figures.loss(summary), "Whiskers: 95 % intervals of each part over seeds.")
        )
    adaptive = _adaptive(curves)
    if adaptive:
        caption = "Policies whose slots differ between requests or over time."
        drawn.append(("slots", figures.slots_grid(curves, adaptive), caption))
    for _, axes, _ in drawn:
        stamp(axes, run.stamp)
    if save:
        save_png(run.folder, drawn)
    study = run.study
    loop = study["loop"]
    setting = (
        f"{study['seeds']} seeds × {study['rounds']} requests; "
        f"{len(loop['arms'])} arms ({', '.join(loop['arms'])}); "
        f"budget {loop['n_slots']} slots × {loop['slot_size']} candidates; page of {loop['page_size']}; "
        f"lessons every {loop['feedback_every']} requests; "
        f"the first {loop['warmup']} are a warm-up at random; "
        f"users: {study['user'].get('kind')}; reward: {study['reward']['kind']}; "
        "intervals are 95 % over seeds."
    )
    tuning = run.folder / "tuning.json"
    return {
        "name": study["name"],
        "question": study["question"],
        "answer": _answer(run),
        "notes": run.notes,
        "setting": setting,
        "tables": _tables(run),
        "figures": [{"svg": as_svg(a), "caption": c} for _, a, c in drawn],
        "study": (run.folder / "study.toml").read_text(encoding="utf-8"),
        "tuning": tuning.read_text(encoding="utf-8") if tuning.exists() else "none",
        "environment": (run.folder / "environment.json").read_text(encoding="utf-8"),
    }


def _adaptive(curves: pd.DataFrame) -> list[str]:
    """Return the policies whose slots differ from request to request or change over time."""
    own = curves[curves.metric.str.startswith("slots_")]
    names = []
    for name, rows in own.groupby("policy", sort=False):
        late = rows[rows["round"] > rows["round"].median()]
        if (late.groupby("metric")["mean"].std() > 1e-9).any():
            names.append(str(name))
    return names


def _answer(run: _Run) -> list[str]:
    """Say in a sentence or two what came out."""
    means = run.summary.pivot_table(index="policy", columns="metric", values="mean")
    rows = run.summary.set_index(["policy", "metric"])
    order = means["reward"].sort_values(ascending=False)
    best = str(order.index[0])
    lines = [f"Highest expected reward: {best} with {_number(rows.loc[(best, 'reward')])} a request."]
    if "regret_static" in means:
        regret = means["regret_static"].drop(index=_static(run), errors="ignore")
        per = regret / run.study["rounds"]
        ahead, behind = [], []
        for name in regret.sort_values().index:
            row = rows.loc[(name, "regret_static")]
            if row["high"] < 0:
                ahead.append(f"{name} ({-per[name]:+.3f})")
            elif row["low"] > 0:
                behind.append(f"{name} ({-per[name]:+.3f})")
        better, worse = ", ".join(ahead) or "none", ", ".join(behind) or "none"
        said = f"better than the best static allocation: {better}; worse: {worse}"
        lines.append(f"Paired over seeds, per request and with 95 % intervals clear of zero, {said}.")
    gap = run.comparators
    if len(gap):
        pick = gap[(gap["set"] == "stream") & (gap.metric == "reward")].set_index("comparator")
        if {"static", "oracle"} <= set(pick.index):
            line = (
                f"World: on the state of {pick.reference.iloc[0]}, the best single quota earns "
                f"{float(pick['mean']['static']):.3f} "
                f"and the per-request oracle {float(pick['mean']['oracle']):.3f}"
            )
            for key, name in (("linear gap closed", "linear"), ("trees gap closed", "tree")):
                if key in pick.index:
                    r = pick.loc[key]
                    closed = f"{r['mean']:.0%} [{r['low']:.0%}, {r['high']:.0%}]"
                    line += (
                        f"; a full-information {name} router closes {closed} of the gap on held-out topics"
                    )
            lines.append(line + ".")
    return lines


def _static(run: _Run) -> list[str]:
    return [p["name"] for p in run.study["policies"] if p["kind"] == "best-static"]


def _number(row: Any, digits: int = 3) -> str:
    return f"{row['mean']:.{digits}f} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


def _tables(run: _Run) -> list[dict[str, Any]]:
    """Return the tables of policies and of comparators."""
    arms = tuple(f"slots_{a}" for a in run.study["loop"]["arms"])
    out = [
        _table(
            run,
            MAIN,
            "Policies",
            "Expected reward a request after the warm-up; ± half of the 95 % interval; best first.",
        ),
        _table(run, QUALITY, "Retrieval and ranking", "Means over requests after the warm-up."),
        _table(
            run,
            LOSS,
            "Where reward is lost",
            _loss_note(run.summary),
        ),
        _table(
            run,
            (*COST, *arms),
            "Cost and allocation",
            "A request; a slab that comes back short spills to the fallback arms.",
        ),
    ]
    if run.own:
        names = tuple(m.name + suffix for m in run.own for suffix in ("", *(APART if m.split else ())))
        out.append(
            _table(run, names, "Measures of this study's own", "Means over requests after the warm-up.")
        )
    if len(run.comparators):
        out.append(_comparator_table(run.comparators))
    return out


def _loss_note(summary: pd.DataFrame) -> str:
    """Say how the losses add up, and where the ideal is no upper bound."""
    note = "On evenly spaced requests: ideal − got = retrieval + ranking + cost + noise."
    exact = summary.loc[summary.metric == "ideal_is_exact", "mean"]
    if (exact < 1).any():
        note += (
            " Under this user and reward grade order is not the best order of a page: ideal and losses are "
            "those of the page in grade order, which oracle and policies may exceed."
        )
    return note


def _table(run: _Run, columns: Sequence[str], title: str, note: str) -> dict[str, Any]:
    rows = run.summary.set_index(["policy", "metric"])
    means = run.summary.pivot_table(index="policy", columns="metric", values="mean")["reward"]
    order = means.sort_values(ascending=False).index
    known = set(run.summary.metric)
    shown = {m: label_of(m, run.own) for m in columns if m in known}
    table = []
    for i, policy in enumerate(order):
        cells = [
            _cell(rows.loc[(policy, m)], m, run.own)
            if (policy, m) in rows.index
            else {"mean": "–", "spread": ""}
            for m in shown
        ]
        table.append({"name": policy, "cells": cells, "best": i == 0 and title == "Policies"})
    return {"title": title, "note": note, "head": ["policy", *shown.values()], "rows": table}


def _cell(row: Any, metric: str, own: Sequence[Measure]) -> dict[str, str]:
    digits = digits_of(metric, own)
    half = (row["high"] - row["low"]) / 2
    percent = metric == "oracle_gap_closed"
    if percent:
        return {"mean": f"{row['mean']:.0%}", "spread": f"[{row['low']:.0%}, {row['high']:.0%}]"}
    return {"mean": f"{row['mean']:.{digits}f}", "spread": f"±{half:.{digits}f}" if np.isfinite(half) else ""}


def _comparator_table(frame: pd.DataFrame) -> dict[str, Any]:
    table = []
    metrics = list(dict.fromkeys(frame.metric))
    for (which, name), rows in frame.groupby(["set", "comparator"], sort=False):
        by = rows.set_index("metric")
        cells = []
        for m in metrics:
            if m not in by.index:
                cells.append({"mean": "–", "spread": ""})
                continue
            row = by.loc[m]
            bounded = np.isfinite(row["low"])
            cells.append(
                {
                    "mean": f"{row['mean']:.3f}",
                    "spread": f"[{row['low']:.2f}, {row['high']:.2f}]" if bounded else "",
                }
            )
        table.append({"name": f"{name} ({which})", "cells": cells, "best": False})
    note = (
        f"On the trajectory of {frame.reference.iloc[0]}, judged requests, full information on every "
        "quota; routers are cross-validated over topics, so a gap they do not close is not visible in the "
        "logged context."
    )
    return {
        "title": "The world: what context could earn",
        "note": note,
        "head": ["comparator", *metrics],
        "rows": table,
    }
