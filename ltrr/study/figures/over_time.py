"""What changes over time: the lead over the best static allocation, regret, and recall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ltrr import _check
from ltrr.errors import InputError
from ltrr.report.canvas import lettering, new_axes
from ltrr.report.labels import label_ends
from ltrr.study.figures.roles import looks, shown
from ltrr.study.tables import Tables

__all__ = ["learning", "recall", "regret"]

AGAINST = {
    "static": "the best static allocation on its own trajectory",
    "oracle": "the per-request oracle on the policy's own state",
    "class": "the best linear policy in hindsight",
    "ideal": "the ideal page",
}

Size = tuple[float, float]


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
    axes = _axes(f"Lead over {lettering(static)} over time", "difference of reward a request", ax, figsize)
    names = [name for name in shown(tables, policies) if name != static]
    axes.axhline(0.0, color="#000000", linewidth=1.0)
    _lines(axes, tables, "difference_static", names, zero=static)
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
    axes = _axes(f"Regret against {AGAINST[against]}", "cumulative regret (expected reward)", ax, figsize)
    names = [n for n in shown(tables, policies) if against != "static" or n != tables.best_static]
    axes.axhline(0.0, color="#000000", linewidth=1.0)
    _lines(axes, tables, metric, names, zero=tables.best_static if against == "static" else None)
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
    axes = _axes("Candidate recall at the budget", "share of relevant items drawn", ax, figsize)
    warmup = int(tables.study["loop"]["warmup"])
    if warmup:
        axes.axvspan(0, warmup, color="#888888", alpha=0.12, linewidth=0)
        note = "shaded: warm-up, all choose at random (slabs: slot by slot; allocations: a whole quota)"
        axes.set_xlabel(f"{axes.get_xlabel()}\n{note}", fontsize=8.5)
    _lines(axes, tables, "recall_budget", shown(tables, policies))
    return axes


def _axes(title: str, y: str, ax: Axes | None, figsize: Size | None) -> Axes:
    width, height = figsize or (7.4, 4.4)
    return new_axes(title, "requests served", y, width=width, height=height, ax=ax)


def _lines(axes: Axes, tables: Tables, metric: str, names: Sequence[str], *, zero: str | None = None) -> None:
    """Draw a metric of each policy, with bands where a policy stands out, and names at the ends.

    The scale is that of the policies that stand out and those near them: what lies far off would press them
    into one line, and is named at the foot with its last value.
    """
    style = looks(tables)
    rows = tables.curves[tables.curves.metric == metric]
    own = {name: rows[rows.policy == name] for name in names if (rows.policy == name).any()}
    if not own:
        raise InputError(f"the run has no curve of {metric}")
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
    label_ends(
        axes,
        [x for x, _ in ends.values()],
        [y for _, y in ends.values()],
        list(ends),
        ["#000000" if name == zero else style[name].colour for name in ends],
    )
    _notes(axes, tables, {n: float(t["mean"].iloc[-1]) for n, t in own.items() if n not in inside})


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


def _notes(axes: Axes, tables: Tables, outside: dict[str, float]) -> None:
    """Say what bands are, and who lies outside the scale."""
    text = (
        "one seed: no bands" if tables.seeds == 1 else f"means over {tables.seeds} paired seeds; bands: 95 %"
    )
    if outside:
        ends = (
            f"{lettering(n)} {v:+.0f}" if abs(v) >= 100 else f"{lettering(n)} {v:+.2g}"
            for n, v in outside.items()
        )
        text += f"\noff the scale: {', '.join(ends)}"
    axes.set_xlabel(f"{axes.get_xlabel()}\n{text}", fontsize=8.5)
