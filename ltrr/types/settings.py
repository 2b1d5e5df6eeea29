"""Settings of a class or function: their names, types, defaults and meanings, and whether a value fits."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from ltrr.errors import InputError, nearest
from ltrr.types.component import writable
from ltrr.types.docstring import Entry, entries
from ltrr.types.toml_text import toml_text

__all__ = [
    "MAKERS",
    "REQUIRED",
    "Setting",
    "check_settings",
    "detail",
    "members",
    "parameters",
    "registry_for",
    "settings_of",
]

MAKERS: dict[Any, Any] = {}
"""The registry that makes the objects of a protocol, for settings that are components themselves."""

REQUIRED = inspect.Parameter.empty
"""The default of a setting that must be given."""


@dataclass(frozen=True)
class Setting:
    """One setting of a component or of a study.

    Parameters
    ----------
    name : str
    kind : str
        Its type in words.
    default : object
        `REQUIRED` where it must be given.
    meaning : str
        What the docstring says of it, in one line; empty where it says nothing.

    Examples
    --------
    >>> from ltrr.users import PBM
    >>> eta = next(s for s in settings_of(PBM) if s.name == "eta")
    >>> eta.kind, eta.default, eta.shown
    ('float >= 0', 1.0, '1.0')
    """

    name: str
    kind: str
    default: Any
    meaning: str

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED

    @property
    def shown(self) -> str:
        """The default as a study file has it; empty where there is none, or none that a file can hold."""
        if self.required or self.default is None:
            return ""
        value, why = writable(self.default)
        return "" if why else toml_text(value)


def settings_of(maker: Any) -> tuple[Setting, ...]:
    """Return the settings that a class or function takes, as its signature and its docstring say.

    The preset values of a partial are its defaults, and those of a finished object what it holds.
    """
    if not callable(maker):
        found = tuple(replace(s, default=getattr(maker, s.name, None)) for s in settings_of(type(maker)))
        return tuple(s for s in found if not callable(s.default))
    known = parameters(maker)[0]
    given = inspect.signature(maker).parameters if known else {}
    return tuple(_setting(maker, name, hint, given[name].default) for name, (hint, _) in known.items())


def _setting(maker: Any, name: str, hint: Any, default: Any) -> Setting:
    """Return one setting; its type is in the docstring's words, unless `ltrr list` can tell more of it."""
    entry = entries(maker).get(name, Entry())
    made = any(registry_for(one) is not None for one in members(hint))
    kind = detail(hint) if made or not entry.kind else entry.kind
    base = maker.func if isinstance(maker, functools.partial) else maker
    factories = {f.name: f.default_factory for f in getattr(base, "__dataclass_fields__", {}).values()}
    factory = factories.get(name, dataclasses.MISSING)
    drawn = callable(factory) and type(default).__module__ == "dataclasses"  # shown as "<factory>"
    return Setting(name, kind, factory() if drawn else default, entry.meaning)


def check_settings(maker: Any, kind: str, params: Any, where: str) -> dict[str, tuple[Any, bool]]:
    """Check the names and types of settings; return each setting's type and if it is required.

    Raises
    ------
    InputError
        If a setting is unknown or has another type than the maker declares.
    """
    if not isinstance(params, Mapping):
        raise InputError(f"`{where}` must be a table of settings, got {params!r}")
    settings, takes_all = parameters(maker)
    for key, value in params.items():
        if key not in settings:
            if takes_all:
                continue
            hint = nearest(str(key), settings) if settings else "; it takes none"
            raise InputError(f"`{where}` has no setting {key!r} for kind {kind!r}{hint}")
        if not _fits(value, settings[key][0]):
            raise InputError(f"`{where}.{key}` must be {detail(settings[key][0])}, got {value!r}")
    return settings


@functools.cache
def parameters(maker: Any) -> tuple[dict[str, tuple[Any, bool]], bool]:
    """Return the declared type of each parameter and if it must be given; and if any other is taken too.

    A parameter without an annotation, or with one that cannot be read, takes any value. Parameters of types
    that neither a file nor a registry knows are left out.
    """
    base = maker.func if isinstance(maker, functools.partial) else maker
    source = base if dataclasses.is_dataclass(base) or not inspect.isclass(base) else base.__init__
    try:
        hints = typing.get_type_hints(source)
    except (NameError, TypeError, AttributeError):  # names that only a type checker imports
        hints = {}
    try:
        found = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):  # a class written in C without a signature
        return {}, True
    named = {
        p.name: (hints.get(p.name, Any), p.default is REQUIRED)
        for p in found
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and detail(hints.get(p.name, Any))
    }
    return named, any(p.kind is p.VAR_KEYWORD for p in found)


_PLAIN: dict[Any, tuple[str, str]] = {
    bool: ("true or false", "of true or false"),
    int: ("an integer", "of integers"),
    float: ("a number", "of numbers"),
    str: ("a text", "of texts"),
}
"""How a type that a study file can hold is called alone and as what a list holds."""


def registry_for(kind: Any) -> Any:
    """Return the registry that makes what a type says, if there is one."""
    return MAKERS.get(kind) if inspect.isclass(kind) else None


def _nested(kind: Any) -> bool:
    """Return whether a type is a class of some package whose objects a table can describe."""
    return inspect.isclass(kind) and dataclasses.is_dataclass(kind)


def members(kind: Any) -> tuple[Any, ...]:
    """Return the types that a union holds, or the type alone."""
    joined = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if joined else (kind,)


def detail(kind: Any, *, many: bool = False) -> str:
    """Say in words what a type wants; nothing where a study file cannot hold it."""
    if kind is Any:
        return "any value"
    if kind in _PLAIN:
        return _PLAIN[kind][many]
    registry = registry_for(kind)
    if registry is not None:
        return f"one of `ltrr list {registry.group}`, a table with `kind`, or an object"
    if _nested(kind):
        return f"a table with `kind`, or a {kind.__name__}"
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(filter(None, (detail(k, many=many) for k in inner)))
    if origin is Callable:
        return "an import path `module:function`"
    if origin not in (tuple, Sequence, Mapping):
        return ""
    held = detail(inner[1] if origin is Mapping else inner[0], many=True)
    count = f"{len(inner)} " if origin is tuple and Ellipsis not in inner else ""
    noun = "table" if origin is Mapping else "list"
    return held and (f"of {noun}s {held}" if many else f"a {noun} {held.replace('of ', f'of {count}', 1)}")


def _fits(value: Any, kind: Any) -> bool:
    """Return whether a value of a study file has the type, lists standing for tuples."""
    if kind is Any:
        return True
    if kind is int or kind is float:
        number = isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
        return number and (isinstance(value, Integral) or math.isfinite(value))
    if kind in (bool, str, Path, types.NoneType):
        return isinstance(value, kind)
    registry = registry_for(kind)
    if registry is not None:
        made = isinstance(value, (str, Mapping)) or all(hasattr(value, n) for n in registry.needs)
        return made and not inspect.isclass(value)
    if _nested(kind):
        return isinstance(value, (Mapping, kind))
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, k) for k in inner)
    if origin is Callable:
        return callable(value) or (isinstance(value, str) and ":" in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(v, inner[1]) for v in value.values())
    if origin not in (tuple, Sequence) or not isinstance(value, (list, tuple)):
        return False
    exact = origin is tuple and Ellipsis not in inner
    return (not exact or len(value) == len(inner)) and all(_fits(v, inner[0]) for v in value)
