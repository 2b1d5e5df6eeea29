"""What are better arms worth? ``python simulations/better_arms.py [COLLECTION…] [--seeds 10] [--jobs 2]``.

The default study's four arms, and the same with character n-grams as a fifth arm, with a memory that also
answers near texts, and with both, on the same seeds; without a COLLECTION on Music. The table shows each
policy's reward with the four arms and the paired differences to it, with 95 % intervals over seeds: of all
requests, of first-time ones, and on held-out queries.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import ltrr
from ltrr.metrics.intervals import paired_difference
from ltrr.study.study import Tuning
from ltrr.types.component import Component

PLAIN = ("bm25", "dense", "memory", "popular")
ARMS: dict[str, dict[str, Any]] = {
    "four arms": {name: name for name in PLAIN},
    "+ n-grams": {name: name for name in (*PLAIN, "ngrams")},
    "+ near texts": {name: name for name in PLAIN} | {"memory": {"kind": "near-memory"}},
    "+ both": {name: name for name in (*PLAIN, "ngrams")} | {"memory": {"kind": "near-memory"}},
}
FALLBACK = ("bm25", "dense", "popular")
POLICIES = ("best-static", "equal", "linucb")
SETS = {"reward": "all", "reward_first": "first-time", "reward_held_out": "held-out"}


def per_seed(
    collection: str | None, arms: dict[str, Any], *, seeds: int, rounds: int, jobs: int
) -> pd.DataFrame:
    """Return the value of each policy and metric (columns) on each seed (rows)."""
    study = ltrr.read_study("default" if collection is None else "collection")
    # a lighter tuning than the study's own: four sets of arms are tuned a world
    tuning = Tuning(shares=(0.35, 1.0), keep=(3, 1), seeds=(2, 3))
    study = replace(study, loop=replace(study.loop, fallback=FALLBACK), tuning=tuning)
    if collection is not None:
        study = replace(study, world=Component("collection", {"path": collection}))
    with tempfile.TemporaryDirectory() as place:
        result = ltrr.simulate(
            study=study,
            arms=arms,
            policies=POLICIES,
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
    """Return a row a policy and set: the reward with the plain arms, and what each change adds."""
    base, *others = values
    rng = np.random.default_rng(0)
    lines = [f"| policy | requests | {' | '.join(values)} |", "|---" * (2 + len(values)) + "|"]
    for policy in POLICIES:
        for metric, name in SETS.items():
            plain = values[base][policy, metric].to_numpy()
            cells = [f"{plain.mean():.3f}"]
            for other in others:
                found = paired_difference(values[other][policy, metric].to_numpy(), plain, rng=rng)
                cells.append(f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]".replace("-", "−"))
            lines.append(f"| {policy} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print a table a world."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collections", nargs="*", help="folders of collections; Music where there is none")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3_000)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    for collection in asked.collections or [None]:
        found = {
            name: per_seed(collection, arms, seeds=asked.seeds, rounds=asked.rounds, jobs=asked.jobs)
            for name, arms in ARMS.items()
        }
        print(f"\n{Path(collection).name if collection else 'music'}, {asked.seeds} seeds\n")
        print(table(found), flush=True)


if __name__ == "__main__":
    main()
