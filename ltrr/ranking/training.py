"""What a ranker learns from: pages with a click, as they were shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr.types import Feedback, Float32, Float64, Int8, Int32, Int64

__all__ = ["ClickedPages", "PageWindow", "page_weights"]

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
    """

    size: int
    _parts: list[ClickedPages] = field(init=False, repr=False, default_factory=list)

    def __len__(self) -> int:
        return min(self.size, sum(map(len, self._parts)))

    def append(self, pages: ClickedPages) -> None:
        """Add the newest pages and let go of arrays that lie outside the window."""
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


def page_weights(query: Int32, weighting: str) -> Float64:
    """Return a weight a page, with mean 1.

    ``"page"`` weighs all alike. ``"query"`` divides by the number of the query's pages, so that each distinct
    query weighs the same in all and head queries cannot drown the others. A page without a query (−1) is one
    of its own.

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
