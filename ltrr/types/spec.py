"""Components as one text: a name or an import path, values of parameters after further colons."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ltrr.errors import InputError
from ltrr.types.settings import parameters

if TYPE_CHECKING:
    from ltrr.registry import Registry

__all__ = ["Spec", "is_path", "make", "spec_of"]

_FROM_TEXT = (float, int, str)
"""Types of parameters whose values a text can hold."""


@dataclass(frozen=True)
class Spec:
    """A component as a text names it: ``name[:value…]`` or ``module:Class[:value…]``.

    Parameters
    ----------
    kind : str
        Name or import path.
    values : tuple of str
        Values of the parameters, in their order.
    maker : object
        The class or function behind the name, or a finished object of a module.

    Examples
    --------
    >>> Spec("round", ("2.5",), round).maker
    <built-in function round>
    """

    kind: str
    values: tuple[str, ...]
    maker: Any


def spec_of(registry: Registry, text: str, where: str) -> Spec:
    """Return what a text names; nothing is made.

    Raises
    ------
    InputError
        If there is no such name, or an import path leads nowhere.

    Examples
    --------
    >>> from ltrr.registry import Registry
    >>> numbers = Registry("numbers", {"fraction": __import__("fractions").Fraction})
    >>> spec_of(numbers, "fraction:1:2", "here")
    Spec(kind='fraction', values=('1', '2'), maker=<class 'fractions.Fraction'>)
    >>> spec_of(numbers, "datetime:timedelta:1", "here")
    Spec(kind='datetime:timedelta', values=('1',), maker=<class 'datetime.timedelta'>)
    """
    kind, *values = text.strip().split(":")
    if values and kind not in registry.names and is_path(kind, values[0]):
        kind, values = f"{kind}:{values[0]}", values[1:]
    return Spec(kind, tuple(values), registry.maker(kind, where))


def is_path(module: str, name: str) -> bool:
    """Return whether two texts can be a module and a name in it; numbers and most misspelt names cannot."""
    return all(part.isidentifier() for part in f"{module}.{name}".split("."))


def make(registry: Registry, spec: Spec, where: str, **offered: Any) -> Any:
    """Return the component that a text names.

    Parameters
    ----------
    registry : Registry
    spec : Spec
    where : str
        Names the setting in messages.
    **offered
        Values for the parameters of these names, where the component has them.

    Raises
    ------
    InputError
        If it takes fewer parameters or another value, a parameter is missing, or it is not such a component.
    """
    maker = spec.maker
    declared = parameters(maker)[0] if callable(maker) else {}
    given = {name: value for name, value in offered.items() if name in declared}
    free = [name for name, (kind, _) in declared.items() if name not in given and _type(kind) is not None]
    if len(spec.values) > len(free):
        takes = f"takes {', '.join(free)}" if free else "takes no parameter"
        raise InputError(f"`{where}` {spec.kind!r} {takes}, got {':'.join([spec.kind, *spec.values])!r}")
    for name, text in zip(free, spec.values, strict=False):
        given[name] = _value(text, declared[name][0], f"{getattr(maker, '__name__', spec.kind)}.{name}", spec)
    for name, (_, required) in declared.items():
        if required and name not in given:
            example = f"{spec.kind}:{name.upper()}"
            raise InputError(
                f"`{where}` {spec.kind!r} must have `{name}`: write {example}, or pass an object"
            )
    try:
        made = maker(**given) if callable(maker) else maker
    except InputError:
        raise
    except (TypeError, ValueError, ArithmeticError) as error:
        detail = " ".join(str(error).split())
        raise InputError(f"`{where}` {spec.kind!r} cannot be made: {detail}") from error
    registry.check_object(made, where)
    return made


def _type(kind: Any) -> type | None:
    """Return the type that a value's text is read as; None where no text can hold it."""
    if kind is Any:
        return str
    members = typing.get_args(kind) or (kind,)
    return next((one for one in _FROM_TEXT if one in members), None)


def _value(text: str, kind: Any, name: str, spec: Spec) -> Any:
    """Return a parameter's value from its text."""
    wanted = _type(kind)
    try:
        return int(text) if wanted is int else text if wanted is str and kind is not Any else float(text)
    except ValueError:
        if kind is Any:  # without an annotation, what is no number is a text
            return text
        noun = "an integer" if wanted is int else "a number"
        whole = ":".join([spec.kind, *spec.values])
        raise InputError(f"`{name}` must be {noun}, got {text!r} in {whole!r}") from None
