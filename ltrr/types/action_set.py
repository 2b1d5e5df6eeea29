"""Action sets: what may be chosen for each request, one slot at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types.arrays import Float32, Int32, Int64
from ltrr.types.ragged import concat_indptr, take_flat

__all__ = ["ActionSet", "chosen", "taken"]


@dataclass(frozen=True)
class ActionSet:
    """The ragged actions of B requests for one slot.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Request b may choose among ``action[indptr[b]:indptr[b + 1]]``.
    action : int32 (N,)
        Action ids: the arm (slabs), the allocation's number (allocations), an item (logs of single items).
    features : float32 (N, F)
        Action features.
    names : tuple of str, length F
        Names of the features.
    quota : int32 (N, R) or None
        What the request's quota (slots per arm, slots already filled included) becomes after each action,
        where actions are slabs or allocations.
    n_actions : int
        Size of the action space; action ids lie below it.

    Examples
    --------
    Two requests: the first may choose among two arms, the second has one left.

    >>> import numpy as np
    >>> actions = ActionSet(np.array([0, 2, 3]), np.array([0, 1, 1]), np.zeros((3, 0)), (), n_actions=2)
    >>> len(actions), actions.width
    (2, None)
    >>> actions.take(np.array([1])).action.tolist()
    [1]
    """

    indptr: Int64
    action: Int32
    features: Float32
    names: tuple[str, ...]
    n_actions: int
    quota: Int32 | None = None

    def __post_init__(self) -> None:
        action = _check.array("ActionSet.action", self.action, np.int32, (None,))
        object.__setattr__(self, "action", action)
        object.__setattr__(self, "indptr", _check.indptr("ActionSet.indptr", self.indptr, None, len(action)))
        shape = (len(action), len(self.names))
        object.__setattr__(
            self, "features", _check.array("ActionSet.features", self.features, np.float32, shape)
        )
        if len(action) and (int(action.max()) >= self.n_actions or int(action.min()) < 0):
            raise InputError(f"`ActionSet.action` must lie in [0, {self.n_actions}), got {action.max()}")
        if self.quota is not None:
            quota = _check.array("ActionSet.quota", self.quota, np.int32, (len(action), None))
            object.__setattr__(self, "quota", quota)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def width(self) -> int | None:
        """Number of actions a request if all have the same, else None."""
        lengths = np.diff(self.indptr)
        if len(lengths) == 0:
            return 0
        return int(lengths[0]) if bool((lengths == lengths[0]).all()) else None

    def take(self, rows: Int64) -> ActionSet:
        """Return the action sets of the chosen requests."""
        indptr, flat = take_flat(self.indptr, rows)
        quota = None if self.quota is None else self.quota[flat]
        return ActionSet(indptr, self.action[flat], self.features[flat], self.names, self.n_actions, quota)

    @staticmethod
    def concat(parts: Sequence[ActionSet]) -> ActionSet:
        """Join batches of one action space."""
        first = parts[0]
        if any(p.names != first.names or p.n_actions != first.n_actions for p in parts):
            raise InputError("`ActionSet.concat` needs parts of the same action space and features")
        quotas = [p.quota for p in parts]
        return ActionSet(
            concat_indptr([p.indptr for p in parts]),
            np.concatenate([p.action for p in parts]),
            np.concatenate([p.features for p in parts]),
            first.names,
            first.n_actions,
            None if any(q is None for q in quotas) else np.concatenate([q for q in quotas if q is not None]),
        )


def chosen(actions: ActionSet, action: Int32) -> Int64:
    """Return the flat position (B,) of the action that each request took.

    Raises
    ------
    InputError
        Where a request took an action that was not in its set.

    Examples
    --------
    >>> features = np.zeros((4, 0), np.float32)
    >>> actions = ActionSet(np.array([0, 2, 4]), np.array([5, 7, 7, 5]), features, (), n_actions=8)
    >>> chosen(actions, np.array([7, 7], np.int32)).tolist()
    [1, 2]
    """
    lengths = np.diff(actions.indptr)
    hit = np.flatnonzero(actions.action == np.repeat(action, lengths))
    place = np.searchsorted(hit, actions.indptr[:-1])
    found = np.append(hit, np.iinfo(np.int64).max)[place]
    if np.any(found >= actions.indptr[1:]):
        row = int(np.flatnonzero(found >= actions.indptr[1:])[0])
        raise InputError(
            f"`Decision.action` must be one of the request's actions, got {int(action[row])} in row {row}"
        )
    return np.asarray(found, np.int64)


def taken(actions: ActionSet, action: Int32) -> ActionSet:
    """Return the action set of each request reduced to the action that it took.

    Examples
    --------
    >>> two = ActionSet(np.array([0, 2]), np.array([0, 1]), [[0.25], [0.75]], ("credit",), n_actions=2)
    >>> taken(two, np.array([1], np.int32)).features.tolist()
    [[0.75]]
    """
    flat = chosen(actions, action)
    one = np.arange(len(flat) + 1)
    return ActionSet(one, actions.action[flat], actions.features[flat], actions.names, actions.n_actions)
