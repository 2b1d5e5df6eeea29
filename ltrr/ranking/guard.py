"""The guard: whether a new model may serve, decided on logged pages that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any

import numpy as np

from ltrr.ranking.judged import JudgedPages, ModelDifference, PageValue, compare
from ltrr.ranking.training import Window
from ltrr.types import Bool, Feedback, Float32, Float64, Int32, Int64

__all__ = ["RankerCheck", "Guard"]

Score = Callable[[Float32], Float64]


@dataclass(frozen=True)
class RankerCheck:
    """One decision of a guard.

    Parameters
    ----------
    round : int
        Rows of feedback that the ranker had taken in.
    stratum : {"seen", "new"}
        Queries that were asked before, or never.
    challenger, against : int
        Numbers of the two models; 0 is the prior.
    difference, low, high : float
        What the challenger gains, as a share of the other's value, with its interval.
    pages, queries : int
        Logged pages and distinct queries that this rests on; for new queries, groups of queries that are
        linked by items that earned.
    served : bool
        Whether the challenger serves the stratum as far as this comparison goes.

    Examples
    --------
    >>> check = RankerCheck(
    ...     250, "seen", 1, 0, difference=-0.2, low=-0.3, high=-0.1, pages=40, queries=31, served=False
    ... )
    >>> check.against, check.served
    (0, False)
    """

    round: int
    stratum: str
    challenger: int
    against: int
    _: KW_ONLY
    difference: float
    low: float
    high: float
    pages: int
    queries: int
    served: bool


@dataclass
class Guard:
    """Keeps the logged pages that models are judged on, and compares models on them.

    ``newest`` pages are never trained on until newer ones have taken their place. ``unseen`` holds the
    first page of each query that the prior ranked and that earned something. A model that was trained
    without the query is judged on it: what it is worth to a query that nobody asked before. Pages that a
    trained model ranked would favour it, as an item that was not shown cannot earn.

    Parameters
    ----------
    page_value : PageValue
    size : int
        Most pages of each kind.
    share : float
        Share of all pages that are kept as the newest.
    level : float
        Confidence level of the intervals.

    Examples
    --------
    >>> guard = Guard(PageValue(discount=1.0, cap=3.0), size=200, share=0.2, level=0.9)
    >>> len(guard.newest), len(guard.unseen)
    (0, 0)
    """

    page_value: PageValue
    _: KW_ONLY
    size: int
    share: float
    level: float
    taken: int = field(init=False, default=0)
    places: int = field(init=False, default=1)
    newest: Window[JudgedPages] = field(init=False, repr=False)
    unseen: Window[JudgedPages] = field(init=False, repr=False)
    _met: Bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.newest, self.unseen = Window(self.size), Window(self.size)
        self._met = np.zeros(0, np.bool_)

    def take(self, feedback: Feedback, by_prior: Bool) -> None:
        """Keep the pages of ``feedback``; ``by_prior`` (B,) says which of them the prior ranked."""
        pages, row = self.page_value.pages(feedback)
        self.places = feedback.item.shape[1]
        self.taken += len(pages)
        self.newest.append(pages)
        own = pages.take(np.flatnonzero(by_prior[row]))
        self.unseen.append(own.take(self._first(own)))

    def _first(self, pages: JudgedPages) -> Int64:
        """Return the pages whose query had none before; one without a query (−1) has none."""
        query, first = np.unique(pages.query, return_index=True)
        self._met = grown(self._met, int(query.max(initial=-1)) + 1)
        new = ~np.append(self._met, False)[query]  # −1 finds the last place
        self._met[query[query >= 0]] = True
        return np.sort(first[new]).astype(np.int64)

    def held_back(self) -> JudgedPages | None:
        """Return the newest pages, on which the next model must not be trained."""
        pages = self.newest.whole()
        if pages is None:
            return None
        n = min(len(pages), int(np.ceil(self.share * self.taken)))
        return pages.take(np.arange(len(pages) - n, len(pages)))

    def first_of_subjects(self, request: Int64, subject: Int64) -> tuple[JudgedPages, Int64] | None:
        """Keep only the first unseen page of each subject; return them, and which ``request`` (P,) each is.

        Later pages profit from what the first one taught: features such as popularity already know its items.
        None where there is no page.
        """
        pages = self.unseen.whole()
        if pages is None:
            return None
        order = np.argsort(request, kind="stable")
        at = np.searchsorted(request[order], pages.request)
        found = np.flatnonzero(np.append(request[order], -1)[at] == pages.request)
        page = order[at[found]]
        _, first = np.unique(subject[page], return_index=True)
        first = np.sort(first)
        self.unseen = Window(self.size)
        self.unseen.append(pages.take(found[first]))
        return pages.take(found[first]), page[first]

    def compare(
        self, pages: JudgedPages, a: Float64, b: Float64, cluster: Int32 | Int64 | None = None
    ) -> ModelDifference:
        """Return how much more the scores ``a`` (N,) are worth than ``b`` on the candidates of ``pages``.

        Pages are clustered by query, or as ``cluster`` (P,) says.
        """
        values = [self.page_value.value(pages, score, self.places) for score in (a, b)]
        return compare(values[0], values[1], pages.query if cluster is None else cluster, self.level)

    def state(self) -> dict[str, Any]:
        """Return the pages and the counters."""
        windows = {name: getattr(self, name).whole() for name in ("newest", "unseen")}
        return {
            "taken": self.taken,
            "places": self.places,
            "met": np.flatnonzero(self._met),
            **{name: {} if pages is None else _columns(pages) for name, pages in windows.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue exactly from ``state``."""
        self.taken, self.places = int(state["taken"]), int(state["places"])
        self._met = marked(state["met"])
        for name in ("newest", "unseen"):
            window: Window[JudgedPages] = Window(self.size)
            if state[name]:
                window.append(JudgedPages(**{key: value.copy() for key, value in state[name].items()}))
            setattr(self, name, window)


def _columns(pages: JudgedPages) -> dict[str, Any]:
    return {f.name: getattr(pages, f.name).copy() for f in fields(pages)}


def grown(marks: Bool, size: int) -> Bool:
    """Return marks with room for ``size`` of them; the room doubles, so that growth costs little."""
    if size <= len(marks):
        return marks
    out = np.zeros(max(size, 2 * len(marks)), np.bool_)
    out[: len(marks)] = marks
    return out


def marked(at: Int64) -> Bool:
    """Return marks that are set at these places, ascending."""
    out = np.zeros(int(at[-1]) + 1 if len(at) else 0, np.bool_)
    out[at] = True
    return out
