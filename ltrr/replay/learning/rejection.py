"""Replay by rejection: frozen policies, and policies that learn along the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.replay_log import ReplayLog
from ltrr.protocols import Policy
from ltrr.replay.nuisance.acceptance import accepted, smallest_propensity
from ltrr.replay.targets.described import blocks, check_context, described
from ltrr.replay.targets.distribution import checked
from ltrr.rng import Streams
from ltrr.types import Decision, Feedback, Float64

__all__ = ["LearningReplay", "feedback_of"]

_LOOK_AHEAD = 4096
"""Most rows for which probabilities are computed at once before the next update."""


def feedback_of(events: Events, *, propensity: Float64 | None = None) -> Feedback:
    """Return logged decisions as what came back from users, for `Policy.learn`.

    Each event becomes a request of one slot whose page is one item, the chosen action; it is credited with
    the reward. A reward above 0 counts as a click that satisfied, and is known at once. Actions are as
    `described` shows them; probabilities of actions that the log does not state are NaN.

    Parameters
    ----------
    events : Events
        Logged decisions of one slot each.
    propensity : float64 (n,), optional
        Probability with which each action was chosen for learning; the logged propensities by default, or 1
        where there are none. Rows that a replay accepted came with the target's probability, not the log's.

    Raises
    ------
    InputError
        If requests have several slots.
    """
    n = len(events)
    if events.space.n_slots > 1:
        raise InputError(
            "a policy learns from logs of one decision a request, and this log's requests have several slots"
        )
    actions = described(events)
    if propensity is None:
        propensity = np.ones(n) if events.propensity is None else events.propensity
    if events.probabilities is None:
        stated = np.full(len(actions.action), np.nan)
        stated[events.place] = propensity
    else:
        stated = events.probabilities
    reward = events.reward[:, None]
    click = reward > 0.0
    decision = Decision(
        action=events.action[:, None],
        propensity=propensity[:, None],
        quota=np.zeros((n, 0), np.int32),
        audit=np.zeros((n, 1), np.bool_),
        actions=(actions,),
        probabilities=(stated,),
        version=np.full(n, -1, np.int32),
    )
    return Feedback(
        requests=events.requests,
        decision=decision,
        item=events.action[:, None],
        slots=np.ones((n, 1), np.uint32),
        features=np.zeros((n, 1, 0), np.float32),
        click=click,
        satisfied=click,
        abandoned=~click[:, 0],
        arrived_at=events.time,
        reward=events.reward,
        value=reward,
        credit=reward,
    )


@dataclass
class LearningReplay:
    """Run a learning policy along a log as if it had decided: other rows are skipped.

    Row by row the policy states its probabilities, `accepted` says whether the row is kept, and kept rows
    teach the policy, with its own probability of the action as their propensity. The kept rows are a run of
    the policy of random length; the mean of their rewards (the estimator ``replay``) is unbiased for the
    policy's performance after that many updates. It needs contexts and rewards that do not change over time.

    Parameters
    ----------
    policy : Policy
        Goes on from what it has learned; every walk starts from a copy, so that walks give the same result.
    batch : int >= 1
        How many kept rows are learned at once. 1 is the textbook's loop; with more, the policy is updated
        less often, as in a system whose model is updated at intervals, and walks are faster.
    seed : int
        Seeds acceptance, and policies that estimate their probabilities by Monte Carlo.
    floor : float in (0, 1] or None
        Smallest propensity of the log; None for the declared one, or a first pass that finds it.

    Examples
    --------
    >>> from ltrr.bandits import LinUCB
    >>> LearningReplay(LinUCB(), batch=10).acceptance_rate
    0.0

    References
    ----------
    Li, Chu, Langford, Wang, "Unbiased offline evaluation of contextual-bandit-based news article
    recommendation algorithms", WSDM 2011, algorithm 3 (policy evaluator with a finite log).
    """

    policy: Policy
    _: KW_ONLY
    batch: int = 1
    seed: int = 0
    floor: float | None = None
    learned: Policy | None = field(default=None, init=False, repr=False)
    rows: int = field(default=0, init=False)
    kept: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        _check.integer("LearningReplay.batch", self.batch, low=1)
        _check.integer("LearningReplay.seed", self.seed, low=0)
        if self.floor is not None:
            _check.number("LearningReplay.floor", self.floor, low=0.0, high=1.0, open_low=True)

    @property
    def acceptance_rate(self) -> float:
        """Share of the rows walked so far that were kept; 0 before the first."""
        return self.kept / max(self.rows, 1)

    def walk(self, log: ReplayLog) -> Iterator[tuple[Events, Float64]]:
        """Yield the log's chunks with what was kept, 1 or 0 a row; ``learned`` is the policy as it grew.

        Raises
        ------
        InputError
            If the log has no propensities, is deterministic or has several slots a request, or the policy
            does not fit its context and actions.
        """
        if log.space.n_slots > 1:
            raise InputError(f"{log.name} has several slots a request: a learning policy cannot be replayed")
        floor = smallest_propensity(log) if self.floor is None else self.floor
        policy = self.policy.fork()
        policy.restore(self.policy.state())
        self.learned, self.rows, self.kept = policy, 0, 0
        lessons: list[tuple[Events, Float64]] = []
        for events in log.chunks():
            accept = np.zeros(len(events))
            start = 0
            while start < len(events):
                # the policy does not change until its next update, so rows up to there are computed at once
                missing = self.batch - sum(len(part) for part, _ in lessons)
                ahead = 1 + int(missing / max(self.acceptance_rate, 1.0 / _LOOK_AHEAD))
                end = min(start + min(ahead, _LOOK_AHEAD), len(events))
                part = events.take(np.arange(start, end, dtype=np.int64))
                own = self._own(policy, part)
                keep = np.flatnonzero(accepted(part, own, Streams(self.seed), floor=floor))
                if len(keep) >= missing:
                    keep = keep[:missing]
                    end = start + int(keep[-1]) + 1
                accept[start + keep] = 1.0
                self.rows += end - start
                self.kept += len(keep)
                start = end
                if len(keep):
                    lessons.append((part.take(keep), own[keep]))
                if len(keep) == missing:
                    self._teach(policy, lessons)
                    lessons = []
            yield events, accept
        if lessons:
            self._teach(policy, lessons)

    def _own(self, policy: Policy, events: Events) -> Float64:
        """Return the policy's probability of each logged action, (n,)."""
        out = np.empty(len(events))
        for rows in blocks(events):
            part = events.take(rows)
            check_context(type(policy).__name__, part)
            rng = Streams(self.seed).generator("policy", int(part.row[0]))
            stated = policy.probabilities(part.requests, described(part), rng)
            out[rows] = checked(type(policy).__name__, part, stated)[part.place]
        return out

    @staticmethod
    def _teach(policy: Policy, lessons: list[tuple[Events, Float64]]) -> None:
        events = Events.concat([part for part, _ in lessons])
        policy.learn(feedback_of(events, propensity=np.concatenate([own for _, own in lessons])))
