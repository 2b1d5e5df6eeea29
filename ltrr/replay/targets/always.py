"""One action, whatever the request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr.errors import InputError, nearest
from ltrr.logs.events import Events, Space
from ltrr.replay.targets.distribution import Distribution
from ltrr.replay.targets.reads import NO_COLUMNS, Reads
from ltrr.types import Float64, row_of

__all__ = ["Always", "action_id"]


def action_id(space: Space, action: str, where: str) -> int:
    """Return the id of an action's external name.

    Raises
    ------
    InputError
        If the log knows no such action; the nearest name is suggested.

    Examples
    --------
    >>> action_id(Space(("latte", "tea")), "late", "always")
    Traceback (most recent call last):
    ltrr.errors.InputError: `always` must name an action of the log, got 'late'; did you mean 'latte'?
    """
    try:
        return space.actions.index(action)
    except ValueError:
        # a catalogue of a million names makes no hint
        known = space.actions if len(space.actions) <= 1000 else space.actions[:5]
        hint = nearest(action, known) if known else ""
        raise InputError(f"`{where}` must name an action of the log, got {action!r}{hint}") from None


@dataclass(frozen=True)
class Always(Distribution):
    """Choose one action in every row.

    Parameters
    ----------
    action : str
        External name of the action.

    Raises
    ------
    InputError
        If the log does not know the action, or a row's eligible actions lack it: what the policy would do
        there is not defined, and a weight of 0 would count the row as without reward.

    Examples
    --------
    >>> two = Space(("latte", "tea"))
    >>> some = Events(two, row=np.arange(2), key=np.arange(2), action=np.array([1, 0]), reward=np.ones(2))
    >>> Always("tea").logged(some).tolist()
    [1.0, 0.0]
    """

    action: str

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"always:{self.action}"

    @property
    def reads(self) -> Reads:
        """Nothing but the actions."""
        return NO_COLUMNS

    def probabilities(self, events: Events) -> Float64:
        """Return 1 for the action and 0 elsewhere."""
        action = action_id(events.space, self.action, "always")
        if events.eligible is None or events.indptr is None:
            hit = np.tile(np.arange(len(events.space.actions)) == action, len(events))
            return hit.astype(np.float64)
        hit = events.eligible == action
        have = np.bincount(row_of(events.indptr)[hit], minlength=len(events))
        if not have.all():
            row = int(events.row[np.flatnonzero(have == 0)[0]])
            raise InputError(
                f"`{self.name}` must be eligible in every row, and is not in row {row}; judge it on a log of "
                "the rows that could choose it"
            )
        return np.asarray(hit, np.float64)

    def logged(self, events: Events) -> Float64:
        """Return 1 where the action was chosen, (n,)."""
        if events.eligible is not None:
            return np.asarray(self.probabilities(events)[events.place])
        hit = events.action == action_id(events.space, self.action, "always")
        return np.asarray(hit, np.float64)
