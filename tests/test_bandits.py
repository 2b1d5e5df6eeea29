"""What every policy must keep, and what the simple ones do."""

import json
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from ltrr._state import pack, unpack
from ltrr.bandits import (
    POLICIES,
    EpsilonGreedy,
    EqualSplit,
    LinUCB,
    LinUCBDisjoint,
    SingleArm,
    StaticQuota,
    Uniform,
    VowpalWabbit,
    load,
    save,
)
from ltrr.bandits.base import BasePolicy
from ltrr.errors import InputError
from ltrr.protocols import Policy
from ltrr.types import ActionSet
from tests.naive_bandits import ARMS, arrays_of, feedback_of, requests_of, slab_actions

POLICY_CASES = {
    "single": SingleArm(1),
    "equal": EqualSplit(),
    "static": StaticQuota((1, 0, 2, 0)),
    "static-allocations": StaticQuota((0, 2, 0), space="allocations"),
    "uniform": Uniform(),
    "uniform-allocations": Uniform("allocations"),
    "epsilon": EpsilonGreedy(0.3),
    "epsilon-allocations": EpsilonGreedy(0.3, space="allocations"),
    "linucb": LinUCB(0.5, refactor_every=50),
    "linucb-allocations": LinUCB(0.5, space="allocations"),
    "disjoint": LinUCBDisjoint(0.5, refactor_every=20),
    "disjoint-slabs": LinUCBDisjoint(0.5, space="slabs", intercept=False),
    "vw-epsilon": VowpalWabbit(),
    "vw-squarecb": VowpalWabbit("squarecb", options="-b 12"),
    "vw-allocations": VowpalWabbit("squarecb", space="allocations"),
}
LEARNERS = [name for name in POLICY_CASES if name.split("-")[0] in ("epsilon", "linucb", "disjoint", "vw")]


@pytest.fixture
def policy(request):
    fresh = POLICY_CASES[request.param].fork()
    yield fresh
    if isinstance(fresh, VowpalWabbit):
        fresh.close()


def trained(policy, rng, batches=3):
    for i in range(batches):
        policy.learn(feedback_of(40, rng, policy.space, first=40 * i))
    return policy


@pytest.mark.parametrize("policy", POLICY_CASES, indirect=True)
def test_probabilities_are_probabilities_whatever_the_batch(policy):
    rng = np.random.default_rng(1)
    assert isinstance(policy, Policy)
    trained(policy, rng)
    probe = feedback_of(25, rng, policy.space)
    for actions in probe.decision.actions[:1]:
        p = policy.probabilities(probe.requests, actions, rng)
        assert p.dtype == np.float64
        assert p.shape == actions.action.shape
        assert p.min() >= 0
        np.testing.assert_allclose(np.add.reduceat(p, actions.indptr[:-1]), 1.0, atol=1e-12)
        if policy.deterministic:
            assert set(np.unique(p)) <= {0.0, 1.0}
        for b in (0, 7, 24):
            one = np.array([b])
            alone = policy.probabilities(probe.requests.take(one), actions.take(one), rng)
            assert np.array_equal(alone, p[actions.indptr[b] : actions.indptr[b + 1]])


@pytest.mark.parametrize(
    "policy", [n for n in LEARNERS if "allocations" not in n] + ["uniform"], indirect=True
)
def test_ragged_action_sets(policy):
    rng = np.random.default_rng(2)
    for _ in range(3):
        feedback = feedback_of(30, rng, "slabs", ragged=True)
        actions = feedback.decision.actions[2]
        p = policy.probabilities(feedback.requests, actions, rng)
        assert actions.width is None
        np.testing.assert_allclose(np.add.reduceat(p, actions.indptr[:-1]), 1.0, atol=1e-12)
        policy.learn(feedback)


@pytest.mark.parametrize("policy", POLICY_CASES, indirect=True)
def test_empty_batches(policy):
    rng = np.random.default_rng(3)
    nothing = feedback_of(0, rng, policy.space)
    for _ in range(2):
        assert policy.probabilities(nothing.requests, nothing.decision.actions[0], rng).shape == (0,)
        policy.learn(nothing)
        trained(policy, rng, 1)


@pytest.mark.parametrize("policy", POLICY_CASES, indirect=True)
def test_learning_writes_into_no_argument(policy):
    rng = np.random.default_rng(4)
    feedback = feedback_of(20, rng, policy.space)
    arrays = arrays_of(feedback, [])
    before = [a.copy() for a in arrays]
    policy.probabilities(feedback.requests, feedback.decision.actions[0], rng)
    policy.learn(feedback)
    assert len(arrays) > 25
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


@pytest.mark.parametrize("policy", POLICY_CASES, indirect=True)
def test_state_and_folder_round_trip(policy, tmp_path):
    rng = np.random.default_rng(5)
    probe = feedback_of(30, rng, policy.space)
    more = feedback_of(30, rng, policy.space)
    actions = probe.decision.actions[0]

    def answer(p):
        return p.probabilities(probe.requests, actions, rng)

    fresh = answer(policy)
    save(policy.fork(), tmp_path / "unlearned")
    trained(policy, rng)
    want = answer(policy)
    save(policy, tmp_path / "policy")
    frozen = unpack(pack(policy.state()))
    policy.learn(more)
    after = answer(policy)
    for other in (policy.fork(), load(tmp_path / "policy")):
        assert type(other) is type(policy)
        assert other.parameters() == policy.parameters()
        other.restore(frozen)
        assert np.array_equal(answer(other), want)
        other.learn(more)
        assert np.array_equal(answer(other), after)
    assert np.array_equal(answer(load(tmp_path / "policy")), want)
    assert np.array_equal(answer(load(tmp_path / "unlearned")), fresh)
    assert np.array_equal(answer(policy.fork()), fresh)


@pytest.mark.parametrize("policy", LEARNERS, indirect=True)
def test_learning_moves_the_answer_and_states_are_copies(policy):
    rng = np.random.default_rng(6)
    probe = feedback_of(60, rng, policy.space)
    actions = probe.decision.actions[0]
    before = policy.probabilities(probe.requests, actions, rng)
    state = pack(trained(policy, rng).state())
    held = policy.state()
    middle = policy.probabilities(probe.requests, actions, rng)
    assert not np.array_equal(before, middle)
    trained(policy, rng)
    assert pack(held) == state


def test_every_policy_can_be_saved():
    def below(kind):
        return {k for child in kind.__subclasses__() for k in {child, *below(child)}}

    assert {k for k in below(BasePolicy) if k.__module__.startswith("ltrr.")} == set(POLICIES.makers.values())


def test_a_saved_policy_keeps_all_its_parameters_and_none_that_is_an_object(tmp_path, monkeypatch):
    save(LinUCB(), tmp_path)
    about = json.loads((tmp_path / "policy.json").read_text())
    assert about["parameters"] == LinUCB().parameters()  # defaults may change between versions

    @dataclass(eq=False)
    class Nested(Uniform):
        inner: object = None

    Nested.__qualname__ = "Nested"
    monkeypatch.setattr(sys.modules[__name__], "Nested", Nested, raising=False)
    save(Nested(inner=[1, None]), tmp_path / "plain")
    assert load(tmp_path / "plain").inner == (1, None)
    for inner in (LinUCB(), len):
        with pytest.raises(InputError, match="its parameter `inner` is not a plain value"):
            save(Nested(inner=inner), tmp_path / "object")


def test_a_policy_is_saved_into_any_folder_and_over_another(tmp_path):
    place = tmp_path / "not" / "there"
    for alpha in (0.5, 0.25):
        save(LinUCB(alpha), place)
        assert load(place).alpha == alpha


def test_a_single_arm_by_name_follows_the_features_and_must_be_there():
    features = np.array([[0, 1], [1, 0], [0, 1]], np.float32)
    actions = ActionSet(np.array([0, 3]), np.arange(3), features, ("arm:a", "arm:b"), n_actions=3)
    one = requests_of(np.zeros((1, 1)))
    rng = np.random.default_rng(0)
    assert SingleArm("a").probabilities(one, actions, rng).tolist() == [0.0, 1.0, 0.0]
    assert SingleArm(2).probabilities(one, actions, rng).tolist() == [0.0, 0.0, 1.0]
    with pytest.raises(InputError, match=r"`SingleArm\.arm` must be possible in every request"):
        SingleArm("c").probabilities(one, actions, rng)
    SingleArm("a").fits(("a", "b"), 3)
    SingleArm(1).fits(("a", "b"), 3)
    with pytest.raises(InputError, match="did you mean 'bm25'"):
        SingleArm("bm52").fits(("bm25", "dense"), 3)
    with pytest.raises(InputError, match="<= 1, got 2"):
        SingleArm(2).fits(("a", "b"), 3)


def test_damaged_and_unknown_folders_are_refused(tmp_path):
    def edit(**changes):
        save(LinUCB(0.5), tmp_path)
        about = json.loads((tmp_path / "policy.json").read_text())
        (tmp_path / "policy.json").write_text(json.dumps(about | changes))

    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "absent")
    edit(format=99)
    with pytest.raises(InputError, match="format 2, got 99"):
        load(tmp_path)
    edit(**{"class": "ltrr.bandits:LinUBC"})
    with pytest.raises(InputError, match="did you mean 'LinUCB'"):
        load(tmp_path)
    edit(parameters={"alpha": 1.0, "colour": "red"})
    with pytest.raises(InputError, match="parameters of LinUCB"):
        load(tmp_path)
    edit(parameters={"alpha": -1.0})
    with pytest.raises(InputError, match="alpha"):
        load(tmp_path)
    edit()
    data = bytearray((tmp_path / "state.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "state.npz").write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        load(tmp_path)
    (tmp_path / "policy.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)

    class Stranger(Uniform):
        pass

    with pytest.raises(InputError, match="Stranger cannot be loaded again"):
        save(Stranger(), tmp_path)


def slots_of(policy, n_slots, n_arms, rng, n=1):
    """Fill slots by the policy's own draws and return the counts (n, R)."""
    counts = np.zeros((n, n_arms), np.int32)
    for _ in range(n_slots):
        actions = slab_actions(counts, rng)
        p = policy.probabilities(requests_of(np.zeros((n, 1))), actions, rng).reshape(n, n_arms)
        taken = (p.cumsum(1) > rng.random((n, 1))).argmax(1)
        counts = counts + np.eye(n_arms, dtype=np.int32)[taken]
    return counts


def test_fixed_policies_by_hand():
    rng = np.random.default_rng(7)
    assert slots_of(SingleArm(2), 3, 4, rng).tolist() == [[0, 0, 3, 0]]
    assert slots_of(StaticQuota((1, 0, 2, 0)), 3, 4, rng).tolist() == [[1, 0, 2, 0]]
    assert slots_of(EqualSplit(), 6, 3, rng).tolist() == [[2, 2, 2]]
    assert slots_of(EqualSplit(without=ARMS[1:2]), 4, 3, rng).tolist() == [[2, 0, 2]]
    counts = slots_of(EqualSplit(), 3, 4, rng, n=4000)
    assert counts.max() == 1
    # each arm is left out by 1/4 of 4,000 requests: 1,000 ± 27, so 150 is above 5 standard deviations
    assert np.abs(counts.sum(0) - 3000).max() < 150
    # an audit slot took arm 1, which has no share: the rest of the quota is still followed
    after_audit = slab_actions(np.array([[0, 1, 0, 0]]), rng)
    one = requests_of(np.zeros((1, 1)))
    assert StaticQuota((1, 0, 2, 0)).probabilities(one, after_audit, rng).tolist() == [1, 0, 0, 0]
    assert EqualSplit().probabilities(one, after_audit, rng).tolist() == [1 / 3, 0, 1 / 3, 1 / 3]
    with pytest.raises(InputError, match="must leave an arm"):
        EqualSplit(["a", "b"]).fits(("a", "b"), 3)
    with pytest.raises(InputError, match="without"):
        EqualSplit(["c"]).fits(("a", "b"), 3)
    catalogue = feedback_of(1, rng, "allocations").decision.actions[0]
    p = StaticQuota((0, 1, 1), space="allocations").probabilities(one, catalogue, rng)
    assert catalogue.quota[p == 1].tolist() == [[0, 1, 1]]


def test_epsilon_greedy_is_exact():
    rng = np.random.default_rng(8)
    policy = trained(EpsilonGreedy(0.2, ridge=2.0), rng)
    greedy = LinUCB(0.0, ridge=2.0)
    greedy.restore(policy.state())
    probe = feedback_of(30, rng, ragged=True)
    actions = probe.decision.actions[0]
    n = np.repeat(np.diff(actions.indptr), np.diff(actions.indptr))
    best = greedy.probabilities(probe.requests, actions, rng)
    want = np.where(best == 1, 1 - 0.2 + 0.2 / n, 0.2 / n)
    np.testing.assert_allclose(policy.probabilities(probe.requests, actions, rng), want, atol=1e-15)
    fresh = EpsilonGreedy(0.2).probabilities(probe.requests, actions, rng)
    assert (fresh[actions.indptr[:-1]] >= 0.8).all()  # all tie, so the lowest position is the favourite
    assert EpsilonGreedy(0.0).deterministic
    assert not EpsilonGreedy(0.1).deterministic


def test_refuses_what_it_cannot_do():
    rng = np.random.default_rng(9)
    one = requests_of(np.zeros((1, 1)))
    actions = slab_actions(np.zeros((1, 3), int), rng)
    with pytest.raises(InputError, match=r"SingleArm\.arm"):
        SingleArm(3).probabilities(one, actions, rng)
    with pytest.raises(InputError, match="3 arms"):
        StaticQuota((1, 2)).probabilities(one, actions, rng)
    with pytest.raises(InputError, match="none of its actions"):
        StaticQuota((1, 1, 1), space="allocations").probabilities(one, actions, rng)
    used_up = slab_actions(np.array([[1, 0, 0]]), rng)
    with pytest.raises(InputError, match="row 0"):
        StaticQuota((1, 0, 0)).probabilities(one, used_up, rng)
    bare = ActionSet(actions.indptr, actions.action, actions.features, actions.names, 3)
    with pytest.raises(InputError, match="quota"):
        EqualSplit().probabilities(one, bare, rng)
    empty = ActionSet(np.array([0, 0]), np.zeros(0), np.zeros((0, 5)), actions.names, 3)
    for policy in (Uniform(), LinUCB(), VowpalWabbit()):
        with pytest.raises(InputError, match="every request an action"):
            policy.probabilities(one, empty, rng)
    catalogue = feedback_of(1, rng, "allocations").decision.actions[0]
    with pytest.raises(InputError, match="one action an arm"):
        EqualSplit().probabilities(one, catalogue, rng)
    for kind in (LinUCB, LinUCBDisjoint):
        policy = trained(kind(space="slabs"), rng, 1)
        with pytest.raises(InputError, match="fresh fork"):
            policy.learn(feedback_of(3, rng, d=7))
        with pytest.raises(InputError, match="got no"):
            policy.restore({})
    feedback = feedback_of(2, rng)
    object.__setattr__(feedback.decision, "action", np.full((2, 3), 9, np.int32))
    for policy in (LinUCB(), LinUCBDisjoint(space="slabs"), VowpalWabbit()):
        with pytest.raises(InputError, match="got 9 in row 0"):
            policy.learn(feedback)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: SingleArm(-1), "SingleArm.arm"),
        (lambda: StaticQuota((0, 0)), "at least one slot"),
        (lambda: StaticQuota((1, -1)), "StaticQuota.quota"),
        (lambda: Uniform("slab"), "did you mean 'slabs'"),
        (lambda: EpsilonGreedy(1.1), "EpsilonGreedy.epsilon"),
        (lambda: EpsilonGreedy(0.1, space="slab"), "space"),
        (lambda: LinUCB(-1), "LinUCB.alpha"),
        (lambda: LinUCB(ridge=0), "LinUCB.ridge"),
        (lambda: LinUCB(refactor_every=0), "LinUCB.refactor_every"),
        (lambda: LinUCBDisjoint(ridge=-1), "LinUCBDisjoint.ridge"),
        (lambda: LinUCBDisjoint(intercept=1), "intercept"),
        (lambda: VowpalWabbit(gamma_scale=0), "gamma_scale"),
        (lambda: VowpalWabbit(epsilon=2), "epsilon"),
    ],
)
def test_parameters_are_checked(make, word):
    with pytest.raises(InputError, match=word):
        make()
