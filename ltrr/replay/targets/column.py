"""Probabilities recorded in the log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr.errors import InputError, nearest
from ltrr.logs.events import Events
from ltrr.replay.targets.reads import Reads
from ltrr.types import Float64

__all__ = ["ColumnTarget"]


@dataclass(frozen=True)
class ColumnTarget:
    """A policy known by a column of its probabilities of the chosen actions.

    Estimators that weight rewards need no more; those that predict rewards under the policy need whole
    distributions and cannot judge it.

    Parameters
    ----------
    column : str
        Name of the column.

    Raises
    ------
    InputError
        If the log has no such target column.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> one = Events(
    ...     Space(("a", "b")), row=np.ones(1), key=np.ones(1), action=np.array([1]), reward=np.ones(1),
    ...     targets={"new": np.array([0.4])},
    ... )
    >>> ColumnTarget("new").logged(one).tolist(), ColumnTarget("new").probabilities(one)
    ([0.4], None)
    """

    column: str

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"column:{self.column}"

    @property
    def estimated(self) -> str:
        """The empty string: the probabilities are taken as they are."""
        return ""

    @property
    def reads(self) -> Reads:
        """The column."""
        return Reads(features=False, targets=frozenset({self.column}))

    def probabilities(self, events: Events) -> Float64 | None:  # noqa: ARG002 - it states those of the chosen actions alone
        """Return None: only the chosen actions' probabilities are known."""
        return None

    def logged(self, events: Events) -> Float64:
        """Return the column, (n,)."""
        value = events.targets.get(self.column)
        if value is None:
            if events.targets:
                hint = nearest(self.column, events.targets)
            else:
                hint = (
                    f"; the log was read without such columns: map one, --column target.{self.column}=COLUMN"
                )
            raise InputError(f"`column` must name a target column of the log, got {self.column!r}{hint}")
        return np.asarray(value)
