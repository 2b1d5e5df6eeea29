"""Slate estimators: slow twins, limits, and exact expectations over every slate of a small world."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr._kernels.slate import rewards_to_go
from ltrr.errors import InputError
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.estimators.slate import PI, RIPS, SNRIPS, CascadeDR, IndependentIPS, SlateIPS, SlateSNIPS
from ltrr.replay.estimators.snips import SNIPS
from tests import naive_slate as naive

LONGEST = 4
TWINS = {
    SlateIPS: naive.slate_ips,
    SlateSNIPS: naive.slate_snips,
    IndependentIPS: naive.independent_ips,
    PI: naive.pi,
    RIPS: naive.rips,
    SNRIPS: naive.sn_rips,
    CascadeDR: naive.cascade_dr,
}


def make(kind, n_slots=LONGEST):
    return kind(n_slots=n_slots) if kind is SNRIPS else kind()


def value(kind, batch, n_slots=LONGEST):
    estimator = make(kind, n_slots)
    estimator.add(batch)
    return estimator.value()


def random_batch(seed, n, longest=LONGEST):
    rng = np.random.default_rng(seed)
    length = rng.integers(1, longest + 1, n)
    key = np.repeat(np.arange(n), length)
    rows = len(key)
    slot = np.concatenate([np.arange(k) for k in length]) if n else np.zeros(0)
    return ReplayBatch(
        key,
        rng.normal(0.5, 1.0, rows),
        weight=rng.lognormal(0, 0.7, rows),
        slot=slot,
        count=rng.uniform(0.5, 3.0, n)[key],
        q_logged=rng.normal(size=rows),
        q_target=rng.normal(size=rows),
    )


def slates_of(batch):
    columns = (batch.weight, batch.reward, batch.q_logged, batch.q_target)
    rows = list(zip(*(c.tolist() for c in columns), strict=True))
    return [rows[a:b] for a, b in itertools.pairwise(batch.indptr)], batch.count[batch.indptr[:-1]].tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_equal_naive_twins(seed, n):
    batch = random_batch(seed, n)
    slates, counts = slates_of(batch)
    for kind, twin in TWINS.items():
        expected = twin(slates, counts)
        assert value(kind, batch) == pytest.approx(expected, rel=1e-12, abs=1e-12), kind


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.data())
def test_parts_merge_to_one_pass(seed, n, data):
    batch = random_batch(seed, n)
    cut = data.draw(st.integers(0, n))
    first = batch.indptr[cut]
    parts = batch.take(np.arange(first)), batch.take(np.arange(first, len(batch)))
    for kind in TWINS:
        whole, left, right = make(kind), make(kind), make(kind)
        whole.add(batch)
        left.add(parts[0])
        right.add(parts[1])
        left.merge(right)
        assert left.value() == pytest.approx(whole.value(), rel=1e-12, abs=1e-12)
        assert left.standard_error() == pytest.approx(whole.standard_error(), rel=1e-9, abs=1e-12)


def test_an_empty_batch_adds_nothing():
    batch = random_batch(0, 5)
    for kind in TWINS:
        estimator = make(kind)
        estimator.add(batch.take(np.zeros(0, np.int64)))
        with pytest.raises(InputError, match="has seen no rows"):
            estimator.value()
        estimator.add(batch)
        assert estimator.value() == value(kind, batch)


def test_one_slot_is_the_single_decision():
    batch = random_batch(1, 50, longest=1)
    ips, snips = IPS(), SNIPS()
    ips.add(batch)
    snips.add(batch)
    for kind in (SlateIPS, IndependentIPS, PI, RIPS):
        assert value(kind, batch) == pytest.approx(ips.value(), rel=1e-12)
    for kind in (SlateSNIPS, SNRIPS):
        assert value(kind, batch) == pytest.approx(snips.value(), rel=1e-12)
    w, c = batch.weight, batch.count
    dr = np.average(batch.q_target + w * (batch.reward - batch.q_logged), weights=c)
    assert value(CascadeDR, batch) == pytest.approx(dr, rel=1e-12)


def test_on_policy_all_are_the_mean_of_sums():
    batch = random_batch(2, 60)
    ones = np.ones(len(batch))
    plain = ReplayBatch(
        batch.key, batch.reward, weight=ones, q_logged=batch.q_logged, q_target=batch.q_logged
    )
    mean = batch.reward.sum() / 60
    for kind in TWINS:
        assert value(kind, plain) == pytest.approx(mean, rel=1e-12, abs=1e-12), kind


def test_predictions_of_nothing_leave_rips():
    batch = random_batch(3, 40)
    zero = np.zeros(len(batch))
    blind = ReplayBatch(batch.key, batch.reward, weight=batch.weight, q_logged=zero, q_target=zero)
    assert value(CascadeDR, blind) == value(RIPS, blind)


def test_reward_at_the_last_slot_alone():
    """Whole sequences count then: RIPS sees it, PI asks only for the sum, independent IPS is lost."""
    batch = random_batch(4, 40)
    last = np.zeros(len(batch))
    last[batch.indptr[1:] - 1] = np.random.default_rng(4).normal(size=40)
    at_end = ReplayBatch(batch.key, last, weight=batch.weight)
    first = np.zeros(len(batch))
    first[batch.indptr[:-1]] = last[batch.indptr[1:] - 1]
    at_start = ReplayBatch(batch.key, first, weight=batch.weight)
    assert value(RIPS, at_end) == pytest.approx(value(SlateIPS, at_end), rel=1e-12)
    assert value(PI, at_end) == pytest.approx(value(PI, at_start), rel=1e-12)
    assert value(IndependentIPS, at_end) != pytest.approx(value(SlateIPS, at_end), rel=1e-3)


def test_self_normalised_constants_are_exact_and_shifts_shift():
    batch = random_batch(5, 50)
    n, length = 50, np.diff(batch.indptr)
    per_slate = np.repeat(1.0 / length, length)
    constant = ReplayBatch(batch.key, per_slate, weight=batch.weight)
    snips = SlateSNIPS()
    snips.add(constant)
    assert snips.value() == pytest.approx(1.0, rel=1e-12)
    assert snips.standard_error() == 0.0
    fixed = ReplayBatch(
        np.repeat(np.arange(n), 3), np.full(3 * n, 2.0), weight=np.resize(batch.weight, 3 * n)
    )
    rips = SNRIPS(n_slots=3)
    rips.add(fixed)
    assert rips.value() == pytest.approx(6.0, rel=1e-12)
    assert rips.standard_error() == 0.0
    moved = ReplayBatch(fixed.key, fixed.reward + np.resize(batch.reward, 3 * n), weight=fixed.weight)
    shifted = ReplayBatch(fixed.key, moved.reward + 5.0, weight=fixed.weight)
    for kind in (SNRIPS, SlateSNIPS):
        assert value(kind, shifted, 3) == pytest.approx(value(kind, moved, 3) + 15.0, rel=1e-12)


def test_slots_that_nobody_has_change_nothing():
    batch = random_batch(6, 30)
    wide, narrow = SNRIPS(n_slots=9), SNRIPS(n_slots=LONGEST)
    wide.add(batch)
    narrow.add(batch)
    assert wide.value() == pytest.approx(narrow.value(), rel=1e-13)
    assert wide.standard_error() == pytest.approx(narrow.standard_error(), rel=1e-10)


def test_standard_error_of_sn_rips_by_hand():
    """The delta method's influence ``Σ_k s_k (W_k r_k − v_k W_k) / W̄_k + (1_k − s_k) v_k``."""
    batch = random_batch(7, 25)
    plain = ReplayBatch(batch.key, batch.reward, weight=batch.weight)
    influence = np.zeros(25)
    slates, _ = slates_of(batch)
    for k in range(LONGEST):
        weight = np.array([naive.up_to(s, k + 1) if len(s) > k else 0.0 for s in slates])
        reward = np.array([s[k][1] if len(s) > k else 0.0 for s in slates])
        there = np.array([len(s) > k for s in slates], float)
        ratio = (weight * reward).sum() / weight.sum()
        influence += there.mean() * weight * (reward - ratio) / weight.mean() + (there - there.mean()) * ratio
    estimator = SNRIPS(n_slots=LONGEST)
    estimator.add(plain)
    assert estimator.standard_error() == pytest.approx(influence.std(ddof=1) / 5.0, rel=1e-10)


def test_longer_requests_than_stated_are_refused():
    with pytest.raises(InputError, match=r"`SNRIPS.n_slots` must be the most slots of a request, got 2"):
        value(SNRIPS, random_batch(8, 30), n_slots=2)
    with pytest.raises(InputError, match=r"`SNRIPS.n_slots` must be an integer >= 1, got 0"):
        SNRIPS(n_slots=0)


def test_missing_columns_are_named():
    batch = random_batch(9, 5)
    with pytest.raises(InputError, match=r"`cascade-dr` needs `ReplayBatch.q_logged`"):
        value(CascadeDR, ReplayBatch(batch.key, batch.reward, weight=batch.weight))
    for kind in TWINS:
        with pytest.raises(InputError, match=r"needs `ReplayBatch.weight`"):
            value(kind, ReplayBatch(batch.key, batch.reward))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rewards_to_go_equal_naive_twin(seed):
    batch = random_batch(seed, 10)
    out = np.empty(len(batch))
    rewards_to_go(batch.indptr, batch.weight, batch.reward, out)
    expected = [g for slate in slates_of(batch)[0] for g in naive.rewards_to_go(slate)]
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)


# Every slate of a small world, each counted by the probability with which it is logged: what an estimator
# returns is then its exact expectation.

SLOTS, ACTIONS = 3, 3
SLATES = list(itertools.product(range(ACTIONS), repeat=SLOTS))


class World:
    """One context; a policy gives each prefix a distribution; rewards are tables over slates."""

    def __init__(self, seed, factored):
        self.rng = np.random.default_rng(seed)
        self.factored = factored
        self.logging, self.target, self.wrong = self.policy(), self.policy(), self.policy()

    def policy(self):
        def drawn():
            return 0.1 + 0.7 * self.rng.dirichlet(np.ones(ACTIONS))

        if self.factored:
            slots = [drawn() for _ in range(SLOTS)]
            return {s[:k]: slots[k] for s in SLATES for k in range(SLOTS)}
        return {
            prefix: drawn() for k in range(SLOTS) for prefix in itertools.product(range(ACTIONS), repeat=k)
        }

    def rewards(self, sees):
        """Reward of slot k as a random function of the slots that ``sees(k)`` lists."""
        tables = [
            {s: self.rng.normal() for s in itertools.product(range(ACTIONS), repeat=len(sees(k)))}
            for k in range(SLOTS)
        ]
        return {s: [tables[k][tuple(s[j] for j in sees(k))] for k in range(SLOTS)] for s in SLATES}

    def probability(self, policy, slate):
        return float(np.prod([policy[slate[:k]][slate[k]] for k in range(SLOTS)]))

    def truth(self, reward):
        return sum(self.probability(self.target, s) * sum(reward[s]) for s in SLATES)

    def q(self, reward):
        """The target's expected reward from slot k on, for every prefix that includes slot k."""
        out = {}
        for k in range(SLOTS):
            for prefix in itertools.product(range(ACTIONS), repeat=k + 1):
                slates = [s for s in SLATES if s[: k + 1] == prefix]
                p = [self.probability(self.target, s) for s in slates]
                out[prefix] = float(np.average([sum(reward[s][k:]) for s in slates], weights=p))
        return out

    def batch(self, reward, propensity=None, q=None):
        """All slates, weighted by what is believed to have logged them."""
        believed = propensity or self.logging
        q = q or {s[:k]: 0.0 for s in SLATES for k in range(1, SLOTS + 1)}
        rows = []
        for i, s in enumerate(SLATES):
            for k in range(SLOTS):
                pi = self.target[s[:k]]
                rows.append(
                    (
                        i,
                        reward[s][k],
                        pi[s[k]] / believed[s[:k]][s[k]],
                        self.probability(self.logging, s),
                        q[s[: k + 1]],
                        sum(pi[a] * q[(*s[:k], a)] for a in range(ACTIONS)),
                    )
                )
        key, r, w, c, q_logged, q_target = (np.array(x) for x in zip(*rows, strict=True))
        return ReplayBatch(key, r, weight=w, count=c, q_logged=q_logged, q_target=q_target)


def own(k):
    return (k,)


def earlier(k):
    return tuple(range(k + 1))


def everything(k):
    return tuple(range(SLOTS))


def other(k):
    return ((k + 1) % SLOTS,)


GENERAL = (SlateIPS, SlateSNIPS)
CASCADE = (*GENERAL, RIPS, SNRIPS, CascadeDR)


@pytest.mark.parametrize(
    ("sees", "factored", "right"),
    [
        (own, True, (*CASCADE, IndependentIPS, PI)),
        # the reward of a slot follows another slot's action: the sum is still additive
        (other, True, (*GENERAL, PI)),
        (earlier, True, CASCADE),
        (earlier, False, CASCADE),
        (everything, True, GENERAL),
        (everything, False, GENERAL),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_unbiased_where_the_assumption_holds_and_biased_elsewhere(sees, factored, right, seed):
    world = World(seed, factored)
    reward = world.rewards(sees)
    q = {
        prefix: world.rng.normal()
        for k in range(1, SLOTS + 1)
        for prefix in itertools.product(range(ACTIONS), repeat=k)
    }
    batch = world.batch(reward, q=q)
    truth = world.truth(reward)
    for kind in TWINS:
        error = abs(value(kind, batch, SLOTS) - truth)
        if kind in right:
            assert error < 1e-12, kind
        else:
            assert error > 1e-3, kind


def test_flags_say_who_needs_an_assumption():
    assert {kind for kind in TWINS if not kind.bias} == set(GENERAL)
    assert all(kind.slate for kind in TWINS)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_cascade_dr_is_doubly_robust(seed):
    world = World(seed, factored=False)
    reward = world.rewards(earlier)
    truth, right = world.truth(reward), world.q(reward)
    wrong = {prefix: value + world.rng.normal() for prefix, value in right.items()}
    assert abs(value(CascadeDR, world.batch(reward, q=right)) - truth) < 1e-12
    assert abs(value(CascadeDR, world.batch(reward, q=wrong)) - truth) < 1e-12
    assert abs(value(CascadeDR, world.batch(reward, world.wrong, right)) - truth) < 1e-12
    assert abs(value(CascadeDR, world.batch(reward, world.wrong, wrong)) - truth) > 1e-3
    # the two classic mistakes: both predictions of the logged action, both under the target
    batch = world.batch(reward, world.wrong, right)
    logged = ReplayBatch(
        batch.key,
        batch.reward,
        weight=batch.weight,
        count=batch.count,
        q_logged=batch.q_logged,
        q_target=batch.q_logged,
    )
    under = ReplayBatch(
        batch.key,
        batch.reward,
        weight=batch.weight,
        count=batch.count,
        q_logged=batch.q_target,
        q_target=batch.q_target,
    )
    assert abs(value(CascadeDR, logged) - truth) > 1e-3
    assert abs(value(CascadeDR, under) - truth) > 1e-3


def test_right_predictions_leave_no_variance_where_rewards_have_none():
    world = World(3, factored=False)
    reward = world.rewards(earlier)
    rng = np.random.default_rng(3)
    p = np.array([world.probability(world.logging, s) for s in SLATES])
    drawn = np.repeat(rng.choice(len(SLATES), 2000, p=p / p.sum()), SLOTS) * SLOTS + np.tile(
        np.arange(SLOTS), 2000
    )
    batch = world.batch(reward, q=world.q(reward))
    errors = {}
    for kind in (CascadeDR, RIPS):
        estimator = kind()
        rows = batch.take(drawn)
        estimator.add(
            ReplayBatch(
                np.repeat(np.arange(2000), SLOTS),
                rows.reward,
                weight=rows.weight,
                q_logged=rows.q_logged,
                q_target=rows.q_target,
            )
        )
        errors[kind] = estimator.standard_error()
    assert errors[CascadeDR] < 1e-9 < errors[RIPS]
