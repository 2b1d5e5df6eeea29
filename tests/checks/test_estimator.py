"""Every check of an estimator can fail."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from ltrr.checks import CheckError, check_estimator
from ltrr.checks.estimator import ESTIMATOR_CHECKS
from ltrr.checks.logged import batch_of
from ltrr.errors import InputError
from ltrr.replay.estimators import Estimator, slate
from ltrr.replay.estimators.base import needed
from tests.checks.stalls import must_fail


@dataclass
class SomeEstimator(Estimator):
    """Mean of ``min(w, top) r``: right in every way."""

    name: ClassVar[str] = "some"

    top: float = 2.0

    def terms(self, batch):
        return (np.minimum(needed(batch, "weight", self.name), self.top) * batch.reward)[:, None]

    def combine(self, mean):
        return mean[..., 0]

    def bounds(self, weight_bound, low, high):
        top = min(self.top, weight_bound)
        return min(0.0, top * low), max(0.0, top * high)


class Nameless(SomeEstimator):
    name = ""


@dataclass
class Untold(SomeEstimator):
    pass


class Renegade(SomeEstimator):
    def fork(self):
        return SomeEstimator(self.top)


class Hidden(SomeEstimator):
    def __init__(self, top=2.0, lift=0.0):
        super().__init__(top)
        self.lift = lift


class Chatty(SomeEstimator):
    def __repr__(self):
        return f"Chatty(top={self.top}, n={self.moments.n})"


class Flat(SomeEstimator):
    def terms(self, batch):
        return super().terms(batch)[:, 0]


class Wide(SomeEstimator):
    def terms(self, batch):
        return np.repeat(super().terms(batch), 2, axis=1)


class Coarse(SomeEstimator):
    def terms(self, batch):
        return super().terms(batch).astype(np.float32)


class Capping(SomeEstimator):
    def terms(self, batch):
        if batch.weight is not None:
            np.minimum(batch.weight, self.top, out=batch.weight)
        return super().terms(batch)


class Misspelt(SomeEstimator):
    needs = frozenset({"wieght"})


class Lenient(SomeEstimator):
    """Takes weights of 1 where there are none."""

    def terms(self, batch):
        weight = np.ones(len(batch)) if batch.weight is None else batch.weight
        return super().terms(replace(batch, weight=weight))


class Peeking(SomeEstimator):
    """Reads predictions where there are any, and does not say so."""

    def terms(self, batch):
        return super().terms(batch) + (0.0 if batch.q_target is None else batch.q_target[:, None])


class Careless(SomeEstimator):
    def rows(self, batch):
        terms = self.terms(batch)
        count = np.ones(len(batch)) if batch.count is None else batch.count
        return count[:, None] * np.hstack([np.ones((len(batch), 1)), terms])


class Optimist(SomeEstimator):
    def value(self):
        return super().value() if self.moments.n else 0.0


class Unsure(SomeEstimator):
    def standard_error(self):
        return super().standard_error() + 0.01


class Downward(SomeEstimator):
    def standard_error(self):
        return -super().standard_error()


class Fading(SomeEstimator):
    """Early rows of a batch count more."""

    def terms(self, batch):
        return super().terms(batch) * (1.0 - 1e-6 * np.arange(len(batch)))[:, None]


class Clocked(SomeEstimator):
    """A batch is worth a row of its own."""

    def add(self, batch):
        super().add(batch)
        if len(batch) == 0:
            self.moments.add(np.array([[1.0, 0.0]]))


class Relation(SomeEstimator):
    def terms(self, batch):
        terms = super().terms(batch)
        return terms - (1e-9 * terms.max() if len(terms) else 0.0)


class Solitary(SomeEstimator):
    def merge(self, other):
        if self.moments.n < 200 or other.moments.n > 200:
            super().merge(other)


class Leaning(SomeEstimator):
    """Leans towards what was merged last."""

    def merge(self, other):
        super().merge(other)
        if other.moments.n:
            self.moments.mean = self.moments.mean + 1e-9 * other.moments.mean


class Uncounting(SomeEstimator):
    def rows(self, batch):
        return super().rows(replace(batch, count=None))


class Successor(SomeEstimator):
    def fork(self):
        heir = replace(self)
        heir.moments.merge(self.moments)
        return heir


class Siamese(SomeEstimator):
    """Its forks see what it sees, once it has seen something."""

    def fork(self):
        twin = replace(self)
        if self.moments.n:
            twin.moments = self.moments
        return twin


class Defaulting(SomeEstimator):
    def fork(self):
        return type(self)()


class Friendly(SomeEstimator):
    def merge(self, other):
        self.moments.merge(other.moments)


class Tolerant(SomeEstimator):
    """Minds the kind, and not the parameters."""

    def merge(self, other):
        if type(other) is not type(self):
            raise InputError("another kind")
        self.moments.merge(other.moments)


class OneByOne(SomeEstimator):
    def combine(self, mean):
        return mean[0]


class Realist(SomeEstimator):
    """Knows no complex numbers, so that its derivative is 0."""

    def combine(self, mean):
        return np.real(mean[..., 0])


class Boastful(SomeEstimator):
    def bounds(self, weight_bound, low, high):
        return low, high


class Bounding(SomeEstimator):
    """Says bounds of a term whose mean is not the estimate."""

    def combine(self, mean):
        return np.exp(mean[..., 0])


class Impostor(SomeEstimator):
    name = "ips"


class Endless(SomeEstimator):
    """Infinite where the log has a weight of 0."""

    def terms(self, batch):
        terms = super().terms(batch)
        return np.where(batch.weight[:, None] == 0.0, np.inf, terms)


class Short(SomeEstimator):
    def rows(self, batch):
        return super().rows(batch)[:, 1:]


class Boxed(SomeEstimator):
    def value(self):
        return np.array(super().value())


class Steadied(SomeEstimator):
    """Loses a little of the spread by merging."""

    def merge(self, other):
        super().merge(other)
        if other.moments.n:
            self.moments.comoment = 0.999 * self.moments.comoment


class Echo(SomeEstimator):
    """What its forks see, it sees too, once it has seen something."""

    parent = None

    def fork(self):
        twin = replace(self)
        twin.parent = self
        return twin

    def add(self, batch):
        super().add(batch)
        if self.parent is not None and self.parent.moments.n:
            self.parent.moments.add(self.rows(batch))


class Worldly(SomeEstimator):
    """Minds the parameters, and not the kind."""

    def merge(self, other):
        if other.parameters().get("top", self.top) != self.top:
            raise InputError("other parameters")
        self.moments.merge(other.moments)


class Grudging(SomeEstimator):
    def merge(self, other):
        if type(other) is type(self):
            self.moments.merge(other.moments)
            other = self.fork() if other.top == self.top else other
        super().merge(other)


class Undecided(SomeEstimator):
    slate = 0


BROKEN = [
    ("follows_protocol", Nameless),
    ("follows_protocol", Untold),
    ("follows_protocol", Renegade),
    ("terms_have_their_shape", Endless),
    ("terms_have_their_shape", Short),
    ("arguments_are_left_alone", Capping),
    ("parameters_are_fields", Hidden),
    ("parameters_are_fields", Chatty),
    ("terms_have_their_shape", Flat),
    ("terms_have_their_shape", Wide),
    ("terms_have_their_shape", Coarse),
    ("needs_are_columns", Misspelt),
    ("needs_are_columns", Lenient),
    ("needs_are_columns", Peeking),
    ("several_slots_where_declared", Careless),
    ("value_is_a_number", Optimist),
    ("value_is_a_number", Boxed),
    ("standard_error_is_one", Unsure),
    ("standard_error_is_one", Downward),
    ("order_does_not_matter", Fading),
    ("empty_batch", Clocked),
    ("parts_merge_to_one_pass", Relation),
    ("parts_merge_to_one_pass", Solitary),
    ("parts_merge_to_one_pass", Leaning),
    ("parts_merge_to_one_pass", Steadied),
    ("counts_are_repetitions", Uncounting),
    ("fork_has_seen_nothing", Successor),
    ("fork_has_seen_nothing", Siamese),
    ("fork_has_seen_nothing", Defaulting),
    ("fork_has_seen_nothing", Echo),
    ("merge_refuses_others", Friendly),
    ("merge_refuses_others", Worldly),
    ("merge_refuses_others", Grudging),
    ("merge_refuses_others", Tolerant),
    ("many_means_at_once", OneByOne),
    ("gradient_is_the_derivative", Realist),
    ("bounds_hold", Boastful),
    ("bounds_hold", Bounding),
    ("label_makes_it_again", Impostor),
    ("several_slots_where_declared", Undecided),
]


def test_the_right_one_passes():
    check_estimator(SomeEstimator(3.0))


@pytest.mark.parametrize(("check", "kind"), BROKEN)
def test_a_broken_one_fails_where_it_is_broken(check, kind):
    must_fail(check, lambda: check_estimator(kind(3.0)))


def test_every_check_can_fail():
    assert set(ESTIMATOR_CHECKS) == {check for check, _ in BROKEN}


def test_a_label_that_says_too_little_is_found():
    with pytest.raises(CheckError, match=r"label_makes_it_again: .*n_slots` must be 3, got 10"):
        check_estimator(slate.SNRIPS(3))


def test_bounds_of_the_logs_are_checked():
    with pytest.raises(InputError, match=r"`reward_range\[1\]` must be a number > 1, got 0\.0"):
        check_estimator(SomeEstimator(), reward_range=(1.0, 0.0))
    with pytest.raises(InputError, match=r"`weight_bound` must be a number > 1, got 1\.0"):
        check_estimator(SomeEstimator(), weight_bound=1.0)


def test_batches_keep_their_bounds_and_meet_them():
    batch = batch_of(3000, weight_bound=6.0, reward_range=(-1.0, 2.0), n_slots=3, counted=True)
    assert (len(batch.indptr) - 1, np.diff(batch.indptr).min(), np.diff(batch.indptr).max()) == (3000, 1, 3)
    assert (batch.slot[batch.indptr[:-1]] == 0).all()
    assert (batch.slot[batch.indptr[1:] - 1] == np.diff(batch.indptr) - 1).all()
    assert (batch.count == batch.count[batch.indptr[:-1]].repeat(np.diff(batch.indptr))).all()
    for name in ("weight", "balanced_weight", "marginal_weight"):
        weight = getattr(batch, name)
        assert (weight.min() >= 0.0, weight.max()) == (True, 6.0)
    for name in ("reward", "q_logged", "q_target", "mrdr_logged", "mrdr_target"):
        assert (getattr(batch, name).min(), getattr(batch, name).max()) == (-1.0, 2.0)
    assert len(batch_of(0, n_slots=2, counted=True)) == 0
