"""Features of a log's actions, from a table next to the log or from its own columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ltrr.errors import InputError
from ltrr.types import Float32
from ltrr.types.arrow import as_numpy

__all__ = ["ItemTable"]


@dataclass(frozen=True)
class ItemTable:
    """Features of actions: those that stay, by action, and those that differ between requests.

    Parameters
    ----------
    names : tuple of str, length F
        Names of the features that stay.
    actions : tuple of str, length A
        Names of the actions that the rows of ``values`` belong to.
    values : float32 (A, F)
        The features that stay.
    columns : mapping of str to str
        Features that differ between requests: name, then the log's column for an action, with ``{}`` for
        the action's name.

    Examples
    --------
    >>> prices = ItemTable(("price",), ("tea", "latte"), np.array([[2.0], [3.0]], np.float32))
    >>> prices.aligned(("latte", "tea")).tolist()
    [[3.0], [2.0]]
    """

    names: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    values: Float32 = field(default_factory=lambda: np.zeros((0, 0), np.float32), repr=False)
    columns: Mapping[str, str] = field(default_factory=dict)

    def aligned(self, actions: Sequence[str]) -> Float32:
        """Return the features that stay in the order of a log's actions, (A, F).

        Raises
        ------
        InputError
            If an action has no row.
        """
        place = {name: i for i, name in enumerate(self.actions)}
        absent = [a for a in actions if a not in place]
        if absent and self.names:
            raise InputError(f"the table of items must have a row for every action, {absent[0]!r} has none")
        return self.values[[place[a] for a in actions]] if self.names else np.zeros((len(actions), 0), "f4")

    def wanted(self, actions: Sequence[str]) -> list[str]:
        """Return the log's columns that `features` needs."""
        return [pattern.format(a) for pattern in self.columns.values() for a in actions]

    def features(self, columns: Mapping[str, pa.Array], actions: Sequence[str]) -> Float32:
        """Return all features, (n · A, F), row by row, from the roles ``item:COLUMN`` of typed rows."""
        first = next(iter(columns.values()))
        n, size = len(first), len(actions)
        out = np.empty((n, size, len(self.names) + len(self.columns)), np.float32)
        out[:, :, : len(self.names)] = self.aligned(actions)
        for j, pattern in enumerate(self.columns.values(), start=len(self.names)):
            for i, action in enumerate(actions):
                out[:, i, j] = as_numpy(columns[f"item:{pattern.format(action)}"])
        return out.reshape(n * size, -1)
