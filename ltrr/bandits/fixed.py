"""Policies that never look at the request: one arm, equal shares, one quota."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.bandits.base import SPACES, BasePolicy, greedy, level
from ltrr.errors import InputError
from ltrr.types import ActionSet, Bool, Float64, Int32, Requests, row_of

__all__ = ["EqualSplit", "SingleArm", "StaticQuota"]


def _quota(name: str, actions: ActionSet, space: str) -> Int32:
    """Return what the quota becomes by each action, (N, R)."""
    if actions.quota is None:
        raise InputError(f"`{name}` needs actions with a quota, got an action set without one")
    n_arms = actions.quota.shape[1]
    if space == "slabs" and actions.n_actions != n_arms:
        raise InputError(f"`{name}` needs one action an arm ({n_arms}) in slabs, got {actions.n_actions}")
    return actions.quota


def _first(name: str, actions: ActionSet, wanted: Bool, score: Float64) -> Float64:
    """Return one-hot probabilities on the wanted action with the highest score."""
    have = np.bincount(row_of(actions.indptr)[wanted], minlength=len(actions)) > 0
    if not have.all():
        row = int(np.flatnonzero(~have)[0])
        raise InputError(f"`{name}` must be possible in every request, got none of its actions in row {row}")
    return greedy(actions, np.where(wanted, score, -np.inf))


@dataclass(eq=False)
class SingleArm(BasePolicy):
    """Give every slot to one arm.

    Parameters
    ----------
    arm : str or int
        Name of the arm, or its index, >= 0.

    Raises
    ------
    InputError
        Where a request does not offer the arm.

    Examples
    --------
    >>> from ltrr.types import ActionSet, Requests
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.zeros((1, 0)))
    >>> actions = ActionSet(np.array([0, 2]), np.arange(2), np.eye(2), ("arm:bm25", "arm:dense"), n_actions=2)
    >>> SingleArm("dense").probabilities(one, actions, np.random.default_rng(0)).tolist()
    [0.0, 1.0]
    """

    arm: str | int
    space: str = field(default="slabs", init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.arm, str):
            self.arm = _check.integer("SingleArm.arm", self.arm, low=0)

    def fits(self, arms: tuple[str, ...], n_slots: int) -> None:
        """Refuse an arm that is not there."""
        del n_slots
        if isinstance(self.arm, str):
            _check.choice("SingleArm.arm", self.arm, arms)
        else:
            _check.integer("SingleArm.arm", self.arm, low=0, high=len(arms) - 1)

    @property
    def deterministic(self) -> bool:
        """True: one action has probability 1."""
        return True

    def probabilities(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:  # noqa: ARG002
        """Return 1 for the arm's next slab and 0 elsewhere, (N,)."""
        column = f"arm:{self.arm}"
        if isinstance(self.arm, int):
            wanted = actions.action == self.arm
        elif column in actions.names:
            wanted = actions.features[:, actions.names.index(column)] == 1.0
        else:
            wanted = np.zeros(len(actions.action), np.bool_)
        return _first("SingleArm.arm", actions, wanted, np.zeros(len(actions.action)))


@dataclass(eq=False)
class EqualSplit(BasePolicy):
    """Give each slot to one of the arms that have the fewest slots so far, drawn evenly.

    With S slots and R arms every arm gets S/R slots in expectation, also where S is no multiple of R.

    Parameters
    ----------
    without : sequence of str
        Arms that get no slot.

    Raises
    ------
    InputError
        Where actions carry no quota, or ``without`` names no arm or all of them.

    Examples
    --------
    Arm 0 has one slot already, arms 1 and 2 have none:

    >>> from ltrr.types import ActionSet, Requests
    >>> quota = np.array([[2, 0, 0], [1, 1, 0], [1, 0, 1]])
    >>> actions = ActionSet(np.array([0, 3]), np.arange(3), np.zeros((3, 0)), (), n_actions=3, quota=quota)
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.zeros((1, 0)))
    >>> EqualSplit().probabilities(one, actions, np.random.default_rng(0)).tolist()
    [0.0, 0.5, 0.5]
    """

    without: Sequence[str] = ()
    space: str = field(default="slabs", init=False)

    def __post_init__(self) -> None:
        given: Any = self.without
        if isinstance(given, str) or not all(isinstance(name, str) for name in given):
            raise InputError(f"`EqualSplit.without` must be a list of names of arms, got {given!r}")
        self.without = tuple(given)

    def fits(self, arms: tuple[str, ...], n_slots: int) -> None:
        """Refuse to leave out an arm that is not there, or all of them."""
        del n_slots
        for name in self.without:
            _check.choice("EqualSplit.without", name, arms)
        if not set(arms) - set(self.without):
            raise InputError(f"`EqualSplit.without` must leave an arm, got all of {', '.join(arms)}")

    def probabilities(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:  # noqa: ARG002
        """Return even probabilities over the arms with the fewest slots, (N,)."""
        quota = _quota("EqualSplit", actions, self.space)
        after = quota[np.arange(len(quota)), actions.action].astype(np.float64)
        for name in self.without:
            after[actions.features[:, actions.names.index(f"arm:{name}")] == 1.0] = np.inf
        return level(actions, -after)


@dataclass(eq=False)
class StaticQuota(BasePolicy):
    """Give every request the same quota.

    In slabs each slot goes to the lowest arm that is still short of its share; slots lost to audit draws are
    made up for while slots remain. In allocations the action with this quota is taken.

    Parameters
    ----------
    quota : tuple of int, length R
        Slots per arm, each >= 0, at least one in all.
    space : "slabs" or "allocations"
        What an action is.

    Raises
    ------
    InputError
        Where no action leads towards the quota: it counts fewer slots than there are, or the catalogue of
        allocations lacks it.

    Examples
    --------
    The first slot went to arm 0; one slot for each arm is reached by arm 1 alone.

    >>> from ltrr.types import ActionSet, Requests
    >>> quota = np.array([[2, 0], [1, 1]])
    >>> actions = ActionSet(np.array([0, 2]), np.arange(2), np.zeros((2, 0)), (), n_actions=2, quota=quota)
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.zeros((1, 0)))
    >>> StaticQuota((1, 1)).probabilities(one, actions, np.random.default_rng(0)).tolist()
    [0.0, 1.0]
    """

    quota: tuple[int, ...]
    _: KW_ONLY
    space: str = "slabs"

    def __post_init__(self) -> None:
        self.quota = tuple(_check.integer("StaticQuota.quota", q, low=0) for q in self.quota)
        if sum(self.quota) == 0:
            raise InputError(f"`StaticQuota.quota` must give away at least one slot, got {self.quota}")
        _check.choice("StaticQuota.space", self.space, SPACES)

    def fits(self, arms: tuple[str, ...], n_slots: int) -> None:
        """Refuse a quota of other arms or another number of slots."""
        if len(self.quota) != len(arms) or sum(self.quota) != n_slots:
            raise InputError(
                f"`StaticQuota.quota` must divide {n_slots} slots among {len(arms)} arms "
                f"({', '.join(arms)}), got {list(self.quota)}"
            )

    @property
    def deterministic(self) -> bool:
        """True: one action has probability 1."""
        return True

    def probabilities(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:  # noqa: ARG002
        """Return 1 for the action that follows the quota and 0 elsewhere, (N,)."""
        after = _quota("StaticQuota", actions, self.space)
        target = np.asarray(self.quota)
        if after.shape[1] != len(target):
            raise InputError(f"`StaticQuota.quota` must name {after.shape[1]} arms, got {self.quota}")
        if self.space == "allocations":
            wanted = (after == target).all(axis=1)
        else:
            wanted = after[np.arange(len(after)), actions.action] <= target[actions.action]
        return _first("StaticQuota.quota", actions, wanted, -actions.action.astype(np.float64))
