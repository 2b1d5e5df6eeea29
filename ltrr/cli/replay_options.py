"""How the command line says what a replay is to find out: policies, estimates, metrics, and the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ltrr.errors import InputError

__all__ = [
    "BY",
    "CLUSTER",
    "ESTIMATORS",
    "GUARDRAIL",
    "HALF_WIDTH",
    "INTERVALS",
    "JSON",
    "LEVEL",
    "METRIC",
    "NO_FIGURES",
    "ON_ERROR",
    "OUT",
    "POLICY",
    "PROPENSITY_MODEL",
    "QUIET",
    "Q_COLUMNS",
    "REQUIRE",
    "REWARD_MODEL",
    "SEED",
    "WEIGHT_BOUND",
    "names_of",
    "predictions_of",
]

_WHAT, _HOW, _RESULTS = "What is asked", "How it is estimated", "Results"
"""Headings of options in ``--help``."""

POLICY = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        "-p",
        metavar="POLICY",
        help="What to judge; repeatable; see `ltrr list targets`; default: uniform.",
        rich_help_panel=_WHAT,
    ),
]
METRIC = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME=COLUMN[/COLUMN]",
        help="A further reward, or a ratio of two, in the same pass: revenue, rpc=revenue/click; repeatable.",
        rich_help_panel=_WHAT,
    ),
]
GUARDRAIL = Annotated[
    list[str] | None,
    typer.Option(
        "--guardrail",
        metavar='"METRIC > MARGIN[%]"',
        help="A bound on the change from the value as logged: 'revenue > -2%', 'complaints < 0.005'; "
        "repeatable.",
        rich_help_panel=_WHAT,
    ),
]
BY = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="COLUMN",
        help="Judge each value of a column separately as well: country, position, day, …",
        rich_help_panel=_WHAT,
    ),
]
REQUIRE = Annotated[
    str | None,
    typer.Option(
        metavar="VERDICT",
        help="supported or weak: exit status 3 where a policy's verdict is below, or a guardrail is not "
        "shown to hold.",
        rich_help_panel=_WHAT,
    ),
]
ESTIMATORS = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,…", help="See `ltrr list estimators`; default: what suits the log.", rich_help_panel=_HOW
    ),
]
INTERVALS = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,…",
        help="See `ltrr list intervals`; default: asymptotic; exact for proportions without weights.",
        rich_help_panel=_HOW,
    ),
]
LEVEL = Annotated[float, typer.Option(help="Level of the intervals.", rich_help_panel=_HOW)]
CLUSTER = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Rows with the same value of this column may be dependent: user, session, day, …; none for "
        "independent rows; default: user where the log has users.",
        rich_help_panel=_HOW,
    ),
]
WEIGHT_BOUND = Annotated[
    float | None,
    typer.Option(
        metavar="W",
        help="Largest possible weight, for finite-sample intervals; default: 1 / floor.",
        rich_help_panel=_HOW,
    ),
]
HALF_WIDTH = Annotated[
    float | None,
    typer.Option(
        help="Half-width of the interval that rows needed are computed for; default: a tenth of the "
        "estimate.",
        rich_help_panel=_HOW,
    ),
]
REWARD_MODEL = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="ridge, lightgbm or logistic, for dm, dr and related estimators.",
        rich_help_panel=_HOW,
    ),
]
Q_COLUMNS = Annotated[
    list[str] | None,
    typer.Option(
        "--q",
        metavar="PATTERN",
        help="Your own predicted rewards in place of a model: q_* for a column an action, or "
        "logged=COLUMN and POLICY=COLUMN, repeated.",
        rich_help_panel=_HOW,
    ),
]
PROPENSITY_MODEL = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Estimate the propensities, by frequency, lightgbm or logistic; default: as logged, by "
        "frequency where there are none.",
        rich_help_panel=_HOW,
    ),
]
SEED = Annotated[int, typer.Option(help="Seed of folds, samples and resamples.", rich_help_panel=_HOW)]
ON_ERROR = Annotated[
    str,
    typer.Option(
        metavar="WHAT",
        help="fail at a faulty row, skip such rows, or report every one.",
        rich_help_panel=_RESULTS,
    ),
]
OUT = Annotated[
    str | None,
    typer.Option(
        metavar="DIR", help="Folder of the results; default: runs/replay-<log>.", rich_help_panel=_RESULTS
    ),
]
NO_FIGURES = Annotated[
    bool,
    typer.Option(
        "--no-figures",
        help="Tables alone; `ltrr report` draws figures and page later.",
        rich_help_panel=_RESULTS,
    ),
]
JSON = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the estimates as JSON; the other tables are in the folder of results.",
        rich_help_panel=_RESULTS,
    ),
]
QUIET = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no table.", rich_help_panel=_RESULTS)
]


def names_of(text: str | None) -> tuple[str, ...]:
    """Return the names of a list ``A,B,…``.

    Examples
    --------
    >>> names_of("ips, dr"), names_of(None)
    (('ips', 'dr'), ())
    """
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def predictions_of(words: Sequence[str]) -> Any:
    """Return what ``--q`` means: a pattern, or columns by the policy they are for.

    Raises
    ------
    InputError
        If a pattern is given with anything else, or a policy has two columns.

    Examples
    --------
    >>> predictions_of(["q_*"]), predictions_of(["logged=q", "column:new=q_new"])
    ('q_*', {'logged': 'q', 'column:new': 'q_new'})
    """
    if not words:
        return None
    if len(words) == 1 and "=" not in words[0]:
        return words[0]
    found: dict[str, str] = {}
    for word in words:
        policy, sign, column = word.rpartition("=")  # a policy's name may hold the sign
        if not sign or not policy or not column or policy in found:
            raise InputError(
                "--q must be one pattern (q_*), or logged=COLUMN and one POLICY=COLUMN for each policy, got "
                f"{', '.join(map(repr, words))}"
            )
        found[policy] = column
    return found
