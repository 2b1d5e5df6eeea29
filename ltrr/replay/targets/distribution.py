"""What targets that state whole distributions share, and the check that a row is one."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.targets.base import Target
from ltrr.replay.targets.reads import Reads
from ltrr.types import Bool, Float64, row_of

__all__ = ["Distribution", "checked", "kept_mass", "row_sums", "spread", "whole"]

TOLERANCE = 1e-4
"""How far a row's sum may be from 1: sums of a thousand float32 probabilities are off by that much."""


def row_sums(events: Events, value: Float64) -> Float64:
    """Return the sum of each row's entries (n,) of a column that is ragged like the actions."""
    if events.eligible is None:
        return np.asarray(value.reshape(len(events), len(events.space.actions)).sum(axis=1))
    row = row_of(events.actions.indptr)
    return np.asarray(np.bincount(row, value, minlength=len(events)), np.float64)


def spread(events: Events, value: Float64) -> Float64:
    """Return each row's value (n,) once an eligible action, ragged like the actions."""
    if events.eligible is None:
        return np.repeat(value, len(events.space.actions))
    return np.repeat(value, np.diff(events.actions.indptr))


def checked(name: str, events: Events, value: object) -> Float64:
    """Return a target's probabilities as float64 whose rows sum to 1 exactly, up to rounding.

    Raises
    ------
    InputError
        If their number is wrong, or a row is not a distribution.
    """
    try:
        out = np.asarray(value, np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise InputError(f"`{name}` must state probabilities as an array of numbers: {error}") from error
    size = len(events.actions.action)
    if len(out) != size:
        raise InputError(
            f"`{name}` must state one probability for each of the {size} eligible actions of "
            f"{len(events)} rows, got {len(out)}"
        )
    sums = row_sums(events, out)
    # NaN fails every comparison, so what is asked is what must hold
    good = np.abs(sums - 1.0) <= TOLERANCE
    if not (out >= 0.0).all():
        good &= row_sums(events, (~(out >= 0.0)).astype(np.float64)) == 0.0
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise InputError(
            f"`{name}` must state probabilities >= 0 that sum to 1 in every row, got a sum of "
            f"{sums[row]:.6g} in row {int(events.row[row])}; correct the policy"
        )
    return out / spread(events, sums)


def kept_mass(events: Events, mass: Float64) -> tuple[Float64, Bool]:
    """Renormalise what is left of a distribution's mass >= 0 in each row.

    Parameters
    ----------
    events : Events
    mass : float64, ragged like the actions
        What each action keeps.

    Returns
    -------
    share : float64, ragged
        ``mass`` over its row's sum; 0 where nothing is left in the row.
    empty : bool (n,)
        Rows where nothing is left.
    """
    sums = row_sums(events, mass)
    empty = ~(sums > 0.0)
    return mass / spread(events, np.where(empty, 1.0, sums)), empty


def whole(name: str, of: Target, events: Events) -> Float64:
    """Return the whole distributions of a target that the target of this name modifies.

    Raises
    ------
    InputError
        If the target states the chosen actions' probabilities only.
    """
    stated = of.probabilities(events)
    if stated is None:
        raise InputError(
            f"`{name}` needs whole distributions, and `{of.name}` states those of chosen actions only"
        )
    return checked(name, events, stated)


class Distribution(ABC):
    """A target policy that can state its probability of every eligible action.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> class First(Distribution):
    ...     name = "first"
    ...     def probabilities(self, events):
    ...         return (events.actions.action == 0).astype(float)
    >>> First().logged(Events(Space(("a", "b")), [1, 2], [1, 2], [0, 1], [0.0, 1.0])).tolist()
    [1.0, 0.0]
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in tables."""

    @property
    def reads(self) -> Reads:
        """What the policy reads of a log: everything, unless it says less."""
        return Reads()

    @property
    def estimated(self) -> str:
        """Why the probabilities are estimates of the policy's (one clause), or "" where they are exact."""
        return ""

    @property
    def note(self) -> str:
        """A note on the rows judged so far for the reader of the table, or ""."""
        return ""

    @abstractmethod
    def probabilities(self, events: Events) -> Float64:
        """Return π(a | x) ragged like ``events.actions``, summing to 1 a row."""

    def logged(self, events: Events) -> Float64:
        """Return π(a | x) of the chosen actions, (n,)."""
        return np.asarray(self.probabilities(events)[events.place])
