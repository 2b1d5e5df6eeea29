"""`ltrr replay`: judge policies from a log."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ltrr.cli.app import app
from ltrr.cli.folders import free_folder
from ltrr.cli.log_options import (
    COLUMN,
    COLUMNS,
    COPIES,
    DECIMAL,
    DELIMITER,
    ENCODING,
    FORMAT,
    LOG,
    LOGGED_POLICY,
    NO_DUPLICATES,
    OPTION,
    ROWS,
    SINCE,
    UNTIL,
    WHERE,
    open_log,
)
from ltrr.cli.messages import VERBOSE, show_log
from ltrr.errors import printable
from ltrr.report.progress import ProgressBar

if TYPE_CHECKING:
    from ltrr.logs.events import Events
    from ltrr.logs.replay_log import ReplayLog
    from ltrr.replay.judging.evaluation import Evaluation

__all__ = ["replay", "validate"]

LOOK = {"supported": "green", "weak": "yellow", "cannot answer": "red"}

JSON = Annotated[bool, typer.Option("--json", help="Print as JSON on standard output.")]
QUIET = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")]


@app.command(
    epilog="Examples:\n\n"
    "  ltrr replay men.csv --policy uniform\n\n"
    "  ltrr replay men.csv --policy always:7 --policy logged --estimators snips,dr\n\n"
    "  ltrr replay log.parquet --column reward=y --column propensity=p -p column:new\n\n"
    "  ltrr replay runs/default --logged-policy random --intervals bootstrap\n\n"
    "  ltrr replay decisions.json --format dsjson --policy policy:my-policy --json"
)
def replay(
    log: LOG,
    *,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            "-p",
            metavar="POLICY",
            help="What to judge; may be repeated: `ltrr list targets`; default: uniform.",
        ),
    ] = None,
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
    estimators: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="`ltrr list estimators`; default: what suits the log.")
    ] = None,
    intervals: Annotated[str, typer.Option(metavar="A,B,…", help="`ltrr list intervals`.")] = "asymptotic",
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    half_width: Annotated[
        float | None, typer.Option(help="Half-width that the rows needed are counted for.")
    ] = None,
    reward_model: Annotated[
        str,
        typer.Option(metavar="NAME", help="lightgbm, ridge or logistic, for dm, dr and related estimators."),
    ] = "lightgbm",
    on_error: Annotated[
        str, typer.Option(metavar="WHAT", help="fail at a faulty row, skip such rows, or report every one.")
    ] = "fail",
    copies: COPIES = None,
    no_duplicate_check: NO_DUPLICATES = False,
    seed: Annotated[int, typer.Option(help="Of folds, samples and resamples.")] = 0,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of the results; default: runs/replay-<log>.")
    ] = None,
    no_figures: Annotated[
        bool, typer.Option("--no-figures", help="Tables alone; `ltrr report` draws figures and page later.")
    ] = False,
    quiet: QUIET = False,
    verbose: VERBOSE = False,
    as_json: JSON = False,
) -> None:
    """Estimate what policies would have earned from a log, with intervals and a verdict.

    Writes estimates.csv, differences.csv, diagnostics.csv and more tables, figures and report.html.
    """
    from ltrr.replay import run
    from ltrr.replay.report import write_faults

    opened = open_log(
        log,
        column=column,
        columns=columns,
        option=option,
        on_error=on_error,
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
    )
    if verbose:
        show_log()
    with _progress(quiet=quiet or as_json) as bar:
        evaluation = run(
            opened,
            policy or ["uniform"],
            estimators=_names(estimators),
            intervals=_names(intervals) or ("asymptotic",),
            level=level,
            half_width=half_width,
            reward_model=reward_model,
            seed=seed,
            on_stage=bar.stage,
            on_chunk=bar.add,
        )
    folder = Path(out) if out is not None else free_folder(f"replay-{Path(log).name.partition('.')[0]}")
    page = evaluation.report(folder, figures=not no_figures)
    if on_error == "report":
        write_faults(evaluation.faults, folder)
    if as_json:
        typer.echo(json.dumps([_plain(row) for row in evaluation.rows["estimates"]], ensure_ascii=False))
    elif not quiet:
        _print(evaluation)
        typer.echo(f"{'Tables' if no_figures else 'Report'}: {page}")


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
    )
    if verbose:
        show_log()
    with _progress(quiet=quiet or as_json) as bar:
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


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as JSON can hold it: null where there is no number."""
    none = {name for name, value in row.items() if isinstance(value, float) and not math.isfinite(value)}
    return {name: None if name in none else value for name, value in row.items()}


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


@contextmanager
def _progress(*, quiet: bool) -> Iterator[ProgressBar]:
    """Show the stage and the rows read, and say so if kernels are compiled."""
    from ltrr._kernels.compiling import COMPILING, compiling

    with ProgressBar(quiet=quiet, unit="rows") as bar, compiling(lambda: bar.remark(COMPILING)):
        yield bar


def _print(evaluation: Evaluation) -> None:
    """Print the estimates, their verdicts and the warnings."""
    from ltrr.replay.report import estimate, verdicts

    about = evaluation.about
    heads = ("policy", "estimator", "value", "interval", "by", "ESS", "verdict")
    lines = []
    for row in evaluation.rows["estimates"]:
        named = [printable(str(row["policy"])), printable(str(row["estimator"]))]
        value, ends = estimate(row["value"], row["low"], row["high"])
        by = "–" if row["interval"] == "none" else str(row["interval"])
        lines.append([*named, value, ends, by, f"{row['ess']:,.0f}", str(row["verdict"])])
    title = f"{printable(about['log'])}: {about['used']:,} of {about['rows']:,} rows"
    table = Table(title=Text(title), title_justify="left")
    for head in heads:
        table.add_column(head, justify="right" if head in ("value", "ESS") else "left", no_wrap=True)
    for line in lines:
        table.add_row(*(Text(cell, style=LOOK.get(cell, "")) for cell in line))
    widths = [max(map(cell_len, column)) + 3 for column in zip(heads, *lines, strict=True)]
    Console(width=max(sum(widths) + 1, cell_len(title))).print(table, highlight=False)
    for word, reason, whom in verdicts(evaluation.rows["estimates"]):
        typer.echo(printable(f"{word}: {reason}"))
        for estimates in whom:
            typer.echo(printable(f"    {estimates}"))
    if about["columns"]:
        typer.echo(printable(about["columns"]))
    for note in about["notes"]:
        typer.echo(printable(f"! {note}"))
