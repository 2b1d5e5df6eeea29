"""An early and a late part of a log: learn from one, judge on the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.reading import read
from ltrr.logs.view import LogView
from ltrr.replay.targets.reads import Reads, narrowed
from ltrr.types import Float64

__all__ = ["LogPart", "split"]

BY = ("row", "time")


def _where(events: Events, by: str) -> Float64:
    """Return row number or time of each request's first slot, one a row of the chunk."""
    value = (events.row if by == "row" else events.time).astype(np.float64)
    indptr = events.request_indptr
    return np.repeat(value[indptr[:-1]], np.diff(indptr))


@dataclass(frozen=True)
class LogPart(LogView):
    """The requests of a log before a cut, or from it on; a log like any other.

    Every pass reads the whole log up to the part's end, and `faults` are those of what was read.

    Parameters
    ----------
    log : ReplayLog
        The whole.
    part : "early" or "late"
        The side of the cut.
    cut : float
        Row number or seconds; a request whose first slot lies at the cut is late.
    by : "row" or "time"
        What the cut is measured in.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.logs import read
    >>> log = read(pa.table({"action": ["a", "b", "b"], "reward": [0, 1, 1]}))
    >>> late = LogPart(log, "late", cut=2)
    >>> [events.row.tolist() for events in late.chunks()]
    [[2, 3]]
    """

    part: str
    cut: float
    by: str = "row"

    def __post_init__(self) -> None:
        _check.choice("LogPart.part", self.part, ("early", "late"))
        _check.choice("LogPart.by", self.by, BY)

    @property
    def name(self) -> str:
        """Name of the part in tables."""
        return f"{self.log.name} ({self.part})"

    def only(
        self,
        *,
        features: bool,
        targets: frozenset[str] | None,
        numbers: frozenset[str] = frozenset(),
        labels: frozenset[str] = frozenset(),
        ids: frozenset[str] = frozenset(),
        propensity: bool = True,
    ) -> LogPart:
        """Return the same part of the log without what nobody asks for, and with further columns by name.

        Raises
        ------
        InputError
            If a further column is not known.
        """
        reads = Reads(features, targets, numbers, labels, ids)
        return replace(self, log=narrowed(self.log, reads, propensity=propensity))

    def chunks(self) -> Iterator[Events]:
        """Yield the part's requests in chunks; chunks without any are left out."""
        for events in self.log.chunks():
            early = _where(events, self.by) < self.cut
            rows = np.flatnonzero(early if self.part == "early" else ~early)
            if len(rows) == len(events) and len(rows):
                yield events
            elif len(rows):
                yield events.take(rows)
            if self.by == "row" and self.part == "early" and not early.all():
                return


def split(log: Any, share: float = 0.5, *, by: str = "row") -> tuple[LogPart, LogPart]:
    """Cut a log into an early and a late part; a pass finds where.

    Parameters
    ----------
    log : ReplayLog, path, or table in memory
        What `ltrr.logs.read` takes.
    share : float in (0, 1)
        Share of the early part: of the log's rows, or of the time that it spans.
    by : "row" or "time"
        "row" keeps the log's order, whatever the times are; "time" cuts at a point in time.

    Raises
    ------
    InputError
        If the log has no times to cut at, or a part would be empty.
    """
    share = _check.number("split share", share, low=0.0, high=1.0, open_low=True)
    _check.choice("split by", by, BY)
    log = read(log)
    if by == "time" and not log.space.timed:
        raise InputError(f"{log.name} has no times to be split by; split it by row")
    low, high = np.inf, -np.inf
    for events in log.chunks():
        where = _where(events, by)
        low = min(low, float(where.min(initial=np.inf)))
        high = max(high, float(where.max(initial=-np.inf)))
    # row numbers run from low to high, both included; rounded, as 0.3 · 100 is not quite 30
    cut = low + (share * (high - low) if by == "time" else np.round(share * (high - low + 1.0)))
    if not low < cut <= high:
        raise InputError(f"{log.name} cannot be split at {share:g}: one part would hold nothing")
    return LogPart(log, "early", cut, by), LogPart(log, "late", cut, by)
