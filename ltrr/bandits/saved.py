"""Trained policies on disk: to judge frozen, or to use elsewhere."""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

import ltrr
from ltrr._state import pack, unpack, write_aside
from ltrr.errors import InputError
from ltrr.protocols import Policy
from ltrr.registry import resolve
from ltrr.types.component import frozen, importable, kept_settings

__all__ = ["FORMAT", "load", "save", "why_not_saved"]

FORMAT = 2
"""Version of the folder's layout."""

_MEMBERS = ("probabilities", "learn", "fork", "state", "restore")


def why_not_saved(policy: Policy) -> str:
    """Return why a policy cannot be saved, or nothing where it can.

    Examples
    --------
    >>> from ltrr.bandits.uniform import Uniform
    >>> class Mine(Uniform): ...
    >>> why_not_saved(Uniform()), why_not_saved(Mine()).partition(": ")[0]
    ('', 'Mine cannot be loaded again')
    """
    _, why = importable(policy)
    objects = [name for name, value in kept_settings(policy).items() if not _is_plain(value)]
    if objects and not why:
        why = f"its parameter `{objects[0]}` is not a plain value"
    hint = "put its class into a module and keep each parameter, a plain value, under its own name"
    return f"{type(policy).__name__} cannot be loaded again: {why}; {hint}" if why else ""


def _is_plain(value: Any) -> bool:
    """Return whether JSON can hold a value, and give it back with lists for tuples."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(v) for key, v in value.items())
    return value is None or isinstance(value, (bool, int, float, str))


def save(policy: Policy, path: Path | str) -> None:
    """Write a policy to a folder: ``policy.json`` (class, parameters, versions) and ``state.npz``.

    Parameters
    ----------
    policy : Policy
        Of a class that can be imported, with parameters that JSON can hold.
    path : path
        Folder, made if absent; a policy already there is replaced.

    Raises
    ------
    InputError
        If the policy could not be loaded again.

    Examples
    --------
    >>> import tempfile
    >>> from ltrr.bandits.uniform import Uniform
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Uniform("allocations"), folder)
    ...     load(folder)
    Uniform(space='allocations')
    """
    why = why_not_saved(policy)
    if why:
        raise InputError(f"`policy`: {why}")
    where, _ = importable(policy)
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    state = pack(policy.state())
    about = {
        "format": FORMAT,
        "ltrr": ltrr.__version__,
        "class": where,
        "parameters": kept_settings(policy),
        "state_sha256": hashlib.sha256(state).hexdigest(),
    }
    write_aside(folder / "state.npz", state)
    write_aside(folder / "policy.json", json.dumps(about, indent=2).encode())


def load(path: Path | str) -> Any:
    """Return the policy that `save` wrote.

    Raises
    ------
    InputError
        If a file is absent or damaged, the format is unknown, or the class is not a policy or cannot be
        imported.

    Examples
    --------
    >>> import tempfile
    >>> from ltrr.bandits.linucb import LinUCB
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     LinUCB(0.5).save(folder)
    ...     load(folder).alpha
    0.5
    """
    folder = Path(path)
    try:
        about: Any = json.loads((folder / "policy.json").read_text(encoding="utf-8"))
        data = (folder / "state.npz").read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} cannot be read as a saved policy: {error}") from error
    place = folder / "policy.json"
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else None
        raise InputError(f"{place} must be of format {FORMAT}, got {found!r}; save it again")
    kind: Any = resolve(str(about.get("class")), f"{place}: class")
    # a file must not be able to call just any function of any module
    if not inspect.isclass(kind) or not all(hasattr(kind, name) for name in _MEMBERS):
        raise InputError(f"{place} must name the class of a policy, got {about['class']!r}")
    if hashlib.sha256(data).hexdigest() != about.get("state_sha256"):
        raise InputError(f"{folder / 'state.npz'} is damaged or belongs to another policy; save it again")
    try:
        policy: Any = kind(**{key: frozen(value) for key, value in about["parameters"].items()})
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{place} must hold the parameters of {kind.__name__}: {error}") from error
    policy.restore(unpack(data))
    return policy
