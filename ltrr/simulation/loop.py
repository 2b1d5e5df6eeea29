"""The loop: the only place that samples and that knows every stage."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr._kernels.spill import delivered_rows
from ltrr.bandits.credit import credit
from ltrr.bandits.draw import draw
from ltrr.bandits.warm_up import warm_up
from ltrr.logs.writer import Shadow
from ltrr.protocols import PageOutcome, State
from ltrr.ranking.page import build_page
from ltrr.retrieval.union import union
from ltrr.rng import Streams
from ltrr.simulation.batch import Batch, Pool
from ltrr.simulation.delay import DelayQueue, pack_feedback, unpack_feedback
from ltrr.simulation.setting import LoopSetting
from ltrr.simulation.system import System
from ltrr.types import (
    ActionSet,
    Bool,
    Candidates,
    Decision,
    Feedback,
    Float32,
    Float64,
    Int32,
    Int64,
    Page,
    Requests,
    Union,
)

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
        system.context.count(requests)
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
        return self._serve(requests, rows, warm=False, audit=0.0)

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
        self, requests: Requests, oracle_rows: Int64, *, warm: bool, audit: float, shadow: bool = False
    ) -> Batch:
        system = self.system
        asked = system.context.asked(requests)
        requests = system.context.build(requests)
        decision = self._decide(requests, warm=warm, audit=audit)
        drawn, calls, own = self._retrieve(requests, decision)
        pool_union = self._pool(requests.take(oracle_rows)) if not system.allocation_dependent else None
        score, pool_score, features = self._score(requests, oracle_rows, drawn, pool_union)
        page = build_page(drawn, score, self.setting.page_size)
        truth_page = system.world.truth(requests, page.items)
        u = self._user_uniforms(requests, page)
        outcome = system.user.sample(truth_page, u)
        n_candidates = np.diff(drawn.indptr)
        cost = system.reward.cost(calls, n_candidates)
        feedback, censored = self._feedback(requests, decision, drawn, page, features, outcome, cost)
        gross, _ = system.reward.observed(outcome.click, outcome.satisfied)
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
            truth_union=system.world.truth(requests, drawn.items),
            asked=asked,
            calls=calls,
            own=own,
            n_candidates=n_candidates,
            sampled_rows=oracle_rows,
            expected=system.reward.expected(system.user, truth_page) - cost,
            sampled=gross - cost,
            censored=censored,
            pool=pool,
            model_version=system.ranker.version,
            shadow=self._shadow(requests) if shadow else None,
        )

    def _decide(self, requests: Requests, *, warm: bool, audit: float) -> Decision:
        """Fill the slots one after another; the only draw of actions there is."""
        system, builder = self.system, self.system.actions
        n, first = len(requests), int(requests.request[0]) if len(requests) else 0
        policy = system.policy
        quota = np.zeros((n, len(self.setting.arms)), np.int32)
        action = np.empty((n, builder.n_slots), np.int32)
        propensity = np.empty((n, builder.n_slots))
        audited = np.empty((n, builder.n_slots), np.bool_)
        sets: list[ActionSet] = []
        mixed: list[Float64] = []
        for slot in range(builder.n_slots):
            actions = builder.build(requests, quota)
            if warm:
                stated = warm_up(actions, policy.space)
            else:
                rng = self.streams.generator("policy", first, slot)
                stated = policy.probabilities(requests, actions, rng)
            position, distribution, audited[:, slot] = draw(
                actions,
                stated,
                self.streams.uniform("draw", requests.request, slot),
                u_audit=self.streams.uniform("audit", requests.request, slot),
                audit=audit,
            )
            action[:, slot] = actions.action[position]
            propensity[:, slot] = distribution[position]
            if actions.quota is not None:
                quota = actions.quota[position]
            sets.append(actions)
            mixed.append(distribution)
        version = np.full(n, -1 if warm else self.lessons, np.int32)
        return Decision(
            action=action,
            propensity=propensity,
            quota=quota,
            audit=audited,
            actions=tuple(sets),
            probabilities=tuple(mixed),
            version=version,
        )

    def _retrieve(self, requests: Requests, decision: Decision) -> tuple[Union, Int32, Int32]:
        """Call the arms that have slots, spill what came back short, and merge.

        Returns the union, the arms called (B,), and what each arm delivered to its own slots (B, R).
        """
        setting = self.setting
        depth = decision.quota * np.int32(setting.slot_size)
        parts = [self.system.retrieve(a, requests, depth[:, a]) for a in range(len(self.system.arms))]
        got = np.stack([np.diff(p.indptr) for p in parts], axis=1).astype(np.int32)
        own = got.copy()
        missing = (depth - got).sum(axis=1, dtype=np.int32)
        called = depth > 0
        for a in setting.fallback_index:
            if not missing.any():
                break
            deeper = np.where(missing > 0, got[:, a] + missing, got[:, a]).astype(np.int32)
            called[:, a] |= missing > 0
            parts[a] = self.system.retrieve(a, requests, deeper)
            length = np.diff(parts[a].indptr).astype(np.int32)
            missing = missing - (length - got[:, a])
            got[:, a] = length
        return self._merge(parts, got, decision), called.sum(axis=1, dtype=np.int32), own

    def _merge(self, parts: list[Candidates], got: Int32, decision: Decision) -> Union:
        setting = self.setting
        used = np.empty_like(got)
        fallback = np.array(setting.fallback_index, np.int32)
        spilled = np.empty(len(got), np.int32)
        delivered_rows(decision.quota, got, setting.slot_size, fallback, used, spilled)
        slabs = self.system.policy.space == "slabs"
        return union(
            parts,
            delivered=used,
            quota=decision.quota,
            slot_size=setting.slot_size,
            action=decision.action if slabs else None,
            spilled=spilled,
        )

    def _pool(self, requests: Requests) -> Union:
        """Return everything every arm has within the whole budget."""
        setting = self.setting
        b, r = len(requests), len(self.system.arms)
        depth = np.full(b, setting.budget, np.int32)
        parts = [self.system.retrieve(a, requests, depth) for a in range(r)]
        got = np.stack([np.diff(p.indptr) for p in parts], axis=1).astype(np.int32)
        return union(
            parts,
            delivered=got,
            quota=np.full((b, r), setting.n_slots, np.int32),
            slot_size=setting.slot_size,
            action=None,
            spilled=np.zeros(b, np.int32),
        )

    def _shadow(self, requests: Requests) -> Shadow:
        """Return everything every arm has within the whole budget, scored by the same ranker."""
        pool = self._pool(requests)
        if self.system.allocation_dependent:
            return Shadow(pool, None)
        return Shadow(pool, self.system.ranker.score(self.system.rows(requests, pool)))

    def _score(
        self, requests: Requests, rows: Int64, drawn: Union, pool: Union | None
    ) -> tuple[Float64, Float64 | None, Float32]:
        """Score the union, and the pool of the sampled rows, in one call of the ranker."""
        system = self.system
        features = system.rows(requests, drawn)
        if pool is None:
            return system.ranker.score(features), None, features
        pool_features = system.rows(requests.take(rows), pool)
        score = system.ranker.score(np.concatenate([features, pool_features]))
        return score[: len(features)], score[len(features) :], features

    def _user_uniforms(self, requests: Requests, page: Page) -> Float64:
        """Return (B, K, 3): attraction and satisfaction by request and item, continuation by rank."""
        request = requests.request[:, None]
        return np.stack(
            [
                self.streams.uniform("attraction", request, page.item),
                self.streams.uniform("satisfaction", request, page.item),
                self.streams.uniform("continuation", request, np.arange(page.item.shape[1])),
            ],
            axis=2,
        )

    def _feedback(
        self,
        requests: Requests,
        decision: Decision,
        drawn: Union,
        page: Page,
        features: Float32,
        outcome: PageOutcome,
        cost: Float64,
    ) -> tuple[Feedback, Bool]:
        """Return what will be observed, and when."""
        setting, system = self.setting, self.system
        delay = -np.log1p(-self.streams.uniform("delay", requests.request)) * setting.delay_seconds
        censored = delay > setting.attribution_seconds
        click = outcome.click & ~censored[:, None]
        satisfied = outcome.satisfied & ~censored[:, None]
        gross, value = system.reward.observed(click, satisfied)
        shown = page.candidate >= 0
        slots = np.zeros(page.item.shape, np.uint32)
        slots[shown] = drawn.slots[page.candidate[shown]]
        rows = np.zeros((*page.item.shape, features.shape[1]), np.float32)
        rows[shown] = features[page.candidate[shown]]
        order = np.arange(decision.n_slots)[None, :]
        earned = credit(
            "page" if system.policy.space == "allocations" else setting.credit,
            value=value,
            slots=slots,
            n_slots=decision.n_slots,
            reward_kind=system.reward.code,
            click=click,
            satisfied=satisfied,
            u=self.streams.uniform("credit", requests.request[:, None], order),
        )
        feedback = Feedback(
            requests=requests,
            decision=decision,
            item=page.item,
            slots=slots,
            features=rows,
            click=click,
            satisfied=satisfied,
            abandoned=~np.asarray(click.any(axis=1)),
            arrived_at=requests.time + np.minimum(delay, setting.attribution_seconds),
            reward=gross - cost,
            value=value,
            credit=earned - (cost / decision.n_slots)[:, None],
        )
        return feedback, censored
