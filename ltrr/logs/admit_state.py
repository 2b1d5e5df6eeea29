"""What the checks of one chunk must know of the chunks before it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.duplicates import IN_MEMORY, Duplicates, Identity
from ltrr.logs.events import Events
from ltrr.logs.faults import Faults
from ltrr.types import Int64

__all__ = ["AdmitState"]


@dataclass
class AdmitState:
    """What one pass over a log keeps from chunk to chunk.

    Parameters
    ----------
    check_duplicates : bool
        Compare every event id with all earlier ones. Without it only repetitions next to one another are
        found.
    in_memory : int
        Requests whose ids are kept in memory, >= 1; further ids are compared in temporary files when the pass
        is over.
    deterministic : bool
        True while every propensity was 1.
    duplicates : Duplicates
        The ids seen so far.
    time : float
        The latest known time in seconds, NaN before the first.
    """

    check_duplicates: bool = True
    in_memory: int = IN_MEMORY
    deterministic: bool = field(default=True, init=False)
    duplicates: Duplicates = field(init=False, repr=False)
    _rows: int = field(default=0, init=False, repr=False)
    _n_actions: int = field(default=0, init=False, repr=False)
    time: float = field(default=math.nan, init=False, repr=False)
    _last: tuple[int, int, int] | None = field(default=None, init=False, repr=False)
    _first: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _varies: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.duplicates = Duplicates(self.in_memory)

    def finish(self, faults: Faults) -> None:
        """Note what only the whole log shows, at the end of a pass.

        Constant columns, deterministic logging, and duplicates among the events that were not kept in memory.

        Raises
        ------
        InputError
            If duplicates are found that the pass has already let through, unless ``faults.on_error`` is
            "report": then they are counted, and kept.
        """
        self._finish_duplicates(faults)
        if self._rows == 0:
            return
        if self.deterministic and "propensity" in self._first and self._n_actions > 1:
            faults.note("deterministic logging", np.zeros(1, np.int64), ["every propensity is 1"])
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

    def _finish_duplicates(self, faults: Faults) -> None:
        rows, same = self.duplicates.late()
        if len(rows) == 0:
            return
        if faults.on_error != "report":
            raise InputError(
                f"{faults.where}, row {int(rows[0])}: {len(rows):,} requests repeat an id that came after "
                f"the first {self.in_memory:,} requests, and estimates hold them already; remove them from "
                "the log (--on-error report lists them), or read it without the duplicate check"
            )
        details = [f"found after the pass, beyond {self.in_memory:,} requests in memory; kept"] * faults.keep
        faults.note("duplicate event", rows[same], details)
        faults.note("slots out of order", rows[~same], details)

    def compare(self, ids: Identity, row: Int64, mask: Int64, earlier: Int64) -> None:
        """Fill ``earlier`` with the slots that requests (where ``mask`` is not 0) had in earlier rows."""
        begin = np.flatnonzero(mask)
        if len(begin) == 0:
            return
        first, second = ids.first[begin], ids.second[begin] if len(ids.second) else ids.second
        if self.check_duplicates:
            earlier[begin] = self.duplicates.add(first, second, mask[begin], row[begin])
            return
        # a request that goes on over the border of a chunk is next to itself, and is found without a table
        ends = [(int(first[i]), int(second[i]) if len(second) else 0) for i in (0, -1)]
        before = 0
        if self._last is not None and self._last[:2] == ends[0]:
            before = earlier[begin[0]] = self._last[2]
        self._last = (*ends[1], int(mask[begin[-1]]) | (before if len(begin) == 1 else 0))

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
        for name, values in columns.items():
            first = self._first.setdefault(name, values[0])
            if not self._varies.get(name, False):
                self._varies[name] = bool((values != first).any())
        if events.context.shape[1]:
            context = events.context
            first = self._first.setdefault("context", context[0].copy())
            varies = self._varies.setdefault("context", np.zeros(len(first), np.bool_))
            self._varies["names"] = events.space.context_names
            still = np.flatnonzero(~varies)
            if len(still):
                varies[still] = (context[:, still] != first[still]).any(axis=0)
