"""What `ltrr replay` prints: estimates, differences, guardrails, segments, and their notes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ltrr.errors import printable
from ltrr.replay.judging.evaluation import Evaluation, Records
from ltrr.replay.judging.metrics import REWARD
from ltrr.replay.judging.tables import DEFAULT_INTERVALS
from ltrr.replay.judging.verdict import CANNOT
from ltrr.replay.report.best import first_differences, guarded
from ltrr.replay.report.cells import guardrail_cells, has_clusters, is_adjusted, segment_cells
from ltrr.replay.report.numbers import count, estimate, marks, number, p_value
from ltrr.replay.report.segment_rows import by_segment
from ltrr.replay.report.verdict_lines import verdicts

__all__ = ["print_replay"]

LOOK = {
    "supported": "green",
    "weak": "yellow",
    "cannot answer": "red",
    "holds": "green",
    "not shown": "yellow",
    "broken": "red",
}

_WIDTH = 100
"""Columns that tables should not exceed."""

_DIFFERENCES, _SEGMENTS = 12, 24
"""Most rows of these tables; the page and the files have all."""

_RIGHT = frozenset(
    {"value", "ESS", "clusters", "difference", "change", "rows", "as logged", "p", "kept", "left out"}
)
"""Columns of numbers."""

Line = Mapping[str, str]
"""A line of a table: cells by the heads of their columns."""


def print_replay(evaluation: Evaluation) -> None:
    """Print what a replay found, the most important first."""
    _estimates(evaluation)
    _differences(evaluation)
    _guardrails(evaluation)
    _segments(evaluation)
    _left_out(evaluation)
    about = evaluation.about
    if about["columns"]:
        _say(about["columns"])
    for note in about["notes"]:
        _say(f"! {note}")


def _say(text: str) -> None:
    typer.echo(printable(text))


def _show(title: str, lines: Sequence[Line], *, without: Collection[str] = ()) -> None:
    """Print a table as wide as its cells."""
    table = Table(title=Text(printable(title)), title_justify="left")
    heads = [head for head in lines[0] if head not in without]
    for head in heads:
        table.add_column(Text(printable(head)), justify="right" if head in _RIGHT else "left", no_wrap=True)
    for line in lines:
        table.add_row(*(Text(printable(line[head]), style=LOOK.get(line[head], "")) for head in heads))
    Console(width=max(_width(lines, without), cell_len(title))).print(table, highlight=False)


def _width(lines: Sequence[Line], without: Collection[str]) -> int:
    """Return how many columns of the terminal a table takes."""
    return 1 + sum(
        3 + max(cell_len(printable(cell)) for cell in (head, *(line[head] for line in lines)))
        for head in lines[0]
        if head not in without
    )


def _estimates(evaluation: Evaluation) -> None:
    """Print the estimates of the whole log, their notes and their verdicts."""
    about = evaluation.about
    rows = [row for row in evaluation.rows["estimates"] if row["segment"] == ""]
    notes = marks(row["note"] for row in rows if row["note"])
    lines = [_estimate_line(row, notes) for row in rows]
    without = {"metric"} if _plain(rows) else set()
    without |= set() if has_clusters(rows) else {"clusters"}
    by = [line["by"] for line in lines if line["by"] != "–"]
    # several intervals of one estimate are told apart by that column alone
    asked = about["settings"]["intervals"]
    one_each = len(asked) == 1 or tuple(asked) == DEFAULT_INTERVALS
    narrow = _width(lines, without) > _WIDTH and one_each and bool(by)
    level = f"{100.0 * about['settings']['level']:.6g} % intervals"
    title = f"{about['log']}: {about['used']:,} of {about['rows']:,} rows; {level}"
    _show(title, lines, without=without | {"by"} if narrow else without)
    for note, mark in notes.items():
        _say(f"{mark} {note}")
    if narrow:
        which = "; estimates.csv says which is whose" if len(set(by)) > 1 else ""
        _say(f"intervals: {', '.join(dict.fromkeys(by))}{which}")
    for word, reason, whom in verdicts(rows):
        _say(f"{word}: {reason}")
        for estimates in whom:
            _say(f"    {estimates}")


def _estimate_line(row: Mapping[str, Any], notes: Mapping[str, str]) -> Line:
    """Return an estimate with the mark of its note."""
    value, interval = estimate(row["value"], row["low"], row["high"])
    return {
        "policy": row["policy"],
        "metric": row["metric"],
        "estimator": row["estimator"],
        "value": value,
        "interval": f"{interval} {notes.get(row['note'], '')}".rstrip(),
        "by": "–" if row["interval"] == "none" else row["interval"],
        "ESS": count(row["ess"]),
        "clusters": count(row["clusters"]),
        "verdict": row["verdict"],
    }


def _plain(rows: Records) -> bool:
    """Say whether rows are about no other metric than the reward."""
    return all(row["metric"] == REWARD for row in rows)


def _differences(evaluation: Evaluation) -> None:
    """Print the paired differences of the estimators to read first."""
    found = first_differences(evaluation)
    if not found:
        return
    lines = []
    for row in found[:_DIFFERENCES]:
        value, interval = estimate(row["difference"], row["low"], row["high"])
        lines.append(
            {
                "policy": row["policy"],
                "minus": row["against"],
                "metric": row["metric"],
                "estimator": row["estimator"],
                "difference": value,
                "interval": interval,
                "p": p_value(row["p_adjusted"]),
            }
        )
    adjusted = is_adjusted(found)
    without = ({"metric"} if _plain(found) else set()) | (set() if adjusted else {"p"})
    title = "Paired differences; p after Holm's correction" if adjusted else "Paired differences"
    _show(title, lines, without=without)
    if len(found) > len(lines):
        _say(f"{len(found) - len(lines):,} more: differences.csv")


def _guardrails(evaluation: Evaluation) -> None:
    """Print what each guardrail shows, by the estimator to read first."""
    lines = []
    for policy in evaluation.about["policies"]:
        for row in guarded(evaluation, policy):
            change, interval, outcome = guardrail_cells(row)
            lines.append(
                {
                    "policy": policy,
                    "guardrail": row["bound"],
                    "estimator": row["estimator"],
                    "change": change,
                    "interval": interval,
                    "outcome": outcome,
                }
            )
    if lines:
        _show("Guardrails: change from the value as logged", lines)


def _segments(evaluation: Evaluation) -> None:
    """Print the rewards by segment, a table a policy, by the estimator to read first."""
    by = str(evaluation.about["settings"].get("by") or "segment")
    found = by_segment(evaluation)
    for policy in dict.fromkeys(row["policy"] for row in found):
        rows = [row for row in found if row["policy"] == policy]
        title = f"By {by}: {policy} ({rows[0]['estimator']})"
        if all(row["verdict"] == CANNOT for row in rows):
            _say(f"{title}: no segment can be answered")
            continue
        heads = ("rows", "as logged", "value", "difference", "interval", "p", "verdict")
        cells = [dict(zip(heads, segment_cells(row), strict=True)) for row in rows[:_SEGMENTS]]
        lines = [{"segment": row["segment"], **more} for row, more in zip(rows, cells, strict=False)]
        _show(f"{title}; p after Holm's correction", lines)
        if len(rows) > _SEGMENTS:
            _say(f"{len(rows) - _SEGMENTS:,} more: report.html, estimates.csv, differences.csv")


def _left_out(evaluation: Evaluation) -> None:
    """Print rows that were left out next to those that were kept."""
    lines = [
        {"": row["what"], "kept": number(row["kept"]), "left out": number(row["left_out"])}
        for row in evaluation.rows["left_out"]
    ]
    if lines:
        _show("Kept and left-out rows", lines)
