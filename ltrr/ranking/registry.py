"""The rankers that have names."""

from __future__ import annotations

from ltrr.protocols import Ranker
from ltrr.ranking.confidence import ConfidenceRule
from ltrr.ranking.convex import ConvexCombination
from ltrr.ranking.fusion import ReciprocalRankFusion
from ltrr.ranking.lambdamart import LambdaMART
from ltrr.ranking.prior import PriorRanker
from ltrr.ranking.sklearn_ranker import SklearnRanker
from ltrr.registry import Registry

__all__ = ["RANKERS"]

RANKERS = Registry(
    "rankers",
    {
        "lambdamart": LambdaMART,
        "prior": PriorRanker,
        "rrf": ReciprocalRankFusion,
        "convex": ConvexCombination,
        "confidence": ConfidenceRule,
        "sklearn": SklearnRanker,
    },
    makes=Ranker,
    needs=("version", "score", "learn", "state", "restore"),
)
"""Kinds of ranker."""
