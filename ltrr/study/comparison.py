"""comparison.html: two runs side by side, with what differs between their studies and their policies."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.metrics.measures import digits_of, label_of
from ltrr.report.page import drawing, render
from ltrr.study.report import section
from ltrr.study.tables import Tables

__all__ = ["run_differences", "study_differences", "write_comparison"]

METRICS = ("reward", "reward_seen", "reward_first", "reward_held_out", "ndcg", "recall_budget", "calls")
"""Metrics that the table of differences shows."""

_UNLIKE = {
    "world": "the worlds differ: requests and their difficulty are not the same",
    "user": "the user models differ: the same page earns different clicks",
    "reward": "the rewards differ: numbers are on different scales",
    "loop.n_slots": "the budgets differ (slots)",
    "loop.slot_size": "the budgets differ (candidates a slot)",
    "loop.page_size": "the pages differ in length",
    "loop.warmup": "the warm-ups differ in length",
    "loop.arms": "the arms differ",
    "rounds": "the lengths differ: learners had more requests in one of them",
    "seeds": "the numbers of seeds differ: those that both have are paired",
    "seed": "the root seeds differ: replicates are not paired",
}
"""Settings whose difference changes what the numbers mean, with what to say."""

_WORDS = {
    "same": "Worlds, users, rewards and budgets are the same.",
    "heading": "Differences between the runs",
    "nothing": "The runs have no policy in common.",
}
"""What the page says around its table."""


_NAMED = ("name", "question", "import_path", "measures", "log_seeds")
"""Settings that change no number."""


def write_comparison(first: str | Path, second: str | Path) -> Path:
    """Write ``comparison.html`` into the first run's folder and return its path.

    Raises
    ------
    InputError
        Where a folder holds no finished run or cannot be written.
    """
    pair = Tables.read(first), Tables.read(second)
    names = _names(*pair)
    with drawing():
        page = render(
            "comparison.html.j2",
            title=" and ".join(names),
            names=names,
            warnings=study_differences(*pair),
            table=_table(*pair, names),
            words=_WORDS,
            runs=[{**section(t, save=False), "name": name} for t, name in zip(pair, names, strict=True)],
        )
    place = pair[0].folder / "comparison.html"
    try:
        write_aside(place, page.encode())
    except OSError as error:
        raise InputError(f"{place} cannot be written: {error.strerror or error}") from error
    return place


def _names(first: Tables, second: Tables) -> tuple[str, str]:
    """Return the studies' names, or their folders' where these are equal."""
    one, two = first.study["name"], second.study["name"]
    return (one, two) if one != two else (str(first.folder), str(second.folder))


def study_differences(first: Tables, second: Tables) -> list[str]:
    """Return what differs between two studies so that their numbers cannot simply be compared."""
    found = []
    for key, words in _UNLIKE.items():
        one, two = (_setting(tables.study, key) for tables in (first, second))
        if one != two:
            found.append(f"{words[0].upper()}{words[1:]}: {_short(one, two)}.")
    other = _other_settings(first.study, second.study)
    if other:
        named = "; ".join(f"{key} {_value(one)} and {_value(two)}" for key, (one, two) in other.items())
        found.append(f"Other settings that differ: {named}.")
    quotas = [tables.tuned_quota for tables in (first, second)]
    if None not in quotas and quotas[0] != quotas[1]:
        found.append(f"The best static allocations differ: {quotas[0]} and {quotas[1]}.")
    return found


def _other_settings(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the settings that differ and that `_UNLIKE` does not name, as dotted keys.

    Of policies those that both studies have count: others are not compared.
    """
    common = {p["name"] for p in first["policies"]} & {p["name"] for p in second["policies"]}
    tables = [
        {k: v for k, v in s.items() if k not in _NAMED}
        | {"policies": [p for p in s["policies"] if p["name"] in common]}
        for s in (first, second)
    ]
    one, two = (dict(_flat(table)) for table in tables)
    keys = [key for key in {**one, **two} if one.get(key) != two.get(key)]
    return {key: (one.get(key), two.get(key)) for key in keys if not any(_under(key, u) for u in _UNLIKE)}


def _under(key: str, table: str) -> bool:
    return key == table or key.startswith(f"{table}.")


def _flat(table: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys and values of nested tables; policies go by name."""
    for key, value in table.items():
        if key == "policies":
            yield from _flat(
                {p["name"]: {k: v for k, v in p.items() if k != "name"} for p in value}, "policies."
            )
        elif isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _setting(study: dict[str, Any], key: str) -> Any:
    value: Any = study
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _short(one: Any, two: Any) -> str:
    """Return two values, of tables only what differs."""
    if isinstance(one, dict) and isinstance(two, dict):
        keys = [key for key in {**one, **two} if one.get(key) != two.get(key)]
        return "; ".join(f"{key} {_value(one.get(key))} and {_value(two.get(key))}" for key in keys)
    return f"{_value(one)} and {_value(two)}"


def _value(value: Any) -> str:
    """Return a setting as text; what a study leaves out has its default."""
    if value is None:
        return "(default)"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def run_differences(first: Tables, second: Tables) -> pd.DataFrame:
    """Return policy, metric, first, second, difference, low, high, paired: second minus first.

    Where both runs have the same world and root seed, their replicates have the same requests and random
    numbers, and differences are paired by seed, of the seeds that both have; elsewhere the interval is
    Welch's for independent means. It is empty for one seed.

    Parameters
    ----------
    first, second : Tables
        Policies and metrics that both have are compared.
    """
    alike = all(_setting(first.study, k) == _setting(second.study, k) for k in ("world", "seed"))
    rows = []
    common = [n for n in first.means.index if n in set(second.means.index)]
    for policy, metric in itertools.product(common, METRICS):
        if all((policy, metric) in tables.rows.index for tables in (first, second)):
            row = _row(first, second, policy, metric, paired=alike)
            rows.append({"policy": policy, "metric": metric, **row})
    columns = ["policy", "metric", "first", "second", "difference", "low", "high", "paired"]
    return pd.DataFrame(rows, columns=columns)


def _row(first: Tables, second: Tables, policy: str, metric: str, *, paired: bool) -> dict[str, Any]:
    one, two = first.mean(policy, metric), second.mean(policy, metric)
    values = [_by_seed(tables, policy, metric) for tables in (first, second)]
    if paired:
        both = min(map(len, values))
        gaps = values[1][:both] - values[0][:both]
        difference, half = float(gaps.mean()), _half(gaps)
    else:
        difference, half = two - one, _welch(*values)
    return {
        "first": one,
        "second": two,
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "paired": paired,
    }


def _by_seed(tables: Tables, policy: str, metric: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a metric's values, one a seed."""
    rows = tables.per_seed
    return rows[(rows.policy == policy) & (rows.metric == metric)].value.to_numpy()


def _half(values: np.ndarray[Any, Any]) -> float:
    n = len(values)
    return float(stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan


def _welch(one: np.ndarray[Any, Any], two: np.ndarray[Any, Any]) -> float:
    """Return the half-width of Welch's interval for the difference of two independent means."""
    if min(len(one), len(two)) < 2:
        return np.nan
    parts = np.array([v.var(ddof=1) / len(v) for v in (one, two)])
    if parts.sum() == 0.0:
        return 0.0
    freedom = parts.sum() ** 2 / (parts**2 / (np.array([len(one), len(two)]) - 1)).sum()
    return float(stdtrit(freedom, 0.975) * np.sqrt(parts.sum()))


def _table(first: Tables, second: Tables, names: tuple[str, str]) -> dict[str, Any] | None:
    frame = run_differences(first, second)
    if not len(frame):
        return None
    shown = [m for m in METRICS if m in set(frame.metric)]
    rows = [
        {"name": policy, "cells": list(_cells(own.set_index("metric"), shown)), "best": False}
        for policy, own in frame.groupby("policy", sort=False)
    ]
    how = "paired by seed" if frame.paired.iloc[0] else "of independent replicates (Welch's interval)"
    few = min(first.seeds, second.seeds) == 1
    ends = "one seed: no intervals" if few else "95 % intervals, each on its own"
    note = f"{names[1]} minus {names[0]}, after the warm-up, {how}; {ends}."
    return {"note": note, "head": ["policy", *map(label_of, shown)], "rows": rows, "meanings": []}


def _cells(own: pd.DataFrame, shown: list[str]) -> Iterator[dict[str, str]]:
    for metric in shown:
        if metric not in own.index:
            yield {"mean": "–", "spread": ""}
            continue
        row, digits = own.loc[metric], digits_of(metric)
        bounded = np.isfinite(row["low"])
        spread = f"[{row['low']:+.{digits}f}, {row['high']:+.{digits}f}]" if bounded else ""
        yield {"mean": f"{row['difference']:+.{digits}f}", "spread": spread}
