"""Logs: the four linked tables of a run, written in parts and read back whole."""

from ltrr.logs.explain import LoggedRequest
from ltrr.logs.tables import FORMAT_VERSION, TABLES, Log, LogWriter, Shadow, write_table

__all__ = ["FORMAT_VERSION", "TABLES", "Log", "LogWriter", "LoggedRequest", "Shadow", "write_table"]
