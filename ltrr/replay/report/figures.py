"""Figures of a replay: forest plot, weights, and the log over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ltrr.replay.judging.answers import AS_LOGGED
from ltrr.replay.judging.diagnostics import Diagnostics
from ltrr.replay.judging.verdict import CANNOT, SUPPORTED, WEAK
from ltrr.report.canvas import COLOURS, STAMP_HEIGHT, STYLES, figure_of, new_axes, short

if TYPE_CHECKING:
    from ltrr.replay.judging.evaluation import Evaluation

__all__ = ["forest", "over_time", "weights"]

_LOOK = {SUPPORTED: (COLOURS[2], "o"), WEAK: (COLOURS[4], "D"), CANNOT: (COLOURS[1], "x")}
"""Colour and marker of a verdict: distinct without colour too."""

_LONGEST = 76
"""Most characters of a name in a figure."""

_TIMES = float(np.divide(*Diagnostics.edges()[3:1:-1]))
"""Upper over lower end of a bin of weights."""


LEGEND = 8.0
"""Size of legends in points."""


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
    table = evaluation.table.reset_index(drop=True)
    several = table.loc[table.value.notna(), "interval"].nunique() > 1
    axes = new_axes(
        "Estimated value of each policy",
        "reward a request",
        "",
        width=8.6,
        height=1.4 + 0.3 * (len(table) + table.policy.nunique()),
    )
    y, ticks, labels, heads = 0.0, [], [], []
    # what has no value has no place on the scale either
    beside = axes.get_yaxis_transform()
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
                axes.plot([0.015], [y], marker, color=colour, markersize=6, transform=beside)
            ticks.append(y)
            labels.append(f"{estimator} · {interval}" if several and np.isfinite(value) else estimator)
            y -= 1.0
        y -= 0.5
    axes.set_yticks(ticks, labels, fontsize=8)
    for place, policy in heads:
        _heading(axes, place, _short(policy))
    logged = table[table.policy == AS_LOGGED]
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
        handles.append(Line2D([], [], color="#555555", linestyle=":", label=AS_LOGGED))
    _legend(axes, handles, columns=len(handles))
    return axes


def weights(evaluation: Evaluation) -> Axes:
    """Draw the weights of every policy, one above the other: share of the rows, and of the sum of weights.

    Both are drawn to their own height, policy by policy; rows of weight 0 are given in the text.
    """
    frame = evaluation.weights
    policies = list(dict.fromkeys(frame.policy))
    axes = new_axes(
        "Importance weights",
        "weight (target probability / propensity, log scale)",
        "",
        width=8.6,
        height=1.5 + 0.95 * max(len(policies), 1),
    )
    for i, policy in enumerate(policies):
        own = frame[frame.policy == policy]
        rows, mass = own.rows.sum(), own.mass.sum()
        positive = own[own.low > 0]
        low = positive.low.to_numpy()
        shares = [
            part / total if total else part for part, total in ((positive.rows, rows), (positive.mass, mass))
        ]
        base = -1.45 * i
        for share, filled in zip(shares, (True, False), strict=True):
            height = share.to_numpy(float) / max(float(share.max()) if len(share) else 0.0, 1e-300)
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
        zero = float(own.loc[own.low <= 0, "rows"].sum() / rows) if rows else 0.0
        # the names above a bar chart of its own height, so that neither covers the other
        _heading(axes, base + 1.2, f"{_short(policy)}   weight 0: {_share(zero)} of rows")
    axes.set_xscale("log")
    axes.axvline(1.0, color="#555555", linewidth=0.8, linestyle=":")
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.set_ylim(-1.45 * max(len(policies) - 1, 0) - 0.1, 1.5)
    handles = [
        Patch(facecolor="#9ecae1", label="share of the rows, to its own height"),
        Patch(facecolor="none", edgecolor=COLOURS[1], label="share of all weight, to its own height"),
        Line2D([], [], color="#555555", linestyle=":", label="weight 1"),
    ]
    _legend(axes, handles, columns=3)
    return axes


def over_time(evaluation: Evaluation) -> Axes:
    """Draw mean reward and mean weight over the blocks of the log, each over its mean."""
    frame = evaluation.blocks
    axes = new_axes(
        "Over time: reward as logged and mean weight",
        "block of the log, in order",
        "mean of the block / mean of the log",
        width=8.6,
        height=4.2 + 0.18 * evaluation.blocks.policy.nunique(),
    )
    policies = list(dict.fromkeys(frame.policy))
    for i, policy in enumerate(policies):
        own = frame[frame.policy == policy]
        if i == 0 and own.reward.mean():
            axes.plot(
                own.block + 1,
                own.reward / own.reward.mean(),
                color="#555555",
                linewidth=2.2,
                label="reward as logged",
            )
        if own.weight.notna().all() and own.weight.mean():
            axes.plot(
                own.block + 1,
                own.weight / own.weight.mean(),
                STYLES[1 + i // len(COLOURS) % (len(STYLES) - 1)],
                color=COLOURS[i % len(COLOURS)],
                linewidth=1.2,
                label=f"weight of {_short(policy)}",
            )
    axes.axhline(1.0, color="#aaaaaa", linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axes)
    return axes
