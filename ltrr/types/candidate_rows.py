"""Candidate rows: what a ranker saw of every candidate of a request, and which of them were shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.types.arrays import Float32, Int32, Int64
from ltrr.types.ragged import concat_indptr, indptr_of, take_flat

__all__ = ["CandidateRows"]


@dataclass(frozen=True)
class CandidateRows:
    """The ranker's rows of all candidates of B requests, and the candidate at each of K places.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Request b owns the rows ``indptr[b]:indptr[b + 1]``, ascending by item id.
    features : float32 (N, F)
        Rows as they were when the page was built.
    shown : int32 (B, K)
        Which of the request's own rows stands at each place, from 0; −1 for an empty place.

    Examples
    --------
    Two requests; the first shows its second candidate only.

    >>> rows = CandidateRows(np.array([0, 2, 3]), np.eye(3), np.array([[1, -1], [0, -1]]))
    >>> second = rows.take(np.array([1]))
    >>> second.features.tolist(), second.shown.tolist()
    ([[0.0, 0.0, 1.0]], [[0, -1]])
    """

    indptr: Int64
    features: Float32
    shown: Int32

    def __post_init__(self) -> None:
        features = _check.array("CandidateRows.features", self.features, np.float32, (None, None))
        indptr = _check.indptr("CandidateRows.indptr", self.indptr, None, len(features))
        shown = _check.array("CandidateRows.shown", self.shown, np.int32, (len(indptr) - 1, None))
        for key, value in (("indptr", indptr), ("features", features), ("shown", shown)):
            object.__setattr__(self, key, value)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @staticmethod
    def of_pages(item: Int32, features: Float32) -> CandidateRows:
        """Return the rows of pages (B, K, F) of which nothing but what was shown is known."""
        filled = item >= 0
        number = filled.cumsum(axis=1, dtype=np.int32) - np.int32(1)
        return CandidateRows(indptr_of(filled.sum(axis=1)), features[filled], np.where(filled, number, -1))

    def take(self, rows: Int64) -> CandidateRows:
        """Return the chosen requests."""
        indptr, flat = take_flat(self.indptr, rows)
        return CandidateRows(indptr, self.features[flat], self.shown[rows])

    @staticmethod
    def concat(parts: Sequence[CandidateRows]) -> CandidateRows:
        """Join requests end to end; there must be a part."""
        return CandidateRows(
            concat_indptr([p.indptr for p in parts]),
            np.concatenate([p.features for p in parts]),
            np.concatenate([p.shown for p in parts]),
        )
