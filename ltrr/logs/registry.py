"""The formats of logs that have names."""

from __future__ import annotations

from functools import partial

from ltrr.logs.formats.obd import open_obd
from ltrr.logs.formats.run_log import open_run_log
from ltrr.logs.formats.vw_text import open_vw_text
from ltrr.logs.table import TableLog, open_table
from ltrr.registry import Registry

__all__ = ["LOG_FORMATS"]


def _tables(format_: str, meaning: str) -> partial[TableLog]:
    """Return the function that opens tables of one format, with a line about it for `Registry.about`."""
    opener = partial(open_table, format=format_)
    vars(opener)["meaning"] = meaning
    return opener


LOG_FORMATS = Registry(
    "log_formats",
    {
        "ltrr": open_run_log,
        "csv": _tables("csv", "Text with commas and a line of names, read through a column map"),
        "parquet": _tables("parquet", "Parquet, read through a column map"),
        "jsonl": _tables("jsonl", "JSON lines, an object a row, read through a column map"),
        "obd": open_obd,
        "vw": open_vw_text,
    },
)
"""Functions that return a `ReplayLog` from a path and options by name, among them ``on_error``."""
