"""From the union to the page: features, rankers, fusion."""

from ltrr.ranking.confidence import ConfidenceRule
from ltrr.ranking.convex import ConvexCombination
from ltrr.ranking.features import RankFeatures
from ltrr.ranking.fusion import ReciprocalRankFusion
from ltrr.ranking.lambdamart import LambdaMART
from ltrr.ranking.page import build_page
from ltrr.ranking.prior import PriorRanker
from ltrr.ranking.provenance import provenance, provenance_names
from ltrr.ranking.registry import RANKERS
from ltrr.ranking.sklearn_ranker import SklearnRanker

__all__ = [
    "RANKERS",
    "ConfidenceRule",
    "ConvexCombination",
    "LambdaMART",
    "PriorRanker",
    "RankFeatures",
    "ReciprocalRankFusion",
    "SklearnRanker",
    "build_page",
    "provenance",
    "provenance_names",
]
