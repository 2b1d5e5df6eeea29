"""Run the command line; every mistake is one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

import typer

from ltrr.cli import arms, explain, init, listing, replay, report, simulate, validate  # noqa: F401  # add commands
from ltrr.cli.app import app, say
from ltrr.errors import InputError
from ltrr.registry import add_import_path

__all__ = ["main"]

_USAGE_ERROR = cast(type[Exception], typer.BadParameter.__mro__[1])
"""What is raised for words that the command line does not know; typer itself exports only its children."""


def _usage(error: Any) -> str:
    """Return what was wrong with the words of a command line, and where to read what is right."""
    where = error.ctx.command_path if error.ctx is not None else "ltrr"
    return f"{error.format_message().rstrip('.')}; see `{where} --help`"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; a user's mistake is one line on standard error and exit status 2.

    An import path ``module:Class`` may name a module of the current folder.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``ltrr``; those of the process if None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    status: Any = 0
    try:
        add_import_path(Path.cwd())
        status = app(words, prog_name="ltrr", standalone_mode=False)
    except InputError as error:
        say(str(error))
        status = 2
    except _USAGE_ERROR as error:
        say(_usage(error))
        status = 2
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted")
        status = 130
    except BrokenPipeError:  # whoever read standard output has gone: nothing more can be said there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except MemoryError as error:
        said = str(error) if str(error).startswith("a worker") else "not enough memory"
        say(f"{said}; lower world.n_items, rounds, loop.slot_size or --jobs")
        status = 1
    except OSError as error:
        say(f"cannot read or write {error.filename or 'a file'}: {error.strerror or error}")
        status = 1
    sys.exit(status if isinstance(status, int) else 0)
