"""Settings as the command line gives them: ``loop.slot_size=10``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from ltrr.errors import InputError

__all__ = ["settings_from"]


def settings_from(pairs: Iterable[str]) -> dict[str, Any]:
    """Return the tables of a study file that words ``key=value`` describe, later ones over earlier ones.

    A key is dotted as in TOML. A value is one of TOML; a bare word that is none is a text.

    Raises
    ------
    InputError
        If a word is no such pair.

    Examples
    --------
    >>> settings_from(["loop.slot_size=10", "user=pbm", "user.eta=2"])
    {'loop': {'slot_size': 10}, 'user': {'kind': 'pbm', 'eta': 2}}
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        found = _joined(found, _table(pair), pair)
    return found


def _table(pair: str) -> dict[str, Any]:
    """Return the table that one ``key=value`` is in TOML."""
    key, sign, value = pair.partition("=")
    try:
        name = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        name = {}
    if not sign or not name or "\n" in key:
        raise InputError(f"--set must be KEY=VALUE, for instance loop.slot_size=10, got {pair!r}")
    try:
        read = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):  # besides TOML's own errors: numbers or nesting without end
        read = {}
    return _filled(name, read["value"] if len(read) == 1 else value.strip())


def _filled(name: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """Return nested tables of one key each with a value at the end."""
    return {
        key: _filled(inner, value) if isinstance(inner, Mapping) else value for key, inner in name.items()
    }


def _joined(table: Any, more: Mapping[str, Any], pair: str) -> dict[str, Any]:
    """Return a table with another laid over it; a text below a table is its ``kind``."""
    below = {"kind": table} if isinstance(table, str) else table
    if not isinstance(below, Mapping):
        raise InputError(f"--set {pair}: {below!r} was given before, which has no settings; give one of them")
    laid = {
        key: _joined(below[key], value, pair) if key in below and isinstance(value, Mapping) else value
        for key, value in more.items()
    }
    return {**below, **laid}
