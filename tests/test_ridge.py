"""Reward models of linear form: twins of the closed form, several outcomes, an intercept for each action."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.tree import DecisionTreeRegressor

from ltrr.logs import read
from ltrr.logs.events import Events, Space
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.dr import DR
from ltrr.replay.nuisance import RewardModel, expected_value, fold_of, mrdr_weights

ACTIONS, FOLDS = 5, 5
CASE = Path(__file__).resolve().parents[2] / "shared/cases/replay/dm_no_support.csv"


def log_of(n, seed, *, ragged=False, positions=1, features=None, missing=0.0, context=3, space=None):
    """Return events of uniform choices whose rewards are linear with slopes by action."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, context)) * 3.0 + 50.0
    eligible = np.ones((n, ACTIONS), bool)
    if ragged:
        eligible = rng.random((n, ACTIONS)) < 0.6
        eligible[np.arange(n), rng.integers(0, ACTIONS, n)] = True
    p = eligible / eligible.sum(axis=1, keepdims=True)
    action = np.minimum((np.cumsum(p, axis=1) < rng.random((n, 1))).sum(axis=1), ACTIONS - 1)
    position = rng.integers(0, positions, n)
    mean = action + ((x - 50.0) @ rng.normal(size=(context, ACTIONS)))[np.arange(n), action] + position
    x[rng.random((n, context)) < missing] = np.nan
    size = int(eligible.sum())
    fixed = rng.normal(size=(ACTIONS, 2)) if features == "fixed" else None
    own = rng.normal(size=(size, 2)) if features == "own" else None
    names = ("f", "g") if features else ()
    return Events(
        Space(tuple("abcde"), tuple(f"x{i}" for i in range(context)), names, fixed),
        np.arange(1, n + 1),
        np.arange(n) * 3,
        action,
        mean + rng.normal(size=n),
        p[np.arange(n), action],
        position=position,
        context=x,
        indptr=np.append(0, np.cumsum(eligible.sum(axis=1))) if ragged else None,
        eligible=np.nonzero(eligible)[1] if ragged else None,
        features=own,
    )


def twin(events, weight, *, slopes):
    """Predict by scikit-learn's ridge on the whole matrix, a fold at a time, for all actions (n, A)."""
    n = len(events)
    x = events.context.astype(float)
    gone = np.isnan(x)
    lacking = gone[:, gone.any(axis=0)].astype(float)
    x = np.where(gone, np.nanmean(x, axis=0), x)
    place = (events.position[:, None] == np.unique(events.position)).astype(float)
    place = place if place.shape[1] > 1 else place[:, :0]
    z = np.concatenate([x, place, lacking], axis=1)
    z = (z - z.mean(axis=0)) / z.std(axis=0)

    def matrix(action):
        dummies = np.eye(ACTIONS)[action]
        columns = [z, dummies]
        if slopes:
            # a penalty of d on a coefficient is a penalty of 1 where its column is divided by √d
            columns += [dummies[:, [a]] * z / np.sqrt(z.shape[1]) for a in range(ACTIONS)]
        return np.concatenate(columns, axis=1)

    fold, out = fold_of(events.key, folds=FOLDS, seed=0), np.empty((n, ACTIONS))
    for k in range(FOLDS):
        train = fold != k
        model = Ridge(alpha=1.0, solver="svd").fit(
            matrix(events.action)[train], events.reward[train], sample_weight=(weight / weight.mean())[train]
        )
        low, high = events.reward[train].min(), events.reward[train].max()
        for a in range(ACTIONS):
            every = model.predict(matrix(np.full(n, a)))
            out[fold == k, a] = np.clip(every, low, high)[fold == k]
    return out


@pytest.mark.parametrize("slopes", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_the_closed_form_is_scikit_learns_ridge(slopes, weighted, missing, monkeypatch):
    if not slopes:
        monkeypatch.setattr("ltrr.replay.nuisance._regressions._COLUMNS", 1)
    events = log_of(400, 1, positions=3, missing=missing)
    weight = np.random.default_rng(2).exponential(size=400) if weighted else np.ones(400)
    model = RewardModel("ridge", calibrate=False)
    model.fit(events, weight)
    want = twin(events, weight, slopes=slopes)
    got = model.predict(events).reshape(-1, ACTIONS)
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(
        model.predict_chosen(events), want[np.arange(400), events.action], rtol=1e-8, atol=1e-8
    )
    # the two forms differ by far more than rounding: the comparison can fail
    other = twin(events, weight, slopes=not slopes)
    assert np.abs(got - other).max() > 0.1


def test_slopes_by_action_come_with_rows_enough():
    """Two hundred columns: more than 128, so 100 rows each are asked for."""
    events = log_of(30_000, 3, context=32)
    few, many = RewardModel("ridge"), RewardModel("ridge")
    few.fit(events.take(np.arange(10_000)))
    many.fit(events)
    fresh = events.take(np.arange(2_000))
    error = [np.std(m.predict_chosen(fresh) - fresh.reward) for m in (few, many)]
    assert error[1] < 1.1 < 3.0 < error[0]


@pytest.mark.parametrize("ragged", [True, False])
@pytest.mark.parametrize("features", ["fixed", None])
@pytest.mark.parametrize("columns", [128, 1])
def test_products_of_matrices_equal_pairs_one_by_one(ragged, features, columns, monkeypatch):
    monkeypatch.setattr("ltrr.replay.nuisance._regressions._COLUMNS", columns)
    events = log_of(300, 4, ragged=ragged, features=features, positions=2, missing=0.1)
    y = np.stack([events.reward, events.reward**2], axis=1)
    model = RewardModel("ridge")
    model.fit(events, outcome=y)
    fast = model.predict(events)
    monkeypatch.setattr("ltrr.replay.nuisance._regressions._PAIRS", 7)
    np.testing.assert_allclose(model.predict(events), fast, rtol=1e-12, atol=1e-12)
    monkeypatch.setattr("ltrr.replay.nuisance._regressions._SPARSE", 0)
    np.testing.assert_allclose(model.predict(events), fast, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(model.predict_chosen(events), fast[events.place], rtol=1e-11, atol=1e-11)


def test_features_of_pairs_equal_the_same_features_of_actions():
    fixed = log_of(300, 5, features="fixed")
    values = {f: getattr(fixed, f) for f in fixed.__dataclass_fields__}
    space = Space(fixed.space.actions, fixed.space.context_names, fixed.space.feature_names)
    pairs = Events(**values | {"space": space, "features": np.tile(fixed.space.features, (300, 1))})
    one, other = RewardModel("ridge"), RewardModel("ridge")
    one.fit(fixed)
    other.fit(pairs)
    np.testing.assert_allclose(one.predict(fixed), other.predict(pairs), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "kind", ["ridge", "lightgbm", LinearRegression(), DecisionTreeRegressor(max_depth=3)]
)
@pytest.mark.parametrize("features", ["own", None])
def test_several_outcomes_are_as_many_single_fits(kind, features):
    events = log_of(400, 6, ragged=True, features=features)
    rng = np.random.default_rng(7)
    y = np.stack(
        [events.reward, 100.0 * rng.random(400), np.ones(400), (events.reward > 2.0) * 1.0, -events.reward],
        axis=1,
    )
    weight = rng.exponential(size=400)
    both = RewardModel(kind)
    both.fit(events, weight, outcome=y)
    got, chosen = both.predict(events), both.predict_chosen(events)
    assert got.shape == (len(events.eligible), 5)
    assert chosen.shape == (400, 5)
    for m in range(5):
        one = RewardModel(kind)
        one.fit(events, weight, outcome=y[:, m])
        np.testing.assert_allclose(got[:, m], one.predict(events), rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(chosen[:, m], one.predict_chosen(events), rtol=1e-10, atol=1e-10)
    assert both.notes == (
        "5 of 5 folds have too few rows or one reward only for outcome 3: the mean is predicted",
    )
    one_column = RewardModel(kind)
    one_column.fit(events, weight, outcome=y[:, :1])
    assert one_column.predict(events).shape == (len(events.eligible), 1)
    none = events.take(np.zeros(0, np.int64))
    assert both.predict(none).shape == (0, 5)
    assert both.predict_chosen(none).shape == (0, 5)


def test_logistic_outcomes_together():
    events = log_of(600, 8)
    y = np.stack([events.reward > 1.0, events.reward > 3.0], axis=1) * 1.0
    both = RewardModel("logistic")
    both.fit(events, outcome=y)
    for m in range(2):
        one = RewardModel("logistic")
        one.fit(events, outcome=y[:, m])
        np.testing.assert_allclose(both.predict(events)[:, m], one.predict(events), rtol=1e-10)


# an intercept for each action


def rare(n=600, seed=9):
    """A log of two frequent actions with mean .9 and one of 8 rows with mean .25."""
    rng = np.random.default_rng(seed)
    action = rng.integers(0, 2, n)
    action[rng.choice(n, 8, replace=False)] = 2
    reward = (rng.random(n) < 0.9) * 1.0
    reward[action == 2] = np.resize([1.0, 0.0, 0.0, 0.0], 8)
    propensity = np.where(action == 2, 0.02, 0.49)
    space = Space(tuple("abc"), ("x",))
    return Events(
        space, np.arange(1, n + 1), np.arange(n), action, reward, propensity, context=rng.normal(size=(n, 1))
    )


@pytest.mark.parametrize("weighted", [True, False])
def test_an_actions_own_intercept_by_hand(weighted):
    """A regression that predicts one number: what is left of an action is its residuals over n + 1."""
    events = rare()
    n = len(events)
    weight = np.random.default_rng(10).exponential(size=n) if weighted else np.ones(n)
    model = RewardModel(DummyRegressor())
    model.fit(events, weight)
    got = model.predict(events).reshape(n, 3)
    weight = weight / weight.mean()
    fold = fold_of(events.key, folds=FOLDS, seed=0)
    for k in range(FOLDS):
        apart = fold == (k + 1) % FOLDS
        line = np.average(events.reward[apart], weights=weight[apart])
        for a in range(3):
            mine = (fold != k) & (events.action == a)
            own = np.sum(weight[mine] * (events.reward[mine] - line)) / (weight[mine].sum() + 1.0)
            np.testing.assert_allclose(got[fold == k, a], np.clip(line + own, 0.0, 1.0), rtol=1e-12)


@pytest.mark.parametrize("kind", ["ridge", "lightgbm", "logistic", LinearRegression()])
def test_a_rare_action_is_not_predicted_as_the_frequent_ones_are(kind):
    events = rare()
    model = RewardModel(kind)
    model.fit(events)
    means = model.predict(events).reshape(-1, 3).mean(axis=0)
    # its mean is .25, shrunk by one row in seven towards what the others have
    assert means[2] < 0.45
    assert np.all(np.abs(means[:2] - 0.9) < 0.05)


def test_ridge_intercepts_follow_from_its_residuals_by_hand():
    """The calibrated line is recovered from predictions: what is added to it are mean residuals."""
    events = rare()
    n = len(events)
    model, plain = RewardModel("ridge"), RewardModel("ridge", calibrate=False)
    model.fit(events)
    fold = fold_of(events.key, folds=FOLDS, seed=0)
    got = model.predict(events).reshape(n, 3)
    for k in range(FOLDS):
        # the regression of this fold alone: the calibrating fold and its own are left out
        train, apart = (fold != k) & (fold != (k + 1) % FOLDS), fold == (k + 1) % FOLDS
        x = (events.context - events.context.mean()) / events.context.std()
        dummies = np.eye(3)[events.action]

        def matrix(action, x=x):
            one = np.eye(3)[action]
            return np.concatenate([x, one, one * x], axis=1)

        ridge = Ridge(alpha=1.0, solver="svd").fit(matrix(events.action)[train], events.reward[train])
        raw = ridge.predict(matrix(events.action))
        slope, intercept = np.polyfit(raw[apart], events.reward[apart], 1)
        slope = min(max(slope, 0.0), 2.0)
        intercept = events.reward[apart].mean() - slope * raw[apart].mean()
        rest = (events.reward - intercept - slope * raw) * (fold != k)
        own = dummies.T @ rest / (dummies.T @ (fold != k) + 1.0)
        for a in range(3):
            want = intercept + slope * ridge.predict(matrix(np.full(n, a))) + own[a]
            np.testing.assert_allclose(
                got[fold == k, a], np.clip(want, 0.0, 1.0)[fold == k], rtol=1e-6, atol=1e-6
            )
    plain.fit(events)
    assert np.abs(plain.predict(events).reshape(n, 3) - got).max() > 0.01


@pytest.mark.skipif(not CASE.exists(), reason="the shared cases are not there")
@pytest.mark.parametrize("kind", ["ridge", "lightgbm"])
def test_five_rows_of_an_action_decide_what_the_model_says_of_it(kind):
    """Their mean is .4, that of all others .89; the target takes nothing but this action."""
    log = read(CASE)
    events = next(log.chunks())
    model = RewardModel(kind)
    model.fit(events)
    place = log.space.actions.index("2")
    said = model.predict(events).reshape(len(events), -1)[:, place]
    assert said.mean() < 0.5 < 0.85 < events.reward.mean()


def test_doubly_robust_intervals_cover_with_ridge():
    """Two hundred logs: at 95 % the share covered lies in [.88, .99] but for a chance of 1e-4."""
    covered = 0
    space = Space(tuple("abcd"), ("x", "y"))
    rng = np.random.default_rng(11)
    slope = rng.normal(size=(2, 4))
    pi = np.array([0.1, 0.2, 0.3, 0.4])
    n = 400
    for _ in range(200):
        x = rng.normal(size=(n, 2))
        p = np.exp(0.5 * x @ slope)
        p = 0.05 + 0.8 * p / p.sum(axis=1, keepdims=True)
        action = (np.cumsum(p, axis=1) < rng.random((n, 1))).sum(axis=1)
        mean = 1.0 / (1.0 + np.exp(-(x @ slope)))
        reward = (rng.random(n) < mean[np.arange(n), action]) * 1.0
        events = Events(
            space, np.arange(n) + 1, np.arange(n), action, reward, p[np.arange(n), action], context=x
        )
        model = RewardModel()
        model.fit(events)
        q, target = model.predict(events), np.tile(pi, n)
        dr = DR()
        dr.add(
            ReplayBatch(
                events.key,
                reward,
                weight=pi[action] / events.propensity,
                q_logged=q[events.place],
                q_target=expected_value(events.actions.indptr, target, q),
            )
        )
        truth = float(means_of(slope) @ pi)
        covered += abs(dr.value() - truth) < 1.96 * dr.standard_error()
    assert 176 <= covered <= 198


def means_of(slope):
    """Return the mean reward of each action, by Gauss–Hermite quadrature in the direction of its slope."""
    node, weight = np.polynomial.hermite_e.hermegauss(60)
    size = np.linalg.norm(slope, axis=0)
    return (weight / weight.sum()) @ (1.0 / (1.0 + np.exp(-node[:, None] * size)))


def test_mrdr_weights_and_ridge():
    events = rare()
    w = np.where(events.action == 2, 1.0 / events.propensity, 0.0)
    model = RewardModel("ridge")
    model.fit(events, mrdr_weights(w, events.propensity))
    # weights are 0 but for the rare action: eight rows are too few for a regression
    assert "5 of 5 folds have too few rows" in model.notes[0]
    assert model.predict(events).max() < 0.6


def test_a_first_look_needs_neither_scikit_learn_nor_lightgbm(tmp_path):
    text = "action,reward,propensity,context_x\n" + "a,1,0.5,1\nb,0,0.5,2\na,0,0.5,3\n" * 100
    (tmp_path / "log.csv").write_text(text)
    code = (
        "import sys; from ltrr import replay; replay.run('log.csv', ['uniform']); "
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'sklearn', 'lightgbm'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.strip() == "[]"
