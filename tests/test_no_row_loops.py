"""No Python code on a round's path runs a row at a time: bytecode counts do not grow with the batch.

Kernels, numpy and LightGBM execute no bytecode, so whatever grows is a loop in Python, wherever it stands.
"""

import sys
from dataclasses import replace

import numba
import numpy as np
import pytest

from ltrr import LoopSetting, Streams
from ltrr.bandits.spec import policy_spec
from ltrr.logs.writer import LogWriter
from ltrr.simulation.loop import Loop
from ltrr.simulation.measure import Measures
from ltrr.study.build import build, make_world, prepare, system_of
from ltrr.study.study import Study

SMALL, LARGE = 300, 2_000  # the ranker takes feedback apart at 256 rows: both batches do
FIRST = 300
SETTING = LoopSetting(
    warmup=0, slot_size=8, slab_size={"memory": 3}, page_size=6, audit=0.1, checkpoint_every=10_000
)
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

pytestmark = [
    pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted kernels are loops over rows"),
    pytest.mark.skipif(
        sys.version_info >= (3, 12),
        reason="from 3.12 on, tracing reports instructions otherwise; 3.11 counts the same code",
    ),
]


def below(frame, file):
    """Say whether a frame runs code of a file, or was called from it."""
    while frame is not None and not frame.f_code.co_filename.endswith(file):
        frame = frame.f_back
    return frame is not None


def instructions(run, apart=None):
    """Count the bytecode instructions of a call, without and within what runs in or below a file."""
    counts = [0, 0]

    def trace(frame, event, arg):
        if event == "call":
            within = apart is not None and below(frame, apart)
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            return inner if within else trace
        counts[0] += event == "opcode"
        return trace

    def inner(frame, event, arg):
        counts[1] += event == "opcode"
        return inner

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return counts


@pytest.mark.parametrize(
    "loop_over",
    [
        lambda rows: [row + 1 for row in rows],
        lambda rows: any(row < 0 for row in rows),
        lambda rows: [abs(row) for row in rows],
    ],
)
def test_the_counter_sees_loops(loop_over):
    few, many = (np.arange(n) for n in (SMALL, LARGE))
    more = instructions(lambda: loop_over(many))[0] - instructions(lambda: loop_over(few))[0]
    assert more > LARGE - SMALL
    assert instructions(lambda: np.sqrt(many)) == instructions(lambda: np.sqrt(few))


@pytest.fixture(scope="module")
def shared():
    study = Study(
        rounds=10_000,
        world={"kind": "music", "n_items": 400, "n_queries": 200, "seed": 3},
        arms={"dense": {"encoder": {"kind": "lsa", "dim": 16}}},
        loop=SETTING,
        # trained once before the batch that is counted, then never again
        ranker={"kind": "lambdamart", "first": FIRST, "factor": 1e9, "n_trees": 5},
        policies=(policy_spec("equal", SETTING.arms),),
    )
    return study, prepare(build(study), make_world(study))


def count(shared, policy, size, folder, apart=None):
    """Count one batch's instructions: served, learnt from, measured, judged by oracles and logged."""
    study, prepared = shared
    # one request a batch is judged, so that only the batch's size differs
    setting = replace(SETTING, feedback_every=size, oracle_every=size)
    study, streams = replace(study, loop=setting), Streams(1)
    loop = Loop(system_of(study, prepared, policy_spec(policy, setting.arms), streams), setting, streams)
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
            available=served.available,
        )

    while loop.round < max(FIRST, size):  # compiles, and trains the ranker
        batch()
    return instructions(batch, apart)


@pytest.mark.parametrize("policy", LOOP_FREE, ids=lambda p: p if isinstance(p, str) else p["name"])
def test_a_larger_batch_runs_no_more_python(shared, policy, tmp_path):
    few, many = (count(shared, policy, size, tmp_path)[0] for size in (SMALL, LARGE))
    # a loop costs some instructions a row; how often fallbacks are asked depends on the rows and moves
    # the count by a hundred or two
    assert abs(many - few) < LARGE - SMALL


def test_with_vowpal_wabbit_only_its_own_calls_grow(shared, tmp_path):
    sizes = (SMALL, 4 * SMALL)
    few, many = (count(shared, "vw-epsilon", n, tmp_path, "bandits/vowpal_wabbit.py") for n in sizes)
    assert abs(many[0] - few[0]) < 3 * SMALL
    assert many[1] > 3 * few[1]
