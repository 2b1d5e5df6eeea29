"""Rows that a replay left out, compared with those that it kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from ltrr.logs.replay_log import ReplayLog
from ltrr.replay.judging.comparison import Comparison

__all__ = ["left_out_rows", "left_out_share"]

_ACTIONS = 8
"""Most actions whose shares are listed: those that differ most."""


def left_out_share(log: ReplayLog) -> float | None:
    """Return the share of rows that were left out, None where there was no row.

    Copies of events are no loss of data, and count neither way.
    """
    faults = log.faults
    rows = faults.rows - faults.left_out.copies
    return (rows - faults.used) / rows if rows else None


def left_out_rows(log: ReplayLog, comparison: Comparison) -> list[dict[str, Any]]:
    """Return rows that compare what was kept with what was left out; none where nothing was."""
    out, kept = log.faults.left_out, comparison.taken
    if out.rows == out.copies:
        return []
    moments = comparison.logged[0].estimator.moments
    events = float(kept.sum())
    total = float(moments.mean[1]) * moments.n if moments.n else 0.0
    found: list[dict[str, Any]] = [
        {"what": "rows", "kept": events, "left_out": float(out.rows - out.copies)},
        {
            "what": "mean reward of a row",
            "kept": total / events if events else None,
            "left_out": out.reward_sum / out.rewarded if out.rewarded else None,
        },
    ]
    if not events or not out.taken.sum():
        return found
    shares = kept / events, out.taken / out.taken.sum()
    furthest = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")[:_ACTIONS]
    names = log.space.actions
    found += [
        {"what": f"share of action {names[a]}", "kept": float(shares[0][a]), "left_out": float(shares[1][a])}
        for a in sorted(furthest.tolist())
    ]
    return found
