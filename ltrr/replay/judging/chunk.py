"""A chunk of a log with what every policy makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ltrr.logs.events import Events
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.judging.policy_judge import Judged
from ltrr.types import Int64
from ltrr.types.ragged import take_flat

__all__ = ["Chunk"]


@dataclass(frozen=True)
class Chunk:
    """Events and batches of all policies, so that parts of them can be judged without asking policies again.

    Parameters
    ----------
    events : Events
    plain : tuple of ReplayBatch
        Rewards without weights, one batch for each column that is measured.
    judged : tuple of Judged
        One for each policy.
    ids, number : int64 (n,), or both None
        The cluster of each row: its id, and its number among the clusters seen.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> events = Events(Space(("a", "b")), [1, 2], [8, 9], [0, 1], [0.0, 1.0])
    >>> plain = (ReplayBatch(events.key, events.reward),)
    >>> chunk = Chunk(events, plain, (), ids=np.array([5, 6]), number=np.array([0, 1]))
    >>> part = chunk.take(np.array([1]))
    >>> part.plain[0].reward.tolist(), part.key.tolist(), part.number.tolist()
    ([1.0], [6], [1])
    """

    events: Events
    plain: tuple[ReplayBatch, ...]
    judged: tuple[Judged, ...]
    ids: Int64 | None = None
    number: Int64 | None = None

    @cached_property
    def starts(self) -> Int64:
        """The first row of each request."""
        return self.plain[0].indptr[:-1]

    @cached_property
    def key(self) -> Int64:
        """What draws are keyed by, (requests,): the cluster where there are some, else the request."""
        return (self.plain[0].key if self.ids is None else self.ids)[self.starts]

    def take(self, rows: Int64) -> Chunk:
        """Return the chosen rows, which must keep the slots of a request together."""
        events = self.events.take(rows)
        if self.events.indptr is not None:
            flat = take_flat(self.events.indptr, rows)[1]
        else:
            size = len(self.events.space.actions)
            flat = (rows[:, None] * size + np.arange(size)).reshape(-1)
        return Chunk(
            events,
            tuple(batch.take(rows) for batch in self.plain),
            tuple(one.take(rows, flat) for one in self.judged),
            None if self.ids is None else self.ids[rows],
            None if self.number is None else self.number[rows],
        )
