"""Convex combination: merge lists by the weighted sum of scaled scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr.ranking.fused_ranker import FusedRanker
from ltrr.ranking.provenance import SCALED
from ltrr.types import Float32, Float64

__all__ = ["ConvexCombination"]


@dataclass(frozen=True)
class ConvexCombination(FusedRanker):
    """Scores a candidate by the weighted sum of its scores, scaled within each arm's list.

    ``score(i) = Σ_arms weight · (score − min) / (max − min)``, the sum over the arms that drew candidate i,
    minimum and maximum over what the arm delivered to the request.

    It reads the provenance columns (`ltrr.ranking.provenance`), which depend on the allocation.

    Parameters
    ----------
    weights : mapping of str to float
        Weights >= 0 by arm; arms that are not named weigh 1. Only their ratios matter.

    Raises
    ------
    InputError
        If a weight is out of range or of no arm, or the rows hold no provenance columns.

    Examples
    --------
    The first item is in the middle of one list and last of the other; the second leads the second list.

    >>> import numpy as np
    >>> fusion = ConvexCombination(weights={"b": 0.25}).for_columns(("scaled@a", "scaled@b"), ())
    >>> fusion.score(np.array([[0.5, 0.0], [0.0, 1.0]], np.float32)).tolist()
    [0.5, 0.25]

    Notes
    -----
    The last of a list scores like an item that the list lacks; a list of one item, or of equal scores, counts
    fully. Source: Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid retrieval", ACM
    Transactions on Information Systems 42(1), 2023, section 3.
    """

    kind = SCALED
    fusion = "convex"

    def score(self, features: Float32) -> Float64:
        """Return scores (N,) of feature rows (N, F); higher is better."""
        out = np.zeros(len(features))
        for column, weight in self.columns():
            out += weight * features[:, column].astype(np.float64)
        return out
