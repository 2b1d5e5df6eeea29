"""Learning from logs: a replay equals the textbook's loop, learned policies beat the one that logged."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from ltrr.bandits import EpsilonGreedy, LinUCB, LinUCBDisjoint, Uniform, VowpalWabbit
from ltrr.errors import InputError
from ltrr.logs.events import Events, Space
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay import run
from ltrr.replay.learning.learn import METHODS, _cross_fitted, learn_policy
from ltrr.replay.learning.rejection import LearningReplay, feedback_of
from ltrr.replay.learning.split import LogPart, split
from ltrr.replay.nuisance.acceptance import accepted, smallest_propensity
from ltrr.replay.targets import Exploration, UniformTarget
from ltrr.replay.targets.described import NAMED, blocks, described
from ltrr.rng import Streams
from tests.naive_targets import MemoryLog, cut, naive_walk, random_events

Z = 4.42
"""Quantile of a two-sided false alarm of 1e-5."""

WORTH = np.array([[0.1, 0.7, 0.2, 0.1], [0.1, 0.1, 0.2, 0.8], [0.6, 0.1, 0.2, 0.1]])
"""True mean reward of 4 actions in 3 groups; no action is best in all."""
HABIT = np.array([[0.1, 0.1, 0.7, 0.1], [0.2, 0.1, 0.6, 0.1], [0.1, 0.1, 0.7, 0.1]])
"""What the logging policy does: mostly the action that is never best."""


def simulated(seed, n, *, habit=HABIT, first=1):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    action = (rng.random(n)[:, None] > habit.cumsum(axis=1)[group]).sum(axis=1).clip(max=3)
    context = np.column_stack([group == 0, group == 1, rng.normal(size=n)]).astype(np.float32)
    return Events(
        Space(("a", "b", "c", "d"), ("first", "second", "noise"), timed=True),
        row=np.arange(first, first + n),
        key=np.arange(first, first + n),
        action=action.astype(np.int32),
        reward=(rng.random(n) < WORTH[group, action]).astype(float),
        propensity=habit[group, action],
        time=np.arange(n) * 1.0,
        context=context,
        probabilities=habit[group].reshape(-1),
    )


def group_of(events):
    return np.where(events.context[:, 0] == 1, 0, np.where(events.context[:, 1] == 1, 1, 2))


def true_value(target, events):
    """Mean over the events of what the policy would earn in truth."""
    p = target.probabilities(events).reshape(len(events), -1)
    return float((p * WORTH[group_of(events)]).sum(axis=1).mean())


# --- feedback


@pytest.mark.parametrize("features", [0, 2])
@pytest.mark.parametrize("ragged", [False, True])
def test_feedback_says_what_the_log_says(features, ragged):
    events = random_events(np.random.default_rng(1), 12, features=features, ragged=ragged)
    feedback = feedback_of(events)
    assert feedback.decision.action[:, 0].tolist() == events.action.tolist()
    assert feedback.decision.propensity[:, 0].tolist() == events.propensity.tolist()
    assert feedback.decision.probabilities[0].tolist() == events.probabilities.tolist()
    assert feedback.credit[:, 0].tolist() == feedback.reward.tolist() == events.reward.tolist()
    assert feedback.click[:, 0].tolist() == (events.reward > 0).tolist()
    assert feedback.abandoned.tolist() == (events.reward <= 0).tolist()
    assert feedback.requests.context.tolist() == events.context.tolist()
    assert feedback.decision.actions[0].names == (
        ("f0", "f1") if features else tuple(f"arm:{a}" for a in events.space.actions)
    )
    own = feedback_of(events, propensity=np.full(12, 0.25))
    assert own.decision.propensity[:, 0].tolist() == [0.25] * 12
    assert len(feedback_of(events.take(np.zeros(0, np.int64)))) == 0
    bare = random_events(np.random.default_rng(1), 12, full=False)
    stated = feedback_of(bare).decision.probabilities[0]
    assert stated[bare.place].tolist() == bare.propensity.tolist()
    assert np.isnan(stated).sum() == len(stated) - 12


def test_feedback_refuses_slates():
    space, two = Space(("a", "b"), n_slots=2), np.ones(2)
    slate = Events(space, np.arange(2), two, np.arange(2), two, slot=np.arange(2))
    with pytest.raises(InputError, match="several slots"):
        feedback_of(slate)
    with pytest.raises(InputError, match="several slots"):
        next(LearningReplay(LinUCB()).walk(MemoryLog([slate])))
    with pytest.raises(InputError, match="several slots"):
        learn_policy(MemoryLog([slate]))


@pytest.mark.parametrize(
    "policy",
    [LinUCB(0.1), EpsilonGreedy(0.0), LinUCBDisjoint(0.1), VowpalWabbit(epsilon=0.0)],
    ids=lambda p: type(p).__name__,
)
def test_feedback_teaches(policy):
    """Whatever learns from a uniform log finds the best action of each group."""
    log = simulated(2, 3000, habit=np.full((3, 4), 0.25))
    policy = policy.fork()
    policy.learn(feedback_of(log))
    probe = simulated(3, 200)
    p = policy.probabilities(probe.requests, described(probe), np.random.default_rng(0)).reshape(200, 4)
    assert (p.argmax(axis=1) == WORTH.argmax(axis=1)[group_of(probe)]).mean() > 0.95


def test_many_actions_stay_without_columns():
    space = Space(tuple(f"a{i}" for i in range(NAMED + 1)))
    one = Events(space, [1], [1], [3], [1.0])
    assert described(one).features.shape == (NAMED + 1, 0)
    assert [len(rows) for rows in blocks(random_events(np.random.default_rng(4), 9))] == [9]


@given(st.integers(0, 2**32 - 1), st.integers(0, 40))
@settings(max_examples=20, deadline=None)
def test_blocks_hold_every_row_once(seed, n):
    events = random_events(np.random.default_rng(seed), n, ragged=True, features=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ltrr.replay.targets.described._NUMBERS", 40)
        parts = list(blocks(events))
    assert np.concatenate([*parts, np.zeros(0)]).tolist() == list(range(n))
    assert all(len(rows) <= 4 for rows in parts)


# --- rejection


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.booleans())
@settings(max_examples=20, deadline=None)
def test_acceptance_equals_its_twin(seed, n, ragged):
    events = random_events(np.random.default_rng(seed), n, ragged=ragged)
    target = Exploration(0.2)
    floor = float(events.propensity.min(initial=0.5))
    p = target.logged(events)
    want = []
    for i in range(n):
        u = Streams(5).uniform("replay", events.key[i], 0)
        want.append(float(u < p[i] * floor / events.propensity[i]))
    assert accepted(events, p, Streams(5), floor=floor).tolist() == want
    assert accepted(events, target.probabilities(events), Streams(5), floor=floor).tolist() == want


def test_accepted_rows_are_as_the_target_would_have_made_them():
    """Contexts as in the log, actions by the target, on a log that is far from uniform; false alarm 1e-5."""
    log = simulated(6, 40_000)
    target = Exploration(0.4, of=UniformTarget())
    p = np.tile([0.1, 0.2, 0.3, 0.4], len(log))
    accept = accepted(log, p, Streams(1), floor=0.1) == 1.0
    n = accept.sum()
    assert abs(accept.mean() - 0.1) < Z * np.sqrt(0.1 * 0.9 / len(log))
    for group in range(3):
        inside = group_of(log) == group
        share = inside.mean()
        assert abs((accept & inside).sum() / n - share) < Z * np.sqrt(share * (1 - share) / n)
        for action in range(4):
            want = p[action]
            got = (log.action[accept & inside] == action).mean()
            assert abs(got - want) < Z * np.sqrt(want * (1 - want) / (accept & inside).sum())
    assert target.name == "epsilon:0.4?of=uniform"


def test_acceptance_needs_propensities_and_a_true_floor():
    events = random_events(np.random.default_rng(7), 10)
    bare = Events(events.space, events.row, events.key, events.action, events.reward)
    p = np.ones(10)
    with pytest.raises(InputError, match="needs the log's propensities"):
        accepted(bare, p, Streams(1), floor=0.1)
    with pytest.raises(InputError, match="declare it as the floor"):
        accepted(events, p, Streams(1))
    with pytest.raises(InputError, match=f"row {int(events.propensity.argmin()) + 1} has"):
        accepted(events, p, Streams(1), floor=float(np.sort(events.propensity)[1]))
    assert smallest_propensity(cut(events, 3)) == events.propensity.min()
    with pytest.raises(InputError, match="no usable rows"):
        smallest_propensity(MemoryLog([events.take(np.zeros(0, np.int64))]))
    sure = simulated(8, 5, habit=np.eye(4)[[0, 0, 0]])
    with pytest.raises(InputError, match="is deterministic"):
        smallest_propensity(MemoryLog([sure]))
    declared = Events(Space(("a", "b"), floor=0.2), [1], [1], [1], [1.0], propensity=[0.5])
    assert smallest_propensity(MemoryLog([declared])) == 0.2
    assert accepted(declared, np.ones(1), Streams(1)).shape == (1,)


@pytest.mark.parametrize(
    "policy", [LinUCB(), EpsilonGreedy(0.3), LinUCBDisjoint()], ids=lambda p: type(p).__name__
)
@pytest.mark.parametrize("batch", [1, 7])
def test_a_walk_equals_the_textbook_loop(policy, batch):
    events = simulated(9, 400)
    policy = policy.fork()
    policy.learn(feedback_of(simulated(8, 30)))  # a walk goes on from what is known
    want, grown = naive_walk(cut(events, 400), policy, batch, 3, 0.1)
    for size in (400, 33):
        replay = LearningReplay(policy, batch=batch, seed=3)
        log = cut(events, size)
        for _ in range(2):  # a second walk starts anew
            parts = list(replay.walk(log))
            rows = np.concatenate([part.row[accept == 1.0] for part, accept in parts])
            assert rows.tolist() == want
            assert (replay.rows, replay.kept) == (400, len(want))
            assert replay.acceptance_rate == len(want) / 400
        assert 0 < len(want) < 100
        if batch == 1:  # every kept row has been taught by both
            for key, value in grown.state().items():
                assert np.array_equal(replay.learned.state()[key], value)
    assert policy.state()["lessons"].sum() == 30  # it was a copy that learned


def test_a_learning_policy_is_taught_with_its_own_propensities():
    taught = []

    class Spy(Uniform):
        def probabilities(self, requests, actions, rng):
            return np.tile([0.1, 0.2, 0.3, 0.4], len(requests))

        def learn(self, feedback):
            taught.append((feedback.decision.action[:, 0], feedback.decision.propensity[:, 0]))

    list(LearningReplay(Spy(), batch=5).walk(cut(simulated(10, 500), 100)))
    action, propensity = (np.concatenate(part) for part in zip(*taught, strict=True))
    assert len(action) > 20
    assert propensity.tolist() == ((action + 1) / 10).tolist()


def test_a_replayed_policy_earns_what_it_earns_live():
    """Late in the walk LinUCB plays nearly the best actions; the log's own policy does not."""
    log = simulated(11, 20_000, habit=np.full((3, 4), 0.25))
    replay = LearningReplay(LinUCB(0.5), batch=10)
    parts = list(replay.walk(cut(log, 4096)))
    accept = np.concatenate([a for _, a in parts]) == 1.0
    late = accept & (log.row > 10_000)
    # a quarter of a uniform log over four actions
    assert abs(replay.acceptance_rate - 0.25) < Z * np.sqrt(0.25 * 0.75 / 20_000)
    best = WORTH.max(axis=1).mean()
    assert abs(log.reward[late].mean() - best) < 0.05
    assert log.reward.mean() < 0.4


def test_parameters_of_a_replay_are_checked():
    for bad in ({"batch": 0}, {"seed": -1}, {"floor": 0.0}, {"floor": 1.5}):
        with pytest.raises(InputError, match=f"LearningReplay.{next(iter(bad))}"):
            LearningReplay(LinUCB(), **bad)


# --- parts of a log


@pytest.mark.parametrize("by", ["row", "time"])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_log_is_split_into_early_and_late(by, size):
    log = cut(simulated(12, 100), size)
    early, late = split(log, 0.3, by=by)
    assert isinstance(early, ReplayLog)
    rows = [np.concatenate([e.row for e in part.chunks()]).tolist() for part in (early, late)]
    assert rows == [list(range(1, 31)), list(range(31, 101))]
    assert (early.name, late.name, late.format) == ("memory (early)", "memory (late)", "memory")
    assert early.space is log.space
    assert early.faults is log.faults


def test_a_part_of_a_log_has_the_log_s_columns(tmp_path):
    n = 400
    columns = {"action": ["a", "b"] * 200, "reward": [1, 0, 0, 1] * 100, "propensity": [0.5] * n}
    more = {"sales": np.arange(n), "device": ["x", "y"] * 200, "user": np.arange(n) % 40}
    pd.DataFrame(columns | more).to_csv(tmp_path / "log.csv", index=False)
    _, late = split(tmp_path / "log.csv")
    found = run(late, ["always:a"], estimators=["ips"], metrics=["sales"], by="device", quiet=True)
    logged = found.table[(found.table.policy == "as logged") & (found.table.segment == "")]
    assert logged["value"].tolist() == [0.5, np.arange(200, n).mean()]
    assert set(found.table.segment) == {"", "x", "y"}
    assert logged["clusters"].tolist() == [40, 40]
    assert "user=user" in found.about["columns"]
    assert LogPart(MemoryLog([]), "late", 1.0).format == "memory"
    with pytest.raises(AttributeError):
        _ = late.nothing


def test_slots_of_a_request_stay_together():
    space = Space(("a",), n_slots=3, timed=True)
    n = np.arange(9)
    events = Events(space, n + 1, n // 3, n * 0, n * 1.0, slot=n % 3, time=n * 1.0)
    for by in ("row", "time"):
        for share in (0.2, 0.35, 0.5, 0.66):
            early, late = split(MemoryLog([events]), share, by=by)
            parts = [np.concatenate([e.key for e in part.chunks()]).tolist() for part in (early, late)]
            assert len(parts[0]) % 3 == len(parts[1]) % 3 == 0
            assert parts[0] + parts[1] == events.key.tolist()


def test_what_cannot_be_split_is_one_line():
    events = random_events(np.random.default_rng(13), 10)
    with pytest.raises(InputError, match="no times"):
        split(MemoryLog([events]), by="time")
    with pytest.raises(InputError, match="one part would hold nothing"):
        split(MemoryLog([events.take(np.arange(1))]))
    with pytest.raises(InputError, match="one part would hold nothing"):
        split(MemoryLog([events]), 1.0)
    with pytest.raises(InputError, match="split share"):
        split(MemoryLog([events]), 0.0)
    with pytest.raises(InputError, match=r"LogPart\.part"):
        LogPart(MemoryLog([events]), "middle", 1.0)


# --- off-policy learning


@pytest.fixture(scope="module")
def parts():
    return split(cut(simulated(14, 12_000), 1000), 0.5)


def judged(target, late):
    """Interval of the paired difference to the logging policy, by IPS, at a false alarm of 1e-5."""
    gain = np.concatenate([(target.logged(e) / e.propensity - 1.0) * e.reward for e in late.chunks()])
    return gain.mean() - Z * gain.std() / np.sqrt(len(gain)), gain.mean() + Z * gain.std() / np.sqrt(
        len(gain)
    )


@pytest.mark.parametrize("model", ["lightgbm", "vw", "forest"])
@pytest.mark.parametrize("method", METHODS)
def test_a_learned_policy_beats_the_one_that_logged(parts, method, model):
    early, late = parts
    if model == "forest":
        model = RandomForestRegressor(20, min_samples_leaf=100, random_state=0)
    target = learn_policy(early, method=method, model=model)
    probe = simulated(15, 2000)
    truth = true_value(target, probe)
    habit = float((HABIT * WORTH).sum(axis=1).mean())
    assert truth > 0.6 > 0.3 > habit
    low, high = judged(target, late)
    assert low > 0.2
    assert low < truth - habit < high
    assert target.name == f"learned:{method}"


@pytest.mark.parametrize("model", ["lightgbm", "vw"])
def test_learning_is_deterministic_and_explores_as_asked(parts, model):
    early, _ = parts
    probe = simulated(16, 100)
    a, b = (learn_policy(early, model=model, epsilon=0.2, max_rows=2000, seed=3) for _ in range(2))
    assert a.probabilities(probe).tolist() == b.probabilities(probe).tolist()
    p = a.probabilities(probe).reshape(100, 4)
    assert p.min() == pytest.approx(0.05, abs=1e-6)
    assert p.sum(axis=1) == pytest.approx(np.ones(100), abs=1e-9)
    assert np.median(p.max(axis=1)) == pytest.approx(0.85, abs=1e-6)


def test_predictions_of_a_first_regression_do_not_see_the_request():
    """Changing a request's reward leaves its own predictions as they were, and moves others'."""
    events = simulated(17, 60)
    changed = events.reward.copy()
    changed[5] = 1000.0
    other = Events(**{**{f: getattr(events, f) for f in events.__dataclass_fields__}, "reward": changed})
    a, b = (_cross_fitted(LinearRegression(), e, 3, 0).reshape(60, 4) for e in (events, other))
    assert a[5].tolist() == b[5].tolist()
    assert not np.allclose(a, b)
    assert (a != 0).all()


class Keeps:
    """A regressor that keeps what it is fitted to."""

    def __init__(self, seen=None):
        self.seen = [] if seen is None else seen

    def get_params(self, deep=True):
        return {"seen": self.seen}

    def __sklearn_clone__(self):
        return Keeps(self.seen)

    def fit(self, x, y, sample_weight):
        self.seen.append((x, y, sample_weight))
        return self

    def predict(self, x):
        return np.full(len(x), 0.25)


def test_what_models_are_fitted_to_worked_by_hand():
    events = random_events(np.random.default_rng(18), 6, n_actions=2)
    events = Events(
        **{
            **{f: getattr(events, f) for f in events.__dataclass_fields__},
            "count": np.array([1.0, 1, 1, 1, 1, 2]),
        }
    )
    log, i, keeps = MemoryLog([events]), 5, Keeps()
    chosen, r, p = int(events.action[i]), events.reward[i], events.propensity[i]
    for method, start in (("ips", 0.0), ("dr", 0.25)):
        learn_policy(log, method=method, model=keeps)
        x, worth, weight = keeps.seen[-1]
        assert x.shape == (12, 1 + 2 + 2)  # id, a column an action, context
        assert x[2 * i : 2 * i + 2, 0].tolist() == [0.0, 1.0]
        want = [start, start]
        want[chosen] += (r - start) / p
        assert worth[2 * i :] == pytest.approx(want)
        assert weight.tolist() == [1.0] * 10 + [2.0] * 2
    learn_policy(log, method="dm", model=keeps)
    x, worth, weight = keeps.seen[-1]
    assert x[:, 0].tolist() == events.action.tolist()
    assert worth.tolist() == events.reward.tolist()
    assert weight.tolist() == [1.0] * 5 + [2.0]


def test_tables_are_bounded(monkeypatch):
    monkeypatch.setattr("ltrr.replay.learning.learn._NUMBERS", 400)
    keeps = Keeps()
    learn_policy(MemoryLog([simulated(19, 2000)]), method="ips", model=keeps)
    assert 0 < len(keeps.seen[-1][0]) * (1 + 4 + 3) < 800


def test_what_cannot_be_learned_from_is_one_line():
    events = random_events(np.random.default_rng(20), 30, full=False)
    bare = MemoryLog(
        [Events(events.space, events.row, events.key, events.action, events.reward, context=events.context)]
    )
    log = MemoryLog([events])
    for ask, message in (
        (lambda: learn_policy(bare, method="ips"), '"dm" does without'),
        (lambda: learn_policy(bare, model="vw"), "must hold propensities"),
        (lambda: learn_policy(log, method="drr"), "did you mean 'dr'"),
        (lambda: learn_policy(log, model="lightgmb"), "did you mean 'lightgbm'"),
        (lambda: learn_policy(log, model=3), "must be lightgbm, vw or"),
        (lambda: learn_policy(log, epsilon=2.0), "learn_policy epsilon"),
        (lambda: learn_policy(log, options="--l2 1"), "for model=.vw. only"),
        (lambda: learn_policy(log, model="vw", options="--nonsense"), "options VW takes"),
        (lambda: learn_policy(log, model="vw", options="--help"), "must not ask for help"),
        (lambda: learn_policy(MemoryLog([events.take(np.arange(3))])), "at least 6 usable rows"),
        (lambda: learn_policy(MemoryLog([events.take(np.arange(0))]), model="vw"), "no usable rows"),
    ):
        with pytest.raises(InputError, match=message) as error:
            ask()
        assert "\n" not in str(error.value)
    assert learn_policy(bare, method="dm").probabilities(events).shape == (120,)
