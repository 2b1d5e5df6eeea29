"""Which quotas differ in what they deliver: an arm with few items makes several of them one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from ltrr.bandits.spec import policy_spec
from ltrr.rng import TUNING_REPLICATE, Streams
from ltrr.simulation.batch import Pool
from ltrr.simulation.loop import Loop
from ltrr.simulation.setting import LoopSetting
from ltrr.simulation.system import Prepared
from ltrr.study.build import make_ranker, system_of
from ltrr.study.study import Study
from ltrr.types import Int32, Int64

__all__ = ["delivered_by", "delivering", "distinct", "scouted"]

ALIKE = 0.99
"""Share of requests on which two quotas deliver the same, from which on they are one candidate."""

SCOUTED = 250
"""About this many requests tell what arms have."""


def scouted(study: Study, prepared: Prepared) -> Int32:
    """Return how many candidates each arm has within the budget for requests of a tuning run, (b, R).

    The run is that of an equal split, with the study's ranker; or, where that one needs to know who drew a
    candidate, with the untrained prior. Requests of the warm-up do not count.
    """
    loop = study.loop
    every = max(1, (study.rounds - loop.warmup) // SCOUTED)
    setting = replace(loop, oracle_every=every, held_out=0, audit=0.0, log_shadow=False)
    spec = policy_spec("equal", loop.arms)
    if getattr(make_ranker(study, spec), "allocation_dependent", False):
        spec = replace(spec, ranker={"kind": "prior"})
    streams = Streams(study.seed, TUNING_REPLICATE)
    found = [np.zeros((0, len(loop.arms)), np.int32)]
    with threadpool_limits(1):
        run = Loop(system_of(replace(study, loop=setting), prepared, spec, streams), setting, streams)
        while run.round < study.rounds:
            end = loop.warmup if run.round < loop.warmup else study.rounds
            warm = run.round < loop.warmup
            batch = run.step(min(loop.feedback_every, end - run.round))
            if batch.pool is not None and not warm:
                found.append(_available(batch.pool, len(loop.arms)))
    return np.concatenate(found)


def _available(pool: Pool, n_arms: int) -> Int32:
    """Return how many candidates each arm has in a pool of all arms, (b, R)."""
    union = pool.union
    request = np.repeat(np.arange(len(union)), np.diff(union.source_indptr[union.indptr]))
    count = np.bincount(request * n_arms + union.arm, minlength=len(union) * n_arms)
    return count.reshape(len(union), n_arms).astype(np.int32)


def delivered_by(quotas: Int32, available: Int32, loop: LoopSetting) -> tuple[Int32, Int64]:
    """Return how many candidates each arm delivers under each quota, and how many of them were spilled.

    Parameters
    ----------
    quotas : int32 (Q, R)
    available : int32 (b, R)
        Candidates that each arm has for each request.
    loop : LoopSetting

    Returns
    -------
    int32 (Q, b, R), int64 (Q, b)

    Examples
    --------
    The memory has three items but is asked for two; popular items fill its slot up.

    >>> loop = LoopSetting(
    ...     arms=("memory", "popular"), n_slots=2, slot_size=5, slab_size={"memory": 2}, fallback=("popular",)
    ... )
    >>> out, spilled = delivered_by(np.array([[1, 1], [0, 2]]), np.array([[3, 10]]), loop)
    >>> out.tolist(), spilled.tolist()
    ([[[2, 8]], [[0, 10]]], [[3], [0]])
    """
    own = np.minimum((quotas * loop.slabs)[:, None, :], available)
    out = own.copy()
    missing = (quotas.sum(axis=1) * loop.slot_size)[:, None] - own.sum(axis=2)
    for a in loop.fallback_index:
        extra = np.minimum(missing, available[:, a] - out[:, :, a])
        out[:, :, a] += extra
        missing = missing - extra
    return out.astype(np.int32), (out - own).sum(axis=2)


def distinct(quotas: Int32, available: Int32, loop: LoopSetting) -> list[list[int]]:
    """Return groups of quotas, by index, that deliver the same; first the one that spills least.

    Two quotas are one where every arm delivers as many candidates under both, on at least `ALIKE` of the
    requests: then the unions are the same.

    Examples
    --------
    A memory of three items delivers no more in two slots than in one.

    >>> loop = LoopSetting(arms=("memory", "popular"), n_slots=2, slot_size=5, fallback=("popular",))
    >>> distinct(np.array([[0, 2], [1, 1], [2, 0]]), np.array([[3, 10]]), loop)
    [[0], [1, 2]]
    """
    if len(available) == 0:
        return [[i] for i in range(len(quotas))]
    out, spilled = delivered_by(quotas, available, loop)
    groups: list[list[int]] = []
    for i in np.argsort(spilled.sum(axis=1), kind="stable").tolist():
        same = (_alike(out[i], out[group[0]]) for group in groups)
        at = next((g for g, alike in enumerate(same) if alike), None)
        if at is None:
            groups.append([i])
        else:
            groups[at].append(i)
    return sorted(groups)


def _alike(one: Int32, other: Int32) -> bool:
    return bool((one == other).all(axis=1).mean() >= ALIKE)


def delivering(quota: Sequence[int], available: Int32, loop: LoopSetting) -> list[str]:
    """Return the arms that deliver anything under a quota; all where no request says.

    Examples
    --------
    >>> loop = LoopSetting(arms=("bm25", "memory", "popular"), fallback=("popular",))
    >>> delivering((0, 3, 0), np.array([[60, 4, 60]]), loop)
    ['memory', 'popular']
    """
    if len(available) == 0:
        return list(loop.arms)
    out, _ = delivered_by(np.array([quota], np.int32), available, loop)
    total = out.sum(axis=(0, 1)).tolist()
    return [arm for arm, drawn in zip(loop.arms, total, strict=True) if drawn]
