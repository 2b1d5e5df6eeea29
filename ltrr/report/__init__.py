"""Figures and the report page of a run."""

from ltrr.report import figures
from ltrr.report.html import write_report

__all__ = ["figures", "write_report"]
