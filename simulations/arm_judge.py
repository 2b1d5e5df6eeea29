"""What one seed of `arm_table.py` does: arms are trained on the stream, settings tried, lists judged."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from arm_latency import latencies
from arm_lists import STATIC, Pool, asked_of, candidates, deep, train, tried
from threadpoolctl import threadpool_limits

from ltrr.bandits.spec import policy_spec
from ltrr.errors import InputError
from ltrr.rng import TUNING_REPLICATE, Streams
from ltrr.simulation.loop import Loop
from ltrr.simulation.system import Prepared
from ltrr.study.build import system_of
from ltrr.study.study import Study
from ltrr.study.transport import take
from ltrr.types import Float64
from ltrr.types.quotas import quota_name

SETS = ("held-out", "repeated")
ALL = "all"


def pools(study: Study, prepared: Prepared, replicate: int, judged: int) -> tuple[Loop, dict[str, Pool]]:
    """Train the arms of a seed by the `equal` policy and return what all of them have for what is judged."""
    streams = Streams(study.seed, replicate)
    system = system_of(study, prepared, policy_spec("equal", study.loop.arms), streams)
    loop = train(Loop(system, study.loop, streams), study.rounds)
    setting = deep(study.loop)
    return loop, {name: Pool.of(loop, setting, requests) for name, requests in asked_of(loop, judged).items()}


def settings_of(study: Study, draws: int) -> dict[str, list[Any]]:
    """Return the settings of fusions that are tried, the same for all seeds."""
    arms = study.loop.arms
    dense = [a for a in arms if a.startswith("dense")]
    return candidates(arms, dense, Streams(study.seed, TUNING_REPLICATE).generator("search"), draws)


def tune(study: Study, prepared: Prepared, seed: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Return the topics of a tuning seed's requests, and what each setting and quota earns on each."""
    _, found = pools(study, prepared, TUNING_REPLICATE + seed, asked.judged)
    fusions = settings_of(study, asked.draws)
    return {name: {"topic": pool.truth.topic, **tried(pool, fusions)} for name, pool in found.items()}


def best_of(tuned: Sequence[Mapping[str, Any]], where: str, held_out: Float64) -> dict[str, int]:
    """Return the best setting of each kind on tuning seeds; needs that are judged held-out do not count."""
    topic = np.concatenate([t[where]["topic"] for t in tuned])
    free = held_out[topic] == 0.0 if where == "held-out" else np.ones(len(topic), np.bool_)
    if not free.any():
        raise InputError("no need of the tuning seeds is left to tune on: take more of them (--tuning-seeds)")
    return {
        kind: int(np.concatenate([t[where][kind] for t in tuned])[free].mean(axis=0).argmax())
        for kind in tuned[0][where]
        if kind != "topic"
    }


def judge(
    study: Study, prepared: Prepared, seed: int, asked: argparse.Namespace, tuned: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the mean of each measure of each row on one seed, by set and kind of query; and latencies."""
    loop, found = pools(study, prepared, seed, asked.judged)
    world, arms = loop.system.world, study.loop.arms
    fusions = settings_of(study, asked.draws)
    out: dict[str, Any] = {"mean": {}, "n": {}, "chosen": {}}
    for where, pool in found.items():
        best = best_of(tuned, where, world.shares()[1])
        chosen = {name: settings[best[name]] for name, settings in fusions.items()}
        static = pool.quotas[best[STATIC]]
        out["chosen"][where] = quota_name(static, arms)
        intent = world.hidden_intent(pool.requests)
        kinds = {ALL: np.ones(len(intent), np.bool_)}
        kinds |= {name: intent == i for i, name in enumerate(world.intent_names)}
        kinds = {kind: rows for kind, rows in kinds.items() if rows.any()}
        out["n"] |= {(where, kind): int(rows.sum()) for kind, rows in kinds.items()}
        for row, grades in pool.lists(arms, chosen, static):
            for measure, values in pool.measures(grades).items():
                for kind, rows in kinds.items():
                    out["mean"][where, row, kind, measure] = float(values[rows].mean())
    # what was asked before is asked again: learning arms have lists to make
    out["ms"] = latencies(found["repeated"], arms, chosen, static)
    return out


@functools.lru_cache(maxsize=1)
def _shared(place: Path) -> tuple[Study, Prepared]:
    return take(place)


def in_worker(what: Any, place: Path, *given: Any) -> Any:
    with threadpool_limits(1):
        return what(*_shared(place), *given)
