"""The most popular items, whatever is asked."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr._kernels.popular import count_actions
from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.retrieval._depth import checked
from ltrr.retrieval._shown import check_shown
from ltrr.retrieval._top import top_of
from ltrr.retrieval.base import Arm
from ltrr.retrieval.recent import Recent
from ltrr.retrieval.segments import Segments
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
    r"""Returns the items acted on most, the same list to every request, or to every request of a segment.

    ``score = log(1 + count + prior_weight · popularity / max popularity)``, where each action adds 1 to the
    item's count and each update (a request whose feedback arrived) multiplies all counts by ``decay``.
    The prior is scaled by the most popular item, not by the sum, so that it decides early on however large
    the catalogue is: one action does not lift an item over the head of the catalogue. Where nothing is
    known (all popularities zero, no action) the order is that of item ids.

    With ``by``, actions are also counted by the value of a column of the context, and those of a segment are
    smoothed by the overall list, as by a Dirichlet prior [1]_. With c and p the item's count and prior,
    n and P their sums, and s marking the segment's:

    .. math:: \text{score} = \log\Bigl(1 + (n + P) \, \frac{c_s + m \, (c + p) / (n + P)}{n_s + m}\Bigr)

    Where a segment has no actions, or was never seen, that is the overall score.

    Parameters
    ----------
    signal : {"satisfied", "click"}
        What counts as an action.
    prior_weight : float >= 0
        Actions that the popularity of the catalogue's most popular item is worth.
    decay : float in (0, 1]
        Factor per update; 1 never forgets. Half of a count is gone after ``log(2) / (1 − decay)`` updates.
    window : int >= 1, optional
        Updates that count, the last ones, each in full; all if None. It takes the place of ``decay``.
    by : str, optional
        Column of the context whose values, at most 64, have lists of their own; one list for all if None.
    segment_weight : float >= 0
        Actions that the overall list is worth in a segment, m.

    Raises
    ------
    InputError
        If both ``window`` and ``decay`` are given.

    Notes
    -----
    What is shown is acted on, so what is popular becomes more so. Shows are not counted.

    References
    ----------
    .. [1] Zhai and Lafferty, "A study of smoothing methods for language models applied to information
       retrieval", ACM TOIS 22(2), 2004, section 3.2.

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

    Lists by the hour, of the last thousand requests:

    >>> by_hour = Popular(by="hour", window=1_000)
    """

    signal: str = "satisfied"
    _: KW_ONLY
    prior_weight: float = 50.0
    decay: float = 1.0
    window: int | None = None
    by: str | None = None
    segment_weight: float = 50.0

    static = False
    source = "popularity"
    always_full = True
    query_blind = True

    _alive: Bool | None = field(init=False, repr=False, default=None)
    _prior: Float64 = field(init=False, repr=False)
    _prior_sum: float = field(init=False, repr=False, default=0.0)
    _count: Float64 = field(init=False, repr=False)
    _clock: Int64 = field(init=False, repr=False)
    _lessons: int = field(init=False, repr=False, default=0)
    _score: Float32 | None = field(init=False, repr=False, default=None)
    _top: Int32 = field(init=False, repr=False)
    _recent: Recent | None = field(init=False, repr=False, default=None)
    _segments: Segments | None = field(init=False, repr=False, default=None)
    _lists: dict[int, tuple[Float32, Int32]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.choice("Popular.signal", self.signal, ("satisfied", "click"))
        _check.number("Popular.prior_weight", self.prior_weight, low=0.0)
        _check.number("Popular.decay", self.decay, low=0.0, high=1.0, open_low=True)
        _check.number("Popular.segment_weight", self.segment_weight, low=0.0)
        if self.by is not None and not (isinstance(self.by, str) and self.by):
            raise InputError(f"`Popular.by` must be the name of a column of the context, got {self.by!r}")
        if self.window is not None:
            _check.integer("Popular.window", self.window, low=1)
            if self.decay < 1.0:
                raise InputError(
                    f"`Popular.decay` must be 1 where a `window` is given, got {self.decay}; give one of them"
                )

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
        self._recent = None if self.window is None else Recent(self.window)
        self._segments = None
        if self.by is not None:
            self._segments = Segments(self.by, len(prior), self.decay, self._recent)
            # an exact sum does not depend on how items are numbered
            self._prior_sum = math.fsum(prior.tolist())
        self._changed()

    def update(self, catalogue: Catalogue, new_items: Int32) -> None:
        """Take in a catalogue that has grown; new items have no counts."""
        learned = self.state()
        self.index(catalogue)
        none = (0, len(new_items))
        learned |= {key: np.pad(learned[key], none) for key in ("count", "clock") if key in learned}
        if self._segments is not None and self._recent is None:
            table, wider = learned["segments"], ((0, 0), none)
            learned["segments"] = table | {key: np.pad(table[key], wider) for key in ("count", "clock")}
        self.restore(learned)

    def index_state(self) -> State:
        """Return which items are alive, and what each counts for at first."""
        return {"alive": self._ready(), "prior": self._prior}

    def restore_index(self, state: State) -> None:
        """Start again from the catalogue's popularity."""
        self._begin(np.array(state["alive"]), np.array(state["prior"]))

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return the top of the list of each request's segment, ties by item id."""
        asked = checked(depth, len(requests))
        distinct, which = self._groups(requests)
        deepest = int(asked.max()) if len(asked) else 0
        lists = [self._list(r, deepest) for r in distinct]
        tops, score = [top for _, top in lists], [value[top] for value, top in lists]
        length = np.minimum(asked, np.int32(len(tops[0])))
        indptr = indptr_of(length)
        begin = indptr_of(np.array([len(top) for top in tops], np.int32))[which]
        at = np.arange(indptr[-1]) + np.repeat(begin - indptr[:-1], length)
        item, value = np.concatenate(tops)[at], np.concatenate(score)[at]
        return trusted(Candidates, indptr=indptr, item=item, score=value, capped=length == asked)

    def score(self, requests: Requests, items: Items) -> Float32:
        """Return the score (N,) of each item in its request's segment, 0 in empty places."""
        if len(items) != len(requests):
            raise InputError(f"`items` must hold {len(requests)} lists (one a request), got {len(items)}")
        distinct, which = self._groups(requests)
        out = np.where(items.item >= 0, self._scores()[items.item], np.float32(0.0))
        row = np.repeat(which, np.diff(items.indptr))
        for i in range(1, len(distinct)):
            at = np.flatnonzero((row == i) & (items.item >= 0))
            out[at] = self._list(distinct[i], 0)[0][items.item[at]]
        return out

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
        check_shown(feedback, len(self._ready()))
        acted = feedback.satisfied if self.signal == "satisfied" else feedback.click
        row = np.full(len(feedback), -1, np.int32)
        if self._segments is not None:
            row = self._segments.enter(feedback.requests)
        if self._recent is not None:
            self._recent.learn(feedback.item, acted, row, self._lessons)
        else:
            count_actions(feedback.item, acted, float(self.decay), self._lessons, self._count, self._clock)
            if self._segments is not None:
                self._segments.learn(feedback.item, acted, row, self._lessons)
        self._lessons += len(feedback)
        if self.decay < 1.0 or self._recent is not None or self._segments is not None:
            self._changed()
        elif self._score is not None and acted.any():
            self._raise(np.unique(feedback.item[acted & (feedback.item >= 0)]))

    def state(self) -> State:
        """Return the counts, when each was last brought up to date, and the number of updates."""
        self._ready()
        state: State = {"lessons": np.array([self._lessons], np.int64)}
        if self._recent is None:
            state = {"count": self._count.copy(), "clock": self._clock.copy(), **state}
        else:
            state["recent"] = self._recent.state()
        return state if self._segments is None else {**state, "segments": self._segments.state()}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``; the same catalogue must have been indexed before."""
        shape = (len(self._ready()),)
        if self._recent is None:
            count = _check.array("state['count']", state["count"], np.float64, shape)
            clock = _check.array("state['clock']", state["clock"], np.int64, shape)
            self._count, self._clock = count.copy(), clock.copy()
        else:
            self._recent.restore(state["recent"])
        if self._segments is not None:
            self._segments.restore(state["segments"])
        self._lessons = int(state["lessons"][0])
        self._changed()

    def _ready(self) -> Bool:
        if self._alive is None:
            raise InputError("`Popular` must be given a catalogue first: call `index(catalogue)`")
        return self._alive

    def _changed(self) -> None:
        """Forget scores that are out of date."""
        self._score, self._lists = None, {}

    def _groups(self, requests: Requests) -> tuple[list[int], Int64]:
        """Return the segments of a batch, first −1 for all requests, and the place (B,) of each request's."""
        if self._segments is None:
            return [-1], np.zeros(len(requests), np.int64)
        row = self._segments.rows(requests)
        distinct = np.union1d(row, np.array([-1], np.int32))
        return distinct.tolist(), np.searchsorted(distinct, row)

    def _overall(self) -> Float64:
        """Return what each item counts for among all requests, its prior included."""
        if self._recent is not None:
            return self._recent.counts(len(self._prior)) + self._prior
        if self.decay < 1.0:
            faded: Float64 = self._count * self.decay ** (self._lessons - self._clock)
            return faded + self._prior
        return self._count + self._prior

    def _scores(self) -> Float32:
        """Return all scores, computed after the last update."""
        self._ready()
        if self._score is None:
            # Lists are ordered by what is returned, in float32: order and score cannot disagree.
            self._score = np.log1p(self._overall()).astype(np.float32)
            self._top = np.empty(0, np.int32)
        return self._score

    def _list(self, row: int, depth: int) -> tuple[Float32, Int32]:
        """Return all scores of a segment, −1 for all requests, and its top, at least ``depth`` or all."""
        segments = self._segments
        if row < 0 or segments is None:
            return self._scores(), self._best(depth)
        if row not in self._lists:
            weight = float(self.segment_weight)
            count = segments.smoothed(row, self._lessons, self._overall(), self._prior_sum, weight)
            self._lists[row] = np.log1p(count).astype(np.float32), np.empty(0, np.int32)
        score, top = self._lists[row]
        if len(top) < depth:
            top = top_of(score, self._ready(), depth)
            self._lists[row] = score, top
        return score, top

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
        if len(self._top) < depth and len(self._top) < np.count_nonzero(alive):
            self._top = top_of(score, alive, depth)
        return self._top
