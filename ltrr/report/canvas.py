"""What all figures and pages share: axes, colours, stamps, and figures as SVG and PNG."""

from __future__ import annotations

import io
import re
import textwrap
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine, PlaceHolderLayoutEngine
from matplotlib.text import Text

from ltrr._state import write_aside
from ltrr.errors import InputError, printable

__all__ = [
    "COLOURS",
    "STAMP_HEIGHT",
    "STYLES",
    "Size",
    "as_svg",
    "dress",
    "figure_of",
    "foot",
    "lettering",
    "makes_room",
    "new_axes",
    "new_figure",
    "save_png",
    "short",
    "sized",
    "stamp",
    "text_size",
    "title",
]

# Okabe and Ito's palette, distinct to colour-blind eyes; line styles and markers tell repeats apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D00")

Size = tuple[float, float | None]
"""Width and height of a figure in inches; a height of None is as high as the figure needs."""

STAMP_HEIGHT = 0.17
"""Inches at the foot of a figure that are kept for the stamp."""

TITLE = 11.0
"""Size of titles in points."""

STAMP_LETTERS = 100
"""Most characters of a stamp."""

STYLES = ("-", "--", "-.", ":")


def sized(figsize: Size | None, width: float, height: float) -> tuple[float, float]:
    """Return the size that is asked for, or a figure's own where it is not; a height of None is its own too.

    Examples
    --------
    >>> sized(None, 7.0, 4.0), sized((5.0, None), 7.0, 4.0), sized((5.0, 3.0), 7.0, 4.0)
    ((7.0, 4.0), (5.0, 4.0), (5.0, 3.0))
    """
    if figsize is None:
        return width, height
    known = [size for size in figsize if size is not None] if isinstance(figsize, (tuple, list)) else []
    if len(known) not in (1, 2) or len(figsize) != 2 or figsize[0] is None or not all(v > 0.0 for v in known):
        raise InputError(f"`figsize` must be (width, height) in inches, both > 0, got {figsize!r}")
    return figsize[0], height if figsize[1] is None else figsize[1]


def new_axes(
    name: str, x: str, y: str, *, width: float = 7.2, height: float = 4.4, ax: Axes | None = None
) -> Axes:
    """Return the axes of a figure of their own, sizes in inches; or ``ax``, dressed alike."""
    axes: Axes = new_figure((width, height)).add_subplot() if ax is None else ax
    axes.set_title(name, loc="left", fontsize=TITLE)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    dress(axes)
    return axes


def new_figure(size: tuple[float, float]) -> Figure:
    """Return an empty figure of ``(width, height)`` inches that is drawn without a screen.

    Its foot is kept for the stamp from the start: names are placed by the height of the axes, which a stamp
    that pushed them up would change.
    """
    share = foot(size[1])
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(rect=(0.0, share, 1.0, 1.0 - share)))
    FigureCanvasAgg(figure)
    return figure


def foot(height: float) -> float:
    """Return the share of a figure's height in inches that is kept for the stamp.

    Examples
    --------
    >>> foot(3.4)
    0.05
    """
    return STAMP_HEIGHT / height


def dress(axes: Axes) -> None:
    """Give axes a light grid and no frame at top and right."""
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def stamp(axes: Axes, text: str) -> None:
    """Say in a corner of the figure what it is of: study or log, seed, version; below all that is drawn."""
    axes.annotate(
        short(text, STAMP_LETTERS),
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
    r"""Return text for a figure: nothing in it is taken for mathematics or drawn as a control character.

    Examples
    --------
    >>> lettering("$x_1$ and a\tb")
    '\\$x_1\\$ and a\\tb'
    """
    return printable(text).replace("$", r"\$")


def short(name: str, longest: int) -> str:
    """Return a name for a figure, of a longer one both ends: they are what tells names apart.

    Examples
    --------
    >>> short("linucb", 9), short("linucb-with-many-words-2", 9)
    ('linucb', 'linu…ds-2')
    """
    if len(name) <= longest:
        return lettering(name)
    tail = (longest - 1) // 2
    return lettering(f"{name[: longest - 1 - tail]}…{name[-tail:]}")


def makes_room(axes: Axes) -> bool:
    """Say whether the figure of axes makes room for what is at the side of them.

    Examples
    --------
    >>> makes_room(new_axes("title", "x", "y")), makes_room(Figure().add_subplot())
    (True, False)
    """
    engine = figure_of(axes).get_layout_engine()
    return engine is not None and not isinstance(engine, PlaceHolderLayoutEngine)


def text_size(axes: Axes, text: str, points: float) -> tuple[float, float]:
    """Return width and height in points that a text of a size takes in the figure of axes."""
    figure = figure_of(axes)
    box = Text(0, 0, text, fontsize=points, figure=figure).get_window_extent()
    scale = 72.0 / figure.dpi
    return box.width * scale, box.height * scale


def title(axes: Axes, text: str, *, pad: float | None = None) -> None:
    """Write a title in lines that fit: to the figure's edge, or to that of the axes next to others.

    Parameters
    ----------
    axes : Axes
        All else that takes room next to them must be drawn already: the layout is fixed here.
    text : str
        As `lettering` returns it.
    pad : float, optional
        Points between title and axes.
    """
    figure = figure_of(axes)
    axes.set_title(text, loc="left", fontsize=TITLE, pad=pad)
    figure.draw_without_rendering()
    box = axes.get_window_extent()
    edge = figure.bbox.x1 if len(figure.axes) == 1 else box.x1
    room, width = (edge - box.x0) * 72.0 / figure.dpi, text_size(axes, text, TITLE)[0]
    if width > room:
        lines = textwrap.fill(text, max(int(0.95 * len(text) * room / width), 8))
        axes.set_title(lines, loc="left", fontsize=TITLE, pad=pad)


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
    _fix(figure_of(axes))
    figure_of(axes).savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    start = text.index("<svg") + len("<svg")
    said = (
        Markup(' role="img" aria-label="{}"').format(printable(alternative.replace("\n", " ")))
        if alternative
        else Markup()
    )
    return Markup("<svg") + said + Markup(text[start:])  # noqa: S704 - no user's text gets there unescaped


def _fix(figure: Figure) -> None:
    """Fix the layout where it is, to a millionth: its solver's last digits differ from time to time."""
    if isinstance(figure.get_layout_engine(), PlaceHolderLayoutEngine):
        return  # fixed before, for another format
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(tuple(round(value, 6) for value in axes.get_position().bounds))


def save_png(folder: Path, drawn: list[tuple[str, Axes, str]]) -> None:
    """Write figures as PNG without the time or the version of the drawing library in them."""
    for name, axes, _ in drawn:
        buffer = io.BytesIO()
        _fix(figure_of(axes))
        figure_of(axes).savefig(buffer, format="png", dpi=150, metadata={"Software": None})
        safe = re.sub(r"[^\w.-]", "-", name)
        write_aside(folder / f"{safe}.png", buffer.getvalue())
