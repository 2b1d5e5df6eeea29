"""Pieces of decision-service lines: members of objects, lists of numbers, the actions of `_multi`.

Functions take the bytes and a position, and return first what is behind the piece, −1 where it is not plain.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ltrr._kernels.dsjson_columns import BY_CONTENT, BY_ID, BY_TAG
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

__all__ = ["context", "elements", "member", "next_member", "numbers", "whole"]

_MULTI = np.uint64(hash_bytes(b"_multi"))
_TAG = np.uint64(hash_bytes(b"_tag"))
_SLOT = np.uint64(hash_bytes(b"_slot_id"))
_I = np.uint64(hash_bytes(b"i"))
_ID = np.uint64(hash_bytes(b"id"))


@bare
def member(b: Any, i: int) -> Any:
    """Return where the value behind a name starts (−1: not plain), and the name's hash."""
    if b[i] != 34:
        return -1, SEED
    stop, escaped = string_end(b, i)
    if stop < 0 or escaped:
        return -1, SEED
    name = fnv(b, i + 1, stop - 1, SEED)
    i = skip_space(b, stop)
    return (skip_space(b, i + 1) if b[i] == 58 else -1), name


@bare
def next_member(b: Any, i: int) -> Any:
    """Return where the next member of an object starts and False, or what is behind the object and True."""
    i = skip_space(b, i)
    if b[i] == 44:
        return skip_space(b, i + 1), False
    return (i + 1 if b[i] == 125 else -1), True


@bare
def whole(b: Any, i: int) -> Any:
    """Return the position behind a plain integer from 0 to 10**9 (or −1), and its value."""
    stop, value, kind = read_number(b, i)
    if stop < 0 or kind != 2 or not 0 <= value <= 1e9:
        return -1, 0
    return stop, int(value)


@bare
def numbers(b: Any, i: int, out: Any, at: int, whole: bool) -> Any:  # noqa: FBT001
    """Write a list of numbers, or a single one, to ``out[at:]``; return what is behind it and their count."""
    several = b[i] == 91
    n = 0
    if several:
        i = skip_space(b, i + 1)
        if b[i] == 93:
            return i + 1, 0
    while True:
        i, value, kind = read_number(b, i)
        if i < 0 or kind == 0 or (whole and (kind != 2 or not 0 <= value <= 1e9)):
            return -1, 0
        out[at + n] = value
        n += 1
        if not several:
            return i, n
        i = skip_space(b, i)
        if b[i] == 93:
            return i + 1, n
        if b[i] != 44:
            return -1, 0
        i = skip_space(b, i + 1)


@bare
def _inner_id(b: Any, i: int) -> Any:
    """Return what is behind an object (or −1), and the hash of its text `id` if it has one, and if it has."""
    found, ident = False, SEED
    i = skip_space(b, i + 1)
    if b[i] == 125:
        return i + 1, ident, found
    done = False
    while not done:
        i, name = member(b, i)
        if i < 0:
            return -1, ident, False
        start = i
        i = skip_value(b, i)
        if name == _ID and i >= 0 and b[start] == 34:
            stop, escaped = string_end(b, start)
            if found or escaped:
                return -1, ident, False
            found, ident = True, fnv(b, start + 1, stop - 1, SEED)
        if i < 0:
            return -1, ident, False
        i, done = next_member(b, i)
        if i < 0:
            return -1, ident, False
    return i, ident, found


@bare
def _element(b: Any, i: int, idents: Any, info: Any, k: int) -> int:
    """Read an action's object; return what is behind it, or −1."""
    start = i
    kind, slot, seen = BY_CONTENT, -1, 0
    ident = SEED
    i = skip_space(b, i + 1)
    done = b[i] == 125
    if done:
        i += 1
    while not done:
        i, name = member(b, i)
        if i < 0:
            return -1
        bit = 1 if name == _TAG else 2 if name == _SLOT else 4 if name == _I else 0
        if seen & bit:
            return -1
        seen |= bit
        if bit == 1:
            if b[i] != 34:
                return -1
            stop, escaped = string_end(b, i)
            if stop < 0 or escaped:
                return -1
            kind, ident, i = BY_TAG, fnv(b, i + 1, stop - 1, SEED), stop
        elif bit == 2:
            i, slot = whole(b, i)
        elif bit == 4 and b[i] == 123:
            i, inner, found = _inner_id(b, i)
            if found and kind == BY_CONTENT:
                kind, ident = BY_ID, inner
        else:
            i = skip_value(b, i)
        if i < 0:
            return -1
        i, done = next_member(b, i)
        if i < 0:
            return -1
    idents[k] = fnv(b, start, i, SEED) if kind == BY_CONTENT else ident
    info[k, 0] = kind
    info[k, 1] = slot
    return i


@bare
def elements(b: Any, i: int, idents: Any, info: Any, k: int) -> Any:
    """Read the list of actions; return what is behind it (or −1), and the count of elements so far."""
    if b[i] != 91:
        return -1, k
    i = skip_space(b, i + 1)
    if b[i] == 93:
        return i + 1, k
    while True:
        if b[i] != 123:
            return -1, k
        i = _element(b, i, idents, info, k)
        if i < 0:
            return -1, k
        k += 1
        i = skip_space(b, i)
        if b[i] == 93:
            return i + 1, k
        if b[i] != 44:
            return -1, k
        i = skip_space(b, i + 1)


@bare
def context(b: Any, i: int, idents: Any, info: Any, k: int) -> Any:
    """Read the object `c` for its actions; return as `_elements` does, and whether it has any."""
    if b[i] != 123:
        return -1, k, False
    found = False
    i = skip_space(b, i + 1)
    if b[i] == 125:
        return i + 1, k, found
    done = False
    while not done:
        i, name = member(b, i)
        if i < 0:
            return -1, k, found
        if name == _MULTI:
            if found:
                return -1, k, found
            found = True
            i, k = elements(b, i, idents, info, k)
        else:
            i = skip_value(b, i)
        if i < 0:
            return -1, k, found
        i, done = next_member(b, i)
        if i < 0:
            return -1, k, found
    return i, k, found
