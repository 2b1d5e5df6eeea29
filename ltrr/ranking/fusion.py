"""Reciprocal rank fusion: the classic way to merge lists without training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ltrr import _check
from ltrr._kernels.fusion import reciprocal_ranks
from ltrr.types import Feedback, Float64, Union

__all__ = ["ReciprocalRankFusion"]


@dataclass(frozen=True)
class ReciprocalRankFusion:
    """Scores a candidate by the ranks that the arms which drew it gave it.

    ``score(i) = Σ_arms 1 / (k + rank + 1)``, the sum over the sources of candidate i, rank counted from 0.

    A source is there only if its arm was given the slots to draw it, so scores depend on the allocation: the
    pool of all arms cannot be scored once and for all, as it can by a ranker over `RankFeatures`.

    Parameters
    ----------
    k : float
        Damping, >= 0: the higher, the less the first ranks stand out. 60 is the customary value.

    Examples
    --------
    Item 3 is first of one arm and third of the other; item 5 is second of the first arm only.

    >>> import numpy as np
    >>> from ltrr.types import Union
    >>> union = Union(
    ...     indptr=[0, 2], item=[3, 5], slots=[3, 1], source_indptr=[0, 2, 3],
    ...     arm=[0, 1, 0], slab=[0, 0, 0], rank=[0, 2, 1], score=[9.0, 0.5, 8.0], spilled=[0],
    ... )
    >>> ReciprocalRankFusion(k=60).fuse(union).round(6).tolist()  # 1/61 + 1/63 and 1/62
    [0.032266, 0.016129]

    Notes
    -----
    Source: Cormack, Clarke, Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods", SIGIR 2009, section 2.
    """

    k: float = 60.0

    allocation_dependent: ClassVar[bool] = True
    version: ClassVar[int] = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", _check.number("ReciprocalRankFusion.k", self.k, low=0.0))

    def fuse(self, union: Union) -> Float64:
        """Return the scores (N,) of a union's candidates; higher is better."""
        out = np.empty(len(union.item), np.float64)
        reciprocal_ranks(union.source_indptr, union.rank, self.k, out)
        return out

    def learn(self, feedback: Feedback) -> None:
        """Take no notice: there is nothing to learn."""

    def fork(self) -> ReciprocalRankFusion:
        """Return the fusion itself, as it carries no state."""
        return self

    def state(self) -> dict[str, Any]:
        """Return no state, as nothing is learned."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take no notice: there is no state."""
