"""Nuisance models: cross-fitting proven, calibration, recovered truth, fallbacks, twins of the kernels."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ltrr.errors import InputError
from ltrr.logs.events import Events, Space
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.dr import DR
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.nuisance import (
    BalancedWeights,
    PropensityModel,
    RewardModel,
    expected_value,
    fold_of,
    marginal_weights,
    mrdr_weights,
    rewards_to_go,
    sample_rows,
)

ACTIONS = 4


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class Log:
    """A simulated log whose truth is known: rewards linear in the context, with slopes by action."""

    def __init__(self, n, seed=0, binary=False, logging=1.0, ragged=False):
        rng = np.random.default_rng(seed)
        slope, base = rng.normal(size=(ACTIONS, 2)), rng.normal(size=ACTIONS)
        x = rng.normal(size=(n, 2))
        self.q = base + x @ slope.T
        if binary:
            self.q = 1 / (1 + np.exp(-self.q))
        self.pi_b = 0.1 / ACTIONS + 0.9 * softmax(logging * (x @ rng.normal(size=(2, ACTIONS))))
        self.pi = 0.1 / ACTIONS + 0.9 * softmax(self.q)
        eligible = np.ones((n, ACTIONS), bool)
        if ragged:
            eligible = rng.random((n, ACTIONS)) < 0.7
            eligible[np.arange(n), rng.integers(0, ACTIONS, n)] = True
            for name in ("pi", "pi_b"):
                p = getattr(self, name) * eligible
                setattr(self, name, p / p.sum(axis=1, keepdims=True))
        self.eligible = eligible
        u = rng.random((n, 1))
        action = np.minimum((np.cumsum(self.pi_b, axis=1) < u).sum(axis=1), ACTIONS - 1)
        mean = self.q[np.arange(n), action]
        reward = (rng.random(n) < mean) * 1.0 if binary else mean + 0.3 * rng.normal(size=n)
        self.space = Space(tuple("abcd"), ("x", "y"))
        self.events = Events(
            self.space,
            np.arange(1, n + 1),
            np.arange(n) * 7,
            action,
            reward,
            self.pi_b[np.arange(n), action],
            context=x,
            indptr=np.append(0, np.cumsum(eligible.sum(axis=1))) if ragged else None,
            eligible=np.nonzero(eligible)[1] if ragged else None,
        )
        self.value = float((self.pi * self.q).sum(axis=1).mean())

    def flat(self, table):
        return table[self.eligible]


def changed(events, row, **columns):
    """The same events with other values in one row."""
    values = {f: getattr(events, f) for f in events.__dataclass_fields__}
    for name, value in columns.items():
        values[name] = values[name].copy()
        values[name][row] = value
    return Events(**values)


# Kernels and small functions


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 20))
def test_expected_equals_naive_twin(seed, n):
    rng = np.random.default_rng(seed)
    indptr = np.append(0, np.cumsum(rng.integers(0, 5, n)))
    p, q = rng.random(indptr[-1]), rng.normal(size=indptr[-1])
    none = rng.random(indptr[-1]) < 0.2
    p[none], q[none] = 0.0, np.nan
    got = expected_value(indptr, p, q)
    for i, (a, b) in enumerate(itertools.pairwise(indptr)):
        want = sum(p[j] * q[j] for j in range(a, b) if p[j] > 0)
        assert got[i] == pytest.approx(want, rel=1e-12, abs=1e-12)
    assert len(got) == n


@pytest.mark.parametrize("ragged", [False, True])
def test_marginal_weights_equal_naive_twin(ragged):
    log = Log(60, 1, ragged=ragged)
    category = np.array([2, 0, 2, 1])
    got = marginal_weights(log.events, log.flat(log.pi), log.flat(log.pi_b), category)
    for i in range(60):
        same = [
            a for a in range(ACTIONS) if category[a] == category[log.events.action[i]] and log.eligible[i, a]
        ]
        want = sum(log.pi[i, a] for a in same) / sum(log.pi_b[i, a] for a in same)
        assert got[i] == pytest.approx(want, rel=1e-12)


def test_marginal_weights_at_both_ends():
    log = Log(40, 2)
    pi, pi_b = log.flat(log.pi), log.flat(log.pi_b)
    each = marginal_weights(log.events, pi, pi_b, np.arange(ACTIONS))
    np.testing.assert_allclose(each, pi[log.events.place] / log.events.propensity, rtol=1e-12)
    np.testing.assert_allclose(marginal_weights(log.events, pi, pi_b, np.zeros(ACTIONS)), 1.0, rtol=1e-12)
    with pytest.raises(InputError, match=r"`logging` must give the chosen category .* in row 1 of the log"):
        marginal_weights(log.events, pi, np.zeros_like(pi), np.arange(ACTIONS))
    with pytest.raises(InputError, match=r"`embedding` must have shape \(4\)"):
        marginal_weights(log.events, pi, pi_b, np.arange(3))


def test_mrdr_weights_by_hand_and_their_limits():
    got = mrdr_weights(np.array([2.0, 0.5, 0.0]), np.array([0.25, 1.0, 0.5]))
    assert got.tolist() == [3.0, 0.0, 0.0]
    with pytest.raises(InputError, match=r"`propensity` must lie in \(0, 1\], got 0"):
        mrdr_weights(np.ones(2), np.array([0.5, 0.0]))
    with pytest.raises(InputError, match="`weight` must be >= 0 and finite, got -1"):
        mrdr_weights(np.array([-1.0]), np.array([0.5]))


def test_mrdr_diagonal_is_the_conditional_variance_of_a_deterministic_target():
    """Enumerated: the variance of DR over actions is E over logged actions of ``w² (1 − π_b) δ²``."""
    rng = np.random.default_rng(3)
    p, delta = rng.dirichlet(np.ones(5)), rng.normal(size=5)
    target = np.eye(5)[2]
    w = target / p
    term = w * delta
    variance = p @ term**2 - (p @ term) ** 2
    assert variance == pytest.approx(p @ (mrdr_weights(w, p) * delta**2), rel=1e-12)


def test_folds_follow_keys_alone():
    key = np.repeat(np.random.default_rng(0).integers(-(2**62), 2**62, 20_000), 2)
    fold = fold_of(key, folds=5, seed=3)
    assert np.array_equal(fold[::2], fold[1::2])
    part = np.arange(len(key))[::-7]
    assert np.array_equal(fold_of(key[part], folds=5, seed=3), fold[part])
    # each share has a standard deviation of .0028: five of them
    assert np.all(np.abs(np.bincount(fold[::2], minlength=5) / 20_000 - 0.2) < 0.015)
    assert np.mean(fold == fold_of(key, folds=5, seed=4)) < 0.25


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 80))
def test_samples_hold_whole_requests(seed, n, max_rows):
    rng = np.random.default_rng(seed)
    key = np.repeat(rng.permutation(n), rng.integers(1, 4, n))
    rows = sample_rows(key, max_rows=max_rows, seed=seed)
    inside = np.isin(key, key[rows])
    assert np.array_equal(np.flatnonzero(inside), rows)
    assert len(rows) <= max_rows or len(set(key[rows].tolist())) == 1
    assert len(rows) > 0
    if len(key) <= max_rows:
        assert len(rows) == len(key)


def test_rewards_to_go_of_events():
    space = Space(("a", "b"), n_slots=3)
    key = np.array([5, 5, 5, 6])
    events = Events(
        space, np.arange(1, 5), key, np.zeros(4), np.array([1.0, 2.0, 3.0, 4.0]), slot=[0, 1, 2, 0]
    )
    assert rewards_to_go(events).tolist() == [6.0, 5.0, 3.0, 4.0]
    # by hand: 3; 2 + 2·3 = 8; 1 + .5·8 = 5
    assert rewards_to_go(events, np.array([9.0, 0.5, 2.0, 7.0])).tolist() == [5.0, 8.0, 3.0, 4.0]


# RewardModel

KINDS = {
    "lightgbm": "lightgbm",
    "ridge": "ridge",
    "tree": DecisionTreeRegressor(),
    "neighbour": KNeighborsRegressor(n_neighbors=1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("calibrate", [True, False])
def test_a_prediction_does_not_see_its_own_reward(kind, calibrate):
    log = Log(300, 4, ragged=True)
    slots = np.repeat(np.arange(150), 2)
    events = changed(log.events, slice(None), key=slots)
    before, after = (RewardModel(KINDS[kind], calibrate=calibrate) for _ in range(2))
    before.fit(events)
    after.fit(changed(events, 20, reward=1000.0))
    p, q = before.predict(events), after.predict(events)
    fold = fold_of(slots, folds=5, seed=0)
    mine = np.repeat(fold == fold[20], np.diff(events.indptr))
    # its own fold, with the other slot of its request, stays to the last bit; all others have learnt
    assert np.array_equal(p[mine], q[mine])
    assert not np.array_equal(p[~mine], q[~mine])
    if kind != "neighbour":
        for k in set(range(5)) - {fold[20]}:
            others = np.repeat(fold == k, np.diff(events.indptr))
            assert not np.array_equal(p[others], q[others])


def test_a_model_that_memorises_would_be_caught():
    """Without folds the nearest neighbour returns each row's own reward: the test above can fail."""
    log = Log(200, 5)
    x = np.column_stack([log.events.context, log.events.action * 100])
    inside = KNeighborsRegressor(n_neighbors=1).fit(x, log.events.reward).predict(x)
    assert np.array_equal(inside, log.events.reward)
    model = RewardModel(KNeighborsRegressor(n_neighbors=1), calibrate=False)
    model.fit(log.events)
    assert np.mean(model.predict_chosen(log.events) == log.events.reward) < 0.02


class Skewed(RegressorMixin, BaseEstimator):
    """A regression whose predictions are off by a factor and a shift."""

    def fit(self, X, y, sample_weight=None):
        self.model_ = LinearRegression().fit(X, y, sample_weight)
        return self

    def predict(self, X):
        return 0.6 * self.model_.predict(X) + 0.8


@pytest.mark.parametrize("kind", ["lightgbm", "logistic", Skewed()])
def test_predictions_are_right_on_average_out_of_fold(kind):
    log = Log(20_000, 6, binary=True)
    reward = log.events.reward
    model = RewardModel(kind)
    model.fit(log.events)
    q = model.predict_chosen(log.events)
    # the mean of 4,000 calibration rewards has a standard deviation of .008 at most: five of them, by fold
    fold = fold_of(log.events.key, folds=5, seed=0)
    for k in range(5):
        assert abs(q[fold == k].mean() - reward[fold == k].mean()) < 0.055
    # 20,000 rewards and as many in calibration: a standard deviation of .005; what a line has to be cut
    # to stay within the rewards moves the mean a little besides
    assert abs(q.mean() - reward.mean()) < 0.025
    if isinstance(kind, str):
        # and in every fifth of the predictions, where 4,000 rewards are averaged
        for part in np.array_split(np.argsort(q), 5):
            assert abs(q[part].mean() - reward[part].mean()) < 0.05
    else:
        plain = RewardModel(kind, calibrate=False)
        plain.fit(log.events)
        assert abs(plain.predict_chosen(log.events).mean() - reward.mean()) > 0.1


@pytest.mark.parametrize(
    ("kind", "binary", "ragged", "worst"),
    [
        ("ridge", False, False, 0.03),
        ("ridge", False, True, 0.03),
        ("lightgbm", False, False, 0.35),
        ("lightgbm", False, True, 0.35),
        ("logistic", True, False, 0.05),
        ("lightgbm", True, True, 0.10),
    ],
)
def test_the_truth_is_recovered(kind, binary, ragged, worst):
    log = Log(8_000, 7, binary=binary, ragged=ragged)
    model = RewardModel(kind)
    model.fit(log.events)
    error = model.predict(log.events) - log.flat(log.q)
    assert np.sqrt(np.mean(error**2)) < worst
    assert np.std(log.flat(log.q)) > 2 * worst
    assert model.notes == ()


def test_action_features_that_differ_between_requests_are_used():
    rng = np.random.default_rng(8)
    n = 3000
    feature = rng.normal(size=(n, ACTIONS))
    action = rng.integers(0, ACTIONS, n)
    events = Events(
        Space(tuple("abcd"), feature_names=("f",)),
        np.arange(1, n + 1),
        np.arange(n),
        action,
        feature[np.arange(n), action] + 0.1 * rng.normal(size=n),
        features=feature.reshape(-1, 1),
    )
    model = RewardModel("ridge")
    model.fit(events)
    error = np.abs(model.predict(events) - feature.reshape(-1))
    # predictions stay within the rewards that were seen, so the last few are cut
    assert np.quantile(error, 0.99) < 0.05
    assert model.predict(events).max() <= events.reward.max()
    fixed = Events(
        Space(tuple("abcd"), feature_names=("f",), features=np.arange(4.0)[:, None]),
        np.arange(1, n + 1),
        np.arange(n),
        action,
        action * 2.0,
    )
    model.fit(fixed)
    assert np.abs(model.predict(fixed) - np.tile(np.arange(4) * 2.0, n)).max() < 0.1


@pytest.mark.parametrize("kind", ["lightgbm", "ridge", DecisionTreeRegressor(max_features=1)])
def test_deterministic_and_blind_to_chunks(kind):
    events = Log(400, 9, ragged=True).events
    first, second, other = RewardModel(kind), RewardModel(kind), RewardModel(kind, seed=1)
    for model in (first, second, other):
        model.fit(events)
    whole = first.predict(events)
    assert np.array_equal(whole, second.predict(events))
    assert not np.array_equal(whole, other.predict(events))
    parts = [first.predict(events.take(rows)) for rows in np.split(np.arange(400), [0, 1, 150])]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(first.predict_chosen(events), whole[events.place], rtol=1e-12)


def test_blocks_of_pairs_change_nothing(monkeypatch):
    events = Log(200, 10, ragged=True).events
    model = RewardModel("lightgbm")
    model.fit(events)
    whole = model.predict(events)
    monkeypatch.setattr("ltrr.replay.nuisance._design._PAIRS", 3)
    assert np.array_equal(model.predict(events), whole)


def test_rows_that_stand_for_several_count_so_often():
    log = Log(200, 11)
    count = np.resize([1.0, 3.0], 200)
    heavy = changed(log.events, slice(None))
    heavy = Events(**{f: getattr(heavy, f) for f in heavy.__dataclass_fields__} | {"count": count})
    # every event three times or once, under its own key: the same folds
    copies = log.events.take(np.repeat(np.arange(200), count.astype(int)))
    one, other = RewardModel(LinearRegression()), RewardModel(LinearRegression())
    one.fit(heavy)
    other.fit(copies)
    np.testing.assert_allclose(one.predict(log.events), other.predict(log.events), rtol=1e-8, atol=1e-8)
    # weights have no unit: only what is not penalised is the same by weights
    one, third = (RewardModel(LinearRegression(), calibrate=False) for _ in range(2))
    one.fit(heavy)
    third.fit(log.events, count)
    np.testing.assert_allclose(one.predict(log.events), third.predict(log.events), rtol=1e-8, atol=1e-8)


def test_samples_are_bounded_and_unsampled_events_have_their_folds_model():
    log = Log(2000, 12)
    model = RewardModel(DecisionTreeRegressor(), max_rows=500, calibrate=False)
    model.fit(log.events)
    rows = sample_rows(log.events.key, max_rows=500, seed=0)
    assert len(rows) == 500
    small = RewardModel(DecisionTreeRegressor(), calibrate=False)
    small.fit(log.events.take(rows))
    assert np.array_equal(model.predict(log.events), small.predict(log.events))


def test_outcomes_in_place_of_rewards():
    log = Log(300, 13)
    model, other = RewardModel("ridge"), RewardModel("ridge")
    model.fit(log.events, outcome=log.events.reward * 2)
    other.fit(changed(log.events, slice(None), reward=log.events.reward * 2))
    assert np.array_equal(model.predict(log.events), other.predict(log.events))


@pytest.mark.parametrize("kind", ["lightgbm", "ridge", "logistic", DecisionTreeClassifier()])
def test_one_reward_only_is_predicted_and_told(kind):
    events = changed(Log(200, 14, binary=True).events, slice(None), reward=1.0)
    model = RewardModel(kind)
    model.fit(events)
    assert np.all(model.predict(events) == 1.0)
    assert "5 of 5 folds have too few rows or one reward only" in model.notes[0]


@pytest.mark.parametrize("kind", ["lightgbm", "ridge", "logistic"])
def test_rewards_that_vary_in_the_calibrating_fold_alone_train_nothing(kind):
    events = Log(400, 14, binary=True).events
    fold = fold_of(events.key, folds=5, seed=0)
    reward = np.where(fold == 1, events.reward, 0.0)
    model = RewardModel(kind)
    model.fit(changed(events, slice(None), reward=reward))
    # fold 1 calibrates the model of fold 0, and its own model may not see it
    assert "2 of 5 folds have too few rows or one reward only" in model.notes[0]
    q = model.predict(events).reshape(-1, ACTIONS)
    np.testing.assert_allclose(q[fold == 0], reward[fold != 0].mean(), rtol=1e-12)
    assert np.all(q[fold == 1] == 0.0)


@pytest.mark.parametrize("n", [1, 2, 5, 19])
def test_few_rows_fall_back_to_the_mean_of_the_others(n):
    events = Log(n, 15).events
    model = RewardModel("lightgbm")
    model.fit(events)
    fold = fold_of(events.key, folds=5, seed=0)
    for i in range(n):
        others = events.reward[fold != fold[i]]
        want = others.mean() if len(others) else 0.0
        np.testing.assert_allclose(model.predict(events).reshape(n, ACTIONS)[i], want, rtol=1e-12)
    assert "the mean is predicted" in model.notes[0]


@pytest.mark.parametrize("kind", ["lightgbm", "ridge"])
def test_actions_never_seen_are_predicted_and_told(kind):
    log = Log(1000, 16)
    seen = np.flatnonzero(log.events.action != 3)
    model = RewardModel(kind)
    model.fit(log.events.take(seen))
    q = model.predict(log.events).reshape(-1, ACTIONS)
    assert np.all(np.isfinite(q))
    reward = log.events.reward[seen]
    assert reward.min() <= q[:, 3].min() <= q[:, 3].max() <= reward.max()
    assert model.notes[0].startswith("1 of 4 actions are not among the fitted rows")


def test_many_actions_share_columns():
    rng = np.random.default_rng(17)
    n, size = 3000, 500
    action = rng.integers(0, size, n)
    effect = rng.normal(size=size)
    space = Space(tuple(map(str, range(size))))
    events = Events(space, np.arange(1, n + 1), np.arange(n), action, effect[action])
    for kind in ("ridge", "lightgbm"):
        model = RewardModel(kind)
        model.fit(events)
        q = model.predict_chosen(events)
        assert np.corrcoef(q, events.reward)[0, 1] > 0.3


def test_weights_of_nothing_are_told_and_weigh_the_same():
    events = Log(200, 18).events
    model, plain = RewardModel("ridge"), RewardModel("ridge")
    model.fit(events, np.zeros(200))
    plain.fit(events)
    assert np.array_equal(model.predict(events), plain.predict(events))
    assert model.notes == ("all weights are 0: every row counts the same",)


def test_two_folds_leave_no_fold_to_calibrate_on():
    events = Log(200, 19).events
    model, plain = RewardModel("ridge", folds=2), RewardModel("ridge", folds=2, calibrate=False)
    model.fit(events)
    plain.fit(events)
    assert np.array_equal(model.predict(events), plain.predict(events))
    assert model.notes == ("with two folds none is left to calibrate on: predictions are not calibrated",)


def test_what_a_reward_model_refuses():
    events = Log(50, 20).events
    none = events.take(np.zeros(0, np.int64))
    with pytest.raises(
        InputError, match=r"`RewardModel.kind` must be a known name, got 'lightgmb'; did you mean"
    ):
        RewardModel("lightgmb")
    with pytest.raises(InputError, match=r"`RewardModel.kind` must be a known name, got 3"):
        RewardModel(3)
    with pytest.raises(InputError, match=r"`RewardModel.folds` must be an integer >= 2, got 1"):
        RewardModel(folds=1)
    with pytest.raises(InputError, match="was not fitted"):
        RewardModel().predict(events)
    with pytest.raises(InputError, match="needs at least one event"):
        RewardModel().fit(none)
    with pytest.raises(InputError, match="`weight` must be >= 0 and finite, got nan"):
        RewardModel().fit(events, np.full(50, np.nan))
    with pytest.raises(InputError, match="`outcome` must be finite, got inf"):
        RewardModel().fit(events, outcome=np.full(50, np.inf))
    with pytest.raises(InputError, match="rewards of 0 and 1"):
        RewardModel("logistic").fit(events)
    with pytest.raises(InputError, match=r"`KNeighborsRegressor` cannot weight rows"):
        RewardModel(KNeighborsRegressor()).fit(events, np.arange(50.0))
    model = RewardModel("ridge")
    model.fit(events)
    assert model.predict(none).shape == (0,)
    assert model.predict_chosen(none).shape == (0,)


def batch_of(log, q=None, weight=None):
    pi = log.flat(log.pi)
    w = pi[log.events.place] / log.events.propensity if weight is None else weight
    if q is None:
        return ReplayBatch(log.events.key, log.events.reward, weight=w)
    target = expected_value(log.events.actions.indptr, pi, q)
    return ReplayBatch(
        log.events.key, log.events.reward, weight=w, q_logged=q[log.events.place], q_target=target
    )


def test_doubly_robust_with_a_fitted_model():
    log = Log(5_000, 21, ragged=True)
    model = RewardModel("ridge")
    model.fit(log.events)
    dr, ips = DR(), IPS()
    dr.add(batch_of(log, model.predict(log.events)))
    ips.add(batch_of(log))
    # 4.5 standard errors: false alarm 7e-6
    assert abs(dr.value() - log.value) < 4.5 * dr.standard_error()
    assert dr.standard_error() < 0.6 * ips.standard_error()


def test_mrdr_lowers_the_variance_where_the_model_is_too_simple():
    """A deterministic target, and a line that cannot bend: where it must fit is where weights are large."""
    rng = np.random.default_rng(22)
    n = 20_000
    x = rng.uniform(-1, 1, n)
    p = 0.05 + 0.85 * (x > 0)
    action = (rng.random(n) < p).astype(int)
    reward = action * np.where(x > 0, 4 * x, 6.0) + 0.1 * rng.normal(size=n)
    propensity = np.where(action == 1, p, 1 - p)
    events = Events(
        Space(("a", "b"), ("x",)),
        np.arange(1, n + 1),
        np.arange(n),
        action,
        reward,
        propensity,
        context=x[:, None],
    )
    weight = action / propensity
    pi = np.tile([0.0, 1.0], n)
    spread = {}
    for name, w in (("plain", None), ("mrdr", mrdr_weights(weight, propensity))):
        model = RewardModel("ridge")
        model.fit(events, w)
        q = model.predict(events)
        dr = DR()
        target = expected_value(events.actions.indptr, pi, q)
        dr.add(ReplayBatch(events.key, reward, weight=weight, q_logged=q[events.place], q_target=target))
        spread[name] = dr.standard_error()
    assert spread["mrdr"] < 0.7 * spread["plain"]


# PropensityModel


def placed(n, seed, ragged=False):
    """A log whose choices depend on the position alone."""
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.full(ACTIONS, 2.0), 3)
    position = rng.integers(0, 3, n)
    p = table[position]
    eligible = np.ones((n, ACTIONS), bool)
    if ragged:
        eligible = rng.random((n, ACTIONS)) < 0.7
        eligible[np.arange(n), rng.integers(0, ACTIONS, n)] = True
        p = p * eligible
        p = p / p.sum(axis=1, keepdims=True)
    action = np.minimum((np.cumsum(p, axis=1) < rng.random((n, 1))).sum(axis=1), ACTIONS - 1)
    events = Events(
        Space(tuple("abcd"), ("x",)),
        np.arange(1, n + 1),
        np.arange(n),
        action,
        rng.random(n),
        position=position,
        context=position[:, None] * 2.0,
        indptr=np.append(0, np.cumsum(eligible.sum(axis=1))) if ragged else None,
        eligible=np.nonzero(eligible)[1] if ragged else None,
    )
    return events, p, eligible


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("cells", [(), ("position",), ("position", "x")])
def test_frequencies_equal_naive_twin(ragged, cells):
    events, _, eligible = placed(150, 23, ragged)
    model = PropensityModel(cells=cells, prior=2.0, floor=0.01)
    model.fit(events)
    got = model.probabilities(events)
    fold = fold_of(events.key, folds=5, seed=0)
    want = []
    for i in range(150):
        others = [j for j in range(150) if fold[j] != fold[i]]
        same = [j for j in others if not cells or events.position[j] == events.position[i]]
        share = []
        for a in np.flatnonzero(eligible[i]):
            overall = (sum(events.action[j] == a for j in others) + 1 / ACTIONS) / (
                sum(eligible[j, a] for j in others) + 1
            )
            chosen, met = sum(events.action[j] == a for j in same), sum(eligible[j, a] for j in same)
            share.append((chosen + 2.0 * overall) / (met + 2.0))
        floor = min(0.01, 0.5 / len(share))
        want += [(1 - len(share) * floor) * s / sum(share) + floor for s in share]
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("kind", ["frequency", "lightgbm", "logistic", DecisionTreeClassifier(max_depth=3)])
def test_propensities_of_positions_are_recovered(kind):
    events, p, _ = placed(12_000, 24)
    model = PropensityModel(kind)
    model.fit(events)
    got = model.probabilities(events).reshape(-1, ACTIONS)
    assert np.abs(got - p).max() < 0.04
    assert np.abs(got - p).mean() < 0.04
    np.testing.assert_allclose(got.sum(axis=1), 1.0, rtol=1e-12)
    assert got.min() >= 1e-3
    assert np.array_equal(model.propensity(events), got.reshape(-1)[events.place])


@pytest.mark.parametrize("kind", ["lightgbm", "logistic"])
def test_propensities_that_follow_the_context(kind):
    log = Log(12_000, 25, logging=1.5)
    model = PropensityModel(kind)
    model.fit(log.events)
    got = model.probabilities(log.events)
    assert np.sqrt(np.mean((got - log.flat(log.pi_b)) ** 2)) < 0.06
    # calibrated: where an action is said to have a probability, it is chosen so often (4,800 pairs a part)
    chosen = np.zeros(len(got))
    chosen[log.events.place] = 1.0
    for part in np.array_split(np.argsort(got), 10):
        # a line through the logits cannot follow the uniform part of this policy at its ends
        worst = 0.08 if kind == "logistic" else 0.05
        assert abs(got[part].mean() - chosen[part].mean()) < worst
    # frequencies know nothing of the context
    blind = PropensityModel()
    blind.fit(log.events)
    assert np.sqrt(np.mean((blind.probabilities(log.events) - log.flat(log.pi_b)) ** 2)) > 0.15


class TooSure(DecisionTreeClassifier):
    """Probabilities cubed: calibration must take the cube root."""

    def predict_proba(self, X):
        p = super().predict_proba(X) ** 3
        return p / p.sum(axis=1, keepdims=True)


def test_probabilities_that_are_too_sure_are_made_flatter():
    events, p, _ = placed(12_000, 26)
    model = PropensityModel(TooSure(max_depth=3))
    model.fit(events)
    assert np.abs(model.probabilities(events).reshape(-1, ACTIONS) - p).max() < 0.05


@pytest.mark.parametrize("kind", ["frequency", "lightgbm", "logistic", DecisionTreeClassifier()])
def test_a_propensity_does_not_see_its_own_choice(kind):
    log = Log(400, 27)
    row = 30
    other = changed(log.events, row, action=(log.events.action[row] + 1) % ACTIONS)
    before, after = PropensityModel(kind), PropensityModel(kind)
    before.fit(log.events)
    after.fit(other)
    p, q = (m.probabilities(log.events).reshape(-1, ACTIONS) for m in (before, after))
    fold = fold_of(log.events.key, folds=5, seed=0)
    assert np.array_equal(p[fold == fold[row]], q[fold == fold[row]])
    assert not np.array_equal(p[fold != fold[row]], q[fold != fold[row]])


def test_cells_that_were_not_met_have_the_overall_shares():
    events, _, _ = placed(500, 28)
    one, all_cells = PropensityModel(), PropensityModel(cells=())
    one.fit(events)
    all_cells.fit(events)
    elsewhere = changed(events, slice(None), position=99)
    np.testing.assert_allclose(one.probabilities(elsewhere), all_cells.probabilities(events), rtol=0.05)


def test_the_floor_holds_and_never_takes_more_than_half():
    events, _, _ = placed(500, 29)
    events = changed(events, slice(None), action=0)
    for kind in ("frequency", "lightgbm"):
        model = PropensityModel(kind, floor=0.02)
        model.fit(events)
        p = model.probabilities(events).reshape(-1, ACTIONS)
        assert p.min() >= 0.02
        assert p[:, 0].min() > 0.9
        large = PropensityModel(kind, floor=0.9)
        large.fit(events)
        assert large.probabilities(events).min() >= 0.125
        np.testing.assert_allclose(large.probabilities(events).reshape(-1, ACTIONS).sum(axis=1), 1.0)


def test_an_estimate_says_that_it_is_one():
    events, _, _ = placed(100, 30)
    model = PropensityModel()
    model.fit(events)
    assert model.estimated.startswith(
        "propensities ESTIMATED, not logged: frequencies by position, 5 folds on 100"
    )
    tree = PropensityModel(DecisionTreeClassifier())
    assert "a DecisionTreeClassifier model of the choice" in tree.estimated


@pytest.mark.parametrize("kind", ["frequency", "lightgbm", "logistic"])
@pytest.mark.parametrize("n", [1, 3, 30])
def test_few_rows_still_give_distributions(kind, n):
    events, _, _ = placed(n, 31)
    model = PropensityModel(kind)
    model.fit(events)
    p = model.probabilities(events).reshape(n, ACTIONS)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    assert p.min() >= 1e-3
    assert model.probabilities(events.take(np.zeros(0, np.int64))).shape == (0,)


def test_what_a_propensity_model_refuses():
    events, _, _ = placed(50, 32)
    with pytest.raises(InputError, match=r"`PropensityModel.kind` must be a known name, got 'ridge'"):
        PropensityModel("ridge")
    with pytest.raises(InputError, match=r"`PropensityModel.cells` must be names of columns, got one text"):
        PropensityModel(cells="position")
    with pytest.raises(
        InputError, match="must be columns of the log, got 'positoin'; did you mean 'position'"
    ):
        PropensityModel(cells=("positoin",)).fit(events)
    with pytest.raises(InputError, match=r"`PropensityModel.floor` must be a number > 0 and <= 1, got 0"):
        PropensityModel(floor=0)
    with pytest.raises(InputError, match="was not fitted"):
        PropensityModel().probabilities(events)
    with pytest.raises(InputError, match="needs at least one event"):
        PropensityModel().fit(events.take(np.zeros(0, np.int64)))
    wide = Events(
        Space(tuple(map(str, range(300)))), np.array([1]), np.array([1]), np.array([0]), np.array([1.0])
    )
    with pytest.raises(InputError, match='must be "frequency" for more than 256 actions, got 300'):
        PropensityModel("lightgbm").fit(wide)


# BalancedWeights


@pytest.mark.parametrize(
    ("kind", "worst"),
    [("logistic", 0.5), ("lightgbm", 0.5), (DecisionTreeClassifier(min_samples_leaf=100), 0.5)],
)
def test_density_ratios_are_recovered(kind, worst):
    log = Log(15_000, 33, logging=0.5)
    pi = log.flat(log.pi)
    model = BalancedWeights(kind)
    model.fit(log.events, pi)
    got = model.weights(log.events, pi)
    truth = pi[log.events.place] / log.events.propensity
    assert np.sqrt(np.mean((got - truth) ** 2)) < worst < 0.9 * np.std(truth)
    assert abs(got.mean() - 1.0) < 0.05
    ips = IPS()
    ips.add(batch_of(log, weight=got))
    naive = log.events.reward.mean()
    assert abs(ips.value() - log.value) < 0.25 * abs(naive - log.value)


def test_balanced_weights_look_at_no_reward_and_vanish_where_the_target_never_goes():
    log = Log(500, 34, ragged=True)
    pi = log.flat(log.pi).copy()
    model, other = BalancedWeights("logistic"), BalancedWeights("logistic")
    model.fit(log.events, pi)
    other.fit(changed(log.events, slice(None), reward=0.0), pi)
    assert np.array_equal(model.weights(log.events, pi), other.weights(log.events, pi))
    never = pi.copy()
    never[log.events.place[:100]] = 0.0
    got = model.weights(log.events, never)
    assert np.all(got[:100] == 0)
    assert np.all(got[100:] > 0)


def test_what_balanced_weights_refuse_and_fall_back_to():
    log = Log(5, 35)
    pi = log.flat(log.pi)
    model = BalancedWeights()
    with pytest.raises(InputError, match="was not fitted"):
        model.weights(log.events, pi)
    with pytest.raises(InputError, match=r"`pi` must sum to 1 in every row, got 0.5 in row 1 of the log"):
        model.fit(log.events, pi / 2)
    with pytest.raises(InputError, match=r"`BalancedWeights.kind` must be a known name, got 'ridge'"):
        BalancedWeights("ridge")
    with pytest.raises(InputError, match="needs at least one event"):
        model.fit(log.events.take(np.zeros(0, np.int64)), pi[:0])
    model.fit(log.events, pi)
    assert model.weights(log.events, pi).tolist() == [1.0] * 5
    assert "all weights are 1 there" in model.notes[0]
