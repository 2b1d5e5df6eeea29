"""Names in figures that do not cover one another: at the ends of lines, and next to points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from sklearn.isotonic import isotonic_regression

from ltrr.report.canvas import figure_of, lettering
from ltrr.types import Float64

__all__ = ["label_ends", "label_points", "spread"]

LINE = 1.25
"""Height of a line of text in font sizes."""

LETTER = 0.62
"""Width of a letter in font sizes, on average, rounded up."""


NEAR, FAR = (0, 180, 45, -45, 135, -135, 90, -90), (45, 135, -45, -135, 90, -90, 180, 0)
"""Directions in degrees in the order in which they are tried: next to the point, and farther off."""


def _line(colour: str) -> dict[str, Any]:
    """Return what joins a name to its place."""
    return {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 1}


def spread(place: Float64, gap: float, low: float, high: float) -> Float64:
    """Return places at least ``gap`` apart, in the same order, as near to the given ones as can be.

    Least squares under these bounds is an isotonic regression of the places less their rank times the gap.

    Parameters
    ----------
    place : float64 (n,)
        Wanted places.
    gap : float
    low, high : float
        Range that the places should keep to; where there is not room enough they share it evenly.

    Examples
    --------
    >>> spread(np.array([0.5, 0.5, 0.9]), 0.2, 0.0, 1.0).round(2).tolist()
    [0.4, 0.6, 0.9]
    """
    n = len(place)
    if n == 0:
        return np.empty(0)
    gap = min(gap, (high - low) / max(n - 1, 1))
    order = np.argsort(place, kind="stable")
    steps = gap * np.arange(n)
    flat = isotonic_regression(place[order] - steps, y_min=low, y_max=high - steps[-1])
    out = np.empty(n)
    out[order] = flat + steps
    return out


def label_ends(
    axes: Axes, x: Sequence[float], y: Sequence[float], names: Sequence[str], colours: Sequence[str]
) -> None:
    """Write a name at the right of the axes for each line's end, joined to it by a thin line.

    Parameters
    ----------
    axes : Axes
        With its limits and size final; its figure is laid out here.
    x, y : sequence of float
        Ends of the lines in data coordinates.
    names, colours : sequence of str
    """
    size = 8.0
    figure_of(axes).draw_without_rendering()  # the layout must be known before places are sought
    height = axes.get_position().height * figure_of(axes).get_size_inches()[1] * 72.0
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = np.array([to_axes.transform(point) for point in zip(x, y, strict=True)]).reshape(-1, 2)
    places = spread(np.clip(ends[:, 1], 0.0, 1.0), size * LINE / height, 0.0, 1.0)
    for (start, level), place, name, colour in zip(ends, places, names, colours, strict=True):
        axes.annotate(
            lettering(name),
            (start, np.clip(level, 0.0, 1.0)),
            (1.04, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            fontsize=size,
            color=colour,
            va="center",
            arrowprops=_line(colour) | {"relpos": (0.0, 0.5)},
            annotation_clip=False,
        )


def label_points(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    names: Sequence[str],
    colours: Sequence[str],
    *,
    bars: Sequence[tuple[float, float]] = (),
) -> None:
    """Write each name next to its point where it covers neither a point nor another name.

    Places around the point are tried from near to far; a name that stands farther off is joined to it.

    Parameters
    ----------
    axes : Axes
        With its limits and size final; its figure is laid out here.
    x, y : sequence of float
        Points in data coordinates.
    names, colours : sequence of str
    bars : sequence of (float, float), optional
        Lower and upper ends of vertical bars through the points, not to be covered either.
    """
    size = 8.0
    figure_of(axes).draw_without_rendering()  # the layout must be known before places are sought
    scale = figure_of(axes).dpi / 72.0
    points = [axes.transData.transform(point) / scale for point in zip(x, y, strict=True)]
    frame = axes.get_window_extent()
    low, high = np.array(frame.min) / scale, np.array(frame.max) / scale
    taken = [(p - 3.0, p + 3.0) for p in points]
    for middle, (bottom, top) in zip(x, bars, strict=False):
        ends = [axes.transData.transform((middle, end)) / scale for end in (bottom, top)]
        taken.append((ends[0] - 1.0, ends[1] + 1.0))
    for at, point, name, colour in zip(zip(x, y, strict=True), points, names, colours, strict=True):
        box = np.array([LETTER * size * len(name), LINE * size])
        place, far = _free(point, box, taken, low, high)
        taken.append((place, place + box))
        axes.annotate(
            lettering(name),
            at,
            tuple(place - point),
            textcoords="offset points",
            fontsize=size,
            color=colour,
            va="bottom",
            arrowprops=_line(colour) if far else None,
        ).set_in_layout(False)


def _free(
    point: Float64, box: Float64, taken: list[tuple[Float64, Float64]], low: Float64, high: Float64
) -> tuple[Float64, bool]:
    """Return the lower left corner of the first free place of a box around a point, and if it is far off."""
    corner = point + 5.0
    for step, radius in enumerate((6.0, 14.0, 24.0, 36.0, 50.0, 66.0)):
        for angle in np.deg2rad(NEAR if step == 0 else FAR):
            towards = np.array([np.cos(angle), np.sin(angle)])
            corner = point + radius * towards + box * ((towards > 0.3) * 0.5 - (towards < -0.3) * 0.5 - 0.5)
            inside = (corner >= low).all() and (corner + box <= high).all()
            if inside and not any((corner < b).all() and (corner + box > a).all() for a, b in taken):
                return corner, step > 0
    return corner, True
