"""`ltrr list`: the names that the other commands know."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Annotated

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
            help="arms, policies, rankers, users, worlds, rewards, encoders, measures, estimators, "
            "intervals, log_formats, targets or studies.",
        ),
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the names that a study or a replay may use, with a line about each."""
    from ltrr.registry import REGISTRIES

    listings = sorted([*REGISTRIES, "studies"])
    if what not in listings:
        raise InputError(f"`list` knows no {what!r}{nearest(what, listings)}")
    names = _studies() if what == "studies" else _components(what)
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


def _studies() -> dict[str, str]:
    """Return the shipped studies and what they ask."""
    from ltrr.study.files import read_study, study_names

    return {name: read_study(name).question for name in study_names()}


def _components(group: str) -> dict[str, str]:
    """Return the names of a group of components with a line about each."""
    from ltrr.registry import registry_of

    registry = registry_of(group)
    names = {name: registry.about(name) for name in registry.names}
    return _policies(names) if group == "policies" else names


def _policies(kinds: Mapping[str, str]) -> dict[str, str]:
    """Return kinds of policy and the names that stand for a kind with settings."""
    from ltrr.bandits.registry import BEST_STATIC, PRESETS
    from ltrr.registry import registry_of

    lines = dict(kinds) | {arm: f"Give every slot to arm {arm}" for arm in registry_of("arms").names}
    for name, settings in PRESETS.items():
        flat = {key: value for key, value in settings.items() if key not in ("kind", "ranker")}
        flat |= {f"ranker.{key}": value for key, value in settings.get("ranker", {}).items()}
        extra = ", ".join(f"{key} = {json.dumps(value)}" for key, value in flat.items())
        best = "The best fixed allocation, searched on tuning seeds"
        line = best if settings["kind"] == BEST_STATIC else kinds[settings["kind"]]
        lines[name] = line + (f" ({extra})" if extra else "")
    return lines
