"""Reading decision-service JSON lines: MB/s beside Python's json and Vowpal Wabbit's own parser.

Run with ``python benchmarks/replay_dsjson.py FILE [--megabytes 200]``. The file's lines are repeated up to
the size, each with an event id of its own where it has one. Times are CPU seconds of one thread, the best of
three, without compilation; those of json and of Vowpal Wabbit (its own process, which also predicts) are of
one run. The first pass (which actions and features there are) and the pass that replays are timed apart:
every log needs the first one once.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ltrr.logs.formats.dsjson import DsjsonLog, open_dsjson
from ltrr.logs.formats.dsjson_scan import Scanner
from ltrr.logs.formats.text_lines import blocks

REPEATS = 3


def seconds(run: Callable[[], object]) -> float:
    """Return CPU seconds of the fastest repeat."""
    out = []
    for _ in range(REPEATS):
        start = time.process_time()
        run()
        out.append(time.process_time() - start)
    return min(out)


def repeat(file: Path, to: Path, size: int) -> None:
    """Write a file's lines again and again, with other event ids."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    written, j = 0, 0
    with to.open("w", encoding="utf-8") as out:
        while written < size:
            block = "\n".join(line.replace('"EventId":"', f'"EventId":"{j}-') for line in lines) + "\n"
            written += out.write(block)
            j += 1


def by_json(path: Path) -> float:
    """Sum the costs with Python's json, a line at a time."""
    total = 0.0
    with path.open("rb") as file:
        for line in file:
            total += json.loads(line).get("_label_cost", 0.0)
    return total


def by_vw(path: Path) -> float:
    """Return the CPU seconds that Vowpal Wabbit takes to parse the file and do next to nothing else."""
    command = f"--cb_adf --dsjson --quiet --no_stdin -t --cb_type mtr -d {path}"
    code = f"import vowpalwabbit as v; w = v.Workspace({command!r}); w.finish()"
    idle = "import vowpalwabbit as v; w = v.Workspace('--cb_adf --quiet --no_stdin'); w.finish()"
    spent = []
    for text in (idle, code):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", text], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return spent[1] - spent[0]


def drain(log: DsjsonLog) -> int:
    """Read a log's events; return how many."""
    return sum(len(events) for events in log.chunks())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--megabytes", type=float, default=200.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.json"
        repeat(arguments.file, path, int(arguments.megabytes * 1e6))
        size = path.stat().st_size / 1e6
        small = Path(folder) / "small.json"
        repeat(arguments.file, small, 1_000_000)
        for features in (False, True):
            drain(open_dsjson(small, features=features))

        log = open_dsjson(path, features=False)
        _ = log.space
        events = [e for e in open_dsjson(small, features=False).chunks() if e.probabilities is not None]
        rows = [
            e.probabilities[e.place] / e.propensity * e.reward for e in events if e.probabilities is not None
        ]
        if rows:
            mean = np.concatenate([e.reward for e in events]).mean()
            print(f"IPS of the logged policy {np.concatenate(rows).mean():.9f}, mean reward {mean:.9f}")
        print(f"{arguments.file.name}: {size:.0f} MB, {drain(log):,} rows")

        def scan() -> None:
            scanner = Scanner()
            for text in blocks(path, 1 << 22):
                scanner.scan(text)

        light = open_dsjson(path, features=False, check_duplicates=False)
        _ = light.space
        full = open_dsjson(path, features=True)
        _ = full.space
        runs: dict[str, Callable[[], object]] = {
            "labels: scan alone": scan,
            "labels: first pass": lambda: open_dsjson(path, features=False).space,
            "labels: replay, checked, duplicates looked for": lambda: drain(log),
            "labels: replay, checked": lambda: drain(light),
            "features: first pass": lambda: open_dsjson(path).space,
            "features: replay, checked": lambda: drain(full),
        }
        if not log.survey.has_ids:
            del runs["labels: replay, checked, duplicates looked for"]
        for name, run in runs.items():
            print(f"{size / seconds(run):8.0f} MB/s  {name}")
        start = time.process_time()
        by_json(path)
        print(f"{size / (time.process_time() - start):8.0f} MB/s  json.loads, one cost a line")
        if b'"_outcomes"' not in path.open("rb").readline():
            print(f"{size / by_vw(path):8.0f} MB/s  vowpalwabbit --dsjson --cb_adf -t")


if __name__ == "__main__":
    main()
