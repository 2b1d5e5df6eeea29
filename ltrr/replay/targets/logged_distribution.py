"""The logging policy as the log states it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.targets.distribution import Distribution, checked
from ltrr.replay.targets.reads import NO_COLUMNS, Reads
from ltrr.types import Float64

__all__ = ["LoggedDistribution"]


@dataclass(frozen=True)
class LoggedDistribution(Distribution):
    """The logging policy itself, by the full distributions in the log.

    Its value is known without weights, so it serves as the reference and as the base that other targets
    modify.

    Raises
    ------
    InputError
        If the log has no full distributions.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> one = Events(
    ...     Space(("a", "b")), row=np.ones(1), key=np.ones(1), action=np.array([1]), reward=np.ones(1),
    ...     probabilities=np.array([0.25, 0.75]),
    ... )
    >>> LoggedDistribution().logged(one).tolist()
    [0.75]
    """

    @property
    def name(self) -> str:
        """Name in tables."""
        return "logged"

    @property
    def reads(self) -> Reads:
        """Nothing but the logged distributions."""
        return NO_COLUMNS

    def probabilities(self, events: Events) -> Float64:
        """Return the logged distributions."""
        if events.probabilities is None:
            raise InputError(
                "the log must hold the full distribution of every decision to change the logged policy, and "
                "holds the chosen action's propensity at most; estimate the policy with "
                "`?of=logged?cells=position`"
            )
        return checked("logged", events, events.probabilities)

    def logged(self, events: Events) -> Float64:
        """Return the propensities as logged, else the distributions' entries, (n,)."""
        if events.propensity is not None:
            return events.propensity
        return np.asarray(self.probabilities(events)[events.place])
