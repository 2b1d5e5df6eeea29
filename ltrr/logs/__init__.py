"""Logs: what a log is, how it is written, read and checked.

Names are loaded when first used: writing the tables of a run needs no reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

if TYPE_CHECKING:
    from ltrr.logs.actions import Actions, actions_of
    from ltrr.logs.columns import Columns
    from ltrr.logs.events import Events, Space
    from ltrr.logs.explain import LoggedRequest
    from ltrr.logs.faults import Faults
    from ltrr.logs.reading import read
    from ltrr.logs.replay_log import ReplayLog
    from ltrr.logs.tables import FORMAT_VERSION, TABLES, Log
    from ltrr.logs.validation import validate
    from ltrr.logs.writer import LogWriter, Shadow, write_table

__all__ = [
    "FORMAT_VERSION",
    "TABLES",
    "Actions",
    "Columns",
    "Events",
    "Faults",
    "Log",
    "LogWriter",
    "LoggedRequest",
    "ReplayLog",
    "Shadow",
    "Space",
    "actions_of",
    "read",
    "validate",
    "write_table",
]

__getattr__ = _lazy.names(
    __name__,
    {
        ".actions": "Actions actions_of",
        ".columns": "Columns",
        ".events": "Events Space",
        ".explain": "LoggedRequest",
        ".faults": "Faults",
        ".reading": "read",
        ".replay_log": "ReplayLog",
        ".tables": "FORMAT_VERSION TABLES Log",
        ".validation": "validate",
        ".writer": "LogWriter Shadow write_table",
    },
)
