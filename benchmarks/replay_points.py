"""Point estimates and asymptotic intervals of IPS, SNIPS, DR and SWITCH-DR: 1,000,000 rows, 10 actions.

Run with ``python benchmarks/replay_points.py [--obp-python PATH]``, where PATH is a Python that has obp
(0.5.7) for the same estimates there, its points alone and with 100 bootstrap samples. Given are rewards,
actions, propensities, the target's probabilities and the predictions for all actions; timed is all from
there: weights, Σ_a π q̂, the estimates and their standard errors. CPU-seconds of one thread, the best of
several repeats, without compilation; the parts are timed in a pass of their own.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

from ltrr.replay.estimators import DR, IPS, SNIPS, Estimator, SwitchDR
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.slope import Slope

ROWS, ACTIONS, CHUNK, REPEATS = 1_000_000, 10, 32_768, 7
THERE = Path(__file__).with_name("obp_side.py")


def make_log(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    target = rng.dirichlet(np.ones(ACTIONS), n)
    return {
        "reward": (rng.random(n) < 0.1).astype(np.float64),
        "action": rng.integers(0, ACTIONS, n),
        "pscore": np.full(n, 1.0 / ACTIONS),
        "target": target,
        "predicted": rng.random((n, ACTIONS)),
    }


def batches(log: dict[str, np.ndarray]) -> list[ReplayBatch]:
    """Return the log as batches: weights, and predictions reduced over actions."""
    out = []
    for start in range(0, len(log["reward"]), CHUNK):
        part = {name: column[start : start + CHUNK] for name, column in log.items()}
        rows = np.arange(len(part["reward"]))
        out.append(
            ReplayBatch(
                rows + start,
                part["reward"],
                weight=part["target"][rows, part["action"]] / part["pscore"],
                q_logged=part["predicted"][rows, part["action"]],
                q_target=np.einsum("na,na->n", part["target"], part["predicted"]),
            )
        )
    return out


def judged(estimators: list[Estimator], parts: list[ReplayBatch]) -> list[tuple[float, float, float]]:
    """Return value, low and high of each estimator."""
    z = stats.norm.ppf(0.975)
    out = []
    for part in parts:
        for estimator in estimators:
            estimator.add(part)
    for estimator in estimators:
        value, reach = estimator.value(), z * estimator.standard_error()
        out.append((value, value - reach, value + reach))
    return out


def fresh() -> list[Estimator]:
    return [IPS(), SNIPS(), DR(), SwitchDR(2.0)]


def best(run: Callable[[], object]) -> float:
    """Return CPU-seconds of the fastest repeat, after one that compiles."""
    run()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return min(seconds)


def theirs(python: str, log: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "log.npz", **log)
        out = Path(folder) / "out.npz"
        command = [python, str(THERE), "speed", str(out), str(Path(folder) / "log.npz"), "100"]
        subprocess.run(command, check=True)
        with np.load(out, allow_pickle=False) as found:
            return dict(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--obp-python", help="a Python that has obp")
    arguments = parser.parse_args()
    log = make_log(np.random.default_rng(0), ROWS)
    parts = batches(log)
    found = judged(fresh(), parts)
    print(f"{ROWS:,} rows, {ACTIONS} actions, chunks of {CHUNK:,}; CPU-seconds")
    print(f"{best(lambda: judged(fresh(), batches(log))):8.3f}  all: weights, Σ π q̂, points, intervals")
    print(f"{best(lambda: batches(log)):8.3f}    weights and Σ π q̂")
    for estimator in [*fresh(), Slope("switch-dr")]:
        seconds = best(lambda e=estimator: judged([e.fork()], parts))
        rows = best(lambda e=estimator: max(len(e.rows(part)) for part in parts))
        apart = "" if not isinstance(estimator, Slope) else ", not in the sum"
        print(f"{seconds:8.3f}    {estimator.label} ({rows:.3f} for its rows){apart}")
    if arguments.obp_python:
        there = theirs(arguments.obp_python, log)
        print(f"{float(there['points']):8.3f}  obp {there['version']}, points")
        print(f"{float(there['bootstrap']):8.3f}  obp {there['version']}, intervals of 100 bootstrap samples")
        here = np.array([value for value, _, _ in found])
        print(f"largest relative difference of a point {np.abs(here / there['values'] - 1.0).max():.1e}")
        return int(not np.allclose(here, there["values"], rtol=1e-10, atol=0.0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
