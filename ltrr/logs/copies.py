"""Rows that a log holds twice, and requests whose rows lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ltrr import _check
from ltrr._kernels.text_hash import UInt64
from ltrr.logs.identity import Identity, identify
from ltrr.types import Bool, Float64, Int16, Int64

__all__ = ["KEEP", "Copies", "compare", "find_places", "place_of", "records"]

KEEP = ("first", "last", "max", "sum")
"""Which reward the first of several copies gets."""

_ODD = np.uint64(0x9E3779B97F4A7C15)
_FILTER = np.uint64((1 << 22) - 1)

Records = NDArray[Any]
"""A structured array, a row each: its id, slot, row number, reward, and a digest of its other values."""


def _no_rows() -> Int64:
    return np.zeros(0, np.int64)


def _no_slots() -> Int16:
    return np.zeros(0, np.int16)


def _no_values() -> Float64:
    return np.zeros(0, np.float64)


@dataclass(frozen=True)
class Copies:
    """Rows that repeat an event and slot, and rows that lie apart from their request.

    Parameters
    ----------
    rows : int64 (m,)
        Row numbers, ascending, of rows with the event and slot of an earlier row.
    slot : int16 (m,)
        Their slots, 0 where the log has none: the slots of a request may share one row of a file.
    first : int64 (m,)
        Row number of that earlier row, the first of its kind.
    agree : bool (m,)
        True where all copies of the event and slot have the same reward and the same other values (action and
        propensity where the finder was given them); NaN equals NaN.
    reward, first_reward : float64 (m,)
        Rewards of the row and of the first one.
    apart : int64 (k,)
        Row numbers, ascending, of rows, other than copies, whose request began in an earlier row and went on
        here after other requests.
    apart_slot : int16 (k,)
        Their slots.
    begins : int64 (k,)
        Row number where the request of such a row begins.
    keep : "first", "last", "max", "sum" or None
        The reward that the first copy gets. None where it keeps its own and copies that disagree are a fault.

    Examples
    --------
    >>> import numpy as np
    >>> found = Copies(np.array([2, 5]), np.zeros(2, np.int16), np.array([1, 1]), np.array([False, False]),
    ...     reward=np.array([3.0, 1.0]), first_reward=np.zeros(2))
    >>> [found.keeping(how).rewards[1].tolist() for how in KEEP]
    [[0.0], [1.0], [3.0], [4.0]]
    """

    rows: Int64 = field(default_factory=_no_rows)
    slot: Int16 = field(default_factory=_no_slots)
    first: Int64 = field(default_factory=_no_rows)
    agree: Bool = field(default_factory=lambda: np.zeros(0, np.bool_))
    reward: Float64 = field(default_factory=_no_values)
    first_reward: Float64 = field(default_factory=_no_values)
    apart: Int64 = field(default_factory=_no_rows)
    apart_slot: Int16 = field(default_factory=_no_slots)
    begins: Int64 = field(default_factory=_no_rows)
    keep: str | None = None

    def __post_init__(self) -> None:
        if self.keep is not None:
            _check.choice("copies", self.keep, KEEP)

    def keeping(self, how: str | None) -> Copies:
        """Return the same copies with a rule for the reward that the first one gets.

        Raises
        ------
        InputError
            If the rule is not one of `KEEP`.
        """
        return replace(self, keep=how)

    @cached_property
    def disputed(self) -> Int64:
        """Places, ascending, whose later copies disagree with them or with one another."""
        return np.unique(place_of(self.first, self.slot)[~self.agree])

    @cached_property
    def rewards(self) -> tuple[Int64, Float64]:
        """Places of first copies, ascending, and the reward that each gets under `keep`.

        A missing reward counts in no maximum and no sum unless all are missing.
        """
        place = place_of(self.first, self.slot)
        order = np.argsort(place, kind="stable")
        rows, begin = np.unique(place[order], return_index=True)
        later, own = self.reward[order], self.first_reward[order][begin]
        if self.keep in ("first", None) or len(rows) == 0:
            return rows, own
        if self.keep == "last":
            return rows, later[np.append(begin[1:], len(order)) - 1]
        if self.keep == "max":
            return rows, np.fmax(np.fmax.reduceat(later, begin), own)
        known = np.add.reduceat((~np.isnan(later)).astype(np.int64), begin) + ~np.isnan(own)
        total = np.add.reduceat(np.nan_to_num(later, nan=0.0, posinf=np.inf, neginf=-np.inf), begin)
        return rows, np.where(known > 0, total + np.where(np.isnan(own), 0.0, own), np.nan)

    @staticmethod
    def joined(parts: Sequence[Copies]) -> Copies:
        """Return copies found in parts of a log that share no id, in the order of their rows."""
        columns: dict[str, Any] = {}
        for names in (
            ("rows", "slot", "first", "agree", "reward", "first_reward"),
            ("apart", "apart_slot", "begins"),
        ):
            some = [np.concatenate([getattr(part, name) for part in (Copies(), *parts)]) for name in names]
            order = np.argsort(place_of(some[0], some[1]), kind="stable")
            columns |= {name: values[order] for name, values in zip(names, some, strict=True)}
        return Copies(**columns)


def place_of(row: Int64, slot: Int16 | None) -> Int64:
    """Return a number for each row and slot, in their order: several slots may share one row of a file."""
    place = np.asarray(row, np.int64) << 16
    return place if slot is None else place + (slot.astype(np.int64) & 0xFFFF)


def find_places(here: Int64, wanted: Int64) -> tuple[Int64, Int64]:
    """Return where in a chunk's places those of ``wanted``, ascending, stand, and which of them they are."""
    if len(here) == 0 or len(wanted) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    begin, end = np.searchsorted(wanted, [here.min(), here.max() + 1])
    if begin == end:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    order = np.argsort(here, kind="stable")
    place = np.searchsorted(here, wanted[begin:end], sorter=order)
    hit = np.flatnonzero(here[order[place]] == wanted[begin:end])
    return order[place[hit]], begin + hit


def records(
    ids: Identity,
    readable: Bool,
    row: Int64,
    reward: Float64,
    *,
    slot: Int16 | None = None,
    action: Any = None,
    propensity: Float64 | None = None,
    before: tuple[int, int] | None = None,
) -> Records:
    """Return what must be kept of rows to compare them, for rows that belong to a known request.

    Parameters
    ----------
    ids : Identity
    readable : bool (n,)
        False for rows that are skipped.
    row : int64 (n,)
    reward : float64 (n,)
    slot : int16 (n,), optional
    action : integers or texts (n,), optional
    propensity : float64 (n,), optional
    before : (int, int), optional
        Both halves of the id of the row before the first one.
    """
    at = np.flatnonzero(readable)
    fields: list[tuple[str, str]] = [("first", "u8"), ("row", "i8"), ("reward", "f8")]
    columns: dict[str, Any] = {"first": ids.first[at], "row": row[at], "reward": reward[at]}
    if len(ids.second):
        fields.append(("second", "u8"))
        columns["second"] = ids.second[at]
    if action is not None or propensity is not None:
        fields.append(("other", "u4"))
        columns["other"] = _digest(action, propensity, at)
    if slot is not None:
        fields += [("slot", "i2"), ("begin", "?")]
        columns |= {"slot": slot[at], "begin": _begins(columns, before)}
    out = np.empty(len(at), fields)
    for name, values in columns.items():
        out[name] = values
    return out


def _begins(columns: dict[str, Any], before: tuple[int, int] | None) -> Bool:
    """Say of each row whether its id is another one than that of the row before."""
    halves = [columns[name] for name in ("first", "second") if name in columns]
    new = np.ones(len(halves[0]), np.bool_)
    new[1:] = np.any([half[1:] != half[:-1] for half in halves], axis=0)
    if before is not None and len(new):
        new[0] = any(int(half[0]) != value for half, value in zip(halves, before, strict=False))
    return new


def _digest(action: Any, propensity: Float64 | None, at: Int64) -> UInt64:
    """Return 32 bits of action and propensity: equal where both are equal."""
    out = np.zeros(len(at), np.uint64)
    if action is not None:
        ids = identify(action)
        out += np.where(ids.missing[at], _ODD, ids.first[at])
    if propensity is not None:
        # one NaN for all, and one zero
        plain = np.where(np.isnan(propensity[at]), np.nan, propensity[at] + 0.0)
        out = out * _ODD + plain.view(np.uint64)
    out *= _ODD
    return out >> np.uint64(32)


def compare(blocks: Sequence[Records]) -> Copies:
    """Find copies among rows, given in blocks; a row that is a copy of another one must be among them too.

    Nearly all rows of a log occur once. Sorted keys show which ones occur twice, 25 million a second; what is
    left is sorted by id, slot and row, and compared exactly.

    Parameters
    ----------
    blocks : sequence of structured arrays
        As `records` returns them, alike in their fields.
    """
    found = _suspects(blocks)
    if len(found) == 0:
        return Copies()
    slots = _has(found, "slot")
    names = [name for name in ("second", "first") if _has(found, name)]
    keys = ("row", *(("slot",) if slots else ()), *names)
    found = np.take(found, np.lexsort([found[name] for name in keys]))
    new_id = _changes([found[name] for name in names])
    new_pair = _changes([found["slot"]]) | new_id if slots else new_id
    if slots:
        # a slot below 0 is no slot, and a copy of none
        new_pair |= found["slot"] < 0
    pair = np.cumsum(new_pair) - 1
    lead = np.flatnonzero(new_pair)[pair]
    copy = np.flatnonzero(~new_pair)
    differs = ~_same(found, lead)
    agree = np.bincount(pair, weights=differs)[pair] == 0
    part = Copies(
        found["row"][copy],
        found["slot"][copy] if slots else np.zeros(len(copy), np.int16),
        found["row"][lead[copy]],
        agree[copy],
        found["reward"][copy],
        found["reward"][lead[copy]],
        *(_apart(found, np.cumsum(new_id) - 1, new_pair) if slots else ()),
    )
    return Copies.joined([part])


def _has(block: Records, name: str) -> bool:
    return name in (block.dtype.names or ())


def _same(found: Records, lead: Int64) -> Bool:
    """Say of each row whether its values are those of the row ``lead``."""
    mine, its = found["reward"], found["reward"][lead]
    same = (mine == its) | (np.isnan(mine) & np.isnan(its))
    if _has(found, "other"):
        same &= found["other"] == found["other"][lead]
    return np.asarray(same)


def _apart(found: Records, group: Int64, kept: Bool) -> tuple[Int64, Int16, Int64]:
    """Return the rows and slots, other than copies, in a later run of their id, and the id's first row."""
    order = np.lexsort((found["row"], group))
    begin = found["begin"][order].astype(np.int64)
    head = _changes([group[order]])
    lead = np.flatnonzero(head)[group[order]]
    runs = np.cumsum(begin) - (np.cumsum(begin) - begin)[lead]
    late = np.flatnonzero((runs > 1) & kept[order])
    return found["row"][order[late]], found["slot"][order[late]], found["row"][order[lead[late]]]


def _changes(columns: Sequence[NDArray[Any]]) -> Bool:
    """Say of each row whether it differs from the one before; True for the first."""
    new = np.ones(len(columns[0]), np.bool_)
    new[1:] = np.any([values[1:] != values[:-1] for values in columns], axis=0)
    return new


def _suspects(blocks: Sequence[Records]) -> Records:
    """Return the rows whose id and slot, or whose request's beginning, seems to occur twice."""
    blocks = [block for block in blocks if len(block)]
    if not blocks:
        return np.zeros(0, [("row", "i8")])
    twice = _twice(np.concatenate([_pairs(block) for block in blocks]))
    again = np.zeros(0, np.uint64)
    if _has(blocks[0], "begin"):
        again = _twice(np.concatenate([block["first"][block["begin"]] for block in blocks]))
    kept = [_among(_pairs(block), twice) | _among(block["first"], again) for block in blocks]
    return np.concatenate([np.take(b, np.flatnonzero(k)) for b, k in zip(blocks, kept, strict=True)])


def _pairs(block: Records) -> UInt64:
    """Return a number for each id and slot; different pairs rarely share one."""
    if not _has(block, "slot"):
        return np.asarray(block["first"])
    return np.asarray(block["first"] + block["slot"].astype(np.uint64) * _ODD)


def _twice(keys: UInt64) -> UInt64:
    """Return the values that occur more than once, ascending."""
    keys = np.sort(keys)
    again = keys[1:][keys[1:] == keys[:-1]]
    return np.asarray(again[_changes([again])])


def _among(keys: UInt64, wanted: UInt64) -> Bool:
    """Say which keys are among a few, given in ascending order."""
    out = np.zeros(len(keys), np.bool_)
    if len(wanted):
        # the low bits rule out nearly all keys, 15 times as fast as a search for each
        low = np.zeros(int(_FILTER) + 1, np.bool_)
        low[wanted & _FILTER] = True
        at = np.flatnonzero(low[keys & _FILTER])
        place = np.minimum(np.searchsorted(wanted, keys[at]), len(wanted) - 1)
        out[at] = wanted[place] == keys[at]
    return out
