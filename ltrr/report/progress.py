"""Progress of many cells, wherever they run: one shared counter a cell, one bar."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import TracebackType

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["Counter", "ProgressBar"]


class Counter:
    """Rounds done by each cell, in a small memory-mapped file that workers share.

    Parameters
    ----------
    path : Path
        Place of the file.
    n_cells : int or None
        Make the file with this many counters; None opens it.
    """

    def __init__(self, path: Path, n_cells: int | None = None) -> None:
        if n_cells is not None:
            np.zeros(max(n_cells, 1), np.int64).tofile(path)
        self.path = path
        self._values = np.memmap(path, np.int64, "r+")

    def put(self, cell: int, rounds: int) -> None:
        """Say how many rounds a cell has done."""
        self._values[cell] = rounds

    def total(self) -> int:
        """Return the rounds done by all cells."""
        return int(self._values.sum())


class ProgressBar:
    """Shows a stage's progress with an estimate on a terminal, and nothing elsewhere.

    Parameters
    ----------
    quiet : bool
        Show nothing anywhere.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("rounds"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not self._shown,
            transient=False,
        )

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        """Say what is being done now."""
        if self._shown:
            self._progress.console.print(text, highlight=False)

    def watch(self, title: str, counter: Counter, total: int) -> Stage:
        """Return a context that follows a counter until the stage is over."""
        return Stage(self._progress, title, counter, total)


class Stage:
    """One bar of a `ProgressBar`, moved by a thread that reads the counter."""

    def __init__(self, progress: Progress, title: str, counter: Counter, total: int) -> None:
        self._progress, self._counter = progress, counter
        self._task = progress.add_task(title, total=total)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Stage:
        if not self._progress.disable:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._progress.update(self._task, completed=self._counter.total())

    def _follow(self) -> None:
        while not self._over.wait(0.3):
            self._progress.update(self._task, completed=self._counter.total())
