"""The loop: the only place that samples and that knows every stage."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr import _check
from ltrr._kernels.page import shown
from ltrr.bandits.credit import credit
from ltrr.bandits.draw import draw
from ltrr.bandits.warm_up import warm_up
from ltrr.logs.writer import Shadow
from ltrr.protocols import PageOutcome, State
from ltrr.ranking.page import build_page
from ltrr.retrieval.union import union
from ltrr.rng import Streams
from ltrr.simulation.batch import Answer, Batch, Pool
from ltrr.simulation.delay import DelayQueue, pack_feedback, unpack_feedback
from ltrr.simulation.setting import LoopSetting
from ltrr.simulation.system import System
from ltrr.types import (
    ActionSet,
    Bool,
    CandidateRows,
    Candidates,
    Decision,
    Feedback,
    Float32,
    Float64,
    Int32,
    Int64,
    Page,
    Requests,
    Truth,
    Union,
)
from ltrr.types.trusted import trusted

__all__ = ["Loop"]


@dataclass
class Loop:
    """Runs one system on one stream of requests.

    Parameters
    ----------
    system : System
        World, arms, policy, ranker, user: all that has a part in a run.
    setting : LoopSetting
    streams : Streams
        The replicate's random streams.

    Examples
    --------
    A batch is asked, decided, retrieved, ranked, shown, clicked and, once it matured, learned from:

    >>> from ltrr.simulation.example import small_example
    >>> loop = small_example()
    >>> batch = loop.step(20)
    >>> batch.page.item.shape
    (20, 10)
    """

    system: System
    setting: LoopSetting
    streams: Streams
    round: int = field(init=False, default=0)
    lessons: int = field(init=False, default=0)
    queue: DelayQueue = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.setting = self.setting.for_arms(self.system.arms)
        self.queue = DelayQueue()
        self._arrived: Feedback | None = None
        self._rng = self.streams.generator("policy")

    def step(self, n: int) -> Batch:
        """Serve the next ``n`` requests, then learn from what has arrived."""
        system, setting = self.system, self.setting
        requests = system.world.next(n, self._arrived)
        warm = self.round < setting.warmup
        if warm and self.round + n > setting.warmup:
            raise ValueError("a batch must not reach across the end of the warm-up")
        rounds = self.round + np.arange(n)
        oracle_rows = np.flatnonzero(rounds % setting.oracle_every == setting.oracle_every - 1)
        audit = 0.0 if warm else setting.audit
        batch = self._serve(requests, oracle_rows, warm=warm, audit=audit, shadow=setting.log_shadow)
        system.count(requests)
        self.round += n
        self.queue.push(batch.feedback)
        self._arrived = self.queue.pop(float(requests.time[-1]))
        if self._arrived is not None:
            self._learn(self._arrived)
        return batch

    def judge_held_out(self, n: int) -> Batch:
        """Serve ``n`` requests on held-out queries with everything frozen; nothing is learned or counted."""
        requests = self.system.world.held_out(n)
        rows = np.arange(0, len(requests), self.setting.held_out_oracle_every)
        return self._serve(requests, rows, warm=False, audit=0.0, judging=True)

    def answer(self, requests: Requests) -> Answer:
        """Decide, retrieve and rank for ``requests`` with everything frozen; nobody looks at the pages."""
        requests = self.system.context.build(requests)
        available = self.system.actions.supply.available(requests)
        decision = self._decide(requests, available, warm=False, audit=0.0, frozen=True)
        drawn, _, _ = self._retrieve(requests, decision)
        score, _, _ = self._score(requests, np.zeros(0, np.int64), drawn, None)
        return Answer(requests, decision, drawn, score, self.page(requests, drawn, score, judging=True))

    def state(self) -> State:
        """Return all that a run needs to continue."""
        return {
            "round": self.round,
            "lessons": self.lessons,
            "queue": self.queue.state(),
            "arrived": {} if self._arrived is None else pack_feedback(self._arrived),
            "system": self.system.state(),
        }

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        self.round, self.lessons = state["round"], state["lessons"]
        self.system.restore(state["system"])
        queries = self.system.world.queries
        self.queue.restore(state["queue"], queries)
        self._arrived = unpack_feedback(state["arrived"], queries) if state["arrived"] else None

    def _learn(self, feedback: Feedback) -> None:
        for learner in self.system.learners():
            learner.learn(feedback)
        self.lessons += 1

    def _serve(
        self,
        requests: Requests,
        oracle_rows: Int64,
        *,
        warm: bool,
        audit: float,
        shadow: bool = False,
        judging: bool = False,
    ) -> Batch:
        system = self.system
        asked = system.context.asked(requests)
        requests = system.context.build(requests)
        available = system.actions.supply.available(requests)
        decision = self._decide(requests, available, warm=warm, audit=audit, frozen=judging)
        drawn, calls, own = self._retrieve(requests, decision)
        judged = len(oracle_rows) > 0 and not system.allocation_dependent
        pool_union = self._pool(requests.take(oracle_rows)) if judged else None
        score, pool_score, features = self._score(requests, oracle_rows, drawn, pool_union)
        page = self.page(requests, drawn, score, judging=judging)
        truth_union = system.world.truth(requests, drawn.items)
        truth_page = _shown(truth_union, page)
        u = self._user_uniforms(requests, page)
        outcome = system.user.sample(truth_page, u)
        n_candidates = drawn.indptr[1:] - drawn.indptr[:-1]
        cost = system.cost(calls, n_candidates)
        feedback, censored, gross = self._feedback(requests, decision, drawn, page, features, outcome, cost)
        pool = None
        if pool_union is not None and pool_score is not None:
            truth = system.world.truth(requests.take(oracle_rows), pool_union.items)
            pool = Pool(oracle_rows, pool_union, pool_score, truth)
        return Batch(
            feedback=feedback,
            union=drawn,
            score=score,
            page=page,
            outcome=outcome,
            truth_page=truth_page,
            truth_union=truth_union,
            asked=asked,
            calls=calls,
            available=available,
            own=own,
            n_candidates=n_candidates,
            sampled_rows=oracle_rows,
            expected=system.reward.expected(system.user, truth_page) - cost,
            sampled=gross - cost,
            censored=censored,
            pool=pool,
            model_version=system.ranker.version,
            evidence=system.evidence(requests),
            shadow=self._shadow(requests) if shadow else None,
        )

    def _decide(self, requests: Requests, have: Int32, *, warm: bool, audit: float, frozen: bool) -> Decision:
        """Fill the slots one after another; the only draw of actions there is."""
        system, builder = self.system, self.system.actions
        n, first = len(requests), int(requests.request[0]) if len(requests) else 0
        policy = system.policy
        # what was chosen for earlier requests may count for later ones, but not on held-out queries
        state = policy.probabilities if frozen else getattr(policy, "in_turn", policy.probabilities)
        quota = np.zeros((n, len(self.setting.arms)), np.int32)
        action = np.empty((n, builder.n_slots), np.int32)
        propensity = np.empty((n, builder.n_slots))
        audited = np.empty((n, builder.n_slots), np.bool_)
        u = self._slot_uniforms("draw", requests, builder.n_slots)
        u_audit = self._slot_uniforms("audit", requests, builder.n_slots) if audit > 0.0 else None
        sets: list[ActionSet] = []
        mixed: list[Float64] = []
        for slot in range(builder.n_slots):
            actions = builder.build(requests, quota, have)
            if warm:
                stated = warm_up(actions, policy.space)
            else:
                rng = self.streams.restarted(self._rng, "policy", first, slot)
                stated = state(requests, actions, rng)
            position, distribution, audited[:, slot] = draw(
                actions,
                stated,
                u[slot],
                u_audit=None if u_audit is None else u_audit[slot],
                audit=audit,
            )
            action[:, slot] = actions.action[position]
            propensity[:, slot] = distribution[position]
            if actions.quota is not None:
                quota = actions.quota[position]
            sets.append(actions)
            mixed.append(distribution)
        version = np.full(n, -1 if warm else self.lessons, np.int32)
        return trusted(
            Decision,
            action=action,
            propensity=propensity,
            quota=quota,
            audit=audited,
            actions=tuple(sets),
            probabilities=tuple(mixed),
            version=version,
        )

    def _slot_uniforms(self, name: str, requests: Requests, n_slots: int) -> Float64:
        """Return uniforms by request and slot, (S, B)."""
        return np.ascontiguousarray(self.streams.by_request(name, requests.request, n_slots).T)

    def _retrieve(self, requests: Requests, decision: Decision) -> tuple[Union, Int32, Int32]:
        """Call the arms that have slots, fill what is missing of the slots, and merge.

        Returns the union, the arms called (B,), and what each arm delivered to its own slots (B, R).
        """
        setting = self.setting
        quota, depth = decision.quota, decision.quota * setting.slabs
        called = depth > 0
        asked = np.asarray(called.any(axis=0))
        parts = [
            self.system.retrieve(a, requests, depth[:, a]) if some else Candidates.empty(len(requests))
            for a, some in enumerate(asked)
        ]
        got = _lengths(parts)
        own = got.copy()
        missing = (quota * np.int32(setting.slot_size) - got).sum(axis=1, dtype=np.int32)
        for a in setting.fallback_index:
            if not missing.any():
                break
            deeper = np.where(missing > 0, got[:, a] + missing, got[:, a]).astype(np.int32)
            called[:, a] |= missing > 0
            parts[a] = self.system.retrieve(a, requests, deeper)
            length = _lengths(parts[a : a + 1])[:, 0]
            missing = missing - (length - got[:, a])
            got[:, a] = length
        return self._merge(parts, got, decision), called.sum(axis=1, dtype=np.int32), own

    def _merge(self, parts: list[Candidates], got: Int32, decision: Decision) -> Union:
        setting = self.setting
        return union(
            parts,
            delivered=got,
            quota=decision.quota,
            slot_size=setting.slot_size,
            slabs=setting.slabs,
            action=decision.action if self.system.policy.space == "slabs" else None,
            fallback=setting.fallback_index,
        )

    def _pool(self, requests: Requests) -> Union:
        """Return everything every arm has within the whole budget."""
        setting = self.setting
        budget, slabs = np.int32(setting.budget), setting.slabs
        depth = np.full(len(requests), budget, np.int32)
        parts = [self.system.retrieve(a, requests, depth) for a in range(len(self.system.arms))]
        got = _lengths(parts)
        # as many slabs of each arm as the budget takes, so that nothing counts as spilled
        quota = np.tile(-(-budget // slabs), (len(requests), 1))
        return union(parts, delivered=got, quota=quota, slot_size=setting.slot_size, slabs=slabs)

    def _shadow(self, requests: Requests) -> Shadow:
        """Return everything every arm has within the whole budget, scored by the same ranker."""
        pool = self._pool(requests)
        if self.system.allocation_dependent:
            return Shadow(pool, None)
        rows = self.system.rows(requests, pool)
        return Shadow(pool, self.system.ranked(rows, _query_of(requests, pool)))

    def _score(
        self, requests: Requests, rows: Int64, drawn: Union, pool: Union | None
    ) -> tuple[Float64, Float64 | None, Float32]:
        """Score the union, and the pool of the sampled rows, in one call of the ranker."""
        system = self.system
        features = system.rows(requests, drawn)
        query = _query_of(requests, drawn)
        if pool is None:
            return system.ranked(features, query), None, features
        judged = requests.take(rows)
        both = np.concatenate([features, system.rows(judged, pool)])
        score = system.ranked(both, np.concatenate([query, _query_of(judged, pool)]))
        return score[: len(features)], score[len(features) :], features

    def page(self, requests: Requests, drawn: Union, score: Float64, *, judging: bool) -> Page:
        """Return the page; a ranker that declares a share of explored places has them, but when judged."""
        size, share = self.setting.page_size, 0.0 if judging else getattr(self.system.ranker, "explore", 0.0)
        if share == 0.0:
            return build_page(drawn, score, size)
        names = ("explore", "explore order")
        u = np.empty((len(requests), size, 2))
        for i, name in enumerate(names):
            u[:, :, i] = self.streams.by_request(name, requests.request, size)
        return build_page(drawn, score, size, explore=share, u=u)

    def _user_uniforms(self, requests: Requests, page: Page) -> Float64:
        """Return (B, K, 3): attraction and satisfaction by request and item, continuation by rank."""
        request = requests.request[:, None]
        u = np.empty((*page.item.shape, 3))
        u[:, :, 0] = self.streams.uniform("attraction", request, page.item)
        u[:, :, 1] = self.streams.uniform("satisfaction", request, page.item)
        u[:, :, 2] = self.streams.by_request("continuation", requests.request, page.item.shape[1])
        return u

    def _feedback(
        self,
        requests: Requests,
        decision: Decision,
        drawn: Union,
        page: Page,
        features: Float32,
        outcome: PageOutcome,
        cost: Float64,
    ) -> tuple[Feedback, Bool, Float64]:
        """Return what will be observed and when, which rows never will be, and what each page earned."""
        setting, system = self.setting, self.system
        delay = -np.log1p(-self.streams.by_request("delay", requests.request)[:, 0]) * setting.delay_seconds
        censored = delay > setting.attribution_seconds
        counted, shape = ~censored, page.item.shape
        # a user model may be anybody's; all else that is kept was made here
        click = _check.array("UserModel.sample click", outcome.click, np.bool_, shape)
        satisfied = _check.array("UserModel.sample satisfied", outcome.satisfied, np.bool_, shape)
        gross, value = system.reward.observed(click, satisfied)
        places = counted[:, None]
        click, satisfied, value = click & places, satisfied & places, value * places
        row, slots = np.empty(page.item.shape, np.int32), np.empty(page.item.shape, np.uint32)
        rows = np.empty((*page.item.shape, features.shape[1]), np.float32)
        shown(drawn.indptr, page.candidate, drawn.slots, features, row, slots, rows)
        earned = credit(
            "page" if system.policy.space == "allocations" else setting.credit,
            value=value,
            slots=slots,
            n_slots=decision.n_slots,
            reward_kind=system.reward.code,
            click=click,
            satisfied=satisfied,
            u=self.streams.by_request("credit", requests.request, decision.n_slots),
        )
        feedback = trusted(
            Feedback,
            requests=requests,
            decision=decision,
            item=page.item,
            slots=slots,
            features=rows,
            click=click,
            satisfied=satisfied,
            abandoned=~np.asarray(click.any(axis=1)),
            arrived_at=requests.time + np.minimum(delay, setting.attribution_seconds),
            reward=gross * counted - cost,
            value=value,
            credit=earned - (cost / decision.n_slots)[:, None],
            propensity=page.propensity,
            explored=page.explored,
            candidates=trusted(CandidateRows, indptr=drawn.indptr, features=features, shown=row),
        )
        return feedback, censored, gross


def _lengths(parts: list[Candidates]) -> Int32:
    """Return how many candidates each arm returned to each request, (B, R)."""
    out = np.empty((len(parts[0]), len(parts)), np.int32)
    for a, part in enumerate(parts):
        out[:, a] = part.indptr[1:] - part.indptr[:-1]
    return out


def _shown(truth: Truth, page: Page) -> Truth:
    """Return the truth of the page's places, given that of the candidates."""
    at, items = page.candidate.reshape(-1), page.items
    return trusted(
        Truth,
        **{
            **vars(truth),
            "indptr": items.indptr,
            "item": items.item,
            # an empty place (−1) finds what is appended
            "grade": np.append(truth.grade, np.int8(-1))[at],
            "judged": np.append(truth.judged, False)[at],
        },
    )


def _query_of(requests: Requests, drawn: Union) -> Int32:
    """Return the query of each candidate, (N,)."""
    return np.repeat(requests.query, drawn.indptr[1:] - drawn.indptr[:-1])
