"""Every check of a user model can fail."""

from dataclasses import replace

import numpy as np
import pytest

from ltrr.checks import CheckError, check_user_model
from ltrr.checks.user_model import USER_MODEL_CHECKS
from ltrr.users import PBM, SDBN, USERS
from tests.checks.stalls import must_fail


class NoSample(SDBN):
    sample = None


class Overconfident(SDBN):
    def probabilities(self, truth):
        p = super().probabilities(truth)
        return replace(p, click=1.2 * p.click)


class Stray(PBM):
    def sample(self, truth, u):
        outcome = super().sample(truth, u)
        click = outcome.click | (u[..., 0] < 0.01)
        return replace(outcome, click=click, abandoned=~click.any(axis=1))


class Contented(PBM):
    def sample(self, truth, u):
        outcome = super().sample(truth, u)
        satisfied = outcome.satisfied | ((truth.rectangle() > 0) & (u[..., 1] < 0.3))
        return replace(outcome, satisfied=satisfied)


class Resigned(PBM):
    def sample(self, truth, u):
        outcome = super().sample(truth, u)
        return replace(outcome, abandoned=~outcome.satisfied.any(axis=1))


class Moody(PBM):
    """Clicks by a generator of its own."""

    rng = np.random.default_rng(0)

    def sample(self, truth, u):
        return super().sample(truth, self.rng.random(u.shape))


class Herd(PBM):
    """Reads what the first user of the batch is inclined to."""

    def sample(self, truth, u):
        return super().sample(truth, np.broadcast_to(u[:1], u.shape) if len(u) else u)


class Needy(SDBN):
    def sample(self, truth, u):
        if not len(truth):
            raise ZeroDivisionError("no pages")
        return super().sample(truth, u)


class Squeezing(PBM):
    def sample(self, truth, u):
        outcome = super().sample(truth, u)
        u *= 0.5
        return outcome


class Generous(PBM):
    """Clicks a little more than it says."""

    def sample(self, truth, u):
        return super().sample(truth, u**1.1)


class Deaf(PBM):
    """Clicks where it is likelier than not, whatever the uniforms."""

    def sample(self, truth, u):
        return super().sample(truth, np.full_like(u, 0.5))


class Narrow(PBM):
    def probabilities(self, truth):
        p = super().probabilities(truth)
        return replace(p, click=p.click[:, :-1])


class Counting(PBM):
    def sample(self, truth, u):
        outcome = super().sample(truth, u)
        return replace(outcome, click=outcome.click.astype(np.int8))


class Hopeful(PBM):
    """Expects clicks where nothing stands."""

    def probabilities(self, truth):
        p = super().probabilities(truth)
        return replace(p, click=np.maximum(p.click, 0.001 * (truth.rectangle() < 0)))


class Gratified(PBM):
    """Expects more satisfied clicks than clicks."""

    def probabilities(self, truth):
        p = super().probabilities(truth)
        return replace(p, satisfied=np.minimum(1.0, 1.01 * p.click))


class Swinging(PBM):
    """Every second batch turns the uniforms about."""

    batches = 0

    def sample(self, truth, u):
        Swinging.batches += len(truth) > 1
        return super().sample(truth, 1.0 - u if len(truth) > 1 and Swinging.batches % 2 else u)


class Padding(PBM):
    def sample(self, truth, u):
        outcome = super().sample(truth, u)
        return outcome if len(truth) else replace(outcome, abandoned=np.ones(1, np.bool_))


BROKEN = [
    ("follows_protocol", NoSample),
    ("probabilities_are_probabilities", Overconfident),
    ("empty_places_are_never_clicked", Stray),
    ("satisfied_implies_click", Contented),
    ("satisfied_implies_click", Resigned),
    ("uniforms_decide_everything", Moody),
    ("uniforms_decide_everything", Herd),
    ("empty_batch", Needy),
    ("arguments_are_left_alone", Squeezing),
    ("samples_match", Generous),
    ("samples_match", Deaf),
    ("follows_protocol", Narrow),
    ("follows_protocol", Counting),
    ("probabilities_are_probabilities", Hopeful),
    ("probabilities_are_probabilities", Gratified),
    ("uniforms_decide_everything", Swinging),
    ("empty_batch", Padding),
]


def test_the_right_one_passes():
    check_user_model(PBM())


@pytest.mark.parametrize(("check", "kind"), BROKEN)
def test_a_broken_one_fails_where_it_is_broken(check, kind):
    must_fail(check, lambda: check_user_model(kind()))


def test_every_check_can_fail():
    assert set(USER_MODEL_CHECKS) == {check for check, _ in BROKEN}


@pytest.mark.parametrize("max_grade", [1, 2, 3])
@pytest.mark.parametrize("name", USERS.makers)
def test_presets_in_worlds_of_other_grades(name, max_grade):
    check_user_model(USERS.makers[name](), max_grade=max_grade, n_places=4)


def test_what_a_class_raises_is_named_with_the_check():
    with pytest.raises(CheckError, match="empty_batch: raised ZeroDivisionError where it must not: no pages"):
        check_user_model(Needy())
