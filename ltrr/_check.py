"""Checks of input, each with the same form of message: *name* must be *what*, got *value*."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ltrr.errors import InputError, nearest

__all__ = ["array", "choice", "fraction", "indptr", "integer", "number"]


_NATIVE: dict[Any, np.dtype[Any]] = {
    kind: np.dtype(kind)
    for kind in (np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint32, np.float32, np.float64)
}


def array(name: str, value: Any, dtype: DTypeLike, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Return ``value`` as a C-contiguous array of ``dtype``; ``None`` in ``shape`` leaves an axis free."""
    # most arrays are right already, and this runs a hundred times a batch: they are not sent through numpy
    if type(value) is np.ndarray and value.dtype is _NATIVE.get(dtype) and value.flags.c_contiguous:
        out = value
    else:
        out = np.ascontiguousarray(value, dtype=dtype)
    if out.shape == shape:
        return out
    # a plain loop: a generator here cost as much as all the rest
    fits = out.ndim == len(shape)
    for want, have in zip(shape, out.shape, strict=False):
        fits = fits and want in (None, have)
    if not fits:
        want_text = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ")"
        raise InputError(f"`{name}` must have shape {want_text}, got {out.shape}")
    return out


def indptr(name: str, value: Any, n_rows: int | None, n_values: int) -> NDArray[np.int64]:
    """Return a CSR row pointer: starts at 0, never falls, ends at ``n_values``."""
    out = array(name, value, np.int64, (None if n_rows is None else n_rows + 1,))
    # two ends that are right cannot fall: a batch of one request needs no arrays to be compared
    falls = len(out) > 2 and (out[1:] < out[:-1]).any()
    if len(out) == 0 or out[0] != 0 or out[-1] != n_values or falls:
        raise InputError(f"`{name}` must rise from 0 to {n_values} without falling, got {out[:1]}…{out[-1:]}")
    return out


def number(
    name: str, value: Any, *, low: float = -math.inf, high: float = math.inf, open_low: bool = False
) -> float:
    """Return ``value`` as a finite float within ``[low, high]`` (``(low, high]`` if ``open_low``)."""
    bad = isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating))
    if bad or not math.isfinite(value) or value < low or value > high or (open_low and value == low):
        bound = (f" > {low:g}" if open_low else f" >= {low:g}") if low > -math.inf else ""
        bound += f" and <= {high:g}" if high < math.inf else ""
        raise InputError(f"`{name}` must be a number{bound}, got {value!r}")
    return float(value)


def fraction(name: str, value: Any) -> float:
    """Return ``value`` as a float in [0, 1]."""
    return number(name, value, low=0.0, high=1.0)


def integer(name: str, value: Any, *, low: int | None = None, high: int | None = None) -> int:
    """Return ``value`` as an int within ``[low, high]``."""
    bad = isinstance(value, bool) or not isinstance(value, (int, np.integer))
    if bad or (low is not None and value < low) or (high is not None and value > high):
        bound = f" >= {low}" if low is not None else ""
        bound += f" and <= {high}" if high is not None else ""
        raise InputError(f"`{name}` must be an integer{bound}, got {value!r}")
    return int(value)


def choice(name: str, value: Any, known: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``known``."""
    if value not in known:
        hint = nearest(value, known) if isinstance(value, str) else f"; known: {', '.join(known)}"
        raise InputError(f"`{name}` must be a known name, got {value!r}{hint}")
    return str(value)
