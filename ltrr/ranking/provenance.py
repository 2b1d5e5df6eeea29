"""Provenance columns: a candidate's rank in each arm's list, for rankers that fuse lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ltrr.types import Float32, Union

__all__ = ["provenance", "provenance_names", "rank_columns"]

_RANK = "rank@"
_SCORE = "score@"


def provenance_names(arms: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns: the rank in each arm, then the score in each arm.

    Examples
    --------
    >>> provenance_names(("bm25", "dense"))
    ('rank@bm25', 'rank@dense', 'score@bm25', 'score@dense')
    """
    return (*(_RANK + arm for arm in arms), *(_SCORE + arm for arm in arms))


def rank_columns(names: Sequence[str]) -> tuple[int, ...]:
    """Return the columns that hold ranks.

    Examples
    --------
    >>> rank_columns(("bm25", "rank@bm25", "rank@dense", "score@bm25"))
    (1, 2)
    """
    return tuple(i for i, name in enumerate(names) if name.startswith(_RANK))


def provenance(union: Union, n_arms: int) -> Float32:
    """Return float32 (N, 2R): each candidate's rank, from 0, and score in every arm.

    An arm that did not draw the candidate has rank −1 and score 0. The columns depend on the allocation: an
    arm without slots drew nothing.

    Examples
    --------
    >>> from ltrr.retrieval.union import union
    >>> from ltrr.types import Candidates
    >>> arms = [Candidates.from_lists([own], depth=[2]) for own in ([4, 5], [5, 7])]
    >>> drawn = union(arms, delivered=[[2, 2]], quota=[[1, 1]], slot_size=2)
    >>> provenance(drawn, 2).tolist()
    [[0.0, -1.0, 1.0, 0.0], [1.0, 0.0, 0.5, 1.0], [-1.0, 1.0, 0.0, 0.5]]
    """
    out = np.zeros((len(union.item), 2 * n_arms), np.float32)
    out[:, :n_arms] = -1.0
    candidate = np.repeat(np.arange(len(union.item)), np.diff(union.source_indptr))
    out[candidate, union.arm] = union.rank
    out[candidate, n_arms + union.arm.astype(np.int64)] = union.score
    return out
