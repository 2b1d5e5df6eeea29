"""Quotas, slots per arm: all of them, and their names, ``2 bm25 + 1 memory``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ltrr import _check
from ltrr.errors import InputError, nearest
from ltrr.types.arrays import Int32, Int64

__all__ = ["all_quotas", "offered_quotas", "quota_name", "quota_of"]


def all_quotas(n_slots: int, n_arms: int) -> Int32:
    """Return every quota vector of ``n_slots`` over ``n_arms`` in lexicographic order, (Q, R).

    Q is C(n_slots + n_arms − 1, n_slots): 20 for 3 slots and 4 arms, 120 for 3 and 8.

    Examples
    --------
    >>> all_quotas(2, 2).tolist()
    [[0, 2], [1, 1], [2, 0]]
    """
    _check.integer("n_slots", n_slots, low=0)
    _check.integer("n_arms", n_arms, low=1)
    bars = np.array(list(combinations(range(n_slots + n_arms - 1), n_arms - 1)), np.int64)
    edges = np.concatenate(
        [np.full((len(bars), 1), -1), bars, np.full((len(bars), 1), n_slots + n_arms - 1)], axis=1
    )
    return np.ascontiguousarray(np.diff(edges, axis=1) - 1, dtype=np.int32)


def offered_quotas(n_slots: int, n_arms: int, most: int, best: Sequence[int] = ()) -> Int64:
    """Return which quotas policies over allocations choose among: places in `all_quotas`, rising.

    All of them, if there are at most ``most``. Otherwise each arm alone, then ``best`` in their order, then
    others at even distances, until there are ``most``; every arm alone always.

    Parameters
    ----------
    n_slots, n_arms, most : int
    best : sequence of int
        Places of the quotas that a tuning found best, the best first.

    Examples
    --------
    >>> offered_quotas(2, 2, most=40).tolist(), all_quotas(2, 3).tolist()
    ([0, 1, 2], [[0, 0, 2], [0, 1, 1], [0, 2, 0], [1, 0, 1], [1, 1, 0], [2, 0, 0]])
    >>> offered_quotas(2, 3, most=4, best=[4, 3]).tolist()
    [0, 2, 4, 5]
    """
    quotas = all_quotas(n_slots, n_arms)
    n = len(quotas)
    if n <= most:
        return np.arange(n)
    alone = np.flatnonzero(quotas.max(axis=1) == n_slots).tolist()
    spread = np.linspace(0, n - 1, most).round().astype(np.int64).tolist()
    wanted = list(dict.fromkeys([*alone, *best, *spread, *range(n)]))
    return np.sort(np.array(wanted[: max(most, len(alone))], np.int64))


def quota_name(quota: Sequence[int] | Int32, arms: Sequence[str]) -> str:
    """Return a quota as users write it: arms without slots are left out.

    Parameters
    ----------
    quota : sequence of int, length R
        Slots per arm.
    arms : sequence of str, length R

    Examples
    --------
    >>> quota_name([2, 0, 1], ["bm25", "dense", "memory"])
    '2 bm25 + 1 memory'
    """
    return " + ".join(f"{int(n)} {arm}" for n, arm in zip(quota, arms, strict=True) if n) or "nothing"


def quota_of(text: str, arms: Sequence[str], n_slots: int) -> Int32:
    """Return the slots per arm that a quota's name states, (R,).

    Parameters
    ----------
    text : str
        For instance ``"2 bm25 + 1 memory"``; an arm without a number gets one slot, ``always:`` may precede.
    arms : sequence of str
        Known arms.
    n_slots : int
        Number of slots to divide.

    Raises
    ------
    InputError
        If it names no known arm, an arm twice, or does not divide exactly ``n_slots``.

    Examples
    --------
    >>> quota_of("2 bm25 + memory", ["bm25", "dense", "memory"], 3).tolist()
    [2, 0, 1]
    """
    _check.integer("n_slots", n_slots, low=1)
    quota = np.zeros(len(arms), np.int32)
    for part in text.removeprefix("always:").split("+"):
        match = re.fullmatch(r"\s*(?:(\d{1,4})\s+)?(\S+)\s*", part)
        if match is None:
            raise InputError(f"a quota must be like '2 {arms[0]} + 1 {arms[-1]}', got {text!r}")
        number, arm = match.groups()
        if arm not in arms:
            raise InputError(f"the quota {text!r} must name arms of the log, got {arm!r}{nearest(arm, arms)}")
        if quota[list(arms).index(arm)]:
            raise InputError(f"the quota {text!r} must not name an arm twice, got {arm!r} again")
        quota[list(arms).index(arm)] = int(number or 1)
    if int(quota.sum()) != n_slots:
        raise InputError(f"the quota {text!r} must divide {n_slots} slots, got {int(quota.sum())}")
    return quota
