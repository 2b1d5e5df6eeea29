"""Print the tables of simulations/README.md from finished runs: ``python simulations/tables.py RUN…``."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd

COLUMNS = {
    "reward": "reward",
    "reward_seen": "repeated",
    "reward_first": "first-time",
    "reward_held_out": "held-out",
    "reward_reserved": "reserved",
    "ndcg": "nDCG@10",
    "recall_budget": "recall@60",
    "unjudged": "unjudged",
    "difference_static": "difference to best static",
    "over_topics": "… over topics too",
    "calls": "arms called",
    "own": "own",
    "oracle_gap_closed": "oracle gap closed",
}


def cell(row: pd.Series, metric: str) -> str:
    """Return mean ± half interval, or the interval of a ratio."""
    if metric == "oracle_gap_closed":
        return f"{row['mean']:.0%} [{row['low']:.0%}, {row['high']:.0%}]"
    mean, half = row["mean"], (row["high"] - row["low"]) / 2
    if metric == "own":
        return f"{mean:.0%}"
    if metric == "over_topics":
        return f"± {half:.3f}"
    return f"{mean:+.3f} ± {half:.3f}" if metric == "difference_static" else f"{mean:.3f} ± {half:.3f}"


def policies(folder: Path) -> str:
    """Return the table of policies, best reward first."""
    summary = pd.read_csv(folder / "summary.csv")
    pairs = pd.read_csv(folder / "two_way.csv")
    static = summary[summary.metric == "difference_static"].set_index("policy")["mean"].abs().idxmin()
    pairs = pairs[(pairs.reference == static) & (pairs["set"] == "all")].assign(metric="over_topics")
    summary = pd.concat([summary, pairs[summary.columns.intersection(pairs.columns)]])
    rows = summary.set_index(["policy", "metric"])
    shown = {m: t for m, t in COLUMNS.items() if (summary.metric == m).any()}
    if summary[summary.metric == "unjudged"]["mean"].max() == 0:
        del shown["unjudged"]
    order = summary[summary.metric == "reward"].sort_values("mean", ascending=False).policy
    lines = ["| policy | " + " | ".join(shown.values()) + " |", "|---|" + "--:|" * len(shown)]
    for policy in order:
        cells = [cell(rows.loc[(policy, m)], m) if (policy, m) in rows.index else "–" for m in shown]
        lines.append(f"| {policy} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ground(folder: Path) -> str:
    """Return what the run rests on."""
    found = json.loads((folder / "ground.json").read_text(encoding="utf-8"))
    parts = [
        f"{name} {own['effective']:.1f} effective topics of {own['topics']:.0f}, "
        f"the top one {own['top_share']:.1%}"
        for name, own in found["traffic"].items()
    ]
    gap, blind = found["gap"], found["blind"]
    return (
        f"{'; '.join(parts)}. Best static {found['static']:.3f}, oracle +{gap['mean']:.3f} "
        f"[{gap['low']:.3f}, {gap['high']:.3f}] over seeds, [{gap['two_way_low']:.3f}, "
        f"{gap['two_way_high']:.3f}] over topics too; {blind['arm']}, which ignores the query, "
        f"{blind['reward']:.3f}.\n"
    )


def comparators(folder: Path) -> str:
    """Return the table of what context could earn."""
    frame = pd.read_csv(folder / "comparators.csv")
    frame = frame[~frame.comparator.str.startswith("oracle's share")]
    names = list(dict.fromkeys(frame.comparator))
    lines = ["| queries, measure | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    for (which, metric), rows in frame.groupby(["set", "metric"], sort=False):
        by = rows.set_index("comparator")
        cells = []
        for name in names:
            if name not in by.index:
                cells.append("–")
                continue
            row = by.loc[name]
            ratio = name.endswith("closed")
            text = f"{row['mean']:.0%}" if ratio else f"{row['mean']:.3f}"
            cells.append(
                f"{text} [{row['low']:.0%}, {row['high']:.0%}]" if ratio and np.isfinite(row["low"]) else text
            )
        lines.append(f"| {which}, {metric} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print both tables of each run."""
    for name in sys.argv[1:]:
        folder = Path(name)
        study = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
        version = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["ltrr"]
        tuned = json.loads((folder / "tuning.json").read_text(encoding="utf-8"))
        quota = ", ".join(f"{q} {a}" for a, q in zip(tuned["arms"], tuned["quota"], strict=True) if q)
        print(f"### {study['name']}\n")
        print(
            f"{study['seeds']} seeds from {study['seed']}, {study['rounds']} requests each, ltrr {version}; "
            f"best static allocation: {quota} slots.\n"
        )
        print(ground(folder))
        print(policies(folder), "\n")
        print(comparators(folder), "\n")


if __name__ == "__main__":
    main()
