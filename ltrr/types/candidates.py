"""Candidates: what one arm returns, and the union of all arms with its provenance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types.arrays import Bool, Float32, Int16, Int32, Int64, UInt32
from ltrr.types.items import Items
from ltrr.types.ragged import take_flat
from ltrr.types.trusted import trusted

__all__ = ["Candidates", "Union"]


@dataclass(frozen=True)
class Candidates:
    """What one arm returned to B requests, best first.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Request b got ``item[indptr[b]:indptr[b + 1]]``; the place in that list is the rank, from 0.
    item : int32 (N,)
        Item ids, unique within a request.
    score : float32 (N,)
        Scores; descending within a request, ties by item id ascending.
    capped : bool (B,)
        True where the list ended at the asked depth, so that more may exist.

    Examples
    --------
    >>> import numpy as np
    >>> score, capped = np.array([3, 1, 2]), np.array([True, False])
    >>> found = Candidates(np.array([0, 2, 3]), np.array([4, 7, 4]), score, capped)
    >>> found.item[found.indptr[0] : found.indptr[1]].tolist()
    [4, 7]
    >>> found.take(np.array([1])).item.tolist()
    [4]
    """

    indptr: Int64
    item: Int32
    score: Float32
    capped: Bool

    def __post_init__(self) -> None:
        item = _check.array("Candidates.item", self.item, np.int32, (None,))
        indptr = _check.indptr("Candidates.indptr", self.indptr, None, len(item))
        object.__setattr__(self, "item", item)
        object.__setattr__(self, "indptr", indptr)
        object.__setattr__(
            self, "score", _check.array("Candidates.score", self.score, np.float32, (len(item),))
        )
        object.__setattr__(
            self, "capped", _check.array("Candidates.capped", self.capped, np.bool_, (len(indptr) - 1,))
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def items(self) -> Items:
        """The item ids alone."""
        return trusted(Items, indptr=self.indptr, item=self.item)

    @staticmethod
    @lru_cache(maxsize=16)
    def empty(n_requests: int) -> Candidates:
        """Return nothing for each request, asked for nothing.

        Examples
        --------
        >>> none = Candidates.empty(2)
        >>> none.indptr.tolist(), none.item.tolist(), none.capped.tolist()
        ([0, 0, 0], [], [True, True])
        """
        return trusted(
            Candidates,
            indptr=np.zeros(n_requests + 1, np.int64),
            item=np.empty(0, np.int32),
            score=np.empty(0, np.float32),
            capped=np.ones(n_requests, np.bool_),
        )

    @staticmethod
    def from_lists(
        items: Sequence[Sequence[int]],
        *,
        depth: ArrayLike,
        scores: Sequence[Sequence[float]] | None = None,
    ) -> Candidates:
        """Return what an arm found, from a list a request; handy where speed is of no concern.

        Parameters
        ----------
        items : B sequences of int
            Item ids, distinct within a request.
        depth : int (B,)
            How many were asked for; longer lists are cut.
        scores : B sequences of float, optional
            Lists are ordered by them, ties by item id. Without them the given order is kept, and the score of
            rank r is 1 / (1 + r).

        Raises
        ------
        InputError
            If lengths differ, or an item occurs twice in a list.

        Examples
        --------
        >>> found = Candidates.from_lists([[4, 7, 2], []], depth=[2, 2], scores=[[0.1, 0.9, 0.9], []])
        >>> found.item.tolist(), found.capped.tolist()
        ([2, 7], [True, False])
        """
        asked = _check.array("depth", depth, np.int64, (len(items),))
        score = scores if scores is not None else [1.0 / (1.0 + np.arange(len(own))) for own in items]
        if [len(own) for own in score] != [len(own) for own in items]:
            raise InputError("`Candidates.from_lists scores` must have the lengths of `items`, got others")
        indptr = np.concatenate([[0], np.cumsum([len(own) for own in items])]).astype(np.int64)
        flat = np.array([i for own in items for i in own], np.int32)
        value = np.array([s for own in score for s in own], np.float32)
        row = np.repeat(np.arange(len(items)), np.diff(indptr))
        order = np.lexsort((flat, -value, row)) if scores is not None else np.arange(len(flat))
        if np.unique(np.stack([row, flat]), axis=1).shape[1] < len(flat):
            raise InputError("`Candidates.from_lists items` must not hold an item twice in a list")
        flat, value = flat[order], value[order]
        kept = np.arange(len(flat)) - indptr[row] < asked[row]
        length = np.minimum(np.diff(indptr), asked)
        ends = np.concatenate([[0], np.cumsum(length)])
        return Candidates(ends, flat[kept], value[kept], length == asked)

    def take(self, rows: Int64) -> Candidates:
        """Return the lists of the chosen requests."""
        indptr, flat = take_flat(self.indptr, rows)
        return Candidates(indptr, self.item[flat], self.score[flat], self.capped[rows])


@dataclass(frozen=True)
class Union:
    """The distinct candidates of B requests, each with every source that drew it.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Request b owns ``item[indptr[b]:indptr[b + 1]]``.
    item : int32 (N,)
        Distinct item ids, ascending within a request.
    slots : uint32 (N,)
        Bit s is set where slot s drew the item: its arm delivered it, or a fallback arm did to fill the slot.
    source_indptr : int64 (N + 1,)
        Candidate i has sources ``source_indptr[i]:source_indptr[i + 1]``.
    arm, slab : int16 (M,)
        Arm index of each source, and which of the arm's slabs its rank lies in, from 0, at most 32,767. A
        source was spilled exactly where its slab is not below the slots that the arm was given.
    rank : int32 (M,)
        Rank within the arm, from 0.
    score : float32 (M,)
        The arm's score.
    spilled : int32 (B,)
        Candidates that fallback arms delivered to fill slots.

    Examples
    --------
    Item 4 was drawn by both arms and both slots, item 7 by arm 1 and slot 1 alone.

    >>> import numpy as np
    >>> drawn = Union(
    ...     indptr=np.array([0, 2]), item=np.array([4, 7]), slots=np.array([0b11, 0b10]),
    ...     source_indptr=np.array([0, 2, 3]), arm=np.array([0, 1, 1]), slab=np.array([0, 0, 0]),
    ...     rank=np.array([0, 1, 0]), score=np.array([2.0, 0.5, 0.9]), spilled=np.array([0]),
    ... )
    >>> drawn.item[drawn.slots == 0b11].tolist(), np.diff(drawn.source_indptr).tolist()
    ([4], [2, 1])
    """

    indptr: Int64
    item: Int32
    slots: UInt32
    source_indptr: Int64
    arm: Int16
    slab: Int16
    rank: Int32
    score: Float32
    spilled: Int32

    def __post_init__(self) -> None:
        n, m = len(self.item), len(self.arm)
        for key, dtype, length in (
            ("item", np.int32, n),
            ("slots", np.uint32, n),
            ("arm", np.int16, m),
            ("slab", np.int16, m),
            ("rank", np.int32, m),
            ("score", np.float32, m),
        ):
            object.__setattr__(self, key, _check.array(f"Union.{key}", getattr(self, key), dtype, (length,)))
        indptr = _check.indptr("Union.indptr", self.indptr, None, n)
        object.__setattr__(self, "indptr", indptr)
        object.__setattr__(
            self, "source_indptr", _check.indptr("Union.source_indptr", self.source_indptr, n, m)
        )
        object.__setattr__(
            self, "spilled", _check.array("Union.spilled", self.spilled, np.int32, (len(indptr) - 1,))
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def items(self) -> Items:
        """The item ids alone."""
        return trusted(Items, indptr=self.indptr, item=self.item)
