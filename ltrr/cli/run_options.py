"""Options of the commands that look into a finished run."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["POLICY", "SEED"]

POLICY = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A logged policy; default: the best learner by mean reward."),
]
SEED = Annotated[int | None, typer.Option(help="A logged seed; default: the first.")]
