"""Blocks of action features, and which of them a policy uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types import ActionSet, Decision, Int64
from ltrr.types.trusted import trusted

__all__ = ["BLOCKS", "FURTHER", "checked_blocks", "seen", "seen_of", "uses"]

FURTHER = ("source", "evidence")
"""Blocks that a policy uses only where it says so."""

BLOCKS = {
    "slabs": ("arm", "slab", "fallback", "credit", *FURTHER),
    "allocations": ("share", "has", "fallback", "credit", *FURTHER),
}
"""Blocks of each action space: what stands before the ``:`` of a feature's name, or the whole name."""


def checked_blocks(where: str, blocks: Any, space: str) -> tuple[str, ...] | None:
    """Return a policy's setting ``blocks``, once it is known to name blocks of its action space.

    Examples
    --------
    >>> checked_blocks("LinUCB.blocks", ["arm", "evidence"], "slabs")
    ('arm', 'evidence')
    >>> checked_blocks("LinUCB.blocks", ["evidense"], "slabs")
    Traceback (most recent call last):
    ltrr.errors.InputError: `LinUCB.blocks` must be a known name, got 'evidense'; did you mean 'evidence'?
    """
    if blocks is None:
        return None
    if isinstance(blocks, str) or not isinstance(blocks, Sequence) or not blocks:
        raise InputError(f"`{where}` must be a list of blocks of names, got {blocks!r}")
    return tuple(dict.fromkeys(_check.choice(where, block, BLOCKS[space]) for block in blocks))


def uses(policy: Any, block: str) -> bool:
    """Return whether a policy names a block among those that it uses.

    Examples
    --------
    >>> from ltrr.bandits import LinUCB
    >>> uses(LinUCB(blocks=("arm", "evidence")), "evidence"), uses(LinUCB(), "evidence")
    (True, False)
    """
    return block in (getattr(policy, "blocks", None) or ())


def seen(actions: ActionSet, blocks: tuple[str, ...] | None) -> ActionSet:
    """Return actions with the features of some blocks alone; None stands for all but `FURTHER`.

    Examples
    --------
    >>> names = ("arm:a", "credit", "evidence:top")
    >>> actions = ActionSet(np.array([0, 1]), np.array([0]), [[1.0, 0.5, 0.1]], names, n_actions=1)
    >>> seen(actions, None).names, seen(actions, ("evidence",)).names
    (('arm:a', 'credit'), ('evidence:top',))
    """
    columns = _columns(actions.names, blocks)
    if columns is None:
        return actions
    return trusted(
        ActionSet,
        indptr=actions.indptr,
        action=actions.action,
        features=np.ascontiguousarray(actions.features[:, columns]),
        names=tuple(actions.names[i] for i in columns),
        n_actions=actions.n_actions,
        quota=actions.quota,
    )


def seen_of(decision: Decision, blocks: tuple[str, ...] | None) -> Decision:
    """Return a decision whose actions have the features of some blocks alone, as `seen`."""
    if all(_columns(actions.names, blocks) is None for actions in decision.actions):
        return decision
    return replace(decision, actions=tuple(seen(actions, blocks) for actions in decision.actions))


@lru_cache(maxsize=256)
def _columns(names: tuple[str, ...], blocks: tuple[str, ...] | None) -> Int64 | None:
    """Return the positions of the blocks' features, or None where these are all."""
    own = [name.partition(":")[0] for name in names]
    lacking = [block for block in blocks or () if block not in own]
    if lacking:
        raise InputError(
            f"`blocks` names {lacking[0]!r}, but the actions have no such features; "
            "evidence needs `loop.preview` above 0; or leave it out"
        )
    kept = [i for i, b in enumerate(own) if (b not in FURTHER if blocks is None else b in blocks)]
    return None if len(kept) == len(names) else np.array(kept, np.int64)
