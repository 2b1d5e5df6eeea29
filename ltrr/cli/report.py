"""`ltrr report`: draw a run or a replay again, or set two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ltrr.cli.app import app
from ltrr.errors import InputError

__all__ = ["report"]


@app.command(
    epilog="Examples:\n\n"
    "  ltrr report runs/default       draws its figures and report.html again\n\n"
    "  ltrr report runs/a runs/b      writes runs/a/comparison.html: differences, and both runs\n\n"
    "  ltrr report runs/replay-men    draws the page of a replay again\n\n"
    "  ltrr report runs/a --trec out  writes logged pages, candidates and judgements for trec_eval"
)
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a finished run, or of a replay.")],
    other: Annotated[
        str | None, typer.Argument(metavar="[RUN2]", help="A second one of the same kind to compare with.")
    ] = None,
    *,
    trec: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Write a run's logged pages there as TREC runs, with qrels."),
    ] = None,
) -> None:
    """(Re)draw the figures and report.html of a run or a replay, or set two side by side."""
    from ltrr.replay.report.folder import compare_replays, is_replay, redraw
    from ltrr.study.comparison import write_comparison
    from ltrr.study.report import write_report

    folders = [Path(place) for place in (run, other) if place is not None]
    replays = [is_replay(folder) for folder in folders]
    if len(set(replays)) > 1:
        raise InputError(f"{run} and {other} are a run and a replay: give two of the same kind")
    try:
        if trec is not None:
            _write_trec(folders, Path(trec), replay=replays[0])
            return
        if replays[0]:
            page = redraw(folders[0]) if other is None else compare_replays(*folders)
        else:
            page = write_report(folders[0]) if other is None else write_comparison(*folders)
    except OSError as error:
        cause = f"{error.filename or run}: {error.strerror or error}"
        raise InputError(
            f"the run is not complete or cannot be written: {cause}; simulate it again"
        ) from error
    typer.echo(f"Report: {page}")


def _write_trec(folders: list[Path], out: Path, *, replay: bool) -> None:
    """Write one run in TREC's forms."""
    from ltrr.study.trec import write_trec

    if replay or len(folders) > 1:
        raise InputError("--trec writes the pages of one run: give the folder of a single run")
    for path in write_trec(folders[0], out):
        typer.echo(path)
