"""Components by name, import path or entry point; their settings checked; objects described for a file.

A component is given in one of three ways: by a name (``"bm25"``), by the import path of its class
(``"module:Class"``), each with a table of settings, or as an object. `Registry` is the one place that turns
names and paths into objects; every package lists its names in its own ``registry.py``.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ltrr.errors import InputError, nearest
from ltrr.types.component import OBJECT, Component, described, frozen, writable
from ltrr.types.docstring import first_line
from ltrr.types.settings import MAKERS, Setting, check_settings, members, registry_for, settings_of

__all__ = [
    "REGISTRIES",
    "Registry",
    "add_import_path",
    "preset",
    "registry_of",
    "resolve",
]

REGISTRIES = {
    "arms": "ltrr.retrieval.registry:ARMS",
    "policies": "ltrr.bandits.registry:POLICIES",
    "rankers": "ltrr.ranking.registry:RANKERS",
    "users": "ltrr.users.registry:USERS",
    "worlds": "ltrr.worlds.registry:WORLDS",
    "rewards": "ltrr.users.registry:REWARDS",
    "encoders": "ltrr.embeddings.registry:ENCODERS",
    "tokenizers": "ltrr.features.registry:TOKENIZERS",
    "measures": "ltrr.metrics.registry:MEASURES",
    "estimators": "ltrr.replay.estimators.registry:ESTIMATORS",
    "intervals": "ltrr.replay.intervals.registry:INTERVALS",
    "log_formats": "ltrr.logs.registry:LOG_FORMATS",
    "targets": "ltrr.replay.targets.registry:TARGETS",
}
"""Where the registry of each group of components is; entry points of a group are named ``ltrr.<group>``."""


def registry_of(group: str) -> Registry:
    """Return the registry of a group, a key of `REGISTRIES`."""
    found: Registry = resolve(REGISTRIES[group], group)
    return found


def resolve(path: str, where: str) -> Any:
    """Return what an import path ``module:name`` names.

    Parameters
    ----------
    path : str
        Module and name, dots in the name allowed: ``"package.module:Class"``.
    where : str
        Names the setting in messages.

    Raises
    ------
    InputError
        If there is no such module or name, or the module cannot be imported.

    Examples
    --------
    >>> resolve("math:sqrt", "here")(9.0)
    3.0
    >>> resolve("math:squirt", "here")
    Traceback (most recent call last):
    ltrr.errors.InputError: `here`: module 'math' has no 'squirt'; did you mean 'sqrt'?
    """
    module_name, _, name = path.partition(":")
    if module_name == "__main__":
        raise InputError(
            f"`{where}` was of a class of a notebook or script ({path}), which a file cannot name: "
            "give it in a call, or put the class into a module"
        )
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"`{where}`: no module {error.name!r} for {path!r}; install it, or run where it can be imported"
        ) from error
    except Exception as error:
        raise InputError(f"`{where}`: {module_name!r} cannot be imported: {error!r}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            hint = nearest(part, [n for n in vars(found) if not n.startswith("_")])
            raise InputError(f"`{where}`: module {module_name!r} has no {name!r}{hint}")
        found = getattr(found, part)
    return found


def add_import_path(folder: str | Path) -> None:
    """Let ``module:Class`` find the modules of a folder, after all that could be found before."""
    place = str(Path(folder).resolve())
    if place not in sys.path:
        sys.path.append(place)


def preset(maker: Any, meaning: str, *args: Any, **settings: Any) -> functools.partial[Any]:
    """Return a maker with settings of its own, and a line about them for `Registry.about`.

    Examples
    --------
    >>> preset(int, "Whole numbers written in base 2", base=2)("101")
    5
    """
    made = functools.partial(maker, *args, **settings)
    vars(made)["meaning"] = meaning
    return made


@dataclass(frozen=True)
class Registry:
    """The names of one kind of component, and how they are made.

    Parameters
    ----------
    group : str
        What the components are called, a key of `REGISTRIES`; entry points of the group ``ltrr.<group>`` of
        any installed distribution add names.
    makers : mapping of str to callable
        Classes, or functions that return a component, by name. Names win over entry points.
    makes : type, optional
        The protocol that the components follow; settings annotated with it are made by this registry.
    needs : tuple of str
        Members that a component must have.
    base : str
        Import path of what to inherit from, for the message where a member is missing.

    Examples
    --------
    >>> numbers = Registry("numbers", {"fraction": __import__("fractions").Fraction})
    >>> numbers.make("fractions:Fraction", {}, "here")
    Fraction(0, 1)
    >>> numbers.make("fractoin", {}, "here")
    Traceback (most recent call last):
    ltrr.errors.InputError: `here` names no known kind, got 'fractoin'; did you mean 'fraction'?
    """

    group: str
    makers: Mapping[str, Any]
    makes: Any = None
    needs: tuple[str, ...] = ()
    base: str = ""

    def __post_init__(self) -> None:
        if self.makes is not None:
            MAKERS[self.makes] = self

    @property
    def names(self) -> tuple[str, ...]:
        """All names: those of the package in their order, then those of other distributions."""
        return (
            *self.makers,
            *(name for name in sorted(_entry_points(self.group)) if name not in self.makers),
        )

    def maker(self, kind: Any, where: str) -> Any:
        """Return the class or function that a name or import path stands for.

        Raises
        ------
        InputError
            If there is none.
        """
        if isinstance(kind, str) and kind in self.makers:
            return self.makers[kind]
        if isinstance(kind, str) and ":" in kind:
            return resolve(kind, where)
        entry = _entry_points(self.group).get(kind) if isinstance(kind, str) else None
        if entry is None:
            hint = nearest(str(kind), self.names)
            raise InputError(f"`{where}` names no known kind, got {kind!r}{hint}")
        return resolve(entry.value, where)

    def component(self, value: Any, where: str, default: str | None = None) -> Component:
        """Return a component from a name, a table with ``kind``, or an object; nothing is made yet.

        Parameters
        ----------
        value : str, mapping or object
        where : str
            Names the setting in messages.
        default : str, optional
            The kind of a table that names none.

        Raises
        ------
        InputError
            If the value is none of these, or lacks a member.
        """
        if isinstance(value, Component):
            return value
        if isinstance(value, str):
            return Component(value)
        if isinstance(value, Mapping):
            table = dict(value)
            kind = table.pop("kind", default)
            if kind == OBJECT:
                own = table.get("class", "unknown")
                raise InputError(
                    f"`{where}` was an object of {own!r} given in a call, which a file cannot make again: "
                    "go on from Python with the same object, or put its class into a module"
                )
            if kind is None:
                raise InputError(
                    f"`{where}` must have a `kind`, one of {', '.join(self.names)}; got {value!r}"
                )
            if isinstance(kind, (list, tuple, int, float, Mapping)):
                raise InputError(
                    f"`{where}` names no known kind, got {kind!r}; known: {', '.join(self.names)}"
                )
            if not isinstance(kind, str):
                if table:
                    raise InputError(
                        f"`{where}` is an object already: it takes no settings, got {sorted(table)}"
                    )
                return self.component(kind, where)
            return Component(kind, table, unnamed=writable(table)[1])
        self.check_object(value, where)
        return self.described_component(value)

    def described_component(self, value: Any) -> Component:
        """Return an object as a component, named as a file would name it."""
        path, params, why = described(value)
        for name, maker in self.makers.items():
            path = name if maker is type(value) else path
        return Component(path, params, value, why)

    def check_object(self, value: Any, where: str) -> None:
        """Refuse classes, and objects that lack a member."""
        if inspect.isclass(value):
            raise InputError(
                f"`{where}` must be an instance, got the class {value.__name__}: write {value.__name__}(…)"
            )
        missing = [name for name in self.needs if not hasattr(value, name)]
        if missing:
            remedy = f"; inherit from `{self.base}`" if self.base else ""
            known = f"a name ({', '.join(self.names)}), a table with `kind`, or an object"
            given = f"{type(value).__name__} without `{missing[0]}`"
            raise InputError(f"`{where}` must be {known}; got {given}{remedy}")

    def make(self, kind: Any, params: Mapping[str, Any], where: str) -> Any:
        """Return what ``kind`` names, made with ``params``; unknown names and values are one clear line."""
        maker = self.maker(kind, where)
        if not callable(maker):  # a finished object of a module, such as a measure
            self.check_object(maker, where)
            return maker
        settings = check_settings(maker, kind, params, where)
        for key, (_, required) in settings.items():
            if required and key not in params:
                raise InputError(f"`{where}` of kind {kind!r} must have `{key}`")
        values = {
            key: _made(value, settings.get(key, (Any, False))[0], f"{where}.{key}")
            for key, value in params.items()
        }
        try:
            made = maker(**values)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        except (TypeError, ValueError, ArithmeticError) as error:
            given = ", ".join(f"{key} = {value!r}" for key, value in params.items())
            raise InputError(f"`{where}` cannot be made of {given or 'no settings'}: {error}") from error
        self.check_object(made, where)
        return made

    def make_any(self, path: str, params: Mapping[str, Any], where: str) -> Any:
        """Return what an import path names, made with ``params``, whatever members it has."""
        return Registry(self.group, {}).make(path, params, where)

    def check(self, kind: Any, params: Mapping[str, Any], where: str) -> None:
        """Check kind, names and types of settings without making anything."""
        maker = self.maker(kind, where)
        if callable(maker):
            check_settings(maker, kind, params, where)

    def settings(self, name: str, where: str = "") -> tuple[Setting, ...]:
        """Return the settings that a component takes."""
        return settings_of(self.maker(name, where or name))

    def about(self, name: str) -> str:
        """Return the first line of what a component says of itself."""
        maker = self.maker(name, name)
        return str(getattr(maker, "meaning", None) or first_line(maker))


@functools.cache
def _entry_points(group: str) -> Mapping[str, metadata.EntryPoint]:
    return {entry.name: entry for entry in metadata.entry_points(group=f"ltrr.{group}")}


def _made(value: Any, kind: Any, where: str) -> Any:
    """Return a setting as its maker takes it: components made, import paths resolved, lists as tuples."""
    for one in members(kind):
        registry = registry_for(one)
        if registry is not None and isinstance(value, (str, Mapping)):
            component = registry.component(value, where)
            return registry.make(component.kind, component.params, where)
        if typing.get_origin(one) is Callable and isinstance(value, str):
            return resolve(value, where)
    if isinstance(value, Mapping) and ":" in str(value.get("kind", "")):
        table = dict(value)
        return Registry(where, {}).make(table.pop("kind"), table, where)
    return frozen(value)
