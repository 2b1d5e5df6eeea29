"""How many candidates each arm delivers when slots come back short."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Int32

__all__ = ["delivered"]


@kernel
def delivered(
    quota: Int32, available: Int32, slabs: Int32, slot_size: int, fallback: Int32, out: Int32
) -> int:
    """Fill ``out`` (R,) with candidates per arm and return how many of them were spilled.

    A slot holds ``slot_size`` candidates. Arm a is asked for ``slabs[a]`` of them in each of its slots and
    delivers as many as it has (``available``, counted up to the whole budget). The rest of the slots spills
    to the fallback arms in their order, as far as they have more.

    Parameters
    ----------
    quota : int32 (R,)
        Slots of each arm.
    available : int32 (R,)
        Candidates that each arm has, counted up to the whole budget.
    slabs : int32 (R,)
        Candidates that a slot asks of each arm, at most ``slot_size``.
    slot_size : int
        Candidates a slot.
    fallback : int32 (F,)
        Arms that deliver what is missing, in this order.
    out : int32 (R,)
        Filled.
    """
    missing = 0
    for a in range(len(quota)):
        out[a] = min(quota[a] * slabs[a], available[a])
        # Counted against the whole slot: what a short slab leaves of it is missing like what an arm lacks.
        missing += quota[a] * slot_size - out[a]
    spilled = 0
    for a in fallback:
        # Fallback arms may have been asked themselves, so that only what they have beyond that is left.
        extra = min(missing, available[a] - out[a])
        if extra > 0:
            out[a] += extra
            missing -= extra
            spilled += extra
    return spilled
