"""The formats of logs that have names."""

from __future__ import annotations

from ltrr.logs.formats import arrow, csv, dsjson, jsonl, obd, parquet, vw_text
from ltrr.logs.formats.run_log import open_run_log
from ltrr.registry import Registry

__all__ = ["LOG_FORMATS"]

LOG_FORMATS = Registry(
    "log_formats",
    {
        "ltrr": open_run_log,
        "parquet": parquet.batches,
        "arrow": arrow.batches,
        "obd": obd.batches,
        "dsjson": dsjson.batches,
        "jsonl": jsonl.batches,
        "vw": vw_text.batches,
        "csv": csv.batches,
    },
)
"""Functions as `ltrr.logs.format` describes them, in the order in which a file is recognised."""
