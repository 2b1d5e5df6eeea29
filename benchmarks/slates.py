"""Slate estimators by number of rows: is the time linear, and how many nanoseconds does a row cost?

Run with ``python benchmarks/slates.py``. Slates have 5 slots; times are CPU seconds of this process for one
`Estimator.add` of everything, the best of several repeats, without compilation.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time

import numpy as np

from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.slate import PI, RIPS, SNRIPS, CascadeDR, IndependentIPS, SlateIPS, SlateSNIPS

SLOTS = 5


def batch_of(rows: int) -> ReplayBatch:
    """Return logged slates with random weights, rewards and predictions."""
    rng = np.random.default_rng(0)
    batch = ReplayBatch(
        np.repeat(np.arange(rows // SLOTS), SLOTS),
        rng.random(rows),
        weight=rng.lognormal(0, 0.5, rows),
        q_logged=rng.random(rows),
        q_target=rng.random(rows),
    )
    _ = batch.indptr
    return batch


def seconds(estimator: Estimator, batch: ReplayBatch, repeats: int) -> float:
    """Return CPU seconds of the fastest of several passes."""
    times = []
    for _ in range(repeats):
        fresh = estimator.fork()
        start = time.process_time()
        fresh.add(batch)
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()

    estimators = [
        SlateIPS(),
        SlateSNIPS(),
        IndependentIPS(),
        PI(),
        RIPS(),
        SNRIPS(n_slots=SLOTS),
        CascadeDR(),
    ]
    small = batch_of(100)
    for estimator in estimators:
        seconds(estimator, small, 1)
    print(f"{'ns a row':16s}" + "".join(f"{rows:>12,}" for rows in args.rows))
    cost: dict[str, list[float]] = {e.name: [] for e in estimators}
    for rows in args.rows:
        batch = batch_of(rows)
        for estimator in estimators:
            cost[estimator.name].append(1e9 * seconds(estimator, batch, args.repeats) / rows)
    for name, values in cost.items():
        print(f"{name:16s}" + "".join(f"{value:12.1f}" for value in values))


if __name__ == "__main__":
    main()
