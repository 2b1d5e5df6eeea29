"""The ranked lists of `arm_table.py`: what arms, fusions and allocations find, request by request.

All lists are made from one pool, which holds what every arm has for a request: by a score, and by how deep
each arm was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ltrr.errors import InputError
from ltrr.metrics.oracles import QuotaValues, quota_walk
from ltrr.metrics.ranking import ndcg, recall
from ltrr.ranking import ConfidenceRule, ConvexCombination, ReciprocalRankFusion, provenance, provenance_names
from ltrr.ranking.page import build_page
from ltrr.retrieval.union import union
from ltrr.simulation.loop import Loop
from ltrr.simulation.setting import LoopSetting
from ltrr.simulation.system import System
from ltrr.study.distinct import delivered_by
from ltrr.types import Candidates, Float64, Int32, Int64, Requests, Truth, Union
from ltrr.types.quotas import all_quotas

DEPTH, PAGE = 100, 10
EQUAL, TURNS = "equal union", "equal union in turns"
FUSIONS = {
    "tuned RRF": ReciprocalRankFusion,
    "tuned convex combination": ConvexCombination,
    "confidence rule": ConfidenceRule,
}
STATIC, ORACLE = "best static allocation", "per-request oracle"
ROWS = (EQUAL, TURNS, *FUSIONS, STATIC, ORACLE)
MEASURES = ("nDCG@10", "recall@20", "recall@100", "reward")


def deep(setting: LoopSetting) -> LoopSetting:
    """Return the setting with slots that together hold a list of `DEPTH` items."""
    return replace(setting, slot_size=-(-DEPTH // setting.n_slots))


def train(loop: Loop, rounds: int) -> Loop:
    """Run a loop over the stream."""
    while loop.round < rounds:
        end = loop.setting.warmup if loop.round < loop.setting.warmup else rounds
        loop.step(min(loop.setting.feedback_every, end - loop.round))
    return loop


def asked_of(loop: Loop, n: int) -> dict[str, Requests]:
    """Return requests on held-out queries, and the stream's next ones whose texts were asked before."""
    system = loop.system
    held_out, later = system.world.held_out(n), system.world.next(4 * n)
    repeated = later.take(np.flatnonzero(system.context.asked(later) > 0)[:n])
    if not len(repeated):
        raise InputError(f"no query of the stream comes again after {loop.round} requests: take more rounds")
    return {"held-out": system.context.build(held_out), "repeated": system.context.build(repeated)}


def merged(parts: Sequence[Candidates], delivered: Int32) -> Union:
    """Return the union of the first ``delivered`` (B, R) items of each arm's lists."""
    most = max(int(delivered.max(initial=1)), 1)
    return union(parts, delivered=delivered, quota=np.ones_like(delivered), slot_size=most)


def trained_score(system: System, requests: Requests, drawn: Union) -> Float64:
    """Return the scores of the loop's ranker, as its training left it."""
    query = np.repeat(requests.query, np.diff(drawn.indptr))
    return system.ranked(system.rows(requests, drawn), query)


@dataclass(frozen=True)
class Pool:
    """What every arm has for some requests, scored by the trained ranker, with the world's judgements."""

    system: System
    setting: LoopSetting
    requests: Requests
    parts: tuple[Candidates, ...]
    have: Int32
    union: Union
    score: Float64
    truth: Truth

    @staticmethod
    def of(loop: Loop, setting: LoopSetting, requests: Requests) -> Pool:
        """Ask every arm for as much as an allocation can, under the deep ``setting``."""
        system, depth = loop.system, np.full(len(requests), setting.budget, np.int32)
        parts = tuple(system.retrieve(a, requests, depth) for a in range(len(system.arms)))
        have = np.stack([np.diff(part.indptr) for part in parts], axis=1).astype(np.int32)
        drawn = merged(parts, have)
        score = trained_score(system, requests, drawn)
        truth = system.world.truth(requests, drawn.items)
        return Pool(system, setting, requests, parts, have, drawn, score, truth)

    @cached_property
    def sources(self) -> tuple[Int64, Int64]:
        """Return candidate and request of each source."""
        candidate = np.repeat(np.arange(len(self.union.item)), np.diff(self.union.source_indptr))
        row = np.repeat(np.arange(len(self.union)), np.diff(self.union.indptr))
        return candidate, row[candidate]

    @cached_property
    def provenance(self) -> Any:
        """Return ranks and scores in each arm's list, which fusions read."""
        return provenance(self.union, len(self.parts))

    @cached_property
    def quotas(self) -> Int32:
        return all_quotas(self.setting.n_slots, len(self.parts))

    @cached_property
    def values(self) -> QuotaValues:
        """Return what each quota is worth to each request, as the oracle of a study computes it."""
        system = self.system
        return quota_walk(
            self.union,
            self.score,
            self.truth,
            self.quotas,
            slot_size=self.setting.slot_size,
            fallback=np.array(self.setting.fallback_index, np.int32),
            page_size=PAGE,
            tables=system.user.tables(PAGE, system.world.max_grade),
            reward_code=system.reward.code,
            slabs=self.setting.slabs,
        )

    def delivered(self, quota: Int32) -> Int32:
        """Return how many items (B, R) each arm delivers under one quota (R,), or one a request (B, R)."""
        if quota.ndim == 1:
            return delivered_by(quota[None], self.have, self.setting)[0][0]
        kinds, which = np.unique(quota, axis=0, return_inverse=True)
        out, _ = delivered_by(kinds, self.have, self.setting)
        return out[which.reshape(-1), np.arange(len(quota))]

    def equal(self) -> Int32:
        """Return how many items (B, R) each arm delivers where all have the same share of the list."""
        n = len(self.parts)
        setting = replace(self.setting, n_slots=n, slot_size=-(-DEPTH // n), slab_size=None)
        return delivered_by(np.ones((1, n), np.int32), self.have, setting)[0][0]

    def by_rank(self, arms: Sequence[int]) -> Float64:
        """Return scores that list some arms' items in turns, the best of each first; −inf for all others."""
        candidate, _ = self.sources
        turn = np.full(len(self.parts), -1)
        turn[list(arms)] = np.arange(len(arms))
        own = turn[self.union.arm] >= 0
        out = np.full(len(self.union.item), -np.inf)
        value = -(self.union.rank.astype(np.float64) * len(arms) + turn[self.union.arm])
        np.maximum.at(out, candidate[own], value[own])
        return out

    def grades(self, score: Float64, delivered: Int32 | None = None, depth: int = DEPTH) -> Any:
        """Return the grades (B, depth) of the list of highest score among what was delivered."""
        if delivered is not None:
            candidate, row = self.sources
            inside = np.zeros(len(score), np.bool_)
            inside[candidate[self.union.rank < delivered[row, self.union.arm]]] = True
            score = np.where(inside, score, -np.inf)
        page = build_page(self.union, score, depth)
        at = np.where(page.score > -np.inf, page.candidate, -1)
        return np.append(self.truth.grade, np.int8(-1))[at]

    def reward(self, grades: Any) -> Float64:
        """Return the expected reward (B,) of the page that a list begins with."""
        page = np.ascontiguousarray(grades[:, :PAGE])
        places = np.arange(len(page) + 1) * PAGE
        item = np.where(page < 0, -1, 0).reshape(-1)
        judged = item >= 0
        shown = replace(self.truth, indptr=places, item=item, grade=page.reshape(-1), judged=judged)
        return self.system.reward.expected(self.system.user, shown)

    def measures(self, grades: Any) -> dict[str, Float64]:
        """Return the measures (B,) of ranked lists by their grades."""
        truth = self.truth
        return {
            "nDCG@10": ndcg(grades, truth.ideal, k=10),
            "recall@20": recall(grades, truth.n_relevant, k=20),
            "recall@100": recall(grades, truth.n_relevant, k=100),
            "reward": self.reward(grades),
        }

    def lists(
        self, arms: Sequence[str], fusions: Mapping[str, Any], static: Int32
    ) -> Iterator[tuple[str, Any]]:
        """Yield the grades of each row's lists."""
        for a, arm in enumerate(arms):
            yield arm, self.grades(self.by_rank([a]))
        equal = self.equal()
        yield EQUAL, self.grades(self.score, equal)
        yield TURNS, self.grades(self.by_rank(range(len(arms))))
        for name, fusion in fusions.items():
            yield name, self.grades(fusion.score(self.provenance))
        yield STATIC, self.grades(self.score, self.delivered(static))
        best = self.quotas[self.values.reward.argmax(axis=1)]
        yield ORACLE, self.grades(self.score, self.delivered(best))


def candidates(
    arms: Sequence[str], dense: Sequence[str], rng: np.random.Generator, n: int
) -> dict[str, list[Any]]:
    """Return the settings of each fusion that are tried, each ready to score."""
    names = provenance_names(arms)
    out: dict[str, list[Any]] = {}
    for name, kind in FUSIONS.items():
        # the rule needs to know whose margin counts: every dense arm is tried
        fixed = [{"dense": d} for d in dense or ("dense",)] if kind is ConfidenceRule else [{}]
        found = kind().search(arms, rng, n)
        made = (kind(**{**one, **fixed[i % len(fixed)]}) for i, one in enumerate(found))
        out[name] = [fusion.for_columns(names, ()) for fusion in made]
    return out


def tried(pool: Pool, fusions: Mapping[str, Sequence[Any]]) -> dict[str, Float64]:
    """Return the expected reward (B, C) of every setting of each fusion, and of every quota."""
    out = {STATIC: pool.values.reward}
    for name, settings in fusions.items():
        pages = (pool.grades(fusion.score(pool.provenance), depth=PAGE) for fusion in settings)
        out[name] = np.stack([pool.reward(page) for page in pages], axis=1)
    return out
