"""The tables of a run's page: rows of policies, best first, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ltrr.metrics.measures import APART, Measure, digits_of, label_of, meaning_of
from ltrr.study.cells import SETS
from ltrr.study.comparators import WITH_EVIDENCE
from ltrr.study.tables import Tables, difference_text, topics_text

__all__ = ["arms_table", "comparator_lines", "comparator_table", "difference_table", "policy_table"]

Table = dict[str, Any]


def policy_table(tables: Tables, columns: Sequence[str], note: str, *, star: bool = False) -> Table:
    """Return a row a policy with mean ± half the 95 % interval of each metric that the run has.

    Parameters
    ----------
    tables : Tables
    columns : sequence of str
        Metrics of ``summary.csv``.
    note : str
        Said above the table.
    star : bool
        Mark the first row as the best.
    """
    known = set(tables.summary.metric)
    shown = [metric for metric in columns if metric in known]
    rows = []
    for i, policy in enumerate(tables.means.index):
        cells = [
            _difference(tables, str(policy))
            if metric == "difference_static"
            else _cell(tables.rows.loc[(policy, metric)], metric, tables.measures)
            if (policy, metric) in tables.rows.index
            else {"mean": "–", "spread": ""}
            for metric in shown
        ]
        rows.append({"name": policy, "cells": cells, "best": star and i == 0})
    head = [label_of(metric, tables.measures) for metric in shown]
    meanings = [
        (label, meaning_of(metric, tables.measures)) for label, metric in zip(head, shown, strict=True)
    ]
    return {"note": note, "head": ["policy", *head], "rows": rows, "meanings": meanings}


def _difference(tables: Tables, policy: str) -> dict[str, str]:
    """Return the difference to the best static allocation with the interval of the verdict."""
    pairs = tables.pairs(policy, str(tables.best_static))
    if "all" not in pairs.index:
        return {"mean": "–", "spread": ""}
    mean, _, ends = difference_text(pairs.loc["all"]).partition(" ")
    return {"mean": mean, "spread": "" if tables.seeds == 1 else ends}


def _cell(row: Any, metric: str, own: Sequence[Measure]) -> dict[str, str]:
    digits = digits_of(metric, own)
    half = (row["high"] - row["low"]) / 2
    if metric == "oracle_gap_closed":
        return {"mean": f"{row['mean']:.0%}", "spread": f"[{row['low']:.0%}, {row['high']:.0%}]"}
    if metric in ("own", "candidates_shared", "page_shared"):
        return {"mean": f"{row['mean']:.1%}", "spread": ""}
    spread = f"±{half:.{digits}f}" if np.isfinite(half) else ""
    return {"mean": f"{row['mean']:z.{digits}f}", "spread": spread}


def difference_table(tables: Tables) -> Table | None:
    """Return a row a policy with its differences to the best static allocation by set of requests."""
    static = tables.best_static
    if static is None or len(tables.means) < 2:
        return None
    known = [name for name in SETS if name in set(tables.differences.set)]
    rows = []
    for policy in tables.means.index:
        if policy == static:
            continue
        own = tables.pairs(str(policy), static)
        cells = [_difference_cell(tables, own, str(policy), name) for name in known]
        rows.append({"name": policy, "cells": cells, "best": False})
    note = (
        f"Reward a request minus that of {static}, after the warm-up, paired by seed. Intervals are "
        "corrected by Holm over all differences of the study: one that excludes zero is found."
    )
    if len(tables.two_way):
        note += " Second line: 95 % interval of the difference alone over seeds and topics."
    head = ["policy", *("all requests" if name == "all" else f"{name} queries" for name in known)]
    return {"note": note, "head": head, "rows": rows, "meanings": []}


def _difference_cell(tables: Tables, own: pd.DataFrame, policy: str, of: str) -> dict[str, str]:
    """Return a difference with its interval over seeds, and that over seeds and topics below it."""
    if of not in own.index:
        return {"mean": "–", "spread": ""}
    mean, _, ends = difference_text(own.loc[of]).partition(" ")
    both = tables.over_topics(policy, str(tables.best_static), of)
    second = topics_text(both) if both is not None and tables.seeds > 1 else ""
    return {"mean": mean, "spread": ends, "second": second}


def arms_table(tables: Tables) -> Table:
    """Return a row an arm: how often it was asked, found anything, and filled its slots."""
    frame = tables.arms
    total = frame.assign(
        found=frame.answered.fillna(0.0) * frame.requests, got=frame.filled.fillna(0.0) * frame.slots
    )
    rows = []
    for arm, row in total.groupby("arm", sort=False)[["requests", "found", "slots", "got"]].sum().iterrows():
        answered = f"{row.found / row.requests:.1%}" if row.requests else "–"
        filled = f"{row.got / row.slots:.1%}" if row.slots else "–"
        cells = [{"mean": text, "spread": ""} for text in (f"{int(row.requests):,}", answered, filled)]
        rows.append({"name": arm, "cells": cells, "best": False})
    note = (
        "Over all policies and rounds. What an arm leaves empty of its slots is filled by the fallback "
        f"({tables.fallback or 'none here'}). Requests are counted once for each policy."
    )
    head = ["arm", "requests that gave it a slot", "of these it found something on", "of its slots it filled"]
    return {"note": note, "head": head, "rows": rows, "meanings": []}


def comparator_lines(frame: pd.DataFrame) -> list[str]:
    """Say what the best quota, the oracle and full-information routers earn, on the stream and held out."""
    lines = []
    for which, words in (("stream", "On the stream's queries"), ("held-out", "On held-out queries")):
        own = frame[(frame["set"] == which) & (frame.metric == "reward")].set_index("comparator")
        if not {"static", "oracle"} <= set(own.index):
            continue
        line = (
            f"{words} ({int(own.n.iloc[0])} judged requests, on the state of {own.reference.iloc[0]}): the "
            f"best single quota in hindsight earns {own['mean']['static']:.3f} a request, the per-request "
            f"oracle {own['mean']['oracle']:.3f}"
        )
        for key, name in (
            ("linear gap closed", "linear"),
            ("trees gap closed", "tree"),
            (
                f"linear{WITH_EVIDENCE} gap closed",
                "linear (with the previews of all arms, which cost it nothing)",
            ),
            (
                f"trees{WITH_EVIDENCE} gap closed",
                "tree (with the previews of all arms, which cost it nothing)",
            ),
        ):
            if key in own.index:
                row = own.loc[key]
                closed = f"{row['mean']:.0%} [{row['low']:.0%}, {row['high']:.0%}]"
                line += f"; a {name} router with full information closes {closed} of the gap between them"
        lines.append(f"{line}. Routers are cross-validated over topics.")
    return lines


def comparator_table(tables: Tables) -> Table | None:
    """Return a row a comparator and set of requests."""
    frame = tables.comparators
    if not len(frame):
        return None
    metrics = list(dict.fromkeys(frame.metric))
    rows = []
    for (which, name), own in frame.groupby(["set", "comparator"], sort=False):
        by = own.set_index("metric")
        cells = [
            _comparator_cell(by.loc[m]) if m in by.index else {"mean": "–", "spread": ""} for m in metrics
        ]
        rows.append({"name": f"{name} ({which})", "cells": cells, "best": False})
    note = (
        f"On the trajectory of {frame.reference.iloc[0]}: judged requests, full information on every quota. "
        "A gap that routers do not close is not visible in the logged context."
    )
    return {"note": note, "head": ["comparator", *map(label_of, metrics)], "rows": rows, "meanings": []}


def _comparator_cell(row: Any) -> dict[str, str]:
    bounded = np.isfinite(row["low"])
    spread = f"[{row['low']:.2f}, {row['high']:.2f}]" if bounded else ""
    return {"mean": f"{row['mean']:.3f}", "spread": spread}


def own_columns(tables: Tables) -> tuple[str, ...]:
    """Return the metrics of the study's own measures."""
    return tuple(m.name + suffix for m in tables.measures for suffix in ("", *(APART if m.split else ())))
