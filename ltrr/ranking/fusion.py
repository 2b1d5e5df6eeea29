"""Reciprocal rank fusion: the classic way to merge lists without training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.ranking.fused_ranker import FusedRanker
from ltrr.ranking.provenance import RANK
from ltrr.types import Float32, Float64

__all__ = ["ReciprocalRankFusion"]


@dataclass(frozen=True)
class ReciprocalRankFusion(FusedRanker):
    """Scores a candidate by the ranks that the arms which drew it gave it.

    ``score(i) = Σ_arms weight / (k + rank + 1)``, the sum over the arms that drew candidate i, rank from 0.

    It reads the provenance columns (`ltrr.ranking.provenance`), which depend on the allocation: the pool of
    all arms cannot be scored once and for all, as it can by a ranker over `RankFeatures` alone.

    Parameters
    ----------
    k : float
        Damping, >= 0: the higher, the less the first ranks stand out. 60 is the customary value.
    weights : mapping of str to float
        Weights >= 0 by arm; arms that are not named weigh 1.

    Raises
    ------
    InputError
        If k or a weight is out of range, a weight is of no arm, or the rows hold no provenance columns.

    Examples
    --------
    The first item is first of one arm and third of the other; the second is second of the first arm only.

    >>> import numpy as np
    >>> fusion = ReciprocalRankFusion(k=60).for_columns(("rank@a", "rank@b"), ())
    >>> fusion.score(np.array([[0, 2], [1, -1]], np.float32)).round(6).tolist()  # 1/61 + 1/63 and 1/62
    [0.032266, 0.016129]
    >>> fusion = ReciprocalRankFusion(weights={"b": 0}).for_columns(("rank@a", "rank@b"), ())
    >>> fusion.score(np.array([[0, 2], [1, -1]], np.float32)).round(6).tolist()  # 1/61 and 1/62
    [0.016393, 0.016129]

    Notes
    -----
    Source: Cormack, Clarke, Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods", SIGIR 2009, section 2.
    """

    kind = RANK
    fusion = "rrf"

    k: float = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "k", _check.number("ReciprocalRankFusion.k", self.k, low=0.0))

    def score(self, features: Float32) -> Float64:
        """Return scores (N,) of feature rows (N, F); higher is better."""
        out = np.zeros(len(features))
        for column, weight in self.columns():
            rank = features[:, column].astype(np.float64)
            out += np.where(rank >= 0.0, weight / (self.k + np.maximum(rank, 0.0) + 1.0), 0.0)
        return out
