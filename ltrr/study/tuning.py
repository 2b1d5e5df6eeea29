"""The best static allocation: every quota on its own trajectory, by successive halving."""

from __future__ import annotations

import json
import logging
import shutil
from typing import Any

import numpy as np

from ltrr._state import write_aside
from ltrr.metrics.halving import successive_halving
from ltrr.simulation.cell import latent_mean
from ltrr.study.runner import Job, Runner
from ltrr.types import Float64, Int64
from ltrr.types.quotas import all_quotas

__all__ = ["tuned"]

_log = logging.getLogger(__name__)

TUNING_REPLICATE = 10_000
"""Tuning seeds are replicates from here on, which no study reaches."""


def tuned(runner: Runner) -> tuple[int, ...] | None:
    """Return the best static allocation: every quota on its own trajectory, halved on tuning seeds."""
    study = runner.study
    if not any(spec.best_static for spec in study.policies):
        return None
    place = runner.folder / "tuning.json"
    if place.exists():
        found: list[int] = json.loads(place.read_text(encoding="utf-8"))["quota"]
        shutil.rmtree(runner.folder / "tuning", ignore_errors=True)  # of a run killed just after its tuning
        return tuple(found)
    tuning, loop = study.tuning, study.loop
    quotas = all_quotas(loop.n_slots, len(loop.arms))
    rungs: list[dict[str, Any]] = []

    def evaluate(indices: Int64, rung: int) -> Float64:
        rounds = loop.warmup + max(1, round((study.rounds - loop.warmup) * tuning.shares[rung]))
        seeds = [TUNING_REPLICATE + s for s in range(tuning.seeds[rung])]
        folder = runner.folder / "tuning" / f"rung-{rung}"
        jobs = [
            Job(f"quota-{i:04d}", seed, rounds, quota=tuple(quotas[i].tolist()), tuning=True)
            for i in indices
            for seed in seeds
        ]
        title = f"tuning: {len(indices)} {'allocation' if len(indices) == 1 else 'allocations'}"
        runner.run(folder, jobs, title)
        values = np.array(
            [[latent_mean(folder, f"quota-{i:04d}-{s:03d}", loop.warmup) for s in seeds] for i in indices]
        ).mean(axis=1)
        rungs.append(
            {
                "rounds": rounds,
                "seeds": seeds,
                "values": {str(quotas[i].tolist()): float(v) for i, v in zip(indices, values, strict=True)},
            }
        )
        best = indices[np.argmax(values)]
        _log.info(
            "tuning, rung %d: %d quotas, best %s with %.4f", rung, len(indices), quotas[best], values.max()
        )
        return np.asarray(values)

    keep = [min(k, len(quotas)) for k in tuning.keep]
    halving = successive_halving(len(quotas), evaluate, budgets=tuple(range(len(keep))), keep=keep)
    quota = tuple(int(q) for q in quotas[halving.survivors[0]])
    report = {"arms": list(loop.arms), "quota": quota, "rungs": rungs}
    write_aside(place, json.dumps(report, indent=1).encode())
    shutil.rmtree(runner.folder / "tuning", ignore_errors=True)
    return quota
