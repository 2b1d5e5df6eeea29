"""Packages whose public names are loaded when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["names"]


def names(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    places : mapping of str to str
        By module (``".module"`` within the package), the names that it holds, separated by spaces.

    Examples
    --------
    >>> load = names("ltrr", {".errors": "InputError", "math": "sqrt pi"})
    >>> load("sqrt")(9.0)
    3.0
    >>> load("sine")
    Traceback (most recent call last):
    AttributeError: module 'ltrr' has no attribute 'sine'
    """
    modules = {name: module for module, held in places.items() for name in held.split()}

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(modules[name], package), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
