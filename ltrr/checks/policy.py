"""What every policy must keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr import _check
from ltrr._state import pack, unpack
from ltrr.bandits.draw import draw
from ltrr.checks.data import ask, feedback_of, narrowed, requests_of
from ltrr.checks.error import copies, require, run, same
from ltrr.protocols import Policy
from ltrr.types import ActionSet, Decision, Feedback, Float64, Requests

__all__ = ["POLICY_CHECKS", "check_policy"]

_SPACES = ("slabs", "allocations")
_SUM_TOLERANCE = 1e-9
_DRAWS = 100_000
_FALSE_ALARM = 1e-6
_PROBE = 20
_LESSONS = 60


@dataclass(frozen=True)
class _Case:
    """A policy under check, and the setting in which it is asked."""

    policy: Any
    arms: tuple[str, ...]
    n_slots: int

    @property
    def name(self) -> str:
        return type(self.policy).__name__

    def learned(self, policy: Any = None, *, start: int = 0, n: int = 3) -> Any:
        """Return ``policy`` (a fork if None) after ``n`` batches of feedback."""
        pupil = self.policy.fork() if policy is None else policy
        for i in range(start, start + n):
            pupil.learn(self.feedback(i))
        return pupil

    def feedback(self, batch: int) -> Feedback:
        requests = requests_of(_LESSONS, first=_LESSONS * batch)
        return feedback_of(requests, space=self.policy.space, arms=self.arms, n_slots=self.n_slots)

    def probe(self, n: int = _PROBE) -> tuple[Requests, Decision]:
        """Return requests and, slot by slot, what may be chosen for them."""
        requests = requests_of(n, first=10_000)
        return requests, ask(requests, self.policy.space, self.arms, self.n_slots)

    def answers(self, policy: Any) -> list[Float64]:
        requests, decision = self.probe()
        return [stated(policy, requests, actions) for actions in decision.actions]

    def both(self) -> Iterator[tuple[str, Any]]:
        """Yield the policy before and after learning."""
        yield "unlearned", self.policy.fork()
        yield "after learning", self.learned()


def stated(policy: Any, requests: Requests, actions: ActionSet, seed: int = 6) -> Float64:
    """Return what the policy states, given a generator at the same place every time."""
    answer: Float64 = policy.probabilities(requests, actions, np.random.default_rng(seed))
    return answer


def follows_protocol(case: _Case) -> None:
    """All members are there, the space is known, and a fork is of the same kind."""
    require(
        isinstance(case.policy, Policy),
        f"`{case.name}` must have the members of `ltrr.protocols.Policy`, got only some of them",
    )
    require(
        case.policy.space in _SPACES,
        f"`{case.name}.space` must be one of {', '.join(_SPACES)}, got {case.policy.space!r}",
    )
    require(
        callable(getattr(case.policy, "fork", None)) and type(case.policy.fork()) is type(case.policy),
        f"`{case.name}.fork()` must return a fresh {case.name}: runs of a study never share a learner",
    )


def _must_be_probabilities(case: _Case, p: Float64, actions: ActionSet, when: str) -> None:
    where = f"`{case.name}.probabilities` ({when})"
    n = len(actions.action)
    require(
        isinstance(p, np.ndarray) and p.shape == (n,),
        f"{where} must be one array of {n} numbers, ragged like the actions, got shape {np.shape(p)}",
    )
    require(p.dtype == np.float64, f"{where} must be float64, got {p.dtype}")
    require(np.isfinite(p).all(), f"{where} must be finite, got {p[~np.isfinite(p)][:1]}")
    require((p >= 0.0).all(), f"{where} must be >= 0, got {p.min(initial=0.0)}")
    row = np.repeat(np.arange(len(actions)), np.diff(actions.indptr))
    off = np.abs(np.bincount(row, p, minlength=len(actions)) - 1.0)
    worst = int(off.argmax()) if len(off) else 0
    require(
        (off <= _SUM_TOLERANCE).all(),
        f"{where} must sum to 1 for each request, got {p[row == worst].sum()!r} in row {worst}; "
        "normalise them",
    )


def probabilities_are_probabilities(case: _Case) -> None:
    """Numbers are finite, not negative, and sum to 1 a request, in every slot, learned or not."""
    requests, decision = case.probe()
    for when, policy in case.both():
        for actions in decision.actions:
            _must_be_probabilities(case, stated(policy, requests, actions), actions, when)


def ragged_actions(case: _Case) -> None:
    """Check the same where requests have different numbers of actions."""
    requests, decision = case.probe()
    for when, policy in case.both():
        for actions in decision.actions:
            few = narrowed(actions, stated(policy, requests, actions))
            _must_be_probabilities(case, stated(policy, requests, few), few, f"ragged actions, {when}")


def batch_does_not_matter(case: _Case) -> None:
    """Ask for requests alone: answers are those of the batch, unless the generator decides (Monte Carlo)."""
    requests, decision = case.probe()
    for when, policy in case.both():
        for actions in decision.actions:
            p = stated(policy, requests, actions)
            if not same(p, stated(policy, requests, actions, seed=7)):
                continue
            alone = []
            for b in range(len(requests)):
                row = np.array([b])
                alone.append(stated(policy, requests.take(row), actions.take(row)))
            gap = float(np.abs(np.concatenate(alone) - p).max())
            require(
                gap <= _SUM_TOLERANCE,
                f"`{case.name}.probabilities` ({when}) must not depend on the other requests of the batch, "
                f"got a difference of {gap:.3g}",
            )


def empty_batch(case: _Case) -> None:
    """No requests get no probabilities, and no feedback teaches nothing."""
    requests, decision = case.probe()
    none = np.zeros(0, np.int64)
    for when, policy in case.both():
        before = case.answers(policy)
        p = stated(policy, requests.take(none), decision.actions[0].take(none))
        require(
            np.shape(p) == (0,),
            f"`{case.name}.probabilities` ({when}) must be empty for no requests, got {np.shape(p)}",
        )
        policy.learn(case.feedback(0).take(none))
        require(
            all(map(same, before, case.answers(policy))),
            f"`{case.name}.learn` ({when}) must learn nothing from empty feedback, got other probabilities",
        )


def arguments_are_left_alone(case: _Case) -> None:
    """Neither asking nor teaching writes into what was given."""
    requests, decision = case.probe()
    feedback = case.feedback(0)
    untouched = copies(requests, decision, feedback)
    policy = case.policy.fork()
    policy.learn(feedback)
    for actions in decision.actions:
        stated(policy, requests, actions)
    require(untouched(), f"`{case.name}` must not write into its arguments: copy what it changes")


def asking_teaches_nothing(case: _Case) -> None:
    """Ask again: the same question gets the same answer, whatever was asked in between."""
    for when, policy in case.both():
        before = case.answers(policy)
        for _ in range(3):
            case.answers(policy)
        require(
            all(map(same, before, case.answers(policy))),
            f"`{case.name}.probabilities` ({when}) must answer the same question alike until it learns; "
            "draw from the given `rng` only",
        )


def deterministic_tells_the_truth(case: _Case) -> None:
    """``deterministic`` is true exactly where only 0 and 1 were stated."""
    seen = np.concatenate([p for _, policy in case.both() for p in case.answers(policy)])
    sharp = bool(np.isin(seen, (0.0, 1.0)).all())
    require(
        bool(case.policy.deterministic) == sharp,
        f"`{case.name}.deterministic` must be {sharp}, got {case.policy.deterministic}: logs say by it "
        "whether they can be reweighted",
    )


def fork_is_unlearned(case: _Case) -> None:
    """Fork a learned policy: the fork answers as one that never learned, and does not learn with it."""
    fresh, pupil = case.policy.fork(), case.learned()
    other = pupil.fork()
    require(
        all(map(same, case.answers(fresh), case.answers(other))),
        f"`{case.name}.fork()` must have learned nothing, got what the original learned",
    )
    before = case.answers(other)
    case.learned(pupil, start=3)
    require(
        all(map(same, before, case.answers(other))),
        f"`{case.name}.fork()` must share nothing that learns, got answers that moved with the original",
    )


def state_can_be_stored(case: _Case) -> None:
    """State is arrays, bytes and plain values, and stays what it was while the policy goes on learning."""
    pupil = case.learned()
    state = pupil.state()
    before = pack(state)
    case.learned(pupil, start=3)
    require(
        pack(state) == before,
        f"`{case.name}.state()` must return copies, got arrays that learning went on to change",
    )


def state_continues_exactly(case: _Case) -> None:
    """Restore from stored state: the copy answers, and goes on learning, as the original does."""
    pupil = case.learned()
    other = case.policy.fork()
    other.restore(unpack(pack(pupil.state())))
    require(
        all(map(same, case.answers(pupil), case.answers(other))),
        f"`{case.name}.restore` must lead to the same probabilities, got others; is something learned "
        "missing from `state()`?",
    )
    case.learned(pupil, start=3), case.learned(other, start=3)
    require(
        all(map(same, case.answers(pupil), case.answers(other))),
        f"`{case.name}` must learn on from restored state as it would have, got other probabilities after "
        "more feedback; are counters or schedules missing from `state()`?",
    )


def draws_match(case: _Case) -> None:
    """100,000 draws have the stated frequencies: chi-square at 1e-6, fixed uniforms."""
    requests, decision = case.probe()
    policy = case.learned()
    times = _DRAWS // len(requests)
    statistic, freedom = 0.0, 0
    for slot, actions in enumerate(decision.actions):
        p = stated(policy, requests, actions)
        rows = np.tile(np.arange(len(requests)), times)
        u = np.random.default_rng([8, slot]).random(len(rows))
        spread = np.concatenate([p] * times)
        position, _, _ = draw(actions.take(rows), spread, u)
        count = np.bincount(position % len(p), minlength=len(p))
        row = np.repeat(np.arange(len(actions)), np.diff(actions.indptr))
        require(
            not count[p == 0.0].any(),
            f"`{case.name}`: an action of probability 0 must never be drawn, got it",
        )
        # cells with fewer than 5 expected draws are pooled with their request's likeliest action
        largest = np.full(len(actions), -1)
        for place in np.argsort(p, kind="stable"):
            largest[row[place]] = place
        cell = np.where(p * times >= 5.0, np.arange(len(p)), largest[row])
        want = np.bincount(cell, p * times, minlength=len(p))
        got = np.bincount(cell, count, minlength=len(p))
        used = want > 0
        statistic += float(((got[used] - want[used]) ** 2 / want[used]).sum())
        freedom += int(used.sum()) - len(actions)
    if freedom:
        from scipy.special import chdtrc  # loads scipy, which `import ltrr` needs not

        chance = float(chdtrc(freedom, statistic))
        require(
            chance > _FALSE_ALARM,
            f"`{case.name}.probabilities` must be the frequencies of {_DRAWS} draws, got a chi-square of "
            f"{statistic:.1f} on {freedom} degrees of freedom (p = {chance:.1e})",
        )
    else:
        require(statistic == 0.0, f"`{case.name}`: a certain action must always be drawn, got others too")


POLICY_CHECKS: Sequence[Callable[[_Case], None]] = (
    follows_protocol,
    arguments_are_left_alone,
    probabilities_are_probabilities,
    ragged_actions,
    asking_teaches_nothing,
    batch_does_not_matter,
    empty_batch,
    deterministic_tells_the_truth,
    fork_is_unlearned,
    state_can_be_stored,
    state_continues_exactly,
    draws_match,
)
"""The checks, in the order in which they are run."""


def check_policy(
    policy: Any,
    *,
    arms: Sequence[str] = ("a", "b", "c", "d"),
    n_slots: int = 3,
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
    skip : mapping of check to reason, optional
        Checks of `POLICY_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``skip`` names no check or gives no reason.

    Examples
    --------
    >>> from ltrr.bandits import EpsilonGreedy
    >>> check_policy(EpsilonGreedy(0.1))
    """
    run(POLICY_CHECKS, _Case(policy, tuple(arms), _check.integer("n_slots", n_slots, low=1)), skip)
