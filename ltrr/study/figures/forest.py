"""Forest of paired differences to the best static allocation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ltrr import _check
from ltrr.errors import InputError, nearest
from ltrr.report.canvas import TITLE, Size, dress, new_axes, new_figure, short, sized, title
from ltrr.report.labels import LONGEST
from ltrr.study.cells import SETS
from ltrr.study.figures.roles import looks, shown, with_seeds
from ltrr.study.tables import Tables

__all__ = ["differences"]

NARROW = 6.0
"""Inches of width up to which panels are drawn below one another."""

_TITLES = {"all": "all requests"} | {name: name for name in SETS if name != "all"}
_PANELS = ("all", "repeated", "first-time", "held-out")
"""Sets that are drawn unless asked: reserved requests are among the held-out ones."""


def differences(
    tables: Tables,
    *,
    of: str | None = None,
    ax: Axes | None = None,
    policies: Sequence[str] | None = None,
    figsize: Size | None = None,
) -> Axes:
    """Draw each policy's paired difference of rewards to the best static allocation, with two intervals.

    The thick line is the 95 % interval of the difference alone; the thin one is corrected by Holm over all
    differences of the study, and excludes zero where the difference is found.

    Parameters
    ----------
    tables : Tables
    of : str, optional
        One set of requests: ``all``, ``repeated``, ``first-time``, ``held-out`` or ``reserved``; by default a
        panel for each of the first four, or ``all`` where ``ax`` is given.
    ax : Axes, optional
        Where to draw one set.
    policies : sequence of str, optional
        Those to draw; by default all.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Axes
        The first panel.
    """
    static = tables.best_static
    if static is None:
        raise InputError("the study has no best static allocation, so there are no differences to draw")
    if of is not None:
        _check.choice("of", of, tuple(SETS))
    names = [name for name in shown(tables, policies) if name != static]
    known = set(tables.differences.set)
    sets = [of or "all"] if of is not None or ax is not None else [name for name in _PANELS if name in known]
    if not names:
        raise InputError(f"there is no policy besides {static} whose difference could be drawn")
    if not known.issuperset(sets):
        raise InputError(f"the run has no differences on {sets[0]} requests{nearest(sets[0], known)}")
    labels = [short(name, LONGEST) for name in names]
    text = f"Reward a request: difference to {short(static, LONGEST)}"
    beside = 0.75 + 0.07 * max(map(len, labels))
    width = max(2.0, beside) + max(2.1 * len(sets), 4.2) if figsize is None else figsize[0]
    columns = len(sets) if width > NARROW else 1  # below one another where there is no room side by side
    width, height = sized(figsize, width, (0.75 + 0.27 * len(names)) * (len(sets) // columns) + 0.55)
    if ax is not None or len(sets) == 1:
        panels = [new_axes("", "", "", width=width, height=height, ax=ax)]
    else:
        figure = new_figure((width, height))
        grid = figure.subplots(len(sets) // columns, columns, sharex=True, sharey=True, squeeze=False)
        panels = list(grid.reshape(-1))
        figure.suptitle(text, fontsize=TITLE, x=0.01, ha="left")
    scale = _range(tables, sets, names)
    for panel, name in zip(panels, sets, strict=True):
        _panel(panel, tables, name, names, scale)
    first: Axes = panels[0]
    first.set_yticks(np.arange(len(names)), labels)
    first.set_ylim(len(names) - 0.4, -0.6)
    if len(panels) == 1:
        first.set_title("", loc="left")
        title(first, f"{text}, {_TITLES[sets[0]]}")
    return first


def _panel(axes: Axes, tables: Tables, of: str, names: Sequence[str], scale: tuple[float, float]) -> None:
    """Draw one set of requests; a mean beyond the scale stands at its edge as a number."""
    style = looks(tables)
    dress(axes)
    axes.axvline(0.0, color="#000000", linewidth=1.0)
    rows, (low, high) = _rows(tables, of, names), scale
    for place, name in enumerate(names):
        if name not in rows:
            continue
        row, look = rows[name], style[name]
        if not low <= row["mean"] <= high:
            edge, side = (low, "left") if row["mean"] < low else (high, "right")
            text = f"◂ {row['mean']:+.2f}" if side == "left" else f"{row['mean']:+.2f} ▸"
            axes.annotate(
                text,
                (edge, place),
                xytext=(3 if side == "left" else -3, 0),
                textcoords="offset points",
                fontsize=8,
                color=look.ink,
                ha=side,
                va="center",
            )
            continue
        if np.isfinite([row["low"], row["high"]]).all():
            axes.plot([row["low"], row["high"]], [place, place], color=look.colour, linewidth=3.2, alpha=0.55)
            axes.plot([row["holm_low"], row["holm_high"]], [place, place], color=look.colour, linewidth=0.9)
        axes.plot([row["mean"]], [place], "o", color=look.colour, markersize=4.5 if look.marked else 3.5)
    axes.set_xlim(low, high)
    axes.set_title(_TITLES[of], loc="left", fontsize=9.5)
    axes.set_xlabel(with_seeds(tables, "difference"), fontsize=8.5)
    axes.tick_params(labelsize=8.5, labelbottom=True)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.grid(visible=False, axis="y")


def _rows(tables: Tables, of: str, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return mean and ends of each policy's difference on a set of requests."""
    pairs = {name: tables.pairs(name, str(tables.best_static)) for name in names}
    columns = ("mean", "low", "high", "holm_low", "holm_high")
    return {
        name: {column: float(own[column][of]) for column in columns}
        for name, own in pairs.items()
        if of in own.index
    }


def _range(tables: Tables, sets: Sequence[str], names: Sequence[str]) -> tuple[float, float]:
    """Return the scale of all panels: means far below would press all others together, and stand at its edge.

    What lies within 2.5 times the median distance from zero, or above zero, is shown with its whole
    intervals, and so is each mean that these intervals reach.
    """
    rows = [row for of in sets for row in _rows(tables, of, names).values()]
    near = 2.5 * float(np.median([abs(row["mean"]) for row in rows]))
    low, high, before = -near, max(row["mean"] for row in rows), -1
    shown: list[dict[str, float]] = []
    while len(shown) > before:
        before = len(shown)
        shown = [row for row in rows if low <= row["mean"] <= high]
        ends = [row[c] for row in shown for c in ("mean", "holm_low", "holm_high") if np.isfinite(row[c])]
        low, high = min(low, *ends), max(high, *ends)
    # the scale ends where what is drawn ends, not where it was sought
    low, high = min(0.0, *ends), max(0.0, *ends)
    margin = 0.05 * (high - low or 1.0)
    return low - margin, high + margin
