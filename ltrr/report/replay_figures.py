"""Figures of a replay: forest plot, weights, and the log over time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ltrr.replay.evaluation import Evaluation
from ltrr.replay.verdict import CANNOT, SUPPORTED, WEAK
from ltrr.report.canvas import COLOURS, STYLES, new_axes

__all__ = ["forest", "over_time", "weights"]

_LOOK = {SUPPORTED: (COLOURS[2], "o"), WEAK: (COLOURS[4], "D"), CANNOT: (COLOURS[1], "x")}
"""Colour and marker of a verdict: told apart without colour too."""


def forest(evaluation: Evaluation) -> Axes:
    """Draw every estimate with its interval, policy by policy, beside the reward as logged.

    An estimate that cannot be given is a cross at the left edge. Where several intervals were asked for, each
    has a line of its own.
    """
    table = evaluation.table.reset_index(drop=True)
    several = table.interval.nunique() > 1
    axes = new_axes(
        "Estimated value of each policy",
        "reward a request",
        "",
        width=8.6,
        height=1.4 + 0.3 * (len(table) + table.policy.nunique()),
    )
    y, ticks, labels, heads = 0.0, [], [], []
    drawn = table.value.notna()
    points = table.loc[drawn, ["value", "low", "high"]].to_numpy(float)
    finite = points[np.isfinite(points)]
    left = float(finite.min()) if len(finite) else 0.0
    for policy, rows in table.groupby("policy", sort=False):
        heads.append((y, str(policy)))
        y -= 0.8
        numbers = rows[["value", "low", "high"]].to_numpy(float)
        words = rows[["verdict", "estimator", "interval"]].astype(str).to_numpy()
        for (value, low, high), (verdict, estimator, interval) in zip(numbers, words, strict=True):
            colour, marker = _LOOK[verdict]
            if np.isfinite(value):
                if np.isfinite(low) and np.isfinite(high):
                    axes.plot([low, high], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
                axes.plot([value], [y], marker, color=colour, markersize=5.5)
            else:
                axes.plot([left], [y], marker, color=colour, markersize=6)
            ticks.append(y)
            labels.append(f"{estimator} · {interval}" if several else estimator)
            y -= 1.0
        y -= 0.5
    axes.set_yticks(ticks, labels, fontsize=8)
    for place, policy in heads:
        axes.annotate(
            policy,
            (0, place),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=9,
            fontweight="bold",
            va="center",
        )
    logged = table[table.estimator == "on-policy"]
    if len(logged) and np.isfinite(logged.value.iloc[0]):
        axes.axvline(logged.value.iloc[0], color="#555555", linewidth=0.9, linestyle=":")
    axes.set_ylim(y + 0.4, 0.8)
    axes.grid(visible=False, axis="y")
    handles = [
        Line2D([], [], color=c, marker=m, linestyle="-" if v != CANNOT else "", label=v)
        for v, (c, m) in _LOOK.items()
        if (table.verdict == v).any()
    ]
    if len(logged):
        handles.append(Line2D([], [], color="#555555", linestyle=":", label="as logged"))
    axes.legend(handles=handles, fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes


def weights(evaluation: Evaluation) -> Axes:
    """Draw the share of rows in each decade's bins of the weight, one line a policy."""
    frame = evaluation.weights
    axes = new_axes(
        "Importance weights",
        "weight (target probability / propensity, log scale)",
        "share of rows",
        width=8.6,
    )
    policies = list(dict.fromkeys(frame.policy))
    for i, policy in enumerate(policies):
        own = frame[frame.policy == policy]
        total = own.rows.sum()
        if not total:
            continue
        positive = own[own.low > 0]
        zero = float(own.loc[own.low <= 0, "rows"].sum() / total)
        used = np.flatnonzero(positive.rows.to_numpy())
        label = f"{policy} (weight 0: {zero:.1%})"
        if len(used) == 0:
            axes.plot([], [], label=label)
            continue
        part = positive.iloc[max(used[0] - 1, 0) : used[-1] + 2]
        axes.step(
            part.low,
            part.rows / total,
            STYLES[i // len(COLOURS) % len(STYLES)],
            where="post",
            color=COLOURS[i % len(COLOURS)],
            linewidth=1.5,
            label=label,
        )
    axes.set_xscale("log")
    axes.axvline(1.0, color="#555555", linewidth=0.8, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes


def over_time(evaluation: Evaluation) -> Axes:
    """Draw mean reward and mean weight over the blocks of the log, each over its mean."""
    frame = evaluation.blocks
    axes = new_axes(
        "Over time: reward as logged and mean weight",
        "block of the log, in order",
        "over its mean",
        width=8.6,
    )
    policies = list(dict.fromkeys(frame.policy))
    for i, policy in enumerate(policies):
        own = frame[frame.policy == policy]
        if i == 0 and own.reward.mean():
            axes.plot(own.block, own.reward / own.reward.mean(), color="#555555", label="reward as logged")
        if own.weight.notna().all() and own.weight.mean():
            axes.plot(
                own.block,
                own.weight / own.weight.mean(),
                STYLES[1],
                color=COLOURS[i % len(COLOURS)],
                label=f"weight of {policy}",
            )
    axes.axhline(1.0, color="#aaaaaa", linewidth=0.8)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes
