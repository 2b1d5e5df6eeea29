"""Log messages on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any

import typer

__all__ = ["VERBOSE", "show_log"]

VERBOSE = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Say what is being done and how long it took."),
]


class _StandardError(logging.StreamHandler[Any]):
    """Writes to what standard error is at the time: a progress bar puts lines above itself."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))

    @property
    def stream(self) -> Any:
        """Standard error."""
        return sys.stderr


def show_log() -> None:
    """Show the package's messages from ``info`` upwards on standard error."""
    logger = logging.getLogger("ltrr")
    if not any(isinstance(handler, _StandardError) for handler in logger.handlers):
        logger.addHandler(_StandardError())
    logger.setLevel(logging.INFO)
