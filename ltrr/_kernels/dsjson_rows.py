"""Rows of decision-service lines: outcomes of slots, and what makes a line's fields one decision."""

from __future__ import annotations

from typing import Any

import numpy as np

from ltrr._kernels.dsjson_columns import (
    ASK,
    CB,
    CCB,
    CHOSEN,
    COST,
    DANGLING,
    LENGTH,
    LIST,
    ORIGINAL,
    PROPENSITY,
    ROW,
    SLATES,
    SLOT,
    Columns,
)
from ltrr._kernels.dsjson_parts import member, next_member, numbers
from ltrr._kernels.json_bytes import bare, hash_bytes, read_number, skip_space, skip_value

__all__ = ["finish_single", "finish_slots", "outcomes"]

_COST = np.uint64(hash_bytes(b"_label_cost"))
_COST_2 = np.uint64(hash_bytes(b"_label_Cost"))
_ORIGINAL = np.uint64(hash_bytes(b"_original_label_cost"))
_A = np.uint64(hash_bytes(b"_a"))
_P = np.uint64(hash_bytes(b"_p"))


@bare
def _outcome(b: Any, i: int, to: Columns, r: int, m: int) -> Any:
    """Read a slot's outcome as row r with its actions at m; return what is behind it (or −1), and m."""
    seen = 0
    n_actions, n_probabilities = 0, 0
    to.row_real[r, COST] = np.nan
    to.row_real[r, ORIGINAL] = np.nan
    i = skip_space(b, i + 1)
    done = b[i] == 125
    if done:
        i += 1
    while not done:
        i, name = member(b, i)
        if i < 0:
            return -1, m
        bit = 0
        if name in (_COST, _COST_2):
            bit = 1
        elif name == _ORIGINAL:
            bit = 2
        elif name == _A:
            bit = 4
        elif name == _P:
            bit = 8
        if seen & bit:
            return -1, m
        seen |= bit
        if bit == 1 or bit == 2:
            i, value, kind = read_number(b, i)
            if kind == 0:
                return -1, m
            to.row_real[r, COST if bit == 1 else ORIGINAL] = value
        elif bit == 4:
            i, n_actions = numbers(b, i, to.action, m, True)
        elif bit == 8:
            i, n_probabilities = numbers(b, i, to.probability, m, False)
        else:
            i = skip_value(b, i)
        if i < 0:
            return -1, m
        i, done = next_member(b, i)
        if i < 0:
            return -1, m
    if n_actions == 0 or (n_probabilities != 0 and n_probabilities != n_actions):
        return -1, m
    if n_probabilities == 0:
        for x in range(m, m + n_actions):
            to.probability[x] = np.nan
    to.rows[r, CHOSEN] = to.action[m]
    to.rows[r, LIST] = m
    to.rows[r, LENGTH] = n_actions
    to.row_real[r, PROPENSITY] = to.probability[m]
    return i, m + n_actions


@bare
def outcomes(b: Any, i: int, to: Columns, r: int, m: int) -> Any:
    """Read the list of outcomes into rows from r on; return what is behind it (or −1), rows and actions."""
    if b[i] != 91:
        return -1, r, m
    first = r
    i = skip_space(b, i + 1)
    if b[i] == 93:
        return i + 1, r, m
    while True:
        if b[i] != 123:
            return -1, r, m
        i, m = _outcome(b, i, to, r, m)
        if i < 0:
            return -1, r, m
        to.rows[r, SLOT] = r - first
        r += 1
        i = skip_space(b, i)
        if b[i] == 93:
            return i + 1, r, m
        if b[i] != 44:
            return -1, r, m
        i = skip_space(b, i + 1)


@bare
def finish_slots(to: Columns, line: int, r: int, top: Any, idents: Any) -> int:
    """Make the rows of outcomes consistent; return the line's kind. ``top``: cost, original cost."""
    first, (k0, k) = to.lines[line, ROW], idents
    n_multi = k - k0
    if r == first:
        return DANGLING
    slates, missing = False, 0
    for j in range(k0, k):
        slates |= to.ident_info[j, 1] >= 0
    for s in range(first, r):
        missing += 1 if np.isnan(to.row_real[s, COST]) else 0
    slates |= missing == r - first and not np.isnan(top[0])
    if slates and (n_multi == 0 or missing < r - first):
        return ASK
    if missing > 0 and (not slates or np.isnan(top[0])):
        return DANGLING
    for s in range(first, r):
        m, n = to.rows[s, LIST], to.rows[s, LENGTH]
        if n == 1 and n_multi > 1 and not to.probability[m] > 0.999:
            return ASK
        if slates:
            to.row_real[s, COST] = top[0] if s == r - 1 else 0.0
            to.row_real[s, ORIGINAL] = top[1] if s == r - 1 else 0.0
        for x in range(m, m + n):
            place = to.action[x]
            if slates:
                place = -1
                for j in range(k0, k):
                    if to.ident_info[j, 1] == s - first:
                        if to.action[x] == 0:
                            place = j - k0
                            break
                        to.action[x] -= 1
            if place < 0 or (n_multi > 0 and place >= n_multi):
                return ASK
            to.action[x] = place
        to.rows[s, CHOSEN] = to.action[m]
    return SLATES if slates else CCB


@bare
def finish_single(to: Columns, r: int, m: int, n_multi: int, label: Any, listed: Any) -> Any:
    """Make the row of a single decision; return the line's kind and where the next row's actions start.

    ``label``: index from 0 (−1: none), action from 1 (0: none); ``listed``: lengths of `a` and `p`.
    """
    index, action = label
    n_a, n_p = listed
    n = n_multi if n_multi > 0 else max(n_a, n_p)
    base = 1
    for x in range(n_a):
        if to.listed[x] == 0:
            base = 0
    if (n_a != 0 and n_a != n) or (n_p != 0 and n_p != n) or (index >= 0 and 0 < action != index + 1):
        return ASK, m
    chosen = index if index >= 0 else action - 1
    if chosen < 0 and n_a > 0:
        chosen = to.listed[0] - base
    if chosen >= n > 0:
        return ASK, m
    for x in range(n):
        to.action[m + x] = -1 if n_a > 0 else x
        to.probability[m + x] = np.nan if n_p == 0 or n_a > 0 else to.listed_real[x]
    for x in range(n_a):
        place = to.listed[x] - base
        if place >= n or to.action[m + place] >= 0:
            return ASK, m
        to.action[m + place] = place
        if n_p > 0:
            to.probability[m + place] = to.listed_real[x]
    to.rows[r, SLOT] = 0
    to.rows[r, CHOSEN] = chosen
    to.rows[r, LIST] = m
    to.rows[r, LENGTH] = n if n > 0 else -1
    return CB, m + n
