"""Provenance columns: a candidate's rank and score in each arm's list, for rankers that fuse lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ltrr.errors import InputError
from ltrr.retrieval.fused_lists import scaled_within
from ltrr.retrieval.fusion_weights import check_names
from ltrr.types import Float32, Union

__all__ = [
    "MARGIN",
    "RANK",
    "SCALED",
    "arm_weights",
    "provenance",
    "provenance_names",
]

RANK, SCORE, SCALED, MARGIN = "rank@", "score@", "scaled@", "margin@"
"""What the name of a column begins with; the name of an arm follows."""


def provenance_names(arms: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns: ranks in all arms, then scores, scaled scores, and margins.

    Examples
    --------
    >>> provenance_names(("bm25", "dense"))[:6]
    ('rank@bm25', 'rank@dense', 'score@bm25', 'score@dense', 'scaled@bm25', 'scaled@dense')
    """
    return tuple(kind + arm for kind in (RANK, SCORE, SCALED, MARGIN) for arm in arms)


def provenance(union: Union, n_arms: int) -> Float32:
    """Return float32 (N, 4R): each candidate's rank, from 0, score and scaled score in every arm; margins.

    Scaled scores are ``(score − min) / (max − min)`` over what the arm delivered to the request, and 1 where
    all these scores are equal. An arm that did not draw the candidate has rank −1 and both scores 0.
    An arm's margin is the request's: how far its second item's scaled score lies below its first's; 0 where
    it delivered fewer than two. The columns depend on the allocation: an arm without slots drew nothing.

    Examples
    --------
    >>> from ltrr.retrieval.union import union
    >>> from ltrr.types import Candidates
    >>> arms = [Candidates.from_lists([own], depth=[2]) for own in ([4, 5], [5, 7])]
    >>> drawn = union(arms, delivered=[[2, 2]], quota=[[1, 1]], slot_size=2)
    >>> provenance(drawn, 2)[:, :6].tolist()
    [[0.0, -1.0, 1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.5, 1.0, 0.0, 1.0], [-1.0, 1.0, 0.0, 0.5, 0.0, 0.0]]
    >>> provenance(drawn, 2)[0, 6:].tolist()
    [1.0, 1.0]
    """
    out = np.zeros((len(union.item), 4 * n_arms), np.float32)
    out[:, :n_arms] = -1.0
    candidate = np.repeat(np.arange(len(union.item)), np.diff(union.source_indptr))
    arm = union.arm.astype(np.int64)
    out[candidate, arm] = union.rank
    out[candidate, n_arms + arm] = union.score
    request = np.repeat(np.arange(len(union)), np.diff(union.source_indptr[union.indptr]))
    scaled = scaled_within(union.score, request * n_arms + arm, len(union) * n_arms)
    out[candidate, 2 * n_arms + arm] = scaled
    margin = np.zeros((len(union), n_arms), np.float32)
    second = union.rank == 1
    margin[request[second], arm[second]] = 1.0 - scaled[second]
    out[:, 3 * n_arms :] = np.repeat(margin, np.diff(union.indptr), axis=0)
    return out


def arm_weights(
    owner: str, names: Sequence[str], kind: str, weights: Mapping[str, float]
) -> tuple[tuple[int, float], ...]:
    """Return the columns of a kind and the weights of their arms; arms that are not named weigh 1.

    Parameters
    ----------
    owner : str
        Class of the ranker, for messages.
    names : sequence of str
        Names of all columns.
    kind : str
        `RANK` or `SCALED`.
    weights : mapping of str to float
        By arm, each >= 0.

    Raises
    ------
    InputError
        If there are no such columns, or a weight is of no arm among them, negative or no number.

    Examples
    --------
    >>> arm_weights("Mine", ("bm25", "rank@bm25", "rank@dense", "score@bm25"), RANK, {"dense": 0.5})
    ((1, 1.0), (2, 0.5))
    """
    column = {name.removeprefix(kind): i for i, name in enumerate(names) if name.startswith(kind)}
    if not column:
        raise InputError(f"`{owner}` needs columns `{kind}ARM` of provenance, got only {list(names)}")
    check_names(owner, weights, column)
    return tuple((i, float(weights.get(arm, 1.0))) for arm, i in column.items())
