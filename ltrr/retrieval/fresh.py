"""The newest items, and among them those that were seldom shown."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr._kernels.fresh import first_released
from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.retrieval._depth import checked
from ltrr.retrieval._shown import check_shown
from ltrr.retrieval._top import top_of
from ltrr.retrieval.base import Arm
from ltrr.types import Bool, Candidates, Catalogue, Feedback, Float32, Float64, Int32, Int64, Requests
from ltrr.types.trusted import trusted

__all__ = ["Fresh"]


@dataclass
class Fresh(Arm):
    r"""Returns what was released last, and before items of the same age those that were seldom shown.

    .. math:: \text{score} = \frac{\text{released} - \text{newest}}{\text{half-life}}
        + \log_2\Bigl(1 + \frac{\text{bonus}}{1 + \text{shows}}\Bigr)

    This is the logarithm of a freshness that halves with every half-life, times 1 + bonus / (1 + shows).
    So the order is the same at any time, and every request gets the same list, without items that are
    released after it.

    Parameters
    ----------
    half_life_seconds : float > 0
        Time in which an item's freshness halves.
    bonus : float >= 0
        What an item never shown gains, as a share of its freshness: at 1 it counts as fresh as one that is a
        half-life younger and was shown often.

    Notes
    -----
    Shows are those of feedback: pages that nobody has seen yet do not count. Where the catalogue does not
    say when items were released, shows alone decide, then item ids.

    Examples
    --------
    >>> import numpy as np
    >>> fresh = Fresh(half_life_seconds=10.0)
    >>> texts, released = {"title": ("x", "y", "z")}, np.array([-5.0, 0.0, 30.0])
    >>> fresh.index(Catalogue(("a", "b", "c"), texts, released=released))
    >>> fresh.restore({"shows": np.array([0, 9, 0])})
    >>> two, none = np.zeros(2, np.int64), np.zeros((2, 0), np.float32)
    >>> asked = Requests(two, two, two, two - 1, np.array([29.0, 31.0]), none)
    >>> found = fresh.retrieve(asked, np.array([3, 3]))
    >>> found.item.tolist(), found.indptr.tolist(), found.score.round(2).tolist()
    ([0, 1, 2, 0, 1], [0, 2, 5], [-2.5, -2.859999895095825, 1.0, -2.5, -2.859999895095825])
    """

    half_life_seconds: float = 2_592_000.0
    _: KW_ONLY
    bonus: float = 1.0

    static = False
    query_blind = True

    _alive: Bool | None = field(init=False, repr=False, default=None)
    _released: Float64 = field(init=False, repr=False)
    _shows: Int64 = field(init=False, repr=False)
    _score: Float32 | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        _check.number("Fresh.half_life_seconds", self.half_life_seconds, low=0.0, open_low=True)
        _check.number("Fresh.bonus", self.bonus, low=0.0)

    def index(self, catalogue: Catalogue) -> None:
        """Take in when items were released, and forget what was shown.

        Raises
        ------
        InputError
            If a release time is not finite.
        """
        finite = np.isfinite(catalogue.released)
        if not finite.all():
            bad = catalogue.released[~finite][0]
            raise InputError(f"`Catalogue.released` must be finite, got {bad}")
        self._begin(catalogue.alive.copy(), catalogue.released.copy())

    def _begin(self, alive: Bool, released: Float64) -> None:
        self._alive, self._released = alive, released
        self._shows, self._score = np.zeros(len(alive), np.int64), None

    def update(self, catalogue: Catalogue, new_items: Int32) -> None:
        """Take in a catalogue that has grown; new items were never shown."""
        shows = np.pad(self.state()["shows"], (0, len(new_items)))
        self.index(catalogue)
        self.restore({"shows": shows})

    def index_state(self) -> State:
        """Return which items are alive, and when each was released."""
        return {"alive": self._ready(), "released": self._released}

    def restore_index(self, state: State) -> None:
        """Start again: nothing was shown."""
        self._begin(np.array(state["alive"]), np.array(state["released"]))

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return the newest items by score, ties by item id."""
        asked, alive, score = checked(depth, len(requests)), self._ready(), self._scores()
        order = np.empty(0, np.int32)
        if len(requests):
            # all that some request may get, and as many more as another must not have
            allowed = alive & (self._released <= requests.time.max())
            future = int((allowed & (self._released > requests.time.min())).sum())
            order = top_of(score, allowed, int(asked.max()) + future)
        indptr, item = first_released(order, self._released, requests.time, asked)
        capped = np.diff(indptr) == asked
        return trusted(Candidates, indptr=indptr, item=item, score=score[item], capped=capped)

    def learn(self, feedback: Feedback) -> None:
        """Count the shows of items.

        Raises
        ------
        InputError
            If a page shows an item that the indexed catalogue does not hold.
        """
        n = len(self._ready())
        shown = feedback.item[feedback.item >= 0]
        check_shown(feedback, n)
        self._shows += np.bincount(shown, minlength=n)
        self._score = None

    def state(self) -> State:
        """Return how often each item was shown."""
        self._ready()
        return {"shows": self._shows.copy()}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``; the same catalogue must have been indexed before."""
        shape = (len(self._ready()),)
        self._shows = _check.array("state['shows']", state["shows"], np.int64, shape).copy()
        self._score = None

    def _ready(self) -> Bool:
        if self._alive is None:
            raise InputError("`Fresh` must be given a catalogue first: call `index(catalogue)`")
        return self._alive

    def _scores(self) -> Float32:
        """Return all scores, computed after the last update."""
        if self._score is None:
            newest = self._released[self._alive].max(initial=-np.inf)
            age = (newest - self._released) / self.half_life_seconds if np.isfinite(newest) else 0.0
            # Lists are ordered by what is returned, in float32: order and score cannot disagree.
            self._score = (np.log2(1.0 + self.bonus / (1.0 + self._shows)) - age).astype(np.float32)
        return self._score
