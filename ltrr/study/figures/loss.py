"""Where each policy's distance to the ideal page comes from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ltrr.errors import InputError
from ltrr.metrics.measures import label_of, meaning_of
from ltrr.report.canvas import COLOURS, Size, figure_of, new_axes, short, sized, title
from ltrr.report.labels import LONGEST
from ltrr.study.figures.roles import shown, with_seeds
from ltrr.study.tables import Tables

__all__ = ["loss"]

WIDE = 4.6
"""Inches of axes from which on the legend has room for the meaning of its parts."""

PARTS = (("loss_retrieval", COLOURS[0]), ("loss_ranking", COLOURS[4]))


def loss(
    tables: Tables,
    *,
    ax: Axes | None = None,
    policies: Sequence[str] | None = None,
    figsize: Size | None = None,
) -> Axes:
    """Draw how each policy's distance to the ideal page divides into retrieval and ranking loss.

    Parameters
    ----------
    tables : Tables
    ax : Axes, optional
    policies : sequence of str, optional
        Those to draw; by default all that oracles judged.
    figsize : (float, float), optional
        Width and height in inches.
    """
    known = set(tables.summary.policy[tables.summary.metric == "loss_retrieval"])
    names = [name for name in shown(tables, policies) if name in known]
    if not names:
        raise InputError("no policy of the run was judged by oracles, so that its losses are not known")
    total = {name: sum(tables.mean(name, metric) for metric, _ in PARTS) for name in names}
    order = sorted(names, key=lambda name: -total[name])
    width, height = sized(figsize, 7.4, 1.5 + 0.3 * len(order))
    label = with_seeds(tables, "expected reward a request")
    axes = new_axes("", label, "", width=width, height=height, ax=ax)
    axes.set_yticks(np.arange(len(order)), [short(name, LONGEST) for name in order])
    figure_of(axes).draw_without_rendering()  # the width beside the names must be known
    wide = axes.get_window_extent().width / figure_of(axes).dpi > WIDE
    place, left = np.arange(len(order)), np.zeros(len(order))
    for metric, colour in PARTS:
        rows = tables.rows.loc[[(name, metric) for name in order]]
        mean, ends = rows["mean"].to_numpy(), rows[["low", "high"]].to_numpy().T
        label = f"{label_of(metric)}: {meaning_of(metric)}" if wide else label_of(metric)
        axes.barh(place, mean, left=left, height=0.7, color=colour, label=label)
        if np.isfinite(ends).all():
            spread = np.abs(ends - mean)
            axes.errorbar(
                left + mean, place, xerr=spread, fmt="none", ecolor="#333333", elinewidth=1, capsize=2
            )
        left = left + mean
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.grid(visible=False, axis="y")
    axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    title(axes, "What is lost against the ideal page", pad=38)
    return axes
