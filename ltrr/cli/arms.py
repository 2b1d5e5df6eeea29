"""`ltrr arms`: what each arm of a finished run returns for a query, what the policy chooses, and the page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ltrr.cli.app import app
from ltrr.cli.run_options import POLICY, SEED
from ltrr.errors import printable

if TYPE_CHECKING:
    import pandas as pd

    from ltrr.study.ask import Asked

__all__ = ["arms"]

SIDE_BY_SIDE = 30
"""Letters that the list of an arm takes at least; arms that do not fit in one row stand below."""


@app.command(
    epilog="Examples:\n\n"
    '  ltrr arms runs/default "quiet songs"\n\n'
    '  ltrr arms runs/default "quiet songs" --policy vw-epsilon --depth 3\n\n'
    '  ltrr arms runs/default "quiet songs" --json'
)
def arms(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    query: Annotated[str, typer.Argument(metavar="QUERY", help="Any text.")],
    *,
    policy: POLICY = None,
    seed: SEED = None,
    depth: Annotated[int, typer.Option(min=1, help="Items of each arm.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Ask a finished run: what each arm returns for a query, what the policy chooses and why, and the page.

    World and arms are made again from the run's study.toml; policy, memory and ranker are as the run left
    them.
    """
    from pathlib import Path

    from ltrr.study.ask import Trained
    from ltrr.study.lookup import best_learner, open_log

    folder = Path(run)
    trained = Trained(folder)
    name = best_learner(*open_log(folder)) if policy is None else policy
    found = trained.ask(query, policy=name, seed=seed, depth=depth)
    if as_json:
        typer.echo(json.dumps(_as_json(found)))
        return
    _print(found)


def _as_json(found: Asked) -> dict[str, object]:
    frames = {"slots": found.slots, "arms": found.arms, "page": found.page}
    return {
        "query": found.query,
        "known": found.known,
        "policy": found.policy,
        "seed": found.seed,
        **{
            name: json.loads(frame.to_json(orient="records", double_precision=15))
            for name, frame in frames.items()
        },
    }


def _print(found: Asked) -> None:
    """Print everything for people."""
    console = Console(markup=False, emoji=False, highlight=False)
    known = "" if found.known else " (a text that the run never asked)"
    console.print(Text("Query: ").append(printable(found.query), style="bold").append(known))
    console.print(f"Policy: {printable(found.policy)}, as seed {found.seed} left it")
    console.print()
    console.print(_slots(found))
    for table in _arms(found, console.width):
        console.print()
        console.print(table)
    console.print()
    console.print(_page(found))


def _slots(found: Asked) -> Table:
    """Return a row a slot and action, those that were likely or chosen."""
    terms = [name for name in found.slots.columns if name not in ("slot", "name", "probability", "chosen")]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("slot", "action", "probability", *terms, ""):
        table.add_column(head, justify="left" if head in ("action", "") else "right")
    for number, rows in found.slots.groupby("slot"):
        by = ["chosen", "probability", *terms[:1]]
        for row in rows.sort_values(by, ascending=False, kind="stable").head(5).to_dict("records"):
            numbers = [f"{row['probability']:.2f}", *(f"{row[term]:.3f}" for term in terms)]
            words = [str(number), printable(row["name"]), *numbers, "chosen" if row["chosen"] else ""]
            table.add_row(*(Text(word, style="bold" if row["chosen"] else "") for word in words))
    return table


def _arms(found: Asked, width: int) -> list[Table]:
    """Return the arms' lists side by side, as many as fit, the others below them."""
    names, at_once = found.arm_names, max(1, width // SIDE_BY_SIDE)
    lists = {name: found.arms[found.arms["arm"] == name] for name in names}
    depth = max((len(rows) for rows in lists.values()), default=0)
    tables = []
    for start in range(0, len(names), at_once):
        table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
        table.add_column("rank", justify="right")
        for arm in names[start : start + at_once]:
            table.add_column(printable(arm), no_wrap=True, overflow="ellipsis", ratio=1)
        for rank in range(max(1, depth)):
            cells = [_cell(lists[arm], rank) for arm in names[start : start + at_once]]
            table.add_row(str(rank), *cells)
        tables.append(table)
    return tables


def _cell(rows: pd.DataFrame, rank: int) -> Text:
    """Return an item of a list: its place on the page first, where it is there."""
    if rank >= len(rows):
        return Text("nothing" if rank == 0 else "", style="dim")
    row = rows.iloc[rank]
    on_page = f"[{int(row.place)}] " if row.place >= 0 else ""
    style = "green" if row.place >= 0 else "" if row.drawn else "dim"
    return Text(f"{on_page}{_title(row)}", style=style)


def _title(row: object) -> str:
    title, name = str(getattr(row, "title", "")), str(getattr(row, "name", ""))
    return printable(" ".join(title.split()) or name)


def _page(found: Asked) -> Table:
    """Return a row a place of the page."""
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("place", justify="right")
    table.add_column("title", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("arms, rank from 0", overflow="fold", max_width=40)
    for row in found.page.itertuples():
        table.add_row(str(row.place), Text(_title(row)), Text(printable(str(row.arms))))
    return table
