"""Shares of the slots that policies give to each arm over time, stacked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ltrr.errors import InputError
from ltrr.report.canvas import (
    COLOURS,
    TITLE,
    Size,
    dress,
    makes_room,
    new_axes,
    new_figure,
    short,
    sized,
    title,
)
from ltrr.report.labels import LONGEST
from ltrr.study.figures.roles import shown
from ltrr.study.tables import Tables

__all__ = ["adaptive", "slots"]

PANEL = 11
"""Characters of a panel's title an inch."""

WIDE = 2.5
"""Inches of width of a panel."""

STEADY = 0.1
"""Slots a request: who moves by less is taken for steady."""


def slots(
    tables: Tables,
    *,
    ax: Axes | None = None,
    policies: Sequence[str] | None = None,
    figsize: Size | None = None,
) -> Axes:
    """Draw how policies share their slots among the arms over time, from 0 to 1, a panel each.

    Parameters
    ----------
    tables : Tables
    ax : Axes, optional
        Where to draw a single policy: the only one of ``policies``, by default the best whose shares change.
    policies : sequence of str, optional
        Those to draw; by default those whose shares change.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Axes
        The first panel.
    """
    names = adaptive(tables) if policies is None else shown(tables, policies)
    if not names:
        raise InputError("no policy of the run changes its slots; name some with `policies`")
    if ax is not None and policies is not None and len(names) > 1:
        raise InputError(f"`ax` has room for one of `policies`, got {len(names)}; leave `ax` out")
    if ax is not None or len(names) == 1:
        width, height = sized(figsize, 7.4, 3.6)
        axes = new_axes("", "", "", width=width, height=height, ax=ax)
        _panel(axes, tables, names[0])
        axes.set_title("")
        _legend(axes)
        title(axes, f"Share of slots by arm: {short(names[0], LONGEST)}")
        return axes
    columns = min(3 if figsize is None else max(1, round(figsize[0] / WIDE)), len(names))
    lines = -(-len(names) // columns)
    figure = new_figure(sized(figsize, WIDE * columns + 0.9, 1.95 * lines + 0.9))
    figure.suptitle("Share of slots by arm", fontsize=TITLE, x=0.01, ha="left")
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).reshape(-1)
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    for i, (panel, name) in enumerate(zip(panels, names, strict=False)):
        _panel(panel, tables, name)
        panel.label_outer()
        if i + columns >= len(names):  # nothing stands below
            panel.tick_params(labelbottom=True)
            panel.set_xlabel("requests served", fontsize=8)
        panel.set_title(short(name, int(PANEL * figure.get_figwidth() / columns)), loc="left", fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    # top and foot are the title's and the stamp's; the order is that of the stack
    figure.legend(handles[::-1], labels[::-1], loc="outside right upper", fontsize=8, frameon=False)
    first: Axes = panels[0]
    return first


def adaptive(tables: Tables) -> list[str]:
    """Return the policies that learn, best first: their slots end elsewhere than they were in the warm-up.

    The end is the last third after the warm-up: a single window moves by chance.
    """
    curves = tables.curves[tables.curves.metric.str.startswith("slots_")]
    warmup, rounds = tables.study["loop"]["warmup"], tables.study["rounds"]
    first = max(warmup, curves["round"].min())  # where there is no warm-up, the first window
    warm, late = curves["round"] <= first, curves["round"] > rounds - (rounds - warmup) / 3
    before, after = (curves[rows].groupby(["policy", "metric"])["mean"].mean() for rows in (warm, late))
    shift = (after - before).abs().groupby("policy").max()
    steady = curves[~warm].groupby(["policy", "metric"])["mean"].agg(np.ptp).groupby("policy").max() < STEADY
    chance = {entry["name"] for entry in tables.study["policies"] if entry["kind"] == "uniform"}
    names = [name for name in map(str, tables.means.index) if name not in chance]
    return [name for name in names if shift.get(name, 0.0) > STEADY and not steady.get(name, True)]


def _panel(axes: Axes, tables: Tables, name: str) -> None:
    curves = tables.curves
    own = curves[(curves.policy == name) & curves.metric.str.startswith("slots_")]
    table: pd.DataFrame = own.pivot_table(index="round", columns="metric", values="mean", sort=False)
    share = table.div(table.sum(axis=1).replace(0.0, np.nan), axis=0).fillna(0.0)
    arms = [str(metric).removeprefix("slots_") for metric in share.columns]
    axes.stackplot(
        share.index,
        share.to_numpy().T,
        labels=[short(arm, LONGEST) for arm in arms],
        colors=[COLOURS[i % len(COLOURS)] for i in range(len(arms))],
        alpha=0.8,
    )
    dress(axes)
    axes.set_xlim(share.index[0], share.index[-1])
    axes.set_ylim(0.0, 1.0)
    warmup = tables.study["loop"]["warmup"]
    if share.index[0] < warmup < share.index[-1]:
        axes.axvline(warmup, color="#000000", linewidth=0.8, linestyle=":")
    axes.set_xlabel("requests served", fontsize=8)
    axes.tick_params(labelsize=8)


def _legend(axes: Axes) -> None:
    """Put the legend next to the axes where a layout engine makes room for it, else within them."""
    if not makes_room(axes):
        axes.legend(fontsize=8, framealpha=0.8, loc="upper right", reverse=True)
    else:
        axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=True)
