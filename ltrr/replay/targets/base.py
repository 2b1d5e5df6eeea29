"""The protocol of target policies: they state probabilities for logged decisions."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ltrr.logs.events import Events
from ltrr.types import Float64

__all__ = ["Target"]


@runtime_checkable
class Target(Protocol):
    """A policy to be judged from a log.

    Examples
    --------
    >>> from ltrr.replay.targets.uniform import UniformTarget
    >>> target = UniformTarget()
    >>> isinstance(target, Target), target.name, target.estimated
    (True, 'uniform', '')
    """

    @property
    def name(self) -> str:
        """Name in tables."""

    @property
    def estimated(self) -> str:
        """Why the probabilities are estimates of the policy's (one clause), or "" where they are exact."""

    def probabilities(self, events: Events) -> Float64 | None:
        """Return π(a | x) ragged like ``events.actions``, summing to 1 a row; None where it is not known.

        For slates the probabilities are conditional on the slots already filled.
        """

    def logged(self, events: Events) -> Float64:
        """Return π(a | x) of the chosen actions, (n,)."""
