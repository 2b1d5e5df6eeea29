"""Point estimates beside those of the Open Bandit Pipeline, on the same random logs.

Run with ``python benchmarks/obp_points.py --obp-python PATH``, where PATH is a Python that has obp (0.5.7, on
Python 3.10). Each estimator of each log is computed here and there from the same weights, rewards and
predictions; the exit status is 1 if any two differ by more than 1e-10 of their size.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ltrr.replay.estimators import make_estimator
from ltrr.replay.estimators.batch import ReplayBatch

ACTIONS = 10
LOGS = ((1, 1_000), (1, 20_000), (3, 20_000), (5, 20_000))
"""Positions and rows of the logs."""
TOLERANCE = 1e-10
THERE = Path(__file__).with_name("obp_side.py")
SPECS = (
    "replay", "ips", "snips", "clipped-ips:3", "dm", "dr", "sndr", "switch-dr:2", "switch-dr:8", "dr-os:5",
    "dr-os:200", "sub-gaussian:0.1", "sub-gaussian-dr:0.1", "balanced-ips",
)  # fmt: skip


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def make_log(rng: np.random.Generator, positions: int, n: int) -> dict[str, np.ndarray]:
    """Return a log of one impression a row, with everything that any of the estimators takes."""
    logging = softmax(rng.normal(0.0, 1.0, (n, ACTIONS, positions)))
    target = softmax(rng.normal(0.0, 1.0, (n, ACTIONS, positions)))
    predicted = rng.beta(2.0, 3.0, (n, ACTIONS, positions))
    rows = np.arange(n)
    position = rng.integers(0, positions, n)
    there = logging[rows, :, position]
    action = (rng.random(n)[:, None] > there.cumsum(axis=1)).sum(axis=1).clip(0, ACTIONS - 1)
    reward = (rng.random(n) < rng.beta(2.0, 3.0, n)).astype(np.float64)
    greedy = (target == target.max(axis=1, keepdims=True)).astype(np.float64)
    return {
        "action": action,
        "position": position,
        "reward": reward,
        "pscore": there[rows, action],
        "target": target,
        "greedy": greedy,
        "predicted": predicted,
        "ratio": rng.lognormal(0.0, 0.7, n),
    }


def ours(log: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the estimates of ltrr, added in three parts."""
    n = len(log["reward"])
    rows = np.arange(n)
    target = log["target"][rows, :, log["position"]]
    predicted = log["predicted"][rows, :, log["position"]]
    batch = ReplayBatch(
        rows,
        log["reward"],
        weight=target[rows, log["action"]] / log["pscore"],
        q_logged=predicted[rows, log["action"]],
        q_target=np.einsum("na,na->n", target, predicted),
        balanced_weight=log["ratio"],
        accept=log["greedy"][rows, log["action"], log["position"]],
    )
    estimators = [make_estimator(spec) for spec in SPECS]
    for part in np.array_split(rows, 3):
        for estimator in estimators:
            estimator.add(batch.take(part))
    return {spec: estimator.value() for spec, estimator in zip(SPECS, estimators, strict=True)}


def theirs(
    python: str, logs: list[dict[str, np.ndarray]], folder: Path
) -> tuple[str, list[dict[str, float]]]:
    """Return obp's version and estimates, from its own process."""
    names = []
    for i, log in enumerate(logs):
        np.savez(folder / f"{i}.npz", **log)
        names.append(str(folder / f"{i}.npz"))
    out = folder / "estimates.npz"
    subprocess.run([python, str(THERE), "points", str(out), *SPECS, "--", *names], check=True)
    with np.load(out, allow_pickle=False) as found:
        values, version = found["values"], str(found["version"])
    return version, [dict(zip(SPECS, row, strict=True)) for row in values.tolist()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--obp-python", required=True, help="a Python that has obp")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    logs = [make_log(rng, positions, n) for positions, n in LOGS]
    with tempfile.TemporaryDirectory() as folder:
        version, found = theirs(arguments.obp_python, logs, Path(folder))
    print(f"obp {version}; {ACTIONS} actions; seed {arguments.seed}")
    print(f"{'estimator':<20} {'positions':>9} {'rows':>6} {'ltrr':>19} {'obp':>19} {'difference':>10}")
    worst = 0.0
    for (positions, n), log, their in zip(LOGS, logs, found, strict=True):
        for spec, value in ours(log).items():
            difference = abs(value - their[spec]) / max(abs(their[spec]), 1e-300)
            # a difference that is no number counts as one
            worst = max(worst, difference if np.isfinite(difference) else np.inf)
            print(
                f"{spec:<20} {positions:>9} {n:>6} {value:>19.15f} {their[spec]:>19.15f} {difference:>10.1e}"
            )
    print(f"largest relative difference {worst:.1e}, allowed {TOLERANCE:.0e}")
    return int(not worst <= TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
