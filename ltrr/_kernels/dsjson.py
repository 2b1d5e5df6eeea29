"""Labels of decision-service JSON lines, read from the bytes of many lines at once.

A line the kernel is not sure of (wrong, or right but rare) is marked `ASK`; Python's json reads it again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ltrr._kernels.dsjson_columns import (
    ASK,
    CB,
    CONTEXT,
    COST,
    DANGLING,
    DROP,
    END,
    IDENT,
    IDENTS,
    KIND,
    LINE,
    NUMBER,
    ORIGINAL,
    PROPENSITY,
    ROW,
    ROWS,
    START,
    TIME,
    Columns,
)
from ltrr._kernels.dsjson_parts import context, elements, member, next_member, numbers, whole
from ltrr._kernels.dsjson_rows import finish_single, finish_slots, outcomes
from ltrr._kernels.json_bytes import (
    SEED,
    bare,
    fnv,
    hash_bytes,
    read_number,
    skip_space,
    skip_value,
    string_end,
)
from ltrr._kernels.json_time import read_time

__all__ = ["scan"]

_COST = np.uint64(hash_bytes(b"_label_cost"))
_COST_2 = np.uint64(hash_bytes(b"_label_Cost"))
_PROBABILITY = np.uint64(hash_bytes(b"_label_probability"))
_PROBABILITY_2 = np.uint64(hash_bytes(b"_label_Probability"))
_ACTION = np.uint64(hash_bytes(b"_label_action"))
_ACTION_2 = np.uint64(hash_bytes(b"_label_Action"))
_INDEX = np.uint64(hash_bytes(b"_labelIndex"))
_ORIGINAL = np.uint64(hash_bytes(b"_original_label_cost"))
_A = np.uint64(hash_bytes(b"a"))
_P = np.uint64(hash_bytes(b"p"))
_C = np.uint64(hash_bytes(b"c"))
_MULTI = np.uint64(hash_bytes(b"_multi"))
_OUTCOMES = np.uint64(hash_bytes(b"_outcomes"))
_TIME = np.uint64(hash_bytes(b"Timestamp"))
_EVENT = np.uint64(hash_bytes(b"EventId"))
_DROP = np.uint64(hash_bytes(b"pdrop"))
_SKIP = np.uint64(hash_bytes(b"_skipLearn"))


@bare
def _line(b: Any, i: int, to: Columns, at: Any, line: int) -> Any:
    """Read the line that starts at i; return its end, its kind and the new counts. ``at``: r, m, k."""
    r, m, k = at
    k0 = k
    cost, original, probability = np.nan, np.nan, np.nan
    index, action, n_a, n_p = -1, 0, 0, 0
    skipped, slots = False, False
    multi = False
    seen = 0
    to.line_real[line, DROP] = 0.0
    to.line_real[line, TIME] = np.nan
    to.event[line] = 0
    to.lines[line, ROW] = r
    to.lines[line, CONTEXT] = -1
    start = i
    if b[i] != 123:
        return -1, ASK, at
    i = skip_space(b, i + 1)
    done = b[i] == 125
    if done:
        i += 1
    while not done:
        i, name = member(b, i)
        if i < 0:
            return -1, ASK, at
        bit = 0
        if name in (_COST, _COST_2):
            bit = 1
            i, cost, kind = read_number(b, i)
            if kind == 0:
                return -1, ASK, at
        elif name in (_PROBABILITY, _PROBABILITY_2):
            bit = 2
            i, probability, kind = read_number(b, i)
            if kind == 0:
                return -1, ASK, at
        elif name in (_ACTION, _ACTION_2):
            bit = 4
            i, action = whole(b, i)
        elif name == _INDEX:
            bit = 8
            i, index = whole(b, i)
        elif name == _ORIGINAL:
            bit = 16
            i, original, kind = read_number(b, i)
            if kind == 0:
                return -1, ASK, at
        elif name == _A:
            bit = 32
            i, n_a = numbers(b, i, to.listed, 0, True)
        elif name == _P:
            bit = 64
            i, n_p = numbers(b, i, to.listed_real, 0, False)
        elif name == _C:
            bit = 128
            to.lines[line, CONTEXT] = i
            i, k, found = context(b, i, to.ident, to.ident_info, k)
            if found and multi:
                return -1, ASK, at
            multi |= found
        elif name == _MULTI:
            if multi:
                return -1, ASK, at
            multi = True
            i, k = elements(b, i, to.ident, to.ident_info, k)
        elif name == _OUTCOMES:
            bit = 256
            slots = True
            i, r, m = outcomes(b, i, to, r, m)
        elif name in (_TIME, _EVENT):
            bit = 512 if name == _TIME else 1024
            if b[i] != 34:
                return -1, ASK, at
            stop, escaped = string_end(b, i)
            if stop < 0 or escaped:
                return -1, ASK, at
            if bit == 512:
                to.line_real[line, TIME] = read_time(b, i + 1, stop - 1)
            else:
                to.event[line] = max(fnv(b, i + 1, stop - 1, SEED), np.uint64(1))
            i = stop
        elif name == _DROP:
            bit = 2048
            i, value, kind = read_number(b, i)
            if kind == 0:
                return -1, ASK, at
            to.line_real[line, DROP] = value
        elif name == _SKIP:
            bit = 4096
            skipped = b[i] == 116
            if not skipped and b[i] != 102:
                return -1, ASK, at
            i = skip_value(b, i)
        else:
            i = skip_value(b, i)
        if i < 0 or seen & bit:
            return -1, ASK, at
        seen |= bit
        i, done = next_member(b, i)
        if i < 0:
            return -1, ASK, at
    i = skip_space(b, i)
    if b[i] != 10:
        return -1, ASK, at
    if to.lines[line, CONTEXT] < 0:
        to.lines[line, CONTEXT] = start
    if skipped:
        return i, DANGLING, at
    if slots:
        kind = finish_slots(to, line, r, (cost, original), (k0, k))
        return i, kind, (r, m, k) if kind < DANGLING else at
    if np.isnan(cost):
        return i, DANGLING, at
    kind, m = finish_single(to, r, m, k - k0, (index, action), (n_a, n_p))
    if kind != CB:
        return -1, ASK, at
    to.row_real[r, COST] = cost
    to.row_real[r, ORIGINAL] = original
    to.row_real[r, PROPENSITY] = probability
    return i, CB, (r + 1, m, k)


@bare
def scan(b: Any, n: int, to: Columns) -> Any:
    """Read all lines of ``b[:n]``, which ends with a line feed.

    Return counts of lines, rows, actions, elements, and of lines with blank ones.
    """
    at = (0, 0, 0)
    line, number = 0, 0
    start = 0
    while start < n:
        number += 1
        i = skip_space(b, start)
        if b[i] == 10:
            start = i + 1
            continue
        before = at
        end, kind, at = _line(b, i, to, at, line)
        if end < 0:
            end = i
            while b[end] != 10:
                end += 1
        to.lines[line, START] = i
        to.lines[line, END] = end
        to.lines[line, KIND] = kind
        to.lines[line, ROW] = before[0]
        to.lines[line, ROWS] = at[0] - before[0]
        to.lines[line, IDENT] = before[2]
        to.lines[line, IDENTS] = at[2] - before[2]
        to.lines[line, NUMBER] = number
        for r in range(before[0], at[0]):
            to.rows[r, LINE] = line
        line += 1
        start = end + 1
    return line, at[0], at[1], at[2], number
