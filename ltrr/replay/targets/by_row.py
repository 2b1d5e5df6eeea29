"""Values that belong to the rows of a log by their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.replay_log import ReplayLog
from ltrr.types import Int64

__all__ = ["RowNumbers", "check_lengths"]


@dataclass
class RowNumbers:
    """Finds the values of a log's rows, and compares their number with the log's.

    Parameters
    ----------
    name : str
        What the policy is called in messages.
    length : int
        Number of values.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> events = Events(Space(("a",)), row=[2, 4], key=[2, 4], action=[0, 0], reward=[1, 1])
    >>> RowNumbers("vector", 4).places(events).tolist()
    [1, 3]
    >>> RowNumbers("vector", 3).places(events)
    Traceback (most recent call last):
    ltrr.errors.InputError: `vector` has 3 rows, and the log has at least 4; give one for every row of the log
    """

    name: str
    length: int
    _top: int = field(default=0, init=False, repr=False)
    _repeated: bool = field(default=False, init=False, repr=False)

    def places(self, events: Events) -> Int64:
        """Return the places of a chunk's values.

        Raises
        ------
        InputError
            If the log has more rows than there are values.
        """
        row = events.row
        self._top = max(self._top, int(row.max(initial=0)))
        self._repeated = self._repeated or len(np.unique(row)) < len(row)
        if self._top > self.length:
            raise InputError(
                f"`{self.name}` has {self.length:,} rows, and the log has at least {self._top:,}; give one "
                "for every row of the log"
            )
        return row - 1

    def check(self, rows: int) -> None:
        """Compare with the number of rows that the whole log was found to have.

        Where lines of the file are numbered, or slots share a number, the two cannot be compared.

        Raises
        ------
        InputError
            If they differ.
        """
        if rows != self.length and self._top <= rows and not self._repeated:
            raise InputError(
                f"`{self.name}` has {self.length:,} rows, and the log has {rows:,}; give one for every row "
                "of the log, those excluded too"
            )


def check_lengths(targets: Iterable[Any], log: ReplayLog) -> None:
    """Compare the lengths of targets by row number with a log that was read to its end.

    Raises
    ------
    InputError
        If a target has more rows than the log.
    """
    # row numbers are those of the whole log, of which a selection counts its own rows alone
    if getattr(log, "selected", "") or getattr(log, "warm_up", "all") != "all":
        return
    for target in targets:
        numbers = getattr(target, "rows", None)
        if isinstance(numbers, RowNumbers):
            numbers.check(log.faults.rows)
