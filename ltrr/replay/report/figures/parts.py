"""What the figures of a replay share: names that fit, headings, and legends."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from ltrr.replay.judging.evaluation import Records
from ltrr.replay.judging.verdict import CANNOT, SUPPORTED, WEAK
from ltrr.report.canvas import COLOURS, STAMP_HEIGHT, STYLES, figure_of, short

__all__ = ["LOOK", "add_legend", "by_policy", "heading", "line_style", "shortened"]

LOOK = {SUPPORTED: (COLOURS[2], "o"), WEAK: (COLOURS[4], "D"), CANNOT: (COLOURS[1], "x")}
"""Colour and marker of a verdict: distinct without colour too."""

_LONGEST = 76
"""Most characters of a name in a figure."""

LEGEND = 8.0
"""Size of legends in points."""


def by_policy(rows: Records) -> dict[str, Records]:
    """Return the rows of each policy, in the order in which the policies appear."""
    names = dict.fromkeys(str(row["policy"]) for row in rows)
    return {name: [row for row in rows if row["policy"] == name] for name in names}


def shortened(name: str) -> str:
    """Return a name that fits: both ends of a longer one, by which names differ."""
    return short(name, _LONGEST)


def add_legend(axes: Axes, handles: list[Any] | None = None, *, columns: int = 1) -> None:
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


def heading(axes: Axes, place: float, text: str) -> None:
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


def line_style(place: int) -> dict[str, Any]:
    """Return colour and style of the policy at a place: distinct for the first 24."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": STYLES[1 + place // len(COLOURS) % (len(STYLES) - 1)],
    }
