"""The parts of a run's page about its ground: topics, segments, and what topics do not support."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ltrr.study.ground_text import gap_text, saturated, topics_line
from ltrr.study.tables import Tables

__all__ = ["checks_part", "disagreements", "ground_part", "segments_part"]

Part = dict[str, Any]

_TRAFFIC = {
    "topics": ("topics", "{:,.0f}", "those that are asked"),
    "effective": (
        "effective topics",
        "{:,.1f}",
        "1 / Σ p² over the topics' shares: as many topics of equal share would be as varied",
    ),
    "effective_entropy": ("… by entropy", "{:,.1f}", "exp(−Σ p log p): rare topics count more"),
    "top_share": ("most frequent topic", "{:.1%}", "its share of the requests"),
}
"""Columns of the table of topics: head, form, meaning."""

_BY = {
    "traffic": "Topics by falling share of the stream: head, torso and tail have about a third of it each.",
    "query": "By kind of query, in the stream",
    "held-out query": "By kind of query, on held-out queries",
}
"""What segments are by; tables of kinds of query are folded under these words."""

_FEW = 4
"""This many segments, at most, have reward and difference in one line."""

_CHECKS = {
    ("seen", False): "repeated queries, against the model before",
    ("seen", True): "repeated queries, against the untrained prior",
    ("new", True): "first-time queries, against the untrained prior",
}
"""Kinds of comparison, by stratum and whether the other is the prior."""


def ground_part(tables: Tables) -> Iterator[Part]:
    """Yield what the run rests on; nothing for a run of an earlier version."""
    if not topics_line(tables):
        return
    ground = tables.ground
    lines = [line for line in (saturated(tables), _room(tables)) if line]
    rows = [
        {
            "name": name,
            "cells": [
                {"mean": form.format(own[key]), "spread": ""} for key, (_, form, _) in _TRAFFIC.items()
            ],
            "best": False,
        }
        for name, own in ground["traffic"].items()
    ]
    table = {
        "note": "Topics of the requests, and how many of equal share they are worth. Means over seeds.",
        "head": ["requests", *(head for head, _, _ in _TRAFFIC.values())],
        "rows": rows,
        "meanings": [(head, meaning) for head, _, meaning in _TRAFFIC.values()],
    }
    yield {"title": "Traffic and headroom", "lines": lines, "figures": [], "tables": [table]}


def _room(tables: Tables) -> str:
    """Say what the best fixed choice, the oracle and an arm without the query earn."""
    static, oracle, gap, blind = (tables.ground.get(key) for key in ("static", "oracle", "gap", "blind"))
    if static is None:
        return ""
    text = f"{tables.best_static} earns {static:.3f} a request"
    if gap is not None:
        text += f", the best quota of each request {oracle:.3f}, a lead of {gap_text(gap)}"
    if blind is not None:
        text += f". {blind['arm']}, which ignores the query, earns {blind['reward']:.3f}"
    return f"{text}."


def disagreements(tables: Tables) -> list[str]:
    """Say which differences to the best static allocation seeds support and topics do not."""
    own = tables.differences[
        (tables.differences.reference == tables.best_static) & (tables.differences.metric == "reward")
    ]
    found = own[(own.holm_low > 0.0) | (own.holm_high < 0.0)]
    sets: dict[str, list[str]] = {}
    for policy, of in zip(found.policy, found["set"], strict=True):
        row = tables.over_topics(policy, str(tables.best_static), of)
        if row is not None and row["low"] <= 0.0 <= row["high"]:
            sets.setdefault(str(policy), []).append(str(of))
    if not sets:
        return []
    named = "; ".join(f"{policy} ({', '.join(names)})" for policy, names in sets.items())
    return [f"Found over seeds, but the interval over seeds and topics touches zero: {named}."]


def checks_part(tables: Tables) -> Iterator[Part]:
    """Yield how often a newly trained ranker was found good enough to serve, where the run says so."""
    frame = tables.ranker_checks
    if not len(frame):
        return
    kinds = {key: frame[(frame.stratum == key[0]) & ((frame.against == 0) == key[1])] for key in _CHECKS}
    groups = {key: rows.groupby("policy") for key, rows in kinds.items() if len(rows)}
    rows = [
        {"name": policy, "cells": [_check(of, str(policy)) for of in groups.values()], "best": False}
        for policy in tables.means.index
        if policy in set(frame.policy)
    ]
    note = (
        "A newly trained model is compared on logged pages with the untrained prior and with the model that "
        "served until then, and serves only if it is found no worse than either. The model that serves is "
        "compared again each time. Mean difference as a share of the other's estimated value, and how many "
        "comparisons were passed, all seeds together."
    )
    head = ["policy", *(_CHECKS[key] for key in groups)]
    table = {"note": note, "head": head, "rows": rows, "meanings": []}
    yield {"title": "Checks of the ranker", "lines": [], "figures": [], "tables": [table]}


def _check(groups: Any, policy: str) -> dict[str, str]:
    """Return the mean difference of a policy's comparisons, and how many were passed."""
    if policy not in groups.groups:
        return {"mean": "–", "spread": ""}
    own = groups.get_group(policy)
    return {
        "mean": f"{own.difference.mean():+z.1%}",
        "spread": f"{int(own.served.sum())} of {len(own)}",
    }


def segments_part(tables: Tables) -> Iterator[Part]:
    """Yield head, torso and tail, and kinds of query, where there is more than one."""
    frame = tables.segments
    parts = _BY.items() if len(frame) else ()
    found = [(by, words, _segments(tables, frame[frame.by == by])) for by, words in parts]
    shown = [
        {**table, "note": f"{words} {table['note']}"} if by == "traffic" else {**table, "fold": words}
        for by, words, table in found
        if table is not None
    ]
    if shown:
        yield {"title": "Head, torso, tail and kinds of query", "lines": [], "figures": [], "tables": shown}


def _segments(tables: Tables, frame: pd.DataFrame) -> dict[str, Any] | None:
    """Return a row a policy with reward and difference to the best static allocation by segment."""
    segments = list(dict.fromkeys(frame.segment))
    if len(segments) < 2:
        return None
    shares = frame.groupby("segment").share.mean()
    by = frame.set_index(["policy", "segment"]).sort_index()
    rows = [
        {
            "name": policy,
            "cells": [
                _segment(by.loc[(policy, s)], below=len(segments) > _FEW)
                if (policy, s) in by.index
                else {"mean": "–", "spread": ""}
                for s in segments
            ],
            "best": False,
        }
        for policy in tables.means.index
    ]
    note = "Reward."
    if tables.best_static is not None:
        place = "below" if len(segments) > _FEW else "next to"
        half = "" if tables.seeds == 1 else ", ± half its 95 % interval over seeds"
        note = f"Reward; {place} it the difference to {tables.best_static}{half}."
    head = ["policy", *(f"{segment} ({shares[segment]:.0%})" for segment in segments)]
    return {"note": note, "head": head, "rows": rows, "meanings": []}


def _segment(row: Any, *, below: bool) -> dict[str, str]:
    """Return a reward with the difference below or next to it."""
    difference, low, high = (row[key] for key in ("difference", "difference_low", "difference_high"))
    if pd.isna(difference):
        return {"mean": f"{row['mean']:.3f}", "spread": ""}
    half = f" ±{(high - low) / 2:.3f}" if row["n_seeds"] > 1 else ""
    text = f"{difference:+z.3f}{half}"
    return {"mean": f"{row['mean']:.3f}", "spread": "" if below else text, "second": text if below else ""}
