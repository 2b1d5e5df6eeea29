"""`ltrr explain`: one logged request, from the policy's choice to the clicks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ltrr.cli.app import app
from ltrr.cli.run_options import POLICY, SEED
from ltrr.errors import InputError, printable

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from ltrr.logs.explain import LoggedRequest
    from ltrr.logs.tables import Log

__all__ = ["explain"]

WIDTH = 80
"""Columns that everything fits in."""

OTHERS = 5
"""Actions that are named next to the chosen one."""

LOSSES = ("retrieval", "ranking", "exploration", "cost", "noise")

JUDGED = (
    *("reward", "reward_sampled", "oracle_reward", "ideal", "ideal_is_exact"),
    *(f"loss_{part}" for part in LOSSES),
)
"""What is read of the requests that oracles judged."""


@app.command(
    epilog="Examples:\n\n"
    "  ltrr explain runs/default 1259\n\n"
    "  ltrr explain runs/default 1259 --policy best-static\n\n"
    "  ltrr explain runs/default/log 1259 --policy linucb --seed 0 --json"
)
def explain(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run, or the folder `log` in it.")],
    request: Annotated[int, typer.Argument(metavar="REQUEST", help="Number of the request, from 0.")],
    *,
    policy: POLICY = None,
    seed: SEED = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON, features included.")] = False,
) -> None:
    """Show one logged request: slots and probabilities, what each arm delivered, the page, clicks, losses."""
    from ltrr.study.lookup import cell_table, open_log

    folder, log = open_log(run)
    name, reason = _policy(folder, log, policy)
    seeds = [number for logged, number in log.cells() if logged == name]
    found = log.find([request], policy=name, seed=seeds[0] if seed is None and seeds else seed)[0]
    judged = cell_table(folder, "oracles", found.policy, found.seed, columns=JUDGED)
    rounds = cell_table(folder, "rounds", found.policy, found.seed, columns=["asked"], requests=[request])
    asked = int(rounds["asked"].get(request, -1)) if rounds is not None else -1
    if as_json:
        typer.echo(json.dumps(_as_json(found, asked, judged)))
        return
    _print(found, reason, asked, judged)


def _policy(folder: Path, log: Log, policy: str | None) -> tuple[str, str]:
    """Return the policy to show, and how it was chosen where nobody named it."""
    from ltrr.study.lookup import best_learner

    if policy is not None:
        return policy, ""
    known = list(dict.fromkeys(name for name, _ in log.cells()))
    if len(known) == 1:
        return known[0], ""
    best = best_learner(folder, log)
    if best is None:
        raise InputError(
            f"the best learner of {folder} is not known: add --policy NAME, one of {', '.join(known)}"
        )
    return best, "the best learner by mean reward"


def _split(found: LoggedRequest, judged: pd.DataFrame | None) -> dict[str, float] | None:
    """Return what oracles said of the request; None where they did not judge it."""
    if judged is None or found.request not in judged.index:
        return None
    row = judged.loc[[found.request]].astype(float).iloc[0]
    return {name: row[name] for name in JUDGED}


def _as_json(found: LoggedRequest, asked: int, judged: pd.DataFrame | None) -> dict[str, Any]:
    frames = {"slots": found.slots, "arms": found.arms, "candidates": found.candidates, "page": found.places}
    return {
        "request": found.request,
        "policy": found.policy,
        "seed": found.seed,
        "query": found.query,
        "asked": asked if asked >= 0 else None,
        "context": dict(found.context),
        "reward": found.reward,
        "abandoned": found.abandoned,
        **{
            name: json.loads(frame.to_json(orient="records", double_precision=15))
            for name, frame in frames.items()
        },
        "judged": _split(found, judged),
    }


def _print(found: LoggedRequest, reason: str, asked: int, judged: pd.DataFrame | None) -> None:
    """Print everything for people."""
    console = Console(width=min(Console().width, WIDTH), markup=False, emoji=False, highlight=False)
    head = Text(f"Request {found.request} · {found.policy}, seed {found.seed}", style="bold")
    console.print(head.append(f" ({reason})" if reason else "", style="not bold"))
    times = {-1: "", 0: " (first time)", 1: " (asked once before)"}.get(
        asked, f" (asked {asked} times before)"
    )
    console.print(Text("Query: ").append(_short(found.query, 300), style="bold").append(times))
    context = ", ".join(f"{printable(name)} {value:.3g}" for name, value in found.context.items())
    console.print(Text(f"Context: {context}", style="dim"))
    for table in (_slots(found), _arms(found), _page(found)):
        console.print()
        console.print(table)
    console.print()
    console.print(Text(_outcome(found)))
    console.print(Text(_losses(found, judged)))


def _table(*heads: str, wide: str) -> Table:
    """Return a table without lines, one of whose columns takes what space there is."""
    table = Table(box=None, pad_edge=False, expand=True, header_style="bold")
    for head in heads:
        numbers = head in ("slots", "delivered", "spilled", "on the page", "only logged", "#")
        long = head == wide
        table.add_column(
            head,
            justify="right" if numbers else "left",
            no_wrap=numbers or long,
            overflow="ellipsis" if long else "fold",
            ratio=1 if long else None,
        )
    return table


def _short(text: str, letters: int) -> str:
    """Return a text of the log as it may be printed, cut at some letters."""
    cut = text if len(text) <= letters else f"{text[: letters - 1]}…"
    return printable(cut)


def _slots(found: LoggedRequest) -> Table:
    """Return a row a slot: what was chosen, how likely it was, and what else there was."""
    table = Table(box=None, pad_edge=False, expand=True, header_style="bold")
    table.add_column("slot", justify="right", no_wrap=True)
    table.add_column("chosen", overflow="fold")
    table.add_column("probability", no_wrap=True, min_width=15)
    table.add_column("others", ratio=1, overflow="fold")
    for number, rows in found.slots.groupby("number"):
        chosen, rest = rows[rows.chosen].iloc[0], rows[~rows.chosen]
        rest = rest.sort_values("probability", ascending=False, kind="stable")
        n = min(OTHERS, int((rest.probability > 0).sum()))
        said = [f"{name} {p:.2f}" for name, p in zip(rest.name[:n], rest.probability[:n], strict=True)]
        if n < len(rest):
            said.append(f"{len(rest) - n} more {rest.probability[n:].sum():.2f}")
        bar = Text(f"{chosen.probability:.2f} ").append("█" * round(10 * chosen.probability), style="cyan")
        name = Text(printable(chosen["name"]), style="bold").append(" (audit)" if chosen.audit else "")
        table.add_row(Text(str(number)), name, bar, Text(printable(", ".join(said))))
    return table


def _arms(found: LoggedRequest) -> Table:
    """Return a row an arm: how many candidates it delivered."""
    shadow = bool(found.arms.logged_only.any())
    heads = ("arm", "slots", "delivered", "spilled", "on the page", *(["only logged"] if shadow else []))
    table = _table(*heads, wide="arm")
    for row in found.arms.to_dict("records"):
        numbers = [row[key] for key in ("slots", "delivered", "spilled", "shown")]
        numbers += [row["logged_only"]] if shadow else []
        table.add_row(Text(_short(row["arm"], WIDTH)), *(Text(str(n)) for n in numbers))
    return table


def _page(found: LoggedRequest) -> Table:
    """Return a row a place of the page."""
    table = _table("#", "title", "arms, rank from 0", "", wide="title")
    table.columns[2].max_width, table.columns[3].max_width = 30, 19
    for row in found.places.to_dict("records"):
        marks = [word for word in ("spilled", "explored", "censored") if row[word]]
        marks += ["satisfied"] if row["satisfied"] else ["click"] if row["click"] else []
        style = "green" if row["satisfied"] else "yellow" if row["click"] else ""
        title = row["title"] if row["title"].strip() else row["name"]
        words = (str(row["number"]), _short(title, 200), printable(row["arms"]), ", ".join(marks))
        table.add_row(*(Text(word, style=style) for word in words))
    return table


def _outcome(found: LoggedRequest) -> str:
    clicks, satisfied = int(found.places.click.sum()), int(found.places.satisfied.sum())
    plural = "" if clicks == 1 else "s"
    return f"Reward {found.reward:g} as observed: {clicks} click{plural}, {satisfied} satisfied"


def _losses(found: LoggedRequest, judged: pd.DataFrame | None) -> str:
    """Say where the reward went; where the request was not judged, say which near it was."""
    split = _split(found, judged)
    if split is None and (judged is None or judged.empty):
        return "Losses: no request of this policy was judged by oracles"
    if split is None and judged is not None:
        near = sorted(judged.index, key=lambda other: abs(int(other) - found.request))[:2]
        said = " and ".join(str(other) for other in sorted(near))
        return f"Losses: not judged by oracles; the nearest requests that were: {said}"
    split = split or {}
    parts = [
        f"{'+' if split[f'loss_{part}'] < 0 else '−'} {part} {abs(split[f'loss_{part}']):.3f}"
        for part in LOSSES
    ]
    ideal = "ideal" if split["ideal_is_exact"] else "grade order"
    return (
        f"Losses: {ideal} {split['ideal']:.3f} {' '.join(parts[:2])}\n"
        f"        {' '.join(parts[2:])}\n"
        f"        = received {split['reward_sampled']:.3f}; expected {split['reward']:.3f}, "
        f"with the best quota {split['oracle_reward']:.3f}"
    )
