"""The command line."""

from ltrr.cli.app import app
from ltrr.cli.entry import main

__all__ = ["app", "main"]
