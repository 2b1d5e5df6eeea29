"""What is kept of a log's rows to find copies among them, and how they are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ltrr._kernels.text_hash import UInt64
from ltrr.logs.copies import Copies
from ltrr.logs.identity import Identity, identify
from ltrr.types import Bool, Float64, Int16, Int64

__all__ = ["Records", "compare", "records"]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_FILTER = np.uint64((1 << 22) - 1)

Records = NDArray[Any]
"""A structured array, a row each: its id, slot, row number, reward, and a digest of its other values."""


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
