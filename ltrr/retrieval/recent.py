"""The actions of the last updates, in a ring."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr import _check
from ltrr.protocols import State
from ltrr.types import Bool, Float64, Int32, Int64

__all__ = ["Recent"]


@dataclass
class Recent:
    """Holds the items acted on in the last ``window`` updates, and counts them.

    Update number u has place u mod ``window`` of a ring, where it replaces what is one window old.

    Parameters
    ----------
    window : int >= 1
        Updates (pages) that are kept.

    Examples
    --------
    Three updates; the ring holds the last two.

    >>> recent = Recent(2)
    >>> page, acted = np.array([[4], [1], [1]], np.int32), np.ones((3, 1), np.bool_)
    >>> recent.learn(page, acted, np.zeros(3, np.int32), 0)
    >>> recent.counts(5).tolist()
    [0.0, 2.0, 0.0, 0.0, 0.0]
    """

    window: int

    _item: Int32 = field(init=False, repr=False)
    _row: Int32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._item = np.empty((self.window, 0), np.int32)
        self._row = np.full(self.window, -1, np.int32)

    def learn(self, page: Int32, acted: Bool, row: Int32, lessons: int) -> None:
        """Take in pages (B, K) with the row (B,) that each counts in, after ``lessons`` earlier ones."""
        wider = page.shape[1] - self._item.shape[1]
        if wider > 0:
            self._item = np.pad(self._item, ((0, 0), (0, wider)), constant_values=-1)
        last = slice(max(0, len(page) - self.window), None)
        place = (lessons + np.arange(len(page))[last]) % self.window
        self._item[place] = -1
        self._item[place, : page.shape[1]] = np.where(acted, page, np.int32(-1))[last]
        self._row[place] = row[last]

    def counts(self, n_items: int, row: int | None = None) -> Float64:
        """Return the actions on each item (N,), of all rows or of one."""
        kept: Int64 | Int32 = (self._item if row is None else self._item[self._row == row]).reshape(-1)
        return np.bincount(kept[kept >= 0], minlength=n_items).astype(np.float64)

    def state(self) -> State:
        """Return the ring."""
        return {"item": self._item.copy(), "row": self._row.copy()}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        self._item = _check.array("state['item']", state["item"], np.int32, (self.window, None)).copy()
        self._row = _check.array("state['row']", state["row"], np.int32, (self.window,)).copy()
