"""Trained policies on disk: to judge frozen, or to take elsewhere."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ltrr._state import pack, unpack, write_aside
from ltrr.bandits.base import BasePolicy
from ltrr.bandits.epsilon_greedy import EpsilonGreedy
from ltrr.bandits.fixed import EqualSplit, SingleArm, StaticQuota
from ltrr.bandits.linucb import LinUCB
from ltrr.bandits.linucb_disjoint import LinUCBDisjoint
from ltrr.bandits.uniform import Uniform
from ltrr.bandits.vowpal_wabbit import VowpalWabbit
from ltrr.errors import InputError, nearest

__all__ = ["FORMAT", "POLICIES", "load", "save"]

FORMAT = 1
"""Version of the folder's layout."""

POLICIES: dict[str, type[BasePolicy]] = {
    kind.__name__: kind
    for kind in (
        SingleArm,
        StaticQuota,
        EqualSplit,
        Uniform,
        EpsilonGreedy,
        LinUCB,
        LinUCBDisjoint,
        VowpalWabbit,
    )
}
"""The policies that can be saved, by name."""


def _version() -> str:
    try:
        return version("ltrr")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"


def save(policy: BasePolicy, path: Path | str) -> None:
    """Write a policy to a folder: ``policy.json`` (class, parameters, versions) and ``state.npz``.

    Parameters
    ----------
    policy : BasePolicy
        One of `POLICIES`.
    path : path
        Folder, made if absent; a policy already there is replaced.

    Raises
    ------
    InputError
        If the policy is of a class that `load` does not know.

    Examples
    --------
    >>> import tempfile
    >>> from ltrr.bandits.uniform import Uniform
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Uniform("allocations"), folder)
    ...     load(folder)
    Uniform(space='allocations')
    """
    name = type(policy).__name__
    if POLICIES.get(name) is not type(policy):
        raise InputError(
            f"`policy` must be of a class that can be loaded again, got {name}{nearest(name, POLICIES)}"
        )
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    state = pack(policy.state())
    about = {
        "format": FORMAT,
        "ltrr": _version(),
        "class": name,
        "parameters": policy.parameters(),
        "state_sha256": hashlib.sha256(state).hexdigest(),
    }
    write_aside(folder / "state.npz", state)
    write_aside(folder / "policy.json", json.dumps(about, indent=2).encode())


def load(path: Path | str) -> BasePolicy:
    """Return the policy that `save` wrote.

    Raises
    ------
    InputError
        If a file is absent or damaged, or the class or format is unknown.
    """
    folder = Path(path)
    try:
        about: Any = json.loads((folder / "policy.json").read_text())
        data = (folder / "state.npz").read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} cannot be read as a saved policy: {error}") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else None
        raise InputError(f"{folder / 'policy.json'} must be of format {FORMAT}, got {found!r}; save it anew")
    name = about.get("class")
    if name not in POLICIES:
        raise InputError(
            f"{folder / 'policy.json'} must name a known policy, got {name!r}{nearest(str(name), POLICIES)}"
        )
    if hashlib.sha256(data).hexdigest() != about.get("state_sha256"):
        raise InputError(f"{folder / 'state.npz'} is damaged or belongs to another policy; save it anew")
    try:
        policy = POLICIES[name](**about["parameters"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder / 'policy.json'} must hold the parameters of {name}: {error}") from error
    policy.restore(unpack(data))
    return policy
