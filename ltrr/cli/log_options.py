"""How the command line names a log: its place, format, columns, and which of its rows are read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ltrr.errors import InputError

if TYPE_CHECKING:
    from ltrr.logs.replay_log import ReplayLog

__all__ = [
    "COLUMN",
    "COLUMNS",
    "COPIES",
    "DECIMAL",
    "DELIMITER",
    "ENCODING",
    "FLOOR",
    "FORMAT",
    "HAVE_OPTIONS",
    "LOG",
    "LOGGED_POLICY",
    "NO_DUPLICATES",
    "OPTION",
    "PANEL",
    "REWARD_RANGE",
    "ROWS",
    "SINCE",
    "UNTIL",
    "WHERE",
    "open_log",
    "range_of",
]

PANEL = "The log"
"""Heading of these options in ``--help``."""

LOG = Annotated[str, typer.Argument(metavar="LOG", help="A file, a folder of parts, or the folder of a run.")]
FORMAT = Annotated[
    str,
    typer.Option(
        "--format",
        help="See `ltrr list log_formats`; auto recognises it.",
        metavar="NAME",
        rich_help_panel=PANEL,
    ),
]
COLUMNS = Annotated[
    str | None, typer.Option(metavar="FILE", help="Column map (TOML) of a table.", rich_help_panel=PANEL)
]
COLUMN = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="ROLE=NAME",
        help="One column; repeatable: reward=clicked, action=item, propensity=p, context=age, "
        "context=country, target.new=p_new…",
        rich_help_panel=PANEL,
    ),
]
LOGGED_POLICY = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Which policy's log, where a run has logged several.", rich_help_panel=PANEL
    ),
]
NO_DUPLICATES = Annotated[
    bool,
    typer.Option("--no-duplicate-check", help="Do not look for repeated event ids.", rich_help_panel=PANEL),
]
COPIES = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT",
        help="Reward of an event that is logged again: first, last, max or sum.",
        rich_help_panel=PANEL,
    ),
]
DELIMITER = Annotated[
    str | None,
    typer.Option(metavar="MARK", help="Of csv: ; or tab, …; default: found.", rich_help_panel=PANEL),
]
DECIMAL = Annotated[
    str | None,
    typer.Option(metavar="MARK", help="Decimal mark of csv; default: found.", rich_help_panel=PANEL),
]
ENCODING = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of csv: utf-8, utf-16, latin-1, …", rich_help_panel=PANEL)
]
OPTION = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="KEY=VALUE",
        help="Of the format: `ltrr list log_formats NAME`.",
        rich_help_panel=PANEL,
    ),
]
ROWS = Annotated[int | None, typer.Option(metavar="N", help="Read the first N rows.", rich_help_panel=PANEL)]
WHERE = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Read rows that fit: country=DE, age>=30; repeatable.",
        rich_help_panel=PANEL,
    ),
]
SINCE = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Read rows from this time on: 2024-05-01.", rich_help_panel=PANEL),
]
UNTIL = Annotated[
    str | None, typer.Option(metavar="TIME", help="Read rows before this time.", rich_help_panel=PANEL)
]
FLOOR = Annotated[
    float | None,
    typer.Option(
        metavar="P",
        help="Smallest propensity that the logging policy could have had; bounds the weights. Smaller ones "
        "are reported.",
        rich_help_panel=PANEL,
    ),
]
REWARD_RANGE = Annotated[
    str | None,
    typer.Option(
        metavar="LOW,HIGH",
        help="Smallest and largest possible reward of a request, for finite-sample intervals; rewards "
        "outside are faulty rows.",
        rich_help_panel=PANEL,
    ),
]

_VALUES = {"true": True, "false": False}

HAVE_OPTIONS = {
    "columns": "--column or --columns",
    "fill_columns": "--column",
    "on_error": "--on-error",
    "check_duplicates": "--no-duplicate-check",
    "floor": "--floor",
    "reward_range": "--reward-range",
}
"""Arguments of `ltrr.logs.read` that have options of their own."""


def open_log(
    log: str,
    *,
    column: list[str] | None,
    columns: str | None,
    option: list[str] | None,
    on_error: str,
    check: bool,
    reward_range: tuple[float, float] | None = None,
    **given: Any,
) -> ReplayLog:
    """Open the log as the words of the command line say.

    Parameters
    ----------
    log : str
    column, columns : list of str, str, optional
        The column map, by roles or as a file.
    option : list of str, optional
        Options of the format.
    on_error : str
    check : bool
        Whether repeated events are looked for.
    reward_range : (float, float), optional
        Rewards outside are faulty, but in logs of runs, whose rewards are what they are.
    **given
        Further arguments of `ltrr.logs.read`.
    """
    from ltrr.logs import read
    from ltrr.logs.detect import detect

    if reward_range is not None:
        known = given["format"] if given.get("format", "auto") != "auto" else detect(Path(log))
        given["reward_range"] = None if known == "ltrr" else reward_range
    given = {name: value for name, value in given.items() if value is not None}
    roles = _roles(column or [])
    if columns is not None and roles:
        raise InputError("--columns and --column both say what the columns mean: give one of them")
    return read(
        log,
        columns=Path(columns) if columns is not None else (roles or None),
        on_error=on_error,
        check_duplicates=None if check else False,
        fill_columns=True if roles else None,
        **given,
        **_options(option or [], given),
    )


def range_of(text: str | None) -> tuple[float, float] | None:
    """Return the two numbers that ``LOW,HIGH`` names.

    Raises
    ------
    InputError
        If the text is something else.
    """
    if text is None:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low, high = math.nan, math.nan
    if not low < high:
        raise InputError(f"--reward-range must be LOW,HIGH, for instance 0,1, got {text!r}")
    return low, high


def _roles(pairs: list[str]) -> dict[str, Any]:
    """Return the column map that pairs ROLE=NAME mean; a role is given once, context as often as needed."""
    roles: dict[str, Any] = {}
    for pair in pairs:
        role, sign, name = pair.partition("=")
        if not sign or not role or not name:
            raise InputError(f"--column must be ROLE=NAME, for instance reward=clicked, got {pair!r}")
        if role in ("context", "categories"):
            roles.setdefault(role, []).append(name)
            continue
        table = roles.setdefault("target", {}) if role.startswith("target.") else roles
        key = role.removeprefix("target.")
        if key in table:
            raise InputError(
                f"--column gives the role {role} twice, {table[key]!r} and {name!r}; give it once"
            )
        table[key] = name
    return roles


def _options(pairs: list[str], given: dict[str, Any]) -> dict[str, Any]:
    """Return options of the format from pairs KEY=VALUE; numbers, true and false are read as such."""
    out: dict[str, Any] = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not sign or not key:
            raise InputError(f"--option must be KEY=VALUE, for instance affinity=true, got {pair!r}")
        if key in HAVE_OPTIONS:
            raise InputError(f"--option is for what the format takes, got {key}; give {HAVE_OPTIONS[key]}")
        if key in out or key in given:
            raise InputError(f"--option gives {key} a second time; give it once")
        value: Any = _VALUES.get(text.lower(), text)
        if value is text and text.lstrip("-").isdigit():
            value = int(text)
        out[key] = value
    return out
