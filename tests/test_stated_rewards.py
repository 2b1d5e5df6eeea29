"""What `fit_models` fits: predicted rewards given as columns, several outcomes, propensities in place."""

import numpy as np
import pytest

from ltrr.errors import InputError
from ltrr.logs.events import Events, Space
from ltrr.replay.closed_loop.known_world import EventsLog
from ltrr.replay.judging.models import fit_models
from ltrr.replay.judging.settings import Settings
from ltrr.replay.nuisance import PropensityModel, RewardModel, StatedRewards
from ltrr.replay.nuisance.stated_rewards import check_named
from ltrr.replay.targets import Always, ColumnTarget, UniformTarget


def log_of(n=300, *, ragged=False, propensity=True, slots=1, seed=0):
    """Return events of three actions with a column of predicted rewards for each."""
    rng = np.random.default_rng(seed)
    eligible = np.ones((n, 3), bool)
    if ragged:
        eligible[::2, 1] = False
    action = np.where(rng.random(n) < 0.5, 0, 2)
    events = Events(
        Space(tuple("abc"), ("x",), n_slots=slots),
        np.arange(1, n + 1),
        np.arange(n) // slots,
        action,
        rng.random(n),
        np.full(n, 0.5) if propensity else None,
        slot=np.arange(n) % slots,
        context=rng.normal(size=(n, 1)),
        indptr=np.append(0, np.cumsum(eligible.sum(axis=1))) if ragged else None,
        eligible=np.nonzero(eligible)[1] if ragged else None,
    )
    return with_numbers(events, {f"q_{a}": rng.random(n) for a in "abc"})


def with_numbers(events, numbers):
    object.__setattr__(events, "numbers", numbers)
    return events


def fitted(events, needs, *, outcome=None, **settings):
    return fit_models(
        EventsLog(events), [UniformTarget()], needs, Settings(**settings), sampled=False, outcome=outcome
    )


@pytest.mark.parametrize("ragged", [True, False])
def test_stated_rewards_are_the_columns_of_eligible_actions(ragged):
    events = log_of(ragged=ragged)
    stated = StatedRewards("q_*")
    assert stated.columns(events.space) == ("q_a", "q_b", "q_c")
    assert stated.notes == ()
    got = stated.predict(events)
    want = [
        events.numbers[f"q_{'abc'[a]}"][i]
        for i in range(len(events))
        for a in range(3)
        if not ragged or i % 2 or a != 1
    ]
    assert got.tolist() == want
    assert np.array_equal(stated.predict_chosen(events), got[events.place])


def test_what_stated_rewards_refuse():
    events = log_of(ragged=True)
    for pattern in ("q", "q_*_*", 3):
        with pytest.raises(InputError, match=r"`StatedRewards.pattern` must be a text with one `\*`"):
            StatedRewards(pattern)
    # a value may be missing where the action could not be chosen
    events.numbers["q_b"][0] = np.nan
    assert np.isfinite(StatedRewards("q_*").predict(events)).all()
    events.numbers["q_b"][1] = np.nan
    said = r"`q_b` must be a finite number wherever its action could be chosen, got nan in row 2 of the log"
    with pytest.raises(InputError, match=said):
        StatedRewards("q_*").predict(events)
    assert np.isfinite(StatedRewards("q_*").predict_chosen(events)).all()
    events.numbers["q_a"][events.action == 0] = np.inf
    with pytest.raises(InputError, match=r"`q_a` must be a finite number .* got inf in row"):
        StatedRewards("q_*").predict_chosen(events)
    with pytest.raises(InputError, match="`q` must name a column for every action, and 'p_a' was not read"):
        StatedRewards("p_*").predict(events)


@pytest.mark.parametrize(
    ("q", "said"),
    [
        ({"logged": "q", "newer": "q_new"}, "got 'newer'; did you mean 'new'"),
        ({"logged": "q"}, "one for a policy"),
        ({"new": "q_new"}, "a column for the chosen actions"),
        ({}, "one for a policy"),
    ],
)
def test_predictions_by_policy_name_the_policies(q, said):
    targets = [ColumnTarget("new"), Always("a")]
    check_named({"logged": "q", "new": "q_new"}, targets)
    check_named({"logged": "q", "column:new": "q_new", "always:a": "q_a"}, targets)
    check_named("q_*", targets)
    with pytest.raises(InputError, match=said):
        check_named(q, targets)


def test_nothing_is_fitted_where_rewards_are_stated():
    events = log_of()
    models = fitted(events, {"q", "weight"}, q="q_*")
    assert models.reward == {"": StatedRewards("q_*")}
    assert models.sample is None
    assert models.reward_of("uniform") is models.reward[""]
    # what else is needed is fitted as usual
    assert set(fitted(events, {"q", "mrdr"}, q="q_*").mrdr) == {"uniform"}
    # columns by policy are not models
    assert isinstance(fitted(events, {"q"}, q="logged=q_a,uniform=q_b").reward[""], RewardModel)


def test_stated_rewards_and_further_outcomes():
    events = log_of()

    def outcome(chunk):
        return np.stack([chunk.reward, chunk.reward**2, 1.0 - chunk.reward], axis=1)

    model = fitted(events, {"q"}, outcome=outcome, q="q_*").reward[""]
    others = RewardModel()
    others.fit(events, outcome=outcome(events)[:, 1:])
    got = model.predict(events)
    assert np.array_equal(got[:, 0], StatedRewards("q_*").predict(events))
    assert np.array_equal(got[:, 1:], others.predict(events))
    assert np.array_equal(model.predict_chosen(events)[:, 0], got[events.place, 0])
    np.testing.assert_allclose(model.predict_chosen(events), got[events.place], rtol=1e-12)


def test_slates_take_no_stated_rewards():
    with pytest.raises(InputError, match="`q` must be left out where requests have several slots"):
        fitted(log_of(slots=2), {"q"}, q="q_*")
    assert fitted(log_of(slots=2), {"weight"}, q="q_*").reward == {}


def test_outcomes_take_the_place_of_rewards():
    events = log_of()
    model = fitted(events, {"q"}, outcome=lambda chunk: 5.0 + chunk.reward).reward[""]
    assert model.predict(events).min() >= 5.0
    assert model.predict(events).shape == (900,)


# propensities


def test_a_named_model_takes_the_place_of_logged_propensities():
    events = log_of()
    logged, named = fitted(events, {"weight"}), fitted(events, {"weight"}, propensity_model="frequency")
    assert logged.propensity is None
    assert logged.propensities(events).tolist() == [0.5] * 300
    assert logged.estimated() == ""
    model = PropensityModel()
    model.fit(events)
    assert np.array_equal(named.propensities(events), model.propensity(events))
    assert np.array_equal(named.logging(events), model.probabilities(events))
    said = named.estimated()
    assert said.startswith(
        "propensities ESTIMATED by frequencies by position in place of those logged: 5 folds"
    )
    assert named.estimated(frozenset({"marginal"})) == said


def test_whole_distributions_are_replaced_too():
    events = log_of()
    values = {f: getattr(events, f) for f in events.__dataclass_fields__}
    whole = Events(**values | {"probabilities": np.tile([0.5, 0.0, 0.5], 300)})
    named = fitted(whole, {"weight"}, propensity_model="frequency")
    assert named.logging(whole).min() > 0.0
    assert fitted(whole, {"marginal"}).logging(whole).min() == 0.0


def test_without_propensities_frequencies_are_the_default():
    events = log_of(propensity=False)
    models = fitted(events, {"weight"})
    assert models.propensities(events).min() > 0.0
    assert models.estimated().startswith("propensities ESTIMATED, not logged: frequencies by position, 5")
    named = fitted(events, {"weight"}, propensity_model="frequency")
    assert np.array_equal(named.propensities(events), models.propensities(events))
    said = "propensities ESTIMATED by frequencies by position (the log's, if any, are not used): 5 folds"
    assert named.estimated().startswith(said)


def test_rejection_replay_needs_what_was_logged():
    events = log_of()
    assert fitted(events, {"accept"}).floor == 0.5
    assert fitted(events, {"accept"}, propensity_model="frequency").floor is None


def test_a_classifier_without_columns_predicts_shares():
    events = log_of()
    values = {f: getattr(events, f) for f in events.__dataclass_fields__}
    bare = Events(**values | {"space": Space(tuple("abc")), "context": np.zeros((300, 0))})
    model = PropensityModel("logistic")
    model.fit(bare)
    share = np.mean(events.action == 0)
    assert np.all(np.abs(model.propensity(bare)[events.action == 0] - share) < 0.05)
    assert model.notes == ("the log has no context, positions or slots: overall shares are used",)
