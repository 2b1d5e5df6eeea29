"""How long each row of `arm_table.py` takes a query, in batches of 1 and of 64."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from arm_lists import DEPTH, EQUAL, STATIC, TURNS, Pool, merged, trained_score

from ltrr.ranking import provenance
from ltrr.ranking.page import build_page
from ltrr.types import Candidates, Int32, Int64, Queries, Requests

SIZES = (1, 64)
BATCHES = {1: 40, 64: 6}


def latencies(
    pool: Pool, arms: Sequence[str], fusions: Mapping[str, Any], static: Int32
) -> dict[str, tuple[float, ...]]:
    """Return the median milliseconds a query of each row by size of batch; the oracle has none.

    A combination takes the time of the arms that it calls and its own.
    """
    alone = {
        size: np.array(
            [_median(pool, size, lambda rows, a=a: _asking(pool, a, rows)) for a in range(len(arms))]
        )
        for size in SIZES
    }
    out = {arm: tuple(float(alone[size][a]) for size in SIZES) for a, arm in enumerate(arms)}
    steps: dict[str, tuple[Int32, Callable[..., Any]]] = {
        EQUAL: (pool.equal(), _trained),
        TURNS: (np.minimum(pool.have, -(-DEPTH // len(arms))), _in_turns),
        STATIC: (pool.delivered(static), _trained),
        **{name: (pool.have, lambda *given, f=f: _fused(f, *given)) for name, f in fusions.items()},
    }
    for name, (delivered, step) in steps.items():
        called = delivered.any(axis=0)
        out[name] = tuple(
            float(alone[size][called].sum())
            + _median(pool, size, lambda rows, d=delivered, s=step: _merging(pool, d, s, rows))
            for size in SIZES
        )
    return out


def _median(pool: Pool, size: int, prepare: Callable[[Int64], Callable[[], Any]]) -> float:
    """Return the median milliseconds a query of what ``prepare`` makes ready for each batch."""
    taken = []
    for i in range(BATCHES[size] + 1):
        run = prepare((np.arange(size) + i * size) % len(pool.requests))
        begun = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken[1:])) * 1000.0 / size  # the first warms up


def _asking(pool: Pool, a: int, rows: Int64) -> Callable[[], Any]:
    """Return a call of one arm; one that never learns is given texts that are new to it."""
    arm, some = pool.system.arms[a], pool.requests.take(rows)
    if arm.static:
        texts = [some.queries.text[q] for q in some.query.tolist()]
        some = replace(some, query=np.arange(len(rows), dtype=np.int32), queries=Queries(tuple(texts)))
        arm = getattr(arm, "retriever", arm)  # without the cache
    depth = np.full(len(rows), pool.setting.budget, np.int32)
    return lambda: arm.retrieve(some, depth)


def _merging(pool: Pool, delivered: Int32, step: Callable[..., Any], rows: Int64) -> Callable[[], Any]:
    """Return a call that merges lists which are there, scores their union, and orders it."""
    some, parts, own = pool.requests.take(rows), [part.take(rows) for part in pool.parts], delivered[rows]
    return lambda: step(pool, some, parts, own)


def _trained(pool: Pool, requests: Requests, parts: Sequence[Candidates], delivered: Int32) -> Any:
    drawn = merged(parts, delivered)
    return build_page(drawn, trained_score(pool.system, requests, drawn), DEPTH)


def _in_turns(pool: Pool, requests: Requests, parts: Sequence[Candidates], delivered: Int32) -> Any:
    del pool, requests
    drawn = merged(parts, delivered)
    score = np.maximum.reduceat(-drawn.rank.astype(np.float64), drawn.source_indptr[:-1])
    return build_page(drawn, score, DEPTH)


def _fused(fusion: Any, pool: Pool, requests: Requests, parts: Sequence[Candidates], delivered: Int32) -> Any:
    del requests
    drawn = merged(parts, delivered)
    return build_page(drawn, fusion.score(provenance(drawn, len(pool.parts))), DEPTH)
