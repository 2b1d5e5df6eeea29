"""Figures of lines: the log over time, and estimates by the clip of the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from ltrr.replay.judging.evaluation import Evaluation, Records
from ltrr.replay.report.figures.parts import add_legend, by_policy, line_style, shortened
from ltrr.report.canvas import new_axes
from ltrr.types import Float64

__all__ = ["clips", "over_time"]

_dates: Any = dates  # has no types

_CHANCE = 1.96
"""Half-width of the band of chance in standard errors: 19 of 20 blocks are within it."""

_BANDS = 3
"""Most policies whose bands are drawn: those of more would cover one another."""


def over_time(evaluation: Evaluation) -> Axes:
    """Draw mean reward and mean weight over the blocks of the log, each over its mean.

    The bands are of chance: if nothing changed, 19 of 20 blocks lie within them. The axis has dates (UTC)
    where the log has times.
    """
    policies = by_policy(evaluation.rows["blocks"])
    axes = new_axes(
        "Over time: reward as logged and mean weight",
        "block of the log, in order",
        "mean of the block / mean of the log",
        width=8.6,
        height=4.2 + 0.18 * len(policies),
    )
    for i, (policy, own) in enumerate(policies.items()):
        if i == 0:
            _draw_reward(axes, own)
        _draw_weight(axes, own, shortened(policy), line_style(i), band=len(policies) <= _BANDS)
    axes.axhline(1.0, color="#aaaaaa", linewidth=0.8)
    if any(_dated(own) for own in policies.values()):
        locator = _dates.AutoDateLocator(tz="UTC")
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(_dates.ConciseDateFormatter(locator, tz="UTC"))
        axes.set_xlabel("time of the middle of the block (UTC)")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(axes)
    return axes


def _draw_reward(axes: Axes, own: Records) -> None:
    x, (share, reach) = _places(own), _shares(own, "reward")
    if share is None:
        axes.plot([], [], " ", label="reward as logged: not drawn, its mean is not clear of 0")
        return
    axes.plot(x, share, color="#555555", linewidth=2.2, label="reward as logged")
    if reach.any():
        name = "chance: 19 of 20 blocks, if the reward did not change"
        axes.fill_between(x, 1.0 - reach, 1.0 + reach, color="#555555", alpha=0.16, linewidth=0.0, label=name)


def _draw_weight(axes: Axes, own: Records, policy: str, look: dict[str, Any], *, band: bool) -> None:
    x, (share, reach) = _places(own), _shares(own, "weight")
    if share is None:
        return
    axes.plot(
        x, share, linewidth=1.2, label=f"weight of {policy}" + (", thin: chance" if band else ""), **look
    )
    if band and reach.any():
        for end in (1.0 - reach, 1.0 + reach):
            axes.plot(x, end, color=look["color"], linewidth=0.6, alpha=0.7)


def _dated(own: Records) -> bool:
    return all(np.isfinite([row["start"], row["end"]]).all() for row in own)


def _places(own: Records) -> Float64:
    """Return where blocks stand on the axis: the middle of their time, or their number from 1."""
    if not _dated(own):
        return np.array([row["block"] + 1.0 for row in own])
    seconds = np.array([0.5 * (row["start"] + row["end"]) for row in own])
    found: Float64 = _dates.date2num((seconds * 1e6).astype("datetime64[us]"))
    return found


def _shares(own: Records, what: str) -> tuple[Float64 | None, Float64]:
    """Return a column of the blocks over its mean, and how far chance reaches from 1; None if near 0.

    The spread is that of all blocks together: in a block without a reward it would be 0, and nothing there
    would pass for chance.
    """
    value, error, rows = (
        np.array([row[key] for row in own], np.float64) for key in (what, f"{what}_se", "rows")
    )
    total = rows.sum()
    if not total or not np.isfinite(value).all():
        return None, np.zeros(len(value))
    mean = float(rows @ value / total)
    variance = float(rows @ (rows * error**2) / total) if np.isfinite(error).all() else 0.0
    if abs(mean) <= _CHANCE * np.sqrt(variance / total):
        return None, np.zeros(len(value))
    return value / mean, _CHANCE * np.sqrt(variance / rows) / abs(mean)


def clips(evaluation: Evaluation) -> Axes:
    """Draw each policy's estimate by weights clipped at several values, with its interval.

    At the right end of a line no weight is clipped any more: that is inverse propensity scoring itself.
    """
    policies = {name: rows for name, rows in by_policy(evaluation.rows["clips"]).items() if len(rows) > 1}
    axes = new_axes(
        "How much large weights decide",
        "weights are clipped at (log scale)",
        "reward a request",
        width=8.6,
        height=4.0 + 0.18 * len(policies),
    )
    finite = [row["clip"] for rows in policies.values() for row in rows if np.isfinite(row["clip"])]
    without = 2.0 * max(finite, default=1.0)
    for i, (policy, rows) in enumerate(policies.items()):
        clip, value, low, high = (
            np.array([row[k] for row in rows]) for k in ("clip", "value", "low", "high")
        )
        x, look = np.where(np.isfinite(clip), clip, without), line_style(i)
        # lines of several policies would cover one another
        x = x * 1.03 ** (i - 0.5 * (len(policies) - 1))
        axes.plot(x, value, linewidth=1.4, marker=".", markersize=5, label=shortened(policy), **look)
        axes.vlines(x, low, high, color=look["color"], linewidth=1.2, alpha=0.7)
        axes.plot(x[-1:], value[-1:], "o", color=look["color"], markersize=6.5, markerfacecolor="white")
    _clip_axis(axes, sorted(set(finite)), without if len(finite) < sum(map(len, policies.values())) else None)
    ring = Line2D(
        [], [], color="#555555", marker="o", markerfacecolor="white", linestyle="", label="no weight clipped"
    )
    add_legend(axes, [*axes.get_legend_handles_labels()[0], ring])
    return axes


def _clip_axis(axes: Axes, finite: list[float], without: float | None) -> None:
    """Mark the clips on the axis; the place right of them is that of weights as they are."""
    ticks = [*finite, *([] if without is None else [without])]
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: "no clip" if without is not None and x == without else f"{x:g}")
    )
