"""Does the tuning find the best fixed quota? ``python simulations/static_enumeration.py STUDY… [--seeds 4]``.

Each STUDY is the name of a packaged study or a file; arms, slots and settings of the tuning are its own. The
tuning runs as in the study. Then every distinct quota runs in full, on seeds that neither the study nor its
tuning uses, with common random numbers. The script prints where the tuning's choice stands among all quotas,
what it loses against the best, and how many runs, rounds and seconds the search and the enumeration took.

The best of many quotas on the same seeds is partly luck, so its lead overstates the regret. The second regret
picks, for each seed, the quota that is best on the other seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ltrr.metrics.intervals import Interval, paired_difference
from ltrr.report.progress import ProgressBar
from ltrr.rng import TUNING_REPLICATE
from ltrr.simulation.cell import latent_mean
from ltrr.study.build import build, make_world, prepare, settled
from ltrr.study.call import study_of
from ltrr.study.lock import driving
from ltrr.study.runner import Job, Runner
from ltrr.study.tuning import tuned
from ltrr.types.quotas import all_quotas, quota_name, quota_of

FIRST = TUNING_REPLICATE + 1_000
"""First seed of the enumeration, far from those of the tuning."""


@dataclass(frozen=True)
class Effort:
    """What a search or an enumeration took: quotas, runs, rounds of all runs, seconds."""

    quotas: int
    runs: int
    rounds: int
    seconds: float


@dataclass(frozen=True)
class Held:
    """The tuning's choice against all quotas; ``rewards`` has a row a seed and a column a distinct quota."""

    study: str
    arms: tuple[str, ...]
    every: int
    chosen: str
    rewards: pd.DataFrame
    search: Effort
    enumeration: Effort

    @property
    def ranked(self) -> pd.Series:
        """Mean reward of each quota, best first."""
        return self.rewards.mean().sort_values(ascending=False, kind="stable")

    @property
    def rank(self) -> int:
        """Place of the choice, from 1; quotas of the same mean share the better place."""
        means = self.rewards.mean()
        return 1 + int((means > means[self.chosen]).sum())

    @property
    def regret(self) -> Interval:
        """Reward of the best quota on these seeds minus that of the choice."""
        best = self.rewards[self.ranked.index[0]]
        return paired_difference(
            best.to_numpy(), self.rewards[self.chosen].to_numpy(), rng=np.random.default_rng(0)
        )

    @property
    def regret_elsewhere(self) -> Interval:
        """The same, where each seed's best quota is picked on the other seeds; needs two seeds."""
        values = self.rewards.to_numpy()
        others = values.sum(axis=0) - values
        best = np.take_along_axis(values, others.argmax(axis=1)[:, None], axis=1)[:, 0]
        return paired_difference(best, self.rewards[self.chosen].to_numpy(), rng=np.random.default_rng(0))


def held(
    study: str | Path, *, seeds: int, jobs: int, rounds: int | None = None, arms: Sequence[str] | None = None
) -> Held:
    """Run a study's tuning, then all distinct quotas, and return both."""
    called = study_of(study=study, arms=arms, policies=["best-static"], rounds=rounds, loop={"held_out": 0})
    parts = build(called)
    called = settled(called, parts)
    prepared = prepare(parts, make_world(called))
    names, slots = called.loop.arms, called.loop.n_slots
    with tempfile.TemporaryDirectory() as place, ProgressBar(quiet=True) as bar:
        folder, shared = Path(place) / "run", Path(place) / "shared"
        folder.mkdir()
        shared.mkdir()
        with driving(folder, shared=shared, note=bar.note) as driver:
            runner = Runner(called, prepared, driver, jobs, bar, shared)
            begun = time.monotonic()
            chosen = tuned(runner).quota or ()
            rungs = json.loads((folder / "tuning.json").read_text(encoding="utf-8"))["rungs"]
            search = _effort(rungs, time.monotonic() - begun)
            distinct = list(rungs[0]["values"])
            _estimate(called.name, len(distinct) * seeds, called.rounds, search)
            begun = time.monotonic()
            rewards = _enumerated(
                runner, {name: quota_of(name, names, slots).tolist() for name in distinct}, seeds
            )
            n = len(distinct)
            full = Effort(n, n * seeds, n * seeds * called.rounds, time.monotonic() - begun)
    every = len(all_quotas(slots, len(names)))
    return Held(called.name, names, every, quota_name(chosen, names), rewards, search, full)


def _effort(rungs: Sequence[dict], seconds: float) -> Effort:
    runs = [len(rung["values"]) * len(rung["seeds"]) for rung in rungs]
    rounds = sum(n * rung["rounds"] for n, rung in zip(runs, rungs, strict=True))
    return Effort(len(rungs[0]["values"]), sum(runs), rounds, seconds)


def _estimate(name: str, runs: int, rounds: int, search: Effort) -> None:
    """Say how long the enumeration will take, by what the search took."""
    minutes = runs * rounds * search.seconds / max(search.rounds, 1) / 60
    print(
        f"{name}: the search took {search.seconds:.0f} s; {runs} runs of {rounds} rounds will take about "
        f"{minutes:.1f} min",
        file=sys.stderr,
        flush=True,
    )


def _enumerated(runner: Runner, quotas: dict[str, list[int]], seeds: int) -> pd.DataFrame:
    """Return the mean latent reward after the warm-up of each quota (columns) on each seed (rows)."""
    study, folder = runner.study, runner.folder / "enumeration"
    replicates = [FIRST + s for s in range(seeds)]
    jobs = [
        Job(f"quota-{i:04d}", seed, study.rounds, quota=tuple(quota), tuning=True)
        for seed in replicates
        for i, quota in enumerate(quotas.values())
    ]
    runner.run(folder, jobs, f"enumeration: {len(jobs)} runs")
    warmup = study.loop.warmup
    return pd.DataFrame(
        {
            name: [latent_mean(folder, f"quota-{i:04d}-{seed:03d}", warmup) for seed in replicates]
            for i, name in enumerate(quotas)
        },
        index=pd.Index(replicates, name="seed"),
    )


def report(found: Held, top: int = 5) -> str:
    """Return the comparison in Markdown."""
    best, seeds = found.ranked.index[0], len(found.rewards)
    lines = [
        f"## {found.study}: {len(found.arms)} arms ({', '.join(found.arms)})",
        "",
        f"{found.every} quotas, {found.rewards.shape[1]} distinct, each on {seeds} seeds. The search chose "
        f"{found.chosen}: rank {found.rank} of {found.rewards.shape[1]}.",
        "",
        f"Regret against {best}, the best on these seeds: {_said(found.regret)}.",
    ]
    if seeds > 1:
        lines.append(
            f"Regret against the quota that is best on the other seeds: {_said(found.regret_elsewhere)}."
        )
    lines += ["", "| | quotas | runs | rounds | seconds |", "|---|--:|--:|--:|--:|"]
    for name, e in (("search", found.search), ("enumeration", found.enumeration)):
        lines.append(f"| {name} | {e.quotas} | {e.runs} | {e.rounds:,} | {e.seconds:.0f} |")
    lines += ["", "| rank | quota | reward |", "|--:|---|--:|"]
    lines += [
        f"| {i + 1} | {name} | {mean:.4f} |" for i, (name, mean) in enumerate(found.ranked[:top].items())
    ]
    return "\n".join(lines)


def _said(d: Interval) -> str:
    if d.n < 2:
        return f"{d.mean:+.4f} (one seed: no interval)"
    return f"{d.mean:+.4f} [{d.low:+.4f}, {d.high:+.4f}]"


def main() -> None:
    """Print a comparison for each study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="+", help="names of packaged studies, or files")
    parser.add_argument("--seeds", type=int, default=4, help="of the enumeration")
    parser.add_argument("--rounds", type=int, help="of the study, for search and enumeration alike")
    parser.add_argument("--arms", nargs="+", help="instead of the study's")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--csv", type=Path, help="folder for the rewards, a file a study")
    asked = parser.parse_args()
    for name in asked.studies:
        found = held(name, seeds=asked.seeds, jobs=asked.jobs, rounds=asked.rounds, arms=asked.arms)
        if asked.csv is not None:
            asked.csv.mkdir(parents=True, exist_ok=True)
            found.rewards.to_csv(asked.csv / f"{found.study}-{len(found.arms)}-arms.csv")
        print(report(found), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
