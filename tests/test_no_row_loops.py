"""No Python code on a round's path runs a row at a time: bytecode counts do not grow with the batch.

Kernels, numpy and LightGBM execute no bytecode, so whatever grows is a loop in Python, wherever it stands.
"""

import sys
from dataclasses import replace

import numba
import numpy as np
import pytest

from ltrr import LoopSetting, Streams
from ltrr.log import LogWriter
from ltrr.loop import Loop
from ltrr.measure import Measures
from ltrr.study import Study, policy_spec
from ltrr.system import Prepared

SMALL, LARGE = 20, 200
SETTING = LoopSetting(warmup=0, slot_size=8, page_size=6, audit=0.1, checkpoint_every=10_000)
LOOP_FREE = [
    "equal",
    "random",
    "rrf",
    "memory",
    "linucb",
    "linucb-allocations",
    "linucb-disjoint",
    "epsilon-greedy",
    {"name": "epsilon-greedy-allocations", "kind": "epsilon-greedy", "space": "allocations"},
]

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted kernels are loops over rows")


def instructions(run, besides=()):
    """Count the bytecode instructions that a call executes, but for those of files in ``besides``."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        if any(part in frame.f_code.co_filename for part in besides):
            return None
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


@pytest.mark.parametrize(
    "loop_over",
    [
        lambda rows: [row + 1 for row in rows],
        lambda rows: any(row < 0 for row in rows),
        lambda rows: list(map(lambda row: row + 1, rows)),
        lambda rows: [abs(row) for row in rows],
    ],
)
def test_the_counter_sees_loops(loop_over):
    few, many = (np.arange(n) for n in (SMALL, LARGE))
    assert instructions(lambda: loop_over(many)) > 5 * instructions(lambda: loop_over(few))
    assert instructions(lambda: np.sqrt(many)) == instructions(lambda: np.sqrt(few))


@pytest.fixture(scope="module")
def shared():
    study = Study(
        rounds=10_000,
        world={"kind": "music", "n_items": 400, "n_queries": 200, "seed": 3},
        arms={"dense": {"dim": 16}},
        loop=SETTING,
        # trained once before the batch that is counted, then never again
        ranker={"kind": "lambdamart", "first": LARGE, "factor": 1e9, "n_trees": 5},
        policies=(policy_spec("equal", SETTING.arms),),
    )
    return study, Prepared.build(study.make_world(), study.make_arms(), SETTING)


def count(shared, policy, size, folder, besides=()):
    """Count one batch's instructions: served, learnt from, measured, judged by oracles and logged."""
    study, prepared = shared
    # one request a batch is judged, so that only the batch's size differs
    setting = replace(SETTING, feedback_every=size, oracle_every=size)
    study, streams = replace(study, loop=setting), Streams(1)
    loop = Loop(study.system(prepared, policy_spec(policy, setting.arms), streams), setting, streams)
    measures, writer = Measures(loop), LogWriter(folder, "policy", 0)

    def batch():
        served = loop.step(size)
        measures.rounds(served)
        measures.oracles(served)
        writer.append(
            served.feedback,
            served.union,
            served.score,
            served.page,
            censored=served.censored,
            model_version=served.model_version,
        )

    while loop.round < LARGE:  # compiles, and trains the ranker
        batch()
    return instructions(batch, besides)


@pytest.mark.parametrize("policy", LOOP_FREE, ids=lambda p: p if isinstance(p, str) else p["name"])
def test_a_batch_of_ten_times_the_rows_runs_no_more_python(shared, policy, tmp_path):
    few, many = (count(shared, policy, size, tmp_path) for size in (SMALL, LARGE))
    # which arms come back short, and so how often fallbacks are asked, depends on the rows: a few per cent
    assert many < 1.1 * few


def test_with_vowpal_wabbit_only_its_own_calls_grow(shared, tmp_path):
    own = ("vowpalwabbit", "vowpal_wabbit.py")
    few, many = (count(shared, "vw-epsilon", size, tmp_path, own) for size in (SMALL, LARGE))
    assert many < 1.1 * few
    assert count(shared, "vw-epsilon", LARGE, tmp_path) > 2 * count(shared, "vw-epsilon", SMALL, tmp_path)
