"""Figures, tables and the page of a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

if TYPE_CHECKING:
    from ltrr.replay.report.figures import forest, over_time, weights
    from ltrr.replay.report.files import read_replay, write_faults, write_replay
    from ltrr.replay.report.page import write_page
    from ltrr.replay.report.tables import estimate, verdicts

__all__ = [
    "estimate",
    "forest",
    "over_time",
    "read_replay",
    "verdicts",
    "weights",
    "write_faults",
    "write_page",
    "write_replay",
]

__getattr__ = _lazy.names(
    __name__,
    {
        ".figures": "forest over_time weights",
        ".files": "read_replay write_faults write_replay",
        ".page": "write_page",
        ".tables": "estimate verdicts",
    },
)
