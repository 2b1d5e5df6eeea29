"""What does an exploring arm bring, and what does it cost? ``python simulations/explore.py [--seeds 10]``.

The packaged study `music` with five of its arms and with `explore` as one more, on the same seeds, under
LinUCB, under epsilon-greedy, and under random choice, whose logs support most. What is counted begins after
the warm-up. The table, printed and written to ``--out``, has the means without the arm, and the paired
differences with it, with 95 % intervals over seeds:

* distinct (query, item) pairs shown, and distinct items;
* entropy of the items' exposure in bits, and 2 to that power: as many items, shown alike, have this entropy;
* replay: every quota of the five arms is judged from the logs, as `ltrr replay` does, seed by seed and
  from all seeds together, which is one log without an interval. Shares of the quotas that are *supported*,
  and that are answered (supported or weak), by any of the estimators; how much of a quota's probability
  lies within the log's support, on average; and the median of the effective rows, 0 where a tenth lies
  outside;
* reward of all requests, of first-time ones, and on held-out queries.

``--control`` adds BM25 once more in place of `explore`: a sixth arm that explores nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

import ltrr
from ltrr.bandits.spec import policy_spec
from ltrr.logs.formats.run_log import open_run_log
from ltrr.metrics.intervals import paired_difference
from ltrr.replay.judging.verdict import SUPPORTED, WEAK
from ltrr.types.quotas import all_quotas, quota_name

ARMS = ("bm25", "ngrams", "dense", "memory", "popular")
PLAIN = "without"
ADDED: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "+ explore": {"explore": {"kind": "explore", "base": {"kind": "bm25"}}},
    "+ bm25 again": {"again": {"kind": "bm25"}},
}
POLICIES = ("linucb", "epsilon-greedy", "random")
OUTSIDE = 0.1
"""Share of a target outside the support from which on a replay refuses it."""
REWARDS = {"reward": "reward", "reward_first": "…, first-time", "reward_held_out": "…, held-out"}
DIGITS = {
    "pairs shown": 0,
    "items shown": 0,
    "entropy, bits": 2,
    "effective items": 0,
    "target within support": 3,
    "targets answered": 3,
    "effective rows": 0,
    "targets answered, all seeds": 3,
    "targets supported, all seeds": 3,
    "effective rows, all seeds": 0,
    **dict.fromkeys(REWARDS.values(), 3),
}
"""Rows of the table, and their digits."""


def study_of(added: Mapping[str, Any], *, seeds: int, rounds: int, items: int) -> ltrr.Study:
    """Return the study `music` with further arms, all seeds logged, shadow retrieval included."""
    study = ltrr.read_study("music")
    arms = (*ARMS, *added)
    loop = replace(
        study.loop,
        arms=arms,
        oracle_every=rounds + 1,  # no oracle is asked here
        preview=0,
        held_out=min(study.loop.held_out, rounds),
        warmup=min(study.loop.warmup, rounds // 3),
        log_shadow=True,
    )
    world = {**study.world.settings(), "n_items": items}
    policies = tuple(policy_spec(name, arms) for name in POLICIES)
    return replace(
        study,
        world=world,
        loop=loop,
        arms={**{name: study.arms[name] for name in ARMS}, **added},
        policies=policies,
        rounds=rounds,
        seeds=seeds,
        log_seeds=seeds,
    )


def shown(folder: Path, policy: str, seed: int) -> dict[str, float]:
    """Return what the pages after the warm-up showed: pairs, items, and the entropy of their exposure."""

    def read(name: str, columns: list[str]) -> pd.DataFrame:
        place = folder / "log" / name / f"policy={policy}" / f"seed={seed}"
        parts = [pq.ParquetFile(part).read(columns=columns) for part in sorted(place.glob("part-*.parquet"))]
        return pd.concat([part.to_pandas() for part in parts], ignore_index=True)

    decided = read("decisions", ["request", "version"])
    counted = decided.request[decided.version >= 0].unique()
    page = read("impressions", ["request", "item"]).merge(read("requests", ["request", "query"]))
    page = page[page.request.isin(counted) & (page["item"] >= 0)]
    share = page["item"].value_counts(normalize=True).to_numpy()
    entropy = float(-(share * np.log2(share)).sum())
    return {
        "pairs shown": len(page.drop_duplicates(["query", "item"])),
        "items shown": len(share),
        "entropy, bits": entropy,
        "effective items": 2.0**entropy,
    }


def replayed(folder: Path, policy: str, seed: int | None, targets: list[str]) -> dict[str, float]:
    """Return what a log tells about the targets: one seed's, or that of all seeds together if None."""
    with threadpool_limits(1):
        log = open_run_log(folder, policy=policy, seed=seed, warm_up="without")
        judged = ltrr.replay.run(log, targets, estimators=["ips"], pairs=False, quiet=True)
    answers = judged.table[judged.table.policy.isin(targets)]
    diagnostics = pd.DataFrame(judged.rows["diagnostics"])
    outside = diagnostics[diagnostics.diagnostic == "unsupported_mass (sequence-ips)"].set_index("policy")
    within = 1.0 - outside.value.reindex(targets).clip(0.0, 1.0)
    # effective rows say nothing of a target that the log does not hold
    rows = answers.groupby("policy").ess.max().reindex(targets).where(within > 1.0 - OUTSIDE, 0.0)
    if seed is not None:
        return {
            "target within support": float(within.mean()),
            "targets answered": share(answers, targets, SUPPORTED, WEAK),
            "effective rows": float(rows.median()),
        }
    return {
        "targets answered, all seeds": share(answers, targets, SUPPORTED, WEAK),
        "targets supported, all seeds": share(answers, targets, SUPPORTED),
        "effective rows, all seeds": float(rows.median()),
    }


def share(answers: pd.DataFrame, targets: list[str], *verdicts: str) -> float:
    """Return the share of targets of which some estimator has one of the verdicts."""
    return float(answers[answers.verdict.isin(verdicts)].policy.nunique() / len(targets))


def rewards(folder: Path, policy: str) -> pd.DataFrame:
    """Return the rewards (columns) on each seed (rows)."""
    frame = pd.read_csv(folder / "per_seed.csv")
    frame = frame[(frame.policy == policy) & frame.metric.isin(REWARDS)]
    wide = frame.pivot_table(index="seed", columns="metric", values="value")
    return wide.rename(columns=REWARDS)


def per_seed(
    added: Mapping[str, Any], *, seeds: int, rounds: int, items: int, jobs: int
) -> dict[str, pd.DataFrame]:
    """Return by policy what is measured (columns) on each seed (rows)."""
    study = study_of(added, seeds=seeds, rounds=rounds, items=items)
    targets = [f"quota:{quota_name(q, ARMS)}" for q in all_quotas(study.loop.n_slots, len(ARMS))]
    with tempfile.TemporaryDirectory() as place:
        folder = ltrr.run_study(study, out=Path(place) / "run", jobs=jobs, quiet=True).folder
        # the longest first
        cells = [(policy, seed) for seed in (None, *range(seeds)) for policy in POLICIES]
        answers = joblib.Parallel(n_jobs=jobs)(
            joblib.delayed(replayed)(folder, policy, seed, targets) for policy, seed in cells
        )
        said = dict(zip(cells, answers, strict=True))
        return {
            policy: pd.DataFrame(
                {**shown(folder, policy, seed), **said[policy, seed], **said[policy, None]}
                for seed in range(seeds)
            ).join(rewards(folder, policy))
            for policy in POLICIES
        }


def table(values: Mapping[str, Mapping[str, pd.DataFrame]]) -> str:
    """Return a row a policy and measure: the mean without the arm, and what each arm changes."""
    rng = np.random.default_rng(0)
    others = [name for name in values if name != PLAIN]
    lines = [f"| policy | measure | {' | '.join([PLAIN, *others])} |", "|---|---|" + "--:|" * len(values)]
    for policy in POLICIES:
        plain = values[PLAIN][policy]
        for measure, digits in DIGITS.items():
            if measure not in plain:
                continue
            cells = [f"{plain[measure].mean():,.{digits}f}"]
            for other in others:
                with_arm = values[other][policy][measure].to_numpy(float)
                d = paired_difference(with_arm, plain[measure].to_numpy(float), rng=rng)
                mean, low, high = (f"{round(x, digits) + 0.0:+,.{digits}f}" for x in (d.mean, d.low, d.high))
                interval = "" if measure.endswith("all seeds") else f" [{low}, {high}]"
                cells.append(f"{mean}{interval}".replace("-", "−"))
            lines.append(f"| {policy} | {measure} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(given: list[str] | None = None) -> None:
    """Print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3_000)
    parser.add_argument("--items", type=int, default=20_000, help="items of the world")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--control", action="store_true", help="BM25 once more, too")
    parser.add_argument("--out", type=Path, default=Path("explore.md"), help="file for the table")
    asked = parser.parse_args(given)
    sizes = {"seeds": asked.seeds, "rounds": asked.rounds, "items": asked.items, "jobs": asked.jobs}
    names = list(ADDED) if asked.control else list(ADDED)[:2]
    text = table({name: per_seed(ADDED[name], **sizes) for name in names})
    head = f"music, {asked.seeds} seeds, {asked.rounds:,} requests, {asked.items:,} items"
    asked.out.write_text(f"{head}\n\n{text}\n", encoding="utf-8")
    print(f"{head}\n\n{text}")


if __name__ == "__main__":
    main()
