"""Every check of a policy can fail."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from ltrr import bandits
from ltrr.bandits.base import BasePolicy, level
from ltrr.bandits.draw import draw
from ltrr.checks import CheckError, check_policy
from ltrr.checks import policy as module
from ltrr.checks.policy import POLICY_CHECKS
from tests.checks.stalls import must_fail


@dataclass(eq=False)
class SomePolicy(BasePolicy):
    """Learns one number for all, and gives it to the first action: right in every way."""

    space: str = "slabs"
    lean: float = field(init=False, default=0.1)
    steps: np.ndarray = field(init=False, default_factory=lambda: np.zeros(1))

    def probabilities(self, requests, actions, rng):
        even = level(actions, np.zeros(len(actions.action)))
        first = np.zeros(len(even))
        first[actions.indptr[:-1]] = 1.0
        return (1.0 - self.lean) * even + self.lean * first

    def learn(self, feedback):
        self.steps += len(feedback)
        if len(feedback):
            self.lean += (float(feedback.credit.mean()) - self.lean) / float(self.steps[0]) ** 0.5

    def state(self):
        return {"lean": self.lean, "steps": self.steps.copy()}

    def restore(self, state):
        self.lean, self.steps = state["lean"], state["steps"].copy()


class NoFork(SomePolicy):
    fork = None


class TooMuch(SomePolicy):
    def probabilities(self, requests, actions, rng):
        return 1.1 * super().probabilities(requests, actions, rng)


class Rectangular(SomePolicy):
    def probabilities(self, requests, actions, rng):
        width = actions.width
        return super().probabilities(requests, actions, rng).reshape(len(actions), width).reshape(-1)


class Fickle(SomePolicy):
    def probabilities(self, requests, actions, rng):
        self.lean *= 0.99
        return super().probabilities(requests, actions, rng)


class Crowded(SomePolicy):
    def probabilities(self, requests, actions, rng):
        p = super().probabilities(requests, actions, rng)
        share = min(0.5, 0.01 * len(requests))
        return (1 - share) * p + share * level(actions, np.zeros(len(p)))


class Fed(SomePolicy):
    def learn(self, feedback):
        super().learn(feedback)
        self.lean *= 0.9


class Scribbler(SomePolicy):
    def learn(self, feedback):
        feedback.credit[:] = np.round(feedback.credit)
        super().learn(feedback)


class Liar(SomePolicy):
    @property
    def deterministic(self):
        return True


class Heir(SomePolicy):
    def fork(self):
        heir = replace(self)
        heir.restore(self.state())
        return heir


class Twins(SomePolicy):
    """Its forks learn with it."""

    def fork(self):
        twin = replace(self)
        twin.steps = self.steps
        return twin

    def probabilities(self, requests, actions, rng):
        self.lean = 0.1 + 0.0005 * float(self.steps[0] % 1000)
        return super().probabilities(requests, actions, rng)


class Lender(SomePolicy):
    def state(self):
        return {"lean": self.lean, "steps": self.steps}


class Objects(SomePolicy):
    def state(self):
        return {**super().state(), "names": np.array(["a", None])}


class Forgetful(SomePolicy):
    """Restores what it states, and not how fast it learns."""

    def restore(self, state):
        self.lean = state["lean"]


class Amnesiac(SomePolicy):
    def restore(self, state):
        self.steps = state["steps"].copy()


class Renegade(SomePolicy):
    def fork(self):
        return SomePolicy(self.space)


class Elsewhere(SomePolicy):
    def __init__(self, space="pages"):
        super().__init__(space)


class Columnar(SomePolicy):
    def probabilities(self, requests, actions, rng):
        return super().probabilities(requests, actions, rng)[:, None]


class Single(SomePolicy):
    """Quarters, which have the same sum in float32."""

    def probabilities(self, requests, actions, rng):
        return level(actions, np.zeros(len(actions.action))).astype(np.float32)


class Negative(SomePolicy):
    def probabilities(self, requests, actions, rng):
        p = super().probabilities(requests, actions, rng)
        p[actions.indptr[:-1]] += 1.0
        p[actions.indptr[1:] - 1] -= 1.0
        return p


class Stammering(SomePolicy):
    def probabilities(self, requests, actions, rng):
        return super().probabilities(requests, actions, rng) if len(requests) else np.zeros(1)


BROKEN = [
    ("follows_protocol", NoFork),
    ("probabilities_are_probabilities", TooMuch),
    ("ragged_actions", Rectangular),
    ("asking_teaches_nothing", Fickle),
    ("batch_does_not_matter", Crowded),
    ("empty_batch", Fed),
    ("arguments_are_left_alone", Scribbler),
    ("deterministic_tells_the_truth", Liar),
    ("fork_is_unlearned", Heir),
    ("fork_is_unlearned", Twins),
    ("state_can_be_stored", Lender),
    ("state_can_be_stored", Objects),
    ("state_continues_exactly", Forgetful),
    ("state_continues_exactly", Amnesiac),
    ("follows_protocol", Renegade),
    ("follows_protocol", Elsewhere),
    ("probabilities_are_probabilities", Columnar),
    ("probabilities_are_probabilities", Single),
    ("probabilities_are_probabilities", Negative),
    ("empty_batch", Stammering),
]


BY_DRAWS = {"draws_match"}
"""Policies state and the loop draws: see the test with a broken draw."""


def test_the_right_one_passes():
    check_policy(SomePolicy())


@pytest.mark.parametrize(("check", "kind"), BROKEN)
def test_a_broken_one_fails_where_it_is_broken(check, kind):
    must_fail(check, lambda: check_policy(kind()))


def test_every_check_can_fail():
    assert set(POLICY_CHECKS) == {check for check, _ in BROKEN} | BY_DRAWS


@pytest.mark.parametrize("policy", [bandits.EpsilonGreedy(0.2), bandits.SingleArm(2)])
def test_draws_must_match_what_is_stated(policy, monkeypatch):
    def early(actions, probabilities, u):
        """Draw a little too often what comes first."""
        position, mixed, audited = draw(actions, probabilities, 0.97 * u)
        return np.where(u > 0.999, actions.indptr[:-1], position), mixed, audited

    check_policy(policy)
    monkeypatch.setattr(module, "draw", early)
    with pytest.raises(CheckError, match="draws_match"):
        check_policy(policy)


def test_other_arms_and_slots():
    check_policy(bandits.SingleArm(5), arms=tuple("abcdef"), n_slots=2)
    check_policy(bandits.StaticQuota((2, 3)), arms=("a", "b"), n_slots=5)


def test_the_lessons_teach_something():
    case = module._Case(component=bandits.LinUCB(), arms=("a", "b", "c", "d"), n_slots=3)
    fresh, learned = (np.concatenate(case.ask(policy)) for _, policy in case.both())
    assert (fresh != learned).any()


class Inexact(SomePolicy):
    """States other numbers every time, a little."""

    off = 1e-12

    def probabilities(self, requests, actions, rng):
        self.asked = getattr(self, "asked", 0) + 1
        p = super().probabilities(requests, actions, rng)
        shift = np.zeros(len(p))
        shift[actions.indptr[:-1]] += self.off
        shift[actions.indptr[1:] - 1] -= self.off
        return p + (self.asked % 7) / 7 * shift


class Imprecise(Inexact):
    off = 1e-3


def test_tolerance():
    check_policy(Inexact(), tolerance=1e-9)
    must_fail("asking_teaches_nothing", lambda: check_policy(Inexact()))
    must_fail("asking_teaches_nothing", lambda: check_policy(Imprecise(), tolerance=1e-9))
