"""Truth: what the world knows and policies, arms and rankers never receive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.types.arrays import Bool, Int8, Int32, Int64

__all__ = ["Truth"]


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Grades of ragged items for B requests, and what an ideal page would hold.

    Parameters
    ----------
    indptr : int64 (B + 1,)
    item : int32 (N,)
        As in the `Items` that were asked about; −1 for an empty place.
    grade : int8 (N,)
        Relevance grade 0 … ``max_grade``; −1 for an empty place.
    judged : bool (N,)
        False where nobody judged the pair (its grade is then 0).
    n_relevant : int32 (B,)
        Number of items of grade >= 1 in the whole catalogue.
    ideal : int8 (B, W)
        The W highest grades in the whole catalogue, descending, zeros after them.
    topic : int64 (B,)
        The hidden information need; queries that share one are split together in cross-validation.
    max_grade : int
        The highest grade the world can give.

    Examples
    --------
    A page of three places, one of them empty; the catalogue holds three relevant items.

    >>> truth = Truth(
    ...     indptr=[0, 3], item=[7, 4, -1], grade=[2, 0, -1], judged=[True, False, False],
    ...     n_relevant=[3], ideal=[[2, 2, 1]], topic=[0], max_grade=2,
    ... )
    >>> truth.rectangle().tolist(), truth.ideal.tolist()
    ([[2, 0, -1]], [[2, 2, 1]])
    """

    indptr: Int64
    item: Int32
    grade: Int8
    judged: Bool
    n_relevant: Int32
    ideal: Int8
    topic: Int64
    max_grade: int

    def __post_init__(self) -> None:
        item = _check.array("Truth.item", self.item, np.int32, (None,))
        indptr = _check.indptr("Truth.indptr", self.indptr, None, len(item))
        n = len(indptr) - 1
        object.__setattr__(self, "item", item)
        object.__setattr__(self, "indptr", indptr)
        for key, dtype, shape in (
            ("grade", np.int8, (len(item),)),
            ("judged", np.bool_, (len(item),)),
            ("n_relevant", np.int32, (n,)),
            ("ideal", np.int8, (n, None)),
            ("topic", np.int64, (n,)),
        ):
            object.__setattr__(self, key, _check.array(f"Truth.{key}", getattr(self, key), dtype, shape))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def rectangle(self) -> Int8:
        """Return the grades as (B, K) where every request was asked about K places."""
        n = len(self)
        return self.grade.reshape(n, len(self.grade) // n if n else 0)
