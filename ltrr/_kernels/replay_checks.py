"""What is wrong with rows of a log: kernels that only flag; words are found for the flagged rows alone."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr._kernels.text_hash import UInt64
from ltrr.types.arrays import Bool, Float32, Float64, Int8, Int16, Int32, Int64, UInt32

__all__ = [
    "ATTACHED",
    "flag_distributions",
    "flag_not_finite",
    "flag_requests",
    "flag_slots",
    "flag_targets",
    "flag_times",
    "flag_values",
    "keep_requests",
    "request_starts",
]

ACTION_MISSING = 1 << 0
ACTION_UNKNOWN = 1 << 1
REWARD_MISSING = 1 << 2
REWARD_INFINITE = 1 << 3
REWARD_RANGE = 1 << 4
PROPENSITY_MISSING = 1 << 5
PROPENSITY_INFINITE = 1 << 6
PROPENSITY_LOW = 1 << 7
PROPENSITY_HIGH = 1 << 8
COUNT = 1 << 9
COUNTS_DIFFER = 1 << 10
TARGET = 1 << 11
CONTEXT = 1 << 12
FEATURE = 1 << 13
NO_ELIGIBLE = 1 << 14
ELIGIBLE_UNKNOWN = 1 << 15
REPEATED = 1 << 16
NOT_ELIGIBLE = 1 << 17
PROBABILITY = 1 << 18
SUM = 1 << 19
DIFFERS = 1 << 20
EVENT_MISSING = 1 << 21
DUPLICATE = 1 << 22
SLOT_ORDER = 1 << 23
NOT_ADJACENT = 1 << 24
TIME_MISSING = 1 << 25
TIME_BACK = 1 << 26
COPIES_DISAGREE = 1 << 27
CLIPPED = 1 << 28
TARGET_MISSING = 1 << 29
BELOW_FLOOR = 1 << 30

MISSING = ACTION_MISSING | REWARD_MISSING | EVENT_MISSING | TARGET_MISSING
UNKNOWN = ACTION_UNKNOWN | ELIGIBLE_UNKNOWN
INFINITE = CONTEXT | FEATURE
"""Bits of a row's faults; `ltrr.logs.admit` says what they are called."""

ATTACHED, ALONE = 1, 2
"""What a row whose request is not known belongs to: the request before it, or none."""

LEAST = 1e-30
"""Smallest propensity: weights of less, squared and summed, leave the range of float64."""

LARGEST = 1e30
"""Largest reward and count, for the same reason."""

_LEAST_COUNT = 1.0 - 1e-6
"""1 / a kept share of 1 that went through float32."""


@kernel
def flag_values(
    action: Int32,
    n_actions: int,
    reward: Float64,
    propensity: Float64,
    count: Float64,
    low: float,
    high: float,
    flags: UInt32,
) -> None:
    """Flag actions, rewards, propensities and counts; the last two may be empty."""
    has_propensity, has_count = len(propensity) > 0, len(count) > 0
    for i in range(len(action)):
        f = 0
        a, r = action[i], reward[i]
        if not 0 <= a < n_actions:
            f |= ACTION_MISSING if a < 0 else ACTION_UNKNOWN
        # One test passes nearly every row. NaN fails both comparisons, so it is among the few that are told
        # apart.
        if not (low <= r <= high and abs(r) <= LARGEST):
            f |= REWARD_MISSING if np.isnan(r) else REWARD_INFINITE if abs(r) > LARGEST else REWARD_RANGE
        if has_propensity:
            p = propensity[i]
            # Again NaN and infinity fail with the rest, and are named only then.
            if not LEAST <= p <= 1.0:
                if np.isnan(p):
                    f |= PROPENSITY_MISSING
                elif np.isinf(p):
                    f |= PROPENSITY_INFINITE
                else:
                    f |= PROPENSITY_LOW if p < LEAST else PROPENSITY_HIGH
        if has_count and not _LEAST_COUNT <= count[i] <= LARGEST:
            f |= COUNT
        flags[i] |= np.uint32(f)


@kernel
def flag_targets(values: Float64, flags: UInt32) -> None:
    """Flag target probabilities that are missing or outside [0, 1]."""
    for i in range(len(values)):
        if not 0.0 <= values[i] <= 1.0:
            flags[i] |= np.uint32(TARGET_MISSING if np.isnan(values[i]) else TARGET)


@kernel
def flag_not_finite(values: Float32, indptr: Int64, bit: int, flags: UInt32) -> None:
    """Flag rows i with an infinite value in ``values[indptr[i]:indptr[i + 1]]`` (N, width).

    NaN is a missing value in a context, and a fault in a feature.
    """
    missing = bit == CONTEXT
    for i in range(len(indptr) - 1):
        bad = False
        for j in range(indptr[i], indptr[i + 1]):
            for k in range(values.shape[1]):
                bad |= np.isinf(values[j, k]) or (not missing and np.isnan(values[j, k]))
        if bad:
            flags[i] |= np.uint32(bit)


@kernel
def flag_distributions(
    indptr: Int64,
    eligible: Int32,
    n_actions: int,
    probabilities: Float64,
    action: Int32,
    propensity: Float64,
    tolerance: float,
    flags: UInt32,
) -> Float64:
    """Flag eligible actions and their probabilities; return the probability of each chosen action (n,).

    ``probabilities`` and ``propensity`` may be empty. NaN is returned where the chosen action's is not known.
    """
    # Row numbers as marks: a repeated action is seen without clearing n_actions places for each row.
    stamp = np.full(n_actions, -1, np.int64)
    stated = len(probabilities) > 0
    entry = np.full(len(action), np.nan)
    for i in range(len(action)):
        f, total, place = 0, 0.0, -1
        for j in range(indptr[i], indptr[i + 1]):
            a = eligible[j]
            if 0 <= a < n_actions:
                if stamp[a] == i:
                    f |= REPEATED
                stamp[a] = i
            else:
                f |= ELIGIBLE_UNKNOWN
            # The first of repeated entries is the one that counts; the row is left out anyway.
            if place < 0 and a == action[i]:
                place = j
            if stated:
                total += probabilities[j]
                if not 0.0 <= probabilities[j] <= 1.0:
                    f |= PROBABILITY
        if indptr[i] == indptr[i + 1]:
            f |= NO_ELIGIBLE
        elif place < 0 and 0 <= action[i] < n_actions:
            # An unknown action is a fault of its own, and is not also called not eligible.
            f |= NOT_ELIGIBLE
        if stated and indptr[i] < indptr[i + 1]:
            # The sum of faulty entries says nothing new; one fault is reported once.
            if not f & PROBABILITY and abs(total - 1.0) > tolerance:
                f |= SUM
            if place >= 0:
                entry[i] = probabilities[place]
                if len(propensity) > 0 and LEAST <= propensity[i] <= 1.0 and not f & PROBABILITY:
                    p, q = propensity[i], entry[i]
                    # Relative to the larger: propensities span many decades, and an absolute tolerance would
                    # pass any small one.
                    if abs(p - q) > tolerance * max(p, q):
                        f |= DIFFERS
        flags[i] |= np.uint32(f)
    return entry


@kernel
def flag_times(time: Float64, unattached: Int8, last: float, flags: UInt32, out: Float64) -> float:
    """Flag times that are missing or run backwards, and fill the missing with the one before.

    ``last`` is the latest known time before the chunk, NaN if there is none; returned is the one after it.
    Where nothing came before, the first time known in the chunk is filled in, else 0.
    """
    # A row whose request is not known may bear an outcome's time: it neither fills gaps nor moves the clock.
    first = last
    for i in range(len(time)):
        if np.isnan(first) and np.isfinite(time[i]) and unattached[i] == 0:
            first = time[i]
    fill = 0.0 if np.isnan(first) else first
    for i in range(len(time)):
        t = time[i]
        if not np.isfinite(t):
            flags[i] |= np.uint32(TIME_MISSING)
            out[i] = fill
            continue
        out[i] = t
        if unattached[i] == 0:
            # False while nothing came before, since `last` is NaN.
            if t < last:
                flags[i] |= np.uint32(TIME_BACK)
            last = fill = t
    return last


@kernel
def request_starts(
    first: UInt64, second: UInt64, slot: Int16, unattached: Int8, n_slots: int, start: Int64
) -> None:
    """Fill ``start`` (n,) with the row where each row's request begins.

    Rows with the same id (``first``, and ``second`` unless it is empty) next to one another are one request;
    without ids (``first`` empty) slot 0 begins one. A row whose id cannot be read (``unattached`` is
    `ATTACHED`) counts with the request before it unless that has ``n_slots`` rows already: to judge that
    request without a slot would be wrong, to leave it out costs one request.
    """
    # The last row whose id could be read; those that could not are passed over in the comparison.
    known = -1
    for i in range(len(unattached)):
        begin = i == 0
        if not begin:
            s = start[i - 1]
            if unattached[i] == ATTACHED:
                # Without slots a request is one row, so that nothing can be attached to the one before.
                begin = len(slot) == 0 or i - s >= n_slots or unattached[s] != 0
            # The request before has no id to compare with: none of its rows could be read.
            elif unattached[i] == ALONE or known < s:
                begin = True
            elif len(first) == 0:
                begin = slot[i] == 0
            else:
                begin = first[i] != first[known] or (len(second) > 0 and second[i] != second[known])
        start[i] = i if begin else start[i - 1]
        if unattached[i] == 0:
            known = i


@kernel
def flag_slots(start: Int64, slot: Int16, n_slots: int, unattached: Int8, flags: UInt32) -> None:
    """Flag slots that are out of order, among rows that are no copies."""
    expected = 0
    for i in range(len(start)):
        if start[i] == i:
            expected = 0
        # a copy takes no place in the order
        if unattached[i] == 0 and flags[i] & DUPLICATE:
            continue
        value = slot[i] if len(slot) > 0 else 0
        # An unreadable row stands for the slot that it would have had, or all after it would seem out of
        # order. Rows apart from their request are known as such.
        if unattached[i] == 0 and not flags[i] & NOT_ADJACENT and (value != expected or value >= n_slots):
            flags[i] |= np.uint32(SLOT_ORDER)
        expected += 1


@kernel
def flag_requests(
    start: Int64, reward: Float64, count: Float64, unattached: Int8, low: float, high: float, flags: UInt32
) -> None:
    """Flag the last row of requests whose rewards add up to other than declared, and counts that differ."""
    n = len(start)
    total = 0.0
    lead = tail = -1
    for i in range(n):
        if start[i] == i:
            total = 0.0
            lead = tail = -1
        # a repeated row is left out alone, so that the request's verdict must not stand there
        if not flags[i] & DUPLICATE and unattached[i] == 0:
            total += reward[i]
            tail = i
            if len(count) > 0 and not flags[i] & COUNT:
                lead = i if lead < 0 else lead
                if count[i] != count[lead]:
                    flags[i] |= np.uint32(COUNTS_DIFFER)
        # The fault is set on the last good row, where the sum is complete.
        ends = i + 1 == n or start[i + 1] == i + 1
        if ends and tail >= 0 and np.isfinite(total) and not low <= total <= high:
            flags[tail] |= np.uint32(REWARD_RANGE)


@kernel
def keep_requests(start: Int64, bad: Bool, flags: UInt32, keep: Bool) -> None:
    """Fill ``keep``: rows of requests without a bad row; duplicates go alone."""
    n = len(start)
    lead = 0
    for i in range(n):
        # One pass forward cannot do: a bad last row takes the first one out. So `keep` of a request's first
        # row holds the state of the request until the second pass.
        if start[i] == i:
            lead = i
            keep[lead] = True
        if bad[i] and not flags[i] & DUPLICATE:
            keep[lead] = False
    whole = False
    for i in range(n):
        # the first row is read before it is overwritten by its own state as a duplicate
        if start[i] == i:
            whole = keep[i]
        keep[i] = whole and not (bad[i] or flags[i] & DUPLICATE)
