"""Whole distributions recorded in the log, a column an action."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.targets.dense import of_matrix
from ltrr.replay.targets.distribution import Distribution
from ltrr.replay.targets.reads import Reads
from ltrr.types import Float64

__all__ = ["ColumnsTarget"]


@dataclass(frozen=True)
class ColumnsTarget(Distribution):
    """A policy known by columns of its probabilities, one for each action.

    As it states whole distributions, every estimator can judge it.

    Parameters
    ----------
    pattern : str
        Names of the columns, with ``*`` in place of the action's name.
    zeros : bool
        Whether actions without a column, and values that are missing, have the probability 0; else they are
        errors.

    Raises
    ------
    InputError
        If an action has no column, an action that was not eligible has a probability, or a row is not a
        distribution.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> columns = {"new_a": np.array([0.4]), "new_b": np.array([0.6])}
    >>> one = Events(Space(("a", "b")), [1], [1], [1], [1], numbers=columns)
    >>> ColumnsTarget("new_*").probabilities(one).tolist()
    [0.4, 0.6]
    """

    pattern: str
    _: KW_ONLY
    zeros: bool = False

    def __post_init__(self) -> None:
        if self.pattern.count("*") != 1:
            raise InputError(
                "`columns:PATTERN` must hold one `*` in place of the action's name, as new_*, got "
                f"{self.pattern!r}"
            )

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"columns:{self.pattern}{'?missing=0' if self.zeros else ''}"

    @property
    def reads(self) -> Reads:
        """The columns."""
        return Reads(features=False, targets=frozenset(), numbers=frozenset({self.pattern}))

    def probabilities(self, events: Events) -> Float64:
        """Return the columns' values of the eligible actions."""
        names = [self.pattern.replace("*", action) for action in events.space.actions]
        absent = [name for name in names if name not in events.numbers]
        if absent and not self.zeros:
            raise InputError(
                f"`{self.name}` must find a column of numbers for every action, and the log has no "
                f"{absent[0]!r}; add it, or write columns:{self.pattern}?missing=0 to take 0 for it"
            )
        dense = np.zeros((len(events), len(names)))
        for j, name in enumerate(names):
            if name in events.numbers:
                dense[:, j] = events.numbers[name]
        return of_matrix(self.name, events, np.nan_to_num(dense) if self.zeros else dense)
