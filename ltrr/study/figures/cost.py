"""Reward against cost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ltrr import _check
from ltrr.metrics.measures import label_of
from ltrr.report.canvas import Size, new_axes, sized, title
from ltrr.report.labels import label_points
from ltrr.study.figures.roles import looks, shown, with_seeds
from ltrr.study.tables import Tables

__all__ = ["cost"]


def cost(
    tables: Tables,
    *,
    metric: str = "calls",
    ax: Axes | None = None,
    policies: Sequence[str] | None = None,
    figsize: Size | None = None,
) -> Axes:
    """Draw each policy's reward against what it costs; the line joins those that none beats in both.

    Parameters
    ----------
    tables : Tables
    metric : str
        The cost: ``calls`` (arms called a request) or ``candidates`` (distinct candidates a request).
    ax : Axes, optional
    policies : sequence of str, optional
        Those to draw; by default all.
    figsize : (float, float), optional
        Width and height in inches.
    """
    _check.choice("metric", metric, ("calls", "candidates"))
    style, names = looks(tables), shown(tables, policies)
    width, height = sized(figsize, 7.4, max(4.4, 1.6 + 0.15 * len(names)))
    axes = new_axes(
        "",
        with_seeds(tables, f"{label_of(metric)} a request"),
        "reward a request",
        width=width,
        height=height,
        ax=ax,
    )
    x = np.array([tables.mean(name, metric) for name in names])
    y = np.array([tables.mean(name, "reward") for name in names])
    lines = []
    for name, cost_of, reward in zip(names, x, y, strict=True):
        row, look = tables.row(name, "reward"), style[name]
        if np.isfinite([row["low"], row["high"]]).all():
            lines.append(((cost_of, row["low"]), (cost_of, row["high"])))
            axes.plot(*zip(*lines[-1], strict=True), color=look.colour, linewidth=1.2, alpha=0.6)
        axes.plot([cost_of], [reward], "o", color=look.colour, markersize=5, zorder=look.order)
    # whose costs differ by less than a hundredth cost the same
    front = [
        i for i in np.argsort(x) if not ((x < x[i]) & (y >= y[i]) | (x <= 1.01 * x[i]) & (y > y[i])).any()
    ]
    axes.plot(x[front], y[front], ":", color="#555555", linewidth=1.0, zorder=1)
    axes.margins(x=0.16, y=0.08)
    lines += itertools.pairwise(zip(x[front], y[front], strict=True))
    title(axes, f"Reward against {label_of(metric)}")
    label_points(axes, x.tolist(), y.tolist(), names, [style[name].ink for name in names], lines=lines)
    return axes
