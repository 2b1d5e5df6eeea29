"""How fast a large Parquet log goes through the replay: IPS and SNIPS with asymptotic intervals.

Run with ``python benchmarks/replay_scan.py [--rows N] [--folder DIR]``. The log has a reward, an action, a
propensity and one target probability a row, in parts of ten million rows. Reading is timed in a process of
its own, whose peak memory is its own too; compilation is not timed. The estimates are compared with those
that numpy makes of the same rows while they are written.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ACTIONS, PART, GROUP = 10, 10_000_000, 1_000_000


def write(folder: Path, rows: int) -> dict[str, float]:
    """Write the log and return its rows, IPS, SNIPS and bytes."""
    rng = np.random.default_rng(7)
    weighted = weights = 0.0
    for first in range(0, rows, PART):
        with pq.ParquetWriter(folder / f"part-{first // PART:04d}.parquet", schema()) as file:
            for start in range(first, min(first + PART, rows), GROUP):
                table = group(rng, min(GROUP, rows - start))
                w = table["target_new"].to_numpy().astype(float) / table["propensity"].to_numpy().astype(
                    float
                )
                weighted += float(w @ table["reward"].to_numpy().astype(float))
                weights += float(w.sum())
                file.write_table(table)
    size = sum(p.stat().st_size for p in folder.glob("*.parquet"))
    return {"rows": rows, "ips": weighted / rows, "snips": weighted / weights, "bytes": size}


def schema() -> pa.Schema:
    return pa.schema(
        [
            ("reward", pa.float32()),
            ("action", pa.int16()),
            ("propensity", pa.float32()),
            ("target_new", pa.float32()),
        ]
    )


def group(rng: np.random.Generator, n: int) -> pa.Table:
    """Return rows of a logging policy with random propensities and of another policy."""
    action = rng.integers(0, ACTIONS, n, dtype=np.int16)
    reward = (rng.random(n) < 0.02 + 0.01 * action).astype(np.float32)
    propensity = rng.uniform(0.02, 0.5, n).astype(np.float32)
    target = rng.uniform(0.0, 0.3, n).astype(np.float32)
    return pa.table([reward, action, propensity, target], schema=schema())


def scan(folder: Path, chunk_rows: int | None) -> dict[str, float]:
    """Read the log and estimate; times begin after one small log has compiled everything."""
    from ltrr.logs.reading import read
    from ltrr.replay.estimators import IPS, SNIPS
    from ltrr.replay.estimators.batch import ReplayBatch
    from ltrr.replay.intervals.asymptotic import Asymptotic

    def one(path: Path) -> dict[str, float]:
        estimators, intervals = [IPS(), SNIPS()], [Asymptotic(), Asymptotic()]
        rows = 0
        for events in read(path, chunk_rows=chunk_rows).chunks():
            weight = events.targets["new"] / events.propensity
            batch = ReplayBatch(events.key, events.reward, weight=weight)
            rows += len(events)
            for estimator in estimators:
                estimator.add(batch)
        bounds = [i.interval(e) for i, e in zip(intervals, estimators, strict=True)]
        values = {e.name: e.value() for e in estimators}
        return (
            values
            | {"rows": rows}
            | {f"{e.name}_half": (b.high - b.low) / 2 for e, b in zip(estimators, bounds, strict=True)}
        )

    with tempfile.TemporaryDirectory() as small:
        write(Path(small), 1000)
        one(Path(small))
    wall, cpu = time.perf_counter(), time.process_time()
    out = one(folder)
    out |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    # kilobytes on Linux, bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    return out | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--folder", type=Path, help="where the log is written; a temporary folder by default")
    parser.add_argument("--chunk-rows", type=int, default=None)
    parser.add_argument("--scan", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.scan:
        print(json.dumps(scan(arguments.scan, arguments.chunk_rows)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        truth = write(Path(folder), arguments.rows)
        print(f"log: {arguments.rows:,} rows, {truth['bytes'] / 1e9:.2f} GB of Parquet")
        command = [sys.executable, __file__, "--scan", folder]
        if arguments.chunk_rows:
            command += ["--chunk-rows", str(arguments.chunk_rows)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    assert found["rows"] == truth["rows"]
    for name in ("ips", "snips"):
        assert abs(found[name] - truth[name]) <= 1e-9 * abs(truth[name]), name
        print(f"{name}: {found[name]:.6f} ± {found[name + '_half']:.6f}")
    print(f"wall {found['wall']:.1f} s, {found['rows'] / found['wall'] / 1e6:.2f} million rows/s")
    print(f"CPU  {found['cpu']:.1f} s, {found['rows'] / found['cpu'] / 1e6:.2f} million rows/s")
    print(f"peak memory {found['peak'] / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
