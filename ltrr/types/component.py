"""Components as a study names them, and objects described so that a file can name them."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["OBJECT", "Component", "described", "frozen", "importable", "kept_settings", "plain", "writable"]

OBJECT = "object"
"""The kind, in a file, of what was given as an object and cannot be made again."""


@dataclass(frozen=True)
class Component:
    """A component as a study names it.

    Parameters
    ----------
    kind : str
        A registered name, an import path, or the import path of the class of ``given``.
    params : mapping
        Settings; where the component was given as an object, what its own settings are.
    given : object, optional
        The object, where one was given in a call.
    unnamed : str
        Why a file cannot name the object, empty where it can.

    Examples
    --------
    >>> Component("bm25", {"k1": 1.2}).settings()
    {'kind': 'bm25', 'k1': 1.2}
    >>> Component("__main__:Mine", unnamed="Mine is of a notebook or script").settings()
    {'kind': 'object', 'class': '__main__:Mine'}
    """

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    given: Any = None
    unnamed: str = ""

    def settings(self) -> dict[str, Any]:
        """Return the component as a table of a study file."""
        if self.unnamed:
            return {"kind": OBJECT, "class": self.kind}
        return {"kind": self.kind, **writable(self.params)[0]}


def described(value: Any) -> tuple[str, dict[str, Any], str]:
    """Return import path and settings from which an object can be made again, or why that is impossible.

    Settings are what the object's ``parameters()`` returns, or else its attributes with the names of the
    parameters of its class. Those at their defaults are left out.

    Examples
    --------
    >>> described(len)
    ('builtins:len', {}, '')
    >>> from ltrr.types.requests import Queries
    >>> described(Queries(("blue",)))[:2]
    ('ltrr.types.requests:Queries', {'text': ['blue']})
    >>> described(lambda text: text)[2]
    "<lambda> is not a name in the module 'ltrr.types.component'"
    """
    kind = value if inspect.isroutine(value) else type(value)
    held = _name_in_module(value)
    if held:
        return held, {}, ""
    path, why = importable(value)
    if why or inspect.isroutine(value):
        return path, {}, why
    params: dict[str, Any] = {}
    kept = kept_settings(value)
    for name, default in _own_settings(value).items():
        setting = kept[name]
        if _same(setting, default):
            continue
        if name == "kind":
            return (
                path,
                {},
                f"{kind.__qualname__} has a setting called `kind`, which names the component in a file",
            )
        text, why = writable(setting)
        if why:
            return path, {}, f"{kind.__qualname__}.{name}: {why}"
        params[name] = text
    return path, params, ""


def importable(value: Any) -> tuple[str, str]:
    """Return the import path of an object's class, or of a function, and why it could not be made again.

    Examples
    --------
    >>> importable({})
    ('builtins:dict', '')
    """
    kind = value if inspect.isroutine(value) else type(value)
    path = f"{kind.__module__}:{kind.__qualname__}"
    if kind.__module__ == "__main__":
        return path, f"{kind.__qualname__} was defined in a notebook or script"
    if not _found_again(kind):
        return path, f"{kind.__qualname__.split('.')[-1]} is not a name in the module {kind.__module__!r}"
    lost = (
        [] if inspect.isroutine(value) else [n for n in _own_settings(value) if n not in kept_settings(value)]
    )
    return path, f"{kind.__qualname__} does not keep its setting `{lost[0]}`" if lost else ""


def kept_settings(value: Any) -> dict[str, Any]:
    """Return the settings that an object keeps, those at their defaults too, as they are.

    Examples
    --------
    >>> from ltrr.types.requests import Queries
    >>> kept_settings(Queries(("blue",)))
    {'text': ('blue',)}
    """
    own = value.parameters() if callable(getattr(value, "parameters", None)) else None
    if isinstance(own, Mapping):  # other packages have methods of this name that mean something else
        return dict(own)
    return {name: getattr(value, name) for name in _own_settings(value) if hasattr(value, name)}


def _name_in_module(value: Any) -> str:
    """Return the import path of an object that a module itself holds under some name, such as a measure."""
    parts = vars(value).values() if hasattr(value, "__dict__") else ()
    modules = {getattr(part, "__module__", None) for part in parts if inspect.isroutine(part)}
    for name in sorted(m for m in modules if m and m != "__main__"):
        for key, held in vars(sys.modules.get(name, types)).items():
            if held is value:
                return f"{name}:{key}"
    return ""


def _same(value: Any, default: Any) -> bool:
    """Return whether a setting is left at its default."""
    if isinstance(value, Mapping) and isinstance(default, Mapping):
        return dict(value) == dict(default)
    return value is default or (type(value) is type(default) and bool(np.all(value == default)))


def _found_again(kind: Any) -> bool:
    """Return whether a class or function is what its own import path leads to."""
    found: Any = sys.modules.get(kind.__module__)
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is kind


def _own_settings(value: Any) -> dict[str, Any]:
    """Return the names of an object's settings and their defaults."""
    if dataclasses.is_dataclass(value):
        empty, missing = inspect.Parameter.empty, dataclasses.MISSING
        return {
            f.name: f.default_factory()
            if f.default_factory is not missing
            else (empty if f.default is missing else f.default)
            for f in dataclasses.fields(value)
            if f.init
        }
    try:
        found = inspect.signature(type(value)).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {p.name: p.default for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def writable(value: Any) -> tuple[Any, str]:
    """Return a setting as a file holds it, and why that is not possible.

    Examples
    --------
    >>> writable({"path": Path("logs"), "ks": (1, 3)})
    ({'path': 'logs', 'ks': [1, 3]}, '')
    >>> writable(np.ones(2))
    (None, 'an array cannot be a setting in a file')
    """
    if value is None:
        return None, "None cannot be written to a file"
    if isinstance(value, (bool, str)):
        return value, ""
    if isinstance(value, (Integral, Real)):
        return (int(value) if isinstance(value, Integral) else float(value)), ""
    if isinstance(value, Path):
        return str(value), ""
    if isinstance(value, (list, tuple, Mapping)):
        table = value if isinstance(value, Mapping) else dict(enumerate(value))
        pairs = [(str(k), *writable(v)) for k, v in table.items()]
        why = next((w for *_, w in pairs if w), "")
        return ({k: v for k, v, _ in pairs} if value is table else [v for _, v, _ in pairs]), why
    if hasattr(value, "__array__"):
        return None, "an array cannot be a setting in a file"
    path, params, why = described(value)
    return (path if inspect.isroutine(value) else {"kind": path, **params}), why


def plain(value: Any) -> Any:
    """Return mappings and sequences as dicts and lists, for TOML.

    Examples
    --------
    >>> plain({"arms": ("bm25", "dense"), "folder": Path("runs")})
    {'arms': ['bm25', 'dense'], 'folder': 'runs'}
    """
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def frozen(value: Any) -> Any:
    """Return lists as tuples, all the way down.

    Examples
    --------
    >>> frozen([1, [2, 3]])
    (1, (2, 3))
    """
    return tuple(frozen(v) for v in value) if isinstance(value, list) else value
