"""The input of estimators: weights, rewards and predictions of one chunk under one target policy."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from ltrr import _check
from ltrr.types import Float64, Int16, Int64

__all__ = ["ReplayBatch"]


@dataclass(frozen=True)
class ReplayBatch:
    """n logged decisions under one target policy; the slots of one request are adjacent.

    Parameters
    ----------
    key : int64 (n,)
        Key of the request; slots of one request share it.
    reward : float64 (n,)
        Observed reward of the slot.
    weight : float64 (n,) or None
        Target probability of the chosen action over its propensity; None where the log has no propensity or
        is deterministic.
    slot : int16 (n,), optional
        Slot within the request, from 0.
    count : float64 (n,) or None
        How many events the row stands for; None for one each. The same in all slots of a request.
    q_logged : float64 (n,) or None
        Predicted reward q̂(x, a) of the chosen action.
    q_target : float64 (n,) or None
        Predicted reward under the target policy, Σ_a π(a | x) q̂(x, a).
    mrdr_logged, mrdr_target : float64 (n,) or None
        The same two from the regression that minimises the doubly robust variance.
    balanced_weight : float64 (n,) or None
        Density ratio of target to logged pairs (x, a) by a classifier.
    marginal_weight : float64 (n,) or None
        Ratio of the probabilities of the chosen action's embedding (category).
    accept : float64 (n,) or None
        1 where rejection replay keeps the row, 0 elsewhere.

    Examples
    --------
    >>> batch = ReplayBatch(key=[7, 7, 8], reward=[0.0, 1.0, 1.0], slot=[0, 1, 0])
    >>> len(batch), batch.indptr.tolist(), batch.single
    (3, [0, 2, 3], False)
    """

    key: Int64
    reward: Float64
    weight: Float64 | None = None
    slot: Int16 | None = None
    count: Float64 | None = None
    q_logged: Float64 | None = None
    q_target: Float64 | None = None
    mrdr_logged: Float64 | None = None
    mrdr_target: Float64 | None = None
    balanced_weight: Float64 | None = None
    marginal_weight: Float64 | None = None
    accept: Float64 | None = None

    def __post_init__(self) -> None:
        n = len(self.key)
        object.__setattr__(self, "key", _check.array("ReplayBatch.key", self.key, np.int64, (n,)))
        for f in fields(self)[1:]:
            value = getattr(self, f.name)
            if value is not None:
                dtype = np.int16 if f.name == "slot" else np.float64
                object.__setattr__(self, f.name, _check.array(f"ReplayBatch.{f.name}", value, dtype, (n,)))

    def __len__(self) -> int:
        return len(self.key)

    @cached_property
    def indptr(self) -> Int64:
        """Request boundaries: request j owns rows ``indptr[j]:indptr[j + 1]``."""
        if len(self) == 0:
            return np.zeros(1, np.int64)
        start = np.flatnonzero(np.append(True, self.key[1:] != self.key[:-1]))
        return np.append(start, len(self)).astype(np.int64)

    @cached_property
    def single(self) -> bool:
        """True where every request has one row."""
        return len(self.indptr) - 1 == len(self)

    def take(self, rows: Int64) -> ReplayBatch:
        """Return the chosen rows."""
        return replace(
            self,
            **{f.name: value[rows] for f in fields(self) if (value := getattr(self, f.name)) is not None},
        )
