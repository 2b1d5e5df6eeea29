"""One small log in the many ways in which logs are written, and what is read of each.

``python -m tests.dialects`` writes the table of the page ``docs/log-formats.md`` anew.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from ltrr.errors import InputError
from ltrr.logs import read
from ltrr.logs.events import Events
from tests.dialect_makers import (
    CODED,
    START,
    TRUTH,
    Row,
    actions,
    ageless,
    as_arrow,
    as_csv,
    as_feather,
    as_folder,
    as_lines,
    as_packed,
    as_parquet,
    as_table,
    by_country,
    categorical,
    changed,
    coded,
    converted,
    edited,
    lines_of,
    missing,
    moment,
    nested,
    nullable,
    of_polars,
    packed,
    plain_rows,
    renamed,
    reordered,
    save,
    spaced,
    stamped,
    table,
    text_of,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "log-formats.md"
BEGIN, END = "<!-- begin: python -m tests.dialects -->", "<!-- end -->"


@dataclass(frozen=True)
class Variant:
    """One way of writing the log.

    Parameters
    ----------
    title : str
        What is in the file, as the page says it.
    make : callable
        ``make(folder, rows)`` writes rows and returns what is given to `read`.
    said : str
        What is read, see `observed`, or the line that is said.
    rows : callable
        From the plain rows to those that the variant holds.
    options : mapping
        Further arguments of `read`.
    """

    title: str
    make: Callable[[Path, list[Row]], Any]
    said: str = "the log"
    rows: Callable[[list[Row]], list[Row]] = lambda rows: rows
    options: dict[str, Any] = field(default_factory=dict)

    def observed(self, folder: Path) -> str:
        """Return what is read: "the log" and how it differs from the plain one, or the line that is said."""
        rows = self.rows(plain_rows())
        try:
            log = read(self.make(folder, rows), **self.options)
            events = Events.concat(list(log.chunks()))
        except InputError as error:
            return re.sub(re.escape(f"{folder}") + "/?", "", str(error))
        return described(events, log.faults, rows)


# -- what is read


def described(events: Events, faults: Any, rows: list[Row]) -> str:
    """Return what was read of rows: "the log" if every value is the one that was written."""
    kept = [rows[i - 1] for i in events.row.tolist()]
    wrong = [name for name, same in compared(events, kept) if not same]
    if wrong:
        return f"another log: {', '.join(wrong)} differ"
    out, names = "the log", list(events.space.actions)
    out += f", with the actions {', '.join(names)}" if names != ["a", "b", "c"] else ""
    out += "" if events.propensity is not None else ", without propensities"
    out += "" if events.space.timed else ", without times"
    out += "" if events.targets else ", without the target"
    if len(kept) < len(rows):
        out += f"; {len(rows) - len(kept)} of {len(rows)} rows excluded"
    quiet = ("constant column",)
    kinds = [f"{kind}{f' {n} times' * (n > 1)}" for kind, n in faults.counts.items() if kind not in quiet]
    return out + (f"; reported: {', '.join(kinds)}" if kinds else "")


def compared(events: Events, rows: list[Row]) -> list[tuple[str, bool]]:
    """Return for each column whether it holds what the rows hold."""
    taken = [events.space.actions[i] for i in events.action.tolist()]
    wanted = [row["reward"] for row in rows]
    out = [
        ("actions", taken == [name_of(row["action"]) for row in rows]),
        ("rewards", equal(events.reward, wanted) and math.isclose(events.reward.mean(), np.mean(wanted))),
    ]
    if events.propensity is not None:
        out.append(("propensities", equal(events.propensity, [row["propensity"] for row in rows])))
    if events.space.timed:
        out.append(("times", equal(events.time, [row["timestamp"] for row in rows])))
    out += [(f"target {k}", equal(v, [r[f"target_{k}"] for r in rows])) for k, v in events.targets.items()]
    names, columns = context(rows)
    out.append(("the context's names", list(events.space.context_names) == names))
    if list(events.space.context_names) == names:
        out += [(n, equal(events.context[:, j], columns[n])) for j, n in enumerate(names)]
    return out


def name_of(action: Any) -> str:
    """Return an action's name: whole numbers are named as integers are, truth values as JSON has them."""
    if isinstance(action, bool):
        return str(action).lower()
    return str(int(action)) if isinstance(action, float) else str(action)


def equal(found: Any, wanted: list[Any]) -> bool:
    """Return whether numbers are those that were written, NaN for None."""
    values = [math.nan if v is None else float(v) for v in wanted]
    return bool(np.array_equal(np.asarray(found, np.float64), values, equal_nan=True))


def context(rows: list[Row]) -> tuple[list[str], dict[str, list[Any]]]:
    """Return the context that rows stand for: names of its columns of numbers, and their values."""
    out: dict[str, list[Any]] = {}
    for name in [n for n in rows[0] if n.startswith(("context_", "context."))]:
        values = [row[name] for row in rows]
        known = [v for v in values if v is not None]
        if isinstance(known[0], list):
            out |= {f"{name}[{i}]": [v[i] for v in values] for i in range(len(known[0]))}
        elif isinstance(known[0], str):
            levels = ["(missing)"] * (len(known) < len(values)) + sorted(set(known))
            out |= {f"{name}:{level}": [(v or "(missing)") == level for v in values] for level in levels}
        else:
            out[name] = values
    return list(out), out


EMBEDDED = changed(context_vector=lambda _, i: [0.5 * i, -1.0, 0.25])
NESTED = renamed(context_age="context__user__age", context_country="context__country")
NO_PROPENSITY = missing("propensity", 3, 4)
EARLIER = (
    "{file}, row 4: propensity missing: no value (and at least 1 more); no propensity in a "
    "log that has them; correct the log, or leave such rows out with --on-error skip"
)
OTHER_PART = (
    "log: all files of the folder must be parts of the log (*.csv, *.tsv, *.tab, *.psv), got {}; move it "
    "elsewhere, begin its name with _, or put the parts into a folder of their own"
)
ARRAY = (
    "log.json: its lines must be JSON objects, it is one array; write an object a line, for example "
    "with jq -c "
    "'.[]' FILE"
)
NO_LOG = "a log must be a path, a DataFrame of pandas or polars, a pyarrow Table, or a ReplayLog, got {}"
EAST = dt.timezone(dt.timedelta(hours=2))
BIG = (2**63, 2**64 - 1, 7)
BIG_NAMES = "the log, with the actions 7, 9223372036854775808, 18446744073709551615"
INTEGERS = "the log, with the actions 7, 8, 9"


def lacking(file: str) -> str:
    """Return the line about a propensity that is missing."""
    return EARLIER.format(file=file)


VARIANTS: dict[str, list[Variant]] = {}

VARIANTS["Delimiters and decimal marks"] = [
    Variant("`.csv`, comma", as_csv()),
    Variant("`.tsv`, tab", as_csv("log.tsv", delimiter="\t")),
    Variant("`.csv`, tab", as_csv(delimiter="\t")),
    Variant("`.csv`, semicolon", as_csv(delimiter=";")),
    Variant("`.csv`, semicolon, decimal comma", as_csv(delimiter=";", decimal=",")),
    Variant("`.tsv`, tab, decimal comma", as_csv("log.tsv", delimiter="\t", decimal=",")),
    Variant("`.csv`, pipe", as_csv(delimiter="|")),
    Variant("`.txt`, comma", as_csv("log.txt")),
    Variant("no ending, tab", as_csv("log", delimiter="\t")),
    Variant('`.csv`, `^`, with `delimiter="^"`', as_csv(delimiter="^"), options={"delimiter": "^"}),
    Variant(
        "`.csv`, `^`, without it",
        as_csv(delimiter="^"),
        "log.csv: no column for an action is known; it has the columns "
        "action^reward^propensity^timestamp^context_age^context_country^target_new; map them: reward=NAME, "
        "action=NAME, propensity=NAME (--column on the command line, columns= in a call, or [columns] in a "
        "TOML file)",
    ),
    Variant(
        '`.csv`, comma, decimal comma in quotation marks, with `decimal=","`',
        as_csv(decimal=",", quoting=csv.QUOTE_NONNUMERIC),
        options={"decimal": ","},
    ),
    Variant("first line `sep=;`", lambda f, rows: save(f, "log.csv", "sep=;\n" + text_of(rows, ";"))),
]

VARIANTS["Encodings and lines"] = [
    Variant("UTF-8 with a byte order mark", as_csv(mark=codecs.BOM_UTF8)),
    Variant("UTF-16 LE with a mark", as_csv(encoding="utf-16-le", mark=codecs.BOM_UTF16_LE)),
    Variant("UTF-16 BE with a mark", as_csv(encoding="utf-16-be", mark=codecs.BOM_UTF16_BE)),
    Variant("UTF-16 LE without", as_csv(encoding="utf-16-le")),
    Variant("UTF-16 BE without", as_csv(encoding="utf-16-be")),
    Variant(
        "latin-1",
        as_csv(encoding="latin-1"),
        "log.csv: must be text in UTF-8, and many of its first rows are not; it looks like latin-1: give "
        "--encoding latin-1",
        rows=changed(context_country=lambda v, _: v.replace("fr", "français")),
    ),
    Variant(
        'latin-1, with `encoding="latin-1"`',
        as_csv(encoding="latin-1"),
        rows=changed(context_country=lambda v, _: v.replace("fr", "français")),
        options={"encoding": "latin-1"},
    ),
    Variant(
        "names of columns in quotation marks",
        edited(("action,reward", '"action","reward"')),
    ),
    Variant("everything in quotation marks", as_csv(quoting=csv.QUOTE_ALL)),
    Variant(
        "a line break, a comma and a quotation mark within a value",
        as_csv(),
        rows=changed(context_country=lambda v, _: v.replace("fr", 'f,\n"r"')),
    ),
    Variant("lines end with CR LF", as_csv(end="\r\n")),
    Variant("lines end with CR alone", as_csv(end="\r")),
    Variant("no end of the last line", lambda f, rows: save(f, "log.csv", text_of(rows).rstrip())),
    Variant("blank lines", as_csv(end="\n\n")),
    Variant("spaces around names and values", spaced),
    Variant(
        "two columns `reward`",
        edited(("context_age", "reward")),
        "log.csv: has two columns 'reward'; rename one",
    ),
    Variant(
        "two columns `note` that nothing uses",
        edited(("note2", "note")),
        rows=changed(note=lambda _, i: i, note2=lambda _, i: f"x{i}"),
    ),
    Variant(
        "a row with a field too few",
        edited(("\nb,0.25,0.25,1704070800", "\nb,0.25,1704070800")),
        "log.csv, row 2: unreadable: a row must have 7 fields, got 6; the row cannot be parsed; "
        "correct the log, "
        "or leave such rows out with --on-error skip",
    ),
]

VARIANTS["Values"] = [
    *[
        Variant(
            f"rewards `{true}` and `{false}`", as_csv(true=true), rows=changed(reward=lambda _, i: i % 3 == 0)
        )
        for true, false in TRUTH.items()
    ],
    Variant("rewards `1.0` and `0.0`", as_csv(), rows=changed(reward=lambda _, i: float(i % 3 == 0))),
    *[
        Variant(
            f"propensity missing in 2 rows: {f'`{word}`' if word else 'empty'}",
            as_csv(none=word),
            lacking("log.csv"),
            rows=NO_PROPENSITY,
        )
        for word in ("", "NaN", "NA", "null", "None")
    ],
    Variant("JSON lines: propensity `null` in 2 rows", as_lines(), lacking("log.jsonl"), rows=NO_PROPENSITY),
    Variant("Parquet: propensity null in 2 rows", as_parquet(), lacking("log.parquet"), rows=NO_PROPENSITY),
    Variant(
        'the same with `on_error="skip"`',
        as_csv(none="NA"),
        "the log; 2 of 30 rows excluded; reported: propensity missing 2 times",
        rows=NO_PROPENSITY,
        options={"on_error": "skip"},
    ),
    Variant(
        "no column of propensities",
        as_csv(),
        "the log, without propensities",
        rows=lambda rows: [{k: v for k, v in row.items() if k != "propensity"} for row in rows],
    ),
    Variant(
        "a propensity `n. a.`",
        edited(("a,0.0,0.5,1704067200", "a,0.0,n. a.,1704067200")),
        "log.csv, row 1: unreadable: `propensity` must be a number, got 'n. a.'; the row cannot be parsed; "
        "correct the log, or leave such rows out with --on-error skip",
    ),
    Variant("a context's number missing", as_csv(), rows=missing("context_age", 2, 9)),
    Variant("a context's label missing", as_csv(), rows=missing("context_country", 2, 9)),
    Variant(
        "columns `count` and `request_id` with all sorts of values (a name alone gives them no role)",
        as_csv(),
        rows=changed(count=lambda _, i: i - 5, request_id=lambda _, i: i % 2),
    ),
    Variant(
        "columns `target_group` and `note` of text",
        as_csv(),
        rows=changed(target_group=lambda _, i: "AB"[i % 2], note=lambda _, i: "x" * i),
    ),
]

VARIANTS["Ids of actions"] = [
    Variant("integers, CSV", as_csv(), INTEGERS, rows=actions(7, 8, 9)),
    *[
        Variant(f"{kind}, Parquet", as_parquet(action=kind), INTEGERS, rows=actions(7, 8, 9))
        for kind in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64())
    ],
    Variant("uint64, Parquet", as_parquet(action=pa.uint64()), INTEGERS, rows=actions(7, 8, 9)),
    Variant(
        "uint64 beyond 2^63, Parquet",
        as_parquet(action=pa.uint64()),
        BIG_NAMES,
        rows=actions(*BIG),
    ),
    Variant("integers beyond 2^63, CSV", as_csv(), BIG_NAMES, rows=actions(*BIG)),
    Variant("integers beyond 2^63, JSON lines", as_lines(), BIG_NAMES, rows=actions(*BIG)),
    Variant("whole floats `7.0`, CSV", as_csv(), INTEGERS, rows=actions(7.0, 8.0, 9.0)),
    Variant("whole floats, JSON lines", as_lines(), INTEGERS, rows=actions(7.0, 8.0, 9.0)),
    Variant("whole floats (double), Parquet", as_parquet(), INTEGERS, rows=actions(7.0, 8.0, 9.0)),
    Variant(
        "whole decimals, Parquet",
        as_parquet(action=pa.decimal128(9, 2)),
        INTEGERS,
        rows=actions(7, 8, 9),
    ),
    Variant(
        "floats that are not whole, Parquet",
        as_parquet(),
        "log.parquet, row 1: unreadable: `action` must be a label, whole if a number, got 7.5 (and "
        "at least 9 more); the row cannot be parsed; correct the log, or leave such rows out with "
        "--on-error skip",
        rows=actions(7.5, 8.0, 9.0),
    ),
    Variant(
        "text with leading zeros `007`",
        as_csv(),
        "the log, with the actions 007, 008, 7",
        rows=actions("007", "008", "7"),
    ),
    Variant(
        "text `NA` and `null` (of labels only the empty text is missing)",
        as_csv(),
        "the log, with the actions NA, null, x",
        rows=actions("NA", "null", "x"),
    ),
    Variant(
        "bool, Parquet",
        as_parquet(),
        "the log, with the actions false, true",
        rows=actions(True, False, False),
    ),
]

VARIANTS["Times"] = [
    *[
        Variant(f"{unit}, integers, CSV", converted(as_csv(), timestamp=lambda t, k=k: t * k))
        for unit, k in (("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9))
    ],
    *[
        Variant(f"{unit}, text, JSON lines", converted(as_lines(), timestamp=lambda t, k=k: str(t * k)))
        for unit, k in (
            ("seconds", 1),
            ("milliseconds", 10**3),
            ("microseconds", 10**6),
            ("nanoseconds", 10**9),
        )
    ],
    Variant("milliseconds, int64, Parquet", converted(as_parquet(), timestamp=lambda t: t * 1000)),
    Variant("seconds with a fraction, CSV", as_csv(), rows=changed(timestamp=lambda t, _: t + 0.25)),
    Variant(
        "milliseconds with a fraction, Parquet",
        converted(as_parquet(), timestamp=lambda t: 1000.0 * t),
        rows=changed(timestamp=lambda t, _: t + 0.0625),
    ),
    Variant(
        "ISO 8601 without a zone (taken as UTC)",
        converted(as_csv(), timestamp=lambda t: moment(t, None).isoformat()),
    ),
    Variant(
        "ISO 8601 with a space and a fraction",
        converted(as_csv(), timestamp=lambda t: moment(t, None).isoformat(" ", "milliseconds")),
    ),
    Variant("ISO 8601 with `Z`", converted(as_csv(), timestamp=lambda t: f"{moment(t, None).isoformat()}Z")),
    Variant("ISO 8601 with `+02:00`", converted(as_csv(), timestamp=lambda t: moment(t, EAST).isoformat())),
    Variant(
        "dates `2024-01-01`",
        converted(as_csv(), timestamp=lambda t: moment(t).date().isoformat()),
        rows=changed(timestamp=lambda t, _: t - t % 86400),
    ),
    *[
        Variant(
            f"timestamp[{unit}]{zone}, Parquet",
            converted(
                as_parquet(timestamp=pa.timestamp(unit, "UTC" if zone else None)),
                timestamp=lambda t: moment(t, None),
            ),
        )
        for unit, zone in (("s", ""), ("ms", ""), ("us", ""), ("ns", ""), ("us", " with a zone"))
    ],
    Variant(
        "date32, Parquet",
        converted(as_parquet(timestamp=pa.date32()), timestamp=lambda t: moment(t).date()),
        rows=changed(timestamp=lambda t, _: t - t % 86400),
    ),
    Variant(
        "one time in another unit than the others",
        as_csv(),
        "the log; reported: time in an unlikely year",
        rows=changed(timestamp=lambda t, i: t * 1000 if i == 29 else t),
    ),
    Variant("seconds from the log's beginning", as_csv(), rows=changed(timestamp=lambda t, _: t - START)),
    Variant(
        "one time missing (the time before it is used)",
        lambda folder, rows: as_csv()(folder, missing("timestamp", 1)(rows)),
        "the log; reported: time missing",
        rows=changed(timestamp=lambda t, i: START if i == 1 else t),
    ),
]

VARIANTS["Packed files and folders"] = [
    *[Variant(f"CSV, {kind}", as_packed(kind, f"log.csv.{kind}")) for kind in ("gz", "bz2", "xz", "zst")],
    *[
        Variant(f"JSON lines, {kind}", as_packed(kind, f"log.jsonl.{kind}", lines_of))
        for kind in ("gz", "bz2", "xz", "zst")
    ],
    Variant("CSV, gz, without the ending", as_packed("gz", "log.csv")),
    Variant("CSV, zst, without any ending", as_packed("zst", "log")),
    Variant(
        "a gz file that was cut off",
        lambda f, rows: save(f, "log.csv.gz", packed("gz", text_of(rows).encode())[:-20]),
        "log.csv.gz: cannot be read: Compressed file ended before the end-of-stream marker was "
        "reached; the file "
        "is damaged or in another format",
    ),
    Variant("a folder of CSV", as_folder(("1.csv", as_csv()), ("2.csv", as_csv()))),
    Variant(
        "a folder of `.csv` and `.csv.gz`",
        as_folder(("1.csv", as_csv()), ("2.csv.gz", as_packed("gz", "x.csv.gz"))),
    ),
    Variant(
        "a folder of `.csv` with commas and `.tsv`",
        as_folder(("1.csv", as_csv()), ("2.tsv", as_csv("x.tsv", delimiter="\t"))),
    ),
    Variant(
        "a folder of CSV, the columns in another order in one part",
        as_folder(("1.csv", as_csv()), ("2.csv", reordered)),
    ),
    Variant(
        "a folder of CSV, one part without a column that is used",
        as_folder(
            ("1.csv", as_csv()),
            ("2.csv", ageless),
        ),
        "log/2.csv: has no column 'context_age', which other parts of the log have",
    ),
    Variant(
        "a folder of `.csv` and `.parquet`",
        as_folder(("1.csv", as_csv()), ("2.parquet", as_parquet("x.parquet"))),
        OTHER_PART.format("2.parquet"),
    ),
    Variant(
        "a folder of CSV with `README.md`, `SOURCE.txt`, `_SUCCESS` and `map.toml`",
        as_folder(
            ("1.csv", as_csv()),
            ("README.md", "# Logs\n"),
            ("SOURCE.txt", "from here\n"),
            ("_SUCCESS", ""),
            ("map.toml", "[columns]\n"),
        ),
    ),
    Variant(
        "a folder of CSV with `notes.txt`",
        as_folder(("1.csv", as_csv()), ("notes.txt", "hello\n")),
        OTHER_PART.format("notes.txt"),
    ),
    Variant(
        "folders `context_country=de`, …, without that column in the files",
        by_country,
        "the log; reported: time runs backwards 2 times",
        rows=lambda rows: sorted(rows, key=lambda row: row["context_country"]),
    ),
]

VARIANTS["JSON lines, Parquet, Arrow"] = [
    Variant("JSON lines", as_lines()),
    Variant("JSON lines named `.json`", as_lines("log.json")),
    Variant("objects in objects, to two levels (`context.user.age`), JSON lines", as_lines(), rows=NESTED),
    Variant("structs in structs, Parquet", as_parquet(), rows=NESTED),
    Variant(
        "keys with dots, JSON lines",
        lambda f, rows: save(f, "log.jsonl", "".join(json.dumps(row) + "\n" for row in rows)),
        rows=NESTED,
    ),
    Variant("a list of numbers as context (an embedding), JSON lines", as_lines(), rows=EMBEDDED),
    Variant("the same, Parquet", as_parquet(), rows=EMBEDDED),
    Variant(
        "the same, Parquet, float32 lists of one length",
        as_parquet(context_vector=pa.list_(pa.float32(), 3)),
        rows=EMBEDDED,
    ),
    Variant("the same, CSV, as JSON text `[0.5, 1]`", as_csv(), rows=EMBEDDED),
    Variant(
        "one array of objects",
        lambda f, rows: save(f, "log.json", json.dumps(rows)),
        ARRAY,
    ),
    Variant(
        "objects over several lines",
        lambda f, rows: save(f, "log.json", "\n".join(json.dumps(row, indent=2) for row in rows)),
        "log.json: its lines must be JSON objects, its objects go over several lines; write an "
        "object a line, "
        "for example with jq -c . FILE",
    ),
    Variant(
        "one array over several lines", lambda f, rows: save(f, "log.json", json.dumps(rows, indent=2)), ARRAY
    ),
    Variant(
        "one line that is cut off",
        lambda f, rows: save(f, "log.jsonl", lines_of(rows)[:-30] + "\n"),
        "log.jsonl, row 30: unreadable: the line is not JSON: Unterminated string starting at: line "
        "1 column 98 "
        "(char 97); the row cannot be parsed; correct the log, or leave such rows out with --on-error skip",
    ),
    Variant("Parquet", as_parquet()),
    Variant(
        "Parquet with dictionaries",
        as_parquet(action=CODED, context_country=CODED),
    ),
    Variant(
        "Parquet with large_string", as_parquet(action=pa.large_string(), context_country=pa.large_string())
    ),
    Variant("Parquet without the ending", as_parquet("log")),
    Variant("Feather, version 1", as_feather(1)),
    Variant("Feather, version 2 (LZ4)", as_feather(2)),
    Variant("Arrow file by polars (text views, categories)", of_polars),
    Variant("Arrow file", as_arrow(pa.ipc.new_file, "log.arrow")),
    Variant("Arrow stream", as_arrow(pa.ipc.new_stream, "log.arrows")),
]

VARIANTS["Tables in memory"] = [
    Variant("pandas", as_table(pd.DataFrame)),
    Variant("pandas, nullable types", as_table(nullable)),
    Variant("pandas, categories", as_table(categorical)),
    Variant("pandas, datetime64 with a zone", as_table(stamped)),
    Variant(
        "pandas, Arrow types",
        as_table(lambda rows: pd.DataFrame(rows).convert_dtypes(dtype_backend="pyarrow")),
    ),
    Variant("pandas, propensity NaN in 2 rows", as_table(pd.DataFrame), lacking("table"), rows=NO_PROPENSITY),
    Variant("polars", as_table(pl.DataFrame)),
    Variant("polars, categories", as_table(coded)),
    Variant("polars, structs", as_table(lambda rows: pl.DataFrame([nested(r) for r in rows])), rows=NESTED),
    Variant("pyarrow table", as_table(table)),
    Variant("pyarrow record batch", as_table(lambda rows: table(rows).to_batches()[0])),
    Variant(
        "pandas, nullable types, propensity NA in 2 rows",
        as_table(nullable),
        lacking("table"),
        rows=NO_PROPENSITY,
    ),
    Variant(
        "pandas, a column of numbers and text",
        as_table(pd.DataFrame),
        "the table cannot be read as columns of one type each: (\"Expected bytes, got a 'int' object\", "
        "'Conversion failed for column action with type object'); give each column one type, for example "
        "labels as text by .astype(str)",
        rows=actions("a", 1, 2),
    ),
    Variant("polars, LazyFrame", as_table(pl.LazyFrame), NO_LOG.format("LazyFrame; give it as .collect()")),
    Variant("a list of dicts", as_table(list), NO_LOG.format("list")),
]


def entries() -> list[tuple[str, Variant]]:
    """Return all variants with the titles of their groups."""
    return [(group, variant) for group, variants in VARIANTS.items() for variant in variants]


def page_table() -> str:
    """Return the page's table."""
    out = ["| what is there | what is read, or the line that is said |", "|---|---|"]
    for group, variants in VARIANTS.items():
        out.append(f"| **{group}** | |")
        for variant in variants:
            said = variant.said if variant.said.startswith("the log") else f"`` {variant.said} ``"
            out.append(f"| {variant.title} | {said} |")
    return "\n".join(out)


def page_with(text: str) -> str:
    """Return the page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{page_table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
