"""What arms have for a request, as far as they know it without retrieving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr._kernels.slabs import unfilled
from ltrr.types import Float32, Int32, Requests

__all__ = ["UNKNOWN", "Supply"]

UNKNOWN = -1
"""An arm that does not know how many items it has is taken to have as many as it is asked for."""


@dataclass(frozen=True)
class Supply:
    """The share of slots that fallback arms will fill, as far as it is known before the choice.

    It follows from the candidates that a slot asks of each arm, and from the items that arms say they have:
    an arm may offer ``available(requests) -> int32 (B,)``, the number of items that it has for each request.

    Parameters
    ----------
    slabs : int32 (R,)
        Candidates that a slot asks of each arm.
    slot_size : int >= 1
        Candidates a slot.
    arms : sequence of R Retriever
        The arms as they are now.

    Examples
    --------
    A slot of four asks bm25 for all, and memory, which has five items, for three: one place of its first
    slot, and two of its second, are left to the fallback.

    >>> from types import SimpleNamespace
    >>> memory = SimpleNamespace(available=lambda requests: np.full(len(requests), 5, np.int32))
    >>> supply = Supply(np.array([4, 3], np.int32), 4, (object(), memory))
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.zeros((1, 0)))
    >>> supply.available(one).tolist()
    [[-1, 5]]
    >>> for slots_so_far in ([[0, 0]], [[0, 1]]):
    ...     print(supply.of_slot(one, np.array(slots_so_far, np.int32)).tolist())
    [[0.0, 0.25]]
    [[0.0, 0.5]]
    >>> supply.of_quota(one, np.array([[2, 0], [1, 1], [0, 2]], np.int32)).tolist()
    [[0.0, 0.125, 0.375]]
    """

    slabs: Int32
    slot_size: int
    arms: Sequence[Any] = ()

    def available(self, requests: Requests) -> Int32:
        """Return how many items each arm has for each request, (B, R), `UNKNOWN` where it does not say."""
        out = np.full((len(requests), len(self.slabs)), UNKNOWN, np.int32)
        for a, arm in enumerate(self.arms):
            count = getattr(arm, "available", None)
            if count is not None:
                out[:, a] = count(requests)
        return out

    def of_slot(self, requests: Requests, quota: Int32) -> Float32:
        """Return the share of a slot that each arm leaves to the fallback, (B, R), after a quota (B, R)."""
        out = np.empty((len(requests), len(self.slabs)), np.float32)
        unfilled(self.available(requests), quota, self.slabs, self.slot_size, out)
        return out

    def of_quota(self, requests: Requests, quotas: Int32, have: Int32 | None = None) -> Float32:
        """Return the share of the budget that each quota (Q, R) leaves to the fallback, (B, Q).

        ``have`` (B, R) is ``available(requests)``, for callers that know it already.
        """
        have = (self.available(requests) if have is None else have)[:, None, :]
        asked = quotas * self.slabs
        got = np.where(have == UNKNOWN, asked, np.minimum(asked, have)).sum(axis=2)
        return np.asarray(1.0 - got / (quotas.sum(axis=1) * self.slot_size), np.float32)
