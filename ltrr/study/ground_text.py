"""What is said of a run's ground: its topics, and whether its world can tell policies apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ltrr.study.tables import Tables

__all__ = ["FEW_SEEDS", "gap_text", "saturated", "topics_line"]

FEW_SEEDS = 5
"""With fewer, Student's intervals are too wide to find anything but the obvious, whatever the world."""

FEW_JUDGED = 20
"""Judged requests, over all seeds: with fewer, the oracle's lead and the value of a quota are mostly luck."""

CLOSE = 0.01
"""Rewards that differ by less are as good as equal."""

_SETS = {"stream": "stream", "held-out": "held-out queries", "reserved": "reserved queries"}


def topics_line(tables: Tables) -> str:
    """Return how many topics a run's requests count for, empty where nothing is known.

    Examples
    --------
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> stream = {"topics": 55, "effective": 10.2, "effective_entropy": 20.0, "top_share": 0.283}
    >>> none = pd.DataFrame()
    >>> run = Tables(Path(), {}, none, none, none, none, none, (), (), ground={"traffic": {"stream": stream}})
    >>> topics_line(run)
    'Effective topics: stream 10.2 of 55. The most frequent topic has 28.3 % of the stream.'
    """
    traffic = tables.ground.get("traffic", {})
    if "stream" not in traffic:
        return ""
    parts = [
        f"{words} {traffic[name]['effective']:,.1f} of {traffic[name]['topics']:,.0f}"
        for name, words in _SETS.items()
        if name in traffic
    ]
    top = 100.0 * traffic["stream"]["top_share"]
    return f"Effective topics: {', '.join(parts)}. The most frequent topic has {top:.1f} % of the stream."


def gap_text(gap: dict[str, Any]) -> str:
    """Return the oracle's lead over the best static allocation with both intervals."""
    text = f"{gap['mean']:+.3f}"
    if gap["low"] is None:
        return f"{text} (one seed: no interval)"
    seeds = f"[{gap['low']:+.3f}, {gap['high']:+.3f}]"
    text += f" {seeds} over seeds"
    if gap["two_way_low"] is None:
        return f"{text}, too few topics for an interval over topics"
    both = f"[{gap['two_way_low']:+.3f}, {gap['two_way_high']:+.3f}]"
    return f"{text}, {'the same' if both == seeds else both} over seeds and topics"


def saturated(tables: Tables) -> str:
    """Return why the world cannot tell policies apart, in one sentence; empty where it can."""
    reasons = list(_reasons(tables))
    if not reasons:
        return ""
    what = "collection" if tables.study["world"]["kind"] == "collection" else "world"
    can = "can hardly" if _something_found(tables) else "cannot"
    return f"This {what} {can} tell policies apart: {'; '.join(reasons)}."


def _reasons(tables: Tables) -> Iterator[str]:
    ground = tables.ground
    static, oracle, gap, blind = (ground.get(key) for key in ("static", "oracle", "gap", "blind"))
    name = tables.best_static
    if static is None or tables.pages < FEW_JUDGED:
        return
    if gap is not None and gap["mean"] < CLOSE:
        yield f"{name} earns {static:.3f}, the per-request oracle {oracle:.3f}"
    if blind is not None and blind["reward"] > static - CLOSE:
        yield f"{blind['arm']}, which ignores the query, earns {blind['reward']:.3f}, {name} {static:.3f}"
    if gap is None or tables.seeds < FEW_SEEDS:
        return
    if gap["low"] <= 0.0 or gap["two_way_low"] is None or gap["two_way_low"] <= 0.0:
        yield f"the oracle's lead over {name} is not shown to be above zero ({gap_text(gap)})"
    half = _median_half(tables)
    if half > gap["mean"]:
        yield (
            f"differences to {name} are known to ±{half:.3f} over seeds and topics (median), the oracle "
            f"leads by {gap['mean']:.3f}"
        )


def _median_half(tables: Tables) -> float:
    """Return half the interval of the median difference to the best static allocation."""
    rows = tables.two_way
    if not len(rows):
        return 0.0
    own = rows[(rows.reference == tables.best_static) & (rows["set"] == "all")]
    halves = (own["high"] - own["low"]) / 2.0
    return float(np.median(halves)) if len(halves) else 0.0


def _something_found(tables: Tables) -> bool:
    """Say whether any difference to the best static allocation is found by both intervals."""
    rows = tables.differences
    own = rows[(rows.reference == tables.best_static) & (rows["set"] == "all") & (rows.metric == "reward")]
    found = own[(own.holm_low > 0.0) | (own.holm_high < 0.0)]
    pairs = [tables.over_topics(policy, str(tables.best_static)) for policy in found.policy]
    return any(row is not None and (row["low"] > 0.0 or row["high"] < 0.0) for row in pairs)
