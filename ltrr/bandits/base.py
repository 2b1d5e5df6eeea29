"""What all policies share: parameters as fields, forking, state, and one-hot answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from ltrr.bandits.saved import save
from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.types import ActionSet, Bool, Feedback, Float64, Int64, Requests, row_of

__all__ = ["SPACES", "BasePolicy", "greedy", "level", "offered", "one_hot"]

SPACES = ("slabs", "allocations")
"""The action spaces: one slab of an arm per slot, or one slot with a whole quota."""

P = TypeVar("P", bound="BasePolicy")


class BasePolicy(ABC):
    """A policy whose parameters are dataclass fields and whose learned state is ``field(init=False)``.

    Examples
    --------
    A policy of one's own states probabilities; parameters, forking and state come with the base.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class FirstOffered(BasePolicy):
    ...     space: str = "slabs"
    ...     def probabilities(self, requests, actions, rng):
    ...         return greedy(actions, np.zeros(len(actions.action)))
    >>> policy = FirstOffered().fork()
    >>> policy.parameters(), policy.state(), policy.deterministic
    ({'space': 'slabs'}, {}, False)
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    space: str

    @property
    def deterministic(self) -> bool:
        """True where probabilities are always 0 or 1, so that logs cannot be reweighted."""
        return False

    def parameters(self) -> dict[str, Any]:
        """Return the parameters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def fork(self: P) -> P:
        """Return a fresh policy with the same parameters that has learned nothing."""
        return replace(self)

    def save(self, path: Path | str) -> None:
        """Write the policy, trained as it is, to a folder that `ltrr.load_policy` reads."""
        save(self, path)

    def fits(self, arms: tuple[str, ...], n_slots: int) -> None:  # noqa: B027 - most policies suit any arms
        """Refuse arms, or a number of slots, that the policy cannot choose among.

        Called once before a study begins, so that a wrong setting is found before any work.

        Raises
        ------
        InputError
            If the policy names an arm that is not there, or divides another number of slots.
        """

    @abstractmethod
    def probabilities(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:
        """Return probabilities (N,), ragged like ``actions``, summing to 1 per request."""

    def in_turn(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:
        """Return the probabilities (N,) by which the stream is decided, slot by slot.

        Unlike `probabilities` it may take into account what it chose itself since it last learned. Held-out
        requests and replays ask `probabilities`.
        """
        return self.probabilities(requests, actions, rng)

    def learn(self, feedback: Feedback) -> None:  # noqa: B027 - policies that never learn inherit this
        """Take in matured feedback with ``credit`` per slot; fixed policies ignore it."""

    def state(self) -> State:
        """Return the learned state as copies; empty for policies that never learn."""
        return {}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        if state:
            raise InputError(
                f"`{type(self).__name__}` learns nothing and so takes an empty state, got {sorted(state)}"
            )


def offered(actions: ActionSet) -> Int64:
    """Return the number of actions of each request, (B,), of which none may be 0.

    Examples
    --------
    >>> features = np.zeros((3, 0), np.float32)
    >>> offered(ActionSet(np.array([0, 1, 3]), np.arange(3), features, (), n_actions=3)).tolist()
    [1, 2]
    """
    lengths: Int64 = actions.indptr[1:] - actions.indptr[:-1]
    if not lengths.all():
        row = int(np.flatnonzero(lengths == 0)[0])
        raise InputError(
            f"`ActionSet` must offer every request an action, got none for request {row} of the batch"
        )
    return lengths


def _best(actions: ActionSet, score: Float64) -> Bool:
    """Return which flat actions have the highest score of their request, (N,)."""
    lengths = offered(actions)
    if len(lengths) == 0:
        return np.zeros(0, np.bool_)
    best = np.maximum.reduceat(score, actions.indptr[:-1])
    return np.asarray(score == np.repeat(best, lengths))


def greedy(actions: ActionSet, score: Float64) -> Float64:
    """Return one-hot probabilities (N,) on the highest score of each request, ties to the lowest position.

    Examples
    --------
    >>> features = np.zeros((3, 0), np.float32)
    >>> actions = ActionSet(np.array([0, 3]), np.arange(3), features, (), n_actions=3)
    >>> greedy(actions, np.array([0.0, 2.0, 2.0])).tolist()
    [0.0, 1.0, 0.0]
    """
    best = np.flatnonzero(_best(actions, score))
    # searchsorted finds, for every request, its first place among the best
    return one_hot(len(score), best[np.searchsorted(best, actions.indptr[:-1])])


def one_hot(n: int, position: Int64) -> Float64:
    """Return zeros (n,) with a 1 at each flat position.

    Examples
    --------
    >>> one_hot(4, np.array([1, 2])).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    out = np.zeros(n)
    out[position] = 1.0
    return out


def level(actions: ActionSet, score: Float64) -> Float64:
    """Return probabilities (N,) spread evenly over the highest scores of each request.

    Examples
    --------
    >>> features = np.zeros((3, 0), np.float32)
    >>> actions = ActionSet(np.array([0, 3]), np.arange(3), features, (), n_actions=3)
    >>> level(actions, np.array([0.0, 2.0, 2.0])).tolist()
    [0.0, 0.5, 0.5]
    """
    best = _best(actions, score)
    row = row_of(actions.indptr)
    return best / np.bincount(row[best], minlength=len(actions))[row]
