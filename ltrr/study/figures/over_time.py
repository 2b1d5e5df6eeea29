"""What changes over time: the lead over the best static allocation, regret, and recall."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ltrr import _check
from ltrr.errors import InputError
from ltrr.report.canvas import Size, figure_of, makes_room, new_axes, short, sized, text_size, title
from ltrr.report.labels import LONGEST, SIZE, label_ends
from ltrr.study.figures.roles import looks, shown
from ltrr.study.tables import Tables

__all__ = ["learning", "recall", "regret"]

AGAINST = {
    "static": "the best static allocation on its own trajectory",
    "oracle": "the per-request oracle on the policy's own state",
    "class": "the best linear policy in hindsight",
    "ideal": "the ideal page",
}

NOTES = 0.7
"""Share of the width of the axes that notes below them may take: names at their right will narrow them."""


def learning(
    tables: Tables,
    *,
    ax: Axes | None = None,
    policies: Sequence[str] | None = None,
    figsize: Size | None = None,
) -> Axes:
    """Draw each policy's lead over the best static allocation over time, in windows after the warm-up.

    Parameters
    ----------
    tables : Tables
    ax : Axes, optional
    policies : sequence of str, optional
        Those to draw; by default all.
    figsize : (float, float), optional
        Width and height in inches.
    """
    static = tables.best_static
    if static is None:
        raise InputError("the study has no best static allocation to compare with over time")
    names = [name for name in shown(tables, policies) if name != static]
    axes = _axes("difference of reward a request", ax, figsize, names)
    axes.axhline(0.0, color="#000000", linewidth=1.0)
    _lines(axes, tables, "difference_static", names, zero=static)
    title(axes, f"Lead over {short(static, LONGEST)} over time")
    return axes


def regret(
    tables: Tables,
    *,
    against: str = "static",
    ax: Axes | None = None,
    policies: Sequence[str] | None = None,
    figsize: Size | None = None,
) -> Axes:
    """Draw cumulative regret against a named comparator, from the end of the warm-up.

    Parameters
    ----------
    tables : Tables
    against : str
        ``static``, ``oracle``, ``class`` or ``ideal``.
    ax, policies, figsize
        As in `learning`.
    """
    _check.choice("against", against, tuple(AGAINST))
    metric = f"regret_{against}"
    if metric not in set(tables.curves.metric):
        raise InputError(f"the run has no regret against {AGAINST[against]}")
    names = [n for n in shown(tables, policies) if against != "static" or n != tables.best_static]
    axes = _axes("cumulative regret (expected reward)", ax, figsize, names)
    axes.axhline(0.0, color="#000000", linewidth=1.0)
    _lines(axes, tables, metric, names, zero=tables.best_static if against == "static" else None)
    title(axes, f"Regret against {AGAINST[against]}")
    return axes


def recall(
    tables: Tables,
    *,
    ax: Axes | None = None,
    policies: Sequence[str] | None = None,
    figsize: Size | None = None,
) -> Axes:
    """Draw candidate recall at the budget over time; the warm-up is shaded.

    Parameters
    ----------
    tables : Tables
    ax, policies, figsize
        As in `learning`.
    """
    names = shown(tables, policies)
    axes = _axes("share of relevant items drawn", ax, figsize, names)
    warmup, text = int(tables.study["loop"]["warmup"]), ""
    if warmup:
        axes.axvspan(0, warmup, color="#888888", alpha=0.12, linewidth=0)
        axes.set_xlim(left=0.0)
        text = (
            "shaded: warm-up, where every policy chooses at random, "
            "slot by slot (slabs) or one quota (allocations)"
        )
    _lines(axes, tables, "recall_budget", names, note=text)
    title(axes, "Candidate recall at the budget")
    return axes


def _axes(y: str, ax: Axes | None, figsize: Size | None, names: Sequence[str]) -> Axes:
    width, height = sized(figsize, 7.4, max(4.4, 1.8 + 0.15 * len(names)))
    return new_axes("", "requests served", y, width=width, height=height, ax=ax)


def _lines(
    axes: Axes, tables: Tables, metric: str, names: Sequence[str], *, zero: str | None = None, note: str = ""
) -> None:
    """Draw a metric of each policy, with bands where a policy stands out, and names at the ends.

    The scale is that of the policies that stand out and those near them: what lies far off would press them
    into one line, and is named at the foot with its last value.
    """
    style = looks(tables)
    rows = tables.curves[tables.curves.metric == metric]
    own = {name: rows[rows.policy == name] for name in names if (rows.policy == name).any()}
    if not own:
        raise InputError(f"none of the policies to draw has a curve of {metric}; name others in `policies`")
    low, high = _range(own, [n for n in own if style[n].marked] or list(own), zero=zero is not None)
    inside = {n: t for n, t in own.items() if t["mean"].between(low, high).all()}
    for name, table in inside.items():
        look = style[name]
        axes.plot(
            table["round"],
            table["mean"],
            color=look.colour,
            linewidth=look.width,
            zorder=look.order,
            label=name,
        )
        if look.marked and np.isfinite(table[["low", "high"]].to_numpy()).all():
            axes.fill_between(
                table["round"], table["low"], table["high"], color=look.colour, alpha=0.13, linewidth=0
            )
    axes.set_ylim(low, high)
    axes.set_xlim(right=max(float(table["round"].iloc[-1]) for table in own.values()))
    ends = {name: (float(t["round"].iloc[-1]), float(t["mean"].iloc[-1])) for name, t in inside.items()}
    if zero is not None:
        ends[zero] = (axes.get_xlim()[1], 0.0)
    outside = {n: float(t["mean"].iloc[-1]) for n, t in own.items() if n not in inside}
    _notes(axes, tables, outside, note, sign="" if zero is None else "+")
    label_ends(
        axes,
        [x for x, _ in ends.values()],
        [y for _, y in ends.values()],
        list(ends),
        ["#000000" if name == zero else style[name].ink for name in ends],
    )


def _range(own: dict[str, pd.DataFrame], key: Sequence[str], *, zero: bool) -> tuple[float, float]:
    """Return the range of the policies that stand out, widened to others within its own height of it."""
    means = np.concatenate([own[name]["mean"].to_numpy() for name in key] + [np.zeros(1)] * zero)
    low, high = float(means.min()), float(means.max())
    reach = high - low or 1.0
    ends = [(float(table["mean"].min()), float(table["mean"].max())) for table in own.values()]
    ends = [(a, b) for a, b in ends if a >= low - reach and b <= high + reach]
    bands = np.concatenate([own[name][["low", "high"]].to_numpy().ravel() for name in key])
    bands = bands[np.isfinite(bands)]
    low, high = min(low, *(a for a, _ in ends), *bands), max(high, *(b for _, b in ends), *bands)
    margin = 0.06 * (high - low or 1.0)
    return float(low - margin), float(high + margin)


def _notes(axes: Axes, tables: Tables, outside: dict[str, float], note: str, *, sign: str) -> None:
    """Say below the axes what bands are, and who lies outside the scale."""
    n = tables.seeds
    lines = ["one seed: no bands" if n == 1 else f"means over {n} paired seeds; bands: 95 %", note]
    if outside:
        ends = (
            f"{short(name, LONGEST)}\u00a0{value:{sign}{'.0f' if abs(value) >= 100 else '.2g'}}"
            for name, value in outside.items()
        )
        lines.append(f"off the scale, at the end: {', '.join(ends)}")
    width = axes.get_window_extent().width * 72.0 / figure_of(axes).dpi
    letters = max(int(NOTES * width / text_size(axes, "n", SIZE)[0]), 20)
    text = "\n".join(textwrap.fill(line, letters, break_on_hyphens=False) for line in lines if line)
    if makes_room(axes):
        axes.set_xlabel(f"{axes.get_xlabel()}\n{text}", fontsize=8.5)
        return
    # within the axes, below all that is drawn
    axes.text(0.01, 0.01, text, fontsize=SIZE, va="bottom", transform=axes.transAxes)
    height = axes.get_window_extent().height * 72.0 / figure_of(axes).dpi
    share = min(text_size(axes, text, SIZE)[1] / height + 0.03, 0.5)
    low, high = axes.get_ylim()
    axes.set_ylim(high - (high - low) / (1.0 - share), high)
