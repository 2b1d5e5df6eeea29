"""A policy that explores more, or less."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr.bandits.base import level
from ltrr.logs.events import Events
from ltrr.replay.targets.base import Target
from ltrr.replay.targets.distribution import Distribution, spread, whole
from ltrr.replay.targets.logged_distribution import LoggedDistribution
from ltrr.replay.targets.reads import Reads
from ltrr.types import Float64

__all__ = ["Exploration"]


@dataclass(frozen=True)
class Exploration(Distribution):
    """A policy with another exploration rate, ``(1 − ε) · base + ε · uniform``.

    The base is the policy's favourite (ties share evenly), which asks an ε-greedy log about another ε; with
    ``greedy=False`` it is the policy as it is, and exploration comes on top.

    Parameters
    ----------
    epsilon : float in [0, 1]
        Share of decisions made evenly at random.
    of : Target
        The policy; the logged distributions by default.
    greedy : bool
        Whether the base is the policy's favourite or the policy itself.

    Raises
    ------
    InputError
        If the policy states no whole distributions.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> one = Events(
    ...     Space(("a", "b")), row=np.ones(1), key=np.ones(1), action=np.array([1]), reward=np.ones(1),
    ...     probabilities=np.array([0.4, 0.6]),
    ... )
    >>> Exploration(0.1).probabilities(one).round(6).tolist()
    [0.05, 0.95]
    """

    epsilon: float
    _: KW_ONLY
    of: Target = field(default_factory=LoggedDistribution)
    greedy: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", _check.fraction("Exploration.epsilon", self.epsilon))

    @property
    def name(self) -> str:
        """Name in tables."""
        base = "" if isinstance(self.of, LoggedDistribution) else f"?of={self.of.name}"
        return f"{'epsilon' if self.greedy else 'mixed'}:{self.epsilon:g}{base}"

    @property
    def estimated(self) -> str:
        """What is estimated about the base policy."""
        return self.of.estimated

    @property
    def note(self) -> str:
        """The note of the base policy."""
        return str(getattr(self.of, "note", ""))

    @property
    def reads(self) -> Reads:
        """What the base policy reads."""
        found: Reads = getattr(self.of, "reads", Reads())
        return found

    def probabilities(self, events: Events) -> Float64:
        """Return the mixed distributions."""
        base = whole(self.name, self.of, events)
        if self.greedy:
            base = level(events.actions, base)
        even = spread(events, 1.0 / np.diff(events.actions.indptr))
        return (1.0 - self.epsilon) * base + self.epsilon * even
