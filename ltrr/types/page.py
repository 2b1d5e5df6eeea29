"""The page: what is shown."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.types.arrays import Bool, Float64, Int32, Int64
from ltrr.types.items import Items
from ltrr.types.trusted import trusted

__all__ = ["Page"]

_DEFAULT: Any = None
"""Stands for what the other columns decide."""


@dataclass(frozen=True)
class Page:
    """Top K of B requests.

    Parameters
    ----------
    item : int32 (B, K)
        Item ids, best first where nothing is explored; −1 for an empty place (only at the end).
    candidate : int64 (B, K)
        Position of the item in the flat arrays of the union; −1 for an empty place.
    score : float64 (B, K)
        Ranker scores; −inf for an empty place.
    propensity : float64 (B, K), optional
        Probability that the item stands at this place, given the candidates and their scores; all 1 by
        default.
    explored : bool (B, K), optional
        True where an item from outside the best K is shown in place of the best one; all false by default.

    Examples
    --------
    >>> page = Page([[7, 4], [4, -1]], [[1, 0], [2, -1]], [[0.9, 0.2], [0.3, -np.inf]])
    >>> page.items.indptr.tolist(), page.items.item.tolist()
    ([0, 2, 4], [7, 4, 4, -1])
    """

    item: Int32
    candidate: Int64
    score: Float64
    propensity: Float64 = _DEFAULT
    explored: Bool = _DEFAULT

    def __post_init__(self) -> None:
        item = _check.array("Page.item", self.item, np.int32, (None, None))
        object.__setattr__(self, "item", item)
        if self.propensity is _DEFAULT:
            object.__setattr__(self, "propensity", np.ones(item.shape))
        if self.explored is _DEFAULT:
            object.__setattr__(self, "explored", np.zeros(item.shape, np.bool_))
        for key, dtype in (
            ("candidate", np.int64),
            ("score", np.float64),
            ("propensity", np.float64),
            ("explored", np.bool_),
        ):
            object.__setattr__(self, key, _check.array(f"Page.{key}", getattr(self, key), dtype, item.shape))

    def __len__(self) -> int:
        return len(self.item)

    @property
    def items(self) -> Items:
        """The page as ragged lists of exactly K places, empty ones included."""
        n, k = self.item.shape
        return trusted(Items, indptr=np.arange(n + 1, dtype=np.int64) * k, item=self.item.reshape(-1))

    def take(self, rows: Int64) -> Page:
        """Return the chosen rows; ``candidate`` keeps pointing into the whole union."""
        return Page(*(getattr(self, f.name)[rows] for f in fields(self)))
