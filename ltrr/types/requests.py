"""Requests: who asks what and when, and what a policy may know about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types.arrays import Float32, Float64, Int32, Int64
from ltrr.types.trusted import trusted

__all__ = ["Queries", "Requests"]

_NO_CONTEXT: Float32 = np.zeros((0, 0), np.float32)


@dataclass(frozen=True)
class Queries:
    """Query texts by id; ids are positions and only ever appended.

    Parameters
    ----------
    text : tuple of str
        The text of query ``q`` is ``text[q]``.

    Examples
    --------
    >>> queries = Queries(("blue", "songs about rain"))
    >>> len(queries), queries.text[1]
    (2, 'songs about rain')
    """

    text: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True)
class Requests:
    """A batch of B requests.

    Parameters
    ----------
    request, session, user : int64 (B,)
        Ids; request ids rise by one from request to request within a run.
    query : int32 (B,)
        Query ids into ``queries``; −1 where a log has no query.
    time : float64 (B,)
        Seconds on the world's clock.
    context : float32 (B, D)
        What a policy may see, snapshotted at decision time.
    context_names : tuple of str, length D
        Names of the context's columns.
    queries : Queries
        The table that ``query`` points into (shared, not per row).

    Examples
    --------
    Three requests a minute apart, on two queries.

    >>> ids, queries = np.arange(3), Queries(("blue", "rain"))
    >>> asked = Requests(ids, ids, ids, np.array([0, 1, 0]), 60.0 * ids, np.zeros((3, 0)), (), queries)
    >>> asked.texts()
    ['blue', 'rain', 'blue']
    >>> asked.take(np.array([2])).time.tolist()
    [120.0]
    """

    request: Int64
    session: Int64
    user: Int64
    query: Int32
    time: Float64
    context: Float32
    context_names: tuple[str, ...] = ()
    queries: Queries = Queries()

    def __post_init__(self) -> None:
        n = len(self.request)
        for key, dtype in (
            ("request", np.int64),
            ("session", np.int64),
            ("user", np.int64),
            ("query", np.int32),
            ("time", np.float64),
        ):
            object.__setattr__(self, key, _check.array(f"Requests.{key}", getattr(self, key), dtype, (n,)))
        shape = (n, len(self.context_names))
        object.__setattr__(self, "context", _check.array("Requests.context", self.context, np.float32, shape))
        if n and int(self.query.max()) >= len(self.queries):
            raise InputError(
                f"`Requests.query` must be below {len(self.queries)} (the number of query texts), "
                f"got {int(self.query.max())}"
            )

    def __len__(self) -> int:
        return len(self.request)

    def texts(self) -> list[str]:
        """Return each request's query text, empty where there is no query."""
        return [self.queries.text[q] if q >= 0 else "" for q in self.query.tolist()]

    def take(self, rows: Int64 | slice) -> Requests:
        """Return the chosen rows."""
        return trusted(
            Requests,
            request=self.request[rows],
            session=self.session[rows],
            user=self.user[rows],
            query=self.query[rows],
            time=self.time[rows],
            context=self.context[rows],
            context_names=self.context_names,
            queries=self.queries,
        )

    def with_context(self, context: Float32, names: tuple[str, ...]) -> Requests:
        """Return the same requests with another context."""
        shape = (len(self), len(names))
        context = _check.array("Requests.context", context, np.float32, shape)
        return trusted(Requests, **{**vars(self), "context": context, "context_names": names})

    @staticmethod
    def empty() -> Requests:
        """Return no requests, without context."""
        none = np.zeros(0, np.int64)
        return Requests(none, none, none, none.astype(np.int32), none.astype(np.float64), _NO_CONTEXT)

    @staticmethod
    def concat(parts: Sequence[Requests]) -> Requests:
        """Join batches; they must name the same context. The longest query table is kept."""
        first = parts[0]
        if any(p.context_names != first.context_names for p in parts):
            raise InputError("`Requests.concat` needs parts with the same context names")
        return Requests(
            np.concatenate([p.request for p in parts]),
            np.concatenate([p.session for p in parts]),
            np.concatenate([p.user for p in parts]),
            np.concatenate([p.query for p in parts]),
            np.concatenate([p.time for p in parts]),
            np.concatenate([p.context for p in parts]),
            first.context_names,
            max((p.queries for p in parts), key=len),
        )
