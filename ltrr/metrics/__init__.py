"""Measures of lists, of runs and of comparators that see the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

if TYPE_CHECKING:
    from ltrr.metrics.halving import Halving, successive_halving
    from ltrr.metrics.holm import Together, judged_together
    from ltrr.metrics.intervals import (
        Curve,
        Interval,
        bootstrap_curve,
        bootstrap_mean,
        paired_difference,
        paired_ratio,
    )
    from ltrr.metrics.measures import Measure
    from ltrr.metrics.oracles import (
        LossSplit,
        QuotaValues,
        best_order_value,
        ideal_value,
        quota_walk,
    )
    from ltrr.metrics.ranking import (
        answerable,
        candidate_recall,
        ndcg,
        recall,
        reciprocal_rank,
        unjudged_share,
    )
    from ltrr.metrics.registry import MEASURES
    from ltrr.metrics.router import LearnableGap, best_in_class, learnable_gap
    from ltrr.metrics.two_way import CrossedMean, Resamples, two_way_bootstrap

__all__ = [
    "MEASURES",
    "CrossedMean",
    "Curve",
    "Halving",
    "Interval",
    "LearnableGap",
    "LossSplit",
    "Measure",
    "QuotaValues",
    "Resamples",
    "Together",
    "answerable",
    "best_in_class",
    "best_order_value",
    "bootstrap_curve",
    "bootstrap_mean",
    "candidate_recall",
    "ideal_value",
    "judged_together",
    "learnable_gap",
    "ndcg",
    "paired_difference",
    "paired_ratio",
    "quota_walk",
    "recall",
    "reciprocal_rank",
    "successive_halving",
    "two_way_bootstrap",
    "unjudged_share",
]

__getattr__ = _lazy.names(
    __name__,
    {
        ".halving": "Halving successive_halving",
        ".holm": "Together judged_together",
        ".intervals": "Curve Interval bootstrap_curve bootstrap_mean paired_difference paired_ratio",
        ".measures": "Measure",
        ".oracles": "LossSplit QuotaValues best_order_value ideal_value quota_walk",
        ".ranking": "answerable candidate_recall ndcg recall reciprocal_rank unjudged_share",
        ".registry": "MEASURES",
        ".router": "LearnableGap best_in_class learnable_gap",
        ".two_way": "CrossedMean Resamples two_way_bootstrap",
    },
)
