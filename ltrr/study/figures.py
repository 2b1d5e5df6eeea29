"""Figures fit for a paper: each takes tables and returns Axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ltrr import _check
from ltrr.metrics.measures import label_of, meaning_of
from ltrr.report.canvas import COLOURS, STYLES, new_axes

__all__ = ["loss", "recall", "regret", "reward", "slots", "slots_grid"]

AGAINST = {
    "static": "the best static allocation on its own trajectory",
    "oracle": "the per-request oracle over all quotas, on the policy's own state",
    "class": "the best linear policy in hindsight with full information",
    "ideal": "the ideal page",
}


def _style(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Give each name a colour and a line style, the same in every figure of a run."""
    return {
        n: (COLOURS[i % len(COLOURS)], STYLES[i // len(COLOURS) % len(STYLES)]) for i, n in enumerate(names)
    }


def _lines(axes: Axes, curves: pd.DataFrame, metric: str, *, names: Sequence[str] | None = None) -> None:
    """Draw a metric of each policy with its band, labelled at the right in the order of the last values."""
    style = _style(list(dict.fromkeys(curves.policy)))
    rows = curves[curves.metric == metric]
    present = [n for n in (names or style) if (rows.policy == n).any()]
    strength = 0.14 if len(present) <= 6 else 0.06  # many overlapping bands must not hide the lines
    last = {n: rows[rows.policy == n]["mean"].iloc[-1] for n in present}
    for name in sorted(present, key=lambda n: -last[n]):
        own = rows[rows.policy == name]
        colour, dash = style[name]
        axes.plot(own["round"], own["mean"], dash, color=colour, linewidth=1.5, label=name)
        if np.isfinite(own[["low", "high"]].to_numpy()).all():
            axes.fill_between(
                own["round"], own["low"], own["high"], color=colour, alpha=strength, linewidth=0
            )
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _band_note(summary: pd.DataFrame | None) -> str:
    seeds = f"{int(summary.n_seeds.max())} paired seeds" if summary is not None and len(summary) else "seeds"
    return f"mean over {seeds}; bands are pointwise 95 % intervals"


def regret(curves: pd.DataFrame, summary: pd.DataFrame | None = None, *, against: str = "static") -> Axes:
    """Draw cumulative regret of each policy against a named comparator.

    Parameters
    ----------
    curves : DataFrame
        policy, metric, round, mean, low, high.
    summary : DataFrame, optional
        Gives the number of seeds for the note.
    against : str
        ``static``, ``oracle``, ``class`` or ``ideal``.
    """
    _check.choice("against", against, tuple(AGAINST))
    axes = new_axes(
        f"Cumulative regret against {AGAINST[against]}",
        "round (requests served, log scale)",
        "cumulative regret (expected reward)",
        width=8.6,
    )
    _lines(axes, curves, f"regret_{against}")
    axes.set_xscale("log")
    # Rivals lie orders of magnitude apart and on both sides of zero: linear within ±10, log beyond.
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylabel("cumulative regret (expected reward; linear within ±10)")
    axes.axhline(0, color="#555555", linewidth=0.8)
    axes.annotate(_band_note(summary), (0, -0.16), xycoords="axes fraction", fontsize=8, color="#555555")
    return axes


def reward(curves: pd.DataFrame, summary: pd.DataFrame | None = None) -> Axes:
    """Draw the expected reward a request over time."""
    axes = new_axes("Expected reward a request", "round (log scale)", "expected reward", width=8.6)
    _lines(axes, curves, "reward")
    axes.set_xscale("log")
    axes.annotate(_band_note(summary), (0, -0.16), xycoords="axes fraction", fontsize=8, color="#555555")
    return axes


def recall(curves: pd.DataFrame, summary: pd.DataFrame | None = None) -> Axes:
    """Draw candidate recall at the budget over time."""
    axes = new_axes(
        "Candidate recall at the budget",
        "round (log scale)",
        "share of relevant items in the union",
        width=8.6,
    )
    _lines(axes, curves, "recall_budget")
    axes.set_xscale("log")
    axes.annotate(_band_note(summary), (0, -0.16), xycoords="axes fraction", fontsize=8, color="#555555")
    return axes


def slots(curves: pd.DataFrame, policy: str) -> Axes:
    """Draw the slots a policy gives to each arm over time."""
    axes = new_axes(f"Slots per arm: {policy}", "round (log scale)", "slots a request")
    own = curves[(curves.policy == policy) & curves.metric.str.startswith("slots_")]
    for i, (metric, rows) in enumerate(own.groupby("metric", sort=False)):
        colour = COLOURS[i % len(COLOURS)]
        axes.plot(
            rows["round"], rows["mean"], color=colour, linewidth=1.5, label=str(metric).removeprefix("slots_")
        )
        if np.isfinite(rows[["low", "high"]].to_numpy()).all():
            axes.fill_between(rows["round"], rows["low"], rows["high"], color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes


def loss(summary: pd.DataFrame) -> Axes:
    """Draw how each policy's distance to the ideal page divides into retrieval and ranking loss."""
    frame = summary.pivot_table(index="policy", columns="metric", values="mean")
    low = summary.pivot_table(index="policy", columns="metric", values="low")
    high = summary.pivot_table(index="policy", columns="metric", values="high")
    has = frame.dropna(subset=["loss_retrieval", "loss_ranking"])
    order = (has.loss_retrieval + has.loss_ranking).sort_values(ascending=False).index
    axes = new_axes(
        "What is lost against the ideal page",
        "expected reward a request",
        "",
        height=0.8 + 0.32 * len(order),
        width=8.6,
    )
    place = np.arange(len(order))
    left = np.zeros(len(order))
    for metric, colour in (("loss_retrieval", COLOURS[0]), ("loss_ranking", COLOURS[4])):
        label = f"{label_of(metric)}: {meaning_of(metric)}"
        mean = has.loc[order, metric].to_numpy()
        bars = axes.barh(place, mean, left=left, height=0.7, color=colour, label=label)
        if metric in low and np.isfinite(low.loc[order, metric].to_numpy(dtype=float)).all():
            spread = np.abs(np.stack([low.loc[order, metric], high.loc[order, metric]]) - mean)
            axes.errorbar(
                left + mean, place, xerr=spread, fmt="none", ecolor="#333333", elinewidth=1, capsize=2
            )
        del bars
        left = left + mean
    axes.set_yticks(place, list(order))
    axes.grid(visible=False, axis="y")
    axes.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.02), ncols=2)
    axes.set_title(axes.get_title(loc="left"), loc="left", fontsize=11, pad=28)
    return axes


def slots_grid(curves: pd.DataFrame, policies: Sequence[str], title: str = "") -> Axes:
    """Draw the slots per arm of several policies side by side and return the first panel."""
    columns = min(3, len(policies))
    lines = -(-len(policies) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.6 * lines + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True)
    figure.suptitle(f"Slots per arm over time   {title}", fontsize=9)
    for i, panel in enumerate(panels.reshape(-1)):
        if i >= len(policies):
            panel.set_axis_off()
            continue
        own = curves[(curves.policy == policies[i]) & curves.metric.str.startswith("slots_")]
        for j, (metric, rows) in enumerate(own.groupby("metric", sort=False)):
            colour = COLOURS[j % len(COLOURS)]
            panel.plot(rows["round"], rows["mean"], color=colour, label=str(metric).removeprefix("slots_"))
            if np.isfinite(rows[["low", "high"]].to_numpy()).all():
                panel.fill_between(
                    rows["round"], rows["low"], rows["high"], color=colour, alpha=0.15, linewidth=0
                )
        panel.set_xscale("log")
        panel.set_title(policies[i], fontsize=9, loc="left")
        panel.set_xlabel("round (log scale)", fontsize=8)
        panel.set_ylabel("slots a request" if i % columns == 0 else "", fontsize=8)
        panel.grid(visible=True, color="#dddddd", linewidth=0.6)
    panels[0, 0].legend(fontsize=7, frameon=False)
    first: Axes = panels[0, 0]
    return first
