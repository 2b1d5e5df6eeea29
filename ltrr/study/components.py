"""Names that a study may use, and what they make."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from ltrr import bandits, retrieval, users, worlds
from ltrr.embeddings import LSA
from ltrr.errors import InputError, nearest
from ltrr.ranking import LambdaMART, PriorRanker, RankFeatures, ReciprocalRankFusion
from ltrr.retrieval import Dense

__all__ = [
    "ARMS",
    "POLICIES",
    "POLICY_KINDS",
    "RANKERS",
    "USERS",
    "WORLDS",
    "check_settings",
    "make",
    "try_world",
]


def _dense(**params: Any) -> Dense:
    """TF-IDF → truncated SVD (`ltrr.embeddings.LSA`), exact search by cosine."""
    return Dense(encoder=LSA(**params))


ARMS: dict[str, Callable[..., Any]] = {**retrieval.ARMS.makers, "dense": _dense}
WORLDS: dict[str, Callable[..., Any]] = dict(worlds.WORLDS.makers)


def _prior(**params: Any) -> PriorRanker:
    """Score by fixed weights on named features."""
    return PriorRanker(RankFeatures.names, **params)


def _lambdamart(**params: Any) -> LambdaMART:
    """LightGBM LambdaRank trained on logged clicks; fixed weights until its first training."""
    return LambdaMART(_prior(), memory_columns=RankFeatures.memory_columns, **params)


RANKERS: dict[str, Callable[..., Any]] = {
    "lambdamart": _lambdamart,
    "prior": _prior,
    "rrf": ReciprocalRankFusion,
}
USERS: dict[str, Callable[..., Any]] = dict(users.USERS.makers)
POLICY_KINDS: dict[str, Callable[..., Any]] = dict(bandits.POLICIES.makers)
POLICIES: dict[str, dict[str, Any]] = {
    **{name: dict(settings) for name, settings in bandits.PRESETS.items()},
    **{name: {"kind": name} for name in ("epsilon-greedy", "linucb", "linucb-disjoint")},
}
"""Policies that a study or a call may name without saying more; an arm's name is the policy of that arm."""


def make(registry: Mapping[str, Callable[..., Any]], kind: Any, params: Mapping[str, Any], where: str) -> Any:
    """Return what ``kind`` names, made with ``params``; unknown names and values are one clear line.

    Examples
    --------
    >>> make(ARMS, "bm25", {"k1": 0.9}, "arms.bm25").k1
    0.9
    >>> make(ARMS, "bm26", {}, "arms")
    Traceback (most recent call last):
    ltrr.errors.InputError: `arms` names no known kind, got 'bm26'; did you mean 'bm25'?
    >>> make(ARMS, "bm25", {"k1": "much"}, "arms.bm25")
    Traceback (most recent call last):
    ltrr.errors.InputError: `arms.bm25.k1` must be a number, got 'much'
    """
    settings = check_settings(registry, kind, params, where)
    for key, (_, required) in settings.items():
        if required and key not in params:
            raise InputError(f"`{where}` of kind {kind!r} must have `{key}`")
    values = {key: _frozen(value) for key, value in params.items()}
    try:
        return registry[kind](**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    except (TypeError, ValueError, ArithmeticError) as error:
        given = ", ".join(f"{key} = {value!r}" for key, value in params.items())
        raise InputError(f"`{where}` cannot be made of {given or 'no settings'}: {error}") from error


def check_settings(
    registry: Mapping[str, Callable[..., Any]], kind: Any, params: Any, where: str
) -> dict[str, tuple[Any, bool]]:
    """Check kind, names and types without making anything; return each setting's type and if it is required.

    Raises
    ------
    InputError
        If the kind or a setting is unknown or a value has another type than the maker declares.
    """
    if not isinstance(kind, str) or kind not in registry:
        if kind == "object":
            raise InputError(f"`{where}` was an object given in a call: it can only go on from there")
        raise InputError(f"`{where}` names no known kind, got {kind!r}{nearest(str(kind), registry)}")
    if not isinstance(params, Mapping):
        raise InputError(f"`{where}` must be a table of settings, got {params!r}")
    settings = _settings(registry[kind])
    for key, value in params.items():
        if key not in settings:
            hint = nearest(str(key), settings) if settings else "; it takes none"
            raise InputError(f"`{where}` has no setting {key!r} for kind {kind!r}{hint}")
        if not _fits(value, settings[key][0]):
            raise InputError(f"`{where}.{key}` must be {_said(settings[key][0])}, got {value!r}")
    return settings


def try_world(params: Mapping[str, Any]) -> int | None:
    """Check the settings of a world before the real one is made, which takes time; return its highest grade.

    Names and types are checked, and ranges too where a small world with the same settings is cheap to make;
    where the grades are in files yet to be read, the answer is None.
    """
    settings = dict(params)
    kind = settings.pop("kind", "music")
    check_settings(WORLDS, kind, settings, "world")
    if kind not in _SMALL:
        return None
    small = {key: min(settings.get(key, value), value) for key, value in _SMALL[kind].items()}
    with np.errstate(divide="raise", over="raise", invalid="raise"):  # probabilities that are no numbers
        grade: int = make(WORLDS, kind, {**settings, **small}, "world").max_grade
    return grade


_SMALL: dict[str, dict[str, int]] = {
    "music": {"n_items": 200, "n_queries": 20, "wordings": 2, "n_users": 500}
}
"""Sizes, by kind of world, at which making one takes no time; what is smaller stays so, and is an error."""

_MADE_OF: dict[Callable[..., Any], tuple[Callable[..., Any], tuple[str, ...]]] = {
    _dense: (LSA, ()),
    _prior: (PriorRanker, ("names",)),
    _lambdamart: (LambdaMART, ("prior", "memory_columns")),
}
"""What the makers above pass their settings on to, and what they fill in themselves."""


@functools.cache
def _settings(maker: Callable[..., Any]) -> dict[str, tuple[Any, bool]]:
    """Return the declared type of each parameter that a study file can hold, and if it must be given."""
    target, filled_in = _MADE_OF.get(maker, (maker, ()))
    base = target.func if isinstance(target, functools.partial) else target
    hints = typing.get_type_hints(base if dataclasses.is_dataclass(base) else base.__init__)
    return {
        name: (hints[name], parameter.default is inspect.Parameter.empty)
        for name, parameter in inspect.signature(target).parameters.items()
        if name not in filled_in and _said(hints[name])
    }


_PLAIN: dict[Any, tuple[str, str]] = {
    bool: ("true or false", "of true or false"),
    int: ("an integer", "of integers"),
    float: ("a number", "of numbers"),
    str: ("a text", "of texts"),
}
"""How a type that a study file can hold is called alone and as what a list holds."""


def _said(kind: Any, *, many: bool = False) -> str:
    """Say in words what a type wants; nothing where a study file cannot hold it."""
    if kind in _PLAIN:
        return _PLAIN[kind][many]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(filter(None, (_said(k, many=many) for k in inner)))
    if origin not in (tuple, Sequence, Mapping):
        return ""
    held = _said(inner[1] if origin is Mapping else inner[0], many=True)
    count = f"{len(inner)} " if origin is tuple and Ellipsis not in inner else ""
    noun = "table" if origin is Mapping else "list"
    return held and (f"of {noun}s {held}" if many else f"a {noun} {held.replace('of ', f'of {count}', 1)}")


def _fits(value: Any, kind: Any) -> bool:
    """Return whether a value of a study file has the type, lists standing for tuples."""
    if kind is int or kind is float:
        number = isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
        return number and (isinstance(value, Integral) or math.isfinite(value))
    if kind in (bool, str, Path, types.NoneType):
        return isinstance(value, kind)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, k) for k in inner)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(v, inner[1]) for v in value.values())
    if origin not in (tuple, Sequence) or not isinstance(value, (list, tuple)):
        return False
    exact = origin is tuple and Ellipsis not in inner
    return (not exact or len(value) == len(inner)) and all(_fits(v, inner[0]) for v in value)


def _frozen(value: Any) -> Any:
    """Return lists as tuples, all the way down."""
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
