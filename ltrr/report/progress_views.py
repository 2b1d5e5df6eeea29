"""How progress looks on a terminal, in a notebook, and where there is neither."""

from __future__ import annotations

import html
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

__all__ = ["Stage", "View", "duration", "view_of"]

FIRST_SECONDS = 10.0
"""Where there is no terminal, a run is silent for so long: short ones print nothing."""

EVERY_SECONDS = 30.0
"""Time between two lines where there is no terminal."""


def duration(seconds: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> duration(7.2), duration(130), duration(3_700)
    ('7 s', '2 min 10 s', '1 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@dataclass(frozen=True)
class Stage:
    """A stage of work under way.

    Parameters
    ----------
    title : str
    done : callable
        Returns what has been done so far.
    total : int or None
        What there is to do; None where nobody knows.
    begun : float
        When it began, by `time.monotonic`.

    Examples
    --------
    >>> Stage("tuning", lambda: 50, 200, begun=time.monotonic() - 10).line("rounds")
    'tuning: 50 of 200 rounds, 10 s, about 30 s left'
    """

    title: str
    done: Callable[[], int]
    total: int | None
    begun: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Time since it began."""
        return time.monotonic() - self.begun

    def line(self, unit: str) -> str:
        """Return how far it has come, how long it took, and an estimate of how long it will take."""
        done, seconds = self.done(), self.seconds
        if self.total is None:
            return f"{self.title}: {done:,} {unit}, {duration(seconds)}"
        left = f", about {_roughly(seconds * (self.total - done) / done)} left" if done else ""
        return f"{self.title}: {done:,} of {self.total:,} {unit}, {duration(seconds)}{left}"

    def last_line(self, unit: str) -> str:
        """Return what was done, and how long it took."""
        done, took = self.done(), duration(self.seconds)
        return f"{self.title}: {done:,} {unit} in {took}" if done else f"{self.title}: {took}"


def _roughly(seconds: float) -> str:
    """Return an estimate, whole minutes from two minutes on."""
    return duration(seconds if seconds < 120 else 60 * round(seconds / 60))


class View(Protocol):
    """One way to show progress.

    Examples
    --------
    The view of a file is called twice a second and writes nothing in its first ten seconds:

    >>> import io
    >>> file = io.StringIO()
    >>> view = view_of(file, "rows")
    >>> view.note("reading")
    >>> view.tick(None)
    >>> view.every_seconds, file.getvalue()
    (0.5, '')
    """

    every_seconds: float

    def open(self) -> None:
        """Begin to show."""

    def close(self) -> None:
        """Show no more."""

    def note(self, text: str) -> None:
        """Say what is being done now."""

    def remark(self, text: str) -> None:
        """Say what a user should know."""

    def show(self, stage: Stage) -> None:
        """Show a stage that begins."""

    def tick(self, stage: Stage | None) -> None:
        """Show how far the stage has come, if there is one; called every so many seconds."""

    def end(self, stage: Stage, *, whole: bool) -> None:
        """Show that a stage is over; ``whole`` if nothing broke it off."""


def view_of(stream: TextIO, unit: str) -> View:
    """Return what suits where the output goes."""
    if stream.isatty():
        return _Terminal(stream, unit)
    return _Notebook(unit) if _in_notebook() else _Lines(stream, unit)


def _in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None else None
    return getattr(shell, "kernel", None) is not None


class _Count(ProgressColumn):
    """What is done, and of how much where that is known."""

    def __init__(self, unit: str) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self._unit = unit

    def render(self, task: Any) -> Text:
        of = f" {self._unit}" if task.total is None else f"/{task.total:,.0f}"
        return Text(f"{task.completed:,.0f}{of}", style="progress.download")


class _Terminal:
    """A bar for each stage."""

    every_seconds = 0.3

    def __init__(self, stream: TextIO, unit: str) -> None:
        known = (
            BarColumn(bar_width=24),
            _Count(unit),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        unknown = (SpinnerColumn(), _Count(unit), TimeElapsedColumn())
        self._lasting = unit == "rounds"  # the end of what reads rows is not known, and its bars do not stay
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            *(known if self._lasting else unknown),
            console=Console(file=stream),
            transient=not self._lasting,
        )
        self._task: TaskID | None = None

    def open(self) -> None:
        self._progress.start()

    def close(self) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        self._progress.console.print(text, highlight=False, markup=False, emoji=False)

    remark = note

    def show(self, stage: Stage) -> None:
        self._task = self._progress.add_task(stage.title, total=stage.total)

    def tick(self, stage: Stage | None) -> None:
        if stage is not None and self._task is not None:
            self._progress.update(self._task, completed=stage.done())

    def end(self, stage: Stage, *, whole: bool) -> None:
        del whole  # a bar that was broken off stays where it was
        self.tick(stage)
        if self._task is not None and not self._lasting:
            self._progress.remove_task(self._task)


class _Lines:
    """A line every half minute, and nothing of what is over before the first is due."""

    every_seconds = 0.5

    def __init__(self, stream: TextIO, unit: str) -> None:
        self._stream, self._unit = stream, unit
        self._next = time.monotonic() + FIRST_SECONDS
        self._waiting: list[str] = []
        self._note = ""
        self._shown: Stage | None = None

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def note(self, text: str) -> None:
        self._note = text

    def remark(self, text: str) -> None:
        self._waiting.append(text)

    def show(self, stage: Stage) -> None:
        del stage  # shown once it takes long
        self._note = ""

    def tick(self, stage: Stage | None) -> None:
        if time.monotonic() < self._next:
            return
        due = [text for text in (self._note, *self._waiting) if text]
        self._note, self._waiting = "", []
        if not due and stage is not None and stage.seconds >= 1.0:
            self._shown = stage
            due = [stage.line(self._unit)]
        for text in due:
            self._next = time.monotonic() + EVERY_SECONDS
            self._print(text)

    def end(self, stage: Stage, *, whole: bool) -> None:
        if self._shown is stage and whole:
            self._print(stage.last_line(self._unit))

    def _print(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()


class _Notebook:
    """One output that is updated in place: what is stored with the notebook is a line a stage."""

    every_seconds = 1.0

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._lines: list[str] = []
        self._note = ""
        self._stage: Stage | None = None
        self._handle: Any = None

    def open(self) -> None:
        display = importlib.import_module("IPython.display").display
        self._handle = display(self, display_id=True)

    def close(self) -> None:
        self._note = ""
        self._update()

    def note(self, text: str) -> None:
        self._note = text
        self._update()

    def remark(self, text: str) -> None:
        self._lines.append(text)
        self._update()

    def show(self, stage: Stage) -> None:
        self._stage, self._note = stage, ""
        self._update()

    def tick(self, stage: Stage | None) -> None:
        if stage is not None:
            self._update()

    def end(self, stage: Stage, *, whole: bool) -> None:
        self._stage = None
        if whole:
            self._lines.append(stage.last_line(self._unit))
        self._update()

    def _update(self) -> None:
        self._handle.update(self)

    def _now(self) -> list[str]:
        stage = self._stage
        return [stage.line(self._unit)] if stage is not None else [self._note] if self._note else []

    def __repr__(self) -> str:
        return "\n".join([*self._lines, *self._now()])

    def _repr_html_(self) -> str:
        stage = self._stage
        bar = ""
        if stage is not None:
            value = "" if stage.total is None else f' value="{stage.done()}" max="{stage.total}"'
            bar = f'<progress style="width: 16em"{value}></progress> '
        done, now = [html.escape(x) for x in self._lines], [bar + html.escape(x) for x in self._now()]
        return f"<small>{'<br>'.join([*done, *now])}</small>"
