"""Candidates of a tuning, each on trajectories of its own, halved from rung to rung."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ltrr.metrics.halving import successive_halving
from ltrr.rng import TUNING_REPLICATE
from ltrr.simulation.cell import latent_mean
from ltrr.study.runner import Job, Runner
from ltrr.types import Float64, Int64

__all__ = ["Candidate", "halved"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """One candidate of a search.

    Parameters
    ----------
    label : str
        What it is called in ``tuning.json``.
    quota : tuple of int, optional
        Slots by arm.
    of : str
        Name of the policy whose ranker is tuned; empty where only the quota is.
    ranker : mapping, optional
        Settings of its ranker.

    Examples
    --------
    >>> Candidate("2 bm25 + 1 memory", quota=(2, 1)).of
    ''
    """

    label: str
    quota: tuple[int, ...] | None = None
    of: str = ""
    ranker: Mapping[str, Any] | None = None


def halved(
    runner: Runner, folder: Path, what: str, candidates: Sequence[Candidate]
) -> tuple[Candidate, list[dict[str, Any]]]:
    """Return the best candidate by successive halving, and what each rung measured.

    Parameters
    ----------
    runner : Runner
        Of the study whose ``tuning`` says how.
    folder : Path
        Where the cells' files go.
    what : str
        What the candidates are, in the plural, for messages.
    candidates : sequence of Candidate
        Ties go to the first.
    """
    study = runner.study
    tuning, warmup = study.tuning, study.loop.warmup
    first = np.cumsum((TUNING_REPLICATE, *tuning.seeds))
    rungs: list[dict[str, Any]] = []

    def evaluate(indices: Int64, rung: int) -> Float64:
        rounds = warmup + max(1, round((study.rounds - warmup) * tuning.shares[rung]))
        seeds = [int(first[rung]) + s for s in range(tuning.seeds[rung])]
        place = folder / f"rung-{rung}"
        chosen = [(i, candidates[i]) for i in indices.tolist()]
        jobs = [
            Job(f"trial-{i:04d}", seed, rounds, quota=c.quota, ranker=c.ranker, of=c.of, tuning=True)
            for i, c in chosen
            for seed in seeds
        ]
        runner.run(place, jobs, f"tuning: {len(jobs)} runs for {what}")
        values = np.array(
            [[latent_mean(place, f"trial-{i:04d}-{s:03d}", warmup) for s in seeds] for i, _ in chosen]
        )
        means = values.mean(axis=1)
        named = {c.label: float(v) for (_, c), v in zip(chosen, means, strict=True)}
        rungs.append({"rounds": rounds, "seeds": seeds, "values": named})
        best = chosen[int(np.argmax(means))][1].label
        _log.info(
            "tuning of %s, rung %d: %d tried, best %s with %.4f", what, rung, len(chosen), best, means.max()
        )
        return values

    keep = [min(k, len(candidates)) for k in tuning.keep]
    found = successive_halving(len(candidates), evaluate, budgets=tuple(range(len(keep))), keep=keep)
    return candidates[found.survivors[0]], rungs
