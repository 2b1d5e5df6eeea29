"""A memory of what users acted on: the arm that learns which items answered a query."""

from __future__ import annotations

import copy
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar, Self

import numpy as np

from ltrr import _check
from ltrr._kernels import memory as kernels
from ltrr._kernels.memory_updates import learn
from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.retrieval._depth import checked
from ltrr.retrieval._shown import check_shown
from ltrr.retrieval.base import Arm
from ltrr.types import (
    Bool,
    Candidates,
    Catalogue,
    Feedback,
    Float32,
    Int32,
    Int64,
    Items,
    Requests,
    indptr_of,
)
from ltrr.types.trusted import trusted

__all__ = ["Memory"]


@dataclass
class Memory(Arm):
    """Remembers, per query, the items that users acted on, and returns them by their smoothed rate.

    ``rate = (actions + prior · prior_weight) / (shows + prior_weight)``, both counted since the item was
    entered. An item is entered by its first action (with one show); from then on each show counts. Where
    a query's memory is full, the entry with the fewest actions leaves, among these the one with the fewest
    shows, among these the one with the highest item id. Pages are taken in place by place, in the order
    in which their feedback arrives. Settings that correct for position, let counts fade and guard against
    users who repeat themselves are off by default.

    Parameters
    ----------
    capacity : int >= 1
        Items kept a query.
    signal : {"satisfied", "click"}
        What counts as an action.
    prior : float in [0, 1]
        Rate of an item about which nothing is known.
    prior_weight : float >= 0
        Number of shows that the prior is worth.
    position_discount : float >= 0
        A show at place k, from 0, counts ``log2(k + 2) ** -position_discount``: 0 counts all places alike, 1
        as DCG does. Rates above 1, of items acted on far down the page, count as 1.
    half_life : float >= 1, optional
        Updates (requests whose feedback arrived), its own among them, after which a count is worth half; None
        never forgets.
    once_per_user : bool
        Whether an action, with its show, is ignored where the same user was the last known one to act on the
        entry.
        Actions of unknown users (−1) all count.
    caution : float >= 0
        Standard errors that an entry's rate is taken below its estimate (the lower end of Wilson's interval,
        prior included), so that a single action does not lead; 0 takes the rate itself.

    Attributes
    ----------
    memorises : bool or tuple of str
        True: its features carry no information on a query that was never acted on; or those that do not.

    Notes
    -----
    Shows before the first action are not known, so the rates of young entries are too high; ``prior_weight``
    and ``caution`` temper this. Two users who take turns are not seen as repeating. Queries are told apart by
    id alone: another spelling is another query, and query −1 (none) has no memory.

    Source of the interval: Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22(158), 1927. Of counts that fade by weights that grow: Cormode, Shkapenyuk, Srivastava and Xu,
    "Forward decay", ICDE 2009, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.types import Catalogue, Queries, Requests
    >>> memory = Memory(capacity=2, prior=0.0)
    >>> memory.index(Catalogue(name=("a", "b", "c"), fields={"title": ("x", "y", "z")}))
    >>> memory.restore({
    ...     "query": np.array([0]), "item": np.array([[2, 1]]),
    ...     "actions": np.array([[1.0, 2.0]]), "shows": np.array([[1.0, 7.0]]),
    ... })
    >>> two, zeros = np.zeros(2, np.int64), np.zeros((2, 0), np.float32)
    >>> asked = Requests(np.arange(2), two, two, np.array([0, 1]), two, zeros, (), Queries(("q", "new")))
    >>> found = memory.retrieve(asked, np.array([9, 9]))
    >>> found.indptr.tolist(), found.item.tolist(), found.score.tolist()
    ([0, 2, 2], [2, 1], [0.5, 0.25])
    """

    capacity: int = 64
    _: KW_ONLY
    signal: str = "satisfied"
    prior: float = 0.05
    prior_weight: float = 1.0
    position_discount: float = 0.0
    half_life: float | None = None
    once_per_user: bool = False
    caution: float = 0.0

    static = False
    source = "memory"
    memorises: ClassVar[bool | tuple[str, ...]] = True
    coverage_names: ClassVar[tuple[str, ...]] = ("items", "actions", "best_rate")

    _alive: Bool | None = field(init=False, repr=False, default=None)
    _item: Int32 = field(init=False, repr=False)
    _actions: Float32 = field(init=False, repr=False)
    _shows: Float32 = field(init=False, repr=False)
    _user: Int64 = field(init=False, repr=False)
    _size: Int32 = field(init=False, repr=False)
    _clock: Int64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.integer("Memory.capacity", self.capacity, low=1)
        _check.choice("Memory.signal", self.signal, ("satisfied", "click"))
        _check.fraction("Memory.prior", self.prior)
        _check.number("Memory.prior_weight", self.prior_weight, low=0.0)
        _check.number("Memory.position_discount", self.position_discount, low=0.0)
        if self.half_life is not None:
            _check.number("Memory.half_life", self.half_life, low=1.0)
        _check.number("Memory.caution", self.caution, low=0.0)
        if not isinstance(self.once_per_user, bool):
            raise InputError(f"`Memory.once_per_user` must be true or false, got {self.once_per_user!r}")
        self._forget()

    def fork(self) -> Self:
        """Return an arm for another run that has learned nothing; what never changes is shared."""
        other = copy.copy(self)
        other._forget()
        return other

    def index(self, catalogue: Catalogue) -> None:
        """Forget everything; from now on only items alive in ``catalogue`` are entered."""
        self._alive = catalogue.alive.copy()
        self._forget()

    def index_state(self) -> State:
        """Return which items are alive."""
        return {"alive": self._ready()}

    def restore_index(self, state: State) -> None:
        """Forget everything, as after `index`."""
        self._alive = np.array(state["alive"])
        self._forget()

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return the query's entries by rate, ties by item id; nothing for a query without memory."""
        self._ready()
        asked = checked(depth, len(requests))
        query, length = self._row(requests), np.minimum(self._entries(requests), asked)
        indptr = indptr_of(length)
        item, rate = kernels.ranked(
            query, indptr, self._item, self._actions, self._shows, self._size, self._smoothing()
        )
        return trusted(Candidates, indptr=indptr, item=item, score=rate, capped=length == asked)

    def available(self, requests: Requests) -> Int32:
        """Return the number of entries (B,) of each request's query: what `retrieve` has for it."""
        self._ready()
        return self._entries(requests)

    def rate(self, requests: Requests, items: Items) -> Float32:
        """Return the smoothed rate (N,) of each item for its request's query, 0 where it is not stored."""
        return self._stored(requests, items)[0]

    def actions(self, requests: Requests, items: Items) -> Float32:
        """Return the number of actions (N,) on each item for its request's query."""
        return self._stored(requests, items)[1]

    def coverage(self, requests: Requests) -> Float32:
        """Return what memory knows of each request's query, (B, 3), named by ``coverage_names``.

        The number of entries and their actions, both as log(1 + x), and the best rate; zeros where the
        query has no memory.
        """
        self._ready()
        return np.asarray(
            kernels.coverage(requests.query, self._actions, self._shows, self._size, self._smoothing())
        )

    def features(self, requests: Requests, items: Items) -> tuple[tuple[str, ...], Float32]:
        """Return the pair's rate and log(1 + actions), the query's best rate, and 1 where it is known."""
        rate, actions = self._stored(requests, items)
        values = np.empty((len(items.item), 4), np.float32)
        kernels.known(items.indptr, items.item, rate, np.log1p(actions), self.coverage(requests), values)
        return ("memory_rate", "memory_actions", "memory_best", "memory_known"), values

    def learn(self, feedback: Feedback) -> None:
        """Count the shows and actions of the pages, row by row.

        Raises
        ------
        InputError
            If a page shows an item that the indexed catalogue does not hold.
        """
        alive = self._ready()
        if feedback.item.size == 0:
            return
        check_shown(feedback, len(alive))
        acted = feedback.satisfied if self.signal == "satisfied" else feedback.click
        query = feedback.requests.query
        self._make_room(int(query.max()) + 1)
        learn(
            query,
            feedback.requests.user,
            feedback.item,
            acted,
            alive,
            self._examined(feedback.item.shape[1]),
            self._fading(),
            self._clock,
            self._item,
            self._actions,
            self._shows,
            self._user,
            self._size,
        )

    def state(self) -> State:
        """Return the rows of the queries that have memory, and what settings that are on keep."""
        query = np.flatnonzero(self._size).astype(np.int32)
        state: State = {
            "query": query,
            "item": self._item[query],
            "actions": self._actions[query],
            "shows": self._shows[query],
        }
        if self.half_life is not None:
            state["clock"] = self._clock.copy()
        if self.once_per_user:
            state["user"] = self._user[query]
        return state

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        query = _check.array("state['query']", state["query"], np.int32, (None,))
        shape = (len(query), self.capacity)
        item = _check.array("state['item']", state["item"], np.int32, shape)
        self._forget()
        self._make_room(int(query.max()) + 1 if len(query) else 0)
        self._item[query] = item
        self._actions[query] = _check.array("state['actions']", state["actions"], np.float32, shape)
        self._shows[query] = _check.array("state['shows']", state["shows"], np.float32, shape)
        self._size[query] = (item >= 0).sum(axis=1)
        if self.half_life is not None:
            self._clock = _check.array("state['clock']", state["clock"], np.int64, (2,)).copy()
        if self.once_per_user:
            self._user[query] = _check.array("state['user']", state["user"], np.int64, shape)

    def _row(self, requests: Requests) -> Int32:
        """Return the row of each request's query in the tables, −1 where it has none."""
        return np.where(requests.query < len(self._size), requests.query, np.int32(-1))

    def _entries(self, requests: Requests) -> Int32:
        return np.asarray(kernels.entries(requests.query, self._size), np.int32)

    def _ready(self) -> Bool:
        if self._alive is None:
            raise InputError("`Memory` must be given a catalogue first: call `index(catalogue)`")
        return self._alive

    def _smoothing(self) -> tuple[float, float, float, float]:
        """Return what `rate_of` smooths by."""
        scale = 2.0 ** (int(self._clock[1]) - int(self._clock[0]) / self._fading())
        return float(self.prior * self.prior_weight), float(self.prior_weight), scale, float(self.caution)

    def _fading(self) -> float:
        return np.inf if self.half_life is None else float(self.half_life)

    def _examined(self, places: int) -> Float32:
        """Return how many shows a show at each place counts as."""
        return np.asarray(np.log2(np.arange(places) + 2.0) ** -self.position_discount, np.float32)

    def _locate(self, requests: Requests, items: Items) -> Int64:
        self._ready()
        if len(items) != len(requests):
            raise InputError(f"`items` must hold {len(requests)} lists (one a request), got {len(items)}")
        return np.asarray(
            kernels.locate(requests.query, items.indptr, items.item, self._item, self._size), np.int64
        )

    def _stored(self, requests: Requests, items: Items) -> tuple[Float32, Float32]:
        """Return rates (N,) and actions (N,) of the pairs."""
        at = self._locate(requests, items)
        rate, actions = kernels.stored(at, self._actions, self._shows, self._smoothing())
        return rate, actions

    def _forget(self) -> None:
        self._item = np.empty((0, self.capacity), np.int32)
        self._actions = np.empty((0, self.capacity), np.float32)
        self._shows = np.empty((0, self.capacity), np.float32)
        self._user = np.empty((0, self.capacity), np.int64)
        self._size = np.empty(0, np.int32)
        self._clock = np.zeros(2, np.int64)

    def _make_room(self, rows: int) -> None:
        """Grow to at least ``rows`` queries; doubling keeps the cost of a growing table linear."""
        have = len(self._size)
        if rows <= have:
            return
        more = max(rows, 2 * have) - have
        blank = np.zeros((more, self.capacity), np.float32)
        self._item = np.concatenate([self._item, np.full(blank.shape, -1, np.int32)])
        self._actions = np.concatenate([self._actions, blank])
        self._shows = np.concatenate([self._shows, blank])
        if self.once_per_user:
            self._user = np.concatenate([self._user, np.full(blank.shape, -1, np.int64)])
        self._size = np.concatenate([self._size, np.zeros(more, np.int32)])
