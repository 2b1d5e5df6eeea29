"""`ltrr list`: the names and settings that the other commands know."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ltrr.cli.app import app
from ltrr.cli.log_options import HAVE_OPTIONS
from ltrr.errors import InputError, nearest, printable

if TYPE_CHECKING:
    from ltrr.types.settings import Setting

__all__ = ["list_names"]

WIDEST = 100
"""Columns of a description on a wide terminal: longer lines are hard to read."""


@app.command(
    "list",
    epilog="Examples:\n\n"
    "  ltrr list policies\n\n"
    "  ltrr list users pbm           its settings, with types, defaults and meanings\n\n"
    "  ltrr list settings            all that a study file may say\n\n"
    "  ltrr list settings loop.warmup\n\n"
    "  ltrr list arms --json",
)
def list_names(
    what: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="arms, policies, rankers, users, worlds, rewards, credit, encoders, tokenizers, measures, "
            "estimators, intervals, log_formats, targets, studies or settings.",
        ),
    ],
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One of them, or module:Class: show its settings.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the names that a study or a replay may use, or the settings that one of them takes."""
    from ltrr.registry import REGISTRIES

    listings = sorted([*REGISTRIES, "credit", "settings", "studies"])
    if what not in listings:
        raise InputError(f"`list` knows no {what!r}{nearest(what, listings)}")
    if what == "settings":
        found = _of_a_study(name)
        _print_json(_tables(found)) if as_json else _print_settings(found)
        if name is None and not as_json:
            typer.echo(
                "\nSettings of a kind of component: `ltrr list worlds music`, `ltrr list users pbm`, …\n"
                "Change one: `ltrr simulate --set loop.slot_size=10`. Write them all: `ltrr init`."
            )
    elif name is None:
        names = _names(what)
        _print_json(names) if as_json else _print_names(names)
    else:
        about, found = _one(what, name)
        if as_json:
            _print_json({"name": name, "about": about, "settings": _tables(found)})
            return
        typer.echo(_wrapped(f"{name}: {about}"))
        if found:
            typer.echo("")
            _print_settings(found)


def _names(what: str) -> Mapping[str, str]:
    """Return the names of a kind, with a line about each."""
    from ltrr.bandits.credit import SLOT_RULES
    from ltrr.registry import registry_of
    from ltrr.study.files import read_study, study_names
    from ltrr.study.settings import policy_names

    if what == "studies":
        return {name: read_study(name).question for name in study_names()}
    if what == "credit":
        return SLOT_RULES
    if what == "policies":
        return policy_names()
    registry = registry_of(what)
    return {name: registry.about(name) for name in registry.names}


def _one(what: str, name: str) -> tuple[str, Sequence[Setting]]:
    """Return a line about a name, and the settings that it takes."""
    from ltrr.registry import registry_of
    from ltrr.study.settings import policy_settings

    if ":" not in name:
        names = _names(what)
        if name not in names:
            raise InputError(f"`list {what}` knows no {name!r}{nearest(name, names)}")
        if what in ("credit", "studies"):
            return names[name], ()
        if what == "policies":
            return names[name], policy_settings(name)
    registry = registry_of(what)
    if what == "log_formats":
        return registry.about(name), _of_a_format(registry.maker(name, f"list {what}"))
    found = registry.settings(name, f"list {what}")
    # the first parameter of a target's word is what it is asked about
    return registry.about(name), found[1:] if what == "targets" else found


def _of_a_format(maker: Any) -> Sequence[Setting]:
    """Return the options of a format, those that ``--option`` gives it."""
    from ltrr.logs.format import format_of
    from ltrr.types.settings import settings_of

    known = format_of(maker)
    names = {*known.options, *known.field_options} - set(HAVE_OPTIONS)
    makers = [maker] if known.fields is None else [maker, known.fields]
    return [s for one in makers for s in settings_of(one) if s.name in names]


def _of_a_study(name: str | None) -> Sequence[Setting]:
    """Return the settings of a study, of one of its tables, or a single one."""
    from ltrr.study.settings import study_settings

    known = study_settings()
    found = [s for key, s in known.items() if name is None or name in (key, key.partition(".")[0])]
    if name is not None and not found:
        table, _, rest = name.partition(".")
        listed = {"world": "worlds", "user": "users", "ranker": "rankers", "reward": "rewards"}
        kinds = {**listed, "arms": "arms", "policies": "policies"}
        if rest and table in kinds:
            raise InputError(f"`{name}` depends on the kind: see `ltrr list {kinds[table]} NAME`")
        raise InputError(f"`list settings` knows no {name!r}{nearest(name, known)}")
    return found


def _tables(settings: Sequence[Setting]) -> dict[str, dict[str, Any]]:
    """Return settings for machines; a default is as a study file writes it."""
    return {
        s.name: {"type": s.kind, "required": s.required, "default": s.shown or None, "meaning": s.meaning}
        for s in settings
    }


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(dict(value), ensure_ascii=False))


def _print_names(names: Mapping[str, str]) -> None:
    """Print a line a name; on a terminal long lines are wrapped next to the names."""
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


def _print_settings(settings: Sequence[Setting]) -> None:
    """Print a name with type and default, and what it means below."""
    from ltrr.types.docstring import first_sentence

    width = max(len(s.name) for s in settings)
    for s in settings:
        default = "required" if s.required else f"default {s.shown}" if s.shown else "optional"
        meaning = s.meaning if len(settings) == 1 else first_sentence(s.meaning)
        typer.echo(_wrapped(f"{s.name:<{width}}  {s.kind}; {default}", " " * (width + 2)))
        if meaning:
            typer.echo(_wrapped(" " * (width + 2) + meaning, " " * (width + 2)))


def _wrapped(text: str, indent: str = "") -> str:
    width = min(Console().width, WIDEST)
    return textwrap.fill(printable(text), width, subsequent_indent=indent, break_on_hyphens=False)
