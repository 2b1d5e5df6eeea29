"""The closed loop: log a simulation, replay another policy from the log, run that policy for real, compare.

``python simulations/closed_loop.py --out RUN`` runs three parts and writes their raw answers as CSV; then
``python simulations/closed_loop_tables.py RUN`` prints the tables of `closed-loop.md` and draws its figures.

single     one decision a request (which of 20 allocations), rewards of all of them known: exact truth
omissions  the same, with something left out of the log
two-stage  whole runs with retrieval, ranker and users: logged, replayed, and run for real
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import track
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

import ltrr
from ltrr.bandits.spec import PolicySpec, policy_spec
from ltrr.errors import InputError
from ltrr.logs.events import Events, Space
from ltrr.logs.formats.run_log import open_run_log
from ltrr.logs.memory import EventsLog
from ltrr.protocols import Policy
from ltrr.replay.allocations.batch import LEVELS, TwoStageBatch
from ltrr.replay.allocations.quota_model import QuotaModel
from ltrr.replay.allocations.weights import TwoStage
from ltrr.replay.closed_loop.frozen_loop import FrozenLoop
from ltrr.replay.closed_loop.known_world import KnownTarget, KnownWorld
from ltrr.replay.closed_loop.run import answers
from ltrr.replay.estimators import DR, IPS, SNIPS
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.intervals import Asymptotic
from ltrr.replay.judging.verdict import CANNOT, judge
from ltrr.rng import Streams
from ltrr.simulation.cell import Cell
from ltrr.simulation.loop import Loop
from ltrr.simulation.setting import LoopSetting
from ltrr.simulation.system import Prepared
from ltrr.study.build import build, make_world, prepare, system_of
from ltrr.study.simulate import write_about
from ltrr.study.study import Study
from ltrr.types.quotas import all_quotas, quota_name, quota_of

COMPARED = (
    "ips",
    "snips",
    "clipped-ips",
    "sub-gaussian",
    "dm",
    "dr",
    "sndr",
    "switch-dr",
    "dr-os",
    "replay",
)
KINDS = {"ips": IPS, "snips": SNIPS, "dr": DR}
LOGGERS = {"random": 0.0, "equal": 0.2, "epsilon-greedy": 0.2}
"""Logging policies of the two-stage part with their share of random slots."""
QUOTAS = ("1 bm25 + 1 dense + 1 popular", "3 bm25", "3 memory", "3 popular")
LEARNERS = ("equal", "linucb")


@dataclass(frozen=True)
class Plan:
    """Sizes of the study.

    Parameters
    ----------
    items : int
        Items of the music world.
    warm_up : int
        Random requests that arms, policies and ranker learn from.
    requests : int
        Requests of the single decisions' world.
    logs : int
        Logs of each kind in the parts ``single`` and ``omissions``.
    sizes, epsilons : tuple
        Rows of a log and exploration of its policy, part ``single``.
    seeds : int
        Replicates of the part ``two-stage``.
    log_sizes : tuple of int
        Requests of its logs; the last is a multiple of the first.
    real : int
        Requests for which targets are run for real, >= the last of ``log_sizes``.
    """

    items: int = 20_000
    warm_up: int = 1_000
    requests: int = 4_000
    logs: int = 200
    sizes: tuple[int, ...] = (300, 1_000, 3_000, 10_000)
    epsilons: tuple[float, ...] = (0.02, 0.1, 0.3, 1.0)
    seeds: int = 20
    log_sizes: tuple[int, ...] = (500, 1_000, 2_000)
    real: int = 3_000


QUICK = Plan(400, 200, 400, 4, (300, 1_000), (0.1, 1.0), 2, (100, 200), 200)
"""Everything once, in a minute; its figures mean nothing."""


# ---- the system --------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def prepared(items: int, warm_up: int) -> tuple[Study, Prepared]:
    """Return the default study of music search, and what its cells share; once a worker."""
    study = ltrr.read_study("default")
    loop = replace(
        study.loop, warmup=warm_up, held_out=0, oracle_every=1, checkpoint_every=100_000, log_shadow=False
    )
    # without explored places, so that what a quota is worth is exactly what its page earns
    plain = {**study.ranker.settings(), "explore": 0.0}
    world = {"kind": "music", "n_items": items}
    study = replace(study, world=world, ranker=plain, loop=loop, log_seeds=1, rounds=10**6)
    with threadpool_limits(1):
        return study, prepare(build(study), make_world(study))


def run_cell(
    kind: type[Loop],
    study: Study,
    shared: Prepared,
    spec: PolicySpec,
    folder: Path,
    seed: int,
    *,
    rounds: int,
    logged: str = "",
) -> Policy:
    """Run one policy on one replicate into a folder, log it if asked, and return it as it ended."""
    streams = Streams(study.seed, seed)
    loop = kind(system_of(study, shared, spec, streams), study.loop, streams)
    if logged:
        folder.mkdir()
        # the log says how many requests it holds, which a reader checks
        write_about(folder, replace(study, policies=(spec,), rounds=rounds), shared)
    Cell(loop, folder, spec.name, 0, rounds, logged=bool(logged)).run()
    return loop.system.policy


def column(folder: Path, table: str, policy: str, name: str, start: int) -> np.ndarray:
    """Return a column of a run's table from request ``start`` on."""
    read = pq.ParquetFile(folder / table / f"{policy}-000.parquet").read(columns=[name])
    values = read[name].to_numpy()[start:]
    return np.stack(values).astype(np.float64) if values.dtype == object else values


# ---- single decisions --------------------------------------------------------------------------------------


def known_world(plan: Plan) -> KnownWorld:
    """Return requests with the expected reward of all 20 allocations, from one frozen run's oracle walk."""
    study, shared = prepared(plan.items, plan.warm_up)
    loop, start = study.loop, plan.warm_up
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = policy_spec("random", loop.arms)
        run_cell(FrozenLoop, study, shared, spec, folder, 0, rounds=start + plan.requests)
        mean = column(folder, "oracles", "random", "quota_reward", start)
        context = column(folder, "oracles", "random", "context", start)
    system = system_of(study, shared, spec, Streams(study.seed))
    quotas = all_quotas(loop.n_slots, len(loop.arms))
    space = Space(
        tuple(quota_name(q, loop.arms) for q in quotas),
        tuple(system.context.names(system.world.next(1))),
        tuple(f"share:{arm}" for arm in loop.arms),
        (quotas / loop.n_slots).astype(np.float32),
    )
    return KnownWorld(context, np.clip(mean, 0.0, 1.0), space)


def best_of(score: np.ndarray) -> np.ndarray:
    """Return the policy that takes the best action, one-hot (N, A)."""
    return np.eye(score.shape[1])[score.argmax(axis=1)]


def linear_greedy(world: KnownWorld, n: int, streams: Streams) -> np.ndarray:
    """Return the greedy policy of a ridge regression per action, learnt from ``n`` random decisions."""
    n_actions = world.mean.shape[1]
    even = np.full(world.mean.shape, 1.0 / n_actions)
    events = world.log(even, n=n, streams=streams).events
    centre, spread = world.context.mean(axis=0), world.context.std(axis=0) + 1e-9
    x = (events.context - centre) / spread
    score = np.empty(world.mean.shape)
    for a in range(n_actions):
        own = events.action == a
        model = Ridge(alpha=30.0).fit(x[own], events.reward[own])
        score[:, a] = model.predict((world.context - centre) / spread)
    return best_of(score)


def mixed(policy: np.ndarray, epsilon: float) -> np.ndarray:
    """Return the policy with a share of random actions."""
    return (1.0 - epsilon) * policy + epsilon / policy.shape[1]


def policies_of(world: KnownWorld, seed: int) -> tuple[np.ndarray, list[KnownTarget]]:
    """Return what is in production (learnt from 1,000 decisions) and the targets."""
    production = linear_greedy(world, 1_000, Streams(seed, 900_001))
    static = np.tile(best_of(world.mean.mean(axis=0)[None, :]), (len(world), 1))
    return production, [
        KnownTarget("greedy", linear_greedy(world, 20_000, Streams(seed, 900_002))),
        KnownTarget("static", static),
        KnownTarget("uniform", mixed(static, 1.0)),
    ]


def single(plan: Plan, world: KnownWorld, seed: int, replicate: int) -> pd.DataFrame:
    """Return the answers of one replicate's logs, of every size and exploration."""
    production, targets = policies_of(world, seed)
    truth = {t.name: world.value(t.table) for t in targets}
    streams, parts = Streams(seed, replicate), []
    with threadpool_limits(1):
        for epsilon in plan.epsilons:
            events = world.log(mixed(production, epsilon), n=max(plan.sizes), streams=streams).events
            for n in plan.sizes:
                log = EventsLog(events.take(np.arange(n)))
                found = answers(log, targets, truth, estimators=COMPARED, reward_model="ridge")
                parts.append(found.assign(epsilon=epsilon, n=n, replicate=replicate))
    return pd.concat(parts, ignore_index=True)


# ---- what is left out of a log -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Whole:
    """A log with everything in it, and what made it."""

    events: Events
    world: KnownWorld
    logging: np.ndarray
    streams: Streams

    def coin(self, name: str, share: float) -> np.ndarray:
        """Return which rows a coin chooses, by their own numbers."""
        return self.streams.uniform(f"omission/{name}", self.events.row) < share


def estimated(whole: Whole) -> Events:
    """Return a log without propensities."""
    return replace(whole.events, propensity=None, probabilities=None)


def blind(whole: Whole) -> Events:
    """Return a log without propensities and contexts."""
    space = replace(whole.events.space, context_names=())
    return replace(estimated(whole), context=np.zeros((len(whole.events), 0), np.float32), space=space)


def recomputed(whole: Whole) -> Events:
    """Return a log whose propensities are those of the model of today: trained again on more data."""
    epsilon = whole.logging.min() * whole.logging.shape[1]
    today = mixed(linear_greedy(whole.world, 2_000, Streams(0, 900_003)), epsilon)[whole.events.query]
    own = today[np.arange(len(today)), whole.events.action]
    return replace(whole.events, propensity=own, probabilities=today.reshape(-1))


def rounded(whole: Whole) -> Events:
    """Return a log whose propensities have two decimals."""
    digits = np.maximum(whole.events.propensity.round(2), 0.01)
    return replace(whole.events, propensity=digits, probabilities=None)


def certain(whole: Whole) -> Events:
    """Return a log of the favourite actions alone."""
    return whole.world.log(best_of(whole.logging), n=len(whole.events), streams=whole.streams).events


def kept(whole: Whole) -> Events:
    """Return a log of all rewarded rows and one in ten others."""
    return whole.events.take(np.flatnonzero((whole.events.reward > 0) | whole.coin("kept", 0.1)))


def counted(whole: Whole) -> Events:
    """Return the same log with the number of rows that each stands for."""
    events = kept(whole)
    return replace(events, count=np.where(events.reward > 0, 1.0, 10.0))


def twice(whole: Whole) -> Events:
    """Return a log whose rewarded rows were, one time in three, sent twice, under ids of their own."""
    again = (whole.events.reward > 0) & whole.coin("twice", 1 / 3)
    events = whole.events.take(np.repeat(np.arange(len(again)), 1 + again))
    return replace(events, key=np.arange(len(events)))


def late(whole: Whole) -> Events:
    """Return a log read before a fifth of its rewards have come."""
    return replace(whole.events, reward=whole.events.reward * ~whole.coin("late", 0.2))


OMISSIONS: dict[str, Callable[[Whole], Events]] = {
    "nothing": lambda whole: whole.events,
    "propensities (estimated from the log)": estimated,
    "propensities and contexts": blind,
    "propensities of decision time (today's model's instead)": recomputed,
    "digits: propensities with two decimals": rounded,
    "exploration": certain,
    "kept shares (all rewards, one in ten others)": kept,
    "… the same with the shares stored": counted,
    "event ids (a third of rewards sent twice)": twice,
    "waiting (a fifth of rewards not yet there)": late,
}


def omissions(plan: Plan, world: KnownWorld, seed: int, replicate: int) -> pd.DataFrame:
    """Return the answers of one replicate's log with each thing left out of it."""
    production, targets = policies_of(world, seed)
    truth = {t.name: world.value(t.table) for t in targets}
    streams, parts = Streams(seed, replicate), []
    logging = mixed(production, 0.3)
    with threadpool_limits(1):
        whole = world.log(logging, n=plan.sizes[-2], streams=streams).events
        for name, omit in OMISSIONS.items():
            log = EventsLog(omit(Whole(whole, world, logging, streams)))
            model = "logistic" if log.space.context_names and log.events.propensity is None else None
            found = answers(
                log,
                targets,
                truth,
                estimators=["ips", "snips", "dr"],
                reward_model="ridge",
                propensity_model=model,
            )
            parts.append(found.assign(omitted=name, n=len(log.events), replicate=replicate))
    return pd.concat(parts, ignore_index=True)


# ---- whole runs --------------------------------------------------------------------------------------------


def two_stage(plan: Plan, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one replicate's answers, and what a log's world says against the targets' own worlds."""
    study, shared = prepared(plan.items, plan.warm_up)
    start, n = plan.warm_up, plan.log_sizes[-1]
    specs = target_specs(study.loop)
    with tempfile.TemporaryDirectory() as name, threadpool_limits(1):
        folder = Path(name)
        run_study = replace(study, loop=replace(study.loop, oracle_every=10**6))
        policies, real = {}, {}
        for target, spec in specs.items():
            policies[target] = run_cell(
                FrozenLoop, run_study, shared, spec, folder / "real", seed, rounds=start + plan.real
            )
            real[target] = column(folder / "real", "rounds", spec.name, "reward", start)
        parts, worlds = [], worlds_of(study, shared, folder, seed, {q: r[:n] for q, r in real.items()})
        for logger, audit in LOGGERS.items():
            loop = replace(study.loop, audit=audit, log_shadow=True, checkpoint_every=plan.log_sizes[0])
            own, place = replace(study, loop=loop), folder / f"log-{logger}"
            spec = policy_spec(logger, loop.arms)
            policy = run_cell(FrozenLoop, own, shared, spec, place, seed, rounds=start + n, logged=logger)
            for target in specs:
                wanted = target if target in QUOTAS else policies[target]
                log = open_run_log(place, policy=logger, warm_up="without")
                stage = TwoStage(log, wanted, None if logger == "random" else policy)
                batches = list(stage.batches())
                for size in plan.log_sizes:
                    rows = pd.DataFrame(estimates(until(batches, size), stage.quotas))
                    rows = rows.assign(logger=logger, policy=target, n=size, truth=real[target][:size].mean())
                    parts.append(rows.assign(long_truth=real[target].mean(), seed=seed))
    return pd.concat(parts, ignore_index=True), worlds


def target_specs(loop: LoopSetting) -> dict[str, PolicySpec]:
    """Return the targets by name: fixed quotas, the equal split, and a policy learnt in the warm-up."""
    quotas = {
        q: policy_spec(
            {
                "name": f"static-{i}",
                "kind": "static",
                "quota": quota_of(q, loop.arms, loop.n_slots).tolist(),
            },
            loop.arms,
        )
        for i, q in enumerate(QUOTAS)
    }
    return quotas | {name: policy_spec(name, loop.arms) for name in LEARNERS}


def until(batches: list[TwoStageBatch], size: int) -> list[TwoStageBatch]:
    """Return the first batches, ``size`` requests together."""
    ends = np.cumsum([len(b) for b in batches])
    if size not in ends:
        raise InputError(f"`log_sizes` must end with a part of the log, got {size} of {ends.tolist()}")
    return batches[: int(np.searchsorted(ends, size)) + 1]


def estimates(batches: list[TwoStageBatch], quotas: np.ndarray) -> Iterator[dict[str, object]]:
    """Yield the answer of every level and estimator, refused ones with the number that is kept back."""
    model = QuotaModel(int(quotas[0].sum()), quotas.shape[1], batches[0].context.shape[1])
    for b in batches:
        model.add(b.key, b.context, b.quota, b.reward)
    for level in LEVELS:
        outside = float(np.concatenate([b.outside[level] for b in batches]).mean())
        weight = np.concatenate([b.weight[level] for b in batches])
        total, mean = weight.sum(), weight.mean()
        ess = float(total**2 / (weight @ weight)) if total else 0.0
        error = float(weight.std() / np.sqrt(len(weight)))
        summary = {"n": len(weight), "ess": ess, "mean_weight": mean, "mean_weight_se": error}
        verdict = judge(summary).label if outside < 1e-9 else CANNOT
        for kind, made in KINDS.items():
            estimator = made()
            for b in batches:
                q_logged = model.predict(b.key, b.context, b.seen[level])
                q_target = model.predict(b.key, b.context, b.target)
                estimator.add(
                    ReplayBatch(
                        b.key,
                        b.reward,
                        weight=b.weight[level],
                        q_logged=q_logged,
                        q_target=q_target,
                    )
                )
            try:
                interval = Asymptotic().interval(estimator)
            except InputError:
                interval = None
            row = {"estimator": f"{level}-{kind}", "ess": ess, "verdict": verdict, "outside": outside}
            numbers = (interval.mean, interval.low, interval.high) if interval else (np.nan,) * 3
            yield row | dict(zip(("value", "low", "high"), numbers, strict=True))


def worlds_of(
    study: Study, shared: Prepared, folder: Path, seed: int, frozen: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Return what quotas are worth in the states of a logged run, and in the states of their own run.

    The first is exact (all quotas are judged at every request) and is what any unbiased estimate from the log
    goes to; the second is what switching to the quota would have brought.
    """
    rows, arms, start = [], study.loop.arms, study.loop.warmup
    all_names = [quota_name(q, arms) for q in all_quotas(study.loop.n_slots, len(arms))]
    specs = {q: s for q, s in target_specs(study.loop).items() if q in QUOTAS}
    random = policy_spec("random", arms)
    for design, kind, loggers in (
        ("frozen", FrozenLoop, {"random": random}),
        ("learning", Loop, {"random": random} | specs),
    ):
        place = folder / f"worlds-{design}"
        for spec in loggers.values():
            run_cell(kind, study, shared, spec, place, seed, rounds=start + len(frozen[QUOTAS[0]]))
        for logger, spec in loggers.items():
            values = column(place, "oracles", spec.name, "quota_reward", start)
            for target, own in specs.items():
                oracle = values[:, all_names.index(target)]
                real = frozen[target]
                if design == "learning":
                    real = column(place, "rounds", own.name, "reward", start)
                rows.append(
                    {
                        "design": design,
                        "logger": logger,
                        "policy": target,
                        "oracle": oracle.mean(),
                        "real": real.mean(),
                        "largest": np.abs(oracle - real).max(),
                        "seed": seed,
                    }
                )
    return pd.DataFrame(rows)


# ---- the study ---------------------------------------------------------------------------------------------


def main() -> None:
    """Run the parts that are asked for and write their answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the answers, made if absent")
    parser.add_argument("--part", choices=("all", "single", "omissions", "two-stage"), default="all")
    parser.add_argument("--logs", type=int, help=f"logs of each kind ({Plan.logs})")
    parser.add_argument("--seeds", type=int, help=f"replicates of the two-stage part ({Plan.seeds})")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes; results do not depend on it")
    parser.add_argument("--quick", action="store_true", help="everything once, small")
    parser.add_argument("--seed", type=int, default=20_263, help="root of the random streams of the logs")
    args = parser.parse_args()
    plan = QUICK if args.quick else Plan()
    plan = replace(plan, logs=args.logs or plan.logs, seeds=args.seeds or plan.seeds)
    args.out.mkdir(parents=True, exist_ok=True)
    work = joblib.Parallel(n_jobs=args.jobs, return_as="generator")

    def run(title: str, calls: list) -> list:
        console = Console(stderr=True)
        shown = track(work(calls), title, total=len(calls), console=console, disable=not console.is_terminal)
        return list(shown)

    began = time.perf_counter()
    about = {"ltrr": metadata.version("ltrr"), "seed": args.seed, "plan": plan.__dict__}
    if args.part in ("all", "single", "omissions"):
        world = known_world(plan)
        production, targets = policies_of(world, args.seed)
        about["values"] = {"production": world.value(production)} | {
            t.name: world.value(t.table) for t in targets
        }
        about["agree"] = {t.name: float((t.table * production).sum(axis=1).mean()) for t in targets}
        about["oracle"] = world.value(best_of(world.mean))
        for name, part in (("single", single), ("omissions", omissions)):
            if args.part in ("all", name):
                calls = [joblib.delayed(part)(plan, world, args.seed, r) for r in range(plan.logs)]
                pd.concat(run(name, calls)).to_csv(args.out / f"{name}.csv", index=False)
    if args.part in ("all", "two-stage"):
        found = run("two-stage", [joblib.delayed(two_stage)(plan, s) for s in range(plan.seeds)])
        pd.concat([f[0] for f in found]).to_csv(args.out / "two-stage.csv", index=False)
        pd.concat([f[1] for f in found]).to_csv(args.out / "worlds.csv", index=False)
    about["seconds"], about["jobs"] = round(time.perf_counter() - began), args.jobs
    (args.out / f"about-{args.part}.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


if __name__ == "__main__":
    import closed_loop  # by its name, so that worker processes find the functions and their cache

    closed_loop.main()
