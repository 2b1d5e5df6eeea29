"""`ltrr replay`: judge policies from a log."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from ltrr.cli import replay_options as opt
from ltrr.cli.app import app, say
from ltrr.cli.folders import free_folder
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

__all__ = ["replay"]

SHORT = 3
"""Exit status where a verdict is below the required one, or a guardrail is not shown to hold."""


@app.command(
    epilog="Examples:\n\n"
    "  ltrr replay men.csv --policy uniform\n\n"
    "  ltrr replay men.csv --policy always:7 --policy logged --estimators snips,dr\n\n"
    "  ltrr replay log.parquet --column reward=y --column propensity=p -p column:new\n\n"
    "  ltrr replay log.csv --cluster session --by country\n\n"
    "  ltrr replay log.csv --metric revenue --metric rpc=revenue/click --guardrail 'revenue > -2%'\n\n"
    "  ltrr replay log.csv --intervals empirical-bernstein --reward-range 0,1 --floor 0.01\n\n"
    "  ltrr replay log.csv --propensity-model lightgbm --q 'q_*' --estimators dr\n\n"
    "  ltrr replay log.csv -p column:new --require supported && deploy\n\n"
    "  ltrr replay runs/default --logged-policy random --intervals bootstrap\n\n"
    "  ltrr replay decisions.json --format dsjson --policy policy:my-policy --json"
)
def replay(
    log: LOG,
    *,
    policy: opt.POLICY = None,
    metric: opt.METRIC = None,
    guardrail: opt.GUARDRAIL = None,
    by: opt.BY = None,
    require: opt.REQUIRE = None,
    estimators: opt.ESTIMATORS = None,
    intervals: opt.INTERVALS = None,
    level: opt.LEVEL = 0.95,
    cluster: opt.CLUSTER = None,
    weight_bound: opt.WEIGHT_BOUND = None,
    half_width: opt.HALF_WIDTH = None,
    reward_model: opt.REWARD_MODEL = "ridge",
    q: opt.Q_COLUMNS = None,
    propensity_model: opt.PROPENSITY_MODEL = None,
    seed: opt.SEED = 0,
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
    floor: FLOOR = None,
    reward_range: REWARD_RANGE = None,
    on_error: opt.ON_ERROR = "fail",
    out: opt.OUT = None,
    no_figures: opt.NO_FIGURES = False,
    as_json: opt.JSON = False,
    quiet: opt.QUIET = False,
    verbose: VERBOSE = False,
) -> None:
    """Estimate what policies would have earned from a log, with intervals and a verdict.

    Writes estimates.csv, differences.csv, diagnostics.csv and more tables, figures and report.html.

    The exit status is 2 for a mistake in the input, 3 where --require is not met.
    """
    from ltrr import _check
    from ltrr.cli.replay_text import print_replay
    from ltrr.replay import run
    from ltrr.replay.report import shortfalls, write_faults

    if require is not None:
        _check.choice("--require", require, ("supported", "weak"))
    span = range_of(reward_range)
    opened = open_log(
        log,
        column=column,
        columns=columns,
        option=option,
        on_error=on_error,
        check=not no_duplicate_check,
        reward_range=span,
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
    )
    if verbose:
        show_log()
    with progress(quiet=quiet or as_json) as bar:
        evaluation = run(
            opened,
            policy or ["uniform"],
            estimators=opt.names_of(estimators),
            intervals=opt.names_of(intervals),
            level=level,
            half_width=half_width,
            reward_model=reward_model,
            propensity_model=propensity_model,
            q=opt.predictions_of(q or []),
            weight_bound=weight_bound,
            reward_range=span,
            metrics=metric or (),
            guardrails=guardrail or (),
            by=by,
            cluster=cluster or "auto",
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
        print_replay(evaluation)
        typer.echo(f"{'Tables' if no_figures else 'Report'}: {page}")
    short = [] if require is None else shortfalls(evaluation, require)
    for line in short:
        say(line)
    if short:
        raise typer.Exit(SHORT)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as JSON can hold it: null where there is no number."""
    none = {name for name, value in row.items() if isinstance(value, float) and not math.isfinite(value)}
    return {name: None if name in none else value for name, value in row.items()}
