"""A context may lack values: models take that, policies of the package say which column and what to do."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from ltrr.bandits import LinUCB
from ltrr.errors import InputError
from ltrr.replay import Events, Space, run
from ltrr.replay.closed_loop.known_world import EventsLog
from ltrr.replay.learning import LearningReplay
from ltrr.replay.nuisance import BalancedWeights, PropensityModel, RewardModel
from ltrr.replay.nuisance._design import Design
from ltrr.replay.nuisance._filled import Filled
from ltrr.replay.targets import Logged, ObjectTarget, vw_examples

NAMES = ("age", "hour")


def events(n=3_000, *, missing=0.3, seed=0):
    """Return a log whose reward is 1 where ``hour`` is missing, and else about a half."""
    rng = np.random.default_rng(seed)
    context = rng.normal(size=(n, 2))
    gone = rng.random(n) < missing
    context[gone, 1] = np.nan
    action = rng.integers(0, 2, n)
    reward = np.where(gone, 1.0, (rng.random(n) < 0.5) * 1.0)
    space = Space(("a", "b"), NAMES)
    return Events(
        space, np.arange(n) + 1, np.arange(n), action, reward, np.full(n, 0.5), context=context
    ), gone


def test_missing_values_are_the_mean_and_a_column_says_so():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 3))
    x[:, 2] = np.nan
    x[::5, 1] = np.nan
    filled = Filled()
    filled.fit(x)
    got = filled(x)
    gone = np.isnan(x)
    assert got.shape == (50, 5)
    assert np.array_equal(got[:, 0], x[:, 0])
    assert got[gone[:, 1], 1] == pytest.approx(np.nanmean(x[:, 1]))
    assert not got[:, 2].any()
    assert np.array_equal(got[:, 3:], gone[:, 1:])
    # a column that lacked nothing when fitted has no column of its own
    filled.fit(x[:, :1])
    assert filled(np.array([[np.nan]])).tolist() == [[pytest.approx(x[:, 0].mean())]]


@pytest.mark.parametrize("kind", ["lightgbm", "ridge", "logistic", LinearRegression()])
def test_reward_models_learn_from_what_is_missing(kind):
    log, gone = events()
    model = RewardModel(kind, seed=1)
    model.fit(log)
    q = model.predict_chosen(log)
    assert np.isfinite(q).all()
    assert q[gone].mean() == pytest.approx(1.0, abs=0.1)
    assert q[~gone].mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("kind", ["lightgbm", "logistic", "frequency"])
def test_models_of_choices_take_missing_values(kind):
    log, _ = events()
    cells = ("hour",) if kind == "frequency" else ()
    model = PropensityModel(kind, cells=cells)
    model.fit(log)
    assert np.isfinite(model.propensity(log)).all()


def test_a_missing_value_is_a_cell_of_its_own():
    n = 400
    hour = np.where(np.arange(n) % 2 == 0, np.nan, 5.0)[:, None]
    hour[::4].view(np.uint64)[:] |= np.uint64(7)  # NaN with other bits is missing too
    action = (np.arange(n) % 2 == 0).astype(int)
    space, ids = Space(("a", "b"), ("hour",)), np.arange(n)
    log = Events(space, ids + 1, ids, action, np.ones(n), np.full(n, 0.5), context=hour)
    model = PropensityModel("frequency", cells=("hour",), prior=1e-3)
    model.fit(log)
    assert model.propensity(log).min() > 0.98
    target = Logged(cells=("hour",))
    target.fit(EventsLog(log))
    assert (target.logged(log) == 1.0).all()
    assert target.note == ""


def test_density_ratios_take_missing_values():
    log, _ = events()
    pi = np.full(2 * len(log), 0.5)
    for kind in ("lightgbm", "logistic"):
        model = BalancedWeights(kind)
        model.fit(log, pi)
        assert model.weights(log, pi).mean() == pytest.approx(1.0, abs=0.1)


def test_a_design_without_gaps_is_as_it_was():
    log, _ = events(missing=0.0)
    design = Design(trees=False)
    design.fit(log)
    x = design.matrix(log, np.arange(len(log)), log.place)
    assert x.shape[1] == 2 + 2 + 2 * 2
    assert x[:, :2] == pytest.approx(
        (log.context - log.context.mean(axis=0)) / log.context.std(axis=0), abs=1e-5
    )


def test_a_replay_with_models_takes_missing_values():
    log, _ = events()
    table = run(EventsLog(log), ["uniform"], estimators=["ips", "dr"], quiet=True).table
    value = table.set_index("estimator").value
    assert value["dr"] == pytest.approx(value["ips"], abs=0.02)


@pytest.mark.parametrize("policy", [LinUCB(), LearningReplay(LinUCB())])
def test_a_policy_of_the_package_says_which_column_lacks_a_value(policy):
    log, gone = events()
    row = int(np.flatnonzero(gone)[0]) + 1
    with pytest.raises(InputError, match=rf"`hour` has no value in row {row}; fill it in") as raised:
        run(EventsLog(log), [policy], estimators=["ips"], quiet=True)
    assert "\n" not in str(raised.value)


def test_a_classifier_that_takes_none_is_one_line():
    class Strict:
        classes_ = ("a", "b")

        def predict_proba(self, x):
            if np.isnan(x).any():
                raise ValueError("Input X contains NaN.\nUse another estimator.")
            return np.full((len(x), 2), 0.5)

    with pytest.raises(InputError, match=r"cannot read the log's context: Input X contains NaN. Use another"):
        ObjectTarget(Strict()).probabilities(events()[0])


def test_vw_is_not_given_what_is_missing():
    log, gone = events(20)
    for example, lacks in zip(vw_examples(log), gone, strict=True):
        head = example.splitlines()[0]
        assert "nan" not in example
        assert ("hour:" in head) == (not lacks)
        assert "age:" in head
