"""How many near texts, and how near? ``python simulations/near_settings.py [COLLECTION…] [--seeds 6]``.

The packaged study ``music`` (``semantic`` on a COLLECTION) with other settings of its ``near-memory``, on
seeds that no published table uses. Each row is the paired difference of the reward to the default settings,
with 95 % intervals over seeds.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import ltrr
from ltrr.metrics.intervals import paired_difference
from ltrr.retrieval import NearMemory
from ltrr.study.study import Tuning
from ltrr.types.component import Component

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "near = 1": {"near": 1},
    "near = 3": {"near": 3},
    "near = 10": {"near": 10},
    "near = 20": {"near": 20},
    "floor = 0.3": {"floor": 0.3},
    "floor = 0.45": {"floor": 0.45},
    "floor = 0.75": {"floor": 0.75},
    "discount 0.7 s², never learned": {"discount_weight": 1e12},
    "discount s² at first": {"discount": 1.0},
    "discount 0.4 s² at first": {"discount": 0.4},
}
POLICIES = ("equal", "linucb")
SETS = {"reward": "all", "reward_first": "first-time", "reward_held_out": "held-out"}
SEED = 777_000
"""First seed: no table of ours uses it."""


def per_seed(
    collection: str | None, settings: dict[str, Any], *, seeds: int, rounds: int, jobs: int
) -> pd.DataFrame:
    """Return the value of each policy and metric (columns) on each seed (rows)."""
    study = ltrr.read_study("music" if collection is None else "semantic")
    if collection is not None:
        study = replace(study, world=Component("collection", {"path": collection}))
    # the static allocation is not in the table
    tuning = Tuning(shares=(0.12, 1.0), keep=(1, 1), seeds=(1, 1))
    arms = {**study.arms, "memory": Component("near-memory", settings)}
    study = replace(study, arms=arms, tuning=tuning)
    with tempfile.TemporaryDirectory() as place:
        result = ltrr.simulate(
            study=study,
            policies=POLICIES,
            seed=SEED,
            seeds=seeds,
            rounds=rounds,
            jobs=jobs,
            out=Path(place) / "run",
            quiet=True,
        )
        frame = pd.read_csv(result.folder / "per_seed.csv")
    frame = frame[frame.metric.isin(SETS)]
    return frame.pivot_table(index="seed", columns=["policy", "metric"], values="value")


def table(values: dict[str, pd.DataFrame]) -> str:
    """Return a row a setting: the reward by default, then paired differences to it."""
    plain, rng = values["default"], np.random.default_rng(0)
    columns = [(policy, metric) for policy in POLICIES for metric in SETS]
    heads = " | ".join(f"{policy}, {SETS[metric]}" for policy, metric in columns)
    lines = [f"| setting | {heads} |", "|---" * (1 + len(columns)) + "|"]
    for name, own in values.items():
        if name == "default":
            cells = [f"{plain[column].mean():.3f}" for column in columns]
        else:
            found = [paired_difference(own[c].to_numpy(), plain[c].to_numpy(), rng=rng) for c in columns]
            cells = [f"{i.mean:+.3f} [{i.low:+.3f}, {i.high:+.3f}]".replace("-", "−") for i in found]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print a table a world."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collections", nargs="*", help="folders of collections; Music where there is none")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3_000)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    default = {f.name: f.default for f in fields(NearMemory) if f.name in ("near", "floor", "discount")}
    for collection in asked.collections or [None]:
        found = {
            name: per_seed(collection, settings, seeds=asked.seeds, rounds=asked.rounds, jobs=asked.jobs)
            for name, settings in SETTINGS.items()
        }
        world = Path(collection).name if collection else "music"
        print(f"\n{world}, {asked.seeds} seeds from {SEED}; default {default}\n")
        print(table(found), flush=True)


if __name__ == "__main__":
    main()
