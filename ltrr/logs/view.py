"""A log seen in another way: the same but for what its chunks hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ltrr.logs.events import Space
from ltrr.logs.faults import Faults
from ltrr.logs.replay_log import ReplayLog

__all__ = ["LogView"]


@dataclass(frozen=True)
class LogView:
    """A log that answers as another does, its columns and what was read of it included; chunks are its own.

    Parameters
    ----------
    log : ReplayLog
        The other.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.logs import read
    >>> view = LogView(read(pa.table({"action": ["a", "b"], "reward": [0, 1]})))
    >>> view.space.actions, view.columns.action
    (('a', 'b'), 'action')
    """

    log: ReplayLog

    @property
    def name(self) -> str:
        """The log's name."""
        return self.log.name

    @property
    def format(self) -> str:
        """The format's name."""
        return self.log.format

    @property
    def space(self) -> Space:
        """What the ids mean."""
        return self.log.space

    @property
    def faults(self) -> Faults:
        """What the last pass found."""
        return self.log.faults

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "log":  # a copy that is not filled in yet has none to ask
            raise AttributeError(name)
        return getattr(self.log, name)
