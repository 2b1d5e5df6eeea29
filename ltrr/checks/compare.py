"""How checks compare: the same bits or numbers within a tolerance, what was written into, what to vary."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

from ltrr.errors import InputError
from ltrr.types import Candidates, Requests

__all__ = ["copies", "same", "same_lists", "same_requests", "variants"]

C = TypeVar("C")


def same(one: Any, other: Any, tolerance: float = 0.0) -> bool:
    """Say whether two answers are the same: arrays, candidates, or sequences of such.

    Parameters
    ----------
    one, other : array, Candidates, or tuple or list of such
    tolerance : float >= 0
        Largest difference of two numbers; at 0 they are the same bit for bit (NaN equals nothing).

    Examples
    --------
    >>> same(np.array([0.1]), np.array([0.1 + 1e-12])), same(np.array([0.1]), np.array([0.1 + 1e-12]), 1e-9)
    (False, True)
    """
    if isinstance(one, Candidates):
        return same_lists(one, other, tolerance)
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(same(a, b, tolerance) for a, b in zip(one, other, strict=True))
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if tolerance == 0.0 or a.dtype.kind != "f":
        return bool((a == b).all())
    with np.errstate(invalid="ignore"):  # equal infinities have no difference
        gap = np.abs(a.astype(np.float64) - b)
    return bool(((a == b) | (gap <= tolerance)).all())


def same_lists(one: Candidates, other: Candidates, tolerance: float = 0.0) -> bool:
    """Say whether two batches of candidates are the same.

    Within a tolerance, items whose scores are that close may change places, also across the end of a list.

    Examples
    --------
    Two items of nearly the same score may change places within a tolerance.

    >>> one = Candidates.from_lists([[4, 7]], depth=[2], scores=[[1.0, 1.0 - 1e-7]])
    >>> other = Candidates.from_lists([[7, 4]], depth=[2], scores=[[1.0, 1.0 - 1e-7]])
    >>> same_lists(one, other), same_lists(one, other, 1e-6)
    (False, True)
    """
    keys = ("indptr", "capped", "score", "item")
    exact = [same(getattr(one, key), getattr(other, key)) for key in keys]
    if all(exact) or tolerance == 0.0 or not (exact[0] and exact[1]):
        return all(exact)
    return same(one.score, other.score, tolerance) and all(
        _swapped(one.take(row), other.take(row), tolerance) for row in np.arange(len(one))[:, None]
    )


def _swapped(one: Candidates, other: Candidates, tolerance: float) -> bool:
    """Say whether two lists differ only by items that are about as good."""
    here, there = (dict(zip(c.item.tolist(), c.score.tolist(), strict=True)) for c in (one, other))
    last = float(one.score[-1]) + 2.0 * tolerance if len(one.item) else 0.0
    return all(
        abs(here[i] - there[i]) <= tolerance if i in here and i in there else found[i] <= last
        for found in (here, there)
        for i in found
    )


def same_requests(one: Requests, other: Requests) -> bool:
    """Say whether two batches ask the same, texts included."""
    keys = ("request", "session", "user", "query", "time", "context")
    equal = all(same(getattr(one, key), getattr(other, key)) for key in keys)
    return equal and one.context_names == other.context_names and _texts(one) == _texts(other)


def _texts(requests: Requests) -> list[str]:
    return [requests.queries.text[q] if q >= 0 else "" for q in requests.query.tolist()]


def copies(*values: Any) -> Callable[[], bool]:
    """Return a function that says whether all arrays and texts within ``values`` are what they were.

    Examples
    --------
    >>> values = np.zeros(2)
    >>> untouched = copies(values)
    >>> untouched()
    True
    >>> values[0] = 1.0
    >>> untouched()
    False
    """
    before = copy.deepcopy(_parts(values))

    def untouched() -> bool:
        now = _parts(values)
        return len(now) == len(before) and all(
            a == b if isinstance(a, str) else a.tobytes() == b.tobytes()
            for a, b in zip(now, before, strict=True)
        )

    return untouched


def _parts(value: Any) -> list[Any]:
    if isinstance(value, (np.ndarray, str)):
        return [value]
    if is_dataclass(value):
        return [part for f in fields(value) for part in _parts(getattr(value, f.name))]
    if isinstance(value, Mapping):
        return [part for held in value.values() for part in _parts(held)]
    if isinstance(value, (tuple, list)):
        return [part for held in value for part in _parts(held)]
    return []


def variants(component: C) -> list[C]:
    """Return the dataclass with one parameter changed at a time: a number, or a tuple's last.

    Which other values are allowed is unknown, so such parameters stay as they are.
    """
    out = []
    for f in fields(component) if is_dataclass(component) else ():
        value = getattr(component, f.name)
        for other in _others(value) if f.init else ():
            try:
                out.append(replace(component, **{f.name: other}))  # type: ignore[type-var]  # is one, see above
            except InputError:
                continue
            break
    return out


def _others(value: Any) -> list[Any]:
    """Return values that may replace a number, likeliest first."""
    if isinstance(value, bool) or not isinstance(value, (int, float, tuple)):
        return []
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, float):
        return [x for x in (0.5 * value, 2.0 * value, 2.0, 0.5) if x != value]
    return [(*value[:-1], x) for x in _others(value[-1])] if value else []
