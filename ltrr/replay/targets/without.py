"""A policy without one of its actions."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.targets.always import action_id
from ltrr.replay.targets.base import Target
from ltrr.replay.targets.distribution import Distribution, kept_mass, whole
from ltrr.replay.targets.logged_distribution import LoggedDistribution
from ltrr.replay.targets.reads import Reads
from ltrr.types import Float64, row_of

__all__ = ["Without"]


@dataclass
class Without(Distribution):
    """A policy with one action removed and the others' probabilities renormalised.

    With π the policy and d the action, ``π'(a | x) = π(a | x) / (1 − π(d | x))`` for a ≠ d. In rows where d
    had all the mass the policy does not say what it would do: the other eligible actions share evenly, and
    `note` reports it.

    Parameters
    ----------
    action : str
        External name of the action.
    of : Target
        The policy it is taken from; the logged distributions by default.

    Raises
    ------
    InputError
        If the policy states no whole distributions, or a row could choose nothing else.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> one = Events(
    ...     Space(("a", "b", "c")), row=np.ones(1), key=np.ones(1), action=np.array([1]), reward=np.ones(1),
    ...     probabilities=np.array([0.5, 0.2, 0.3]),
    ... )
    >>> Without("a").probabilities(one).tolist()
    [0.0, 0.4, 0.6]
    """

    action: str
    _: KW_ONLY
    of: Target = field(default_factory=LoggedDistribution)
    _emptied: int | None = field(default=None, init=False, repr=False)

    @property
    def name(self) -> str:
        """Name in tables."""
        base = "" if isinstance(self.of, LoggedDistribution) else f"?of={self.of.name}"
        return f"without:{self.action}{base}"

    @property
    def estimated(self) -> str:
        """What is estimated about the policy that the action is taken from."""
        return self.of.estimated

    @property
    def note(self) -> str:
        """A note on rows where nothing was left, and the first of them."""
        notes = [str(getattr(self.of, "note", ""))]
        if self._emptied is not None:
            notes.append(
                f"{self.action} had all the mass in some rows (the first is row {self._emptied}), where the "
                "others share evenly"
            )
        return "; ".join(note for note in notes if note)

    @property
    def reads(self) -> Reads:
        """What the policy reads that the action is taken from."""
        found: Reads = getattr(self.of, "reads", Reads())
        return found

    def probabilities(self, events: Events) -> Float64:
        """Return the renormalised distributions."""
        stated = whole(self.name, self.of, events)
        removed = action_id(events.space, self.action, "without")
        others = (events.actions.action != removed).astype(np.float64)
        share, empty = kept_mass(events, stated * others)
        if not empty.any():
            return share
        even, stuck = kept_mass(events, others)
        if stuck.any():
            row = int(events.row[np.flatnonzero(stuck)[0]])
            raise InputError(
                f"`{self.name}` leaves nothing to choose in row {row}: no other action was eligible"
            )
        first = int(events.row[empty].min())
        self._emptied = first if self._emptied is None else min(first, self._emptied)
        return np.where(empty[row_of(events.actions.indptr)], even, share)
