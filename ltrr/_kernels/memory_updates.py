"""What pages teach a memory: counts of shows and actions, which fade, and who acted last."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr._kernels.memory import _find
from ltrr.types.arrays import Bool, Float32, Int32, Int64

__all__ = ["learn"]

# An update's weight doubles every half-life; all counts are scaled down when it reaches 2 to this power:
# that leaves float32 another 2^94 for the counts themselves.
_LARGEST = 32


@kernel
def _weakest(item: Int32, actions: Float32, shows: Float32) -> int:
    """Return the place of the fewest actions, then the fewest shows, then the highest item id."""
    worst = 0
    for i in range(1, len(item)):
        # Down to the item id, so that who leaves never depends on where an entry stands.
        if actions[i] != actions[worst]:
            weaker = actions[i] < actions[worst]
        elif shows[i] != shows[worst]:
            weaker = shows[i] < shows[worst]
        else:
            weaker = item[i] > item[worst]
        if weaker:
            worst = i
    return worst


@kernel
def _weight(half_life: float, clock: Int64, actions: Float32, shows: Float32) -> np.float32:
    """Return the next update's weight, and move the clock; scale the table down where weights grow large."""
    passed = clock[0] / half_life
    whole = np.int64(np.floor(passed))
    clock[0] += 1
    if whole - clock[1] >= _LARGEST:
        # A power of two: the counts keep their digits, so that it does not matter when this is done.
        smaller = np.float32(2.0 ** np.float64(clock[1] - whole))
        actions *= smaller
        shows *= smaller
        clock[1] = whole
    return np.float32(np.float32(2.0 ** (passed - whole)) * np.float32(2.0 ** np.float64(whole - clock[1])))


@kernel
def learn(
    query: Int32,
    asker: Int64,
    page: Int32,
    acted: Bool,
    alive: Bool,
    seen: Float32,
    half_life: float,
    clock: Int64,
    item: Int32,
    actions: Float32,
    shows: Float32,
    user: Int64,
    size: Int32,
) -> None:
    """Count shows and actions of the pages (B, K) into the table (Q, C), row by row, place by place.

    Parameters
    ----------
    query, asker : int32 (B,), int64 (B,)
        Query and user, −1 where a request has none.
    page : int32 (B, K)
        Items shown; −1 for an empty place.
    acted : bool (B, K)
        Where the user acted.
    alive : bool (N,)
        Items that may be entered.
    seen : float32 (K,)
        Shows that a show at each place counts as.
    half_life : float > 0
        Updates after which a count is worth half; infinity where counts keep their worth.
    clock : int64 (2,)
        Number of updates, and the power of two that the counts of the table are divided by; changed.
    item, actions, shows : int32 (Q, C), float32 (Q, C), float32 (Q, C)
        The table; changed. A count is worth ``2^(clock[1] − clock[0] / half_life)`` of what is stored.
    user : int64 (Q, C)
        Who acted last on each entry, −1 where unknown; of no rows where everyone counts each time; changed.
    size : int32 (Q,)
        Filled places of each row; changed.
    """
    capacity = item.shape[1]
    for b in range(len(query)):
        q = query[b]
        weight = _weight(half_life, clock, actions, shows)
        # Requests without a query have no memory; −1 would count in the last row.
        if q < 0:
            continue
        for k in range(page.shape[1]):
            i = page[b, k]
            if i < 0:
                continue
            at = _find(item[q], size[q], i)
            if at >= 0:
                # Neither the action nor its show: else a user who likes an item would lower its rate.
                if acted[b, k] and len(user) > 0 and asker[b] >= 0 and user[q, at] == asker[b]:
                    continue
                # Whole numbers are exact in float32 up to 16.7 million, in half the memory of float64.
                shows[q, at] += weight * seen[k]
                if acted[b, k]:
                    actions[q, at] += weight
            # Only an action enters an item; a dead one may not be returned, so it must not take a place.
            elif acted[b, k] and alive[i]:
                if size[q] < capacity:
                    at = size[q]
                    size[q] += 1
                else:
                    at = _weakest(item[q], actions[q], shows[q])
                item[q, at] = i
                actions[q, at] = weight
                shows[q, at] = weight * seen[k]
                if len(user) > 0:
                    user[q, at] = -1
            else:
                continue
            if acted[b, k] and len(user) > 0 and asker[b] >= 0:
                user[q, at] = asker[b]
