"""Action sets of the loop: slabs slot by slot, or whole allocations, with their features."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ltrr.features.history import CreditHistory
from ltrr.types import ActionSet, Float32, Int32, Requests
from ltrr.types.quotas import all_quotas

__all__ = ["ActionBuilder", "Allocations", "Slabs"]


class ActionBuilder(Protocol):
    """Builds what may be chosen in a slot."""

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
