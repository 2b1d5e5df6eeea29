"""What metrics, guardrails and segments add to a replay: ``python -m benchmarks.several_metrics [ROWS]``.

One metric and several are timed in turn on one log in Parquet, so that load of the machine hits both.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import ltrr

SEVERAL = {
    "metrics": ["revenue", "rpc=revenue/reward"],
    "guardrails": ["latency < 1%", "complaint < 0.001"],
}
SETTINGS: dict[str, dict[str, Any]] = {
    "ips, snips": {"estimators": ["ips", "snips"], "cluster": None},
    "ips, snips, dr": {"cluster": None},
    "ips, snips, dr, 100,000 users": {},
    "ips, snips, dr, bootstrap:200": {"cluster": None, "intervals": ["bootstrap:200"]},
}


def write_log(path: Path, n: int) -> None:
    """Write a log with three actions, two context columns and five columns that are measured."""
    rng = np.random.default_rng(0)
    share = np.array([0.5, 0.3, 0.2])
    action = rng.choice(3, n, p=share)
    click = (rng.random(n) < 0.1).astype(float)
    columns = {
        "action": action,
        "reward": click,
        "propensity": share[action],
        "revenue": click * rng.gamma(2.0, 3.0, n),
        "latency": rng.normal(100.0, 10.0, n),
        "complaint": (rng.random(n) < 0.01).astype(float),
        "user_id": rng.integers(0, n // 10, n),
        "context_x": rng.normal(size=n).astype(np.float32),
        "context_y": rng.normal(size=n).astype(np.float32),
        "country": np.array(["de", "fr", "it", "es", "nl"])[rng.integers(0, 5, n)],
    }
    pq.write_table(pa.table(columns), path)


def seconds(path: Path, **options: Any) -> float:
    """Return the CPU-seconds of one replay."""
    start = time.process_time()
    ltrr.replay.run(path, ["uniform"], quiet=True, **options)
    return time.process_time() - start


def main(n: int = 1_000_000, rounds: int = 5) -> None:
    """Print a line a setting: medians of CPU-seconds and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        write_log(path, n)
        say = sys.stdout.write
        say("| | one metric | 3 metrics, 2 guardrails | ratio | 5 segments | ratio |\n")
        say("|---|--:|--:|--:|--:|--:|\n")
        for name, options in SETTINGS.items():
            times = [
                (
                    seconds(path, **options),
                    seconds(path, **options, **SEVERAL),
                    seconds(path, **options, by="country"),
                )
                for _ in range(rounds + 1)
            ][1:]
            one, several, segments = np.median(np.array(times), axis=0)
            say(
                f"| {name} | {one:.2f} | {several:.2f} | {several / one:.2f} | {segments:.2f} | "
                f"{segments / one:.2f} |\n"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
