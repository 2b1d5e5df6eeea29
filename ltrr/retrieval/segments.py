"""Counts of actions by the value of a column of the context."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr import _check
from ltrr._kernels.popular import count_by_row
from ltrr.errors import InputError, nearest
from ltrr.protocols import State
from ltrr.retrieval.recent import Recent
from ltrr.types import Bool, Float64, Int32, Int64, Requests

__all__ = ["MOST", "Segments"]

MOST = 64
"""Values that a column may have: each has counts of all items, and few requests are left to each."""


@dataclass
class Segments:
    """Tells requests apart by a column of their context, and counts the actions of each value.

    Parameters
    ----------
    column : str
        A name among ``Requests.context_names``.
    n_items : int
        Size of the catalogue.
    decay : float in (0, 1]
        Factor on all counts per update.
    recent : Recent, optional
        Holds the actions that count, with the row of each; they are counted when asked for.

    Examples
    --------
    >>> segments = Segments("mobile", 3)
    >>> ids, context = np.zeros(3, np.int64), np.array([[1.0], [0.0], [1.0]], np.float32)
    >>> asked = Requests(ids, ids, ids, ids - 1, ids, context, ("mobile",))
    >>> segments.enter(asked).tolist()
    [0, 1, 0]
    >>> page, acted = np.array([[2], [1], [2]], np.int32), np.ones((3, 1), np.bool_)
    >>> segments.learn(page, acted, segments.rows(asked), 0)
    >>> own, total, of_all = segments.counts(0, 3)
    >>> own.tolist(), total, of_all
    ([0.0, 0.0, 2.0], 2.0, 3.0)
    """

    column: str
    n_items: int
    decay: float = 1.0
    recent: Recent | None = None

    _key: Int32 = field(init=False, repr=False)
    _count: Float64 = field(init=False, repr=False)
    _clock: Int64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._key = np.empty(0, np.int32)
        self._count = np.zeros((0, self._width), np.float64)
        self._clock = np.zeros((0, self._width), np.int64)

    def __len__(self) -> int:
        return len(self._key)

    def rows(self, requests: Requests) -> Int32:
        """Return the row (B,) of each request's value, −1 where it was never entered."""
        return self._found(self._keys(requests))

    def enter(self, requests: Requests) -> Int32:
        """Return the row (B,) of each request's value, new values in the order in which they come.

        Raises
        ------
        InputError
            If the context has no such column, or the column more than `MOST` values.
        """
        key = self._keys(requests)
        value, first = np.unique(key[self._found(key) < 0], return_index=True)
        if len(self) + len(value) > MOST:
            raise InputError(
                f"`{self.column}` must have at most {MOST} values to be counted by, got "
                f"{len(self) + len(value)}; name a column of few values"
            )
        self._key = np.concatenate([self._key, value[np.argsort(first)]])
        more = ((0, len(value)), (0, 0))
        self._count, self._clock = np.pad(self._count, more), np.pad(self._clock, more)
        return self._found(key)

    def learn(self, page: Int32, acted: Bool, row: Int32, lessons: int) -> None:
        """Count the actions of pages (B, K) in their rows (B,), after ``lessons`` earlier pages."""
        count_by_row(page, acted, row, float(self.decay), lessons, self._count, self._clock)

    def counts(self, row: int, lessons: int) -> tuple[Float64, float, float]:
        """Return the actions on each item (N,) of one row, all of that row, and those of all rows.

        As they count after ``lessons`` pages.
        """
        if self.recent is not None:
            own = self.recent.counts(self.n_items, row)
            return own, float(own.sum()), float(self.recent.counts(self.n_items).sum())
        count, totals = self._count[row], self._count[:, 0]
        if self.decay < 1.0:
            count = count * self.decay ** (lessons - self._clock[row])
            totals = totals * self.decay ** (lessons - self._clock[:, 0])
        return count[1:], float(count[0]), float(totals.sum())

    def smoothed(self, row: int, lessons: int, overall: Float64, prior: float, weight: float) -> Float64:
        """Return a row's actions on each item (N,), smoothed by the overall ones and on their scale.

        Parameters
        ----------
        row, lessons : int
        overall : float64 (N,)
            What each item counts for in all rows, its prior included.
        prior : float
            Sum of the priors.
        weight : float >= 0
            Actions that ``overall`` is worth.
        """
        own, total, of_all = self.counts(row, lessons)
        if total == 0.0:
            return overall
        return np.asarray(((of_all + prior) * own + weight * overall) / (total + weight))

    def state(self) -> State:
        """Return the values and their counts."""
        return {"key": self._key.copy(), "count": self._count.copy(), "clock": self._clock.copy()}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        key = _check.array("state['key']", state["key"], np.int32, (None,))
        shape = (len(key), self._width)
        count = _check.array("state['count']", state["count"], np.float64, shape)
        clock = _check.array("state['clock']", state["clock"], np.int64, shape)
        self._key, self._count, self._clock = key.copy(), count.copy(), clock.copy()

    @property
    def _width(self) -> int:
        return 1 + (self.n_items if self.recent is None else 0)

    def _keys(self, requests: Requests) -> Int32:
        """Return the bits (B,) of each request's value, so that one that is not a number equals itself."""
        names = requests.context_names
        if len(requests) == 0:
            return np.empty(0, np.int32)
        if self.column not in names:
            hint = nearest(self.column, names)
            raise InputError(f"`Popular.by` must name a column of the context, got {self.column!r}{hint}")
        # + 0: a negative zero is a zero
        value = requests.context[:, names.index(self.column)] + np.float32(0.0)
        return value.view(np.int32)

    def _found(self, key: Int32) -> Int32:
        if len(self._key) == 0:
            return np.full(len(key), -1, np.int32)
        order = np.argsort(self._key)
        at = np.minimum(np.searchsorted(self._key, key, sorter=order), len(order) - 1)
        return np.where(self._key[order[at]] == key, order[at], -1).astype(np.int32)
