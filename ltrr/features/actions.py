"""Action sets of the loop: slabs slot by slot, or whole allocations, with their features."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np

from ltrr._kernels.slabs import slab_actions
from ltrr.features.arm_columns import FILLED, ArmValues, with_arms
from ltrr.features.history import CreditHistory
from ltrr.features.supply import Supply
from ltrr.types import ActionSet, Float32, Int32, Int64, Requests
from ltrr.types.quotas import all_quotas
from ltrr.types.trusted import trusted

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
    supply: Supply

    def build(self, requests: Requests, quota: Int32, have: Int32 | None = None) -> ActionSet:
        """Return the slot's actions given the quota (B, R) already filled.

        ``have`` (B, R) is ``supply.available(requests)``, for callers that know it already.
        """


class Slabs:
    """In each slot an action is "the next slab of arm a"; every arm can always be chosen.

    Features: ``arm:<name>`` one-hot, ``slab:<name>`` the share of the slots that the arm has already,
    ``fallback`` the share of the slot that fallback arms will fill, as far as it is known, and ``credit``,
    the arm's past credit for this kind of query. With ``columns``, these of the arm too, and where they say
    what previews share, `FILLED`: the mean overlap of the arm's preview with the arms of the filled slots.

    Parameters
    ----------
    arms : tuple of str
    n_slots : int
    history : CreditHistory
    supply : Supply, optional
        What the arms have; without it every arm is taken to fill its slots.
    columns : ArmValues, optional
        Further columns of the arms.

    Examples
    --------
    The first of four slots is bm25's, and the second is chosen:

    >>> from ltrr.types import Queries
    >>> one = np.zeros(1, np.int64)
    >>> requests = Requests(one, one, one, one, one, np.zeros((1, 0)), (), Queries(("rain",)))
    >>> slabs = Slabs(("bm25", "memory"), 4, CreditHistory(2, prior=0.5))
    >>> actions = slabs.build(requests, quota=np.array([[1, 0]], np.int32))
    >>> actions.features.tolist()
    [[1.0, 0.0, 0.25, 0.0, 0.0, 0.5], [0.0, 1.0, 0.0, 0.0, 0.0, 0.5]]
    >>> actions.quota.tolist()
    [[2, 0], [1, 1]]
    """

    def __init__(
        self,
        arms: tuple[str, ...],
        n_slots: int,
        history: CreditHistory,
        supply: Supply | None = None,
        *,
        columns: ArmValues | None = None,
    ) -> None:
        self.n_slots = n_slots
        self.n_actions = len(arms)
        own = (*(f"arm:{a}" for a in arms), *(f"slab:{a}" for a in arms), "fallback", "credit")
        self.names = (*own, *_further(columns))
        self.columns = columns
        self._history = history
        self.supply = _full(len(arms)) if supply is None else supply

    def build(self, requests: Requests, quota: Int32, have: Int32 | None = None) -> ActionSet:
        """Return R actions a request."""
        b, r = len(requests), self.n_actions
        features, after = np.empty((b, r, len(self.names)), np.float32), np.empty((b, r, r), np.int32)
        supply, credit = self.supply, self._history.value(requests)
        have = supply.available(requests) if have is None else have
        slab_actions(have, quota, supply.slabs, supply.slot_size, self.n_slots, credit, features, after)
        if self.columns is not None:
            self._add(self.columns, requests, quota, features[:, :, 2 * r + 2 :])
        indptr, action = _every(b, r)
        return trusted(
            ActionSet,
            indptr=indptr,
            action=action,
            features=features.reshape(b * r, -1),
            names=self.names,
            n_actions=r,
            quota=after.reshape(b * r, r),
        )

    def _add(self, columns: ArmValues, requests: Requests, quota: Int32, out: Float32) -> None:
        """Fill the further columns of each arm."""
        value, shared = columns.value(requests), with_arms(columns.names)
        out[:, :, : value.shape[2]] = value
        if len(shared):
            given = np.maximum(quota.sum(axis=1), 1)[:, None]
            out[:, :, -1] = (value[:, :, shared] * quota[:, None, :]).sum(axis=2) / given


class Allocations:
    """One slot, whose action is a whole quota vector: one of all quotas, or of some of them.

    An action's id is the quota's place in `ltrr.types.all_quotas`.

    Features: ``share:<name>`` (share of the slots the arm gets), ``has:<name>`` (the arm gets any),
    ``fallback`` (share of the budget that fallback arms will fill, as far as it is known), and ``credit``,
    the allocation's past reward for this kind of query. With ``columns``, their means over the slots, and
    where they say what previews share, `FILLED`: the mean overlap of two slots drawn with replacement.

    Parameters
    ----------
    arms : tuple of str
    n_slots : int
        Slots that a quota divides.
    history : CreditHistory
    supply : Supply, optional
        What the arms have; without it every arm is taken to fill its slots.
    catalogue : sequence of int, optional
        Ids of the quotas on offer, rising; all if None.
    columns : ArmValues, optional
        Further columns of the arms.

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
    [0.5, 0.5, 1.0, 1.0, 0.0, 0.5]
    """

    def __init__(
        self,
        arms: tuple[str, ...],
        n_slots: int,
        history: CreditHistory,
        supply: Supply | None = None,
        *,
        catalogue: Sequence[int] | None = None,
        columns: ArmValues | None = None,
    ) -> None:
        every = all_quotas(n_slots, len(arms))
        self.n_slots = 1
        self.n_actions = len(every)
        self.offered = np.asarray(range(len(every)) if catalogue is None else catalogue, np.int32)
        self.quotas = every[self.offered]
        own = (*(f"share:{a}" for a in arms), *(f"has:{a}" for a in arms), "fallback", "credit")
        self.names = (*own, *_further(columns))
        self.columns = columns
        self._history = history
        self.supply = _full(len(arms)) if supply is None else supply
        self._fixed: Float32 = np.concatenate(
            [self.quotas / n_slots, self.quotas > 0], axis=1, dtype=np.float32, casting="unsafe"
        )

    def build(self, requests: Requests, quota: Int32, have: Int32 | None = None) -> ActionSet:
        """Return the allocations on offer for each request; ``quota`` must still be empty."""
        b, q = len(requests), len(self.quotas)
        features = np.empty((b, q, len(self.names)), np.float32)
        at = self._fixed.shape[1]
        features[:, :, :at] = self._fixed
        features[:, :, at] = self.supply.of_quota(requests, self.quotas, have)
        features[:, :, at + 1] = self._history.value(requests)[:, self.offered]
        if self.columns is not None:
            self._add(self.columns, requests, features[:, :, at + 2 :])
        return trusted(
            ActionSet,
            indptr=np.arange(b + 1, dtype=np.int64) * q,
            action=np.tile(self.offered, b),
            features=features.reshape(b * q, -1),
            names=self.names,
            n_actions=self.n_actions,
            quota=(self.quotas + quota[:, None, :]).reshape(b * q, -1),
        )

    def _add(self, columns: ArmValues, requests: Requests, out: Float32) -> None:
        """Fill the further columns of each quota."""
        value, shared = columns.value(requests), with_arms(columns.names)
        share = self._fixed[:, : self.quotas.shape[1]]
        out[:, :, : value.shape[2]] = np.einsum("qa,bac->bqc", share, value)
        if len(shared):
            out[:, :, -1] = np.einsum("qa,bao,qo->bq", share, value[:, :, shared], share)


def _further(columns: ArmValues | None) -> tuple[str, ...]:
    """Return the names of further columns."""
    if columns is None:
        return ()
    return (*columns.names, FILLED) if len(with_arms(columns.names)) else columns.names


@lru_cache(maxsize=16)
def _every(n_requests: int, n_actions: int) -> tuple[Int64, Int32]:
    """Return the row pointer and the ids of all actions for each request; the usual sizes are kept."""
    indptr = np.arange(n_requests + 1, dtype=np.int64) * n_actions
    return indptr, np.tile(np.arange(n_actions, dtype=np.int32), n_requests)


def _full(n_arms: int) -> Supply:
    """Return the supply of arms that fill whatever slot they are given."""
    return Supply(np.ones(n_arms, np.int32), 1)
