"""From columns as parsed to checked events: faulty rows are counted, reported and excluded."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np

from ltrr._kernels import replay_checks as flag
from ltrr.errors import InputError
from ltrr.logs.admit_state import AdmitState
from ltrr.logs.copies import Copies, find_places, place_of
from ltrr.logs.events import Events, Space
from ltrr.logs.fault_messages import FaultyRow, message
from ltrr.logs.faults import SPOILS, Faults
from ltrr.logs.identity import Identity, identify
from ltrr.logs.raw import Raw, frozen
from ltrr.logs.row_checks import (
    LARGEST,
    NO_FLOATS,
    bounds,
    check_columns,
    check_floor,
    check_sets,
    clip,
    settle,
)
from ltrr.types import Bool, Int8, Int64, UInt32

__all__ = ["AdmitState", "admit"]

ROW, REQUEST, NOTHING = "row", "request", "nothing"
"""What is excluded with a fault."""


class Rule(NamedTuple):
    """A check: the kind of fault (of `ltrr.logs.faults.FAULTS`), its rule, what is excluded, its flags."""

    fault: str
    rule: str
    excludes: str
    bits: int


RULES = (
    Rule("missing value", "an action, a reward, an id, targets", REQUEST, flag.MISSING),
    Rule("unseen category", "actions are in the space", REQUEST, flag.UNKNOWN),
    Rule("reward not finite", "at most 1e30 either way", REQUEST, flag.REWARD_INFINITE),
    Rule("reward out of range", "a request's sum is as declared", REQUEST, flag.REWARD_RANGE),
    Rule("propensity missing", "every row has one, or none", REQUEST, flag.PROPENSITY_MISSING),
    Rule("propensity not finite", "finite", REQUEST, flag.PROPENSITY_INFINITE),
    Rule("propensity not positive", "at least 1e-30", REQUEST, flag.PROPENSITY_LOW),
    Rule("propensity above 1", "at most 1 + 1e-6", REQUEST, flag.PROPENSITY_HIGH),
    Rule("propensity just above 1", "at most 1; else taken as 1", NOTHING, flag.CLIPPED),
    Rule("propensity below the floor", "at least as declared", NOTHING, flag.BELOW_FLOOR),
    Rule("probability outside [0, 1]", "from 0 to 1 + 1e-6", REQUEST, flag.PROBABILITY),
    Rule("probabilities do not sum to 1", "within 1e-3", REQUEST, flag.SUM),
    Rule("propensity differs from distribution", "within a relative 1e-3", REQUEST, flag.DIFFERS),
    Rule("action not eligible", "the row's list holds the action", REQUEST, flag.NOT_ELIGIBLE),
    Rule("action repeated", "a list holds an action once", REQUEST, flag.REPEATED),
    Rule("no eligible action", "a list is not empty", REQUEST, flag.NO_ELIGIBLE),
    Rule("count not positive", "a kept share in (0, 1]", REQUEST, flag.COUNT),
    Rule("counts differ", "a request has one count", REQUEST, flag.COUNTS_DIFFER),
    Rule("target outside [0, 1]", "from 0 to 1 + 1e-6", REQUEST, flag.TARGET),
    Rule("context not finite", "finite; a context may be missing", REQUEST, flag.INFINITE),
    Rule("duplicate event", "an event and slot occur once", ROW, flag.DUPLICATE),
    Rule("copies disagree", "copies are alike", REQUEST, flag.COPIES_DISAGREE),
    Rule("slots out of order", "0, 1, … without a gap", REQUEST, flag.SLOT_ORDER),
    Rule("request not adjacent", "its rows follow one another", REQUEST, flag.NOT_ADJACENT),
    Rule("time missing", "a time; else the one before", NOTHING, flag.TIME_MISSING),
    Rule("time runs backwards", "no earlier than the row before", NOTHING, flag.TIME_BACK),
)
"""What is checked.

Of copies the first row stays. Where `Copies.keep` chooses its reward, copies may disagree and stop no pass. A
request that is not adjacent stops the pass unless faults are only to be reported.
"""

SPOILING = sum(rule.bits for rule in RULES if rule.excludes != NOTHING)
"""The flags that keep a row out."""

_REPORTED = {*SPOILS, "dangling event"}
"""Kinds that a reader reports of a row; no further fault of such a row is reported."""

_RAW_ALONE = ("event", "faults", "named", "stated")
_NO_SLOTS = frozen(np.zeros(0, np.int16))
_NO_KEYS = np.zeros(0, np.uint64)


def admit(raw: Raw, space: Space, faults: Faults, state: AdmitState) -> Events:
    """Check a chunk by `RULES` and return its good rows.

    Where a slot is faulty its whole request is excluded, because weights of sequences need all slots. Of a
    repeated row only the repetitions are excluded, and the first one is kept. A row that cannot be parsed
    counts with the request before it while that has fewer slots than ``space.n_slots``. Where there are
    distributions but no propensities, the propensity is the chosen action's entry. A missing time is
    reported, and the time before it is used.

    Parameters
    ----------
    raw : Raw
        Columns as parsed; the slots of a request must lie in one chunk. They are not modified.
    space : Space
        What the ids mean.
    faults : Faults
        Where faults and numbers of rows (`Faults.seen`) are counted; it decides whether a fault stops the
        pass.
    state : AdmitState
        What is kept from chunk to chunk; one for each pass.

    Returns
    -------
    Events
        Keys are integer ids as they are, a 64-bit hash of text ids, or row numbers where there are no ids
        (that of the request's first row where there are slots).

    Raises
    ------
    InputError
        If a row is faulty and ``faults.on_error`` is "fail": the first such row of the chunk is named. If the
        rows of a request are not adjacent and ``faults.on_error`` is not "report". Or if columns differ in
        length, which is a fault of the reader.

    Examples
    --------
    >>> raw = Raw(np.arange(1, 4), np.array([0, 1, 0]), np.array([1.0, 0.0, 1.0]),
    ...     propensity=np.array([0.5, 1.5, 0.5]))
    >>> faults, state = Faults(on_error="skip"), AdmitState()
    >>> events = admit(raw, Space(("a", "b")), faults, state)
    >>> events.row.tolist(), faults.counts
    ([1, 3], {'propensity above 1': 1})
    """
    raw = raw.typed(space)
    n = len(raw.row)
    ids = None if raw.event is None else identify(raw.event)
    unattached, nameless, reported = _reported(raw, ids)
    copies = state.find(raw, ids, unattached == 0)
    flags = np.zeros(n, np.uint32)
    raw = clip(settle(raw, copies), space, flags)
    grouped = ids is not None or raw.slot is not None
    low, high = bounds(space)
    one_by_one = (-LARGEST, LARGEST) if grouped else (low, high)
    counts = NO_FLOATS if raw.count is None else raw.count
    propensity = NO_FLOATS if raw.propensity is None else raw.propensity
    flag.flag_values(raw.action, len(space.actions), raw.reward, propensity, counts, *one_by_one, flags)
    admitted = check_sets(raw, space, flags)
    check_floor(admitted, space, flags)
    check_columns(raw, flags)
    if raw.time is not None:
        time = np.empty(n)
        state.time = flag.flag_times(raw.time, unattached, state.time, flags, time)
        admitted = replace(admitted, time=time)
    start = np.arange(n, dtype=np.int64)
    if grouped:
        if ids is not None:
            flags[ids.missing] |= np.uint32(flag.EVENT_MISSING)
            _check_copies(raw, copies, unattached == 0, flags)
            _check_adjacent(raw, space, copies, faults, state, flags)
        _check_requests(raw, space, ids, unattached, nameless, flags, start)
        flag.flag_requests(start, raw.reward, counts, unattached, low, high, flags)
    events = _events(admitted, space, ids, start)
    if flags.any() or raw.faults:
        keep = np.empty(n, np.bool_)
        flag.keep_requests(start, (flags & np.uint32(SPOILING)).astype(np.bool_) | reported, flags, keep)
        _note(admitted, space, faults, flags, reported, start, keep, copies)
        if not keep.all():
            _count_left_out(admitted, space, faults, flags, keep)
            events = events.take(np.flatnonzero(keep))
    faults.seen(n, len(events))
    state.observe(events, timed=raw.time is not None)
    return events


def _reported(raw: Raw, ids: Identity | None) -> tuple[Int8, Int8, Bool]:
    """Return rows that are unreadable or nameless, that belong to a request by place, that are reported."""
    n = len(raw.row)
    unattached, reported = np.zeros(n, np.int8), np.zeros(n, np.bool_)
    if ids is not None:
        if len(ids.key) != n:
            raise InputError(f"`Raw.event` must have {n} values, got {len(ids.key)}")
        unattached[ids.missing] = flag.ATTACHED
    for kind, places, _ in raw.faults:
        if kind in _REPORTED:
            reported[places] = True
        if kind == "unreadable":
            unattached[places] = flag.ATTACHED
    for kind, places, _ in raw.faults:
        # an outcome without a decision is no slot of the request before it
        if kind == "dangling event":
            unattached[places] = flag.ALONE
    nameless = unattached
    if ids is not None and raw.slot is not None and raw.named is not None:
        # an unreadable row whose id was read belongs to the request of that name alone
        nameless = np.where((unattached == flag.ATTACHED) & raw.named, np.int8(0), unattached)
    return unattached, nameless, reported


def _check_copies(raw: Raw, copies: Copies, readable: Bool, flags: UInt32) -> None:
    """Flag copies, and where they disagree the first of them too; a copy has no other fault."""
    here = place_of(raw.row, raw.slot)
    at, which = find_places(here, place_of(copies.rows, copies.slot))
    at, which = at[readable[at]], which[readable[at]]
    flags[at] = np.uint32(flag.DUPLICATE)
    if copies.keep is None:
        flags[at[~copies.agree[which]]] |= np.uint32(flag.COPIES_DISAGREE)
        flags[find_places(here, copies.disputed)[0]] |= np.uint32(flag.COPIES_DISAGREE)


def _check_adjacent(
    raw: Raw, space: Space, copies: Copies, faults: Faults, state: AdmitState, flags: UInt32
) -> None:
    """Flag requests that go on after other requests, or stop at the first of them."""
    begins = find_places(raw.row, np.unique(copies.begins))[0]
    if len(begins) and faults.on_error != "report":
        row = FaultyRow(raw, space, int(begins[0]), int(begins[0]), copies)
        raise InputError(
            f"{faults.where}: rows of a request are not adjacent: {message(flag.NOT_ADJACENT, row)}; "
            f"sort the log by {', '.join(state.columns)}"
        )
    flags[begins] |= np.uint32(flag.NOT_ADJACENT)
    apart = place_of(copies.apart, copies.apart_slot)
    flags[find_places(place_of(raw.row, raw.slot), apart)[0]] |= np.uint32(flag.NOT_ADJACENT)


def _check_requests(
    raw: Raw,
    space: Space,
    ids: Identity | None,
    unattached: Int8,
    nameless: Int8,
    flags: UInt32,
    start: Int64,
) -> None:
    """Flag slots, and fill in the row (n,) where each row's request begins."""
    slot = _NO_SLOTS if raw.slot is None else raw.slot
    first = _NO_KEYS if ids is None else ids.first
    second = _NO_KEYS if ids is None else ids.second
    flag.request_starts(first, second, slot, nameless, space.n_slots, start)
    flag.flag_slots(start, slot, space.n_slots, unattached, flags)


def _events(raw: Raw, space: Space, ids: Identity | None, start: Int64) -> Events:
    """Return the events of all rows, good and bad."""
    plain = {f.name: getattr(raw, f.name) for f in fields(Raw) if f.name not in _RAW_ALONE}
    if ids is not None:
        key = ids.key[start]
    else:
        key = raw.row if raw.slot is None else raw.row[start]
    return Events(space, key=key, **plain)


def _count_left_out(raw: Raw, space: Space, faults: Faults, flags: UInt32, keep: Bool) -> None:
    """Count the rewards and actions of rows that are excluded."""
    gone = np.flatnonzero(~keep)
    action, reward = (raw.action, raw.reward) if raw.stated is None else raw.stated
    both = np.uint32(flag.DUPLICATE | flag.COPIES_DISAGREE)
    copy = (flags[gone] & both) == np.uint32(flag.DUPLICATE)
    faults.left_out.add(action[gone], reward[gone], copy, n_actions=len(space.actions))


def _note(
    raw: Raw,
    space: Space,
    faults: Faults,
    flags: UInt32,
    reported: Bool,
    start: Int64,
    keep: Bool,
    copies: Copies,
) -> None:
    """Report all faults of a chunk, the kind that comes first in the chunk first."""
    found: list[tuple[int, str, Int64, list[str]]] = []
    for kind, places, texts in raw.faults:
        order = np.argsort(places, kind="stable")
        details = [texts[j] for j in order[: faults.keep + 1].tolist() if j < len(texts)]
        found += [(int(places[order[0]]), kind, raw.row[places[order]], details)] if len(places) else []
    left = np.where(reported, np.uint32(0), flags)
    left[left & np.uint32(flag.COPIES_DISAGREE) != 0] &= ~np.uint32(flag.DUPLICATE)
    for kind, places, _ in raw.faults:
        left[places] &= ~np.uint32(sum(rule.bits for rule in RULES if rule.fault == kind))
    present = int(np.bitwise_or.reduce(left)) if len(left) else 0
    for rule in RULES:
        if present & rule.bits:
            places = np.flatnonzero(left & np.uint32(rule.bits))
            few = places[: max(1, faults.room(rule.fault))].tolist()
            found_in = [FaultyRow(raw, space, i, int(start[i]), copies) for i in few]
            details = [message(int(left[row.i]) & rule.bits, row) for row in found_in]
            found.append((int(places[0]), rule.fault, raw.row[places], details))
    # a stable sort: of one row's faults the cause comes before the consequence
    for _, kind, rows, details in sorted(found, key=lambda one: one[0]):
        faults.note(kind, rows, details, fatal=kind != "duplicate event" or copies.keep is None)
    clean = ~keep & ~reported & ((flags & np.uint32(SPOILING)) == 0)
    rows = raw.row[clean]
    details = [f"of the request that begins in row {row}" for row in raw.row[start[clean][: faults.keep + 1]]]
    faults.note("slot of a faulty request", rows, details)
