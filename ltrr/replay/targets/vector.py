"""Probabilities of the chosen actions by row number."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.targets.by_row import RowNumbers
from ltrr.replay.targets.reads import NO_COLUMNS, Reads
from ltrr.types import Float64

__all__ = ["VectorTarget", "probabilities_of"]

_JUST_ABOVE = 1.0 + 1e-6
"""Up to here a probability above 1 is rounding."""


def probabilities_of(name: str, events: Events, value: Float64) -> Float64:
    """Return probabilities of the chosen actions (n,), checked.

    Raises
    ------
    InputError
        If one is missing or lies outside [0, 1].
    """
    bad = np.flatnonzero(~((value >= 0.0) & (value <= _JUST_ABOVE)))
    if len(bad):
        i = int(bad[0])
        raise InputError(
            f"`{name}` must state probabilities in [0, 1] of the chosen actions, got {value[i]:.6g} in row "
            f"{int(events.row[i])}"
        )
    return np.minimum(value, 1.0)


@dataclass
class VectorTarget:
    """A policy known by its probabilities of the chosen actions, one a row of the log.

    Estimators that weight rewards need no more; those that predict rewards under the policy need whole
    distributions and cannot judge it.

    Parameters
    ----------
    values : float (rows,)
        By the row numbers of the log, as its messages give them: the first value is row 1's.
    label : str
        Name in tables.

    Raises
    ------
    InputError
        If there are fewer or more than the log has rows, or one is not a probability.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> second = Events(Space(("a", "b")), row=[2], key=[2], action=[1], reward=[1])
    >>> VectorTarget([0.5, 0.75]).logged(second).tolist()
    [0.75]
    """

    values: Float64
    _: KW_ONLY
    label: str = "vector"
    rows: RowNumbers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.values = _check.array("VectorTarget.values", self.values, np.float64, (None,))
        self.rows = RowNumbers(self.label, len(self.values))

    @property
    def name(self) -> str:
        """Name in tables."""
        return self.label

    @property
    def estimated(self) -> str:
        """The empty string: the probabilities are taken as they are."""
        return ""

    @property
    def reads(self) -> Reads:
        """Nothing but the rows."""
        return NO_COLUMNS

    def probabilities(self, events: Events) -> Float64 | None:  # noqa: ARG002 - it states those of the chosen actions alone
        """Return None: only the chosen actions' probabilities are known."""
        return None

    def logged(self, events: Events) -> Float64:
        """Return the probabilities of the chosen actions, (n,)."""
        return probabilities_of(self.name, events, self.values[self.rows.places(events)])
