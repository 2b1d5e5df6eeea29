"""`ltrr init`: write a study file that explains itself."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ltrr.cli.app import app
from ltrr.cli.simulate import COLLECTION, chosen_study
from ltrr.errors import InputError

__all__ = ["init"]


@app.command(
    epilog="Examples:\n\n"
    "  ltrr init\n\n"
    "  ltrr init mine.toml --collection path/to/beir-folder\n\n"
    "  ltrr simulate mine.toml       runs what was written"
)
def init(
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="The file to write, which must not exist.")
    ] = "study.toml",
    *,
    collection: COLLECTION = None,
) -> None:
    """Write the default study as a file to change, with every setting and its meaning."""
    from ltrr._state import write_aside
    from ltrr.study.annotate import annotated

    path = Path(study)
    if path.suffix != ".toml":
        raise InputError(f"STUDY must end in .toml, got {study}; write {study}.toml")
    chosen = replace(chosen_study(None, collection), name=path.stem)
    try:
        if path.exists():
            raise InputError(f"{path} exists already and is not written over; choose another name")
        write_aside(path, annotated(chosen).encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error
    typer.echo(f"Wrote {path}. Run it: ltrr simulate {shlex.quote(study)}")
