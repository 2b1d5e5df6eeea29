"""The loop: what it promises of a run, without a study around it."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from ltrr import LoopSetting, Streams
from ltrr._state import pack, unpack
from ltrr.bandits.spec import policy_spec
from ltrr.simulation.delay import DelayQueue
from ltrr.simulation.loop import Loop
from ltrr.study.build import build, make_world, prepare, system_of
from ltrr.study.study import Study

ARMS = ("bm25", "dense", "memory", "popular")
SETTING = LoopSetting(
    arms=ARMS, warmup=40, feedback_every=20, slot_size=8, page_size=6, oracle_every=10, audit=0.2
)


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
    return Loop(system_of(study, shared, policy_spec(policy, ARMS), streams, (1, 1, 1, 0)), setting, streams)


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
    assert np.all(batch.union.slots == 1 << 31)
    assert np.all(batch.calls >= 2)
    # clicks on what only a spilled slab drew are nobody's credit
    assert np.all(batch.feedback.credit == 0)


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
        return replace(truth, grade=np.where(truth.item >= 0, (truth.grade + 3) % 5, -1))


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


def test_queue_state_round_trip(prepared):
    loop = make_loop(prepared, "linucb")
    batch = loop.step(20)
    queue = DelayQueue()
    queue.push(batch.feedback)
    other = DelayQueue()
    other.restore(unpack(pack({"q": queue.state()}))["q"], batch.feedback.requests.queries)
    late = float(batch.feedback.arrived_at.max())
    a, b = queue.pop(late), other.pop(late)
    np.testing.assert_array_equal(a.features, b.features)
    np.testing.assert_array_equal(a.decision.actions[2].features, b.decision.actions[2].features)
    assert a.requests.context_names == b.requests.context_names
    assert queue.pop(late) is None
