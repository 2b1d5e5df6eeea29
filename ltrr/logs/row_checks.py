"""Checks of rows one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ltrr._kernels import replay_checks as flag
from ltrr.logs.copies import Copies, find_places, place_of
from ltrr.logs.events import Space
from ltrr.logs.raw import Raw, frozen
from ltrr.types import Float64, Int64, UInt32

__all__ = ["LARGEST", "NO_FLOATS", "bounds", "check_columns", "check_floor", "check_sets", "clip", "settle"]

TOLERANCE = 1e-3
"""How far probabilities may be off: their sum absolutely, a propensity relatively.

Float32 alone is off by 1e-5 over a thousand actions, and logs written as text have three or four digits; a
part in a thousand biases no estimate by more than that.
"""

_JUST_ABOVE = 1.0 + 1e-6
"""Up to here a probability above 1 is rounding."""

LARGEST = float(np.finfo(np.float64).max)
"""Where no range is declared."""

NO_FLOATS = frozen(np.zeros(0, np.float64))
"""A column that the log does not have."""


def settle(raw: Raw, copies: Copies) -> Raw:
    """Return the chunk with the rewards that the first of several copies get."""
    if copies.keep is None:
        return raw
    places, rewards = copies.rewards
    at, which = find_places(place_of(raw.row, raw.slot), places)
    reward = raw.reward.copy()
    reward[at] = rewards[which]
    return replace(raw, reward=frozen(reward))


def clip(raw: Raw, space: Space, flags: UInt32) -> Raw:
    """Return the chunk with probabilities that rounding left above 1 taken as 1."""

    def clipped(values: Float64 | None, indptr: Int64 | None = None, each: int = 1) -> Any:
        high = np.zeros(0, np.int64) if values is None else np.flatnonzero(values > 1.0)
        high = high[values[high] <= _JUST_ABOVE] if values is not None else high
        if values is None or len(high) == 0:
            return values
        rows = high // each if indptr is None else np.searchsorted(indptr, high, "right") - 1
        flags[rows] |= np.uint32(flag.CLIPPED)
        values = values.copy()
        values[high] = 1.0
        return frozen(values)

    return replace(
        raw,
        propensity=clipped(raw.propensity),
        probabilities=clipped(raw.probabilities, raw.indptr, len(space.actions)),
        targets={name: clipped(values) for name, values in raw.targets.items()},
    )


def bounds(space: Space) -> tuple[float, float]:
    """Return the declared range of rewards, a little wider: rewards may have been rounded to float32."""
    low, high = space.reward_range or (-LARGEST, LARGEST)
    slack = 1e-6 * min(max(abs(low), abs(high)), 1e300)
    return max(low - slack, -LARGEST), min(high + slack, LARGEST)


def check_sets(raw: Raw, space: Space, flags: UInt32) -> Raw:
    """Flag eligible actions and their probabilities; return the row with a propensity where it can be had."""
    if raw.eligible is None and raw.probabilities is None:
        return raw
    n, size = len(raw.row), len(space.actions)
    indptr, eligible = raw.indptr, raw.eligible
    if indptr is None or eligible is None:
        indptr = frozen(np.arange(n + 1, dtype=np.int64) * size)
        eligible = frozen(np.tile(np.arange(size, dtype=np.int32), n))
    stated = NO_FLOATS if raw.probabilities is None else raw.probabilities
    logged = NO_FLOATS if raw.propensity is None else raw.propensity
    entry = flag.flag_distributions(indptr, eligible, size, stated, raw.action, logged, TOLERANCE, flags)
    if raw.propensity is not None or raw.probabilities is None:
        return raw
    never = (entry < flag.LEAST) & (flags & np.uint32(flag.PROBABILITY) == 0)
    flags[never] |= np.uint32(flag.PROPENSITY_LOW)
    return replace(raw, propensity=entry)


def check_floor(raw: Raw, space: Space, flags: UInt32) -> None:
    """Flag propensities below the declared floor; they may have been rounded to float32."""
    if space.floor is None or raw.propensity is None:
        return
    low = (raw.propensity < space.floor * (1.0 - 1e-6)) & (raw.propensity >= flag.LEAST)
    flags[low] |= np.uint32(flag.BELOW_FLOOR)


def check_columns(raw: Raw, flags: UInt32) -> None:
    """Flag target probabilities, contexts and features."""
    n = len(raw.row)
    for values in raw.targets.values():
        flag.flag_targets(values, flags)
    if raw.context is not None and raw.context.shape[1]:
        # a missing value is no fault: models that use the column take it
        flag.flag_not_finite(raw.context, frozen(np.arange(n + 1)), flag.CONTEXT, flags)
    if raw.features is not None and n:
        each = len(raw.features) // n
        indptr = frozen(np.arange(n + 1) * each) if raw.indptr is None else raw.indptr
        flag.flag_not_finite(raw.features, indptr, flag.FEATURE, flags)
