"""`ltrr list`: the names that the other commands know."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ltrr.cli.app import app
from ltrr.errors import InputError, nearest

__all__ = ["list_names"]


@app.command("list", epilog="Examples:\n\n  ltrr list policies\n\n  ltrr list arms --json")
def list_names(
    what: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="arms, policies, rankers, users, worlds, studies, estimators, intervals or targets.",
        ),
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the names that a study or a replay may use, with a line about each."""
    from ltrr import components
    from ltrr.replay.estimators import ESTIMATORS
    from ltrr.replay.intervals.registry import INTERVALS
    from ltrr.replay.targets import TARGETS
    from ltrr.study_files import read_study, study_names

    def lines(makers: Mapping[str, Any]) -> dict[str, str]:
        return {name: _first_line(maker) for name, maker in makers.items()}

    listings: dict[str, Callable[[], dict[str, str]]] = {
        "arms": lambda: lines(components.ARMS),
        "policies": lambda: {
            **{arm: f"Give every slot to arm {arm}" for arm in components.ARMS},
            **{name: _policy_line(settings) for name, settings in components.POLICIES.items()},
        },
        "rankers": lambda: lines(components.RANKERS),
        "users": lambda: lines(components.USERS),
        "worlds": lambda: lines(components.WORLDS),
        "estimators": lambda: lines(ESTIMATORS),
        "intervals": lambda: lines(INTERVALS),
        "targets": lambda: {**TARGETS, "learning:NAME": "a kind of policy that learns along the log"},
        "studies": lambda: {name: read_study(name).question for name in study_names()},
    }
    if what not in listings:
        raise InputError(f"`list` knows no {what!r}{nearest(what, listings)}")
    names = listings[what]()
    if as_json:
        typer.echo(json.dumps(names, ensure_ascii=False))
        return
    if sys.stdout.isatty():
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True, style="bold")
        for name, line in names.items():
            table.add_row(name, line)
        Console().print(table, markup=False, highlight=False)
        return
    width = max(map(len, names))
    for name, line in names.items():
        typer.echo(f"{name:<{width}}  {line}")


def _first_line(maker: Any) -> str:
    """Return the first line of what a maker, or the class it is a preset of, says of itself."""
    text = getattr(maker, "func", maker).__doc__ or ""
    return text.strip().partition("\n")[0].rstrip(".").replace("``", "").replace("`", "")


def _policy_line(settings: Mapping[str, Any]) -> str:
    """Return what a named policy does and the settings that it comes with."""
    from ltrr.components import POLICY_KINDS

    if settings["kind"] == "best-static":
        return "The best fixed allocation, searched on tuning seeds"
    flat = {key: value for key, value in settings.items() if key not in ("kind", "ranker")}
    flat |= {f"ranker.{key}": value for key, value in settings.get("ranker", {}).items()}
    extra = ", ".join(f"{key} = {json.dumps(value)}" for key, value in flat.items())
    return _first_line(POLICY_KINDS[settings["kind"]]) + (f" ({extra})" if extra else "")
