"""Logs: what a log is, how it is written, read and checked.

Names are loaded when first used: writing the tables of a run needs no reader.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ltrr.logs.columns import Columns
    from ltrr.logs.events import Events, Space
    from ltrr.logs.explain import LoggedRequest
    from ltrr.logs.faults import Faults
    from ltrr.logs.reading import read
    from ltrr.logs.replay_log import ReplayLog
    from ltrr.logs.tables import FORMAT_VERSION, TABLES, Log
    from ltrr.logs.validation import validate
    from ltrr.logs.writer import LogWriter, Shadow, write_table

_PLACES = {
    "Columns": "columns",
    "Events": "events",
    "FORMAT_VERSION": "tables",
    "Faults": "faults",
    "Log": "tables",
    "LogWriter": "writer",
    "LoggedRequest": "explain",
    "ReplayLog": "replay_log",
    "Shadow": "writer",
    "Space": "events",
    "TABLES": "tables",
    "read": "reading",
    "validate": "validation",
    "write_table": "writer",
}
"""The module that each public name is loaded from."""

__all__ = [
    "FORMAT_VERSION",
    "TABLES",
    "Columns",
    "Events",
    "Faults",
    "Log",
    "LogWriter",
    "LoggedRequest",
    "ReplayLog",
    "Shadow",
    "Space",
    "read",
    "validate",
    "write_table",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value
