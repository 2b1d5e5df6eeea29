"""JSON read from bytes in place: strings, numbers and whole values are passed over and checked, never copied.

Every function takes ``b``, a buffer whose last byte is a line feed, and a position before it. A line feed is
legal nowhere inside a line of JSON lines, so that all loops end there at the latest: no further bound is
needed. A result of −1 means "not plain": wrong, or right but rare, which Python's json module tells apart.

Grammar: RFC 8259, sections 2-7. Numbers: Clinger, "How to read floating point numbers accurately", PLDI 1990
(exact powers of ten), with one step of correction in double-double arithmetic and a test of its certainty.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any, cast

import numba
import numpy as np

from ltrr._kernels.jit import F

__all__ = ["bare", "fnv", "fnv_step", "hash_bytes", "number_end", "read_number", "skip_space"]
__all__ += ["skip_value", "string_end"]

SEED = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_ALL = 2**64 - 1
_POWERS = np.array([10.0**i for i in range(23)])
_SPLIT = 134217729.0  # 2 ** 27 + 1
_CERTAIN = 1e-10


def bare(function: F) -> F:
    """Compile as `kernel` does, but count no references: a call passes arrays on without touching them.

    Functions this small are called for every few bytes, and counting took half of all time. Such a function
    may read and write arrays but make none.
    """
    njit: Any = numba.njit  # the option has no type
    return cast(F, njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function))


def hash_bytes(text: bytes, seed: int = int(SEED)) -> int:
    """Return the 64-bit FNV-1a hash of bytes, as the kernels compute it.

    Examples
    --------
    >>> hex(hash_bytes(b"a"))
    '0xaf63dc4c8601ec8c'
    """
    h = seed
    for byte in text:
        h = (h ^ byte) * int(_PRIME) & _ALL
    return h


@bare
def skip_space(b: Any, i: int) -> int:
    """Return the first position from i on that holds no space, tab or carriage return."""
    while b[i] == 32 or b[i] == 13 or b[i] == 9:
        i += 1
    return i


if isinstance(skip_space, FunctionType):
    # without the JIT numpy warns of products that wrap around, which the hash asks for

    def fnv_step(h: Any, byte: Any) -> Any:
        """Return the hash with one byte more."""
        return np.uint64((int(h) ^ int(byte)) * int(_PRIME) & _ALL)

else:

    @bare
    def fnv_step(h: Any, byte: Any) -> Any:
        """Return the hash with one byte more."""
        return (h ^ np.uint64(byte)) * _PRIME


@bare
def fnv(b: Any, start: int, stop: int, seed: Any) -> Any:
    """Return the FNV-1a hash of ``b[start:stop]``, going on from a seed."""
    h = seed
    for i in range(start, stop):
        h = fnv_step(h, b[i])
    return h


@bare
def string_end(b: Any, i: int) -> Any:
    """Return the position behind the string that starts at i (−1 if it is wrong), and if it has escapes."""
    escaped = False
    i += 1
    while True:
        c = b[i]
        if c == 34:
            return i + 1, escaped
        if c < 32:
            return -1, escaped
        if c != 92:
            i += 1
            continue
        escaped = True
        c = b[i + 1]
        if c == 117:
            for j in range(i + 2, i + 6):
                x = b[j]
                if not (48 <= x <= 57 or 65 <= x <= 70 or 97 <= x <= 102):
                    return -1, escaped
            i += 6
        elif c == 34 or c == 92 or c == 47 or c == 98 or c == 102 or c == 110 or c == 114 or c == 116:
            i += 2
        else:
            return -1, escaped


@bare
def number_end(b: Any, i: int) -> int:
    """Return the position behind the number that starts at i, or −1."""
    if b[i] == 45:
        i += 1
    if b[i] == 48:
        i += 1
    elif 49 <= b[i] <= 57:
        while 48 <= b[i] <= 57:
            i += 1
    else:
        return -1
    if b[i] == 46:
        i += 1
        if not 48 <= b[i] <= 57:
            return -1
        while 48 <= b[i] <= 57:
            i += 1
    if b[i] == 101 or b[i] == 69:
        i += 1
        if b[i] == 43 or b[i] == 45:
            i += 1
        if not 48 <= b[i] <= 57:
            return -1
        while 48 <= b[i] <= 57:
            i += 1
    return i


@bare
def _product_error(x: float, y: float, product: float) -> float:
    """Return x·y − product exactly (Dekker 1971)."""
    t = _SPLIT * x
    x1 = t - (t - x)
    x2 = x - x1
    t = _SPLIT * y
    y1 = t - (t - y)
    y2 = y - y1
    return x2 * y2 - (((product - x1 * y1) - x2 * y1) - x1 * y2)


@bare
def _scaled(digits: Any, power: int) -> Any:
    """Return digits · 10**power rounded to the nearest double, and whether that is certain; |power| <= 22."""
    high = float(digits)
    low = float(digits - np.int64(high))
    d = _POWERS[abs(power)]
    if power < 0:
        q = high / d
        p = q * d
        rest = (high - p) - _product_error(q, d, p)
        add = (rest + low) / d
        slack = (abs(rest) + abs(low)) / d * _CERTAIN
    else:
        q = high * d
        rest = _product_error(high, d, q)
        add = rest + low * d
        slack = (abs(rest) + abs(low) * d) * _CERTAIN
    value = q + add
    return value, q + (add + slack) == value and q + (add - slack) == value


@bare
def read_number(b: Any, i: int) -> Any:
    """Return the position behind a number (or −1), its value, and 2 for a plain integer, 1 for other numbers.

    In place of 1 or 2 stands 0 where the value's last digit is not certain.
    """
    negative = b[i] == 45
    if negative:
        i += 1
    first = i
    digits: Any = np.int64(0)
    n_digits = 0  # without leading zeros
    power: Any = 0
    while 48 <= b[i] <= 57:
        if n_digits < 18:
            digits = digits * 10 + (np.int64(b[i]) - 48)
        else:
            power += 1
        if digits > 0:
            n_digits += 1
        i += 1
    if i == first or (b[first] == 48 and i > first + 1):
        return -1, 0.0, 0
    plain = True
    if b[i] == 46:
        plain = False
        i += 1
        first = i
        while 48 <= b[i] <= 57:
            if n_digits < 18:
                digits = digits * 10 + (np.int64(b[i]) - 48)
                power -= 1
            if digits > 0:
                n_digits += 1
            i += 1
        if i == first:
            return -1, 0.0, 0
    if b[i] == 101 or b[i] == 69:
        plain = False
        i += 1
        minus = b[i] == 45
        if minus or b[i] == 43:
            i += 1
        first = i
        exponent: Any = np.int64(0)
        while 48 <= b[i] <= 57:
            exponent = min(exponent * 10 + (np.int64(b[i]) - 48), 100_000)
            i += 1
        if i == first:
            return -1, 0.0, 0
        power += -exponent if minus else exponent
    certain = n_digits <= 18
    if digits == 0:
        value = 0.0
    elif -22 <= power <= 22:
        if digits < 9007199254740992:
            value = float(digits) / _POWERS[-power] if power < 0 else float(digits) * _POWERS[power]
        else:
            value, sure = _scaled(digits, power)
            certain = certain and sure
    else:
        certain = False
        value = float(digits) * 10.0 ** min(max(power, -300), 300)
    return i, -value if negative else value, (2 if plain else 1) if certain else 0


@bare
def _literal_end(b: Any, i: int) -> int:
    """Return the position behind true, false or null, or −1."""
    if b[i] == 116 and b[i + 1] == 114 and b[i + 2] == 117 and b[i + 3] == 101:
        return i + 4
    if b[i] == 102 and b[i + 1] == 97 and b[i + 2] == 108 and b[i + 3] == 115 and b[i + 4] == 101:
        return i + 5
    if b[i] == 110 and b[i + 1] == 117 and b[i + 2] == 108 and b[i + 3] == 108:
        return i + 4
    return -1


@bare
def skip_value(b: Any, i: int) -> int:
    """Return the position behind the value that starts at i, or −1; the value is checked to its last byte."""
    stack = np.int64(0)  # a bit a level, the innermost lowest: 1 for an object
    depth = 0
    while True:
        c = b[i]
        if c == 123 or c == 91:
            if depth == 60:
                return -1
            stack = stack << 1 | (1 if c == 123 else 0)
            depth += 1
            i = skip_space(b, i + 1)
            if b[i] == c + 2:  # } and ] stand two behind { and [
                i += 1
                stack >>= 1
                depth -= 1
            elif c == 91:
                continue
            else:
                i = _name_end(b, i)
                if i < 0:
                    return -1
                continue
        elif c == 34:
            i, _ = string_end(b, i)
        elif c == 45 or 48 <= c <= 57:
            i = number_end(b, i)
        else:
            i = _literal_end(b, i)
        if i < 0:
            return -1
        while depth > 0:
            i = skip_space(b, i)
            c = b[i]
            if c == 44:
                i = skip_space(b, i + 1)
                if stack & 1:
                    i = _name_end(b, i)
                    if i < 0:
                        return -1
                break
            if c != (125 if stack & 1 else 93):
                return -1
            i += 1
            stack >>= 1
            depth -= 1
        else:
            return i


@bare
def _name_end(b: Any, i: int) -> int:
    """Return where the value behind a name and its colon starts, or −1."""
    if b[i] != 34:
        return -1
    i, _ = string_end(b, i)
    if i < 0:
        return -1
    i = skip_space(b, i)
    return skip_space(b, i + 1) if b[i] == 58 else -1
