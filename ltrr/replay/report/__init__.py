"""Figures, tables and the page of a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

if TYPE_CHECKING:
    from ltrr.replay.report.best import best_row, shortfalls
    from ltrr.replay.report.brief_text import brief
    from ltrr.replay.report.figures import clips, forest, over_time, segments, weights
    from ltrr.replay.report.files import read_replay, write_faults, write_replay
    from ltrr.replay.report.numbers import estimate
    from ltrr.replay.report.page import write_page
    from ltrr.replay.report.verdict_lines import verdicts

__all__ = [
    "best_row",
    "brief",
    "clips",
    "estimate",
    "forest",
    "over_time",
    "read_replay",
    "segments",
    "shortfalls",
    "verdicts",
    "weights",
    "write_faults",
    "write_page",
    "write_replay",
]

__getattr__ = _lazy.names(
    __name__,
    {
        ".best": "best_row shortfalls",
        ".brief_text": "brief",
        ".figures": "clips forest over_time segments weights",
        ".files": "read_replay write_faults write_replay",
        ".numbers": "estimate",
        ".page": "write_page",
        ".verdict_lines": "verdicts",
    },
)
