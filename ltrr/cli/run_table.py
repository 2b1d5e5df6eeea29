"""What `ltrr simulate` prints of a finished run: verdict, what to know besides, one row a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ltrr.errors import printable

if TYPE_CHECKING:
    from ltrr.study.tables import Tables

__all__ = ["print_run"]

LOOK = {
    "yes": "green",
    "yes, at a price": "yellow",
    "not shown": "yellow",
    "no": "red",
    "cannot answer": "red",
}
SPREAD = ("reward",)
"""Metrics that are shown with half their interval."""


def print_run(tables: Tables) -> None:
    """Print a finished run: the table of policies, the verdict, and what would mislead a reader."""
    from ltrr.study.findings import findings
    from ltrr.study.ground_text import topics_line
    from ltrr.study.verdict import verdict

    _print_table(tables)
    console = Console(width=None if Console().is_terminal else 100)
    found = verdict(tables)
    if found is not None:
        line = Text(f"Ship {printable(found.policy)}? ", style="bold")
        line.append(f"{found.answer.capitalize()}.", style=f"bold {LOOK.get(found.answer, '')}")
        console.print(line, highlight=False)
        for sentence in (found.detail, *found.reasons):
            console.print(Text(printable(sentence)), highlight=False)
    topics = topics_line(tables)
    if topics:
        console.print(Text(topics), highlight=False)
    for sentence in (*findings(tables), *tables.notes):
        console.print(Text(f"! {printable(sentence)}"), highlight=False)


def _print_table(tables: Tables) -> None:
    """Print one row a policy, best first, with as many columns as fit next to whole names."""
    from ltrr.metrics.measures import digits_of, meaning_of
    from ltrr.study.tables import HEADS

    own = tables.measures
    heads = HEADS | {measure.name: measure.label for measure in own}
    known = set(tables.summary.metric)
    shown = [metric for metric in heads if metric in known]
    policies = [str(name) for name in tables.means.index]
    columns = [["policy", *map(printable, policies)]]
    for metric in shown:
        digits = digits_of(metric, own)
        columns.append([heads[metric], *(_cell(tables, policy, metric, digits) for policy in policies)])
    console = Console()
    widths = [max(map(cell_len, column)) + 3 for column in columns]  # a line and a space on either side
    n = len(columns)
    while console.is_terminal and n > 2 and sum(widths[:n]) + 1 > console.width:
        n -= 1
    more = (
        f" {len(columns) - n} more columns: widen the terminal, or see the report."
        if n < len(columns)
        else ""
    )
    named = {heads[m]: meaning_of(m, own) for m in shown[: n - 1]}
    meanings = "; ".join(f"{head}: {meaning}" for head, meaning in named.items() if meaning)
    ends = "one seed: no interval" if tables.seeds == 1 else "± half the 95 % interval"
    corrected = "; [ ]: 95 % after Holm's correction" if "difference" in named and tables.seeds > 1 else ""
    caption = f"Means over seeds after the warm-up ({ends}{corrected}). {meanings}.{more}"
    title = Text(printable(tables.study["name"]))
    table = Table(title=title, title_justify="left", caption=Text(caption), caption_justify="left")
    for i, column in enumerate(columns[:n]):
        table.add_column(column[0], justify="right" if i else "left", no_wrap=True)
    for row in zip(*(column[1:] for column in columns[:n]), strict=True):
        table.add_row(*map(Text, row))
    Console(width=max(sum(widths[:n]) + 1, 40)).print(table, highlight=False)


def _cell(tables: Tables, policy: str, metric: str, digits: int) -> str:
    """Return a mean, with its interval where that is shown."""
    if (policy, metric) not in tables.rows.index:
        return "–"
    row = tables.row(policy, metric)
    if metric == "own":
        return f"{row['mean']:.0%}"
    if metric == "difference_static":
        return _difference(tables, policy, row["mean"], digits)
    half = (row["high"] - row["low"]) / 2
    spread = f" ±{half:.{digits}f}" if metric in SPREAD and 0 <= half < float("inf") else ""
    return f"{row['mean']:.{digits}f}{spread}"


def _difference(tables: Tables, policy: str, mean: float, digits: int) -> str:
    """Return a difference to the best static allocation with the interval of the verdict."""
    pairs = tables.pairs(policy, str(tables.best_static))
    if "all" not in pairs.index:
        return "–"
    low, high = float(pairs["holm_low"]["all"]), float(pairs["holm_high"]["all"])
    ends = f" [{low:+.{digits}f}, {high:+.{digits}f}]" if tables.seeds > 1 else ""
    return f"{mean:+.{digits}f}{ends}"
