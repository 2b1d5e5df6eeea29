"""What all figures and pages share: axes, colours, stamps, and figures as SVG and PNG."""

from __future__ import annotations

import io
import re
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ltrr._state import write_aside
from ltrr.errors import printable

__all__ = ["COLOURS", "STYLES", "as_svg", "figure_of", "lettering", "new_axes", "save_png", "stamp"]

# Okabe and Ito's palette, distinct to colour-blind eyes; line styles and markers tell repeats apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D00")
STYLES = ("-", "--", "-.", ":")


def new_axes(title: str, x: str, y: str, *, width: float = 7.2, height: float = 4.4) -> Axes:
    """Return the axes of a figure of their own, sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def stamp(axes: Axes, text: str) -> None:
    """Say in a corner of the figure what it is of: study or log, seed, version."""
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
    """Return the figure that axes stand in."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes were taken out of their figure")
    return figure


def as_svg(axes: Axes) -> Markup:
    """Return a figure as inline SVG: drawn by matplotlib, which escapes the texts it is given."""
    buffer = io.StringIO()
    figure_of(axes).savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])  # noqa: S704 - no text of a user's gets there unescaped


def save_png(folder: Path, drawn: list[tuple[str, Axes, str]]) -> None:
    """Write figures as PNG without the time or the version of the drawing library in them."""
    for name, axes, _ in drawn:
        buffer = io.BytesIO()
        figure_of(axes).savefig(buffer, format="png", dpi=150, metadata={"Software": None})
        safe = re.sub(r"[^\w.-]", "-", name)
        write_aside(folder / f"{safe}.png", buffer.getvalue())
