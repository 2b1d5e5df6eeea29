"""What all figures and pages share: axes, colours, stamps, and figures as SVG and PNG."""

from __future__ import annotations

import io
import re
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ltrr._state import write_aside
from ltrr.errors import printable

__all__ = [
    "COLOURS",
    "STYLES",
    "as_svg",
    "dress",
    "figure_of",
    "lettering",
    "new_axes",
    "new_figure",
    "save_png",
    "stamp",
]

# Okabe and Ito's palette, distinct to colour-blind eyes; line styles and markers tell repeats apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D00")
STAMP_HEIGHT = 0.17
"""Inches that the stamp takes at the foot of a figure."""

STYLES = ("-", "--", "-.", ":")


def new_axes(
    title: str, x: str, y: str, *, width: float = 7.2, height: float = 4.4, ax: Axes | None = None
) -> Axes:
    """Return the axes of a figure of their own, sizes in inches; or ``ax``, dressed alike."""
    axes: Axes = new_figure((width, height)).add_subplot() if ax is None else ax
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    dress(axes)
    return axes


def new_figure(size: tuple[float, float]) -> Figure:
    """Return an empty figure of ``(width, height)`` inches that is drawn without a screen."""
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes) -> None:
    """Give axes a light grid and no frame at top and right."""
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def stamp(axes: Axes, text: str) -> None:
    """Say in a corner of the figure what it is of: study or log, seed, version; below all that is drawn."""
    figure = figure_of(axes)
    share = STAMP_HEIGHT / figure.get_size_inches()[1]
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0.0, share, 1.0, 1.0 - share))
    axes.annotate(
        lettering(text),
        (1, 0),
        xycoords="figure fraction",
        fontsize=6.5,
        color="#777777",
        ha="right",
        va="bottom",
        xytext=(-4, 3),
        textcoords="offset points",
        annotation_clip=False,
    ).set_in_layout(False)


def lettering(text: str) -> str:
    """Return text for a figure: nothing in it is taken for mathematics or drawn as a control character."""
    return printable(text).replace("$", r"\$")


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes belong to."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes were taken out of their figure")
    return figure


def as_svg(axes: Axes, alternative: str = "") -> Markup:
    """Return a figure as inline SVG: drawn by matplotlib, which escapes the texts it is given.

    Parameters
    ----------
    axes : Axes
    alternative : str
        What the figure shows in words, for readers that cannot see it.
    """
    buffer = io.StringIO()
    figure_of(axes).savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    start = text.index("<svg") + len("<svg")
    said = Markup(' role="img" aria-label="{}"').format(printable(alternative)) if alternative else Markup()
    return Markup("<svg") + said + Markup(text[start:])  # noqa: S704 - no user's text gets there unescaped


def save_png(folder: Path, drawn: list[tuple[str, Axes, str]]) -> None:
    """Write figures as PNG without the time or the version of the drawing library in them."""
    for name, axes, _ in drawn:
        buffer = io.BytesIO()
        figure_of(axes).savefig(buffer, format="png", dpi=150, metadata={"Software": None})
        safe = re.sub(r"[^\w.-]", "-", name)
        write_aside(folder / f"{safe}.png", buffer.getvalue())
