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
from ltrr.types import ActionSet, Bool, Feedback, Float64, Requests, row_of

__all__ = ["SPACES", "BasePolicy", "greedy", "level"]

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


def _best(actions: ActionSet, score: Float64) -> Bool:
    """Return which flat actions have the highest score of their request, (N,)."""
    lengths = np.diff(actions.indptr)
    if np.any(lengths == 0):
        row = int(np.flatnonzero(lengths == 0)[0])
        raise InputError(
            f"`ActionSet` must offer every request an action, got none for request {row} of the batch"
        )
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
    out = np.zeros(len(score))
    # searchsorted finds, for every request, its first place among the best
    out[best[np.searchsorted(best, actions.indptr[:-1])]] = 1.0
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
