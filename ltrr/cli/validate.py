"""`ltrr validate`: say what a log holds, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import typer

from ltrr.cli.app import app
from ltrr.cli.log_options import (
    COLUMN,
    COLUMNS,
    COPIES,
    DECIMAL,
    DELIMITER,
    ENCODING,
    FLOOR,
    FORMAT,
    LOG,
    LOGGED_POLICY,
    NO_DUPLICATES,
    OPTION,
    REWARD_RANGE,
    ROWS,
    SINCE,
    UNTIL,
    WHERE,
    open_log,
    range_of,
)
from ltrr.cli.messages import VERBOSE, show_log
from ltrr.cli.reading import progress
from ltrr.cli.replay_options import JSON, QUIET
from ltrr.errors import printable

if TYPE_CHECKING:
    from ltrr.logs.events import Events
    from ltrr.logs.replay_log import ReplayLog

__all__ = ["validate"]


@app.command(
    epilog="Examples:\n\n  ltrr validate men.csv\n\n"
    "  ltrr validate runs/default --logged-policy linucb --json"
)
def validate(
    log: LOG,
    *,
    format_: FORMAT = "auto",
    columns: COLUMNS = None,
    column: COLUMN = None,
    logged_policy: LOGGED_POLICY = None,
    option: OPTION = None,
    delimiter: DELIMITER = None,
    decimal: DECIMAL = None,
    encoding: ENCODING = None,
    rows: ROWS = None,
    where: WHERE = None,
    since: SINCE = None,
    until: UNTIL = None,
    copies: COPIES = None,
    floor: FLOOR = None,
    reward_range: REWARD_RANGE = None,
    no_duplicate_check: NO_DUPLICATES = False,
    quiet: QUIET = False,
    verbose: VERBOSE = False,
    as_json: JSON = False,
) -> None:
    """Say what a log holds, what is wrong with it and where, and whether it can support evaluation.

    The exit status is 0 for a log without faulty rows, 1 for one with some.
    """
    from ltrr.replay import validate as check

    opened = open_log(
        log,
        column=column,
        columns=columns,
        option=option,
        on_error="report",
        check=not no_duplicate_check,
        format=format_,
        policy=logged_policy,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
        rows=rows,
        where=where,
        since=since,
        until=until,
        copies=copies,
        floor=floor,
        reward_range=range_of(reward_range),
    )
    if verbose:
        show_log()
    with progress(quiet=quiet or as_json) as bar:
        bar.stage("checking every row")
        found = check(_Counted(opened, bar.add))
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    elif not quiet:
        typer.echo(printable(found.text(), keep="\n"))
    if found.usable < found.rows:
        raise typer.Exit(1)


class _Counted:
    """A log that reports the rows of each chunk that is read."""

    def __init__(self, log: ReplayLog, add: Callable[[int], None]) -> None:
        self._log, self._add = log, add

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def chunks(self) -> Iterator[Events]:
        """Yield the log's chunks."""
        for events in self._log.chunks():
            self._add(len(events))
            yield events
