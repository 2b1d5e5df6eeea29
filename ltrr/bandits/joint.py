"""Joint features of context and action: how a shared linear model learns which arm suits which context."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ltrr._kernels import joint as kernels
from ltrr.errors import InputError
from ltrr.types import ActionSet, Decision, Float32, Int64, Requests, chosen

__all__ = ["crossed", "joint_features", "joint_names", "taken_features"]

CROSSED = ("arm:", "share:")
"""Action features whose name starts with one of these are multiplied with every column of the context."""


@lru_cache(maxsize=256)
def crossed(names: tuple[str, ...]) -> Int64:
    """Return the action features that `joint_features` multiplies with the context, (c,)."""
    return np.asarray([i for i, name in enumerate(names) if name.startswith(CROSSED)], np.int64)


@lru_cache(maxsize=256)
def _joined(actions: tuple[str, ...], context: tuple[str, ...]) -> tuple[str, ...]:
    products = (f"{actions[i]}*{name}" for i in crossed(actions) for name in context)
    return ("bias", *actions, *products)


def joint_names(requests: Requests, actions: ActionSet) -> tuple[str, ...]:
    """Return the names of the columns of `joint_features`.

    Examples
    --------
    >>> from ltrr.types import ActionSet, Requests
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.ones((1, 1)), ("length",))
    >>> names = ("arm:bm25", "slab")
    >>> actions = ActionSet(np.array([0, 1]), np.array([0]), np.ones((1, 2)), names, n_actions=1)
    >>> joint_names(one, actions)
    ('bias', 'arm:bm25', 'slab', 'arm:bm25*length')
    """
    return _joined(actions.names, requests.context_names)


def joint_features(requests: Requests, actions: ActionSet) -> Float32:
    """Return one row a flat action: [1, action features, (arm and share features) ⊗ context].

    A ridge regression on these rows has one weight vector over the context per arm, plus what all arms share;
    an allocation's row is the mix of its arms' rows by their shares.

    Parameters
    ----------
    requests : Requests
        B requests with context (B, D).
    actions : ActionSet
        Their N actions with features (N, F), of which C are named ``arm:…`` or ``share:…``.

    Returns
    -------
    float32 (N, 1 + F + C·D)

    Raises
    ------
    InputError
        If requests and actions differ in number.

    Examples
    --------
    >>> from ltrr.types import ActionSet, Requests
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), [[5.0]], ("length",))
    >>> names = ("arm:bm25", "arm:dense", "slab")
    >>> actions = ActionSet(np.array([0, 2]), np.arange(2), [[1, 0, 0], [0, 1, 2]], names, n_actions=2)
    >>> joint_features(one, actions).tolist()
    [[1.0, 1.0, 0.0, 0.0, 5.0, 0.0], [1.0, 0.0, 1.0, 2.0, 0.0, 5.0]]
    """
    if len(requests) != len(actions):
        raise InputError(
            f"`actions` must have one set for each of the {len(requests)} requests, got {len(actions)}"
        )
    columns = crossed(actions.names)
    n, n_features = actions.features.shape
    out = np.empty((n, 1 + n_features + len(columns) * requests.context.shape[1]), np.float32)
    kernels.joint(actions.indptr, actions.features, requests.context, columns, out)
    return out


def taken_features(requests: Requests, decision: Decision) -> Float32:
    """Return the rows of `joint_features` of the actions that were taken, float32 (B, S, 1 + F + C·D).

    Raises
    ------
    InputError
        Where a request took an action that was not in its set.

    Examples
    --------
    >>> from ltrr.types import ActionSet, Requests
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), [[5.0]], ("length",))
    >>> actions = ActionSet(np.array([0, 2]), np.arange(2), np.eye(2), ("arm:a", "arm:b"), n_actions=2)
    >>> decision = Decision(
    ...     action=[[1]], propensity=[[1.0]], quota=[[0, 1]], audit=[[False]], version=[0],
    ...     actions=(actions,), probabilities=(np.array([0.0, 1.0]),),
    ... )
    >>> taken_features(one, decision).tolist()
    [[[1.0, 0.0, 1.0, 0.0, 5.0]]]
    """
    first = decision.actions[0]
    columns = crossed(first.names)
    width = len(joint_names(requests, first))
    out = np.empty((len(requests), decision.n_slots, width), np.float32)
    for s, actions in enumerate(decision.actions):
        action = np.ascontiguousarray(decision.action[:, s])
        bad = kernels.joint_taken(
            actions.indptr, actions.action, actions.features, requests.context, columns, action, s, out
        )
        if bad >= 0:
            chosen(actions, action)  # says which
    return out
