"""What a ranker learns from: pages with a click, as they were shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr.types import Feedback, Float32, Float64, Int8, Int32, Int64

__all__ = ["ClickedPages", "PageWindow", "Schedule", "page_weights"]

_COLUMNS = ("request", "query", "features", "label")


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

    Examples
    --------
    >>> pages = ClickedPages(
    ...     request=np.array([8]), query=np.array([3]), features=np.zeros((1, 3, 2), np.float32),
    ...     label=np.array([[2, 0, -1]], np.int8),
    ... )
    >>> len(pages), (pages.label >= 0).sum(axis=1).tolist()
    (1, [2])
    """

    request: Int64
    query: Int32
    features: Float32
    label: Int8

    def __len__(self) -> int:
        return len(self.request)

    @staticmethod
    def of(feedback: Feedback, start: int, end: int) -> ClickedPages:
        """Return the pages with a click among rows ``start`` to ``end``; the others order nothing."""
        click = feedback.click[start:end].astype(np.int8)
        label = click + (click & feedback.satisfied[start:end])
        label = np.where(feedback.item[start:end] < 0, np.int8(-1), label)
        clicked = np.flatnonzero((label > 0).any(axis=1))
        rows = start + clicked
        return ClickedPages(
            feedback.requests.request[rows],
            feedback.requests.query[rows],
            feedback.features[rows],
            label[clicked],
        )


@dataclass
class PageWindow:
    """The newest ``size`` pages with a click, kept as a few arrays.

    Parameters
    ----------
    size : int
        How many pages are kept, >= 1.

    Examples
    --------
    >>> from dataclasses import replace
    >>> features, label = np.zeros((1, 2, 1), np.float32), np.array([[1, 0]], np.int8)
    >>> page = ClickedPages(np.array([1]), np.array([0]), features, label)
    >>> window = PageWindow(size=2)
    >>> for request in (1, 2, 3):
    ...     window.append(replace(page, request=np.array([request])))
    >>> len(window), window.pages().request.tolist()
    (2, [2, 3])
    """

    size: int
    _parts: list[ClickedPages] = field(init=False, repr=False, default_factory=list)

    def __len__(self) -> int:
        return min(self.size, sum(map(len, self._parts)))

    def append(self, pages: ClickedPages) -> None:
        """Add the newest pages and drop arrays that lie outside the window."""
        if len(pages) == 0:
            return
        self._parts.append(pages)
        if len(self._parts) > 256:
            self._parts = [self.pages()]
        total = sum(map(len, self._parts))
        while total - len(self._parts[0]) >= self.size:
            total -= len(self._parts.pop(0))

    def pages(self) -> ClickedPages:
        """Return the window as one; there must be a page in it."""
        return ClickedPages(
            *(np.concatenate([getattr(p, key) for p in self._parts])[-self.size :] for key in _COLUMNS)
        )

    def state(self) -> dict[str, Any]:
        """Return the pages' columns as copies; nothing if there is no page."""
        if not self._parts:
            return {}
        pages = self.pages()
        return {key: getattr(pages, key).copy() for key in _COLUMNS}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._parts = [ClickedPages(*(state[key].copy() for key in _COLUMNS))] if state else []


@dataclass
class Schedule:
    """When to train on which pages: at declared numbers of matured rows, on the newest pages with a click.

    Parameters
    ----------
    first : int
        Number of matured rows at which to train first.
    factor : float
        Ratio of each later training point to the one before, > 1. Points do not depend on how rows come in
        batches.
    window : int
        The newest pages with a click that are trained on.

    Examples
    --------
    >>> schedule = Schedule(first=100, factor=2.0, window=10)
    >>> schedule.seen = 150
    >>> schedule.next_point()
    200
    """

    first: int
    factor: float
    window: int
    seen: int = field(init=False, default=0)
    _pages: PageWindow = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._pages = PageWindow(self.window)

    def due(self, feedback: Feedback) -> Iterator[ClickedPages]:
        """Take in feedback, and yield the window at each training point that is reached on the way."""
        start = 0
        while start < len(feedback):
            point = self.next_point()
            end = min(len(feedback), start + point - self.seen)
            self._pages.append(ClickedPages.of(feedback, start, end))
            self.seen += end - start
            start = end
            if self.seen == point and len(self._pages):
                yield self._pages.pages()

    def next_point(self) -> int:
        """Return the first training point above the number of rows seen."""
        point = self.first
        while point <= self.seen:
            point = max(point + 1, int(point * self.factor))
        return point

    def state(self) -> dict[str, Any]:
        """Return the number of rows seen and the pages in the window."""
        return {"seen": self.seen, "pages": self._pages.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue exactly from ``state``."""
        self.seen = int(state["seen"])
        self._pages.restore(state["pages"])


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
