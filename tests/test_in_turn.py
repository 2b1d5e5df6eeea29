"""LinUCB counts its own choices within a batch: against a slow twin, across delays, and where it matters."""

from dataclasses import replace

import numpy as np
import pytest

from ltrr._state import pack, unpack
from ltrr.bandits import EpsilonGreedy, LinUCB, LinUCBDisjoint, linucb
from ltrr.simulation.example import small_example
from ltrr.types import ActionSet
from tests.naive_bandits import NaiveRidge, NaiveTurns, feedback_of, naive_joint, requests_of

KINDS = [LinUCB, LinUCBDisjoint]


def with_rows(alpha=1.0, *, space="allocations"):
    """Return a policy with a regression and a row for each action."""
    return LinUCBDisjoint(alpha, space=space, blocks=("credit",))


RNG = np.random.default_rng(0)


def offers_of(kind, requests, actions):
    """Return the (regression, row) of every action of each request."""
    context = np.concatenate([np.ones((len(requests), 1)), requests.context], axis=1)
    joint = naive_joint(requests, actions)
    if kind is with_rows:
        own = actions.features[:, [actions.names.index("credit")]]
        rows = np.concatenate([np.repeat(context, np.diff(actions.indptr), axis=0), own], axis=1)
        return [
            [(actions.action[n], rows[n]) for n in range(low, high)]
            for low, high in zip(actions.indptr[:-1], actions.indptr[1:], strict=True)
        ]
    return [
        [(0, joint[n]) if kind is LinUCB else (actions.action[n], context[b]) for n in range(low, high)]
        for b, (low, high) in enumerate(zip(actions.indptr[:-1], actions.indptr[1:], strict=True))
    ]


def taught(kind, space, ragged, alpha=0.8):
    """Return a policy and its twin that have learned the same 15 requests."""
    policy = kind(alpha, space=space)
    feedback = feedback_of(15, np.random.default_rng(5), space, ragged, first=1000)
    policy.learn(feedback)
    decision = feedback.decision
    twins = [NaiveRidge(1.0) for _ in range(1 if kind is LinUCB else decision.actions[0].n_actions)]
    offers = [offers_of(kind, feedback.requests, a) for a in decision.actions]
    for b in range(15):
        for s, actions in enumerate(decision.actions):
            own = actions.action[actions.indptr[b] : actions.indptr[b + 1]]
            m, x = offers[s][b][int(np.flatnonzero(own == decision.action[b, s])[0])]
            twins[m].learn(x, feedback.credit[b, s])
    return policy, NaiveTurns(twins, alpha)


def chosen_of(p, actions):
    """Return the position of each request's only 1."""
    place = np.flatnonzero(p)
    assert np.all(p[place] == 1.0)
    assert np.array_equal(np.searchsorted(actions.indptr, place, side="right") - 1, np.arange(len(actions)))
    return (place - actions.indptr[:-1]).tolist()


@pytest.mark.parametrize("cells", [linucb._CELLS, 400])
@pytest.mark.parametrize("kind", [*KINDS, with_rows])
@pytest.mark.parametrize(("space", "ragged"), [("slabs", False), ("slabs", True), ("allocations", False)])
def test_batches_in_turn_equal_the_twin(kind, space, ragged, cells, monkeypatch):
    """Three batches with nothing learned between them: the second and third count those before."""
    monkeypatch.setattr(linucb, "_CELLS", cells)
    policy, twin = taught(kind, space, ragged)
    plain, differ = taught(kind, space, ragged)[0], 0
    rng = np.random.default_rng(6)
    for batch, n in enumerate((9, 1, 9)):
        asked = feedback_of(n, rng, space, ragged, first=100 * batch)
        twin.start(n)
        for actions in asked.decision.actions:
            got = chosen_of(policy.in_turn(asked.requests, actions, RNG), actions)
            assert got == twin.slot(offers_of(kind, asked.requests, actions))
            differ += got != chosen_of(plain.probabilities(asked.requests, actions, RNG), actions)
    assert differ


@pytest.mark.parametrize("kind", [*KINDS, with_rows])
def test_a_batch_equals_requests_decided_one_by_one(kind):
    whole, parts = taught(kind, "allocations", False)[0], taught(kind, "allocations", False)[0]
    asked = feedback_of(40, np.random.default_rng(7), "allocations")
    actions = asked.decision.actions[0]
    want = np.split(whole.in_turn(asked.requests, actions, RNG), actions.indptr[1:-1])
    for b, p in enumerate(want):
        row = np.array([b])
        assert np.array_equal(parts.in_turn(asked.requests.take(row), actions.take(row), RNG), p)


@pytest.mark.parametrize("kind", [*KINDS, with_rows])
@pytest.mark.parametrize("space", ["slabs", "allocations"])
def test_a_batch_of_one_request_decides_as_before(kind, space):
    policy = taught(kind, space, False)[0]
    rng = np.random.default_rng(8)
    for t in range(20):
        asked = feedback_of(1, rng, space, first=t)
        for actions in asked.decision.actions:
            p = policy.in_turn(asked.requests, actions, RNG)
            assert np.array_equal(p, policy.probabilities(asked.requests, actions, RNG))
        policy.learn(asked)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_not_fifty_times_the_same_action(kind):
    requests = requests_of(np.ones((50, 1), np.float32))
    features = np.tile(np.eye(4, dtype=np.float32), (50, 1))
    names = tuple(f"arm:{a}" for a in "abcd")
    actions = ActionSet(np.arange(51) * 4, np.tile(np.arange(4), 50), features, names, 4)
    policy = kind()
    assert chosen_of(policy.probabilities(requests, actions, RNG), actions) == [0] * 50
    got = np.bincount(chosen_of(policy.in_turn(requests, actions, RNG), actions))
    assert got.min() >= 12


@pytest.mark.parametrize("kind", KINDS)
def test_only_in_turn_counts_choices_and_learning_forgets_them(kind):
    policy = taught(kind, "slabs", False)[0]
    asked, lesson = (feedback_of(9, np.random.default_rng(9), first=first) for first in (0, 50))
    actions = asked.decision.actions[0]
    fresh, bank = policy.probabilities(asked.requests, actions, RNG), policy.state()
    for first in (200, 300):
        other = feedback_of(9, np.random.default_rng(10), first=first)
        for offered in other.decision.actions:
            policy.in_turn(other.requests, offered, RNG)
    assert np.array_equal(policy.probabilities(asked.requests, actions, RNG), fresh)
    assert set(policy.state()) - set(bank) == {"counted"}
    assert all(np.array_equal(policy.state()[key], bank[key]) for key in bank)
    policy.learn(lesson)
    assert set(policy.state()) == set(bank)
    clean = taught(kind, "slabs", False)[0]
    clean.learn(lesson)
    again = policy.in_turn(asked.requests, actions, RNG)
    assert np.array_equal(again, clean.in_turn(asked.requests, actions, RNG))


@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_policy_goes_on_with_the_same_bytes(kind):
    """Saved while feedback is under way: three slots decided, none learned."""
    policy = taught(kind, "slabs", False)[0]
    rng = np.random.default_rng(11)
    for batch in range(2):
        asked = feedback_of(7, rng, first=100 * batch)
        for actions in asked.decision.actions:
            policy.in_turn(asked.requests, actions, RNG)
    other = kind(0.8, space="slabs")
    other.restore(unpack(pack(policy.state())))
    asked = feedback_of(30, rng, first=900)
    for actions in asked.decision.actions:
        p = policy.in_turn(asked.requests, actions, RNG)
        assert np.array_equal(p, other.in_turn(asked.requests, actions, RNG))
    a, b = policy.state(), other.state()
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[key], b[key]) for key in a)


def test_policies_without_a_bonus_ask_for_probabilities():
    asked = feedback_of(9, np.random.default_rng(12))
    actions = asked.decision.actions[0]
    for policy in (LinUCB(0.0), LinUCBDisjoint(0.0, space="slabs"), EpsilonGreedy(0.3)):
        policy.learn(feedback_of(20, np.random.default_rng(13), first=500))
        p = policy.in_turn(asked.requests, actions, RNG)
        assert np.array_equal(p, policy.probabilities(asked.requests, actions, RNG))
        assert "counted" not in policy.state()


@pytest.mark.parametrize("kind", KINDS)
def test_no_requests_and_no_actions(kind):
    policy = kind(space="slabs")
    asked, none = feedback_of(2, np.random.default_rng(14)), np.zeros(0, np.int64)
    actions = asked.decision.actions[0]
    assert policy.in_turn(asked.requests.take(none), actions.take(none), RNG).shape == (0,)
    empty = ActionSet(np.zeros(3, np.int64), none, np.zeros((0, len(actions.names))), actions.names, 4)
    with pytest.raises(ValueError, match="must offer every request an action"):
        policy.in_turn(asked.requests, empty, RNG)


def test_the_loop_decides_the_stream_in_turn_and_held_out_requests_not():
    loop = small_example()
    asked = []

    class Recorded(LinUCB):
        def in_turn(self, requests, actions, rng):
            asked.append("in turn")
            return super().in_turn(requests, actions, rng)

        def probabilities(self, requests, actions, rng):
            asked.append("probabilities")
            return super().probabilities(requests, actions, rng)

    loop.system.policy = Recorded()
    loop.step(20)  # the warm-up
    assert asked == []
    loop.step(20)
    assert asked == ["in turn"] * 3
    loop.judge_held_out(20)
    assert asked[3:] == ["probabilities"] * 3


def test_a_policy_of_ones_own_needs_no_in_turn():
    class Stranger:
        space, deterministic = "slabs", False

        def probabilities(self, requests, actions, rng):
            return np.full(len(actions.action), 0.25)

        def learn(self, feedback):
            self.learned = len(feedback)

    loop = small_example()
    loop.system.policy = Stranger()
    loop.step(20)
    assert loop.step(20).feedback.decision.propensity.tolist() == [[0.25] * 3] * 20


def test_a_loop_with_delays_continues_with_the_same_bytes():
    loops = []
    for cut in (False, True):
        loop = small_example()
        loop.setting = replace(loop.setting, delay_seconds=1e6)
        for _ in range(6):
            batch = loop.step(20)
            if cut:
                state = unpack(pack(loop.state()))
                loop = small_example()
                loop.setting = replace(loop.setting, delay_seconds=1e6)
                loop.restore(state)
        assert "counted" in loop.state()["system"]["policy"]
        loops.append((loop, batch))
    (a, last), (b, same) = loops
    assert pack(a.state()) == pack(b.state())
    assert np.array_equal(last.feedback.decision.action, same.feedback.decision.action)
