"""Credit of a page's reward to the slots that drew its items."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Bool, Float64, Int64, UInt32

__all__ = ["ANY", "FIRST", "MARGINAL", "PAGE", "SPLIT", "per_item", "sequential", "sequential_once"]

SPLIT, MARGINAL, ANY, FIRST, PAGE = 0, 1, 2, 3, 4


@kernel
def per_item(rule: int, value: Float64, slots: UInt32, out: Float64) -> None:
    """Add to ``out`` (B, S) what each slot earns by rules that treat every shown item by itself.

    Parameters
    ----------
    rule : int
        What the slots that drew an item get of its value. `SPLIT`: equal shares; `ANY`: each the whole;
        `FIRST`: the lowest slot the whole; `MARGINAL`: the whole where one slot alone drew it. `PAGE`: every
        slot gets the value of the page, whatever it drew.
    value : float64 (B, K)
        What each place earned.
    slots : uint32 (B, K)
        Bit s is set where slot s drew the item.
    out : float64 (B, S)
        Added to.
    """
    n_slots = out.shape[1]
    for b in range(value.shape[0]):
        for k in range(value.shape[1]):
            v = value[b, k]
            if v == 0.0:
                continue
            if rule == PAGE:
                for s in range(n_slots):
                    out[b, s] += v
                continue
            drew = 0
            for s in range(n_slots):
                drew += (slots[b, k] >> np.uint32(s)) & np.uint32(1)
            # An item without a slot earns nobody anything. Where two slots drew an item, the page would hold
            # it without either of them, so that its marginal worth to each is 0.
            if drew == 0 or (rule == MARGINAL and drew > 1):
                continue
            share = v / drew if rule == SPLIT else v
            for s in range(n_slots):
                if (slots[b, k] >> np.uint32(s)) & np.uint32(1):
                    out[b, s] += share
                    if rule == FIRST:
                        break


@kernel
def sequential(value: Float64, slots: UInt32, order: Int64, out: Float64) -> None:
    """Add to ``out`` (B, S) the value of the items that each slot is the first to bring, in ``order``.

    Parameters
    ----------
    value : float64 (B, K)
        What each place earned.
    slots : uint32 (B, K)
        Bit s is set where slot s drew the item.
    order : int64 (B, S)
        The slots of each request, each once.
    out : float64 (B, S)
        Added to.
    """
    for b in range(value.shape[0]):
        seen = np.uint32(0)
        for s in order[b]:
            bit = np.uint32(1) << np.uint32(s)
            for k in range(value.shape[1]):
                # Asked of all earlier slots at once, since any of them would have brought the item.
                if slots[b, k] & bit and not slots[b, k] & seen:
                    out[b, s] += value[b, k]
            seen |= bit


@kernel
def sequential_once(value: Float64, counted: Bool, slots: UInt32, order: Int64, out: Float64) -> None:
    """Give the whole page's value to the first slot in ``order`` (B, S) that brings a counted item (B, K).

    Parameters
    ----------
    value : float64 (B, K)
        What each place earned.
    counted : bool (B, K)
        Places that count; the first slot to bring the item of one of them gets the value.
    slots : uint32 (B, K)
        Bit s is set where slot s drew the item.
    order : int64 (B, S)
        The slots of each request, each once.
    out : float64 (B, S)
        Added to.
    """
    for b in range(value.shape[0]):
        winner = -1
        for s in order[b]:
            bit = np.uint32(1) << np.uint32(s)
            for k in range(value.shape[1]):
                if counted[b, k] and slots[b, k] & bit:
                    winner = s
            if winner >= 0:
                break
        if winner >= 0:
            for k in range(value.shape[1]):
                out[b, winner] += value[b, k]
