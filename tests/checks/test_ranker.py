"""Every check of a ranker can fail."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from ltrr.checks import check_ranker
from ltrr.checks import ranker as module
from ltrr.checks.ranker import RANKER_CHECKS
from ltrr.ranking import LambdaMART, PriorRanker
from tests.checks.stalls import must_fail


class SomeRanker:
    """Learns the mean feature row of clicks and scores by it, row by row: right in every way."""

    version = 0

    def __init__(self):
        self.weights, self.rows = np.zeros(4), 0

    def score(self, features):
        return sum(features[:, f].astype(np.float64) * self.weights[f] for f in range(4))

    def learn(self, feedback):
        clicked = feedback.features[feedback.click]
        if len(clicked):
            self.rows += len(clicked)
            self.weights = self.weights + (clicked.mean(axis=0) - self.weights) / self.rows**0.5

    def state(self):
        return {"weights": self.weights.copy(), "rows": self.rows}

    def restore(self, state):
        self.weights, self.rows = state["weights"].copy(), state["rows"]


class NoLearn(SomeRanker):
    learn = None


class Infinite(SomeRanker):
    def score(self, features):
        with np.errstate(divide="ignore"):
            return np.log(super().score(features))


class Relative(SomeRanker):
    def score(self, features):
        score = super().score(features)
        return score - score.mean() if len(score) else score


class Restless(SomeRanker):
    def learn(self, feedback):
        super().learn(feedback)
        self.weights = self.weights * 0.99 + 0.01


class Centring(SomeRanker):
    def score(self, features):
        score = super().score(features)
        features -= 0.5
        return score


class Dynasty(SomeRanker):
    def fork(self):
        heir = type(self)()
        heir.restore(self.state())
        return heir


class Adding(SomeRanker):
    def learn(self, feedback):
        self.weights += feedback.features[feedback.click].sum(axis=0)

    def state(self):
        return {"weights": self.weights, "rows": 0}


class Uncounted(SomeRanker):
    def restore(self, state):
        self.weights = state["weights"].copy()


class Single(SomeRanker):
    def score(self, features):
        return super().score(features).astype(np.float32)


class Stammering(SomeRanker):
    def score(self, features):
        return super().score(features) if len(features) else np.zeros(1)


class Blurting(SomeRanker):
    def score_for(self, features, query):
        return super().score(features)[: len(features) - 1]


class Boundless(SomeRanker):
    explore = 1.5


BROKEN = [
    ("scores_for_queries_fit", Blurting),
    ("explored_share_is_a_fraction", Boundless),
    ("follows_protocol", NoLearn),
    ("scores_are_numbers", Infinite),
    ("batch_does_not_matter", Relative),
    ("empty_batch", Restless),
    ("arguments_are_left_alone", Centring),
    ("fresh_is_unlearned", Dynasty),
    ("state_can_be_stored", Adding),
    ("state_continues_exactly", Uncounted),
    ("scores_are_numbers", Single),
    ("empty_batch", Stammering),
]


def test_the_right_one_passes():
    check_ranker(SomeRanker(), n_features=4)


@pytest.mark.parametrize(("check", "kind"), BROKEN)
def test_a_broken_one_fails_where_it_is_broken(check, kind):
    must_fail(check, lambda: check_ranker(kind(), n_features=4))


def test_every_check_can_fail():
    assert set(RANKER_CHECKS) == {check for check, _ in BROKEN}


def test_the_lessons_teach_something():
    prior = PriorRanker(("x", "y"), weights={"x": 1.0})
    case = module._Case(component=LambdaMART(prior, n_trees=8, first=100), n_features=2)
    half, whole = case.learned(), case.learned(n=4)
    assert 0 < half.version < whole.version
    assert (case.ask(half) != case.ask(whole)).any()


class Inexact(SomeRanker):
    """Scores by the shape of the batch, a little."""

    off = 1e-12

    def score(self, features):
        return super().score(features) + self.off * (len(features) % 3)


class Imprecise(Inexact):
    off = 1e-3


def test_tolerance():
    check_ranker(Inexact(), n_features=4, tolerance=1e-9)
    must_fail("batch_does_not_matter", lambda: check_ranker(Inexact(), n_features=4))
    must_fail("batch_does_not_matter", lambda: check_ranker(Imprecise(), n_features=4, tolerance=1e-9))


class Regression(SomeRanker):
    """A linear model of clicks: a dense product, whose last bits depend on the shape of the batch."""

    def __init__(self):
        self.parts, self.model = [], None

    def score(self, features):
        if self.model is None or not len(features):
            return np.zeros(len(features))
        return self.model.predict(features.astype(np.float64))

    def learn(self, feedback):
        if len(feedback):
            shown = feedback.item >= 0
            self.parts.append(np.column_stack([feedback.features[shown], feedback.click[shown]]))
            self.train()

    def train(self):
        rows = np.concatenate(self.parts).astype(np.float64) if self.parts else None
        self.model = None if rows is None else Ridge().fit(rows[:, :-1], rows[:, -1])

    def state(self):
        return {"rows": np.concatenate(self.parts)} if self.parts else {}

    def restore(self, state):
        self.parts = [state["rows"]] if state else []
        self.train()


def test_a_regression_passes_within_a_tolerance():
    check_ranker(Regression(), n_features=32, tolerance=1e-9)


class Named(SomeRanker):
    """Takes as many features as it has names, and can be made for columns."""

    names = ()
    asked = None

    def score(self, features):
        assert features.shape[1] == (len(self.names) or 6)
        return np.zeros(len(features))

    def learn(self, feedback):
        pass


class Movable(Named):
    allocation_dependent = True
    version = -1
    made = []  # noqa: RUF012

    def for_columns(self, names, memory_columns):
        fresh = type(self)()
        fresh.names, fresh.version = names, 0
        self.made.append((names, memory_columns))
        return fresh

    def score(self, features):
        assert self.version == 0
        return super().score(features)


def test_the_number_of_features_follows_names():
    check_ranker(Named())
    named = Named()
    named.names = ("a", "b", "c")
    check_ranker(named)
    check_ranker(PriorRanker(("x", "y"), weights={"x": 1.0}))
    must_fail("arguments_are_left_alone", lambda: check_ranker(named, 5))


def test_rankers_are_made_for_columns_first():
    check_ranker(Movable())
    check_ranker(Movable(), n_features=4)
    bound = Movable()
    bound.names = ("a", "b", "c")
    check_ranker(bound)
    places = ("rank@a", "score@a", "scaled@a", "margin@a")
    made = [(("f0", "f1", *places), (5,)), (places, (3,)), (("a", "b", "c"), (2,))]
    assert Movable.made == made
