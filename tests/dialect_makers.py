"""One small log as Python values, and makers that write it in many forms."""

from __future__ import annotations

import bz2
import csv
import datetime as dt
import gzip
import io
import json
import lzma
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

START = 1_704_067_200
"""The first row's time: 2024-01-01 in UTC."""

TRUTH = {"True": "False", "true": "false", "TRUE": "FALSE"}

CODED = pa.dictionary(pa.int32(), pa.string())

Row = dict[str, Any]


def plain_rows(n: int = 30) -> list[Row]:
    """Return the log as Python values, under the usual names."""
    return [
        {
            "action": "abc"[i % 3],
            "reward": 0.25 * (i % 5),
            "propensity": (0.5, 0.25)[i % 2],
            "timestamp": START + 3600 * i,
            "context_age": 20.5 + i,
            "context_country": ("de", "fr", "it", "de")[i % 4],
            "target_new": (0.125, 0.75, 0.5)[i % 3],
        }
        for i in range(n)
    ]


# -- how it is written


def text_of(
    rows: list[Row],
    delimiter: str = ",",
    decimal: str = ".",
    *,
    end: str = "\n",
    quoting: int = csv.QUOTE_MINIMAL,
    none: str = "",
    true: str = "True",
) -> str:
    """Return rows as CSV."""
    file = io.StringIO(newline="")
    out = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    out.writerow(rows[0])

    def cell(value: Any) -> Any:
        if value is None:
            return none
        if isinstance(value, bool):
            return true if value else TRUTH[true]
        if isinstance(value, list):
            return json.dumps(value)
        return str(value).replace(".", decimal) if isinstance(value, (float, Decimal)) else value

    out.writerows([cell(v) for v in row.values()] for row in rows)
    return file.getvalue()


def lines_of(rows: list[Row]) -> str:
    """Return rows as JSON lines, structs by dotted names."""
    return "".join(json.dumps(nested(row)) + "\n" for row in rows)


def nested(row: Row) -> Row:
    """Return a row with an object for each dot of a name."""
    out: Row = {}
    for name, value in row.items():
        *above, last = name.split(".")
        inner = out
        for key in above:
            inner = inner.setdefault(key, {})
        inner[last] = value
    return out


def save(folder: Path, name: str, data: bytes | str) -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def as_csv(name: str = "log.csv", encoding: str = "utf-8", mark: bytes = b"", **how: Any) -> Any:
    """Return a maker of CSV."""
    return lambda folder, rows: save(folder, name, mark + text_of(rows, **how).encode(encoding))


def as_lines(name: str = "log.jsonl") -> Any:
    """Return a maker of JSON lines."""
    return lambda folder, rows: save(folder, name, lines_of(rows))


def edited(*pairs: tuple[str, str], name: str = "log.csv") -> Any:
    """Return a maker of CSV in whose text each first string is replaced by the second."""

    def make(folder: Path, rows: list[Row]) -> Path:
        text = text_of(rows)
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        return save(folder, name, text)

    return make


def table(rows: list[Row], **types: pa.DataType) -> pa.Table:
    """Return rows as an Arrow table, some columns in given types."""
    given = {}
    for name, kind in types.items():
        values = [row[name] for row in rows]
        given[name] = pa.array(values).dictionary_encode() if kind == CODED else pa.array(values, kind)
    whole = pa.Table.from_pylist([nested({k: v for k, v in row.items() if k not in types}) for row in rows])
    for name, column in given.items():
        whole = whole.append_column(name, column)
    order = dict.fromkeys(name.split(".")[0] for name in rows[0])
    return whole.select(list(order))


def as_parquet(name: str = "log.parquet", **types: pa.DataType) -> Any:
    """Return a maker of Parquet."""

    def make(folder: Path, rows: list[Row]) -> Path:
        pq.write_table(table(rows, **types), folder / name, row_group_size=11)
        return folder / name

    return make


def as_feather(version: int) -> Any:
    """Return a maker of Feather files."""

    def make(folder: Path, rows: list[Row]) -> Path:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # version 1 is deprecated
            feather.write_feather(table(rows), str(folder / "log.feather"), version=version)
        return folder / "log.feather"

    return make


def as_arrow(new: Callable[..., Any], name: str) -> Any:
    """Return a maker of Arrow files or streams."""

    def make(folder: Path, rows: list[Row]) -> Path:
        whole = table(rows)
        with new(str(folder / name), whole.schema) as out:
            out.write_table(whole, max_chunksize=7)
        return folder / name

    return make


def packed(kind: str, data: bytes) -> bytes:
    """Return compressed bytes."""
    pack = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
        "zst": lambda d: pa.compress(d, codec="zstd", asbytes=True),
    }
    return pack[kind](data)


def as_packed(kind: str, name: str, text: Callable[[list[Row]], str] = text_of) -> Any:
    """Return a maker of packed files."""
    return lambda folder, rows: save(folder, name, packed(kind, text(rows).encode()))


def as_folder(*parts: tuple[str, Any]) -> Any:
    """Return a maker of a folder: each part gets its share of the rows, in order; text is a companion."""

    def make(folder: Path, rows: list[Row]) -> Path:
        makers = [(name, how) for name, how in parts if callable(how)]
        for name, how in parts:
            if isinstance(how, str):
                save(folder, f"log/{name}", how)
        cuts = np.linspace(0, len(rows), len(makers) + 1).astype(int)
        for (name, how), start, stop in zip(makers, cuts[:-1], cuts[1:], strict=True):
            place = folder / "log" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            made = how(place.parent, rows[start:stop])
            made.rename(place)
        return folder / "log"

    return make


def by_country(folder: Path, rows: list[Row]) -> Path:
    """Write a folder a country, as Hive and Spark do."""
    for country in dict.fromkeys(row["context_country"] for row in rows):
        own = [
            {k: v for k, v in row.items() if k != "context_country"}
            for row in rows
            if row["context_country"] == country
        ]
        save(folder, f"log/context_country={country}/part-0.csv", text_of(own))
    return folder / "log"


# -- which rows are written


def changed(**columns: Callable[[Any, int], Any]) -> Callable[[list[Row]], list[Row]]:
    """Return a function that changes columns: each value by ``function(value, i)``."""

    def change(rows: list[Row]) -> list[Row]:
        return [
            row | {name: function(row.get(name), i) for name, function in columns.items()}
            for i, row in enumerate(rows)
        ]

    return change


def actions(*names: Any) -> Callable[[list[Row]], list[Row]]:
    """Return a function that renames the three actions."""
    return changed(action=lambda _, i: names[i % 3])


def renamed(**names: str) -> Callable[[list[Row]], list[Row]]:
    """Return a function that renames columns; ``__`` stands for a dot."""
    new = {old: name.replace("__", ".") for old, name in names.items()}
    return lambda rows: [{new.get(name, name): v for name, v in row.items()} for row in rows]


def missing(name: str, *at: int) -> Callable[[list[Row]], list[Row]]:
    """Return a function that takes values away."""
    return changed(**{name: lambda value, i: None if i in at else value})


def converted(make: Any, **columns: Callable[[Any], Any]) -> Any:
    """Return a maker of rows whose values are written in another form."""
    change = changed(**{name: lambda v, _, f=f: f(v) for name, f in columns.items()})
    return lambda folder, rows: make(folder, change(rows))


def moment(seconds: float, zone: dt.tzinfo | None = dt.UTC) -> dt.datetime:
    """Return a time as a datetime."""
    return dt.datetime.fromtimestamp(seconds, zone or dt.UTC).replace(tzinfo=zone)


def as_table(make: Callable[[list[Row]], Any]) -> Any:
    """Return a maker of a table in memory."""
    return lambda _, rows: make(rows)


def nullable(rows: list[Row]) -> pd.DataFrame:
    """Return pandas columns of types that know missing values."""
    return pd.DataFrame(rows).convert_dtypes()


def categorical(rows: list[Row]) -> pd.DataFrame:
    """Return pandas columns with labels as categories."""
    return pd.DataFrame(rows).astype({"action": "category", "context_country": "category"})


def stamped(rows: list[Row]) -> pd.DataFrame:
    """Return pandas columns with times as pandas has them."""
    frame = pd.DataFrame(rows)
    return frame.assign(timestamp=pd.to_datetime(frame["timestamp"], unit="s", utc=True))


def reordered(folder: Path, rows: list[Row]) -> Path:
    """Write the columns in another order."""
    return as_csv()(folder, [dict(reversed(row.items())) for row in rows])


def ageless(folder: Path, rows: list[Row]) -> Path:
    """Leave a column out."""
    return as_csv()(folder, [{k: v for k, v in row.items() if k != "context_age"} for row in rows])


def coded(rows: list[Row]) -> pl.DataFrame:
    """Return polars columns with labels as categories."""
    return pl.DataFrame(rows).with_columns(pl.col("action").cast(pl.Categorical))


def of_polars(folder: Path, rows: list[Row]) -> Path:
    """Write an Arrow file as polars does."""
    coded(rows).write_ipc(folder / "log.arrow")
    return folder / "log.arrow"


def spaced(folder: Path, rows: list[Row]) -> Path:
    """Write spaces around delimiters."""
    return save(folder, "log.csv", text_of(rows).replace(",", " , "))
