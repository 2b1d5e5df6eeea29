"""How checks are run, and what they raise."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

from ltrr.errors import InputError, nearest
from ltrr.types import Candidates, Requests

__all__ = [
    "CheckError",
    "Finding",
    "copies",
    "refused",
    "require",
    "run",
    "same",
    "same_lists",
    "same_requests",
    "variants",
]

C = TypeVar("C")


class CheckError(AssertionError):
    """A class breaks its protocol: which check found it, and what must hold.

    An `AssertionError`, so that test frameworks count it as a failure rather than an error.

    Parameters
    ----------
    check : str
        Name of the check; ``skip={check: reason}`` leaves it out.
    message : str
        One line: what must hold, what was found, what to do.

    Examples
    --------
    >>> raise CheckError("empty_batch", "`Mine.score` must be empty for no rows, got 3 numbers")
    Traceback (most recent call last):
    ltrr.checks.error.CheckError: empty_batch: `Mine.score` must be empty for no rows, got 3 numbers
    """

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check


class Finding(Exception):
    """What a check found wrong: a message on its way to `CheckError`."""


def require(condition: bool | np.bool_, message: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise a `Finding` unless ``condition`` holds."""
    if not condition:
        raise Finding(message)


def run(checks: Sequence[Callable[[C], None]], case: C, skip: Mapping[str, str] | None) -> None:
    """Run checks in order and raise the first finding as a `CheckError`.

    Parameters
    ----------
    checks : sequence of functions of the case
        Each raises a `Finding`, or lets pass what the class itself raises.
    case : object
    skip : mapping of check to reason, optional
        Checks that are left out; every one needs a reason.
    """
    names = [check.__name__ for check in checks]
    for name, reason in (skip or {}).items():
        if name not in names:
            raise InputError(f"`skip` must name checks, got {name!r}{nearest(name, names)}")
        if not reason.strip():
            raise InputError(f"`skip[{name!r}]` must say why the check does not apply, got nothing")
    for name, check in zip(names, checks, strict=True):
        if name in (skip or {}):
            continue
        try:
            check(case)
        except Finding as finding:
            raise CheckError(name, str(finding)) from None
        except Exception as error:
            text = f"raised {type(error).__name__} where it must not: {error}"
            raise CheckError(name, text) from error


def refused(call: Callable[[], object], what: str) -> None:
    """Raise a `Finding` unless ``call`` raises an `InputError` of one line.

    Parameters
    ----------
    call : function
    what : str
        Names the call in the message.
    """
    try:
        got = call()
    except InputError as error:
        require(
            "\n" not in str(error),
            f"{what} must raise an `InputError` of one line, got {len(str(error).splitlines())} lines",
        )
        return
    text = "no error" if got is None else " ".join(repr(got).split())[:60]
    raise Finding(f"{what} must raise `InputError`, got {text}")


def variants(component: C) -> list[C]:
    """Return the dataclass with one parameter changed at a time: a number, or a tuple's last.

    Of other values nobody knows which are allowed, so such parameters stay as they are.
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
    """Return values that may stand in the place of a number, likeliest first."""
    if isinstance(value, bool) or not isinstance(value, (int, float, tuple)):
        return []
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, float):
        return [x for x in (0.5 * value, 2.0 * value, 2.0, 0.5) if x != value]
    return [(*value[:-1], x) for x in _others(value[-1])] if value else []


def copies(*values: Any) -> Callable[[], bool]:
    """Return a function that says whether all arrays within ``values`` are still what they were."""
    arrays = [array for value in values for array in _arrays(value)]
    before = [copy.deepcopy(array) for array in arrays]
    return lambda: all(same(now, then) for now, then in zip(arrays, before, strict=True))


def _arrays(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        return [value]
    if is_dataclass(value):
        return [a for f in fields(value) for a in _arrays(getattr(value, f.name))]
    if isinstance(value, Mapping):
        return [a for part in value.values() for a in _arrays(part)]
    if isinstance(value, (tuple, list)):
        return [a for part in value for a in _arrays(part)]
    return []


def same(one: Any, other: Any) -> bool:
    """Say whether two arrays are the same, bit for bit (NaN is the same as nothing)."""
    a, b = np.asarray(one), np.asarray(other)
    return a.shape == b.shape and a.dtype == b.dtype and bool((a == b).all())


def same_lists(one: Candidates, other: Candidates) -> bool:
    """Say whether two batches of candidates are the same, bit for bit."""
    keys = ("indptr", "item", "score", "capped")
    return all(same(getattr(one, key), getattr(other, key)) for key in keys)


def same_requests(one: Requests, other: Requests) -> bool:
    """Say whether two batches ask the same, texts included."""
    keys = ("request", "session", "user", "query", "time", "context")
    equal = all(same(getattr(one, key), getattr(other, key)) for key in keys)
    return equal and one.context_names == other.context_names and _texts(one) == _texts(other)


def _texts(requests: Requests) -> list[str]:
    return [requests.queries.text[q] if q >= 0 else "" for q in requests.query.tolist()]
