"""A world of single decisions with known truth: logs are drawn from it, values are exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Events, Space
from ltrr.logs.memory import EventsLog
from ltrr.rng import Streams
from ltrr.types import Float32, Float64, Int64

__all__ = ["KnownTarget", "KnownWorld"]


@dataclass(frozen=True)
class KnownTarget:
    """A policy stated for every request of a `KnownWorld`.

    Parameters
    ----------
    name : str
        Name in tables.
    table : float64 (N, A)
        Probability of each action for each request of the world.

    Examples
    --------
    >>> world = KnownWorld(np.zeros((1, 0)), np.array([[0.2, 0.8]]), Space(("a", "b")))
    >>> log = world.log(np.array([[0.9, 0.1]]), n=3, streams=Streams(1))
    >>> KnownTarget("first", np.array([[1.0, 0.0]])).probabilities(log.events).tolist()
    [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    """

    name: str
    table: Float64

    @property
    def estimated(self) -> str:
        """The empty string: the probabilities are exact."""
        return ""

    def probabilities(self, events: Events) -> Float64 | None:
        """Return the policy's probabilities, flat like ``events.actions``."""
        return np.asarray(self.table[self._rows(events)].reshape(-1))

    def logged(self, events: Events) -> Float64:
        """Return the probabilities of the chosen actions, (n,)."""
        return np.asarray(self.table[self._rows(events), events.action])

    def _rows(self, events: Events) -> Int64:
        if events.query is None:
            raise InputError(f"`{self.name}` is stated for the requests of a `KnownWorld` and no others")
        return events.query.astype(np.int64)


@dataclass(frozen=True)
class KnownWorld:
    """N requests, A actions and the probability of a reward for each pair.

    A log draws requests with replacement, actions from the logging policy and rewards 0 or 1, so rows are
    independent and the value of a policy is exactly ``mean over x of Σ_a π(a | x) P(reward | x, a)``.

    Parameters
    ----------
    context : float32 (N, D)
        What a policy may see.
    mean : float64 (N, A), in [0, 1]
        Probability of a reward.
    space : Space
        Names of actions and context columns, features of actions.

    Raises
    ------
    InputError
        If shapes do not agree or a probability lies outside [0, 1].

    Examples
    --------
    >>> world = KnownWorld(np.zeros((1, 1)), np.array([[0.25, 0.75]]), Space(("a", "b"), ("x",)))
    >>> even = np.array([[0.5, 0.5]])
    >>> world.value(even)
    0.5
    >>> log = world.log(even, n=1_000, streams=Streams(1))
    >>> log.events.propensity[:2].tolist(), float(log.events.reward.mean().round(1))
    ([0.5, 0.5], 0.5)
    """

    context: Float32
    mean: Float64
    space: Space

    def __post_init__(self) -> None:
        n, shape = len(self.mean), (len(self.mean), len(self.space.actions))
        mean = _check.array("KnownWorld.mean", self.mean, np.float64, shape)
        if n == 0 or not ((mean >= 0.0) & (mean <= 1.0)).all():
            raise InputError("`KnownWorld.mean` must hold probabilities in [0, 1] of at least one request")
        width = len(self.space.context_names)
        context = _check.array("KnownWorld.context", self.context, np.float32, (n, width))
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "context", context)

    def __len__(self) -> int:
        return len(self.mean)

    def value(self, policy: Float64) -> float:
        """Return the exact value of a policy given as probabilities (N, A)."""
        return float((self._checked("value", policy) * self.mean).sum(axis=1).mean())

    def log(self, logging: Float64, *, n: int, streams: Streams) -> EventsLog:
        """Return a log of ``n`` decisions by a policy given as probabilities (N, A).

        The first rows of a longer log are those of a shorter one with the same streams.

        Raises
        ------
        InputError
            If the policy is not a distribution for every request.
        """
        policy = self._checked("log", logging)
        key = np.arange(_check.integer("KnownWorld.log.n", n, low=0), dtype=np.int64)
        row = (streams.uniform("known/request", key) * len(self)).astype(np.int64)
        cdf = policy[row].cumsum(axis=1)
        # divided by its own end, so that rounding never leads beyond the last action
        action = (cdf / cdf[:, -1:] <= streams.uniform("known/action", key)[:, None]).sum(axis=1)
        reward = streams.uniform("known/reward", key) < self.mean[row, action]
        events = Events(
            self.space,
            key + 1,
            key,
            action.astype(np.int32),
            reward.astype(np.float64),
            policy[row, action],
            context=self.context[row],
            probabilities=policy[row].reshape(-1),
            query=row.astype(np.int32),
        )
        return EventsLog(events, name=f"known world, {n} rows")

    def _checked(self, where: str, policy: Float64) -> Float64:
        out = _check.array(f"KnownWorld.{where}.policy", policy, np.float64, self.mean.shape)
        if (out < 0.0).any() or not np.allclose(out.sum(axis=1), 1.0, rtol=0.0, atol=1e-9):
            raise InputError(f"`KnownWorld.{where}.policy` must be a distribution for every request")
        return np.asarray(out)
