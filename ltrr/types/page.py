"""The page: what is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.types.arrays import Float64, Int32, Int64
from ltrr.types.items import Items

__all__ = ["Page"]


@dataclass(frozen=True)
class Page:
    """Top K of B requests.

    Parameters
    ----------
    item : int32 (B, K)
        Item ids, best first; −1 for an empty place (only at the end).
    candidate : int64 (B, K)
        Position of the item in the flat arrays of the union; −1 for an empty place.
    score : float64 (B, K)
        Ranker scores; −inf for an empty place.

    Examples
    --------
    >>> page = Page([[7, 4], [4, -1]], [[1, 0], [2, -1]], [[0.9, 0.2], [0.3, -np.inf]])
    >>> page.items.indptr.tolist(), page.items.item.tolist()
    ([0, 2, 4], [7, 4, 4, -1])
    """

    item: Int32
    candidate: Int64
    score: Float64

    def __post_init__(self) -> None:
        item = _check.array("Page.item", self.item, np.int32, (None, None))
        object.__setattr__(self, "item", item)
        for key, dtype in (("candidate", np.int64), ("score", np.float64)):
            object.__setattr__(self, key, _check.array(f"Page.{key}", getattr(self, key), dtype, item.shape))

    def __len__(self) -> int:
        return len(self.item)

    @property
    def items(self) -> Items:
        """The page as ragged lists of exactly K places, empty ones included."""
        n, k = self.item.shape
        return Items(np.arange(n + 1, dtype=np.int64) * k, self.item.reshape(-1))

    def take(self, rows: Int64) -> Page:
        """Return the chosen rows; ``candidate`` keeps pointing into the whole union."""
        return Page(self.item[rows], self.candidate[rows], self.score[rows])
