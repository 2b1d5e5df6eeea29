"""Figures of a replay: forest plot, weights, and the log over time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ltrr.replay.judging.answers import AS_LOGGED
from ltrr.replay.judging.diagnostics import Diagnostics
from ltrr.replay.judging.evaluation import Evaluation, Records
from ltrr.replay.judging.verdict import CANNOT, SUPPORTED, WEAK
from ltrr.report.canvas import COLOURS, STAMP_HEIGHT, STYLES, figure_of, new_axes, short

__all__ = ["forest", "over_time", "weights"]

_LOOK = {SUPPORTED: (COLOURS[2], "o"), WEAK: (COLOURS[4], "D"), CANNOT: (COLOURS[1], "x")}
"""Colour and marker of a verdict: distinct without colour too."""

_LONGEST = 76
"""Most characters of a name in a figure."""

_TIMES = float(np.divide(*Diagnostics.edges()[3:1:-1]))
"""Upper over lower end of a bin of weights."""


LEGEND = 8.0
"""Size of legends in points."""


def _by_policy(rows: Records) -> dict[str, Records]:
    """Return the rows of each policy, in the order in which the policies appear."""
    names = dict.fromkeys(str(row["policy"]) for row in rows)
    return {name: [row for row in rows if row["policy"] == name] for name in names}


def _short(name: str) -> str:
    """Return a name that fits: both ends of a longer one, by which names differ."""
    return short(name, _LONGEST)


def _share(value: float) -> str:
    """Return a share in per cent that is 0 or 100 only where exact."""
    return f"{value:.1%}" if value in (0.0, 1.0) or 0.0005 <= value < 0.9995 else f"{value:.3%}"


def _legend(axes: Axes, handles: list[Any] | None = None, *, columns: int = 1) -> None:
    """Put the legend below the axes: at their side, long names would leave no room for the figure."""
    if handles is None:
        handles = axes.get_legend_handles_labels()[0]
    figure_of(axes).legend(
        handles=handles,
        fontsize=LEGEND,
        frameon=False,
        loc="outside lower left",
        borderaxespad=STAMP_HEIGHT * 72.0 / LEGEND,  # above the stamp; an anchor would not be given any room
        ncols=columns,
    )


def _heading(axes: Axes, place: float, text: str) -> None:
    """Write the name of a policy above its part of the figure, at height ``place``."""
    axes.annotate(
        text,
        (0, place),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        fontsize=9,
        fontweight="bold",
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
    )


def forest(evaluation: Evaluation) -> Axes:
    """Draw every estimate with its interval, policy by policy, and the reward as logged.

    An estimate that cannot be given is a cross at the left edge. Where several intervals were asked for, each
    has its own line.
    """
    table = evaluation.rows["estimates"]
    several = len({row["interval"] for row in table if math.isfinite(row["value"])}) > 1
    by_policy = _by_policy(table)
    axes = new_axes(
        "Estimated value of each policy",
        "reward a request",
        "",
        width=8.6,
        height=1.4 + 0.3 * (len(table) + len(by_policy)),
    )
    y, ticks, labels, heads = 0.0, [], [], []
    # what has no value has no place on the scale either
    beside = axes.get_yaxis_transform()
    for policy, rows in by_policy.items():
        heads.append((y, policy))
        y -= 0.8
        for row in rows:
            value, low, high, estimator = row["value"], row["low"], row["high"], row["estimator"]
            colour, marker = _LOOK[row["verdict"]]
            if math.isfinite(value):
                if math.isfinite(low) and math.isfinite(high):
                    axes.plot([low, high], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
                axes.plot([value], [y], marker, color=colour, markersize=5.5)
            else:
                axes.plot([0.015], [y], marker, color=colour, markersize=6, transform=beside)
            ticks.append(y)
            labels.append(
                f"{estimator} · {row['interval']}" if several and math.isfinite(value) else estimator
            )
            y -= 1.0
        y -= 0.5
    axes.set_yticks(ticks, labels, fontsize=8)
    for place, policy in heads:
        _heading(axes, place, _short(policy))
    logged = [row["value"] for row in by_policy.get(AS_LOGGED, ())]
    if logged and math.isfinite(logged[0]):
        axes.axvline(logged[0], color="#555555", linewidth=0.9, linestyle=":")
    axes.set_ylim(y + 0.4, 0.8)
    axes.grid(visible=False, axis="y")
    handles = [
        Line2D([], [], color=c, marker=m, linestyle="-" if v != CANNOT else "", label=v)
        for v, (c, m) in _LOOK.items()
        if any(row["verdict"] == v for row in table)
    ]
    if logged:
        handles.append(Line2D([], [], color="#555555", linestyle=":", label=AS_LOGGED))
    _legend(axes, handles, columns=len(handles))
    return axes


def weights(evaluation: Evaluation) -> Axes:
    """Draw the weights of every policy, one above the other: share of the rows, and of the sum of weights.

    Both are drawn to their own height, policy by policy; rows of weight 0 are given in the text.
    """
    by_policy = _by_policy(evaluation.rows["weights"])
    axes = new_axes(
        "Importance weights",
        "weight (target probability / propensity, log scale)",
        "",
        width=8.6,
        height=1.5 + 0.95 * max(len(by_policy), 1),
    )
    for i, (policy, own) in enumerate(by_policy.items()):
        low, rows, mass = (np.array([row[key] for row in own], np.float64) for key in ("low", "rows", "mass"))
        positive, total = low > 0, rows.sum()
        zero = float(rows[~positive].sum() / total) if total else 0.0
        low, base = low[positive], -1.45 * i
        for part, filled in ((rows[positive], True), (mass[positive], False)):
            height = part / max(part.max(initial=0.0), 1e-300)
            axes.bar(
                low,
                height,
                width=low * (_TIMES - 1.0),
                bottom=base,
                align="edge",
                color="#9ecae1" if filled else "none",
                edgecolor="none" if filled else COLOURS[1],
                linewidth=0.0 if filled else 1.1,
            )
        axes.axhline(base, color="#888888", linewidth=0.6)
        # the names above a bar chart of its own height, so that neither covers the other
        _heading(axes, base + 1.2, f"{_short(policy)}   weight 0: {_share(zero)} of rows")
    axes.set_xscale("log")
    axes.axvline(1.0, color="#555555", linewidth=0.8, linestyle=":")
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.set_ylim(-1.45 * max(len(by_policy) - 1, 0) - 0.1, 1.5)
    handles = [
        Patch(facecolor="#9ecae1", label="share of the rows, to its own height"),
        Patch(facecolor="none", edgecolor=COLOURS[1], label="share of all weight, to its own height"),
        Line2D([], [], color="#555555", linestyle=":", label="weight 1"),
    ]
    _legend(axes, handles, columns=3)
    return axes


def over_time(evaluation: Evaluation) -> Axes:
    """Draw mean reward and mean weight over the blocks of the log, each over its mean."""
    by_policy = _by_policy(evaluation.rows["blocks"])
    axes = new_axes(
        "Over time: reward as logged and mean weight",
        "block of the log, in order",
        "mean of the block / mean of the log",
        width=8.6,
        height=4.2 + 0.18 * len(by_policy),
    )
    for i, (policy, own) in enumerate(by_policy.items()):
        block, reward, weight = (np.array([row[key] for row in own]) for key in ("block", "reward", "weight"))
        if i == 0 and reward.mean():
            axes.plot(
                block + 1,
                reward / reward.mean(),
                color="#555555",
                linewidth=2.2,
                label="reward as logged",
            )
        if np.isfinite(weight).all() and weight.mean():
            axes.plot(
                block + 1,
                weight / weight.mean(),
                STYLES[1 + i // len(COLOURS) % (len(STYLES) - 1)],
                color=COLOURS[i % len(COLOURS)],
                linewidth=1.2,
                label=f"weight of {_short(policy)}",
            )
    axes.axhline(1.0, color="#aaaaaa", linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axes)
    return axes
