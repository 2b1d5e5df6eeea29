"""The loop: what it promises of a run, without a study around it."""

import math
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from ltrr import LoopSetting, Streams
from ltrr._state import pack, unpack
from ltrr.bandits.credit import SIGNALS
from ltrr.bandits.spec import policy_spec
from ltrr.ranking import provenance_names
from ltrr.simulation.loop import Loop
from ltrr.simulation.measure import Measures
from ltrr.study.build import build, make_world, prepare, system_of
from ltrr.study.study import Study
from ltrr.users.rewards import Reward
from tests.naive import naive_delivered

ARMS = ("bm25", "dense", "memory", "popular")
SETTING = LoopSetting(
    arms=ARMS,
    warmup=40,
    feedback_every=20,
    slot_size=8,
    page_size=6,
    slab_size={"memory": 3},
    oracle_every=10,
    audit=0.2,
)
SLABS = SETTING.slabs.tolist()


@pytest.fixture(scope="module")
def prepared():
    world = {"kind": "music", "n_items": 500, "n_queries": 200, "seed": 3}
    study = Study(
        rounds=100,
        world=world,
        arms={"dense": {"encoder": {"kind": "lsa", "dim": 16}}},
        loop=SETTING,
        policies=(policy_spec("equal", ARMS),),
    )
    return study, prepare(build(study), make_world(study))


def make_loop(prepared, policy="linucb", seed=1, **changes):
    study, shared = prepared
    setting = replace(SETTING, **changes)
    study = replace(study, loop=setting)
    streams = Streams(seed)
    return Loop(
        system_of(study, shared, policy_spec(policy, ARMS), streams, quota=(1, 1, 1, 0)), setting, streams
    )


POLICIES = [
    "equal",
    "random",
    "memory",
    "best-static",
    "epsilon-greedy",
    "linucb",
    "linucb-disjoint",
    "vw-squarecb",
]


@pytest.mark.parametrize("policy", POLICIES)
def test_propensities_are_those_of_the_draw_and_budgets_hold(prepared, policy):
    loop = make_loop(prepared, policy)
    for _ in range(5):
        batch = loop.step(20)
        decision = batch.feedback.decision
        for s, (actions, p) in enumerate(zip(decision.actions, decision.probabilities, strict=True)):
            sums = np.add.reduceat(p, actions.indptr[:-1])
            np.testing.assert_allclose(sums, 1, atol=1e-9)
            for row in range(20):
                own = slice(actions.indptr[row], actions.indptr[row + 1])
                place = np.flatnonzero(actions.action[own] == decision.action[row, s])
                assert p[own][place] == decision.propensity[row, s]
        np.testing.assert_allclose(decision.sequence_propensity, decision.propensity.prod(axis=1))
        assert np.all(decision.quota.sum(axis=1) == 3)
        assert np.all(batch.n_candidates <= SETTING.budget)
        delivered = np.add.reduceat(np.diff(batch.union.source_indptr), batch.union.indptr[:-1])
        assert np.all(delivered <= SETTING.budget)


def test_both_action_spaces_warm_up_by_the_same_law_of_quotas(prepared):
    slabs = make_loop(prepared, "linucb", warmup=80).step(80).feedback.decision
    whole = make_loop(prepared, "linucb-disjoint", warmup=80).step(80).feedback.decision
    assert np.allclose(slabs.propensity, 0.25)
    law = dict(
        zip(map(tuple, whole.actions[0].quota[:20].tolist()), whole.probabilities[0][:20], strict=True)
    )
    assert sum(law.values()) == pytest.approx(1)
    for quota, probability in law.items():
        orders = len(
            {o for o in product(range(4), repeat=3) if np.bincount(o, minlength=4).tolist() == list(quota)}
        )
        assert probability == pytest.approx(orders / 64)


def test_short_slabs_spill_to_the_fallback_and_the_log_says_so(prepared):
    batch = make_loop(prepared, "memory", audit=0.0, warmup=0).step(20)
    assert np.all(batch.union.spilled == SETTING.budget)  # nothing is remembered yet
    assert np.all(batch.union.slots > 0)
    assert np.all(batch.calls >= 2)
    # clicks on what filled the slots are the slots' credit
    assert batch.feedback.value.sum() > 0
    np.testing.assert_allclose(batch.feedback.credit.sum(axis=1), batch.feedback.value.sum(axis=1))


def test_context_is_snapshotted_before_learning(prepared):
    loop = make_loop(prepared, "equal")
    column = None
    seen = {}
    for _ in range(6):
        before = loop.system.arms[2].state()
        batch = loop.step(20)
        requests = batch.feedback.requests
        column = requests.context_names.index("memory_items")
        fresh = make_loop(prepared, "equal").system.arms[2]
        fresh.restore(before)
        np.testing.assert_array_equal(requests.context[:, column], fresh.coverage(requests)[:, 0])
        seen.update(zip(requests.query.tolist(), requests.context[:, column].tolist(), strict=True))
    assert max(seen.values()) > 0


def test_batches_may_be_cut_anywhere_while_nothing_learns(prepared):
    whole = make_loop(prepared, "equal", delay_seconds=1e12)
    parts = make_loop(prepared, "equal", delay_seconds=1e12)
    a = whole.step(20)
    b = [parts.step(n) for n in (3, 1, 16)]
    np.testing.assert_array_equal(a.page.item, np.concatenate([x.page.item for x in b]))
    np.testing.assert_array_equal(
        a.feedback.decision.action, np.concatenate([x.feedback.decision.action for x in b])
    )
    np.testing.assert_array_equal(a.outcome.click, np.concatenate([x.outcome.click for x in b]))
    np.testing.assert_array_equal(a.expected, np.concatenate([x.expected for x in b]))


@pytest.mark.parametrize("policy", ["linucb", "vw-epsilon", "rrf", "epsilon-greedy", "linucb-disjoint"])
def test_state_continues_exactly(prepared, policy):
    loop = make_loop(prepared, policy, delay_seconds=600.0, credit="sequential")
    for _ in range(4):
        loop.step(20)
    saved = pack(loop.state())
    loop.restore(unpack(saved)["loop"] if "loop" in unpack(saved) else unpack(saved))
    other = make_loop(prepared, policy, delay_seconds=600.0, credit="sequential")
    other.restore(unpack(saved))
    assert len(other.queue) == len(loop.queue) > 0
    for _ in range(4):
        a, b = loop.step(20), other.step(20)
        np.testing.assert_array_equal(a.page.item, b.page.item)
        np.testing.assert_array_equal(a.score, b.score)
        np.testing.assert_array_equal(
            a.feedback.decision.probabilities[0], b.feedback.decision.probabilities[0]
        )
        np.testing.assert_array_equal(a.outcome.click, b.outcome.click)


class Scrambled:
    """A world whose grades are another's: everything else is passed on."""

    def __init__(self, world):
        self.__dict__["inner"] = world

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def truth(self, requests, items):
        truth = self.inner.truth(requests, items)
        return replace(truth, grade=np.where(truth.item >= 0, (truth.grade + 1) % (truth.max_grade + 1), -1))


def test_scrambling_the_truth_moves_no_decision_of_a_frozen_policy(prepared):
    for policy in POLICIES:
        loop = make_loop(prepared, policy)
        for _ in range(4):
            loop.step(20)
        plain = loop.judge_held_out(60)
        loop.system.world = Scrambled(loop.system.world)
        scrambled = loop.judge_held_out(60)
        np.testing.assert_array_equal(plain.page.item, scrambled.page.item)
        np.testing.assert_array_equal(plain.feedback.decision.action, scrambled.feedback.decision.action)
        assert not np.array_equal(plain.truth_page.grade, scrambled.truth_page.grade)


def test_judging_held_out_changes_nothing(prepared):
    loop = make_loop(prepared, "linucb")
    loop.step(20)
    before = pack(loop.state())
    loop.judge_held_out(30)
    assert pack(loop.state()) == before


def test_policies_of_one_seed_share_their_random_numbers(prepared):
    a, b = make_loop(prepared, "equal"), make_loop(prepared, "bm25")
    for _ in range(4):
        x, y = a.step(20), b.step(20)
        np.testing.assert_array_equal(x.feedback.requests.query, y.feedback.requests.query)
    rows, places = np.nonzero(x.page.item == y.page.item)
    same_start = [
        (x.page.item[r, : p + 1] == y.page.item[r, : p + 1]).all() for r, p in zip(rows, places, strict=True)
    ]
    rows, places = rows[same_start], places[same_start]
    assert len(rows) > 20
    np.testing.assert_array_equal(x.outcome.click[rows, places], y.outcome.click[rows, places])


def test_feedback_waits_for_its_arrival_and_late_actions_are_lost(prepared):
    loop = make_loop(prepared, "equal", delay_seconds=900.0, attribution_seconds=1200.0)
    taught = []
    learn = loop.system.history.learn
    loop.system.history.learn = lambda feedback: (taught.append(feedback), learn(feedback))
    lost = 0
    for _ in range(8):
        batch = loop.step(20)
        f = batch.feedback
        assert np.all(f.arrived_at <= f.requests.time + 1200.0)
        assert not f.click[batch.censored].any()
        lost += int((batch.outcome.click & batch.censored[:, None]).sum())
        now = f.requests.time[-1]
        if taught:
            assert taught[-1].arrived_at.max() <= now
    assert lost > 0
    order = np.concatenate([t.arrived_at for t in taught])
    ids = np.concatenate([t.requests.request for t in taught])
    assert len(np.unique(ids)) == len(ids)
    for part in taught:
        assert np.all(np.diff(part.arrived_at) >= 0)
    assert len(order) + len(loop.queue) == 160


# ---- costs and credit


def naive_calls(quota, available, slabs, slot_size, fallback):
    """Arms called: those with slots, then fallback arms one by one while anything is missing."""
    got = [min(q * own, have) for q, own, have in zip(quota, slabs, available, strict=True)]
    missing = sum(quota) * slot_size - sum(got)
    called = {a for a, q in enumerate(quota) if q > 0}
    for a in fallback:
        if missing > 0:
            called.add(a)
            missing -= min(missing, available[a] - got[a])
    return len(called)


def available(union, b):
    """How many candidates each arm has for a request of a pool."""
    own = slice(*union.source_indptr[union.indptr[b : b + 2]])
    return np.bincount(union.arm[own], minlength=len(ARMS)).tolist()


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize(
    ("policy", "rule"),
    [("random", "split"), ("random", "first"), ("random", "sequential"), ("linucb-disjoint", "split")],
)
def test_credits_sum_to_the_reward_less_the_cost(prepared, policy, rule, kind):
    loop = make_loop(
        prepared, policy, credit=rule, delay_seconds=600.0, attribution_seconds=900.0, oracle_every=1
    )
    loop.system.reward = Reward(kind, arm_cost=0.03, candidate_cost=0.002)
    batch = loop.step(40)
    feedback, union = batch.feedback, batch.union
    cost, fallback = np.empty(40), loop.setting.fallback_index
    for b, quota in enumerate(feedback.decision.quota.tolist()):
        n_candidates = len(set(union.item[union.indptr[b] : union.indptr[b + 1]].tolist()))
        calls = naive_calls(quota, available(batch.pool.union, b), SLABS, SETTING.slot_size, fallback)
        assert (batch.n_candidates[b], batch.calls[b]) == (n_candidates, calls)
        cost[b] = 0.03 * calls + 0.002 * n_candidates
    assert cost.min() > 0.04
    gross, value = Reward(kind).observed(feedback.click, feedback.satisfied)
    np.testing.assert_allclose(feedback.reward, gross - cost, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(feedback.value, value)
    acted, _ = Reward(kind).observed(batch.outcome.click, batch.outcome.satisfied)
    np.testing.assert_allclose(batch.sampled, acted - cost, rtol=0, atol=1e-15)
    mean = Reward(kind).expected(loop.system.user, batch.truth_page)
    np.testing.assert_allclose(batch.expected, mean - cost, rtol=0, atol=1e-15)
    # pages pay allocations whole; every shown item is some slot's, spilled or not
    assert union.spilled.max() > 0
    assert 0 < np.count_nonzero(gross) < 40
    np.testing.assert_allclose(feedback.credit.sum(axis=1), gross - cost, rtol=0, atol=1e-12)
    # each slot bears its share of the cost, whatever it earned
    idle = feedback.credit[gross == 0]
    np.testing.assert_allclose(idle, -(cost[gross == 0] / idle.shape[1])[:, None] * np.ones_like(idle))


@pytest.mark.parametrize("kind", SIGNALS)
def test_losses_add_up_net_of_costs(prepared, kind):
    """The best page for free, less what retrieval, ranking, costs and luck took, is what was earned."""
    loop = make_loop(prepared, "random", oracle_every=2)
    loop.system.reward = Reward(kind, arm_cost=0.03, candidate_cost=0.002)
    loop.system.ranker.explore = 0.1
    measures = Measures(loop)
    batch = loop.step(40)
    judged, rows = measures.oracles(batch).to_pandas(), measures.rounds(batch).to_pandas()
    assert judged["request"].tolist() == list(range(1, 40, 2))
    lost = judged.filter(like="loss_").sum(axis=1)
    np.testing.assert_allclose(judged["ideal"] - judged["reward_sampled"], lost, atol=1e-12)
    cost = 0.03 * batch.calls[1::2] + 0.002 * batch.n_candidates[1::2]
    np.testing.assert_allclose(judged["loss_cost"], cost, atol=1e-15)
    np.testing.assert_allclose(judged["reward"], rows["reward"][1::2])
    # the quota that was drawn is worth what its page was, and none is worth more than the oracle's
    quotas = np.array([q for q in product(range(4), repeat=4) if sum(q) == 3])
    own = [int(np.flatnonzero((quotas == q).all(axis=1))[0]) for q in batch.feedback.decision.quota[1::2]]
    values = np.stack(judged["quota_reward"].to_numpy())
    np.testing.assert_allclose(values[np.arange(20), own], judged["reward_ranked"], atol=1e-6)
    explored = batch.page.explored[1::2].any(axis=1)
    assert 0 < explored.sum() < 20
    np.testing.assert_allclose(judged["loss_exploration"][~explored], 0.0, atol=1e-6)
    np.testing.assert_allclose(values.max(axis=1), judged["oracle_reward"], atol=1e-6)


# ---- arms that come back short


class Short:
    """An arm that has only so many candidates for any request: the first ones of another."""

    static = True

    def __init__(self, arm, limit):
        self.arm, self.limit = arm, limit

    def retrieve(self, requests, depth):
        return self.arm.retrieve(requests, np.minimum(depth, self.limit).astype(np.int32))


@pytest.mark.parametrize("fallback", [("dense", "bm25"), ("popular",), ()])
@pytest.mark.parametrize("limits", [(3, 11, 0, 24), (8, 8, 0, 16), (1, 2, 0, 5), (7, 15, 0, 23)])
def test_spilling_is_its_twin(prepared, limits, fallback):
    loop = make_loop(prepared, "random", fallback=fallback, warmup=0, audit=0.0)
    dense = loop.system.arms[1]  # has a full list for every request
    loop.system.arms = tuple(Short(dense, n) for n in limits)
    index = [ARMS.index(name) for name in fallback]
    batch = loop.judge_held_out(60)
    union, quotas = batch.union, batch.feedback.decision.quota
    assert len(np.unique(quotas, axis=0)) > 10
    for b, quota in enumerate(quotas.tolist()):
        got, spilled = naive_delivered(quota, limits, SLABS, SETTING.slot_size, index)
        own = slice(*union.source_indptr[union.indptr[b : b + 2]])
        assert Counter(union.arm[own].tolist()) == {a: n for a, n in enumerate(got) if n}
        assert union.spilled[b] == spilled
        assert batch.calls[b] == naive_calls(quota, limits, SLABS, SETTING.slot_size, index)
    assert batch.calls.dtype == np.int32


# ---- who decides: the warm-up, the policy, the audit


def test_warm_up_ends_with_its_last_request(prepared):
    loop = make_loop(prepared, "bm25", audit=0.0, warmup=30)
    warm = [loop.step(20), loop.step(10)]
    for batch in warm:
        decision = batch.feedback.decision
        np.testing.assert_array_equal(decision.version, -1)
        np.testing.assert_array_equal(decision.propensity, 0.25)
        assert not decision.audit.any()
    assert (loop.round, loop.lessons) == (30, 2)
    after = loop.step(1).feedback.decision
    assert (after.version.tolist(), after.propensity.tolist()) == ([2], [[1.0, 1.0, 1.0]])
    assert after.quota.tolist() == [[3, 0, 0, 0]]
    assert after.version.dtype == after.action.dtype == after.quota.dtype == np.int32
    other = make_loop(prepared, "bm25", warmup=30)
    other.step(29)
    with pytest.raises(ValueError, match="across the end of the warm-up"):
        other.step(2)
    assert make_loop(prepared, "bm25", warmup=0).step(5).feedback.decision.version.tolist() == [0] * 5


def test_audits_are_a_stream_of_their_own_and_never_in_the_warm_up(prepared):
    loop = make_loop(prepared, "bm25", warmup=20, audit=0.3)
    assert not loop.step(20).feedback.decision.audit.any()
    decision = loop.step(60).feedback.decision
    request, slot = np.arange(20, 80)[:, None], np.arange(3)
    want = Streams(1).uniform("audit", request, slot) < 0.3
    np.testing.assert_array_equal(decision.audit, want)
    assert 0 < want.sum() < want.size
    u = Streams(1).uniform("draw", request, slot)
    np.testing.assert_array_equal(decision.action, np.where(want, np.floor(4 * u), 0))
    own = decision.action == 0
    np.testing.assert_allclose(decision.propensity, np.where(own, 0.7 + 0.3 / 4, 0.3 / 4), rtol=1e-12)
    assert decision.action.max() == 3
    # nobody audits where the frozen policy is judged
    frozen = loop.judge_held_out(30).feedback.decision
    assert not frozen.audit.any()
    np.testing.assert_array_equal(frozen.propensity, 1.0)


def test_policies_draw_from_a_stream_of_the_batch_and_the_slot(prepared):
    """The same numbers whatever was drawn before: a policy that simulates keeps no position."""
    loop, drawn = make_loop(prepared, "random", warmup=0), []
    stated = loop.system.policy.probabilities

    def noted(requests, actions, rng):
        drawn.append(rng.random())
        return stated(requests, actions, rng)

    loop.system.policy.probabilities = noted
    for n in (20, 7):
        loop.step(n)
    loop.judge_held_out(3)
    want = [Streams(1).generator("policy", first, s).random() for first in (0, 20, 2**40) for s in range(3)]
    assert drawn == want


def test_lessons_are_counted_where_something_arrived(prepared):
    slow = make_loop(prepared, "random", delay_seconds=1e12)
    for _ in range(3):
        assert slow.step(20).feedback.decision.version.max() <= 0
    assert (slow.round, slow.lessons, len(slow.queue)) == (60, 0, 60)
    fast = make_loop(prepared, "random", warmup=20)
    assert [fast.step(n).feedback.decision.version[0] for n in (20, 10, 10)] == [-1, 1, 2]
    assert (fast.round, fast.lessons, len(fast.queue)) == (40, 3, 0)


def test_all_learners_are_taught_once_in_order_and_static_arms_never(prepared):
    loop = make_loop(prepared, "linucb")
    system, taught = loop.system, []

    class Watched:
        def __init__(self, name, inner):
            self.name, self.inner, self.static = name, inner, getattr(inner, "static", False)

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def learn(self, feedback):
            taught.append((self.name, len(feedback)))
            self.inner.learn(feedback)

    system.arms = tuple(Watched(n, a) for n, a in zip(ARMS, system.arms, strict=True))
    for part in ("policy", "ranker"):
        setattr(system, part, Watched(part, getattr(system, part)))
    loop.step(7)
    assert taught == [(name, 7) for name in ("memory", "popular", "policy", "ranker")]
    assert system.history.state()["count"].sum() == 7 * 3


# ---- what is judged


def test_oracles_judge_the_last_of_every_so_many_rounds(prepared):
    loop = make_loop(prepared, "equal", warmup=0, oracle_every=10, held_out_oracle_every=4)
    pools = [loop.step(n).pool for n in (15, 4, 1, 10)]
    assert [None if pool is None else pool.rows.tolist() for pool in pools] == [[9], None, [4 - 4], [9]]
    assert loop.judge_held_out(9).pool.rows.tolist() == [0, 4, 8]
    loop = make_loop(prepared, "equal", oracle_every=1)
    batch = loop.step(6)
    pool = batch.pool
    assert pool.rows.tolist() == list(range(6))
    # the pool is all that every arm has within the budget; what was drawn of it has the same scores
    arms = loop.system.arms
    deep = [a.retrieve(batch.feedback.requests, np.full(6, SETTING.budget, np.int32)) for a in arms[:2]]
    have = np.array([available(pool.union, b) for b in range(6)])
    np.testing.assert_array_equal(have[:, :2].T, [np.diff(d.indptr) for d in deep])
    assert (have[:, 2] == 0).all()  # nothing is remembered yet
    assert (have[:, 3] == SETTING.budget).all()
    for b in range(6):
        score_of = [
            dict(
                zip(u.item[u.indptr[b] : u.indptr[b + 1]], score[u.indptr[b] : u.indptr[b + 1]], strict=True)
            )
            for u, score in ((batch.union, batch.score), (pool.union, pool.score))
        ]
        assert score_of[0].items() <= score_of[1].items()
    np.testing.assert_array_equal(pool.truth.item, pool.union.item)


class Ranker:
    """A ranker of one's own: by a feature, backwards."""

    version = 7

    def __init__(self, *, allocation_dependent=None):
        self.seen = []
        if allocation_dependent is not None:
            self.allocation_dependent = allocation_dependent

    def score(self, features):
        self.seen.append(len(features))
        return -features[:, 0].astype(np.float64)

    def learn(self, feedback):
        pass


def test_a_ranker_that_looks_at_allocations_is_given_no_pool(prepared):
    """Whatever its class: oracles cannot rescore its candidates, its own scores rank the page."""
    loop = make_loop(prepared, "equal", oracle_every=1, log_shadow=True)
    loop.system.ranker = Ranker(allocation_dependent=True)
    loop._pool = lambda requests: pytest.fail("a pool was retrieved")
    batch = loop.judge_held_out(20)
    assert (batch.pool, Measures(loop).oracles(batch), batch.model_version) == (None, None, 7)
    features = loop.system.features.build(batch.feedback.requests, batch.union.items)
    np.testing.assert_array_equal(batch.score, -features[:, 0].astype(np.float64))
    assert loop.system.ranker.seen == [len(batch.score)]
    shown = batch.page.candidate >= 0
    np.testing.assert_array_equal(batch.page.score[shown], batch.score[batch.page.candidate[shown]])
    # the shadow of a log is retrieved, but has no scores
    del loop._pool
    assert loop.step(20).shadow.score is None


@pytest.mark.parametrize("said", [None, False])
def test_any_other_ranker_scores_the_pool_in_the_same_call(prepared, said):
    loop = make_loop(prepared, "equal", held_out_oracle_every=5)
    loop.system.ranker = Ranker(allocation_dependent=said)
    batch = loop.judge_held_out(20)
    pool = batch.pool
    assert pool.rows.tolist() == [0, 5, 10, 15]
    assert loop.system.ranker.seen == [len(batch.score) + len(pool.score)]
    judged = batch.feedback.requests.take(pool.rows)
    for requests, union, score in (
        (batch.feedback.requests, batch.union, batch.score),
        (judged, pool.union, pool.score),
    ):
        features = loop.system.features.build(requests, union.items)
        np.testing.assert_array_equal(score, -features[:, 0].astype(np.float64))
    assert len(Measures(loop).oracles(batch)) == 4


def test_the_shadow_is_the_pool_of_every_request(prepared):
    """With every request judged, what is logged beside the draw is what the oracles see, scored alike."""
    batch = make_loop(prepared, "equal", oracle_every=1, log_shadow=True).step(10)
    shadow, pool = batch.shadow, batch.pool
    np.testing.assert_array_equal(shadow.union.item, pool.union.item)
    np.testing.assert_array_equal(shadow.union.indptr, pool.union.indptr)
    np.testing.assert_array_equal(shadow.score, pool.score)
    assert make_loop(prepared, "equal").step(10).shadow is None


def test_requests_count_for_those_after_them(prepared):
    """How often a text was asked before the batch; judging on held-out queries counts nothing."""
    loop, before = make_loop(prepared, "equal"), Counter()
    for _ in range(4):
        batch = loop.step(20)
        queries = batch.feedback.requests.query.tolist()
        assert batch.asked.tolist() == [before[q] for q in queries]
        loop.judge_held_out(20)
        before.update(queries)
    assert max(before.values()) > 2


# ---- what is observed, and when


def test_users_draw_attraction_satisfaction_and_continuation_from_their_own_streams(prepared):
    batch = make_loop(prepared, "equal").step(40)
    request, item, streams = np.arange(40)[:, None], batch.page.item, Streams(1)
    u = np.stack(
        [
            streams.uniform("attraction", request, item),
            streams.uniform("satisfaction", request, item),
            streams.uniform("continuation", request, np.arange(6)),
        ],
        axis=2,
    )
    again = make_loop(prepared, "equal").system.user.sample(batch.truth_page, u)
    np.testing.assert_array_equal(batch.outcome.click, again.click)
    np.testing.assert_array_equal(batch.outcome.satisfied, again.satisfied)
    assert batch.outcome.satisfied.any()
    np.testing.assert_array_equal(batch.feedback.abandoned, ~batch.feedback.click.any(axis=1))


def test_rows_of_the_page_are_rows_of_the_union(prepared):
    loop = make_loop(prepared, "equal", page_size=30)
    batch = loop.judge_held_out(30)
    feedback, candidate = batch.feedback, batch.page.candidate
    features = loop.system.features.build(feedback.requests, batch.union.items)
    assert (candidate < 0).any()
    for b, k in product(range(30), range(30)):
        at = candidate[b, k]
        assert feedback.item[b, k] == (batch.union.item[at] if at >= 0 else -1)
        assert feedback.slots[b, k] == (batch.union.slots[at] if at >= 0 else 0)
        np.testing.assert_array_equal(feedback.features[b, k], features[at] if at >= 0 else 0.0)


def test_delays_are_exponential_and_censoring_begins_beyond_the_limit(prepared):
    u = Streams(1).uniform("delay", np.arange(40))
    delay = -np.log1p(-u) * 600.0
    limit = float(np.sort(delay)[20])
    loop = make_loop(prepared, "equal", delay_seconds=600.0, attribution_seconds=limit)
    batch = loop.step(40)
    time = batch.feedback.requests.time
    # what takes exactly as long as is allowed counts
    np.testing.assert_array_equal(batch.censored, delay > limit)
    assert batch.censored.sum() == 19
    np.testing.assert_array_equal(batch.feedback.arrived_at, time + np.minimum(delay, limit))
    late = batch.censored[:, None]
    np.testing.assert_array_equal(batch.feedback.click, batch.outcome.click & ~late)
    np.testing.assert_array_equal(batch.feedback.satisfied, batch.outcome.satisfied & ~late)
    assert (batch.outcome.satisfied & late).any()
    # only what arrived by the last request's second has been taught
    assert len(loop.queue) == int((batch.feedback.arrived_at > time[-1]).sum()) > 0
    # without a limit nothing is lost, without a delay all arrives at once
    batch = make_loop(prepared, "equal", delay_seconds=600.0).step(40)
    np.testing.assert_array_equal(batch.feedback.arrived_at, time + delay)
    assert not batch.censored.any()
    batch = make_loop(prepared, "equal").step(40)
    np.testing.assert_array_equal(batch.feedback.arrived_at, time)
    # 4,000 delays: their mean lies within 5 standard errors (600 / √4,000) of the stated one
    many = -np.log1p(-Streams(1).uniform("delay", np.arange(4_000))) * 600.0
    assert abs(many.mean() - 600.0) < 5 * 600.0 / math.sqrt(4_000)


class Recorder:
    """A world that notes which feedback it is shown before each batch."""

    def __init__(self, world):
        self.__dict__.update(inner=world, shown=[])

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def next(self, n, arrived):
        self.shown.append([] if arrived is None else arrived.requests.request.tolist())
        return self.inner.next(n, arrived)


def test_the_world_sees_what_arrived_before_and_a_checkpoint_keeps_it(prepared):
    loop = make_loop(prepared, "equal", delay_seconds=300.0)
    loop.system.world = Recorder(loop.system.world)
    taught = []
    learn = loop.system.history.learn
    loop.system.history.learn = lambda f: (taught.append(f.requests.request.tolist()), learn(f))
    for _ in range(3):
        loop.step(20)
    shown = loop.system.world.shown
    assert shown == [[], *taught[: len(shown) - 1]]
    assert min(map(len, taught)) > 0
    other = make_loop(prepared, "equal", delay_seconds=300.0)
    other.system.world = Recorder(other.system.world)
    other.restore(unpack(pack(loop.state())))
    assert (other.round, other.lessons, len(other.queue)) == (60, loop.lessons, len(loop.queue))
    other.step(20)
    loop.step(20)
    assert other.system.world.shown == [shown[-1]] == [taught[2]]


@pytest.mark.parametrize("kind", ["rrf", "convex"])
def test_rows_that_no_log_keeps_hold_only_what_the_ranker_reads(prepared, kind):
    study, shared = prepared
    study, spec = replace(study, ranker={"kind": kind}), policy_spec("equal", ARMS)
    whole, bare = (
        Loop(system_of(study, shared, spec, Streams(1), logged=logged), SETTING, Streams(1))
        for logged in (True, False)
    )
    read = provenance_names(ARMS)
    assert whole.system.rank_columns[-len(read) :] == bare.system.rank_columns == read
    for _ in range(4):
        one, two = whole.step(20), bare.step(20)
        assert np.array_equal(one.score, two.score)
        assert np.array_equal(one.page.item, two.page.item)
        assert np.array_equal(one.feedback.features[..., -len(read) :], two.feedback.features)
