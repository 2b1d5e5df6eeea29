"""The most popular items, whatever is asked."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr._kernels.popular import count_actions
from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.retrieval._depth import checked
from ltrr.retrieval.base import Arm
from ltrr.types import (
    Bool,
    Candidates,
    Catalogue,
    Feedback,
    Float32,
    Float64,
    Int32,
    Int64,
    Items,
    Requests,
    indptr_of,
)
from ltrr.types.trusted import trusted

__all__ = ["Popular"]


@dataclass
class Popular(Arm):
    """Returns the items acted on most, the same list to every request.

    ``score = log(1 + count + prior_weight · popularity / max popularity)``, where each action adds 1 to the
    item's count and each update (a request whose feedback arrived) multiplies all counts by ``decay``.
    The prior is scaled by the most popular item, not by the sum, so that it decides early on however large
    the catalogue is: one action does not lift an item over the head of the catalogue. Where nothing is
    known (all popularities zero, no action) the order is that of item ids.

    Parameters
    ----------
    signal : {"satisfied", "click"}
        What counts as an action.
    prior_weight : float >= 0
        Actions that the popularity of the catalogue's most popular item is worth.
    decay : float in (0, 1]
        Factor per update; 1 never forgets. Half of a count is gone after ``log(2) / (1 − decay)`` updates.

    Notes
    -----
    What is shown is acted on, so what is popular becomes more so. Shows are not counted.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.types import Catalogue, Queries, Requests
    >>> titles = {"title": ("x", "y", "z")}
    >>> popular = Popular()
    >>> popular.index(Catalogue(("a", "b", "c"), titles, popularity=np.array([1, 5, 1], np.float32)))
    >>> one, none = np.zeros(1, np.int64), np.zeros((1, 0), np.float32)
    >>> asked = Requests(one, one, one, one, one, none, (), Queries(("q",)))
    >>> popular.retrieve(asked, np.array([2])).item.tolist()
    [1, 0]
    """

    signal: str = "satisfied"
    _: KW_ONLY
    prior_weight: float = 50.0
    decay: float = 1.0

    static = False
    source = "popularity"
    always_full = True
    query_blind = True

    _alive: Bool | None = field(init=False, repr=False, default=None)
    _prior: Float64 = field(init=False, repr=False)
    _count: Float64 = field(init=False, repr=False)
    _clock: Int64 = field(init=False, repr=False)
    _lessons: int = field(init=False, repr=False, default=0)
    _score: Float32 | None = field(init=False, repr=False, default=None)
    _top: Int32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.choice("Popular.signal", self.signal, ("satisfied", "click"))
        _check.number("Popular.prior_weight", self.prior_weight, low=0.0)
        _check.number("Popular.decay", self.decay, low=0.0, high=1.0, open_low=True)

    def index(self, catalogue: Catalogue) -> None:
        """Start again from the catalogue's own popularity.

        Raises
        ------
        InputError
            If a popularity is negative or not finite.
        """
        prior = catalogue.popularity.astype(np.float64)
        if not (np.isfinite(prior) & (prior >= 0)).all():
            bad = prior[~(np.isfinite(prior) & (prior >= 0))][0]
            raise InputError(f"`Catalogue.popularity` must be finite and >= 0, got {bad}")
        highest = prior.max()
        self._begin(catalogue.alive.copy(), prior * (self.prior_weight / highest) if highest > 0 else prior)

    def _begin(self, alive: Bool, prior: Float64) -> None:
        """Take what is alive and what it counts for at first."""
        self._alive, self._prior = alive, prior
        self._count = np.zeros(len(prior), np.float64)
        self._clock = np.zeros(len(prior), np.int64)
        self._lessons = 0
        self._score = None

    def update(self, catalogue: Catalogue, new_items: Int32) -> None:
        """Take in a catalogue that has grown; new items have no counts."""
        learned = self.state()
        self.index(catalogue)
        none = (0, len(new_items))
        self.restore(learned | {key: np.pad(learned[key], none) for key in ("count", "clock")})

    def index_state(self) -> State:
        """Return which items are alive, and what each counts for at first."""
        return {"alive": self._ready(), "prior": self._prior}

    def restore_index(self, state: State) -> None:
        """Start again from the catalogue's popularity."""
        self._begin(np.array(state["alive"]), np.array(state["prior"]))

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return the top of the list to every request, ties by item id."""
        asked = checked(depth, len(requests))
        top = self._best(int(asked.max()) if len(asked) else 0)
        length = np.minimum(asked, np.int32(len(top)))
        indptr = indptr_of(length)
        item = top[np.arange(indptr[-1]) - np.repeat(indptr[:-1], length)]
        score = self._scores()[item]
        return trusted(Candidates, indptr=indptr, item=item, score=score, capped=length == asked)

    def score(self, requests: Requests, items: Items) -> Float32:
        """Return the score (N,) of each item, 0 in empty places; the request does not matter."""
        if len(items) != len(requests):
            raise InputError(f"`items` must hold {len(requests)} lists (one a request), got {len(items)}")
        return np.where(items.item >= 0, self._scores()[items.item], np.float32(0.0))

    def features(self, requests: Requests, items: Items) -> tuple[tuple[str, ...], Float32]:
        """Return ``popularity``, the score."""
        return ("popularity",), self.score(requests, items)[:, None]

    def learn(self, feedback: Feedback) -> None:
        """Count the actions of the pages, row by row.

        Raises
        ------
        InputError
            If a page shows an item that the indexed catalogue does not hold.
        """
        n = len(self._ready())
        if feedback.item.size and int(feedback.item.max()) >= n:
            raise InputError(
                f"`feedback.item` must be below {n} (the size of the indexed catalogue), "
                f"got {int(feedback.item.max())}"
            )
        acted = feedback.satisfied if self.signal == "satisfied" else feedback.click
        count_actions(feedback.item, acted, float(self.decay), self._lessons, self._count, self._clock)
        self._lessons += len(feedback)
        if self.decay < 1.0:
            self._score = None
        elif self._score is not None and acted.any():
            self._raise(np.unique(feedback.item[acted & (feedback.item >= 0)]))

    def state(self) -> State:
        """Return the counts, when each was last brought up to date, and the number of updates."""
        self._ready()
        return {
            "count": self._count.copy(),
            "clock": self._clock.copy(),
            "lessons": np.array([self._lessons], np.int64),
        }

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``; the same catalogue must have been indexed before."""
        shape = (len(self._ready()),)
        count = _check.array("state['count']", state["count"], np.float64, shape)
        clock = _check.array("state['clock']", state["clock"], np.int64, shape)
        self._count, self._clock = count.copy(), clock.copy()
        self._lessons = int(state["lessons"][0])
        self._score = None

    def _ready(self) -> Bool:
        if self._alive is None:
            raise InputError("`Popular` must be given a catalogue first: call `index(catalogue)`")
        return self._alive

    def _scores(self) -> Float32:
        """Return all scores, computed after the last update."""
        self._ready()
        if self._score is None:
            count = self._count
            if self.decay < 1.0:
                count = count * self.decay ** (self._lessons - self._clock)
            # Lists are ordered by what is returned, in float32: order and score cannot disagree.
            self._score = np.log1p(count + self._prior).astype(np.float32)
            self._top = np.empty(0, np.int32)
        return self._score

    def _raise(self, items: Int32) -> None:
        """Bring scores and top up to date where these items alone have gained actions and nothing decays."""
        if self._score is None or len(items) == 0:
            return
        # items beyond the top are known to score less than its last; only scores above that are comparable
        last = self._score[self._top[-1]] if len(self._top) else np.float32(np.inf)
        self._score[items] = np.log1p(self._count[items] + self._prior[items])
        gained = items[self._ready()[items] & (self._score[items] >= last)]
        if len(gained):
            top = np.union1d(self._top, gained)
            self._top = top[np.lexsort((top, -self._score[top]))].astype(np.int32)

    def _best(self, depth: int) -> Int32:
        """Return the top of all living items, at least ``depth`` of them or all."""
        score, alive = self._scores(), self._ready()
        # most calls find a top that is long enough, and need not look at all items
        if len(self._top) < depth and len(self._top) < len(living := np.flatnonzero(alive)):
            if depth < len(living):
                value = score[living]
                # Whatever ties with the last place is kept: the tie is decided below, by item id.
                living = living[value >= np.partition(value, len(value) - depth)[len(value) - depth]]
            self._top = living[np.lexsort((living, -score[living]))].astype(np.int32)
        return self._top
