"""Progress of a pass over a log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ltrr.report.progress import ProgressBar

__all__ = ["progress"]


@contextmanager
def progress(*, quiet: bool) -> Iterator[ProgressBar]:
    """Show the stage and the rows read, and say so if kernels are compiled."""
    from ltrr._kernels.compiling import COMPILING, compiling

    with ProgressBar(quiet=quiet, unit="rows") as bar, compiling(lambda: bar.remark(COMPILING)):
        yield bar
