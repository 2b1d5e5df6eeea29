"""Features of decision-service JSON lines: names as hashes, values as numbers; and tables of such names.

The hash of a name is built from the bytes on the way to the value, so that no name is ever copied. Lines have
been checked by `ltrr._kernels.dsjson.scan` before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ltrr._kernels.json_bytes import (
    SEED,
    bare,
    fnv,
    fnv_step,
    hash_bytes,
    read_number,
    skip_space,
    skip_value,
    string_end,
)

__all__ = ["IGNORED", "Found", "fill", "find", "found", "intern", "repeats", "walk"]

IGNORED = (
    "a",
    "p",
    "o",
    "pdf",
    "pdrop",
    "Version",
    "EventId",
    "Timestamp",
    "EnqueuedTimeUtc",
    "RewardValue",
    "DeferredAction",
    "VWState",
)
"""Names that are no features where features stand beside the label."""

_IGNORED = np.array([hash_bytes(name.encode()) for name in IGNORED], np.uint64)
_MULTI = np.uint64(hash_bytes(b"_multi"))
_SLOTS = np.uint64(hash_bytes(b"_slots"))
_DEEPEST = 64


class Found(NamedTuple):
    """Features in the order found: hash of the name, value, line, and owner (−1 shared, j >= 0 the action at
    place j, −2 − k slot k); and the stack of the walk.
    """

    name: Any
    value: Any
    line: Any
    owner: Any
    prefix: Any
    count: Any


def found(size: int) -> Found:
    """Return room for the features of any text of ``size`` bytes."""
    n = size // 2 + 2
    return Found(
        np.empty(n, np.uint64),
        np.empty(n),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
        np.empty(_DEEPEST, np.uint64),
        np.empty(_DEEPEST, np.int64),
    )


@bare
def _indexed(h: Any, index: int) -> Any:
    """Return the hash of a name with ``[index]`` behind."""
    h = fnv_step(h, 91)
    power = 1
    while power * 10 <= index:
        power *= 10
    while power > 0:
        h = fnv_step(h, 48 + index // power % 10)
        power //= 10
    return fnv_step(h, 93)


@bare
def _object(b: Any, i: int, to: Found, k: int, line: int, owner: int, beside: int) -> Any:
    """Emit the features of the object at i; return what is behind it (−1: has escapes) and the new count."""
    depth = 0
    to.prefix[0] = SEED
    to.count[0] = -1  # an object; lists count their entries
    i += 1
    while depth >= 0:
        i = skip_space(b, i)
        if b[i] == 44:
            i = skip_space(b, i + 1)
        if b[i] == 125 or b[i] == 93:
            i += 1
            depth -= 1
            continue
        index = to.count[depth]
        h = to.prefix[depth]
        if index < 0:
            stop, escaped = string_end(b, i)
            if escaped:
                return -1, k
            if depth > 0:
                h = fnv_step(h, 46)
            h = fnv(b, i + 1, stop - 1, h)
            hidden = b[i + 1] == 95
            if beside != 0 and depth == 0:
                for name in _IGNORED:
                    hidden |= h == name
            i = skip_space(b, skip_space(b, stop) + 1)
            if hidden:
                i = skip_value(b, i)
                continue
        else:
            to.count[depth] += 1
        c = b[i]
        if c == 123 or c == 91:
            depth += 1
            to.prefix[depth] = h
            to.count[depth] = -1 if c == 123 else 0
            i += 1
            continue
        value = 1.0
        emit = True
        if c == 34:
            stop, escaped = string_end(b, i)
            if escaped:
                return -1, k
            h = fnv(b, i + 1, stop - 1, fnv_step(h, 61))
            i = stop
        elif c == 45 or 48 <= c <= 57:
            i, value, _ = read_number(b, i)
            if index >= 0:
                h = _indexed(h, index)
        else:
            emit = c == 116 and index < 0
            i = skip_value(b, i)
        if emit:
            to.name[k] = h
            to.value[k] = value
            to.line[k] = line
            to.owner[k] = owner
            k += 1
    return i, k


@bare
def _lists(b: Any, i: int, to: Found, k: int, line: int) -> Any:
    """Emit the features of the actions and slots that the object at i lists; return as `_object` does."""
    i = skip_space(b, i + 1)
    while b[i] != 125:
        stop, _ = string_end(b, i)
        h = fnv(b, i + 1, stop - 1, SEED)
        i = skip_space(b, skip_space(b, stop) + 1)
        if h in (_MULTI, _SLOTS) and b[i] == 91:
            i = skip_space(b, i + 1)
            j = 0
            while b[i] != 93:
                if b[i] == 123:
                    i, k = _object(b, i, to, k, line, j if h == _MULTI else -2 - j, 0)
                    if i < 0:
                        return -1, k
                else:
                    i = skip_value(b, i)
                j += 1
                i = skip_space(b, i)
                if b[i] == 44:
                    i = skip_space(b, i + 1)
            i += 1
        else:
            i = skip_value(b, i)
        i = skip_space(b, i)
        if b[i] == 44:
            i = skip_space(b, i + 1)
    return i, k


@bare
def walk(b: Any, start: Any, context: Any, to: Found, ask: Any) -> int:
    """Emit the features of lines; return how many.

    ``context`` (n,) is where a line's object of features starts, −1 to leave the line out, the line's own
    ``start`` where features stand beside the label. ``ask`` (n,) becomes 1 for lines with escapes in
    their names or texts, of which nothing is emitted.
    """
    k = 0
    for line in range(len(context)):
        if context[line] < 0:
            continue
        before = k
        i, k = _object(b, context[line], to, k, line, -1, 1 if context[line] == start[line] else 0)
        if i >= 0:
            i, k = _lists(b, context[line], to, k, line)
        if i < 0:
            k = before
            ask[line] = 1
    return k


@bare
def intern(names: Any, at: int, table: Any, ids: Any, first: Any, n: int, out: Any) -> Any:
    """Give names numbers by first appearance; return where room ran out, and how many there are.

    ``table`` and ``ids`` are open addressing with 0 for free; ``first[id]`` becomes the place in ``names``.
    """
    mask = np.uint64(len(table) - 1)
    room = min(len(table) // 2, len(first))
    for j in range(at, len(names)):
        h = max(names[j], np.uint64(1))
        x = h & mask
        while table[x] != 0 and table[x] != h:
            x = (x + np.uint64(1)) & mask
        if table[x] == 0:
            if n == room:
                return j, n
            table[x] = h
            ids[x] = n
            first[n] = j
            n += 1
        out[j] = ids[x]
    return len(names), n


@bare
def find(names: Any, table: Any, ids: Any, out: Any) -> None:
    """Write the numbers of names, −1 for those that the table does not hold."""
    mask = np.uint64(len(table) - 1)
    for j in range(len(names)):
        h = max(names[j], np.uint64(1))
        x = h & mask
        while table[x] != 0 and table[x] != h:
            x = (x + np.uint64(1)) & mask
        out[j] = ids[x] if table[x] == h else -1


@bare
def repeats(indptr: Any, ids: Any, stamp: Any) -> bool:
    """Say whether an id stands twice in one row; ``stamp`` has room for every id."""
    stamp[:] = -1
    for r in range(len(indptr) - 1):
        for x in range(indptr[r], indptr[r + 1]):
            if ids[x] >= 0:
                if stamp[ids[x]] == r:
                    return True
                stamp[ids[x]] = r
    return False


@bare
def fill(to: Found, column: Any, first_row: Any, slot: Any, indptr: Any, place: Any, out: Any) -> None:
    """Add features up in the columns of ``out``: (rows, D) for the context, (entries, F) for the actions.

    ``first_row`` (lines + 1,): line l has the rows from ``first_row[l]`` on; ``slot`` (rows,) their slots;
    ``indptr``, ``place``: the actions' places in `_multi`, ragged by row. ``out``: context, features.
    """
    context, features = out
    for k in range(len(column)):
        c = column[k]
        if c < 0:
            continue
        line, owner, value = to.line[k], to.owner[k], to.value[k]
        for r in range(first_row[line], first_row[line + 1]):
            if owner >= 0:
                for x in range(indptr[r], indptr[r + 1]):
                    if place[x] == owner:
                        features[x, c] += value
            elif owner == -1 or slot[r] == -2 - owner:
                context[r, c] += value
