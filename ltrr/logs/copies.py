"""Rows that a log holds twice, and requests whose rows lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.types import Bool, Float64, Int16, Int64

__all__ = ["KEEP", "Copies", "find_places", "place_of"]

KEEP = ("first", "last", "max", "sum")
"""Which reward the first of several copies gets."""


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
        Their slots, 0 where the log has none: a file may hold several slots of a request in one row.
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
    """Return a number for each row and slot, in their order: a file may hold several slots in one row."""
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
