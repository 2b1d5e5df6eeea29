"""Feature matrices of (decision, action) pairs, for trees and for linear models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr.logs.events import Events
from ltrr.replay.nuisance._columns import Columns
from ltrr.types import Float32, Float64, Int64

__all__ = ["Design", "Places", "action_of", "blocks", "indptr_of"]

_COLUMNS = 128
"""Most columns of a linear design: a regression then stays fast and determined on a few thousand rows."""

_PAIRS = 65_536
"""Pairs predicted at a time, so that memory does not grow with rows times actions."""

_PLACES = 16
"""Most positions or slots with their own indicator in a linear model; the others share one."""


def indptr_of(events: Events) -> Int64:
    """Return where each decision's flat actions start, (n + 1,), without building the action set."""
    if events.indptr is not None:
        return events.indptr
    return np.arange(len(events) + 1, dtype=np.int64) * len(events.space.actions)


def action_of(events: Events, flat: Int64) -> Int64:
    """Return the action id of flat positions."""
    if events.eligible is not None:
        return events.eligible[flat].astype(np.int64)
    return flat % max(len(events.space.actions), 1)


def blocks(events: Events) -> Iterator[tuple[Int64, Int64]]:
    """Yield (row, flat position) of all pairs, as many rows at a time as keep memory bounded."""
    indptr, start = indptr_of(events), 0
    while start < len(events):
        stop = int(np.searchsorted(indptr, indptr[start] + _PAIRS, side="right")) - 1
        stop = min(max(stop, start + 1), len(events))
        row = np.repeat(np.arange(start, stop), np.diff(indptr[start : stop + 1]))
        yield row, np.arange(indptr[start], indptr[stop])
        start = stop


def _features(events: Events, flat: Int64) -> Float32:
    """Return action features of pairs, (m, F); F = 0 where there are none."""
    if events.features is not None:
        return events.features[flat]
    if events.space.features is not None:
        return events.space.features[action_of(events, flat)]
    return np.zeros((len(flat), 0), np.float32)


@dataclass
class Places:
    """Position and slot of decisions as columns: two numbers for trees, indicators for linear models.

    Parameters
    ----------
    trees : bool
        True for numbers.
    """

    trees: bool
    _known: list[Int64] = field(default_factory=list, init=False, repr=False)

    def fit(self, events: Events) -> None:
        """Learn which positions and slots there are."""
        self._known = [
            np.unique(column)[:_PLACES].astype(np.int64) for column in (events.position, events.slot)
        ]

    def matrix(self, events: Events, row: Int64) -> Float32:
        """Return the columns of some decisions, (m, 2) or (m, places)."""
        columns: list[Any] = [events.position[row, None], events.slot[row, None]]
        if not self.trees:
            # a single place would be the intercept once more
            known = [places if len(places) > 1 else places[:0] for places in self._known]
            columns = [column == places for column, places in zip(columns, known, strict=True)]
        return np.concatenate(columns, axis=1).astype(np.float32)


@dataclass
class Design:
    """Turns pairs into rows of a matrix; what it learns comes from contexts and actions, never from rewards.

    Trees get the action's id as one more column, declared categorical, and NaN where a number is missing.
    Linear models get scaled numbers (`Columns`), an indicator for each place and each of the most frequent
    actions, and, while they fit, the products of the actions' indicators and numbers, so that every action
    has its own slopes.

    Parameters
    ----------
    trees : bool
        True for the first form.
    """

    trees: bool
    seen: Int64 = field(init=False, repr=False)
    rows: Columns = field(default_factory=Columns, init=False, repr=False)
    features: Columns = field(default_factory=Columns, init=False, repr=False)
    _places: Places = field(init=False, repr=False)
    _column: Int64 = field(init=False, repr=False)
    _n_indicators: int = field(init=False, repr=False)
    _products: bool = field(init=False, repr=False)

    def fit(self, events: Events) -> None:
        """Learn which actions occur and, for linear models, the scale of the numbers."""
        self.seen = np.bincount(events.action, minlength=len(events.space.actions)).astype(np.int64)
        self._places = Places(self.trees)
        self._places.fit(events)
        if self.trees:
            return
        self.rows.fit(self._row_numbers(events, np.arange(len(events))))
        self.features.fit(_features(events, events.place))
        width = self.width
        often = np.argsort(-self.seen, kind="stable")
        often = often[: min(int((self.seen > 0).sum()), max(_COLUMNS - width, 1))]
        self._column = np.full(len(self.seen), -1)
        self._column[often] = np.arange(len(often))
        self._n_indicators = len(often)
        self._products = self.columns <= _COLUMNS

    @property
    def width(self) -> int:
        """Number of scaled columns, those of the row before those of the action."""
        return self.rows.width + self.features.width

    @property
    def columns(self) -> int:
        """Number of columns of a linear model in which every action seen has its own intercept and slopes."""
        return self.width + int((self.seen > 0).sum()) * (1 + self.width)

    def of_rows(self, events: Events, row: Int64) -> Float64:
        """Return the scaled numbers of context and place of some rows, for linear models."""
        return self.rows(self._row_numbers(events, row))

    def of_actions(self, events: Events, flat: Int64) -> Float64:
        """Return the scaled action features of some pairs, for linear models."""
        return self.features(_features(events, flat))

    def matrix(self, events: Events, row: Int64, flat: Int64) -> Float32 | Float64:
        """Return the features of pairs, float32 for trees and float64 for linear models."""
        action = action_of(events, flat)
        if self.trees:
            parts = [events.context[row], _features(events, flat), self._places.matrix(events, row)]
            return np.concatenate([*parts, action[:, None].astype(np.float32)], axis=1)
        scaled = np.concatenate([self.of_rows(events, row), self.of_actions(events, flat)], axis=1)
        width, column = scaled.shape[1], self._column[action]
        total = width + self._n_indicators * (1 + width * self._products)
        out = np.zeros((len(row), total))
        out[:, :width] = scaled
        known = np.flatnonzero(column >= 0)
        out[known, width + column[known]] = 1.0
        if self._products and width:
            first = width + self._n_indicators + column[known] * width
            out[known[:, None], first[:, None] + np.arange(width)] = scaled[known]
        return out

    def _row_numbers(self, events: Events, row: Int64) -> Float32:
        places = self._places.matrix(events, row)
        context = events.context[row]
        return np.concatenate([context, places], axis=1) if places.shape[1] else context
