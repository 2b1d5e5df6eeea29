"""The union of what the arms delivered, with provenance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ltrr import _check
from ltrr._kernels.union import collect, layout, merge
from ltrr.errors import InputError
from ltrr.types import Candidates, Int32, Union
from ltrr.types.trusted import trusted

__all__ = ["union"]

_COLUMNS = ("indptr", "item", "slots", "source_indptr", "arm", "slab", "rank", "score")
MAX_SLOTS = 32
"""`Union.slots` has a bit a slot."""


def union(
    parts: Sequence[Candidates],
    *,
    delivered: Int32,
    quota: Int32,
    slot_size: int,
    slabs: Int32 | None = None,
    action: Int32 | None = None,
    fallback: Sequence[int] | Int32 = (),
) -> Union:
    """Merge what R arms delivered to B requests; each candidate keeps every source that drew it.

    Arm a's c-th slab (ranks ``c·slabs[a] … (c+1)·slabs[a]``) belongs to the c-th slot that chose this arm.
    What fallback arms delivered beyond their own slots fills what is missing of the slots, the first slot's
    part first, and belongs to the slots that it fills. Where one slot chose the whole quota (no ``action``),
    everything belongs to slot 0.

    Parameters
    ----------
    parts : sequence of R Candidates
        Each arm's lists, at least as deep as ``delivered``.
    delivered : int32 (B, R)
        Candidates that count of each list.
    quota : int32 (B, R)
        Slots of each arm.
    slot_size : int >= 1
        Candidates a slot.
    slabs : int32 (R,), optional
        Candidates that a slot asks of each arm, in [1, ``slot_size``]; the whole slot if None.
    action : int32 (B, S), optional
        The arm that each slot chose, at most 32 slots; None where one slot chose the whole quota.
    fallback : sequence of int, optional
        Arms that fill slots, in this order; each once.

    Returns
    -------
    Union

    Raises
    ------
    InputError
        If a list is shorter than what it is said to have delivered, an arm that is no fallback delivered more
        than its slots asked for, or all arms more than the slots hold, an item id is negative, or ``quota``
        does not count ``action``.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.array([True])
    >>> lexical = Candidates(np.array([0, 2]), np.array([4, 1]), np.array([2.0, 1.0]), one)
    >>> popular = Candidates(np.array([0, 2]), np.array([1, 8]), np.array([9.0, 7.0]), one)
    >>> both = union(
    ...     [lexical, popular], delivered=np.array([[2, 2]]), quota=np.array([[1, 1]]), slot_size=2,
    ...     action=np.array([[1, 0]]),
    ... )
    >>> both.item.tolist(), both.slots.tolist(), both.source_indptr.tolist()
    ([1, 4, 8], [3, 2, 1], [0, 2, 3, 4])
    >>> both.arm.tolist(), both.rank.tolist()
    ([0, 1, 0, 1], [1, 0, 0, 1])

    Slots ask the popular list for one item only, so that the first slot is filled by the other arm's third:

    >>> longer = Candidates(np.array([0, 3]), np.array([4, 1, 6]), np.array([2.0, 1.0, 0.5]), one)
    >>> filled = union(
    ...     [longer, popular], delivered=np.array([[3, 1]]), quota=np.array([[1, 1]]), slot_size=2,
    ...     slabs=np.array([2, 1]), action=np.array([[1, 0]]), fallback=[0],
    ... )
    >>> filled.item.tolist(), filled.slots.tolist(), filled.spilled.tolist()
    ([1, 4, 6], [3, 2, 1], [1])
    """
    if not parts:
        raise InputError("`parts` must hold the candidates of at least one arm, got none")
    n, r = len(parts[0]), len(parts)
    _check.integer("slot_size", slot_size, low=1)
    used = _check.array("delivered", delivered, np.int32, (n, r))
    asked = _check.array("quota", quota, np.int32, (n, r))
    most = np.full(r, slot_size, np.int32) if slabs is None else _check.array("slabs", slabs, np.int32, (r,))
    sizes = most.tolist()
    if not 1 <= min(sizes) <= max(sizes) <= slot_size:
        raise InputError(f"`slabs` must lie in [1, {slot_size}] (the slot's size), got {sizes}")
    filling = _check.array("fallback", fallback, np.int32, (None,))
    chosen = np.empty((n, 0), np.int32)
    if action is not None:
        chosen = _check.array("action", action, np.int32, (n, None))
        _check_slots(chosen, asked)
    offset, spilled = np.zeros(n * r + 1, np.int64), np.empty(n, np.int32)
    fits = layout(used, asked, chosen, most, slot_size, filling, offset, spilled)
    item, score = np.empty(offset[-1], np.int32), np.empty(offset[-1], np.float32)
    for a, part in enumerate(parts):
        fits = fits and collect(part.indptr, part.item, part.score, offset, a, r, item, score)
    if not fits:
        # the kernels only know that something is wrong
        if action is not None:
            _check_action(chosen, asked)
        _check_lengths(parts, used)
        _check_spill(used, asked * np.int32(slot_size), np.maximum(used - asked * most, 0), filling)
        raise InputError(f"`parts` must hold item ids >= 0, got {min(p.item.min(initial=0) for p in parts)}")
    columns = merge(offset, item, score, asked, chosen, most, slot_size, filling)
    return trusted(Union, **dict(zip(_COLUMNS, columns, strict=True)), spilled=spilled)


def _check_lengths(parts: Sequence[Candidates], used: Int32) -> None:
    """Refuse lists that are shorter than what they are said to have delivered."""
    length = np.empty(used.shape, np.int64)
    for a, part in enumerate(parts):
        if len(part) != len(used):
            raise InputError(
                f"`parts[{a}]` must hold {len(used)} requests, as the other arms do, got {len(part)}"
            )
        np.subtract(part.indptr[1:], part.indptr[:-1], out=length[:, a])
    wrong = (used > length) | (used < 0)
    if wrong.any():
        b, a = np.argwhere(wrong)[0].tolist()
        raise InputError(
            f"`delivered[{b}, {a}]` must lie between 0 and the {length[b, a]} candidates of that list, "
            f"got {used[b, a]}"
        )


def _check_spill(used: Int32, room: Int32, over: Int32, fallback: Int32) -> None:
    """Refuse candidates that no slot could hold: there would be no slot to credit them to."""
    named, r = fallback.tolist(), used.shape[1]
    if len(set(named)) < len(named) or not set(named) <= set(range(r)):
        raise InputError(f"`fallback` must name arms in [0, {r}), each once, got {named}")
    if not over.any():
        return  # every arm kept to its own slots, which hold it
    unfit = over.copy()
    unfit[:, fallback] = 0
    if unfit.any():
        b, a = np.argwhere(unfit)[0].tolist()
        raise InputError(
            f"`delivered[{b}, {a}]` must be at most the {used[b, a] - over[b, a]} that the arm's slots ask "
            f"for, since the arm is no fallback, got {used[b, a]}"
        )
    full = used.sum(axis=1) > room.sum(axis=1)
    if full.any():
        b = int(np.flatnonzero(full)[0])
        raise InputError(
            f"`delivered[{b}]` must be at most the {room[b].sum()} candidates of the slots, "
            f"got {used[b].sum()}"
        )


def _check_slots(action: Int32, quota: Int32) -> None:
    """Refuse more slots than there are bits, and quotas without slots."""
    if action.shape[1] > MAX_SLOTS:
        raise InputError(f"`action` must have at most {MAX_SLOTS} slots, got {action.shape[1]}")
    if action.shape[1] == 0 and quota.any():
        _check_action(action, quota)


def _check_action(action: Int32, quota: Int32) -> None:
    """Refuse slots that do not add up to the quota: the slots of candidates would be wrong."""
    wrong = (action[:, :, None] == np.arange(quota.shape[1])).sum(axis=1) != quota
    if wrong.any():
        b, a = np.argwhere(wrong)[0].tolist()
        raise InputError(
            f"`quota[{b}, {a}]` must count the slots that chose arm {a}, "
            f"{int((action[b] == a).sum())}, got {quota[b, a]}"
        )
