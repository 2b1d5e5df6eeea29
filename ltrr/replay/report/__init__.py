"""Figures, tables and the page of a replay."""

from ltrr.replay.report import figures
from ltrr.replay.report.page import write_replay

__all__ = ["figures", "write_replay"]
