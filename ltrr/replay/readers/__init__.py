"""Readers: logs in files of many formats as chunks of events."""

from ltrr.replay.readers.columns import Columns
from ltrr.replay.readers.detect import detect
from ltrr.replay.readers.obd import open_obd
from ltrr.replay.readers.registry import LOG_FORMATS
from ltrr.replay.readers.table import TableLog, open_table

__all__ = ["LOG_FORMATS", "Columns", "TableLog", "detect", "open_obd", "open_table"]
