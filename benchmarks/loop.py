"""The whole loop on the default study's world: speed, where the time goes, memory, and loops over rows.

Run with ``python benchmarks/loop.py`` (times are CPU seconds of this process on one thread) or with
``python benchmarks/loop.py --trace`` (bytecode instructions a batch, by batch size). Compiled code (kernels,
numpy, LightGBM) executes no bytecode, so a count that does not grow with the batch says that no Python code
runs a row at a time. Vowpal Wabbit is the exception: its interface takes one example a call.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import functools
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import lightgbm
from threadpoolctl import threadpool_limits

import ltrr.simulation.cell
import ltrr.simulation.loop
from ltrr.bandits.spec import policy_spec
from ltrr.logs.writer import LogWriter
from ltrr.rng import Streams
from ltrr.simulation.cell import Cell
from ltrr.simulation.loop import Loop
from ltrr.simulation.measure import Measures
from ltrr.simulation.system import Prepared
from ltrr.study.build import build, make_world, prepare, system_of
from ltrr.study.files import read_study
from ltrr.study.study import Study

POLICIES = ("equal", "linucb")
AROUND = ("measure", "log", "checkpoints", "result tables", "cell", "held-out")
TRACED = ("equal", "linucb", "linucb-allocations", "linucb-disjoint", "epsilon-greedy", "vw-epsilon")


class Stopwatch:
    """CPU seconds by stage; a stage inside another is not counted twice."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self._open: list[float] = []

    def wrap(self, stage: str, run: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``run`` with its own time added to ``stage``."""

        @functools.wraps(run)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._open.append(0.0)
            start = time.process_time()
            try:
                return run(*args, **kwargs)
            finally:
                spent = time.process_time() - start
                inner = self._open.pop()
                self.seconds[stage] += spent - inner
                self.calls[stage] += 1
                if self._open:
                    self._open[-1] += spent

        return timed


def stages(loop: Loop) -> Iterator[tuple[str, Any, str]]:
    """Yield (stage, owner, attribute) of all that a round passes through."""
    system = loop.system
    yield from (("world", type(system.world), name) for name in ("next", "held_out"))
    yield "truth", type(system.world), "truth"
    yield from (("context", type(system.context), name) for name in ("build", "asked", "count"))
    yield "actions", type(system.actions), "build"
    yield "policy", type(system.policy), "probabilities"
    yield "draw", ltrr.simulation.loop, "draw"
    for name, arm in zip(loop.setting.arms, system.arms, strict=True):
        yield f"retrieve: {name}", arm, "retrieve"
        if not arm.static:
            yield f"learn: {name}", arm, "learn"
    yield "union", ltrr.simulation.loop, "union"
    yield "features", type(system.features), "build"
    yield "ranker: Booster.predict", lightgbm.Booster, "predict"
    yield "ranker: other", type(system.ranker), "score"
    yield "page", ltrr.simulation.loop, "build_page"
    yield "user", type(system.user), "sample"
    yield "credit", ltrr.simulation.loop, "credit"
    yield "learn: history", type(system.history), "learn"
    yield "learn: policy", type(system.policy), "learn"
    yield "learn: ranker (training)", type(system.ranker), "learn"
    yield "measure: rounds", Measures, "rounds"
    yield "measure: oracles", Measures, "oracles"
    yield "log: rows", LogWriter, "append"
    yield "log: Parquet", LogWriter, "flush"
    yield "checkpoints", Loop, "state"
    yield "checkpoints", Loop, "restore"
    yield from (("checkpoints", ltrr.simulation.cell, name) for name in ("pack", "unpack", "write_aside"))
    yield "result tables", ltrr.simulation.cell, "write_table"
    yield "loop: rest", Loop, "step"
    yield "held-out judging: rest", Loop, "judge_held_out"


@contextmanager
def watched(loop: Loop, watch: Stopwatch) -> Iterator[None]:
    """Time every stage of a loop while the context lasts."""
    saved = []
    for stage, owner, name in stages(loop):
        own = vars(owner).get(name)
        saved.append((owner, name, own))
        setattr(owner, name, watch.wrap(stage, getattr(owner, name)))
    try:
        yield
    finally:
        for owner, name, own in reversed(saved):
            if own is None:
                delattr(owner, name)
            else:
                setattr(owner, name, own)


def make_loop(study: Study, prepared: Prepared, policy: str) -> Loop:
    """Return a loop at its beginning."""
    streams = Streams(study.seed)
    spec = policy_spec(policy, study.loop.arms)
    return Loop(system_of(study, prepared, spec, streams), study.loop, streams)


def run_cell(loop: Loop, policy: str, rounds: int, *, logged: bool = True) -> float:
    """Return the CPU seconds of a whole cell: rounds, oracles, log, checkpoints, held-out judging."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        Cell(loop, Path(folder), policy, 0, rounds, logged=logged).run()
        return time.process_time() - start


def measure(study: Study, prepared: Prepared, policy: str, repeats: int) -> None:
    """Print speed and profile of one policy."""
    rounds = study.rounds
    run_cell(make_loop(study, prepared, policy), policy, study.loop.warmup + 2 * study.loop.feedback_every)
    plain = min(run_cell(make_loop(study, prepared, policy), policy, rounds) for _ in range(repeats))
    bare = min(
        run_cell(make_loop(study, prepared, policy), policy, rounds, logged=False) for _ in range(repeats)
    )
    profiles = []
    for _ in range(repeats):
        loop, watch = make_loop(study, prepared, policy), Stopwatch()
        with watched(loop, watch):
            profiles.append((run_cell(loop, policy, rounds), watch))
    total, watch = min(profiles, key=lambda pair: pair[0])
    seconds = dict(watch.seconds)
    seconds["cell: rest"] = total - sum(seconds.values())
    predict = seconds["ranker: Booster.predict"]
    training = seconds["learn: ranker (training)"]
    retrieval = sum(s for name, s in seconds.items() if name.startswith("retrieve"))
    rest = total - predict - training - retrieval
    around = sum(s for name, s in seconds.items() if name.startswith(AROUND))
    online = total - retrieval - training - around
    print(f"\n{policy}: {rounds:,} rounds in batches of {study.loop.feedback_every}")
    print(f"  {rounds / plain:9,.0f} rounds per CPU-second with the log ({plain:.2f} s)")
    print(f"  {rounds / bare:9,.0f} rounds per CPU-second without ({bare:.2f} s)")
    print(f"  profiled run {total:.2f} s, of it LightGBM {(predict + training) / total:.0%}:")
    print(f"  {predict / total:9.0%} Booster.predict ({predict:.3f} s), {training / total:.0%} training")
    print(f"  {retrieval / total:9.0%} retrieval ({retrieval:.3f} s)")
    print(f"  {rest / total:9.0%} everything else ({rest:.3f} s), {rest / predict:.2f} x Booster.predict")
    print(
        f"  {online:9.3f} s for rounds alone: no retrieval, training, measures, log, files; predict included,"
    )
    print(f"  {online / predict:9.2f} x Booster.predict")
    print(f"  {'stage':28s} {'share':>6s} {'ms':>8s} {'calls':>6s}")
    for name, spent in sorted(seconds.items(), key=lambda pair: -pair[1]):
        print(f"  {name:28s} {spent / total:6.1%} {1000 * spent:8.1f} {watch.calls[name]:6d}")


def instructions(run: Callable[[], object]) -> int:
    """Return the number of bytecode instructions that a call executes, in whatever module."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:  # noqa: ARG001 - the interpreter's form
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


def trace_sizes(study: Study, prepared: Prepared, policies: tuple[str, ...], sizes: tuple[int, int]) -> None:
    """Print the instructions of one batch, lesson included, for two batch sizes."""
    print(f"\ninstructions a batch {'':12s}" + "".join(f"{n:>11,d}" for n in sizes) + "    ratio")
    for policy in policies:
        counts = []
        for size in sizes:
            # one request of each batch is judged by oracles and no training falls into the one that is
            # counted, so that only the batch's size differs
            setting = replace(study.loop, warmup=0, feedback_every=size, oracle_every=size)
            ranker = {**study.ranker, "first": 250, "factor": 1e9}
            loop = make_loop(replace(study, loop=setting, ranker=ranker), prepared, policy)
            measures = Measures(loop)

            def batch(loop: Loop = loop, measures: Measures = measures, size: int = size) -> None:
                served = loop.step(size)
                measures.rounds(served)
                measures.oracles(served)

            while loop.round < max(sizes):
                batch()
            counts.append(instructions(batch))
        print(f"  {policy:30s}" + "".join(f"{n:11,d}" for n in counts) + f"{counts[1] / counts[0]:9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--trace", action="store_true")
    args = parser.parse_args()

    study = replace(read_study("default"), rounds=args.rounds)
    with threadpool_limits(1):
        start = time.process_time()
        prepared = prepare(build(study), make_world(study))
        n_items, n_queries = len(prepared.world.catalogue), len(prepared.world.queries)
        spent = time.process_time() - start
        print(f"world and arms: {n_items:,} items, {n_queries:,} queries, {spent:.1f} CPU seconds")
        if args.trace:
            trace_sizes(study, prepared, TRACED, (50, 500))
            return
        for policy in POLICIES:
            measure(study, prepared, policy, args.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\npeak memory {peak / 1024 / (1024 if sys.platform == 'darwin' else 1):,.0f} MiB")


if __name__ == "__main__":
    main()
