"""From columns as parsed to checked events: faulty rows are counted, reported and excluded."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ltrr import _check
from ltrr._kernels import replay_checks as flag
from ltrr.errors import InputError
from ltrr.logs.admit_state import AdmitState
from ltrr.logs.duplicates import Identity, identify
from ltrr.logs.events import Events, Space
from ltrr.logs.fault_messages import FLAGS, SPOILING, TOLERANCE, message
from ltrr.logs.faults import SPOILS, Faults
from ltrr.logs.raw import Raw
from ltrr.types import Bool, Int8, Int64, UInt32

__all__ = ["AdmitState", "admit"]

_REPORTED = {*SPOILS, "dangling event"}
"""Kinds that a reader reports of a row; no further fault of such a row is reported."""

_LARGEST = float(np.finfo(np.float64).max)


def _frozen(values: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view: kernels are compiled once, for such columns only."""
    view = values.view()
    view.flags.writeable = False
    return view


_NO_FLOATS = _frozen(np.zeros(0, np.float64))
_NO_SLOTS = _frozen(np.zeros(0, np.int16))
_NO_KEYS = np.zeros(0, np.uint64)


def admit(raw: Raw, space: Space, faults: Faults, state: AdmitState) -> Events:
    """Check a chunk and return its good rows.

    Row by row: actions, rewards, propensities, distributions, eligible actions, counts, target columns,
    context and times. By request: slots run from 0 without a gap and are adjacent, event and slot occur once,
    rewards add up to what was declared. Where a slot is faulty its whole request is excluded, because weights
    of sequences need all slots; of a repeated row only the repetitions are excluded, and the first one is
    kept. A row that cannot be parsed counts with the request before it while that has fewer slots than
    ``space.n_slots``. Where there are distributions but no propensities, the propensity is the chosen
    action's entry. A missing time is reported, and the time before it is used.

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
        If a row is faulty and ``faults.on_error`` is "fail": the first such row of the chunk is named. Or if
        columns differ in length, which is a fault of the reader.

    Examples
    --------
    >>> raw = Raw(np.arange(1, 4), np.array([0, 1, 0]), np.array([1.0, 0.0, 1.0]),
    ...     propensity=np.array([0.5, 1.5, 0.5]))
    >>> faults, state = Faults(on_error="skip"), AdmitState()
    >>> events = admit(raw, Space(("a", "b")), faults, state)
    >>> events.row.tolist(), faults.counts
    ([1, 3], {'propensity above 1': 1})
    """
    raw = _typed(raw, space)
    n = len(raw.row)
    ids = None if raw.event is None else identify(raw.event)
    unattached, reported = _reported(raw, ids)
    flags = np.zeros(n, np.uint32)
    start = np.arange(n, dtype=np.int64)
    grouped = ids is not None or raw.slot is not None
    low, high = _bounds(space)
    one_by_one = (-_LARGEST, _LARGEST) if grouped else (low, high)
    counts = _NO_FLOATS if raw.count is None else raw.count
    propensity = _NO_FLOATS if raw.propensity is None else raw.propensity
    flag.flag_values(raw.action, len(space.actions), raw.reward, propensity, counts, *one_by_one, flags)
    admitted = _check_sets(raw, space, flags)
    _check_columns(raw, flags)
    if raw.time is not None:
        time = np.empty(n)
        state.time = flag.flag_times(raw.time, unattached, state.time, flags, time)
        admitted = replace(admitted, time=time)
    if ids is not None:
        flags[ids.missing] |= np.uint32(flag.EVENT_MISSING)
    if grouped:
        start = _check_requests(raw, space, ids, unattached, flags, state)
        flag.flag_requests(start, raw.reward, counts, unattached, low, high, flags)
    events = _events(admitted, space, ids, start)
    if flags.any() or raw.faults:
        keep = np.empty(n, np.bool_)
        flag.keep_requests(start, (flags & np.uint32(SPOILING)).astype(np.bool_) | reported, flags, keep)
        _note(admitted, space, faults, flags, reported, start, keep)
        events = events.take(np.flatnonzero(keep)) if not keep.all() else events
    faults.seen(n, len(events))
    state.observe(events, timed=raw.time is not None)
    return events


def _typed(raw: Raw, space: Space) -> Raw:
    """Return the columns in their types; a column of wrong length is the reader's fault and an error."""
    n = len(raw.row)
    shapes: dict[str, tuple[Any, tuple[int | None, ...]]] = {
        "row": (np.int64, (n,)),
        "action": (np.int32, (n,)),
        "reward": (np.float64, (n,)),
        "propensity": (np.float64, (n,)),
        "slot": (np.int16, (n,)),
        "time": (np.float64, (n,)),
        "context": (np.float32, (n, len(space.context_names))),
        "count": (np.float64, (n,)),
        "eligible": (np.int32, (None,)),
    }
    if (raw.indptr is None) != (raw.eligible is None):
        raise InputError("`Raw.indptr` and `Raw.eligible` must be given together")
    size = n * len(space.actions) if raw.eligible is None else len(raw.eligible)
    shapes["probabilities"] = (np.float64, (size,))
    shapes["features"] = (np.float32, (size, len(space.feature_names)))
    typed: dict[str, Any] = {}
    for name, (dtype, shape) in shapes.items():
        value = getattr(raw, name)
        if value is not None:
            typed[name] = _frozen(_check.array(f"Raw.{name}", value, dtype, shape))
    if raw.indptr is not None:
        typed["indptr"] = _frozen(_check.indptr("Raw.indptr", raw.indptr, n, size))
    typed["targets"] = {
        name: _frozen(_check.array(f"Raw.targets[{name!r}]", values, np.float64, (n,)))
        for name, values in raw.targets.items()
    }
    return replace(raw, **typed)


def _reported(raw: Raw, ids: Identity | None) -> tuple[Int8, Bool]:
    """Return which rows belong to a request by place only, and of which the reader has reported a fault."""
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
    return unattached, reported


def _bounds(space: Space) -> tuple[float, float]:
    """Return the declared range of rewards, a little wider: rewards may have been rounded to float32."""
    low, high = space.reward_range or (-_LARGEST, _LARGEST)
    slack = 1e-6 * min(max(abs(low), abs(high)), 1e300)
    return max(low - slack, -_LARGEST), min(high + slack, _LARGEST)


def _check_sets(raw: Raw, space: Space, flags: UInt32) -> Raw:
    """Flag eligible actions and their probabilities; return the row with a propensity where it can be had."""
    if raw.eligible is None and raw.probabilities is None:
        return raw
    n, size = len(raw.row), len(space.actions)
    indptr, eligible = raw.indptr, raw.eligible
    if indptr is None or eligible is None:
        indptr = _frozen(np.arange(n + 1, dtype=np.int64) * size)
        eligible = _frozen(np.tile(np.arange(size, dtype=np.int32), n))
    stated = _NO_FLOATS if raw.probabilities is None else raw.probabilities
    logged = _NO_FLOATS if raw.propensity is None else raw.propensity
    entry = flag.flag_distributions(indptr, eligible, size, stated, raw.action, logged, TOLERANCE, flags)
    if raw.propensity is not None or raw.probabilities is None:
        return raw
    never = (entry < flag.LEAST) & (flags & np.uint32(flag.PROBABILITY) == 0)
    flags[never] |= np.uint32(flag.PROPENSITY_LOW)
    return replace(raw, propensity=entry)


def _check_columns(raw: Raw, flags: UInt32) -> None:
    """Flag target probabilities, contexts and features."""
    n = len(raw.row)
    for values in raw.targets.values():
        flag.flag_unit_interval(values, flag.TARGET, flags)
    if raw.context is not None and raw.context.shape[1]:
        flag.flag_not_finite(raw.context, _frozen(np.arange(n + 1)), flag.CONTEXT, flags)
    if raw.features is not None and n:
        each = len(raw.features) // n
        indptr = _frozen(np.arange(n + 1) * each) if raw.indptr is None else raw.indptr
        flag.flag_not_finite(raw.features, indptr, flag.FEATURE, flags)


def _check_requests(
    raw: Raw, space: Space, ids: Identity | None, unattached: Int8, flags: UInt32, state: AdmitState
) -> Int64:
    """Flag duplicates and slots; return the row (n,) where each row's request begins."""
    n = len(raw.row)
    slot = _NO_SLOTS if raw.slot is None else raw.slot
    start, mask, earlier = np.empty((3, n), np.int64)
    first = _NO_KEYS if ids is None else ids.first
    second = _NO_KEYS if ids is None else ids.second
    flag.request_starts(first, second, slot, unattached, space.n_slots, start, mask)
    earlier[:] = 0
    if ids is not None:
        state.compare(ids, raw.row, mask, earlier)
    flag.flag_slots(start, slot, space.n_slots, unattached, earlier, flags)
    return start


def _events(raw: Raw, space: Space, ids: Identity | None, start: Int64) -> Events:
    """Return the events of all rows, good and bad."""
    plain = {f.name: getattr(raw, f.name) for f in fields(Raw) if f.name not in ("event", "faults")}
    if ids is not None:
        key = ids.key[start]
    else:
        key = raw.row if raw.slot is None else raw.row[start]
    return Events(space, key=key, **plain)


def _note(
    raw: Raw, space: Space, faults: Faults, flags: UInt32, reported: Bool, start: Int64, keep: Bool
) -> None:
    """Report all faults of a chunk, the kind that comes first in the chunk first."""
    found: list[tuple[int, str, Int64, list[str]]] = []
    for kind, places, texts in raw.faults:
        order = np.argsort(places, kind="stable")
        details = [texts[j] for j in order[: faults.keep + 1].tolist() if j < len(texts)]
        found += [(int(places[order[0]]), kind, raw.row[places[order]], details)] if len(places) else []
    left = np.where(reported, np.uint32(0), flags)
    for kind, places, _ in raw.faults:
        left[places] &= ~np.uint32(sum(FLAGS.get(kind, ())))
    present = int(np.bitwise_or.reduce(left)) if len(left) else 0
    for kind, each in FLAGS.items():
        bits = sum(each)
        if present & bits:
            places = np.flatnonzero(left & np.uint32(bits))
            few = places[: max(1, faults.room(kind))].tolist()
            details = [message(int(left[i]) & bits, raw, space, i, int(start[i])) for i in few]
            found.append((int(places[0]), kind, raw.row[places], details))
    # a stable sort: of one row's faults the cause comes before the consequence
    for _, kind, rows, details in sorted(found, key=lambda one: one[0]):
        faults.note(kind, rows, details)
    clean = ~keep & ~reported & ((flags & np.uint32(SPOILING)) == 0)
    rows = raw.row[clean]
    details = [f"of the request that begins in row {row}" for row in raw.row[start[clean][: faults.keep + 1]]]
    faults.note("slot of a faulty request", rows, details)
