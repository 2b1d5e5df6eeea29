"""Coverage of quota-level and page-level intervals by effective rows: where is the floor?

``python simulations/page_coverage.py --out RUN`` runs the system of `closed_loop.py` frozen, once a world,
with shadow retrieval and the oracle, so that for every request the page and the expected reward of all 20
quotas are known. Logs are then drawn from these requests: requests with replacement, quotas from a logging
policy, rewards 0 or 1. The value of every target is exact. ``--tables RUN`` prints the tables of
`closed-loop.md`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from closed_loop import column, prepared, run_cell
from threadpoolctl import threadpool_limits

from ltrr.bandits.spec import policy_spec
from ltrr.logs.formats.run_log import open_run_log
from ltrr.replay.allocations.logged import requests_of, slabs_of
from ltrr.replay.allocations.quota_law import QuotaTree
from ltrr.replay.allocations.quota_model import QuotaModel
from ltrr.replay.allocations.ratios import Level, by_page
from ltrr.replay.allocations.weights import TwoStage
from ltrr.replay.closed_loop.frozen_loop import FrozenLoop
from ltrr.replay.estimators import DR, IPS, SNIPS
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.intervals import Asymptotic

KINDS = {"ips": IPS, "snips": SNIPS, "dr": DR}
LOGGERS = {"equal": (0.05, 0.2), "epsilon-greedy": (0.05, 0.2)}
"""Logging policies with their shares of random slots; random slots alone are a fifth."""
LEARNERS = ("equal", "linucb", "epsilon-greedy")
QUOTAS = (0, 1, 2, 5, 7, 9, 10, 12, 16, 19)
"""Every second quota of the 20, those of one arm included."""
SIZES = (300, 1_000, 3_000)
ITEMS, WARM_UP, REQUESTS = 20_000, 1_000, 4_000
EDGES = (0, 3, 10, 20, 30, 50, 100, 200, 500, 1_000, np.inf)


@dataclass(frozen=True)
class States:
    """Requests with the page and the expected reward of every quota, and the laws of policies.

    Parameters
    ----------
    context : float32 (N, D)
    group : int64 (N, Q)
        The lowest quota with the same page.
    mean : float64 (N, Q)
        Probability of a reward.
    loggers, targets : mapping of str to float64 (N, Q)
    """

    context: np.ndarray
    group: np.ndarray
    mean: np.ndarray
    loggers: Mapping[str, np.ndarray]
    targets: Mapping[str, np.ndarray]


def states_of(seed: int) -> States:
    """Return the states of one frozen run."""
    study, shared = prepared(ITEMS, WARM_UP)
    loop = replace(study.loop, log_shadow=True, checkpoint_every=WARM_UP + REQUESTS)
    plain = replace(loop, log_shadow=False, oracle_every=10**6)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trained = {
            kind: run_cell(
                FrozenLoop,
                replace(study, loop=plain),
                shared,
                policy_spec(kind, loop.arms),
                folder / "trained",
                seed,
                rounds=WARM_UP + 100,
            )
            for kind in LEARNERS
        }
        place, random = folder / "log", policy_spec("random", loop.arms)
        run_cell(
            FrozenLoop,
            replace(study, loop=loop),
            shared,
            random,
            place,
            seed,
            rounds=WARM_UP + REQUESTS,
            logged="random",
        )
        log = open_run_log(place, policy="random", warm_up="without")
        stage, tree = TwoStage(log, "3 bm25"), QuotaTree(loop.n_slots, len(loop.arms))
        part = next(part for part in log.read() if len(part.events))
        requests = requests_of(part.events, part.events.request_indptr[:-1], part.request)
        quota = tree.path(part.events.action.reshape(-1, loop.n_slots))[:, -1]
        group = stage.pages.groups(part.seed, part.part, requests.request, quota)
        slabs, rng = slabs_of(log, part), np.random.default_rng(0)
        mean = column(place, "oracles", "random", "quota_reward", WARM_UP)

        def law(kind: str, audit: float) -> np.ndarray:
            return tree.policy_law(trained[kind], requests, slabs, rng, audit=audit).quota

        loggers = {f"{kind}, {a:.0%}": law(kind, a) for kind, audits in LOGGERS.items() for a in audits}
        loggers["random"] = tree.uniform(len(mean)).quota
        targets = {f"quota {q}": np.tile(np.eye(mean.shape[1])[q], (len(mean), 1)) for q in QUOTAS}
        targets |= {kind: law(kind, 0.0) for kind in LEARNERS}
    return States(requests.context, group, np.clip(mean, 0.0, 1.0), loggers, targets)


def answers(states: States, law: np.ndarray, n: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield the answer about every target of one drawn log."""
    row = rng.integers(0, len(law), n)
    cdf = law[row].cumsum(axis=1)
    quota = (cdf / cdf[:, -1:] <= rng.random(n)[:, None]).sum(axis=1)
    reward = (rng.random(n) < states.mean[row, quota]).astype(np.float64)
    key, context, group = np.arange(n), states.context[row], states.group[row]
    at, one = group[key, quota], np.eye(law.shape[1])[quota]
    model = QuotaModel(3, 4, context.shape[1])
    model.add(key, context, quota, reward)
    q_quota = model.predict(key, context, one)
    for name, own in states.targets.items():
        target = own[row]
        shows = np.where(group == at[:, None], target, 0.0)
        total = shows.sum(axis=1, keepdims=True)
        seen = np.where(total > 0.0, shows / np.where(total > 0.0, total, 1.0), one)
        levels = {
            "quota": (Level.of(target, law[row], quota), q_quota),
            "page": (
                Level.of(by_page(target, group), by_page(law[row], group), at),
                model.predict(key, context, seen),
            ),
        }
        q_target = model.predict(key, context, target)
        truth = float((own * states.mean).sum(axis=1).mean())
        for level, (found, q_logged) in levels.items():
            weight = found.weight
            if found.outside.mean() > 1e-9 or not weight.any():
                continue
            batch = ReplayBatch(key, reward, weight=weight, q_logged=q_logged, q_target=q_target)
            common = {
                "target": name,
                "level": level,
                "ess": weight.sum() ** 2 / (weight @ weight),
                "expected": n / found.square.mean(),
                "off": abs(weight.mean() - 1.0) > max(0.2, 5.0 * weight.std() / np.sqrt(n)),
                "truth": truth,
            }
            for kind, made in KINDS.items():
                estimator = made()
                estimator.add(batch)
                interval = Asymptotic().interval(estimator)
                yield common | {"kind": kind, "low": interval.low, "high": interval.high}


def study(worlds: int, replicates: int, seed: int) -> pd.DataFrame:
    """Return the answers of all logs."""
    rows = []
    for world in range(worlds):
        states = states_of(world)
        with threadpool_limits(1):
            for place, (logger, law) in enumerate(states.loggers.items()):
                for n in SIZES:
                    for r in range(replicates):
                        rng = np.random.default_rng([seed, world, place, n, r])
                        rows += [
                            row | {"logger": logger, "n": n, "world": world}
                            for row in answers(states, law, n, rng)
                        ]
    return pd.DataFrame(rows)


# ---- tables ------------------------------------------------------------------------------------------------


def by_rows(frame: pd.DataFrame, rows: str) -> str:
    """Return coverage by bands of effective rows: all answers of the band, and the lowest cell."""
    frame = frame.assign(band=pd.cut(frame[rows], EDGES, right=False))
    columns = [f"{level}-{kind}" for level in ("quota", "page") for kind in KINDS]
    lines = [f"| {rows} | " + " | ".join(columns) + " |", "|---|" + "--:|" * len(columns)]
    for band, own in frame.groupby("band", observed=True):
        cells = []
        for name in columns:
            level, kind = name.split("-")
            held = own[(own.level == level) & (own.kind == kind)]
            cells.append(f"{held.covered.mean():.1%} ({len(held):,})" if len(held) >= 100 else "–")
        ends = (
            f"{band.left:,.0f}–{band.right:,.0f}" if np.isfinite(band.right) else f"{band.left:,.0f} and more"
        )
        lines.append(f"| {ends} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def by_floor(frame: pd.DataFrame) -> str:
    """Return what floors of effective rows leave: coverage of all answers up to 1,000 and of cells."""
    cell = ["world", "logger", "target", "n"]
    names = ("level", "floor", "answers", "coverage", "lowest kind of log", "kinds below 90 %")
    lines = ["| " + " | ".join(names) + " |", "|---|" + "--:|" * 5]
    for level, own in frame.groupby("level", sort=False):
        for floor in (10, 20, 30, 50, 100, 200):
            kept = own[(own.effective >= floor) & (own.effective < 1_000)]
            cells = kept.groupby([*cell, "kind"]).covered.agg(["mean", "size"])
            cells = cells[cells["size"] >= 0.5 * cells["size"].max()]["mean"]
            lines.append(
                f"| {level} | {floor} | {len(kept):,} | {kept.covered.mean():.1%} | {cells.min():.0%} | "
                f"{(cells < 0.9).mean():.0%} |"
            )
    return "\n".join(lines) + "\n"


def tables(frame: pd.DataFrame) -> None:
    """Print what the answers show."""
    covered = (frame.low <= frame.truth + 1e-12) & (frame.truth - 1e-12 <= frame.high)
    frame = frame.assign(covered=covered, effective=np.minimum(frame.ess, frame.expected))
    frame = frame[(frame.ess >= 10.0) & ~frame.off]
    print("Of logs whose weights average 1 and have an effective sample size of 10 or more\n")
    print(by_rows(frame.rename(columns={"ess": "rows by the drawn weights"}), "rows by the drawn weights"))
    print(by_rows(frame.rename(columns={"effective": "effective rows"}), "effective rows"))
    print(by_floor(frame))


def main() -> None:
    """Run the study, or print the tables of one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for the answers, made if absent")
    parser.add_argument("--tables", type=Path, help="folder of answers to print tables of")
    parser.add_argument("--worlds", type=int, default=2, help="frozen runs to draw logs from")
    parser.add_argument("--replicates", type=int, default=100, help="logs of each kind and world")
    parser.add_argument("--seed", type=int, default=20_263, help="root of the random streams of the logs")
    args = parser.parse_args()
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        study(args.worlds, args.replicates, args.seed).to_csv(args.out / "pages.csv", index=False)
    if args.tables is not None:
        tables(pd.read_csv(args.tables / "pages.csv"))


if __name__ == "__main__":
    main()
