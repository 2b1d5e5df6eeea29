"""The same distribution in every request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.targets.always import action_id
from ltrr.replay.targets.distribution import TOLERANCE, Distribution, kept_mass
from ltrr.replay.targets.reads import NO_COLUMNS, Reads
from ltrr.types import Float64

__all__ = ["FixedTarget"]

_SHOWN = 3
"""Most actions that a name lists."""


@dataclass(frozen=True)
class FixedTarget(Distribution):
    """Choose by one distribution over the actions, renormalised over those that were eligible.

    Parameters
    ----------
    shares : mapping of str to float
        Probabilities of the actions by name, summing to 1; actions that it lacks have 0.
    label : str
        Name in tables; "fixed:" and the probabilities if empty.

    Raises
    ------
    InputError
        If the log does not know an action, the probabilities do not sum to 1, or a row's eligible actions
        have none.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> space = Space(("a", "b", "c"))
    >>> one = Events(space, [1], [1], [1], [1], indptr=[0, 2], eligible=[1, 2])
    >>> target = FixedTarget({"a": 0.5, "b": 0.375, "c": 0.125})
    >>> target.name, target.probabilities(one).tolist()
    ('fixed:a=0.5,b=0.375,c=0.125', [0.75, 0.25])
    """

    shares: Mapping[str, float]
    _: KW_ONLY
    label: str = ""

    def __post_init__(self) -> None:
        try:
            shares = {str(action): float(p) for action, p in self.shares.items()}
        except (TypeError, ValueError) as error:
            raise InputError(f"`FixedTarget.shares` must give each action a number: {error}") from error
        total = sum(shares.values())
        if not all(p >= 0.0 for p in shares.values()) or not abs(total - 1.0) <= TOLERANCE:
            raise InputError(
                f"`FixedTarget.shares` must be probabilities >= 0 that sum to 1, got a sum of {total:.6g}"
            )
        object.__setattr__(self, "shares", shares)

    @property
    def name(self) -> str:
        """Name in tables."""
        few = ",".join(f"{action}={p:g}" for action, p in list(self.shares.items())[:_SHOWN])
        more = f",… ({len(self.shares)})" if len(self.shares) > _SHOWN else ""
        return self.label or f"fixed:{few}{more}"

    @property
    def reads(self) -> Reads:
        """Nothing but the actions."""
        return NO_COLUMNS

    def probabilities(self, events: Events) -> Float64:
        """Return the distribution over the eligible actions of each row."""
        dense = np.zeros(len(events.space.actions))
        for action, p in self.shares.items():
            dense[action_id(events.space, action, self.name)] = p
        share, empty = kept_mass(events, dense[events.actions.action])
        if empty.any():
            row = int(events.row[np.flatnonzero(empty)[0]])
            raise InputError(
                f"`{self.name}` must give some eligible action of every row a probability, and gives none in "
                f"row {row}; judge it on a log of the rows that could choose its actions"
            )
        return share
