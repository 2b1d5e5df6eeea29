"""The command line's root, and how it reports errors."""

from __future__ import annotations

import os
from importlib import metadata
from typing import Annotated

import typer
from rich.console import Console

from ltrr.errors import printable

__all__ = ["app", "say"]

# Before numpy is loaded: to start OpenBLAS's threads takes a tenth of a second in each of numpy and scipy,
# and they then wait actively during products that are too small to be shared. Workers have one thread anyway.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

app = typer.Typer(
    name="ltrr",
    help="Learning to rank and retrieve: simulate policies that choose which arms to draw candidates from.",
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:  # noqa: FBT001  # typer calls it so
    if show:
        typer.echo(f"ltrr {metadata.version('ltrr')}")
        raise typer.Exit


@app.callback(
    epilog="Examples:\n\n"
    "  ltrr simulate --rounds 1000 --seeds 2\n\n"
    "  ltrr list users pbm\n\n"
    "  ltrr init mine.toml\n\n"
    "  ltrr replay men.csv --policy uniform"
)
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Learning to rank and retrieve."""


def say(text: str) -> None:
    """Print one line on standard error, whatever the text holds."""
    # a log's words are shown as they stand: neither markup nor ":-1:" as a picture
    Console(stderr=True, markup=False, emoji=False, highlight=False).print(
        f"ltrr: {printable(' '.join(text.split()))}", style="red", soft_wrap=True
    )
