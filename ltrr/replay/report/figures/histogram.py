"""The histogram of the weights."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ltrr.replay.judging.diagnostics import Diagnostics
from ltrr.replay.judging.evaluation import Evaluation
from ltrr.replay.report.figures.parts import add_legend, by_policy, heading, shortened
from ltrr.report.canvas import COLOURS, new_axes

__all__ = ["weights"]

_TIMES = float(np.divide(*Diagnostics.edges()[3:1:-1]))
"""Upper over lower end of a bin of weights."""


def _share(value: float) -> str:
    """Return a share in per cent that is 0 or 100 only where exact."""
    return f"{value:.1%}" if value in (0.0, 1.0) or 0.0005 <= value < 0.9995 else f"{value:.3%}"


def _plain_ticks(axes: Axes) -> None:
    """Write the ticks of an axis of less than three decades as plain numbers, 1, 2 and 5 of each."""
    low, high = axes.get_xlim()
    if high < 1000.0 * low:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def weights(evaluation: Evaluation) -> Axes:
    """Draw the weights of every policy, one above the other: share of the rows, and of the sum of weights.

    Both are drawn to their own height, policy by policy; rows of weight 0 are given in the text.
    """
    policies = by_policy(evaluation.rows["weights"])
    axes = new_axes(
        "Importance weights",
        "weight (target probability / propensity, log scale)",
        "",
        width=8.6,
        height=1.5 + 0.95 * max(len(policies), 1),
    )
    for i, (policy, own) in enumerate(policies.items()):
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
        heading(axes, base + 1.2, f"{shortened(policy)}   weight 0: {_share(zero)} of rows")
    axes.set_xscale("log")
    _plain_ticks(axes)
    axes.axvline(1.0, color="#555555", linewidth=0.8, linestyle=":")
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.set_ylim(-1.45 * max(len(policies) - 1, 0) - 0.1, 1.5)
    handles = [
        Patch(facecolor="#9ecae1", label="share of the rows, to its own height"),
        Patch(facecolor="none", edgecolor=COLOURS[1], label="share of all weight, to its own height"),
        Line2D([], [], color="#555555", linestyle=":", label="weight 1"),
    ]
    add_legend(axes, handles, columns=3)
    return axes
