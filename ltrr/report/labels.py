"""Names in figures that do not cover one another: at the ends of lines, and next to points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from sklearn.isotonic import isotonic_regression

from ltrr.report.canvas import figure_of, makes_room, short, text_size
from ltrr.types import Float64

__all__ = ["label_ends", "label_points", "spread"]

LINE = 1.25
"""Height of a line of text in font sizes."""

SIZE = 8.0
"""Size of names in points, where there is room enough."""

LONGEST = 36
"""Most characters of a name."""

Point = tuple[float, float]

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

    In a figure without a layout engine, which makes no room next to axes, names stand within them, and the
    scale is widened to the right.

    Parameters
    ----------
    axes : Axes
        With its limits and size final; its figure is laid out here.
    x, y : sequence of float
        Ends of the lines in data coordinates.
    names, colours : sequence of str

    Examples
    --------
    >>> from ltrr.report.canvas import new_axes
    >>> axes = new_axes("title", "x", "y")
    >>> label_ends(axes, [1.0, 1.0], [0.5, 0.5], ["one", "another"], ["#000000", "#0072B2"])
    >>> low, high = (text.xyann[1] for text in axes.texts)
    >>> bool(low < 0.5 < high)
    True
    """
    if not names:
        return
    figure = figure_of(axes)
    figure.draw_without_rendering()  # the layout must be known before places are sought
    box = axes.get_window_extent()
    width, height = box.width * 72.0 / figure.dpi, box.height * 72.0 / figure.dpi
    size = min(SIZE, height / (LINE * len(names)))
    texts = [short(name, LONGEST) for name in names]
    start = 1.04
    if not makes_room(axes):
        start = max(0.99 - max(text_size(axes, text, size)[0] for text in texts) / width, 0.3)
        low, high = axes.get_xlim()
        axes.set_xlim(low, low + (high - low) / (start - 0.04))
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = np.array([to_axes.transform(point) for point in zip(x, y, strict=True)]).reshape(-1, 2)
    half = size * LINE / height / 2.0
    places = spread(np.clip(ends[:, 1], 0.0, 1.0), 2.0 * half, half, 1.0 - half)
    for (across, level), place, text, colour in zip(ends, places, texts, colours, strict=True):
        axes.annotate(
            text,
            (across, np.clip(level, 0.0, 1.0)),
            (start, place),
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
    lines: Sequence[tuple[Point, Point]] = (),
) -> None:
    """Write each name next to its point where it covers neither a point, a line nor another name.

    Places around the point are tried from near to far; a name that stands farther off is joined to it. Where
    a name finds no place, all are written at the right of the axes.

    Parameters
    ----------
    axes : Axes
        With its limits and size final; its figure is laid out here.
    x, y : sequence of float
        Points in data coordinates.
    names, colours : sequence of str
    lines : sequence of ((float, float), (float, float)), optional
        Ends of straight lines in data coordinates, not to be covered either.

    Examples
    --------
    >>> from ltrr.report.canvas import new_axes
    >>> axes = new_axes("title", "x", "y")
    >>> label_points(axes, [0.4, 0.6], [0.5, 0.5], ["one", "another"], ["#000000", "#0072B2"])
    >>> [text.get_text() for text in axes.texts]
    ['one', 'another']
    """
    figure = figure_of(axes)
    figure.draw_without_rendering()  # the layout must be known before places are sought
    scale = figure.dpi / 72.0
    points = [axes.transData.transform(point) / scale for point in zip(x, y, strict=True)]
    frame = axes.get_window_extent()
    bounds = np.array(frame.min) / scale, np.array(frame.max) / scale
    taken = [(p - 3.0, p + 3.0) for p in points]
    for line in lines:
        taken += _steps(*(axes.transData.transform(end) / scale for end in line))
    texts = [short(name, LONGEST) for name in names]
    found = []
    for point, text in zip(points, texts, strict=True):
        box = np.array(text_size(axes, text, SIZE)) + 2.0
        place = _free(point, box, taken, bounds)
        if place is None:
            label_ends(axes, x, y, names, colours)
            return
        corner, far = place
        taken.append((corner, corner + box))
        if far:
            taken += _steps(point, np.clip(point, corner, corner + box))
        found.append((corner + 1.0, far))
    for at, point, text, colour, (corner, far) in zip(
        zip(x, y, strict=True), points, texts, colours, found, strict=True
    ):
        axes.annotate(
            text,
            at,
            tuple(corner - point),
            textcoords="offset points",
            fontsize=SIZE,
            color=colour,
            va="bottom",
            arrowprops=_line(colour) if far else None,
        ).set_in_layout(False)


def _steps(start: Float64, end: Float64) -> list[tuple[Float64, Float64]]:
    """Return small boxes along a line, two points apart."""
    n = int(np.hypot(*(end - start)) / 2.0) + 2
    places = start + np.linspace(0.0, 1.0, n)[:, None] * (end - start)
    return [(place - 1.0, place + 1.0) for place in places]


def _free(
    point: Float64, box: Float64, taken: list[tuple[Float64, Float64]], bounds: tuple[Float64, Float64]
) -> tuple[Float64, bool] | None:
    """Return the lower left corner of the first free place of a box around a point, and if it is far off."""
    low, high = np.array([a for a, _ in taken]), np.array([b for _, b in taken])
    for step, radius in enumerate((6.0, 14.0, 24.0, 36.0, 50.0, 66.0)):
        for angle in np.deg2rad(NEAR if step == 0 else FAR):
            towards = np.array([np.cos(angle), np.sin(angle)])
            corner = point + radius * towards + box * ((towards > 0.3) * 0.5 - (towards < -0.3) * 0.5 - 0.5)
            inside = (corner >= bounds[0]).all() and (corner + box <= bounds[1]).all()
            if inside and not ((corner < high) & (corner + box > low)).all(axis=1).any():
                return corner, step > 0
    return None
