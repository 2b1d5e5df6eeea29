"""What a replay found by segment, one row a policy and segment."""

from __future__ import annotations

import math
from typing import Any

from ltrr.replay.judging.answers import AS_LOGGED
from ltrr.replay.judging.evaluation import Evaluation, Records
from ltrr.replay.judging.metrics import REWARD
from ltrr.replay.judging.segments import EMPTY, MISSING, OTHER
from ltrr.replay.report.best import best_row

__all__ = ["by_segment"]


def by_segment(evaluation: Evaluation) -> Records:
    """Return the rewards of each segment by the estimator of the policy's row to read first.

    Returns
    -------
    records
        Columns policy, segment, logged (the mean reward as logged), the columns of the estimate, and of its
        difference from the reward as logged (``difference``, ``difference_low``, ``difference_high``,
        ``p_adjusted``), NaN where there is none, ordered by segment. The whole log is no row.
    """
    estimates = [row for row in evaluation.rows["estimates"] if row["metric"] == REWARD and row["segment"]]
    if not estimates:
        return []
    logged = {row["segment"]: row["value"] for row in estimates if row["policy"] == AS_LOGGED}
    differences: dict[tuple[str, ...], Any] = {}
    for row in evaluation.rows["differences"]:
        if row["metric"] == REWARD and row["against"] == AS_LOGGED:
            differences.setdefault((row["policy"], row["estimator"], row["segment"]), row)
    found: dict[tuple[str, str], Any] = {}
    policies = {policy: place for place, policy in enumerate(evaluation.about["policies"])}
    for policy in policies:
        best = best_row(evaluation.rows["estimates"], policy)["estimator"]
        for row in estimates:
            if (row["policy"], row["estimator"]) != (policy, best):
                continue
            other = differences.get((policy, best, row["segment"]), {})
            found.setdefault(
                (policy, row["segment"]),
                {
                    **row,
                    "logged": logged.get(row["segment"], math.nan),
                    "difference": other.get("difference", math.nan),
                    "difference_low": other.get("low", math.nan),
                    "difference_high": other.get("high", math.nan),
                    "p_adjusted": other.get("p_adjusted", math.nan),
                },
            )
    return sorted(found.values(), key=lambda row: (policies[row["policy"]], *_place(row["segment"])))


def _place(segment: str) -> tuple[int, float, str]:
    """Return what orders segments: numbers by size, then names, then rows without a value and all others."""
    if segment in (OTHER, MISSING, EMPTY):
        return 2, 0.0, segment
    try:
        value = float(segment)
    except ValueError:
        value = math.nan
    return (0, value, segment) if math.isfinite(value) else (1, 0.0, segment)
