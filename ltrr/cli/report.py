"""`ltrr report`: draw a run again, or two side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ltrr.cli.app import app
from ltrr.errors import InputError

__all__ = ["report"]


@app.command(
    epilog="Examples:\n\n"
    "  ltrr report runs/default       draws its figures and report.html anew\n\n"
    "  ltrr report runs/a runs/b      writes runs/a/comparison.html"
)
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    other: Annotated[
        str | None, typer.Argument(metavar="[RUN2]", help="A second run to set beside it.")
    ] = None,
) -> None:
    """(Re)draw the figures and report.html of a run, or set two runs side by side."""
    from ltrr.study.report import write_report

    second = Path(other) if other is not None else None
    try:
        page = write_report(Path(run), second)
    except OSError as error:
        cause = f"{error.filename or run}: {error.strerror or error}"
        raise InputError(
            f"the run is not complete or cannot be written: {cause}; simulate it again"
        ) from error
    typer.echo(f"Report: {page}")
