"""Progress of long work: a bar on a terminal and in a notebook, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from ltrr.report.progress_views import Stage, View, view_of

__all__ = ["ProgressBar"]


class ProgressBar:
    """Shows a stage's progress: a bar on a terminal and in a notebook, a line every half minute elsewhere.

    Parameters
    ----------
    quiet : bool
        Show nothing anywhere.
    unit : str
        What is counted: "rounds" or "rows".

    Examples
    --------
    A terminal shows a bar; elsewhere a stage of less than ten seconds prints nothing:

    >>> import io
    >>> from contextlib import redirect_stderr
    >>> terminal, file = io.StringIO(), io.StringIO()
    >>> terminal.isatty = lambda: True
    >>> for stream in (terminal, file):
    ...     with redirect_stderr(stream), ProgressBar() as bar, bar.watch("tuning", lambda: 200, total=200):
    ...         pass
    >>> "200/200" in terminal.getvalue(), file.getvalue()
    (True, '')
    """

    def __init__(self, *, quiet: bool = False, unit: str = "rounds") -> None:
        self._view: View | None = None if quiet else view_of(sys.stderr, unit)
        self._stage: Stage | None = None
        self._added = 0
        self._over = threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> ProgressBar:
        if self._view is not None:
            self._view.open()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._view is not None:
            self._thread.join()
        self._end(whole=kind is None)
        if self._view is not None:
            self._view.close()

    def note(self, text: str) -> None:
        """Say what is being done now."""
        with self._lock:
            if self._view is not None:
                self._view.note(text)

    def remark(self, text: str) -> None:
        """Say what a user should know, whatever is being done."""
        with self._lock:
            if self._view is not None:
                self._view.remark(text)

    @contextmanager
    def watch(self, title: str, done: Callable[[], int], total: int) -> Iterator[None]:
        """Follow a count until the stage is over."""
        self._begin(Stage(title, done, total))
        try:
            yield
        except BaseException:
            self._end(whole=False)
            raise
        self._end()

    def stage(self, title: str) -> None:
        """Begin a stage whose end nobody knows; `add` counts."""
        self._end()
        self._added = 0
        self._begin(Stage(title, lambda: self._added, None))

    def add(self, count: int) -> None:
        """Count what a stage has done."""
        self._added += count

    def _begin(self, stage: Stage) -> None:
        with self._lock:
            self._stage = stage
            if self._view is not None:
                self._view.show(stage)

    def _end(self, *, whole: bool = True) -> None:
        with self._lock:
            stage, self._stage = self._stage, None
            if self._view is not None and stage is not None:
                self._view.end(stage, whole=whole)

    def _follow(self) -> None:
        """Show the stage again and again, from a thread."""
        while self._view is not None and not self._over.wait(self._view.every_seconds):
            with self._lock:
                self._view.tick(self._stage)
