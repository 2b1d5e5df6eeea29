"""What is wrong with a log: kinds of fault, their rows, and what is done about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.left_out import LeftOut
from ltrr.types import Int64

__all__ = ["FAULTS", "ON_ERROR", "SPOILS", "WARNS", "Fault", "Faults"]

ON_ERROR = ("fail", "skip", "report")
"""Stop at the first faulty row; exclude faulty rows; exclude them and keep the number of every one."""

SPOILS = MappingProxyType(
    {
        "unreadable": "the row cannot be parsed",
        "missing value": "a value that the estimate needs is missing",
        "reward not finite": "the reward is not a finite number, or beyond 1e30",
        "reward out of range": "the reward lies outside its declared range",
        "propensity missing": "no propensity in a log that has them",
        "propensity not finite": "the propensity is not a finite number",
        "propensity not positive": "a chosen action cannot have had probability 0 or less, nor below 1e-30",
        "propensity above 1": "a probability cannot exceed 1",
        "probability outside [0, 1]": "a logged probability of an action is not in [0, 1]",
        "probabilities do not sum to 1": "the logged distribution over the actions does not sum to 1",
        "propensity differs from distribution": "the propensity is not the action's entry there",
        "action not eligible": "the chosen action is not among the actions that could be chosen",
        "action repeated": "an action occurs twice in the list of eligible actions",
        "no eligible action": "the list of eligible actions is empty",
        "unseen category": "an action or a category that the declared lists do not hold",
        "duplicate event": "an event id occurs in an earlier row already",
        "copies disagree": "an event occurs several times, with different rewards, actions or "
        "propensities; --copies first, last, max or sum says which reward counts",
        "slots out of order": "the slots of a request do not run from 0 without a gap",
        "request not adjacent": "a request goes on after other requests; sort the log by request and slot",
        "counts differ": "the slots of one request stand for different numbers of events",
        "slot of a faulty request": "another slot of the same request has a fault; requests are judged whole",
        "click without impression": "a click on an item that was not shown",
        "count not positive": "the share of events kept must lie in (0, 1]",
        "target outside [0, 1]": "a target probability of the chosen action is not a probability",
        "context not finite": "a context value is infinite, or an action feature is not a finite number",
    }
)
"""Faults that exclude a row from every estimate, and what they mean."""

WARNS = MappingProxyType(
    {
        "dangling event": "a decision whose outcome never arrived, or an outcome without its decision",
        "propensity just above 1": "a probability above 1 by at most 1e-6, as rounding leaves it; taken as 1",
        "propensity below the floor": "a propensity is smaller than the declared floor, so that weights may "
        "exceed the bound that follows from it; correct the floor",
        "time runs backwards": "an event is older than the one before it",
        "time missing": "an event has no time, in a log that has times",
        "time in an unlikely year": "times that count from 1970 lie before 1990 or after 2100",
        "constant column": "a column holds one value only, so policies learn nothing from it",
        "deterministic logging": "every propensity is 1: no other action was ever tried",
    }
)
"""Faults that are reported but exclude no row."""

FAULTS = MappingProxyType({**SPOILS, **WARNS})
"""All kinds of fault and what they mean."""


@dataclass(frozen=True)
class Fault:
    """One fault of one row.

    Parameters
    ----------
    kind : str
        One of `FAULTS`.
    row : int
        Row number in the log, from 1; 0 for a fault of the whole log.
    detail : str
        What was found there.

    Examples
    --------
    >>> import numpy as np
    >>> faults = Faults(on_error="skip")
    >>> faults.note("propensity above 1", np.array([3]), ["1.5"])
    >>> faults.kept
    [Fault(kind='propensity above 1', row=3, detail='1.5')]
    """

    kind: str
    row: int
    detail: str


@dataclass
class Faults:
    """Counts faults by kind as chunks are read, and keeps the first of each kind, or all.

    Parameters
    ----------
    on_error : "fail", "skip" or "report"
        What to do about faults that spoil a row.
    where : str
        What the log is called in messages.
    numbered : str
        What row numbers count in, where messages name a part: " of the log".
    keep : int
        How many faults of each kind are kept with their rows and details, >= 0; "report" keeps the rows of
        all of them.
    counts : dict of str to int
        Number of faults by kind.
    rows, used : int
        Rows read, and rows that went into estimates.
    left_out : LeftOut
        Rewards and actions of the rows excluded, as far as they could be read.

    Examples
    --------
    >>> import numpy as np
    >>> faults = Faults(on_error="skip")
    >>> faults.note("propensity above 1", np.array([3, 8]), ["1.5"])
    >>> faults.counts, faults.first["propensity above 1"].row
    ({'propensity above 1': 2}, 3)
    >>> Faults(where="a.csv").note("propensity above 1", np.array([3]), ["1.5"])
    Traceback (most recent call last):
    ltrr.errors.InputError: a.csv, row 3: propensity above 1: 1.5; ...
    """

    on_error: str = "fail"
    where: str = "the log"
    keep: int = 20
    numbered: str = ""
    counts: dict[str, int] = field(default_factory=dict, init=False)
    rows: int = field(default=0, init=False)
    used: int = field(default=0, init=False)
    left_out: LeftOut = field(default_factory=LeftOut, init=False, repr=False, compare=False)
    _noted: dict[str, list[tuple[Int64, list[str]]]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        _check.choice("on_error", self.on_error, ON_ERROR)
        _check.integer("Faults.keep", self.keep, low=0)

    def room(self, kind: str) -> int:
        """Return how many more faults of a kind will have their details kept: no more need be described."""
        return max(0, self.keep - self.counts.get(kind, 0))

    def note(self, kind: str, rows: Int64, details: list[str] | None = None, *, fatal: bool = True) -> None:
        """Count a fault of some rows.

        Parameters
        ----------
        kind : str
            One of `FAULTS`.
        rows : int64 (m,)
            Row numbers, ascending; 0 for a fault of the whole log.
        details : list of str, optional
            What was found in the first of them.
        fatal : bool
            False for what the caller has asked to be settled: it is counted, and stops nothing.

        Raises
        ------
        InputError
            If the kind spoils rows, ``fatal`` is true and ``on_error`` is "fail".
        """
        if kind not in FAULTS:
            raise KeyError(kind)
        if len(rows) == 0:
            return
        before = self.counts.get(kind, 0)
        self.counts[kind] = before + len(rows)
        texts = (details or [])[: max(1, self.keep - before)]
        listed = rows if self.on_error == "report" else rows[: max(0, self.keep - before)]
        if len(listed):
            self._noted.setdefault(kind, []).append((np.array(listed, np.int64), texts))
        if fatal and self.on_error == "fail" and kind in SPOILS:
            detail = f": {texts[0]}" if texts and texts[0] else ""
            more = f" (and at least {len(rows) - 1:,} more)" if len(rows) > 1 else ""
            raise InputError(
                f"{self.where}, row {int(rows[0])}{self.numbered}: {kind}{detail}{more}; {FAULTS[kind]}; "
                "correct the log, or leave such rows out with --on-error skip"
            )

    def seen(self, rows: int, used: int) -> None:
        """Count rows read and rows that go into estimates."""
        self.rows += rows
        self.used += used

    @property
    def skipped(self) -> int:
        """Rows excluded."""
        return self.rows - self.used

    @property
    def kept(self) -> list[Fault]:
        """The faults kept with their rows, kind by kind as first met."""
        return [
            Fault(kind, row, texts[i] if i < len(texts) else "")
            for kind, parts in self._noted.items()
            for rows, texts in parts
            for i, row in enumerate(rows.tolist())
        ]

    @property
    def first(self) -> dict[str, Fault]:
        """The first fault of each kind."""
        return {
            kind: Fault(kind, int(parts[0][0][0]), parts[0][1][0] if parts[0][1] else "")
            for kind, parts in self._noted.items()
        }

    def rows_of(self, kind: str) -> Int64:
        """Return the row numbers kept for a kind, as they were noted: all of them under "report"."""
        parts = [rows for rows, _ in self._noted.get(kind, [])]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def lines(self) -> list[str]:
        """Return a line a kind, the most frequent first: how many rows, the first of them, what it means."""
        out = []
        for kind, n in sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0])):
            fault = self.first.get(kind)
            place = "" if fault is None else f"first in row {fault.row}" if fault.row else "the whole log"
            detail = ", ".join(text for text in (place, fault.detail if fault else "") if text)
            out.append(
                f"{kind}: {n:,} ({detail}); {FAULTS[kind]}" if detail else f"{kind}: {n:,}; {FAULTS[kind]}"
            )
        return out
