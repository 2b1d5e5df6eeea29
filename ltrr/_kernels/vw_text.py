"""Vowpal Wabbit's text lines: labels of contextual bandits, and features, read from the bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ltrr._kernels.dsjson_features import Found
from ltrr._kernels.json_bytes import SEED, bare, fnv, fnv_step, hash_bytes, read_number

__all__ = ["features", "labels"]

EXAMPLE, SHARED, BLANK, ASK = range(4)
"""Kinds of line; of the last the kernel is not sure."""

START, END, KIND, BAR, CHOSEN, COSTS, LISTED, FIRST = range(8)
"""Columns of lines: BAR is where features begin (END for none), COSTS how many actions have costs, LISTED how
many actions the label names and FIRST where they stand in the list of all."""

COST, PROBABILITY = range(2)
"""Columns of numbers."""

_SHARED = np.uint64(hash_bytes(b"shared"))


@bare
def _space(c: Any) -> Any:
    return c == 32 or c == 9 or c == 13


@bare
def _label(b: Any, i: int, stop: int) -> Any:
    """Read action[:cost[:probability]]; return how many parts it has (0: not plain) and the three."""
    cost, probability = np.nan, np.nan
    i, action, kind = read_number(b, i)
    if i < 0 or i > stop or kind != 2 or not 0 <= action <= 1e9:
        return 0, 0, cost, probability
    if i == stop:
        return 1, int(action), cost, probability
    if b[i] != 58:
        return 0, 0, cost, probability
    i, cost, kind = read_number(b, i + 1)
    if i < 0 or i > stop or kind == 0:
        return 0, 0, cost, probability
    if i == stop:
        return 2, int(action), cost, probability
    if b[i] != 58:
        return 0, 0, cost, probability
    i, probability, kind = read_number(b, i + 1)
    return (3 if i == stop and kind != 0 else 0), int(action), cost, probability


@bare
def labels(b: Any, n: int, lines: Any, real: Any, listed: Any) -> Any:
    """Read labels of ``b[:n]``, which ends with a line feed; return counts of lines and actions."""
    line, m = 0, 0
    i = 0
    while i < n:
        start = i
        first = m
        kind, chosen, costs = BLANK, -1, 0
        real[line, COST] = np.nan
        real[line, PROBABILITY] = np.nan
        while b[i] != 10 and b[i] != 124:
            if _space(b[i]):
                i += 1
                continue
            begin = i
            while b[i] != 10 and b[i] != 124 and not _space(b[i]):
                i += 1
            if b[begin] == 39 or b[i] == 124:
                kind = EXAMPLE if kind == BLANK else kind  # a tag
                continue
            if kind == BLANK and fnv(b, begin, i, SEED) == _SHARED:
                kind = SHARED
                continue
            parts, action, cost, probability = _label(b, begin, i)
            if parts == 0 or kind == SHARED:
                kind = ASK
                continue
            kind = EXAMPLE if kind == BLANK else kind
            listed[m] = action
            m += 1
            if parts > 1:
                costs += 1
                chosen = action
                real[line, COST] = cost
                real[line, PROBABILITY] = probability
        if b[i] == 124 and kind == BLANK:
            kind = EXAMPLE
        lines[line, BAR] = i
        while b[i] != 10:
            i += 1
        lines[line, START] = start
        lines[line, END] = i
        lines[line, KIND] = kind
        lines[line, CHOSEN] = chosen
        lines[line, COSTS] = costs
        lines[line, LISTED] = m - first
        lines[line, FIRST] = first
        line += 1
        i += 1
    return line, m


@bare
def _value(b: Any, i: int, stop: int) -> Any:
    """Return the number ``b[i:stop]`` and whether it is one; as C reads it, so ``+1``, ``.5`` and ``1.`` are.

    The last digit may be off: the value becomes a float32.
    """
    minus = i < stop and b[i] == 45
    if minus or (i < stop and b[i] == 43):
        i += 1
    zero: Any = np.int64(0)
    digits, power, n = 0.0, zero, 0
    point = False
    while i < stop and (48 <= b[i] <= 57 or (b[i] == 46 and not point)):
        if b[i] == 46:
            point = True
        else:
            digits = digits * 10.0 + (np.int64(b[i]) - 48)
            power -= 1 if point else 0
            n += 1
        i += 1
    if n > 0 and i < stop and (b[i] == 101 or b[i] == 69):
        i += 1
        down = i < stop and b[i] == 45
        if down or (i < stop and b[i] == 43):
            i += 1
        exponent, n = zero, 0
        while i < stop and 48 <= b[i] <= 57:
            exponent = min(exponent * 10 + (np.int64(b[i]) - 48), 1000)
            n += 1
            i += 1
        power += -exponent if down else exponent
    value = digits * 10.0 ** min(max(power, -300), 300)
    return -value if minus else value, n > 0 and i == stop


@bare
def _colon(b: Any, i: int, stop: int) -> int:
    """Return where the first colon of ``b[i:stop]`` stands, or ``stop``."""
    while i < stop and b[i] != 58:
        i += 1
    return i


@bare
def features(b: Any, begin: Any, end: Any, owner: Any, to: Found) -> int:
    """Emit the features of lines, from the bar on; return how many.

    ``begin``, ``end``, ``owner`` (n,): the line's bar and its line feed, and whose the features are. A
    missing value is 1; what is no number becomes NaN, which is told as a fault.
    """
    k = 0
    for line in range(len(begin)):
        i, stop = begin[line], end[line]
        prefix, weight = SEED, 1.0
        while i < stop:
            if _space(b[i]):
                i += 1
                continue
            bar = b[i] == 124
            if bar:
                i += 1
            first = i
            while i < stop and b[i] != 124 and not _space(b[i]):
                i += 1
            colon = _colon(b, first, i)
            value = 1.0
            if colon < i:
                value, good = _value(b, colon + 1, i)
                if not good:
                    value = np.nan
            if bar:
                prefix, weight = SEED, value
                if colon > first:
                    prefix = fnv_step(fnv(b, first, colon, SEED), 46)
                continue
            to.name[k] = fnv(b, first, colon, prefix)
            to.value[k] = weight * value
            to.line[k] = line
            to.owner[k] = owner[line]
            k += 1
    return k
