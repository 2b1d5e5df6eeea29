"""What a ranker learns from: pages with a click, as they were shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ltrr.types import Bool, Feedback, Float32, Float64, Int8, Int32, Int64

__all__ = ["ClickedPages", "Schedule", "Window", "halves", "page_weights", "subjects"]

P = TypeVar("P", bound="Pages")
_COLUMNS = ("request", "query", "features", "label", "earner")


@dataclass(frozen=True)
class ClickedPages:
    """Pages of K places with at least one click, oldest first.

    Parameters
    ----------
    request : int64 (P,)
    query : int32 (P,)
    features : float32 (P, K, F)
        Rows as shown.
    label : int8 (P, K)
        2 for a satisfied click, 1 for another click, 0 for none, −1 for an empty place.
    earner : int32 (P, K)
        The item at each place that earned a reward, −1 at the others.

    Examples
    --------
    >>> pages = ClickedPages(
    ...     request=np.array([8]), query=np.array([3]), features=np.zeros((1, 3, 2), np.float32),
    ...     label=np.array([[2, 0, -1]], np.int8), earner=np.array([[7, -1, -1]], np.int32),
    ... )
    >>> len(pages), (pages.label >= 0).sum(axis=1).tolist()
    (1, [2])
    """

    request: Int64
    query: Int32
    features: Float32
    label: Int8
    earner: Int32

    def __len__(self) -> int:
        return len(self.request)

    def take(self, rows: Int64) -> ClickedPages:
        """Return the chosen pages."""
        return ClickedPages(*(getattr(self, key)[rows] for key in _COLUMNS))

    def columns(self) -> dict[str, Any]:
        """Return copies of the columns by name."""
        return {key: getattr(self, key).copy() for key in _COLUMNS}

    @staticmethod
    def of(feedback: Feedback) -> ClickedPages:
        """Return the pages of ``feedback`` with a click; the others order nothing."""
        click = feedback.click.astype(np.int8)
        label = click + (click & feedback.satisfied)
        label = np.where(feedback.item < 0, np.int8(-1), label)
        rows = np.flatnonzero((label > 0).any(axis=1))
        requests, item = feedback.requests, feedback.item[rows]
        earner = np.where(feedback.value[rows] > 0.0, item, np.int32(-1))
        return ClickedPages(
            requests.request[rows], requests.query[rows], feedback.features[rows], label[rows], earner
        )

    @staticmethod
    def concat(parts: Sequence[ClickedPages]) -> ClickedPages:
        """Join pages end to end; there must be a part."""
        return ClickedPages(*(np.concatenate([getattr(part, key) for part in parts]) for key in _COLUMNS))


class Pages(Protocol):
    """What a `Window` holds: columns with a row a page."""

    def __len__(self) -> int: ...

    def take(self, rows: Int64) -> Self: ...

    @staticmethod
    def concat(parts: Sequence[Any]) -> Any: ...


@dataclass
class Window(Generic[P]):
    """The newest ``size`` pages, kept as a few arrays.

    Parameters
    ----------
    size : int
        How many pages are kept, >= 1.

    Examples
    --------
    >>> from dataclasses import replace
    >>> features, label = np.zeros((1, 2, 1), np.float32), np.array([[1, 0]], np.int8)
    >>> page = ClickedPages(np.array([1]), np.array([0]), features, label, np.array([[7, -1]]))
    >>> window = Window(size=2)
    >>> for request in (1, 2, 3):
    ...     window.append(replace(page, request=np.array([request])))
    >>> len(window), window.whole().request.tolist()
    (2, [2, 3])
    """

    size: int
    _parts: list[P] = field(init=False, repr=False, default_factory=list)
    _total: int = field(init=False, repr=False, default=0)

    def __len__(self) -> int:
        return min(self.size, self._total)

    def append(self, pages: P) -> None:
        """Add the newest pages and drop arrays that lie outside the window."""
        if len(pages) == 0:
            return
        self._parts.append(pages)
        self._total += len(pages)
        if len(self._parts) > 256:
            self.whole()
        while self._total - len(self._parts[0]) >= self.size:
            self._total -= len(self._parts.pop(0))

    def whole(self) -> P | None:
        """Return the window as one, or None where it is empty."""
        if not self._parts:
            return None
        pages: P = self._parts[0] if len(self._parts) == 1 else self._parts[0].concat(self._parts)
        pages = pages.take(np.arange(max(0, len(pages) - self.size), len(pages)))
        self._parts, self._total = [pages], len(pages)
        return pages


@dataclass
class Schedule:
    """When to train: at declared numbers of matured rows.

    Parameters
    ----------
    first : int
        Number of matured rows at which to train first.
    factor : float
        Ratio of each later training point to the one before, > 1. Points do not depend on how rows come in
        batches.

    Examples
    --------
    >>> schedule = Schedule(first=100, factor=2.0)
    >>> list(schedule.cuts(150)), schedule.next_point()
    ([(0, 100, True), (100, 150, False)], 200)
    """

    first: int
    factor: float
    seen: int = field(init=False, default=0)

    def cuts(self, n: int) -> Iterator[tuple[int, int, bool]]:
        """Count ``n`` rows: yield them from training point to training point, and whether one is reached."""
        start = 0
        while start < n:
            point = self.next_point()
            end = min(n, start + point - self.seen)
            self.seen += end - start
            yield start, end, self.seen == point
            start = end

    def next_point(self) -> int:
        """Return the first training point above the number of rows seen."""
        point = self.first
        while point <= self.seen:
            point = max(point + 1, int(point * self.factor))
        return point


def page_weights(query: Int32, weighting: str) -> Float64:
    """Return a weight a page, with mean 1.

    ``"page"`` weights all equally. ``"query"`` divides by the number of the query's pages, so that each
    distinct query weighs the same in all and head queries cannot outweigh the others. A page without a query
    (−1) counts as a query of its own.

    Examples
    --------
    >>> import numpy as np
    >>> page_weights(np.array([4, 4, 4, 9], np.int32), "query").round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    if weighting == "page":
        return np.ones(len(query))
    _, inverse, count = np.unique(query, return_inverse=True, return_counts=True)
    weight = 1.0 / np.where(query >= 0, count[inverse], 1)
    return np.asarray(weight / weight.mean(), np.float64)


def subjects(query: Int32, earner: Int32) -> Int64:
    """Return a number a page, the same for all queries that are linked by items that earned for them.

    Queries for which one item earned are taken to be about the same thing, and so on from query to query. A
    page without a query (−1) is a subject of its own.

    Parameters
    ----------
    query : int32 (P,)
    earner : int32 (P, K)
        Items that earned, −1 elsewhere.

    Examples
    --------
    Item 7 links the first two queries:

    >>> import numpy as np
    >>> subjects(np.array([4, 5, 6]), np.array([[7, -1], [7, 8], [9, -1]])).tolist()
    [0, 0, 1]
    """
    n = len(query)
    own = np.where(query >= 0, query, -1 - np.arange(n))
    _, asked = np.unique(own, return_inverse=True)
    page, place = np.nonzero(earner >= 0)
    items, item = np.unique(earner[page, place], return_inverse=True)
    n_queries = int(asked.max(initial=-1)) + 1
    size = n_queries + len(items)
    links = coo_array((np.ones(len(page), np.int8), (asked[page], n_queries + item)), shape=(size, size))
    _, label = connected_components(links, directed=False)
    return np.asarray(label[asked], np.int64)


def halves(subject: Int64) -> Bool:
    """Return which half each page belongs to: whole subjects, halves of about the same number of pages.

    Examples
    --------
    >>> import numpy as np
    >>> halves(np.array([0, 0, 0, 1, 2, 2])).tolist()
    [False, False, False, True, True, True]
    """
    _, inverse, count = np.unique(subject, return_inverse=True, return_counts=True)
    place = np.empty(len(count), np.int64)
    place[np.argsort(-count, kind="stable")] = np.arange(len(count))
    # by falling size: one here, two there, two here…
    return np.asarray((place + 1) // 2 % 2 == 1)[inverse]
