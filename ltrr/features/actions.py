"""Action sets of the loop: slabs slot by slot, or whole allocations, with their features."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ltrr.features.history import CreditHistory
from ltrr.types import ActionSet, Float32, Int32, Requests
from ltrr.types.quotas import all_quotas

__all__ = ["ActionBuilder", "Allocations", "Slabs"]


class ActionBuilder(Protocol):
    """Builds what may be chosen in a slot.

    Examples
    --------
    Two arms and three slots: slot by slot these are three choices of two, at once one choice of four.

    >>> arms = ("bm25", "memory")
    >>> for builder in (Slabs(arms, 3, CreditHistory(2)), Allocations(arms, 3, CreditHistory(4))):
    ...     print(builder.n_slots, builder.n_actions)
    3 2
    1 4
    """

    n_slots: int
    n_actions: int
    names: tuple[str, ...]

    def build(self, requests: Requests, quota: Int32) -> ActionSet:
        """Return the slot's actions given the quota (B, R) already filled."""


class Slabs:
    """In each slot an action is "the next slab of arm a"; every arm can always be chosen.

    Features: ``arm:<name>`` one-hot, ``slab:<name>`` the share of the slots that the arm has already, and
    ``credit``, the arm's past credit for this kind of query.

    Parameters
    ----------
    arms : tuple of str
    n_slots : int
    history : CreditHistory

    Examples
    --------
    The first of four slots is bm25's, and the second is chosen:

    >>> from ltrr.types import Queries
    >>> one = np.zeros(1, np.int64)
    >>> requests = Requests(one, one, one, one, one, np.zeros((1, 0)), (), Queries(("rain",)))
    >>> slabs = Slabs(("bm25", "memory"), 4, CreditHistory(2, prior=0.5))
    >>> actions = slabs.build(requests, quota=np.array([[1, 0]], np.int32))
    >>> actions.features.tolist()
    [[1.0, 0.0, 0.25, 0.0, 0.5], [0.0, 1.0, 0.0, 0.0, 0.5]]
    >>> actions.quota.tolist()
    [[2, 0], [1, 1]]
    """

    def __init__(self, arms: tuple[str, ...], n_slots: int, history: CreditHistory) -> None:
        self.n_slots = n_slots
        self.n_actions = len(arms)
        self.names = (*(f"arm:{a}" for a in arms), *(f"slab:{a}" for a in arms), "credit")
        self._history = history

    def build(self, requests: Requests, quota: Int32) -> ActionSet:
        """Return R actions a request."""
        b, r = len(requests), self.n_actions
        one = np.eye(r, dtype=np.float32)
        features = np.zeros((b, r, 2 * r + 1), np.float32)
        features[:, :, :r] = one
        features[:, :, r : 2 * r] = one * (quota / np.float32(self.n_slots))[:, None, :]
        features[:, :, -1] = self._history.value(requests)
        after = quota[:, None, :] + np.eye(r, dtype=np.int32)
        return ActionSet(
            np.arange(b + 1, dtype=np.int64) * r,
            np.tile(np.arange(r, dtype=np.int32), b),
            features.reshape(b * r, -1),
            self.names,
            r,
            after.reshape(b * r, r),
        )


class Allocations:
    """One slot, whose action is a whole quota vector from the catalogue of all quotas.

    Features: ``share:<name>`` (share of the slots the arm gets), ``has:<name>`` (the arm gets any), and
    ``credit``, the allocation's past reward for this kind of query.

    Parameters
    ----------
    arms : tuple of str
    n_slots : int
        Slots that a quota divides.
    history : CreditHistory

    Examples
    --------
    >>> from ltrr.types import Queries
    >>> one = np.zeros(1, np.int64)
    >>> requests = Requests(one, one, one, one, one, np.zeros((1, 0)), (), Queries(("rain",)))
    >>> allocations = Allocations(("bm25", "memory"), 2, CreditHistory(3, prior=0.5))
    >>> actions = allocations.build(requests, quota=np.zeros((1, 2), np.int32))
    >>> actions.quota.tolist()
    [[0, 2], [1, 1], [2, 0]]
    >>> actions.features[1].tolist()
    [0.5, 0.5, 1.0, 1.0, 0.5]
    """

    def __init__(self, arms: tuple[str, ...], n_slots: int, history: CreditHistory) -> None:
        self.n_slots = 1
        self.quotas = all_quotas(n_slots, len(arms))
        self.n_actions = len(self.quotas)
        self.names = (*(f"share:{a}" for a in arms), *(f"has:{a}" for a in arms), "credit")
        self._history = history
        self._fixed: Float32 = np.concatenate(
            [self.quotas / n_slots, self.quotas > 0], axis=1, dtype=np.float32, casting="unsafe"
        )

    def build(self, requests: Requests, quota: Int32) -> ActionSet:
        """Return all allocations for each request; ``quota`` must still be empty."""
        b, q = len(requests), self.n_actions
        features = np.empty((b, q, len(self.names)), np.float32)
        features[:, :, :-1] = self._fixed
        features[:, :, -1] = self._history.value(requests)
        return ActionSet(
            np.arange(b + 1, dtype=np.int64) * q,
            np.tile(np.arange(q, dtype=np.int32), b),
            features.reshape(b * q, -1),
            self.names,
            q,
            np.tile(self.quotas, (b, 1)) + np.repeat(quota, q, axis=0),
        )
