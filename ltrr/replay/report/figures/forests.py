"""Forests: estimates with their intervals, and differences by segment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ltrr.replay.judging.answers import AS_LOGGED
from ltrr.replay.judging.evaluation import Evaluation
from ltrr.replay.judging.verdict import CANNOT
from ltrr.replay.report.best import first_differences, of_log
from ltrr.replay.report.figures.parts import LOOK, add_legend, by_policy, heading, shortened
from ltrr.replay.report.segment_rows import by_segment
from ltrr.report.canvas import new_axes, short

__all__ = ["forest", "segments"]

_SEGMENT = 28
"""Most characters of a segment's name in a figure."""


class _Line(NamedTuple):
    """A line of a forest."""

    label: str
    value: float
    low: float
    high: float
    verdict: str


def forest(evaluation: Evaluation) -> Axes:
    """Draw every estimate with its interval, policy by policy, and the reward as logged.

    An estimate that cannot be given is a cross at the left edge. Where several intervals were asked for, each
    has its own line. Other metrics and segments are left out: their scales differ.
    """
    table = of_log(evaluation.rows["estimates"])
    several = len({row["interval"] for row in table if math.isfinite(row["value"])}) > 1
    lines = {
        policy: [
            _Line(
                f"{row['estimator']} · {row['interval']}"
                if several and math.isfinite(row["value"])
                else row["estimator"],
                row["value"],
                row["low"],
                row["high"],
                row["verdict"],
            )
            for row in rows
        ]
        for policy, rows in by_policy(table).items()
    }
    logged = [line.value for line in lines.get(AS_LOGGED, ())]
    return _draw("Estimated value of each policy", "reward a request", lines, logged[:1], AS_LOGGED)


def segments(evaluation: Evaluation) -> Axes:
    """Draw the differences from the reward as logged by segment and policy, those of all rows first."""
    everywhere = {
        row["policy"]: row for row in of_log(first_differences(evaluation)) if row["against"] == AS_LOGGED
    }
    lines = {}
    for policy, rows in by_policy(by_segment(evaluation)).items():
        first = everywhere.get(policy)
        lines[policy] = [
            *([_line("all rows", first, "low", "high", "difference")] if first else []),
            *(
                _line(short(row["segment"], _SEGMENT), row, "difference_low", "difference_high")
                for row in rows
            ),
        ]
    by = shortened(str(evaluation.about["settings"].get("by") or "segment"))
    title = f"Difference from the reward as logged, by {by}"
    return _draw(title, "reward a request, difference", lines, [0.0], "no difference")


def _line(label: str, row: Mapping[str, Any], low: str, high: str, value: str = "difference") -> _Line:
    return _Line(label, row[value], row[low], row[high], row["verdict"])


def _draw(
    title: str,
    scale: str,
    lines: Mapping[str, Sequence[_Line]],
    reference: Sequence[float],
    name: str,
) -> Axes:
    """Draw lines under the names of their policies, and a dotted one at the reference."""
    n_lines = sum(map(len, lines.values()))
    axes = new_axes(title, scale, "", width=8.6, height=1.4 + 0.3 * (n_lines + len(lines)))
    y, ticks, labels, heads = 0.0, [], [], []
    for policy, of_policy in lines.items():
        heads.append((y, policy))
        y -= 0.8
        for line in of_policy:
            _draw_line(axes, y, line)
            ticks.append(y)
            labels.append(line.label)
            y -= 1.0
        y -= 0.5
    axes.set_yticks(ticks, labels, fontsize=8)
    for place, policy in heads:
        heading(axes, place, shortened(policy))
    known = [value for value in reference if math.isfinite(value)]
    for value in known:
        axes.axvline(value, color="#555555", linewidth=0.9, linestyle=":")
    axes.set_ylim(y + 0.4, 0.8)
    axes.grid(visible=False, axis="y")
    seen = {line.verdict for of_policy in lines.values() for line in of_policy}
    handles = [
        Line2D([], [], color=c, marker=m, linestyle="-" if v != CANNOT else "", label=v)
        for v, (c, m) in LOOK.items()
        if v in seen
    ]
    if reference:
        handles.append(Line2D([], [], color="#555555", linestyle=":", label=name))
    add_legend(axes, handles, columns=len(handles))
    return axes


def _draw_line(axes: Axes, y: float, line: _Line) -> None:
    colour, marker = LOOK[line.verdict]
    if not math.isfinite(line.value):
        # what has no value has no place on the scale either
        axes.plot([0.015], [y], marker, color=colour, markersize=6, transform=axes.get_yaxis_transform())
        return
    if math.isfinite(line.low) and math.isfinite(line.high):
        axes.plot([line.low, line.high], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
    axes.plot([line.value], [y], marker, color=colour, markersize=5.5)
