"""Cells of tables that page and terminal share, and what decides on their columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ltrr.replay.judging.evaluation import Records
from ltrr.replay.report.numbers import change, count, estimate, number, p_value

__all__ = ["guardrail_cells", "has_clusters", "is_adjusted", "lacks_interval", "segment_cells"]


def lacks_interval(row: Mapping[str, Any]) -> bool:
    """Say whether a row has a value and a reason why there is no interval of it."""
    return (
        bool(row.get("note")) and math.isfinite(row.get("value", math.nan)) and not math.isfinite(row["low"])
    )


def has_clusters(rows: Records) -> bool:
    """Say whether estimates know the clusters of their rows."""
    return any(math.isfinite(row["clusters"]) for row in rows)


def is_adjusted(rows: Records) -> bool:
    """Say whether p-values were adjusted for others: where there are several."""
    return any(row["p_adjusted"] != row["p"] for row in rows if math.isfinite(row["p"]))


def guardrail_cells(row: Mapping[str, Any]) -> list[str]:
    """Return the change that a guardrail is about with its interval, and the outcome."""
    relative = str(row["bound"]).endswith("%")
    return [*change(row["difference"], row["low"], row["high"], relative=relative), str(row["outcome"])]


def segment_cells(row: Mapping[str, Any]) -> list[str]:
    """Return a segment's rows, reward as logged, estimate, difference with its interval, and Holm's p."""
    ends = row["difference_low"], row["difference_high"]
    return [
        count(row["n"]),
        number(row["logged"]),
        estimate(row["value"], row["low"], row["high"])[0],
        *estimate(row["difference"], *ends),
        p_value(row["p_adjusted"]),
        str(row["verdict"]),
    ]
