"""Joint features of context and action: how a shared linear model learns which arm suits which context."""

from __future__ import annotations

import numpy as np

from ltrr._kernels import linucb as kernels
from ltrr.errors import InputError
from ltrr.types import ActionSet, Float32, Int64, Requests

__all__ = ["joint_features", "joint_names"]

CROSSED = ("arm:", "share:")
"""Action features whose name starts with one of these are multiplied with every column of the context."""


def _crossed(actions: ActionSet) -> Int64:
    return np.asarray([i for i, name in enumerate(actions.names) if name.startswith(CROSSED)], np.int64)


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
    crossed = (f"{actions.names[i]}*{name}" for i in _crossed(actions) for name in requests.context_names)
    return ("bias", *actions.names, *crossed)


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
    crossed = _crossed(actions)
    n, n_features = actions.features.shape
    out = np.empty((n, 1 + n_features + len(crossed) * requests.context.shape[1]), np.float32)
    kernels.joint(actions.indptr, actions.features, requests.context, crossed, out)
    return out
