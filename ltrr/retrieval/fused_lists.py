"""Several lists a request merged into one: by ranks, or by scores made comparable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltrr.types import Bool, Candidates, Float32, Float64, Int32, Int64, indptr_of
from ltrr.types.ragged import row_of
from ltrr.types.trusted import trusted

__all__ = ["FUSIONS", "FusedLists", "ranks", "scaled_within"]

FUSIONS = ("rrf", "convex", "relative-score", "confidence")
"""Ways to merge lists."""


def scaled_within(score: Float32, group: Int64, n_groups: int) -> Float64:
    """Return scores scaled to [0, 1] within each group, 1 where all of a group are equal.

    Examples
    --------
    >>> scaled_within(np.array([5, 3, 4, 7], np.float32), np.array([0, 0, 0, 1]), 2).tolist()
    [1.0, 0.0, 0.5, 1.0]
    """
    wide = score.astype(np.float64)
    low = np.full(n_groups, np.inf)
    np.minimum.at(low, group, wide)
    return _shares(wide - low[group], group, n_groups, otherwise=1.0)


def _shares(value: Float64, group: Int64, n_groups: int, *, otherwise: float) -> Float64:
    """Return values >= 0 as shares of the largest of their group, ``otherwise`` where that is 0."""
    best = np.zeros(n_groups)
    np.maximum.at(best, group, value)
    whole = best[group]
    share: Float64 = np.divide(value, whole, out=np.full(len(value), otherwise), where=whole > 0.0)
    return share


@dataclass(frozen=True)
class FusedLists:
    """The lists of M members for B requests, side by side, to be merged with any weights.

    Parameters
    ----------
    n_requests, n_members : int
    row, member, rank : int64 (N,)
        Request and member of each entry, and the number of entries of its list that score more: equal scores
        have equal ranks, so that the numbering of items does not matter.
    score : float32 (N,)
    pair : int64 (N,)
        Which distinct pair of request and item each entry is of.
    pair_row, pair_item : int64 (P,), int32 (P,)
        The pairs, by request, then item.

    Examples
    --------
    >>> members = [Candidates.from_lists(own, depth=[2]) for own in ([[4, 5]], [[5, 7]])]
    >>> both = FusedLists.of(members)
    >>> found = both.merged(both.contributions("rrf", np.ones(2), k=60.0), np.array([3]))
    >>> found.item.tolist(), [round(float(s), 4) for s in found.score]  # 1/62 + 1/61, 1/61, 1/62
    ([5, 4, 7], [0.0325, 0.0164, 0.0161])
    """

    n_requests: int
    n_members: int
    row: Int64
    member: Int64
    rank: Int64
    score: Float32
    pair: Int64
    pair_row: Int64
    pair_item: Int32

    @staticmethod
    def of(lists: Sequence[Candidates]) -> FusedLists:
        """Return the lists of all members, at least one, side by side."""
        row = np.concatenate([row_of(own.indptr) for own in lists])
        item = np.concatenate([own.item for own in lists])
        n_items = int(item.max(initial=0)) + 1
        pairs, pair = np.unique(row * n_items + item, return_inverse=True)
        return FusedLists(
            n_requests=len(lists[0]),
            n_members=len(lists),
            row=row,
            member=np.repeat(np.arange(len(lists)), [len(own.item) for own in lists]),
            rank=np.concatenate([ranks(own) for own in lists]),
            score=np.concatenate([own.score for own in lists]),
            pair=pair,
            pair_row=pairs // n_items,
            pair_item=(pairs % n_items).astype(np.int32),
        )

    def contributions(
        self,
        fusion: str,
        weights: Float64,
        *,
        k: float = 60.0,
        strength: float = 0.0,
        lexical: Bool | None = None,
        dense: Bool | None = None,
    ) -> Float64:
        """Return what each entry adds to its pair's score, (N,).

        Parameters
        ----------
        fusion : str
            One of `FUSIONS`.
        weights : float64 (M,)
        k : float >= 0
            Damping of ``rrf``.
        strength : float >= 0
            How much a margin lowers lexical weights, for ``confidence``.
        lexical, dense : bool (M,), optional
            Members whose weights are lowered, and those whose margin lowers them.
        """
        weight = weights[self.member]
        if fusion == "rrf":
            return weight / (k + self.rank + 1.0)
        group, n_groups = self.row * self.n_members + self.member, self.n_requests * self.n_members
        if fusion == "relative-score":
            above = np.maximum(self.score.astype(np.float64), 0.0)
            return weight * _shares(above, group, n_groups, otherwise=0.0)
        scaled = scaled_within(self.score, group, n_groups)
        if fusion == "confidence" and lexical is not None and dense is not None:
            margin = np.zeros(self.n_requests)
            second = (self.rank == 1) & dense[self.member]
            np.maximum.at(margin, self.row[second], 1.0 - scaled[second])
            factor = np.maximum(0.0, 1.0 - strength * margin)
            weight = np.where(lexical[self.member], weight * factor[self.row], weight)
        return weight * scaled

    def merged(self, value: Float64, depth: Int32) -> Candidates:
        """Return the first ``depth`` (B,) of the merged lists, where entries contribute ``value`` (N,)."""
        # summed entry by entry, member after member: the same bits in every batch
        total = np.bincount(self.pair, value, len(self.pair_item)).astype(np.float32)
        order = np.lexsort((self.pair_item, -total, self.pair_row))
        size = np.bincount(self.pair_row, minlength=self.n_requests)
        # pairs are by request, so that the sorted rows are the rows
        place = np.arange(len(order)) - indptr_of(size)[self.pair_row]
        order = order[place < depth[self.pair_row]]
        length = np.minimum(size, depth)
        item, score = self.pair_item[order], total[order]
        return trusted(Candidates, indptr=indptr_of(length), item=item, score=score, capped=length == depth)


def ranks(found: Candidates) -> Int64:
    """Return how many entries of its list score more than each entry, (N,).

    Examples
    --------
    >>> ranks(Candidates(np.array([0, 3]), [4, 5, 7], [2.0, 1.0, 1.0], [True])).tolist()
    [0, 1, 1]
    """
    place, row = np.arange(len(found.item)), row_of(found.indptr)
    new = np.ones(len(place), np.bool_)
    new[1:] = (row[1:] != row[:-1]) | (found.score[1:] != found.score[:-1])
    first: Int64 = np.maximum.accumulate(np.where(new, place, 0)) - found.indptr[row]
    return first
