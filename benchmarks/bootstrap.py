"""Poisson bootstrap and confidence sequence on a million rows, in CPU-seconds and seconds.

The bootstrap draws 1,000 weights a row, whatever the number of columns: IPS has 2, IPS beside SNIPS and DR 7.
numpy's own Poisson generator and a matrix product are timed on a hundredth of the rows, for comparison.
Run: ``python -m benchmarks.bootstrap [--rows 1000000] [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from ltrr.replay.estimators.snips import SNIPS
from ltrr.replay.intervals import ConfidenceSequence, PoissonBootstrap


def timed(run, rounds: int) -> tuple[float, float]:
    """Return the medians of CPU-seconds and seconds, after a first call that compiles."""
    run()
    cpu, wall = [], []
    for _ in range(rounds):
        start = time.process_time(), time.perf_counter()
        run()
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    return float(np.median(cpu)), float(np.median(wall))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    key = rng.integers(0, 2**62, args.rows)
    for columns in (2, 3, 7, 8):
        rows = rng.random((args.rows, columns))
        cpu, wall = timed(lambda rows=rows: PoissonBootstrap().add(rows, key), args.rounds)
        print(f"bootstrap, 1,000 resamples, {columns} columns  {cpu:6.2f} CPU-s  {wall:6.2f} s")

    few = rng.random((args.rows // 100, 2))
    cpu, _ = timed(lambda: few.T @ rng.poisson(1.0, (len(few), 1000)), args.rounds)
    print(f"numpy, the same, 2 columns            {100 * cpu:6.2f} CPU-s (a hundredth, times 100)")

    weight = rng.exponential(size=args.rows)
    reward = (rng.random(args.rows) < 0.3).astype(float)
    rows = np.stack([np.ones(args.rows), weight * reward, weight], axis=1)
    sequence = ConfidenceSequence(reward_range=(0.0, 1.0)).fork(SNIPS())
    cpu, wall = timed(lambda: sequence.fork().add(rows, key), args.rounds)
    print(f"confidence sequence, snips            {cpu:6.2f} CPU-s  {wall:6.2f} s")


if __name__ == "__main__":
    main()
