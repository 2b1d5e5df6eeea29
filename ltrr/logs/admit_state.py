"""What the checks of one chunk must know of the rest of the log."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr.logs.copies import Copies, place_of
from ltrr.logs.copy_records import Records, compare, records
from ltrr.logs.events import Events
from ltrr.logs.faults import Faults
from ltrr.logs.identity import Identity
from ltrr.logs.raw import Raw
from ltrr.logs.years import Years
from ltrr.types import Bool

__all__ = ["AdmitState"]


@dataclass
class AdmitState:
    """What one pass over a log knows beforehand, and what it keeps from chunk to chunk.

    Parameters
    ----------
    copies : Copies or None
        What a first pass found (`ltrr.logs.copy_finder.CopyFinder`). Without it only repetitions next to one
        another are found.
    columns : tuple of str
        Names of the columns to sort by where the rows of a request are not adjacent.
    deterministic : bool
        True while every propensity was 1.
    time : float
        The latest known time in seconds, NaN before the first.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> state = AdmitState()
    >>> state.observe(Events(Space(("a", "b")), [1, 2], [1, 2], [0, 0], [0.0, 1.0]), timed=False)
    >>> state.constant_columns()
    {'action': 0.0}
    """

    copies: Copies | None = None
    columns: tuple[str, ...] = ("request", "slot")
    deterministic: bool = field(default=True, init=False)
    time: float = field(default=math.nan, init=False, repr=False)
    _years: Years = field(default_factory=Years, init=False, repr=False)
    _rows: int = field(default=0, init=False, repr=False)
    _n_actions: int = field(default=0, init=False, repr=False)
    _before: tuple[int, int] | None = field(default=None, init=False, repr=False)
    _requests: int = field(default=0, init=False, repr=False)
    _tail: Records | None = field(default=None, init=False, repr=False)
    _first: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _varies: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def find(self, raw: Raw, ids: Identity | None, readable: Bool) -> Copies:
        """Return the copies among a chunk's rows: all of the log's, or those next to one another."""
        if self.copies is not None:
            return self.copies
        if ids is None or not readable.any():
            return Copies()
        slot = np.zeros(len(raw.row), np.int16) if raw.slot is None else raw.slot
        new = records(
            ids,
            readable,
            raw.row,
            raw.reward,
            slot=slot,
            action=raw.action,
            propensity=raw.propensity,
            before=self._before,
        )
        last = int(np.flatnonzero(readable)[-1])
        self._before = (int(ids.first[last]), int(ids.second[last]) if len(ids.second) else 0)
        # the number of the run takes the id's place: what is found cannot depend on the size of chunks
        new["first"] = self._requests + np.cumsum(new["begin"])
        self._requests = int(new["first"][-1])
        goes_on = self._tail is not None and self._tail.dtype == new.dtype
        rows = np.concatenate([self._tail, new]) if goes_on else new
        # nearly always: slots that rise within each run cannot repeat one another
        rising = (rows["begin"] | np.append(True, rows["slot"][1:] > rows["slot"][:-1])).all()
        found = Copies() if rising else compare([rows])
        tail = np.take(rows, np.flatnonzero(rows["first"] == self._requests))
        copy = np.isin(place_of(tail["row"], tail["slot"]), place_of(found.rows, found.slot))
        self._tail = np.take(tail, np.flatnonzero(~copy))
        return found

    def finish(self, faults: Faults) -> None:
        """Note what only the whole log shows: unlikely years, constant columns, deterministic logging."""
        if self._rows == 0:
            return
        if self.deterministic and "propensity" in self._first and self._n_actions > 1:
            faults.note("deterministic logging", np.zeros(1, np.int64), ["every propensity is 1"])
        if self._years.warning:
            faults.note("time in an unlikely year", np.zeros(1, np.int64), [self._years.warning])
        constant = self.constant_columns() if self._rows > 1 else {}
        details = [f"{name} = {value:.6g}" for name, value in constant.items()]
        faults.note("constant column", np.zeros(len(details), np.int64), details)

    def constant_columns(self) -> dict[str, float]:
        """Return the columns that held one value only in the rows let through, and that value."""
        out: dict[str, float] = {}
        for name, first in self._first.items():
            if name == "context":
                names, varies = self._varies["names"], self._varies["context"]
                out |= {names[j]: float(first[j]) for j in np.flatnonzero(~varies)}
            elif name != "propensity" and not self._varies[name]:
                out[name] = float(first)
        return out

    def observe(self, events: Events, *, timed: bool) -> None:
        """Follow which columns vary, over rows that were let through."""
        if len(events) == 0:
            return
        self._rows += len(events)
        self._n_actions = len(events.space.actions)
        if events.propensity is not None:
            self._first.setdefault("propensity", 1.0)
            self.deterministic = self.deterministic and bool((events.propensity == 1.0).all())
        columns: dict[str, Any] = {"reward": events.reward}
        if self._n_actions > 1:
            columns["action"] = events.action
        if timed:
            columns["time"] = events.time
            self._years.add(events.time)
        for name, values in columns.items():
            first = self._first.setdefault(name, values[0])
            if not self._varies.get(name, False):
                self._varies[name] = bool((values != first).any())
        if events.context.shape[1]:
            self._observe_context(events)

    def _observe_context(self, events: Events) -> None:
        context = events.context
        first = self._first.setdefault("context", context[0].copy())
        varies = self._varies.setdefault("context", np.zeros(len(first), np.bool_))
        self._varies["names"] = events.space.context_names
        still = np.flatnonzero(~varies)
        if len(still):
            # a column without any value is constant too
            same = (context[:, still] == first[still]) | (
                np.isnan(context[:, still]) & np.isnan(first[still])
            )
            varies[still] = ~same.all(axis=0)
