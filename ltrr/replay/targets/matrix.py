"""Whole distributions by row number, a column an action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ltrr.errors import InputError, nearest
from ltrr.logs.convert import Found, numbers
from ltrr.logs.events import Events
from ltrr.logs.memory import as_table
from ltrr.replay.targets.by_row import RowNumbers
from ltrr.replay.targets.dense import of_matrix
from ltrr.replay.targets.distribution import Distribution
from ltrr.replay.targets.reads import NO_COLUMNS, Reads
from ltrr.types import Float64

__all__ = ["MatrixTarget", "in_order", "is_table"]


@dataclass
class MatrixTarget(Distribution):
    """A policy known by a matrix of its probabilities, a row of the log a row and a column an action.

    Parameters
    ----------
    values : float (rows, A)
        By the row numbers of the log, as its messages give them: the first row is row 1's. Columns are in
        the order of the log's actions (``log.space.actions``). Actions that were not eligible have 0.
    label : str
        Name in tables.

    Raises
    ------
    InputError
        If there are fewer or more rows than the log has, the actions are others, or a row is not a
        distribution.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> second = Events(Space(("a", "b")), row=[2], key=[2], action=[1], reward=[1])
    >>> MatrixTarget([[0.5, 0.5], [0.25, 0.75]]).probabilities(second).tolist()
    [0.25, 0.75]
    """

    values: Float64
    _: KW_ONLY
    label: str = "matrix"
    rows: RowNumbers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.values = np.asarray(self.values, np.float64)
        if self.values.ndim != 2:
            raise InputError(f"`MatrixTarget.values` must have 2 dimensions, got {self.values.ndim}")
        self.rows = RowNumbers(self.label, len(self.values))

    @staticmethod
    def of(value: Any, actions: Sequence[str], *, label: str = "matrix") -> MatrixTarget:
        """Return the target of a matrix, or of a table with a column for each action by its name.

        Examples
        --------
        >>> MatrixTarget.of(pa.table({"tea": [0.25], "latte": [0.75]}), ("latte", "tea")).values.tolist()
        [[0.75, 0.25]]
        """
        found = in_order(label, value, actions)
        if found.ndim != 2 or found.shape[1] != len(actions):
            raise InputError(
                f"`{label}` must have a column for each of the log's {len(actions)} actions, got the shape "
                f"{found.shape}"
            )
        return MatrixTarget(found, label=label)

    @property
    def name(self) -> str:
        """Name in tables."""
        return self.label

    @property
    def reads(self) -> Reads:
        """Nothing but the rows."""
        return NO_COLUMNS

    def probabilities(self, events: Events) -> Float64:
        """Return the rows' probabilities of their eligible actions."""
        return of_matrix(self.name, events, self.values[self.rows.places(events)])


def is_table(value: Any) -> bool:
    """Return whether a value has columns by name: a DataFrame, or a table or batch of Arrow.

    Examples
    --------
    >>> is_table(pa.table({"a": [1]})), is_table(np.ones((1, 1)))
    (True, False)
    """
    columns = hasattr(value, "columns") or hasattr(value, "column_names")
    frame = hasattr(value, "iloc") or hasattr(value, "__arrow_c_stream__")
    return isinstance(value, (pa.Table, pa.RecordBatch)) or (columns and frame)


def in_order(name: str, value: Any, actions: Sequence[str]) -> Float64:
    """Return numbers as an array of float64; the columns of a table in the order of the actions.

    Raises
    ------
    InputError
        If they are no numbers, or the columns are not the actions.

    Examples
    --------
    >>> in_order("new", pa.table({"tea": [0.25], "latte": [0.75]}), ("latte", "tea")).tolist()
    [[0.75, 0.25]]
    """
    if not is_table(value):
        try:
            return np.asarray(value, np.float64)
        except (TypeError, ValueError) as error:
            detail = " ".join(str(error).split())
            raise InputError(f"`{name}` must state probabilities as an array of numbers: {detail}") from error
    table = as_table(value)
    have = table.column_names
    absent = [action for action in actions if action not in have]
    stray = [column for column in have if column not in actions]
    if absent or stray or len(have) > len(actions):
        wrong = f"has none for {absent[0]!r}" if absent else f"has {(stray or have)[0]!r} too"
        hint = nearest(absent[0], stray) if absent and stray else ""
        hint = hint if hint.startswith("; did") else ""
        raise InputError(
            f"`{name}` must have a column for each action of the log, by its name, and {wrong}{hint}"
        )
    out = np.empty((table.num_rows, len(actions)))
    for j, action in enumerate(actions):
        found = Found()
        out[:, j] = numbers(table[action], action, found)
        if found.notes:
            raise InputError(f"`{name}` must state probabilities as numbers: {found.notes[0][2][0]}")
    return out
