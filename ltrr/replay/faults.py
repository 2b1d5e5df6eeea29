"""What is wrong with a log: kinds of fault, their rows, and what is done about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types import Int64

__all__ = ["KINDS", "ON_ERROR", "SPOILS", "WARNS", "Fault", "Faults"]

ON_ERROR = ("fail", "skip", "report")
"""Stop at the first faulty row; leave faulty rows out; leave them out and list every one."""

SPOILS = MappingProxyType(
    {
        "unreadable": "the row cannot be parsed",
        "missing value": "a value that the estimate needs is missing",
        "reward not finite": "the reward is not a finite number",
        "reward out of range": "the reward lies outside its declared range",
        "propensity missing": "no propensity in a log that has them",
        "propensity not finite": "the propensity is not a finite number",
        "propensity not positive": "a chosen action cannot have had probability 0 or less",
        "propensity above 1": "a probability cannot exceed 1",
        "probability outside [0, 1]": "a logged probability of an action is none",
        "probabilities do not sum to 1": "the logged distribution over the actions does not sum to 1",
        "propensity differs from distribution": "the propensity is not the action's entry in it",
        "action not eligible": "the chosen action is not among the actions that could be chosen",
        "action repeated": "an action stands twice in the list of eligible actions",
        "no eligible action": "the list of eligible actions is empty",
        "unseen category": "an action or a category that the declared lists do not hold",
        "duplicate event": "an event id stands in an earlier row already",
        "slots out of order": "the slots of a request do not run from 0 without a gap, or are not adjacent",
        "click without impression": "a click on an item that was not shown",
        "count not positive": "the share of events kept must lie in (0, 1]",
        "target outside [0, 1]": "a target probability of the chosen action is no probability",
        "context not finite": "a context value is not a finite number",
    }
)
"""Faults of a row that keep it out of any estimate, and what they mean."""

WARNS = MappingProxyType(
    {
        "dangling event": "a decision whose outcome never arrived, or an outcome without its decision",
        "time runs backwards": "an event is older than the one before it",
        "time missing": "an event has no time, in a log that has times",
        "constant column": "a column holds one value only, so it tells policies nothing",
        "deterministic logging": "every propensity is 1: no other action was ever tried",
    }
)
"""Faults that are told but keep no row out."""

KINDS = MappingProxyType({**SPOILS, **WARNS})
"""All kinds of fault and what they mean."""


@dataclass(frozen=True)
class Fault:
    """One fault of one row.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    row : int
        Row number in the log, from 1; 0 for a fault of the whole log.
    detail : str
        What was found there.
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
    keep : int
        How many faults of each kind are kept with their rows; "report" keeps all.
    """

    on_error: str = "fail"
    where: str = "the log"
    keep: int = 20
    counts: dict[str, int] = field(default_factory=dict, init=False)
    kept: list[Fault] = field(default_factory=list, init=False, repr=False)
    rows: int = field(default=0, init=False)
    used: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        _check.choice("on_error", self.on_error, ON_ERROR)

    def note(self, kind: str, rows: Int64, details: list[str] | None = None) -> None:
        """Count a fault of some rows (their numbers); ``details`` says what stands in the first of them.

        Raises
        ------
        InputError
            If the kind spoils rows and ``on_error`` is "fail".
        """
        if len(rows) == 0:
            return
        if kind not in KINDS:
            raise KeyError(kind)
        before = self.counts.get(kind, 0)
        self.counts[kind] = before + len(rows)
        room = len(rows) if self.on_error == "report" else max(0, self.keep - before)
        said = details or []
        for i, row in enumerate(rows[:room].tolist()):
            self.kept.append(Fault(kind, row, said[i] if i < len(said) else ""))
        if self.on_error == "fail" and kind in SPOILS:
            detail = f": {said[0]}" if said and said[0] else ""
            more = f" (and {len(rows) - 1} more rows of the same chunk)" if len(rows) > 1 else ""
            raise InputError(
                f"{self.where}, row {int(rows[0])}: {kind}{detail}{more}; {KINDS[kind]}; mend the log, or "
                "leave such rows out with --on-error skip"
            )

    def seen(self, rows: int, used: int) -> None:
        """Count rows read and rows that go into estimates."""
        self.rows += rows
        self.used += used

    @property
    def skipped(self) -> int:
        """Rows left out."""
        return self.rows - self.used

    @property
    def first(self) -> dict[str, Fault]:
        """The first fault of each kind."""
        out: dict[str, Fault] = {}
        for fault in self.kept:
            out.setdefault(fault.kind, fault)
        return out
