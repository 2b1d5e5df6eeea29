"""A world over topics: requests drawn from a replicate's traffic, truth looked up in judgements."""

from __future__ import annotations

import copy
from typing import ClassVar, Self

import numpy as np

from ltrr import _check
from ltrr._kernels.truth import draw_topics, grade_items
from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.rng import Streams
from ltrr.types import (
    Bool,
    Catalogue,
    Feedback,
    Float64,
    Int8,
    Int16,
    Int32,
    Int64,
    Items,
    Queries,
    Requests,
    Truth,
)
from ltrr.types.ragged import take_flat
from ltrr.types.trusted import trusted
from ltrr.worlds.topics import Topics
from ltrr.worlds.traffic import Splitter, bands

__all__ = ["TopicWorld"]

_AHEAD = 64  # requests of the stream that are drawn together where they are asked for one by one
HELD_OUT_START = 2**40
"""First id of a held-out request; no stream gets that far."""

IDEAL_WIDTH = 20
"""Places of the ideal page that `truth` reports."""

_DAY_SECONDS = 86_400.0
_SESSION_SECONDS = 1_800.0
_USER_EXPONENT = 1.0  # heavy users exist, but none dominates: the top of 500 sends 15 % of the requests


class TopicWorld:
    """Draw requests from the traffic of `Topics` and grade items by its judgements.

    A request's query is drawn by inverse CDF from ``topics.traffic``, its user from a Zipf distribution, its
    topic from P(topic | query). Its time is ``gap_seconds · (request + u)``, so time never falls. Requests of
    one user within one half hour of the clock form a session. Every draw is a function of the request's id
    and the streams, so batches may be cut anywhere, and truth needs no memory of what was asked.

    The context holds the time of day as ``hour_sin`` and ``hour_cos`` and the day within the week as ``day``
    in [0, 1); nothing in it tells the topic.

    Parameters
    ----------
    topics : Topics
        What exists, what is asked, what is true.
    n_users : int
        Number of users, >= 1.
    gap_seconds : float
        Seconds between requests on average, > 0.
    splitter : Splitter, optional
        Draws at each fork, by its streams, what the stream asks and what is held out; without one, all forks
        have the traffic of ``topics``, as has the world before it is forked.

    Attributes
    ----------
    ideal_width : int
        Places of the ideal page that `truth` reports.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.rng import Streams
    >>> from ltrr.types import Catalogue, Items, Queries
    >>> topics = Topics(
    ...     catalogue=Catalogue(name=("a", "b", "c"), fields={"text": ("red shoe", "shoe", "blue hat")}),
    ...     queries=Queries(("shoe", "hat")),
    ...     query_indptr=np.array([0, 1, 2]), query_topic=np.array([0, 1]), query_weight=np.ones(2),
    ...     topic_indptr=np.array([0, 2, 3]), topic_item=np.array([0, 1, 2]), topic_grade=np.array([1, 2, 1]),
    ...     traffic=np.array([1.0, 0.0]), held_out=np.array([0.0, 1.0]),
    ...     intent=np.zeros(2), intent_names=("plain",), max_grade=2, complete=True,
    ... )
    >>> world = TopicWorld(topics).fork(Streams(seed=1))
    >>> requests = world.next(2)
    >>> requests.request.tolist(), [requests.queries.text[q] for q in requests.query]
    ([0, 1], ['shoe', 'shoe'])
    >>> truth = world.truth(requests, Items(np.array([0, 3, 4]), np.array([2, 1, -1, 0])))
    >>> truth.grade.tolist(), truth.n_relevant.tolist(), truth.ideal[0, :3].tolist()
    ([0, 2, -1, 1], [2, 2], [2, 1, 0])
    >>> world.state()
    {'request': 2}
    """

    ideal_width: ClassVar[int] = IDEAL_WIDTH

    _block: tuple[int, Requests]
    _meant: tuple[Requests, Int64]

    def __init__(
        self,
        topics: Topics,
        *,
        n_users: int = 500,
        gap_seconds: float = 30.0,
        splitter: Splitter | None = None,
    ) -> None:
        self.n_users = _check.integer("TopicWorld.n_users", n_users, low=1)
        self.gap_seconds = _check.number("TopicWorld.gap_seconds", gap_seconds, low=0.0, open_low=True)
        self._streams = Streams(seed=0)
        self._cursor = 0
        self._splitter = splitter
        self._forget()
        self._ask(topics)
        self._user_cdf = _cdf(np.arange(1, self.n_users + 1, dtype=np.float64) ** -_USER_EXPONENT)
        self._ideal, self._n_relevant = _ideal(topics, IDEAL_WIDTH)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(items={len(self.catalogue)}, queries={len(self.queries)}, "
            f"topics={self.topics.n_topics}, n_users={self.n_users}, gap_seconds={self.gap_seconds:g})"
        )

    @property
    def catalogue(self) -> Catalogue:
        """What can be retrieved."""
        return self.topics.catalogue

    @property
    def queries(self) -> Queries:
        """All query texts."""
        return self.topics.queries

    @property
    def holds_out(self) -> bool:
        """Whether there are held-out queries."""
        return self._held_out_cdf is not None

    @property
    def max_grade(self) -> int:
        """The highest relevance grade."""
        return self.topics.max_grade

    @property
    def intent_names(self) -> tuple[str, ...]:
        """Names of the hidden kinds of queries."""
        return self.topics.intent_names

    @property
    def reserved(self) -> Bool | None:
        """Which topics (T,) are reserved, held out in every replicate and absent from tuning; None: none."""
        return self.topics.reserved

    def fork(self, streams: Streams) -> Self:
        """Return the same world at its beginning, drawing from ``streams``; what stands still is shared."""
        world = copy.copy(self)
        world._streams = streams
        world._cursor = 0
        world._forget()
        if self._splitter is not None:
            world._ask(self.topics.with_traffic(*self._splitter(streams)))
        return world

    def next(self, n: int, feedback: Feedback | None = None) -> Requests:
        """Return the next ``n`` (>= 0) requests of the stream.

        ``feedback`` changes nothing here: the traffic is fixed, users neither reformulate nor return.
        """
        del feedback
        start = self._cursor
        self._cursor += _check.integer("next.n", n, low=0)
        return self._one(start) if n == 1 else self._stream(start, self._cursor)

    def _one(self, request: int) -> Requests:
        """Return one request of the stream, of a block drawn at once: that takes no longer than one."""
        first, block = self._block
        if not first <= request < first + len(block):
            first, block = request, self._stream(request, request + _AHEAD)
            self._block = first, block
        return block.take(slice(request - first, request - first + 1))

    def _stream(self, start: int, stop: int) -> Requests:
        request = np.arange(start, stop, dtype=np.int64)
        u = self._streams.uniform("query", request)
        query = np.searchsorted(self._traffic_cdf, u, side="right")
        return self._requests(request, query.astype(np.int32), request)

    def held_out(self, n: int) -> Requests:
        """Return ``n`` (>= 0) requests on queries that the stream never asks; changes no state.

        Each text comes ``n · probability`` times, rounded up or down (systematic sampling), in an order drawn
        at random. The clock goes on from where the stream stands; ids start at 2⁴⁰.

        Raises
        ------
        InputError
            If the world holds no query out.
        """
        count = _check.integer("held_out.n", n, low=0)
        if self._held_out_cdf is None:
            raise InputError(
                "this world holds no query out: it needs two queries of different texts and a "
                "`world.held_out` that takes one of them; or set `loop.held_out = 0`"
            )
        request = np.arange(HELD_OUT_START, HELD_OUT_START + count, dtype=np.int64)
        offset = self._streams.uniform("held_out/offset", 0)
        place = np.argsort(self._streams.uniform("held_out/order", request), kind="stable")
        # the division may round up to 1, which lies beyond the last text
        u = np.minimum((place + offset) / max(count, 1), np.nextafter(1.0, 0.0))
        query = np.searchsorted(self._held_out_cdf, u, side="right")
        tick = np.arange(self._cursor, self._cursor + count, dtype=np.int64)
        return self._requests(request, query.astype(np.int32), tick)

    def truth(self, requests: Requests, items: Items) -> Truth:
        """Return the grades of ``items`` for ``requests``, and the ideal page of each request's topic.

        Raises
        ------
        InputError
            If the two do not match in length, or name queries or items that are not in this world.
        """
        if len(items) != len(requests):
            raise InputError(f"`truth.items` must hold {len(requests)} lists, got {len(items)}")
        if len(items.item) and not (items.item.min() >= -1 and items.item.max() < len(self.catalogue)):
            raise InputError(f"`truth.items` must hold item ids in [-1, {len(self.catalogue)})")
        topic = self._topic(requests)
        grade = np.empty(len(items.item), np.int8)
        judged = np.empty(len(items.item), np.bool_)
        t = self.topics
        grade_items(
            items.indptr, items.item, topic, t.topic_indptr, t.topic_item, t.topic_grade, grade, judged
        )
        if t.complete:
            judged = items.item >= 0
        return trusted(
            Truth,
            indptr=items.indptr,
            item=items.item,
            grade=grade,
            judged=judged,
            n_relevant=self._n_relevant[topic],
            ideal=self._ideal[topic],
            topic=topic,
            max_grade=t.max_grade,
        )

    def relevant(self, requests: Requests) -> tuple[Items, Int8]:
        """Return the judged items of each request's topic and their grades (N,), for tuning and judging."""
        indptr, at = take_flat(self.topics.topic_indptr, self._topic(requests))
        return Items(indptr, self.topics.topic_item[at]), self.topics.topic_grade[at]

    def excluded(self, requests: Requests) -> Int32 | None:
        """Return the item (B,) that is never shown to each request, −1 for none; None if there is no such.

        A query id beyond this world's table stands for a text that the world never asks: −1.
        """
        items = self.topics.excluded
        if items is None:
            return None
        known = requests.query < len(self.queries)
        if known.all():
            return items[self._topic(requests)]
        out = np.full(len(requests), -1, np.int32)
        out[known] = items[self._topic(requests.take(np.flatnonzero(known)))]
        return out

    def hidden_intent(self, requests: Requests) -> Int16:
        """Return the hidden kind (B,) of each request's query: for analyses, never for a policy."""
        return self.topics.intent[self._query(requests)]

    def band(self, requests: Requests) -> Int8:
        """Return the place (B,) of each request's topic in the stream: 0 head, 1 torso, 2 tail, −1 held out.

        Each band has about a third of the traffic (`ltrr.worlds.traffic.bands`).
        """
        return self._band[self._topic(requests)]

    def shares(self) -> tuple[Float64, Float64]:
        """Return the probability (T,) of each topic in the stream and among the held-out requests."""
        return self.topics.shares()

    def state(self) -> State:
        """Return the position in the stream: all else is a function of request ids."""
        return {"request": self._cursor}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        self._cursor = _check.integer("state['request']", state.get("request"), low=0)

    def _forget(self) -> None:
        """Drop what was drawn by other streams."""
        self._block = (0, Requests.empty())
        self._meant = (self._block[1], np.zeros(0, np.int64))

    def _ask(self, topics: Topics) -> None:
        """Draw queries by the traffic of ``topics`` from now on."""
        self.topics = topics
        self._traffic_cdf = _cdf(topics.traffic)
        self._held_out_cdf = _cdf(topics.held_out) if topics.held_out.any() else None
        self._band = bands(topics.shares()[0])

    def _requests(self, request: Int64, query: Int32, tick: Int64) -> Requests:
        """Return requests with user, time, session and context; ``tick`` counts gaps on the clock."""
        user = np.searchsorted(self._user_cdf, self._streams.uniform("user", request), side="right")
        time = (tick + self._streams.uniform("time", request)) * self.gap_seconds
        window = np.floor(time / _SESSION_SECONDS).astype(np.int64)
        angle = time * (2.0 * np.pi / _DAY_SECONDS)
        day = np.floor(time / _DAY_SECONDS) % 7.0 / 7.0
        return Requests(
            request=request,
            session=window * self.n_users + user,
            user=user,
            query=query,
            time=time,
            context=np.stack([np.sin(angle), np.cos(angle), day], axis=1).astype(np.float32),
            context_names=("hour_sin", "hour_cos", "day"),
            queries=self.queries,
        )

    def _query(self, requests: Requests) -> Int32:
        """Return the query ids after a check that this world has them."""
        query = requests.query
        if len(query) and not (query.min() >= 0 and query.max() < len(self.queries)):
            raise InputError(f"`requests.query` must hold query ids in [0, {len(self.queries)})")
        return query

    def _topic(self, requests: Requests) -> Int64:
        """Return the topic (B,) that each request means."""
        # the truth of a batch is asked of its pages and of its candidates
        if requests is not self._meant[0]:
            self._meant = requests, self._topics_of(requests)
        return self._meant[1]

    def _topics_of(self, requests: Requests) -> Int64:
        query = self._query(requests)
        out = np.empty(len(query), np.int64)
        t = self.topics
        u = self._streams.by_request("topic", requests.request)[:, 0]
        draw_topics(query, u, t.query_indptr, t.query_topic, t.query_weight, out)
        return out


def _cdf(weight: Float64) -> Float64:
    """Return cumulative probabilities that end at exactly 1, so that no uniform below 1 falls off."""
    total = np.cumsum(weight)
    return np.asarray(total / total[-1])


def _ideal(topics: Topics, width: int) -> tuple[Int8, Int32]:
    """Return each topic's highest grades (T, width), descending, and its number of relevant items (T,)."""
    topic = np.repeat(np.arange(topics.n_topics), np.diff(topics.topic_indptr))
    order = np.lexsort((-topics.topic_grade.astype(np.int64), topic))
    rank = np.arange(len(topic)) - topics.topic_indptr[topic]
    top = rank < width
    ideal = np.zeros((topics.n_topics, width), np.int8)
    ideal[topic[top], rank[top]] = topics.topic_grade[order][top]
    n_relevant = np.bincount(topic[topics.topic_grade > 0], minlength=topics.n_topics).astype(np.int32)
    return ideal, n_relevant
