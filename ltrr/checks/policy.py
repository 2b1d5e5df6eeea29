"""What every policy must keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.bandits.draw import draw
from ltrr.checks.common import LearningCase
from ltrr.checks.data import decision_of, feedback_of, narrowed, requests_of
from ltrr.protocols import Policy
from ltrr.types import ActionSet, Decision, Feedback, Float64, Requests

__all__ = ["POLICY_CHECKS", "check_policy"]

_SPACES = ("slabs", "allocations")
_SUM_TOLERANCE = 1e-9
_DRAWS = 100_000
_FALSE_ALARM = 1e-6
_PROBE = 20
_LESSONS = 60


@dataclass(frozen=True, kw_only=True)
class _Case(LearningCase):
    """A policy under check, and the setting in which it is asked."""

    arms: tuple[str, ...]
    n_slots: int

    call = "check_policy"
    group = "policies"
    protocol = Policy
    verb, answers = "probabilities", "probabilities"

    def fresh(self) -> Any:
        return self.component.fork()

    def feedback(self, batch: int) -> Feedback:
        requests = requests_of(_LESSONS, first=_LESSONS * batch)
        return feedback_of(requests, space=self.component.space, arms=self.arms, n_slots=self.n_slots)

    @cached_property
    def probe(self) -> tuple[Requests, Decision]:
        """Return requests and, slot by slot, what may be chosen for them."""
        requests = requests_of(_PROBE, first=10_000)
        return requests, decision_of(requests, self.component.space, self.arms, self.n_slots)

    def ask(self, component: Any) -> list[Float64]:
        requests, decision = self.probe
        return [_stated(component, requests, actions) for actions in decision.actions]

    def ask_nothing(self, component: Any, when: str) -> None:
        (requests, decision), none = self.probe, np.zeros(0, np.int64)
        p = _stated(component, requests.take(none), decision.actions[0].take(none))
        self.must(self.verb, when)(np.shape(p) == (0,), f"be empty for no requests, got {np.shape(p)}")

    def must_be_probabilities(self, p: Float64, actions: ActionSet, when: str) -> None:
        must, n = self.must(self.verb, when), len(actions.action)
        fits = isinstance(p, np.ndarray) and p.shape == (n,)
        must(fits, f"be one array of {n} numbers, ragged like the actions, got shape {np.shape(p)}")
        must(p.dtype == np.float64, f"be float64, got {p.dtype}")
        must(np.isfinite(p).all(), f"be finite, got {p[~np.isfinite(p)][:1]}")
        must((p >= 0.0).all(), f"be >= 0, got {p.min(initial=0.0)}")
        total = np.bincount(_rows(actions), p, minlength=len(actions))
        off = np.abs(total - 1.0)
        worst = int(off.argmax())
        must(
            off[worst] <= _SUM_TOLERANCE,
            f"sum to 1 for each request, got {total[worst]!r} in row {worst}; normalise them",
        )

    def check_follows_protocol(self) -> None:
        """All members are there, the space is known, and a fork is of the same kind."""
        super().check_follows_protocol()
        space = self.component.space
        self.must("space")(space in _SPACES, f"be one of {', '.join(_SPACES)}, got {space!r}")
        self.must("fork")(
            type(self.fresh()) is type(self.component),
            f"return a fresh {self.name}: runs of a study never share a learner",
        )

    def check_arguments_are_left_alone(self) -> None:
        """Neither asking nor teaching writes into what was given."""
        requests, decision = self.probe
        feedback, policy = self.feedback(0), self.fresh()
        with self.left_alone(requests, decision, feedback):
            policy.learn(feedback)
            for actions in decision.actions:
                _stated(policy, requests, actions)

    def check_probabilities_are_probabilities(self) -> None:
        """Numbers are finite, not negative, and sum to 1 a request, before and after learning."""
        for when, policy in self.both():
            for p, actions in zip(self.ask(policy), self.probe[1].actions, strict=True):
                self.must_be_probabilities(p, actions, when)

    def check_ragged_actions(self) -> None:
        """Check the same where requests have different numbers of actions."""
        requests, decision = self.probe
        for when, policy in self.both():
            for actions in decision.actions:
                few = narrowed(actions, _stated(policy, requests, actions))
                p = _stated(policy, requests, few)
                self.must_be_probabilities(p, few, f"ragged actions, {when}")

    def check_asking_teaches_nothing(self) -> None:
        """Ask again: the same question gets the same answer, whatever was asked in between."""
        for when, policy in self.both():
            first, *_, last = (self.ask(policy) for _ in range(5))
            self.must(self.verb, when)(
                self.same(first, last),
                "give the same answer to the same question until it learns; draw from the given `rng` only",
            )

    def check_batch_does_not_matter(self) -> None:
        """Ask for requests alone: answers are those of the batch, unless the generator decides."""
        requests, decision = self.probe
        for when, policy in self.both():
            for actions in decision.actions:
                p = _stated(policy, requests, actions)
                if not self.same(p, _stated(policy, requests, actions, seed=7)):
                    continue  # Monte Carlo: other requests shift the generator
                rows = np.arange(len(requests))[:, None]
                alone = [_stated(policy, requests.take(row), actions.take(row)) for row in rows]
                gap = float(np.abs(np.concatenate(alone) - p).max())
                self.must(self.verb, when)(
                    gap <= max(_SUM_TOLERANCE, self.tolerance),
                    f"not depend on the other requests of the batch, got a difference of {gap:.3g}",
                )

    check_empty_batch = LearningCase.check_empty_batch

    def check_deterministic_tells_the_truth(self) -> None:
        """``deterministic`` is true exactly where only 0 and 1 were stated."""
        seen = np.concatenate([p for _, policy in self.both() for p in self.ask(policy)])
        sharp, stated = bool(np.isin(seen, (0.0, 1.0)).all()), self.component.deterministic
        self.must("deterministic")(
            bool(stated) == sharp,
            f"be {sharp}, got {stated}: logs rely on it to say whether they can be reweighted",
        )

    def check_fork_is_unlearned(self) -> None:
        """Fork a learned policy: the fork answers as one that never learned, and does not learn with it."""
        must, pupil = self.must("fork"), self.learned()
        other = pupil.fork()
        before = self.ask(other)
        alike = self.same(self.ask(self.fresh()), before)
        must(alike, "return one that has learned nothing, got what the original learned")
        self.learned(pupil, start=self.lessons)
        alike = self.same(before, self.ask(other))
        must(alike, "share nothing that learns, got answers that moved with the original")

    def check_draws_match(self) -> None:
        """100,000 draws have the stated frequencies: chi-square at 1e-6, fixed uniforms."""
        requests, decision = self.probe
        policy = self.learned()
        statistic, freedom = 0.0, 0
        for slot, actions in enumerate(decision.actions):
            p = _stated(policy, requests, actions)
            count = _drawn(p, actions, _DRAWS // len(requests), seed=slot)
            self.must()(not count[p == 0.0].any(), "never have an action of probability 0 drawn, got one")
            more, free = _chi_square(p, actions, count)
            statistic, freedom = statistic + more, freedom + free
        if freedom == 0:
            self.must()(statistic == 0.0, "always have a certain action drawn, got others too")
            return
        from scipy.special import chdtrc  # loads scipy, which `import ltrr` needs not

        chance = float(chdtrc(freedom, statistic))
        self.must(self.verb)(
            chance > _FALSE_ALARM,
            f"be the frequencies of {_DRAWS} draws, got a chi-square of {statistic:.1f} on {freedom} degrees "
            f"of freedom (p = {chance:.1e})",
        )


def _stated(policy: Any, requests: Requests, actions: ActionSet, seed: int = 6) -> Float64:
    """Return what the policy states, given a generator at the same place every time."""
    answer: Float64 = policy.probabilities(requests, actions, np.random.default_rng(seed))
    return answer


def _rows(actions: ActionSet) -> Any:
    """Return the request of each action."""
    return np.repeat(np.arange(len(actions)), np.diff(actions.indptr))


def _drawn(p: Float64, actions: ActionSet, times: int, *, seed: int) -> Any:
    """Return how often each action is drawn when each request is drawn for this many times."""
    rows = np.tile(np.arange(len(actions)), times)
    u = np.random.default_rng([8, seed]).random(len(rows))
    # features take no part in draws, and would be most of what is copied
    bare = replace(actions, features=np.zeros((len(p), 0), np.float32), names=(), quota=None)
    position, _, _ = draw(bare.take(rows), np.tile(p, times), u)
    return np.bincount(position % len(p), minlength=len(p))


def _chi_square(p: Float64, actions: ActionSet, count: Any) -> tuple[float, int]:
    """Return how far counts are from what is stated, and the degrees of freedom."""
    row = _rows(actions)
    times = count.sum() / len(actions)
    # cells with fewer than 5 expected draws are pooled with their request's likeliest action
    largest = np.full(len(actions), -1)
    for place in np.argsort(p, kind="stable"):
        largest[row[place]] = place
    cell = np.where(p * times >= 5.0, np.arange(len(p)), largest[row])
    want, got = (np.bincount(cell, n, minlength=len(p)) for n in (p * times, count))
    used = want > 0
    return float(((got[used] - want[used]) ** 2 / want[used]).sum()), int(used.sum()) - len(actions)


POLICY_CHECKS = _Case.checks()
"""Names of the checks, in the order in which they run."""


def check_policy(
    policy: Any,
    *,
    arms: Sequence[str] = ("a", "b", "c", "d"),
    n_slots: int = 3,
    tolerance: float = 0.0,
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check that a policy keeps `ltrr.protocols.Policy`; it is only ever forked.

    Parameters
    ----------
    policy : Policy
        With ``fork()``, as loops need it.
    arms : sequence of str
        Names of the arms to choose among.
    n_slots : int >= 1
        Slots a request.
    tolerance : float >= 0
        Largest allowed absolute difference wherever a check asks for the same bits; 0 is exact.
    skip : mapping of check to reason, optional
        Checks of `POLICY_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``policy`` is a class or another kind of object, or ``skip`` names no check or gives no reason.

    Examples
    --------
    >>> from ltrr.bandits import EpsilonGreedy
    >>> check_policy(EpsilonGreedy(0.1))
    """
    slots = _check.integer("n_slots", n_slots, low=1)
    _Case(component=policy, tolerance=tolerance, arms=tuple(arms), n_slots=slots).run(skip)
