"""A log that can be read again and again in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from ltrr.logs.events import Events, Space
from ltrr.logs.faults import Faults

__all__ = ["ReplayLog"]


@runtime_checkable
class ReplayLog(Protocol):
    """What `ltrr.replay.read` returns: one log, whatever its format.

    Every pass reads the log and counts faults from the start, so that a log larger than memory works.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.logs import read
    >>> log = read(pa.table({"action": ["a", "b"], "reward": [0, 1]}))
    >>> isinstance(log, ReplayLog), log.space.actions, sum(len(events) for events in log.chunks())
    (True, ('a', 'b'), 2)
    """

    @property
    def name(self) -> str:
        """Name of the log in tables: the file or folder."""

    @property
    def format(self) -> str:
        """The format's name."""

    @property
    def space(self) -> Space:
        """What ids mean; may need a first pass to find out, which is made once."""

    @property
    def faults(self) -> Faults:
        """What the last pass found."""

    def chunks(self) -> Iterator[Events]:
        """Yield the log in chunks, checked: rows with faults are excluded or stop the pass, as asked."""
