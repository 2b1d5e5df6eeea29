"""The message for a faulty row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ltrr._kernels import replay_checks as flag
from ltrr.logs.copies import Copies
from ltrr.logs.events import Space
from ltrr.logs.raw import Raw
from ltrr.types import Int32

__all__ = ["FaultyRow", "message"]


@dataclass(frozen=True)
class FaultyRow:
    """A row of a chunk in which something was found.

    Parameters
    ----------
    raw : Raw
        The chunk.
    space : Space
        What its ids mean.
    i, start : int
        Local row, and the one where its request begins.
    copies : Copies
        What the log holds twice.

    Examples
    --------
    >>> raw = Raw(row=np.array([7]), action=np.array([0]), reward=np.array([1.0]), propensity=np.array([1.5]))
    >>> row = FaultyRow(raw, Space(("tea", "latte")), i=0, start=0, copies=Copies())
    >>> row.number("propensity"), row.name(0)
    ('1.5', "action 'tea'")
    """

    raw: Raw
    space: Space
    i: int
    start: int
    copies: Copies

    def number(self, name: str) -> str:
        """Return the value of a column."""
        values = getattr(self.raw, name)
        return "none" if values is None else _number(values[self.i])

    def name(self, action: int) -> str:
        """Return an action's name for messages."""
        actions = self.space.actions
        known = 0 <= action < len(actions)
        return f"action {actions[action]!r}" if known else f"action id {action} of {len(actions)}"

    @property
    def event(self) -> str:
        """The request's name for messages."""
        return "the request" if self.raw.event is None else f"event {str(self.raw.event[self.i])!r}"

    @property
    def actions(self) -> Int32:
        """The eligible actions."""
        if self.raw.indptr is None or self.raw.eligible is None:
            return np.arange(len(self.space.actions), dtype=np.int32)
        return self.raw.eligible[self.raw.indptr[self.i] : self.raw.indptr[self.i + 1]]

    def ragged(self, name: str) -> NDArray[Any]:
        """Return the column's values for the eligible actions."""
        size = len(self.space.actions)
        begin = self.i * size if self.raw.indptr is None else int(self.raw.indptr[self.i])
        return np.asarray(getattr(self.raw, name)[begin : begin + len(self.actions)])


def message(bits: int, row: FaultyRow) -> str:
    """Describe what was found in a row; where ``bits`` holds several flags, the lowest is described."""
    found = _MESSAGES[bits & -bits]
    return found if isinstance(found, str) else found(row)


def _number(value: float) -> str:
    return f"{float(value):.6g}"


def _repeated(row: FaultyRow) -> str:
    actions, times = np.unique(row.actions, return_counts=True)
    return f"{row.name(int(actions[times > 1][0]))} occurs {int(times[times > 1][0])} times"


def _unknown_eligible(row: FaultyRow) -> str:
    outside = (row.actions < 0) | (row.actions >= len(row.space.actions))
    return f"eligible {row.name(int(row.actions[outside][0]))}"


def _probability(row: FaultyRow) -> str:
    values = row.ragged("probabilities")
    place = int(np.flatnonzero(~((values >= 0.0) & (values <= 1.0)))[0])
    return f"{row.name(int(row.actions[place]))} has {_number(values[place])}"


def _differs(row: FaultyRow) -> str:
    place = int(np.flatnonzero(row.actions == row.raw.action[row.i])[0])
    return f"{row.number('propensity')} against {_number(row.ragged('probabilities')[place])}"


def _reward_range(row: FaultyRow) -> str:
    total = row.raw.reward[row.start : row.i + 1].sum()
    several = f"the rewards of {row.event} add up to " if row.start < row.i else ""
    return f"{several}{_number(total)}, declared {row.space.reward_range}"


def _propensity_high(row: FaultyRow) -> str:
    over = float(row.raw.propensity[row.i]) - 1.0 if row.raw.propensity is not None else 0.0
    # six digits would print 1
    return f"1 + {_number(over)}" if over < 1e-3 else row.number("propensity")


def _target(row: FaultyRow) -> str:
    values = {name: float(column[row.i]) for name, column in row.raw.targets.items()}
    return next(f"{name} = {_number(v)}" for name, v in values.items() if v < 0.0 or v > 1.0)


def _no_target(row: FaultyRow) -> str:
    return "no target probability " + next(n for n, p in row.raw.targets.items() if np.isnan(p[row.i]))


def _context(row: FaultyRow) -> str:
    values = np.zeros(0) if row.raw.context is None else row.raw.context[row.i]
    column = int(np.flatnonzero(np.isinf(values))[0])
    return f"{row.space.context_names[column]} = {_number(values[column])}"


def _feature(row: FaultyRow) -> str:
    values = row.ragged("features")
    place, column = (int(axis[0]) for axis in np.nonzero(~np.isfinite(values)))
    name = row.space.feature_names[column]
    return f"{name} of {row.name(int(row.actions[place]))} = {_number(values[place, column])}"


def _slot(row: FaultyRow) -> str:
    slot = 0 if row.raw.slot is None else int(row.raw.slot[row.i])
    return f"slot {slot} in row {row.i - row.start + 1} of {row.event}, of at most {row.space.n_slots}"


def _copy(row: FaultyRow) -> str:
    slot = 0 if row.raw.slot is None else int(row.raw.slot[row.i])
    name = row.event if row.raw.slot is None else f"{row.event}, slot {slot}"
    number, copies = int(row.raw.row[row.i]), row.copies
    same = copies.slot == slot
    earlier = copies.first[same & (copies.rows == number)]
    if len(earlier):
        return f"{name}, as in row {int(earlier[0])}"
    return f"{name}, again in row {int(copies.rows[same & (copies.first == number)][0])}"


def _apart(row: FaultyRow) -> str:
    number, copies = int(row.raw.row[row.i]), row.copies
    place = int(np.flatnonzero((copies.apart == number) | (copies.begins == number))[0])
    name = "a request" if row.raw.event is None else f"request {str(row.raw.event[row.i])!r}"
    return f"{name} begins in row {int(copies.begins[place])} and again in row {int(copies.apart[place])}"


_MESSAGES: dict[int, str | Callable[[FaultyRow], str]] = {
    flag.ACTION_MISSING: "no action, or one that is not known",
    flag.EVENT_MISSING: "no event id",
    flag.REWARD_MISSING: "no reward",
    flag.ACTION_UNKNOWN: lambda row: row.name(int(row.raw.action[row.i])),
    flag.ELIGIBLE_UNKNOWN: _unknown_eligible,
    flag.REWARD_INFINITE: lambda row: row.number("reward"),
    flag.REWARD_RANGE: _reward_range,
    flag.PROPENSITY_MISSING: "no value",
    flag.PROPENSITY_INFINITE: lambda row: row.number("propensity"),
    flag.PROPENSITY_LOW: lambda row: row.number("propensity"),
    flag.PROPENSITY_HIGH: _propensity_high,
    flag.PROBABILITY: _probability,
    flag.SUM: lambda row: f"they sum to {_number(row.ragged('probabilities').sum())}",
    flag.DIFFERS: _differs,
    flag.NOT_ELIGIBLE: lambda row: row.name(int(row.raw.action[row.i])),
    flag.REPEATED: _repeated,
    flag.NO_ELIGIBLE: "an empty list",
    flag.COUNT: lambda row: f"count {row.number('count')}",
    flag.COUNTS_DIFFER: lambda row: f"count {row.number('count')}, another one before",
    flag.TARGET: _target,
    flag.CONTEXT: _context,
    flag.FEATURE: _feature,
    flag.DUPLICATE: _copy,
    flag.COPIES_DISAGREE: lambda row: f"{_copy(row)}, with another reward, action or propensity",
    flag.SLOT_ORDER: _slot,
    flag.NOT_ADJACENT: _apart,
    flag.TARGET_MISSING: _no_target,
    flag.BELOW_FLOOR: lambda row: f"{row.number('propensity')}, declared {row.space.floor:g}",
    flag.CLIPPED: "by at most 1e-6",
    flag.TIME_MISSING: "no value; the time before it is used",
    flag.TIME_BACK: lambda row: f"time {row.number('time')}",
}
