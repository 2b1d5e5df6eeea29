"""Figures of a replay: each takes its tables and returns Axes."""

from ltrr.replay.report.figures.forests import forest, segments
from ltrr.replay.report.figures.histogram import weights
from ltrr.replay.report.figures.lines import clips, over_time

__all__ = ["clips", "forest", "over_time", "segments", "weights"]
