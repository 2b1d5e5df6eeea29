"""How many candidates each arm delivers when slabs come back short."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Int32

__all__ = ["delivered", "delivered_rows"]


@kernel
def delivered(quota: Int32, available: Int32, slot_size: int, fallback: Int32, out: Int32) -> int:
    """Fill ``out`` (R,) with candidates per arm and return how many of them were spilled.

    Each arm delivers its quota times ``slot_size`` or as many as it has (``available``, counted up to the
    whole budget). What is missing spills to the fallback arms in their order, as far as they have more.

    Parameters
    ----------
    quota : int32 (R,)
        Slots of each arm.
    available : int32 (R,)
        Candidates that each arm has, counted up to the whole budget.
    slot_size : int
        Candidates a slot.
    fallback : int32 (F,)
        Arms that deliver what is missing, in this order.
    out : int32 (R,)
        Filled.
    """
    missing = 0
    for a in range(len(quota)):
        asked = quota[a] * slot_size
        out[a] = min(asked, available[a])
        missing += asked - out[a]
    spilled = 0
    for a in fallback:
        # Fallback arms may have been asked themselves, so that only what they have beyond that is left.
        extra = min(missing, available[a] - out[a])
        if extra > 0:
            out[a] += extra
            missing -= extra
            spilled += extra
    return spilled


@kernel
def delivered_rows(
    quota: Int32, available: Int32, slot_size: int, fallback: Int32, out: Int32, spilled: Int32
) -> None:
    """Apply `delivered` to each request: fills ``out`` (B, R) and ``spilled`` (B,)."""
    for b in range(len(quota)):
        spilled[b] = delivered(quota[b], available[b], slot_size, fallback, out[b])
