"""The union of what the arms delivered, with provenance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ltrr import _check
from ltrr._kernels.union import collect, merge
from ltrr.errors import InputError
from ltrr.types import Candidates, Int32, Union

__all__ = ["union"]

MAX_SLOTS = 31
"""Bit 31 of `Union.slots` is taken by what no slot asked for."""


def union(
    parts: Sequence[Candidates],
    *,
    delivered: Int32,
    quota: Int32,
    slot_size: int,
    action: Int32 | None = None,
    spilled: Int32 | None = None,
) -> Union:
    """Merge what R arms delivered to B requests; each candidate keeps every source that drew it.

    The arm's c-th slab (ranks ``c·slot_size … (c+1)·slot_size``) belongs to the c-th slot that chose this
    arm. What an arm delivered beyond its quota, standing in for slabs that came back short, belongs to no
    slot. Where one slot chose the whole quota (no ``action``), all that the quota asked for belongs to
    slot 0.

    Parameters
    ----------
    parts : sequence of R Candidates
        Each arm's lists, at least as deep as ``delivered``.
    delivered : int32 (B, R)
        Candidates that count of each list.
    quota : int32 (B, R)
        Slabs asked of each arm.
    slot_size : int >= 1
        Candidates a slab.
    action : int32 (B, S), optional
        The arm that each slot chose, at most 31 slots; None where one slot chose the whole quota.
    spilled : int32 (B,), optional
        Candidates delivered in place of missing ones; zeros if None.

    Returns
    -------
    Union

    Raises
    ------
    InputError
        If a list is shorter than what it is said to have delivered, an item id is negative, or ``quota``
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
    """
    if not parts:
        raise InputError("`parts` must hold the candidates of at least one arm, got none")
    n, r = len(parts[0]), len(parts)
    _check.integer("slot_size", slot_size, low=1)
    used = _check.array("delivered", delivered, np.int32, (n, r))
    asked = _check.array("quota", quota, np.int32, (n, r))
    chosen = np.empty((n, 0), np.int32)
    if action is not None:
        chosen = _check.array("action", action, np.int32, (n, None))
        _check_action(chosen, asked)

    for a, part in enumerate(parts):
        if len(part) != n:
            raise InputError(f"`parts[{a}]` must hold {n} requests, as the other arms do, got {len(part)}")
        length = np.diff(part.indptr)
        wrong = (used[:, a] > length) | (used[:, a] < 0)
        if wrong.any():
            b = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"`delivered[{b}, {a}]` must lie between 0 and the {length[b]} candidates of that list, "
                f"got {used[b, a]}"
            )

    offset = np.zeros(n * r + 1, np.int64)
    np.cumsum(used.reshape(-1), out=offset[1:])
    item = np.empty(offset[-1], np.int32)
    score = np.empty(offset[-1], np.float32)
    for a, part in enumerate(parts):
        start = np.ascontiguousarray(offset[a:-1:r])
        collect(part.indptr, part.item, part.score, start, start + used[:, a], item, score)
    if len(item) and int(item.min()) < 0:
        raise InputError(f"`parts` must hold item ids >= 0, got {int(item.min())}")
    extra = np.zeros(n, np.int32) if spilled is None else spilled
    return Union(*merge(offset, item, score, asked, chosen, slot_size), extra)


def _check_action(action: Int32, quota: Int32) -> None:
    """Refuse slots that do not add up to the quota: the slots of candidates would be wrong."""
    if action.shape[1] > MAX_SLOTS:
        raise InputError(f"`action` must have at most {MAX_SLOTS} slots, got {action.shape[1]}")
    for a in range(quota.shape[1]):
        wrong = (action == a).sum(axis=1) != quota[:, a]
        if wrong.any():
            b = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"`quota[{b}, {a}]` must count the slots that chose arm {a}, "
                f"{int((action[b] == a).sum())}, got {quota[b, a]}"
            )
