"""Makers of small logs in every format, and of the same logs with one thing wrong."""

import csv
import gzip
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.small_runs import run_small

N = 48
"""Requests of a log; enough for every estimate to have a value."""

TARGET = {"a": 0.5, "b": 0.3, "c": 0.2}
LOGGED = {"a": 0.25, "b": 0.5, "c": 0.25}


@dataclass(frozen=True)
class Case:
    """A log with one thing wrong.

    ``make`` writes the faulty log and the same log from which the faulty rows were removed by hand (None
    where nothing is left out), and returns both paths. ``rows`` are the numbers of the rows that have the
    fault, ``gone`` the number of rows left out.
    """

    name: str
    format: str
    kind: str
    rows: tuple[int, ...]
    gone: int
    make: Callable
    message: str = ""
    others: tuple[str, ...] = ()
    options: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.format}-{self.name}"


@dataclass(frozen=True)
class Broken:
    """A log that cannot be read at all: what is written, what is asked for, and what the one line says."""

    name: str
    make: Callable
    message: str
    words: tuple[str, ...] = ()

    def __str__(self):
        return self.name


# -- rows of a table, and the three formats that hold them


def table_rows():
    """Return the rows of a log with everything a table can hold: one event a row."""
    rng = np.random.default_rng(1)
    rows = []
    for i in range(N):
        action = str(rng.choice(list(LOGGED), p=list(LOGGED.values())))
        rows.append(
            {
                "event": f"e{i:02}",
                "action": action,
                "reward": float(rng.integers(0, 2)) + 0.25 * (i % 3),
                "propensity": LOGGED[action],
                "time": 1000 + i,
                "context_x": round(float(rng.normal()), 3),
                "context_y": "rs"[i % 2],
                "position": i % 3,
                "user": 7 + i % 5,
                "eligible": list(LOGGED),
                "probabilities": list(LOGGED.values()),
                "count": 1 + i % 2,
                "target_new": TARGET[action],
                "note": "fine",
            }
        )
    return rows


def slate_rows():
    """Return the rows of a log with two slots a request."""
    rng = np.random.default_rng(2)
    rows = []
    for i in range(N):
        for slot in range(2):
            action = str(rng.choice(list(LOGGED), p=list(LOGGED.values())))
            rows.append(
                {
                    "request": f"r{i:02}",
                    "slot": slot,
                    "action": action,
                    "reward": float(rng.integers(0, 2)),
                    "propensity": LOGGED[action],
                    "count": 1 + i % 2,
                }
            )
    return rows


def cell_text(value):
    """Return a value as a CSV cell holds it: lists as JSON."""
    return json.dumps(value) if isinstance(value, list) else str(value)


def as_csv(rows):
    """Return the lines of a CSV file: the names of the columns, then the rows."""
    out = []
    for row in [list(rows[0]), *([cell_text(v) for v in row.values()] for row in rows)]:
        file = io.StringIO()
        csv.writer(file, lineterminator="\r\n").writerow(row)
        out.append(file.getvalue().removesuffix("\r\n").encode())
    return out


def as_jsonl(rows):
    """Return the lines of a JSON-lines file."""
    return [json.dumps(row).encode() for row in rows]


def as_parquet(rows):
    """Return rows as a table, text where a value of a column is."""
    columns = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        text = any(isinstance(v, str) for v in values)
        columns[name] = [None if v is None else str(v) if text else v for v in values]
    return pa.table(columns)


def save(path, data):
    """Write bytes, lines of bytes or a table."""
    if isinstance(data, pa.Table):
        pq.write_table(data, path)
    else:
        path.write_bytes(data if isinstance(data, bytes) else b"\n".join(data) + b"\n")
    return path


def pair(bad, good, suffix):
    """Return a maker of the faulty log and of the one mended by hand."""

    def make(folder, _own=None):
        places = [folder / "bad", folder / "good"]
        for place in places:
            place.mkdir(parents=True, exist_ok=True)
        name = f"log{suffix}"
        return save(places[0] / name, bad), None if good is None else save(places[1] / name, good)

    return make


def without(items, numbers, head=0):
    """Return a list without the items of these numbers, counted from 1 after ``head`` others."""
    return [item for i, item in enumerate(items, 1 - head) if i not in numbers]


COUNTED = {"columns": {"count": "count"}, "fill_columns": True}
"""Options that make the column ``count`` weights, which its name alone does not."""


def cells(
    name, kind, row, /, message="", *, rows=None, gone=None, formats=("csv",), others=(), both=None, **changes
):
    """Return cases in which cells of one row hold something else."""
    options = changes.pop("options", {})
    rows = table_rows() if rows is None else rows
    gone = (row,) if gone is None else gone
    cases = []
    for form in formats:
        bad = [dict(r) for r in rows]
        bad[row - 1] |= changes
        good = without(rows, gone)
        write = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}[form]
        # of a whole log nothing is left out: the mended one must be the one without the change
        mended = write(good) if gone else None
        cases.append(
            Case(
                name,
                form,
                kind,
                both or (row,),
                len(gone),
                pair(write(bad), mended, f".{form}"),
                message,
                others,
                options,
            )
        )
    return cases


def line(name, kind, row, /, text, message="", *, gone=None, suffix=".csv", lines=None, head=1, **more):
    """Return the case of a log in lines in which one line is another, or several."""
    lines = as_csv(table_rows()) if lines is None else lines
    bad = list(lines)
    bad[row - 1 + head] = text(bad[row - 1 + head]) if callable(text) else text
    gone = (row,) if gone is None else gone
    form = more.pop("format", suffix.removeprefix("."))
    rows = more.pop("rows", (row,))
    good = without(lines, gone, head)
    return Case(name, form, kind, rows, more.pop("left", len(gone)), pair(bad, good, suffix), message, **more)


def sub(old, new):
    """Return a function that replaces the first occurrence of a text, which must be there."""

    def change(data):
        before, after = (t.encode() if isinstance(t, str) else t for t in (old, new))
        if before not in data:
            raise ValueError(f"{before!r} is not in {data!r}")
        return data.replace(before, after, 1)

    return change


# what is checked after parsing is tried in two formats by turns
CSV_JSONL = ("csv", "jsonl")
CSV_PARQUET = ("csv", "parquet")


def table_cases():
    """Return cases of CSV, JSON lines and Parquet."""
    rows = table_rows()
    plain = [{k: v for k, v in row.items() if k not in ("eligible", "probabilities")} for row in rows]
    slates = slate_rows()
    out = [
        *cells("propensity-zero", "propensity not positive", 7, "0", formats=CSV_PARQUET, propensity=0.0),
        *cells(
            "propensity-negative", "propensity not positive", 7, "-0.1", formats=CSV_JSONL, propensity=-0.1
        ),
        *cells(
            "propensity-above-one",
            "propensity above 1",
            9,
            "1 + 1e-05",
            rows=plain,
            formats=CSV_PARQUET,
            propensity=1.00001,
        ),
        *cells(
            "propensity-rounded",
            "propensity just above 1",
            9,
            rows=plain,
            gone=(),
            formats=CSV_PARQUET,
            propensity=1.0000001,
        ),
        *cells("propensity-two", "propensity above 1", 9, "2", rows=plain, propensity=2),
        *cells("propensity-nan", "propensity missing", 3, formats=("csv", "jsonl"), propensity=float("nan")),
        *cells("propensity-null", "propensity missing", 3, formats=("jsonl", "parquet"), propensity=None),
        *cells(
            "propensity-inf", "propensity not finite", 48, "inf", formats=CSV_JSONL, propensity=float("inf")
        ),
        *cells("propensity-empty", "propensity missing", 1, formats=("csv",), propensity=""),
        *cells(
            "propensity-comma",
            "unreadable",
            11,
            "`propensity` must be a number, got '0,5'",
            formats=CSV_PARQUET,
            propensity="0,5",
        ),
        *cells(
            "propensity-tiny", "propensity not positive", 11, rows=plain, formats=CSV_JSONL, propensity=1e-320
        ),
        *cells("propensity-word", "unreadable", 5, "got 'half'", formats=CSV_JSONL, propensity="half"),
        *cells("reward-missing", "missing value", 12, "no reward", formats=("csv",), reward=""),
        *cells("reward-null", "missing value", 12, "no reward", formats=("jsonl", "parquet"), reward=None),
        *cells("reward-infinite", "reward not finite", 12, formats=CSV_PARQUET, reward=float("-inf")),
        *cells("reward-word", "unreadable", 12, "got '1,0'", formats=CSV_JSONL, reward="1,0"),
        *cells("action-missing", "missing value", 4, "no action", formats=("csv", "jsonl"), action=""),
        *cells("action-null", "missing value", 4, formats=("jsonl", "parquet"), action=None),
        *cells(
            "sum-below-one",
            "probabilities do not sum to 1",
            20,
            "0.98",
            formats=CSV_JSONL,
            action="a",
            propensity=0.25,
            probabilities=[0.25, 0.48, 0.25],
        ),
        *cells(
            "probability-negative",
            "probability outside [0, 1]",
            20,
            "'c' has -0.25",
            formats=CSV_PARQUET,
            action="a",
            propensity=0.25,
            probabilities=[0.25, 1.0, -0.25],
        ),
        *cells(
            "probability-missing",
            "probability outside [0, 1]",
            20,
            formats=("parquet",),
            action="a",
            propensity=0.25,
            probabilities=[0.25, None, 0.25],
        ),
        *cells(
            "distribution-differs",
            "propensity differs from distribution",
            20,
            "0.3 against 0.25",
            formats=CSV_JSONL,
            action="a",
            propensity=0.3,
        ),
        *cells(
            "not-eligible",
            "action not eligible",
            15,
            "'a'",
            formats=CSV_PARQUET,
            action="a",
            propensity=0.5,
            eligible=["b", "c"],
            probabilities=[0.5, 0.5],
        ),
        *cells(
            "eligible-repeated",
            "action repeated",
            15,
            "'b' occurs 2 times",
            formats=CSV_JSONL,
            action="a",
            propensity=0.5,
            eligible=["a", "b", "b"],
            probabilities=[0.5, 0.25, 0.25],
        ),
        *cells(
            "eligible-empty",
            "no eligible action",
            15,
            "an empty list",
            formats=CSV_PARQUET,
            eligible=[],
            probabilities=[],
        ),
        *cells("eligible-no-json", "unreadable", 15, "`eligible` must be a list", eligible="[a, b"),
        *cells(
            "eligible-nested", "unreadable", 15, "`eligible`", formats=CSV_JSONL, eligible=[["a"], "b", "c"]
        ),
        *cells(
            "eligible-is-number",
            "unreadable",
            15,
            "`eligible` must be a list, got 3",
            formats=("jsonl",),
            eligible=3,
        ),
        *cells(
            "eligible-null-inside",
            "unseen category",
            15,
            formats=("jsonl", "parquet"),
            action="a",
            propensity=0.25,
            eligible=["a", None, "c"],
        ),
        *cells(
            "probabilities-too-few",
            "unreadable",
            21,
            "as many entries as there are actions, got '2 for 3'",
            formats=CSV_JSONL,
            probabilities=[0.5, 0.5],
        ),
        *cells("probabilities-word", "unreadable", 21, formats=CSV_JSONL, probabilities=["x", "y", "z"]),
        *cells(
            "duplicate-event", "duplicate event", 30, "'e03', as in row 4", formats=CSV_PARQUET, **rows[3]
        ),
        *cells(
            "copies-disagree",
            "copies disagree",
            30,
            "'e03', again in row 30",
            both=(4, 30),
            gone=(4, 30),
            formats=CSV_PARQUET,
            **rows[3] | {"reward": 7.0},
        ),
        *cells("event-missing", "missing value", 30, "no event id", formats=("csv", "jsonl"), event=""),
        *cells("event-null", "missing value", 30, formats=("parquet",), event=None),
        *cells("count-zero", "count not positive", 8, formats=CSV_JSONL, count=0, options=COUNTED),
        *cells("count-half", "count not positive", 8, formats=CSV_JSONL, count=0.5, options=COUNTED),
        *cells(
            "count-infinite",
            "count not positive",
            8,
            formats=CSV_JSONL,
            count=float("inf"),
            options=COUNTED,
        ),
        *cells(
            "target-above-one", "target outside [0, 1]", 9, "new = 1.5", formats=CSV_PARQUET, target_new=1.5
        ),
        *cells("target-missing", "missing value", 9, formats=("csv",), target_new=""),
        *cells(
            "context-infinite",
            "context not finite",
            10,
            "context_x",
            formats=CSV_JSONL,
            context_x=float("inf"),
        ),
        *cells("context-huge", "context not finite", 10, "context_x", formats=CSV_PARQUET, context_x=1e300),
        *cells(
            "context-word",
            "unreadable",
            10,
            "`context_x` must be a number",
            formats=CSV_JSONL,
            context_x="much",
        ),
        *cells(
            "position-negative",
            "unreadable",
            10,
            "`position` must be an integer",
            formats=CSV_JSONL,
            position=-1,
        ),
        *cells("position-huge", "unreadable", 10, "`position`", formats=CSV_PARQUET, position=10**17),
        *cells(
            "propensity-below-floor",
            "propensity below the floor",
            10,
            "0.05, declared 0.1",
            rows=plain,
            gone=(),
            formats=CSV_PARQUET,
            options={"floor": 0.1},
            propensity=0.05,
        ),
        *cells("time-word", "unreadable", 17, "`time` must be seconds", formats=CSV_JSONL, time="yesterday"),
        *cells("time-no-such-day", "unreadable", 17, "`time`", formats=CSV_JSONL, time="2021-02-30"),
        *cells("time-missing", "time missing", 17, gone=(), formats=("csv",), time=""),
        *cells("time-null", "time missing", 17, gone=(), formats=("jsonl", "parquet"), time=None),
        *cells("time-back", "time runs backwards", 17, "time 5", gone=(), formats=CSV_JSONL, time=5),
        *cells("nul-in-action", "unreadable", 2, formats=("jsonl", "parquet"), action="a\0"),
        *cells(
            "slot-negative",
            "unreadable",
            6,
            "`slot` must be an integer",
            rows=slates,
            gone=(5, 6),
            formats=CSV_PARQUET,
            slot=-1,
            others=("slot of a faulty request",),
        ),
        *cells(
            "slot-fraction",
            "unreadable",
            6,
            "`slot`",
            rows=slates,
            gone=(5, 6),
            formats=CSV_JSONL,
            slot=0.5,
            others=("slot of a faulty request",),
        ),
        *cells(
            "slot-repeated", "duplicate event", 6, "slot 0", rows=slates, formats=CSV_PARQUET, **slates[4]
        ),
        *cells(
            "slot-gap",
            "slots out of order",
            6,
            rows=slates,
            gone=(5, 6),
            formats=CSV_JSONL,
            slot=2,
            others=("slot of a faulty request",),
        ),
        *cells(
            "slot-count",
            "counts differ",
            6,
            rows=slates,
            gone=(5, 6),
            formats=CSV_PARQUET,
            count=3,
            options=COUNTED,
            others=("slot of a faulty request",),
        ),
        *cells(
            "slot-again",
            "duplicate event",
            10,
            "'r02', slot 1",
            rows=slates,
            formats=CSV_JSONL,
            **slates[5],
        ),
        *cells(
            "slot-propensity",
            "propensity not positive",
            6,
            rows=slates,
            gone=(5, 6),
            formats=CSV_PARQUET,
            propensity=0,
            others=("slot of a faulty request",),
        ),
        line(
            "fields-missing", "unreadable", 22, lambda b: b.rsplit(b",", 3)[0], "must have 14 fields, got 11"
        ),
        line("fields-too-many", "unreadable", 22, lambda b: b + b",more", "must have 14 fields, got 15"),
        line("nul-bytes", "unreadable", 22, sub("e21", b"e\0"), "without NUL"),
        line("nul-anywhere", "unreadable", 22, lambda _: b"\0" * 40, "must have 14 fields, got 1"),
        line("not-utf8", "unreadable", 22, sub("e21", b"e\xff\xfe"), "without NUL"),
        line(
            "no-json",
            "unreadable",
            22,
            lambda b: b[:-5],
            "the line is not JSON",
            suffix=".jsonl",
            lines=as_jsonl(rows),
            head=0,
        ),
        line(
            "no-object",
            "unreadable",
            22,
            b"[1, 2]",
            "must be a JSON object, it is a list",
            suffix=".jsonl",
            lines=as_jsonl(rows),
            head=0,
        ),
        line(
            "two-objects",
            "unreadable",
            22,
            lambda b: b + b" " + b,
            "the line is not JSON",
            suffix=".jsonl",
            lines=as_jsonl(rows),
            head=0,
        ),
        line(
            "deep",
            "unreadable",
            22,
            b"[" * 50_000,
            "the line is not JSON",
            suffix=".jsonl",
            lines=as_jsonl(rows),
            head=0,
        ),
        line(
            "not-utf8",
            "unreadable",
            22,
            sub("e21", b"\xc3("),
            "the line is not UTF-8",
            suffix=".jsonl",
            lines=as_jsonl(rows),
            head=0,
        ),
        line(
            "huge-integer",
            "reward not finite",
            22,
            sub('"reward": ', '"reward": 1' + "0" * 400),
            suffix=".jsonl",
            lines=as_jsonl(rows),
            head=0,
        ),
        line(
            "overflow",
            "reward not finite",
            22,
            sub('"reward": ', '"reward": 1e999, "old": '),
            suffix=".jsonl",
            lines=as_jsonl(rows),
            head=0,
        ),
        line(
            "action-is-object",
            "unreadable",
            22,
            sub('"action": ', '"action": {"x": 1}, "old": '),
            "`action` must be text",
            suffix=".jsonl",
            lines=as_jsonl(rows),
            head=0,
        ),
        line(
            "key-missing",
            "propensity missing",
            22,
            sub('"propensity"', '"propensities"'),
            suffix=".jsonl",
            lines=as_jsonl(rows),
            head=0,
        ),
        # a stray quotation mark joins two lines, and every field of both is lost
        line(
            "stray-quote",
            "unreadable",
            22,
            sub("fine", '"fine'),
            "must have 14 fields, got 20",
            gone=(22, 23),
            left=1,
        ),
        # a request that lost a slot in a line that cannot be read is judged whole
        line(
            "slot-unreadable",
            "unreadable",
            6,
            b"r02",
            gone=(5, 6),
            lines=as_csv(slates),
            others=("slot of a faulty request",),
        ),
    ]
    constant = [row | {"context_x": 1.5} for row in rows]
    certain = [row | {"propensity": 1.0} for row in plain]
    early = [row | {"time": 2e8 + i if i == 0 else 1.7e9 + i} for i, row in enumerate(rows)]
    for form, write in (("csv", as_csv), ("jsonl", as_jsonl), ("parquet", as_parquet)):
        out += [
            Case(
                "constant",
                form,
                "constant column",
                (),
                0,
                pair(write(constant), None, f".{form}"),
                "context_x = 1.5",
            ),
            Case(
                "deterministic",
                form,
                "deterministic logging",
                (),
                0,
                pair(write(certain), None, f".{form}"),
                "every propensity is 1",
            ),
            Case(
                "unlikely-year",
                form,
                "time in an unlikely year",
                (),
                0,
                pair(write(early), None, f".{form}"),
                f"1 of {N} times lies outside the years 1990 to 2100, the first in 1976",
            ),
        ]
    bad = [dict(row) for row in plain]
    bad[4]["action"] = "z"
    for form, write in (("csv", as_csv), ("jsonl", as_jsonl), ("parquet", as_parquet)):
        out.append(
            Case(
                "undeclared-action",
                form,
                "unseen category",
                (5,),
                1,
                pair(write(bad), write(without(plain, (5,))), f".{form}"),
                "'z'",
                options={"actions": ["a", "b", "c"]},
            )
        )
        out.append(
            Case(
                "reward-outside",
                form,
                "reward out of range",
                (5,),
                1,
                pair(
                    write([*plain[:4], plain[4] | {"reward": 9.0}, *plain[5:]]),
                    write(without(plain, (5,))),
                    f".{form}",
                ),
                "declared (0",
                options={"reward_range": (0.0, 2.0)},
            )
        )
    return out


# -- Open Bandit Data


def obd_lines():
    """Return the lines of a campaign of three items."""
    rng = np.random.default_rng(3)
    out = [
        b",timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,"
        b"user-item_affinity_0,user-item_affinity_1,user-item_affinity_2"
    ]
    p = (0.25, 0.5, 0.25)
    for i in range(N):
        item = int(rng.choice(3, p=p))
        out.append(
            f"{i},2019-11-24 00:{i:02}:28.059+00:00,{item},{1 + i % 3},{int(rng.integers(0, 2))},"
            f"{p[item]},u{i % 4},v{i % 2},0.0,{i % 2}.0,0.0".encode()
        )
    return out


def obd_pair(bad, good):
    """Return a maker of a campaign's folder, items beside it."""

    def make(folder, _own=None):
        out = []
        for name, lines in (("bad", bad), ("good", good)):
            place = folder / name / "men"
            place.mkdir(parents=True)
            save(
                place / "item_context.csv",
                [b",item_id,item_feature_0", *(b"%d,%d,%d.5" % (i, i, i) for i in range(3))],
            )
            out.append(save(place / "men.csv", lines) if lines is not None else None)
        return out[0], out[1]

    return make


def obd_cases():
    """Return cases of Open Bandit Data."""
    lines = obd_lines()
    click = lambda v: lambda b: b",".join([*b.split(b",")[:4], v, *b.split(b",")[5:]])  # noqa: E731
    score = lambda v: lambda b: b",".join([*b.split(b",")[:5], v, *b.split(b",")[6:]])  # noqa: E731
    item = lambda v: lambda b: b",".join([*b.split(b",")[:2], v, *b.split(b",")[3:]])  # noqa: E731
    place = lambda v: lambda b: b",".join([*b.split(b",")[:3], v, *b.split(b",")[4:]])  # noqa: E731
    when = lambda v: lambda b: b",".join([*b.split(b",")[:1], v, *b.split(b",")[2:]])  # noqa: E731
    wanted = [
        ("click-two", "reward out of range", click(b"2"), "2, declared (0"),
        ("click-empty", "missing value", click(b""), "no reward"),
        ("click-word", "unreadable", click(b"yes"), "got 'yes'"),
        ("propensity-zero", "propensity not positive", score(b"0"), "0"),
        ("propensity-above-one", "propensity above 1", score(b"1.00001"), "1 + 1e-05"),
        ("propensity-missing", "propensity missing", score(b""), "no value"),
        ("propensity-infinite", "propensity not finite", score(b"inf"), "inf"),
        ("item-unknown", "unseen category", item(b"17"), "17"),
        ("item-huge", "unseen category", item(b"9" * 30), "9999"),
        ("item-missing", "missing value", item(b""), "no action"),
        ("position-negative", "unreadable", place(b"-3"), "`position`"),
        ("timestamp-word", "unreadable", when(b"noon"), "`timestamp`"),
        ("row-short", "unreadable", lambda b: b[:30], "must have 11 fields"),
    ]
    out = []
    for name, kind, change, message in wanted:
        bad = [*lines[:13], change(lines[13]), *lines[14:]]
        out.append(Case(name, "obd", kind, (13,), 1, obd_pair(bad, without(lines, (13,), 1)), message))
    back = [*lines[:13], when(b"2001-01-01 00:00:00+00:00")(lines[13]), *lines[14:]]
    out.append(Case("time-back", "obd", "time runs backwards", (13,), 0, obd_pair(back, None)))
    return out


# -- decision-service JSON

ACTIONS = ("tea", "coffee", "milk")


def cb_lines():
    """Return decisions among three actions, as a decision service writes them."""
    rng = np.random.default_rng(4)
    out = []
    for i in range(N):
        shown = rng.permutation(3)
        p = [0.5, 0.25, 0.25]
        at = int(rng.choice(3, p=p))
        order = [int(shown[at]), *(int(s) for j, s in enumerate(shown) if j != at)]
        odds = [p[at], *(v for j, v in enumerate(p) if j != at)]
        value = {
            "_label_cost": -float(rng.integers(0, 2)) - 0.25 * (i % 3),
            "_label_probability": odds[0],
            "_label_Action": order[0] + 1,
            "_labelIndex": order[0],
            "Timestamp": f"2021-02-04T16:31:{i:02}.5000000Z",
            "EventId": f"e{i:02}",
            "a": [a + 1 for a in order],
            "c": {"User": {"age": i % 7, "name": "Ann"}, "_multi": [{"_tag": t} for t in ACTIONS]},
            "p": odds,
        }
        out.append(json.dumps(value, separators=(",", ":")).encode())
    return out


def ccb_lines():
    """Return decisions of two slots, each with its own cost."""
    rng = np.random.default_rng(5)
    out = []
    for i in range(N):
        first = int(rng.integers(3))
        rest = [j for j in range(3) if j != first]
        second = int(rng.choice(rest))
        odds = [1 / 3] * 3
        slots = [
            {"_label_cost": -float(rng.integers(0, 2)), "_a": [first, *rest], "_p": odds},
            {
                "_label_cost": -float(rng.integers(0, 2)),
                "_a": [second, *(j for j in rest if j != second)],
                "_p": [0.5, 0.5],
            },
        ]
        value = {
            "Timestamp": f"2021-02-04T16:31:{i:02}Z",
            "EventId": f"e{i:02}",
            "c": {"w": {"sun": i % 2}, "_multi": [{"_tag": t} for t in ACTIONS], "_slots": [{}, {}]},
            "_outcomes": slots,
        }
        out.append(json.dumps(value, separators=(",", ":")).encode())
    return out


def slates_lines():
    """Return slates of two slots with two actions each, and one cost."""
    rng = np.random.default_rng(6)
    out = []
    for i in range(N):
        chosen = [int(v) for v in rng.integers(0, 2, 2)]
        value = {
            "_label_cost": -float(rng.integers(0, 3)),
            "EventId": f"e{i:02}",
            "c": {
                "_multi": [{"_slot_id": j % 2, "_tag": "ABCD"[j]} for j in range(4)],
                "_slots": [{}, {}],
            },
            "_outcomes": [{"_a": [c, 1 - c], "_p": [0.5, 0.5]} for c in chosen],
        }
        out.append(json.dumps(value, separators=(",", ":")).encode())
    return out


def edit(change):
    """Return a function that changes the object of a JSON line."""

    def out(data):
        value = json.loads(data)
        change(value)
        return json.dumps(value, separators=(",", ":")).encode()

    return out


def put(**values):
    """Return a function that sets fields of a JSON line."""
    return edit(lambda v: v.update(values))


def slot_put(slot, **values):
    """Return a function that sets fields of a slot's outcome."""
    return edit(lambda v: v["_outcomes"][slot].update(values))


def dsjson_cases():
    """Return cases of decision-service JSON."""
    cb, ccb, slates = cb_lines(), ccb_lines(), slates_lines()
    both = ("slot of a faulty request",)

    def one(name, kind, text, message="", **more):
        return line(
            name,
            kind,
            9,
            text,
            message,
            suffix=".json",
            lines=more.pop("lines", cb),
            head=0,
            format="dsjson",
            **more,
        )

    def two(name, kind, text, message="", *, row=9, lines=ccb, left=2, **more):
        return one(name, kind, text, message, lines=lines, left=left, **more)

    return [
        one("propensity-zero", "propensity not positive", put(_label_probability=0), "0"),
        one("propensity-negative", "propensity not positive", put(_label_probability=-0.1), "-0.1"),
        one(
            "propensity-tiny",
            "propensity not positive",
            sub('"_label_probability":', '"_label_probability":1e-320,"x":'),
        ),
        one("propensity-above-one", "propensity above 1", put(_label_probability=1.00001)),
        one("propensity-missing", "propensity missing", put(_label_probability=None), "no value"),
        one(
            "propensity-infinite",
            "propensity not finite",
            sub('"_label_probability":', '"_label_probability":1e999,"x":'),
        ),
        one("propensity-text", "unreadable", put(_label_probability="0,5"), "`_label_probability`"),
        one("differs", "propensity differs from distribution", put(_label_probability=0.4), "0.4 against"),
        one(
            "sum-below-one",
            "probabilities do not sum to 1",
            edit(lambda v: v["p"].__setitem__(2, v["p"][2] - 0.02)),
            "0.98",
        ),
        one(
            "probability-negative", "probability outside [0, 1]", edit(lambda v: v["p"].__setitem__(2, -0.25))
        ),
        one("fewer-probabilities", "unreadable", edit(lambda v: v["p"].pop()), "`a` has 3 entries, `p` 2"),
        one(
            "action-repeated",
            "unreadable",
            edit(lambda v: v["a"].__setitem__(2, v["a"][1])),
            "not an order of 3 actions",
        ),
        one(
            "action-outside",
            "unreadable",
            edit(lambda v: v["a"].__setitem__(2, 9)),
            "not an order of 3 actions",
        ),
        one(
            "labels-differ",
            "unreadable",
            edit(lambda v: v.update(_labelIndex=(v["_labelIndex"] + 1) % 3)),
            "name different actions",
        ),
        one("cost-word", "unreadable", put(_label_cost="free"), "`_label_cost` is not a number"),
        one("cost-infinite", "reward not finite", sub('"_label_cost":', '"_label_cost":1e999,"x":')),
        one(
            "multi-is-object",
            "unreadable",
            edit(lambda v: v["c"].update(_multi={})),
            "`_multi` is not a list",
        ),
        one("multi-misspelt", "unreadable", sub('"_multi"', '"_ulti"'), "no `_multi` names its actions"),
        one("tag-twice", "unreadable", sub('"milk"', '"tea"'), "have the same name"),
        one("context-is-list", "unreadable", put(c=[1]), "`c` is not an object"),
        one("no-json", "unreadable", lambda b: b[:-7], "not JSON"),
        one("cut-in-half", "unreadable", lambda b: b[: len(b) // 2], "not JSON"),
        one("nul-bytes", "unreadable", lambda b: b[:20] + b"\0\0" + b[22:], "not JSON"),
        one("not-utf8", "unreadable", sub("Ann", b"\xff\xfe"), "UTF-8"),
        one("control-character", "unreadable", sub("Ann", b"A\x01n"), "not JSON"),
        one("deep", "unreadable", lambda b: b'{"c":' * 50_000 + b"1" + b"}" * 50_000, ""),
        one("words", "unreadable", b"2021-02-04 INFO restarted", "not JSON"),
        one("dropped-always", "count not positive", put(pdrop=1)),
        one("dropped-negative", "count not positive", put(pdrop=-0.5)),
        one("duplicate", "duplicate event", cb[2], "as in row 3"),
        one("event-is-list", "unreadable", put(EventId=["e"]), "`EventId` is not text"),
        one("feature-overflow", "context not finite", sub('"age":', '"age":1e300,"old":'), "User.age"),
        one(
            "no-outcome",
            "dangling event",
            edit(lambda v: v.pop("_label_cost")),
            "a decision without an outcome",
        ),
        one("never-shown", "dangling event", put(_skipLearn=True), "never shown"),
        one("outcome-alone", "dangling event", b'{"RewardValue":1,"EventId":"lost"}', "without its decision"),
        one("time-word", "time missing", put(Timestamp="noon"), gone=()),
        one("time-back", "time runs backwards", put(Timestamp="2001-01-01T00:00:00Z"), gone=()),
        two("ccb-propensity-zero", "propensity not positive", slot_put(1, _p=[0, 1]), others=both),
        two("ccb-sum", "probabilities do not sum to 1", slot_put(0, _p=[0.5, 0.24, 0.24]), others=both),
        two(
            "ccb-not-eligible",
            "unreadable",
            slot_put(1, _a=[7, 1]),
            "slot 1: `_a` names action 7 of 3",
            left=1,
        ),
        two("ccb-fewer", "unreadable", slot_put(1, _p=[0.5]), "slot 1", left=1),
        two("ccb-slot-cost-missing", "dangling event", slot_put(1, _label_cost=None), left=1),
        two(
            "ccb-outcomes-no-list", "unreadable", put(_outcomes={"a": 1}), "`_outcomes` is not a list", left=1
        ),
        two("ccb-repeated", "action repeated", slot_put(0, _a=[0, 1, 1]), others=both),
        two("ccb-duplicate", "duplicate event", ccb[2], rows=(9, 9)),
        two(
            "slates-propensity",
            "propensity above 1",
            slot_put(1, _p=[1.5, 0.5]),
            lines=slates,
            others=("probability outside [0, 1]", *both),
        ),
        two("slates-outside", "unreadable", slot_put(0, _a=[2, 1]), "of 2", lines=slates, left=1),
        two("slates-cost-word", "unreadable", put(_label_cost=[]), "`_label_cost`", lines=slates, left=1),
        two("slates-no-cost", "dangling event", edit(lambda v: v.pop("_label_cost")), lines=slates, left=1),
        two(
            "slates-no-slot-id",
            "unreadable",
            edit(lambda v: v["c"]["_multi"][1].update(_slot_id="x")),
            "`_slot_id`",
            lines=slates,
            left=1,
        ),
    ]


# -- Vowpal Wabbit's text


def vw_lines():
    """Return one line an example."""
    rng = np.random.default_rng(7)
    p = (0.25, 0.5, 0.25)
    taken = [int(rng.choice(3, p=p)) for _ in range(N)]
    return [
        f"{a + 1}:{-int(rng.integers(0, 2))}:{p[a]} |u age:{i % 7} vip".encode() for i, a in enumerate(taken)
    ]


def adf_lines():
    """Return five lines an example: shared, three actions, a blank one."""
    rng = np.random.default_rng(8)
    p = (0.25, 0.5, 0.25)
    out = []
    for i in range(N):
        taken = int(rng.choice(3, p=p))
        out.append(f"shared |u age:{i % 7}".encode())
        label = f"0:{-int(rng.integers(0, 2))}:{p[taken]} "
        out += [f"{label if j == taken else ''}|a x{j}:{j}".encode() for j in range(3)]
        out.append(b"")
    return out


def vw_cases():
    """Return cases of Vowpal Wabbit's text."""
    lines, adf = vw_lines(), adf_lines()
    bar = b" |u "

    def one(name, kind, label, message="", **more):
        text = lambda b: label.encode() + bar + b.split(bar)[1]  # noqa: E731
        return line(name, kind, 14, text, message, suffix=".vw", lines=lines, head=0, **more)

    out = [
        one("propensity-zero", "propensity not positive", "2:-1:0", "0"),
        one("propensity-negative", "propensity not positive", "2:-1:-0.1", "-0.1"),
        one("propensity-above-one", "propensity above 1", "2:-1:1.00001"),
        one("propensity-nan", "propensity missing", "2:-1:nan"),
        one("propensity-infinite", "propensity not finite", "2:-1:inf"),
        one("propensity-tiny", "propensity not positive", "2:-1:1e-320"),
        one("propensity-comma", "unreadable", "2:-1:0,5", "got '2:-1:0,5'"),
        one("propensity-left-out", "propensity missing", "2:-1"),
        one("cost-missing", "dangling event", "2", "without an outcome"),
        one("cost-nan", "missing value", "2:nan:0.5"),
        one("cost-infinite", "reward not finite", "2:1e999:0.5"),
        one("action-zero", "missing value", "0:-1:0.5"),
        one("action-negative", "unreadable", "-2:-1:0.5", "got '-2:-1:0.5'"),
        one("action-fraction", "unreadable", "1.5:-1:0.5", "got '1.5:-1:0.5'"),
        one("two-costs", "unreadable", "1:-1:0.5 2:0:0.5", "several actions have costs"),
        one("four-parts", "unreadable", "1:-1:0.5:3", "got '1:-1:0.5:3'"),
        one("words", "unreadable", "warning: disk full", "got 'warning:'"),
        one("nul-bytes", "unreadable", "\0:-1:0.5"),
    ]

    def many(name, kind, change, message="", **more):
        at = 5 * 6
        bad = [*adf[:at], *change(adf[at : at + 5]), *adf[at + 5 :]]
        good = adf[:at] + adf[at + 5 :]
        return Case(
            f"adf-{name}", "vw", kind, (at + 1,), more.pop("left", 1), pair(bad, good, ".vw"), message
        )

    def relabel(label):
        def change(example):
            out = [b"|" + one.partition(b"|")[2] if i in (1, 2, 3) else one for i, one in enumerate(example)]
            out[2] = label.encode() + b" " + out[2]
            return out

        return change

    out += [
        many("propensity-zero", "propensity not positive", relabel("0:-1:0")),
        many("propensity-above-one", "propensity above 1", relabel("0:-1:1.5"), "1.5"),
        many("propensity-missing", "propensity missing", relabel("0:-1")),
        many("cost-nan", "missing value", relabel("0:nan:0.5")),
        many("label-word", "unreadable", relabel("x:-1:0.5"), "got 'x:-1:0.5'"),
        many(
            "no-label",
            "dangling event",
            lambda e: [b"|" + o.partition(b"|")[2] if 0 < i < 4 else o for i, o in enumerate(e)],
        ),
        many(
            "two-labels",
            "unreadable",
            lambda e: [b"0:-1:0.5 |" + o.partition(b"|")[2] if i in (1, 2) else o for i, o in enumerate(e)],
            "several actions have costs",
        ),
    ]
    return out


# -- our own logs


def run_log(folder):
    """Write a log of this package: one policy, one seed, three slots a request."""
    run = run_small(
        folder / "run",
        ["random"],
        rounds=80,
        loop={"warmup": 30, "checkpoint_every": 40, "slot_size": 5, "page_size": 4, "held_out": 0},
    )
    log = folder / "log"
    run.log("random", 0).save(log)
    about = json.loads((log / "log.json").read_text())
    (log / "log.json").write_text(json.dumps(about | {"policies": ["random"]}))
    return log


def own_part(log, table, number=0):
    """Return the file of a part of a table."""
    return log / table / "policy=random" / "seed=0" / f"part-{number:05d}.parquet"


def rewrite(log, table, change):
    """Change a table's first part."""
    file = own_part(log, table)
    frame = pq.ParquetFile(file).read()
    pq.write_table(change(frame), file)


def with_values(column, at, value):
    """Return a function that sets places of a column; a list's entries where ``value`` is a function."""

    def change(table):
        values = table[column].to_pylist()
        for i in at:
            values[i] = value(values[i]) if callable(value) else value
        index = table.column_names.index(column)
        return table.set_column(index, table.field(index), pa.array(values, table.schema.field(index).type))

    return change


def run_log_pair(spoil, mend):
    """Return a maker of two copies of an own log, spoilt and mended by hand."""

    def make(folder, own):
        out = []
        for name, change in (("bad", spoil), ("good", mend)):
            if change is None:
                out.append(None)
                continue
            place = folder / name / "log"
            shutil.copytree(own, place)
            change(place)
            out.append(place)
        return out[0], out[1]

    return make


REQUEST = 4
"""The request of our own log that is spoilt."""

OWN_ROWS = (5, 45, 85)
"""Its rows: the 40 requests of the first part are logged slot by slot."""


def forget(requests, tables=("requests", "decisions", "candidates", "impressions")):
    """Return a function that takes requests out of tables."""

    def change(log):
        for table in tables:
            rewrite(log, table, lambda t: t.filter(~pc_isin(t, requests)))

    return change


def pc_isin(table, requests):
    """Return which rows belong to some requests."""
    return np.isin(table["request"].to_numpy(), requests)


def own_cases():
    """Return cases of our own logs."""
    rows = OWN_ROWS
    middle = rows[1]
    both = ("slot of a faulty request",)

    def one(name, kind, column, value, at=middle, message="", gone=3, others=both, reported=None):
        spoil = lambda log: rewrite(log, "decisions", with_values(column, [at - 1], value))  # noqa: E731
        return Case(
            name,
            "ltrr",
            kind,
            reported or (at,),
            gone,
            run_log_pair(spoil, forget([REQUEST])),
            message,
            others,
        )

    def of_request(name, kind, column, value, reported, message="", gone=3, mend=True, others=()):
        spoil = lambda log: rewrite(log, "requests", with_values(column, [REQUEST], value))  # noqa: E731
        good = forget([REQUEST]) if mend else None
        return Case(name, "ltrr", kind, reported, gone, run_log_pair(spoil, good), message, others)

    def unseen_click(log):
        # a click on an item that is in no world, so that it was no candidate
        shown = pq.ParquetFile(own_part(log, "impressions")).read()
        at = int(np.flatnonzero(shown["request"].to_numpy() == REQUEST)[0])
        rewrite(log, "impressions", with_values("item", [at], 299_999))
        rewrite(log, "impressions", with_values("click", [at], True))

    def twice(log):
        rewrite(log, "requests", lambda t: pa.concat_tables([t, t.slice(REQUEST, 1)]))

    def lose_slot(log):
        rewrite(log, "decisions", lambda t: pa.concat_tables([t.slice(0, rows[2] - 1), t.slice(rows[2])]))

    return [
        one("propensity-zero", "propensity not positive", "propensity", 0.0),
        one("propensity-negative", "propensity not positive", "propensity", -0.1),
        one("propensity-above-one", "propensity above 1", "propensity", 1.5),
        one("propensity-nan", "propensity missing", "propensity", float("nan")),
        one("propensity-null", "propensity missing", "propensity", None),
        one("propensity-infinite", "propensity not finite", "propensity", float("inf")),
        one("differs", "propensity differs from distribution", "propensity", lambda p: p * 0.9),
        one(
            "sum",
            "probabilities do not sum to 1",
            "probabilities",
            lambda p: [v * 0.9 for v in p],
            others=("propensity differs from distribution", *both),
        ),
        one("probability", "probability outside [0, 1]", "probabilities", lambda p: [-0.5] * len(p)),
        one("action-unknown", "unseen category", "action", 17, message="action id 17 of 4"),
        one("action-negative", "missing value", "action", -1),
        one("eligible-repeated", "action repeated", "actions", lambda a: [a[0]] * len(a)),
        one("feature-infinite", "context not finite", "features", lambda f: [float("inf")] * len(f)),
        one("slot-repeated", "copies disagree", "slot", 0, others=("slots out of order",), reported=rows[:2]),
        one("slot-negative", "slots out of order", "slot", -3, reported=(5, 45)),
        of_request("reward-infinite", "reward not finite", "reward", float("inf"), (rows[2],), others=both),
        of_request("reward-nan", "missing value", "reward", float("nan"), (rows[2],), others=both),
        of_request("context-inf", "context not finite", "context", lambda c: [float("inf")] * len(c), rows),
        of_request("time-back", "time runs backwards", "time", -5.0, (rows[0],), gone=0, mend=False),
        of_request("time-missing", "time missing", "time", float("nan"), rows, gone=0, mend=False),
        Case(
            "click-unseen",
            "ltrr",
            "click without impression",
            (rows[0],),
            3,
            run_log_pair(unseen_click, forget([REQUEST])),
            f"request {REQUEST}",
            both,
        ),
        Case(
            "request-lost",
            "ltrr",
            "missing value",
            rows,
            3,
            run_log_pair(forget([REQUEST], ("requests",)), forget([REQUEST])),
            "not in the table of requests",
            ("click without impression",),
        ),
        Case(
            "request-twice",
            "ltrr",
            "duplicate event",
            rows,
            3,
            run_log_pair(twice, forget([REQUEST])),
            "occurs twice in the table of requests",
        ),
        Case(
            "slot-lost",
            "ltrr",
            "slots out of order",
            (rows[0],),
            2,
            run_log_pair(lose_slot, forget([REQUEST])),
            "fewer than 3 slots",
            both,
        ),
        Case(
            "decision-lost",
            "ltrr",
            "dangling event",
            (0,),
            0,
            run_log_pair(forget([REQUEST], ("decisions",)), forget([REQUEST])),
            "not in the table of decisions",
        ),
    ]


def all_cases():
    """Return every case of a faulty row."""
    return [*table_cases(), *obd_cases(), *dsjson_cases(), *vw_cases(), *own_cases()]


# -- logs that cannot be read at all


def whole(name, data, message, *words, file="log.csv"):
    """Return the case of one file."""

    def make(folder, _own=None):
        return save(folder / file, data(folder) if callable(data) else data)

    return Broken(name, make, message, tuple(words))


def cut(path, share):
    """Return the first part of a file."""
    data = path.read_bytes()
    return data[: int(len(data) * share)]


def own_broken(name, spoil, message, *words):
    """Return the case of an own log that is damaged."""

    def make(folder, own):
        shutil.copytree(own, folder / "log")
        spoil(folder / "log")
        return folder / "log"

    return Broken(f"ltrr-{name}", make, message, tuple(words))


def about(**values):
    """Return a function that changes log.json."""

    def spoil(log):
        old = json.loads((log / "log.json").read_text())
        (log / "log.json").write_text(json.dumps(old | values))

    return spoil


def folder_of(files):
    """Return a maker of a folder with some files."""

    def make(folder, _own=None):
        place = folder / "parts"
        place.mkdir()
        for name, data in files.items():
            (place / name).parent.mkdir(exist_ok=True)
            save(place / name, data)
        return place

    return make


def toml(text):
    """Return a maker of a good log and a column map beside it."""

    def make(folder, _own=None):
        (folder / "map.toml").write_bytes(text)
        return save(folder / "log.csv", as_csv(table_rows()))

    return make


def parquet_bytes(table):
    """Return a table as the bytes of a Parquet file."""
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def broken_cases():
    """Return cases of logs that cannot be read at all, each with what its one line says."""
    good = b"\n".join(as_csv(table_rows())) + b"\n"
    lines = as_csv(table_rows())
    rows = table_rows()
    packed = parquet_bytes(as_parquet(rows))
    cb = b"\n".join(cb_lines()) + b"\n"
    drop = lambda name: as_csv([{k: v for k, v in r.items() if k != name} for r in rows])  # noqa: E731
    no_parts = folder_of({"README.txt": b"words"})
    columns = lambda **kinds: parquet_bytes(pa.table({"action": ["a"] * 3, "reward": [1.0] * 3} | kinds))  # noqa: E731
    return [
        whole("csv-empty", b"", "first line must name the columns"),
        whole("csv-blank", b"\n\n \n", "log.csv"),
        whole("csv-header-alone", lines[0], "must hold rows, it holds none"),
        whole("csv-no-header", good.split(b"\n", 1)[1], "no column for an action is known"),
        whole("csv-no-reward", drop("reward"), "no column for a reward is known"),
        whole("csv-no-action", drop("action"), "no column for an action is known"),
        whole("csv-header-twice", good.replace(b"reward", b"propensity", 1), "no column for a reward"),
        whole("csv-column-twice", good.replace(b"note", b"reward", 1), "has two columns 'reward'"),
        whole("csv-nul-header", b"\0" + good, "first line must name the columns"),
        whole("csv-latin1-header", good.replace(b"note", b"n\xf6te", 1), "first line must name the columns"),
        whole(
            "csv-quote-open",
            b"\n".join(as_csv(slate_rows())).replace(b"r03", b'"r03', 1),
            "a quotation mark is opened and never closed",
        ),
        whole(
            "csv-no-usable-row",
            lines[0] + b"\n" + b"x,y\n" * 5,
            "must have 14 fields, got 2",
            "--on-error",
            "fail",
        ),
        whole("csv-is-directory-name", good, "no such file or folder", file="other.csv"),
        whole("gz-cut", lambda _: gzip.compress(good)[:-20], "cannot be read", file="log.csv.gz"),
        whole("gz-is-none", good, "cannot be read", file="log.csv.gz"),
        whole(
            "gz-flipped",
            lambda _: bytes(b ^ (i == 300) for i, b in enumerate(gzip.compress(good))),
            "cannot be read",
            file="log.csv.gz",
        ),
        whole("jsonl-empty", b"", "its format is not recognised", file="log.jsonl"),
        whole("jsonl-words", b"hello\nworld\n", "its lines must be JSON objects", file="log.jsonl"),
        whole("jsonl-array", json.dumps(rows).encode(), "its lines must be JSON objects", file="log.jsonl"),
        whole(
            "jsonl-no-columns", b'{"x": 1}\n{"x": 2}\n', "no column for an action is known", file="log.jsonl"
        ),
        whole(
            "jsonl-gz-cut",
            lambda _: gzip.compress(b"\n".join(as_jsonl(rows)))[:-9],
            "cannot be read",
            file="log.jsonl.gz",
        ),
        whole("parquet-cut", packed[: len(packed) // 2], "cannot be read", file="log.parquet"),
        whole("parquet-no-footer", packed[:-8], "cannot be read", file="log.parquet"),
        whole("parquet-wrong-magic", b"PAR2" + packed[4:-4] + b"PAR2", "cannot be read", file="log.parquet"),
        whole("parquet-empty", b"", "cannot be read", file="log.parquet"),
        whole("parquet-is-csv", good, "cannot be read", file="log.parquet"),
        whole(
            "parquet-no-rows",
            parquet_bytes(as_parquet(rows).slice(0, 0)),
            "must hold rows, it holds none",
            file="log.parquet",
        ),
        whole(
            "parquet-reward-is-list",
            columns(reward=[[1.0]] * 3),
            "column `reward` must hold numbers, it holds list",
            file="log.parquet",
        ),
        whole(
            "parquet-action-is-struct",
            columns(action=[{"x": 1}] * 3),
            "no column for an action is known; it has the columns action.x, reward",
            file="log.parquet",
        ),
        whole(
            "parquet-eligible-is-number",
            columns(eligible=[1, 2, 3]),
            "column `eligible` must hold lists, it holds int64",
            file="log.parquet",
        ),
        whole(
            "parquet-propensity-is-date",
            columns(propensity=pa.array([1, 2, 3], pa.date32())),
            "column `propensity` must hold numbers",
            file="log.parquet",
        ),
        whole(
            "format-csv-of-parquet",
            packed,
            "first line must name the columns",
            "--format",
            "csv",
            file="log.bin",
        ),
        whole("format-parquet-of-csv", good, "cannot be read", "--format", "parquet"),
        whole("format-jsonl-of-csv", good, "its lines must be JSON objects", "--format", "jsonl"),
        whole("format-dsjson-of-csv", good, "must hold decisions with outcomes", "--format", "dsjson"),
        whole("format-vw-of-csv", good, "must hold labels action:cost:probability", "--format", "vw"),
        whole("format-obd-of-csv", good, "Open Bandit Data must have the column", "--format", "obd"),
        whole("format-ltrr-of-csv", good, "is not a log: log.json is missing", "--format", "ltrr"),
        whole("format-csv-of-dsjson", cb, "no column for an action", "--format", "csv", file="log.json"),
        whole("format-unknown", good, "`format` must be", "--format", "tsv"),
        whole("unrecognised", b"\x89PNG\r\n\x1a\n" * 9, "its format is not recognised", file="log.png"),
        whole("nothing-at-all", b"", "its format is not recognised", file="log.bin"),
        whole("vw-empty", b"\n\n", "must hold rows, it holds none", "--format", "vw", file="log.vw"),
        whole(
            "vw-no-labels",
            b"| a b\n| c\n",
            "must hold decisions with outcomes",
            "--format",
            "vw",
            file="log.vw",
        ),
        whole(
            "vw-ccb",
            b"ccb shared |s\nccb action |a\nccb slot 0:1:0.5 |b\n",
            "must be cb or cb_adf text",
            "--format",
            "vw",
            file="log.vw",
        ),
        whole(
            "dsjson-outcomes-alone",
            b'{"RewardValue":1,"EventId":"x"}\n',
            "must hold decisions with outcomes",
            file="log.json",
        ),
        whole(
            "dsjson-no-json",
            b"words\n",
            "must hold decisions with outcomes",
            "--format",
            "dsjson",
            file="log.json",
        ),
        whole(
            "dsjson-mixed", [*ccb_lines()[:2], *slates_lines()[:2]], "must not mix slates", file="log.json"
        ),
        whole("dsjson-gz-cut", lambda _: gzip.compress(cb)[:-9], "cannot be read", file="log.json.gz"),
        whole("policy-column", good, "old", "-p", "column:old"),
        whole("policy-action", good, "zzz", "-p", "always:zzz"),
        whole("policy-unknown", good, "what-is-this", "-p", "what-is-this"),
        whole(
            "column-unknown",
            good,
            "`Columns.reward` must be a column of the log, got 'profit'",
            "--column",
            "reward=profit",
        ),
        whole("column-role-unknown", good, "`columns` has no field 'price'", "--column", "price=reward"),
        Broken("toml-none", toml(b"reward = = 1"), "cannot be read as TOML", ("--columns", "MAP")),
        Broken("toml-not-utf8", toml(b"\xff\xfe"), "cannot be read as TOML", ("--columns", "MAP")),
        Broken("toml-no-table", toml(b'reward = "r"'), "must hold a table [columns]", ("--columns", "MAP")),
        Broken(
            "toml-unknown-key",
            toml(b'[columns]\nrewrd = "r"'),
            "`columns` has no field 'rewrd'",
            ("--columns", "MAP"),
        ),
        Broken(
            "toml-wrong-type",
            toml(b"[columns]\nreward = 3"),
            "`Columns.reward` must be a column's name, got 3",
            ("--columns", "MAP"),
        ),
        Broken("toml-absent", folder_of({"a.csv": good}), "cannot be read as TOML", ("--columns", "MAP")),
        Broken("folder-of-words", no_parts, "the format of no file in the folder is recognised"),
        Broken("folder-without-parts", no_parts, "must hold parts of the log", ("--format", "parquet")),
        Broken("folder-empty", folder_of({}), "nor is there a log.json"),
        Broken(
            "folder-part-lacks-column",
            folder_of({"a.csv": good, "b.csv": drop("propensity")}),
            "b.csv: has no column 'propensity'",
        ),
        Broken(
            "folder-part-damaged",
            folder_of({"a.parquet": packed, "b.parquet": packed[:99]}),
            "b.parquet: cannot be read",
        ),
        own_broken("json-damaged", lambda log: (log / "log.json").write_text("{"), "log.json cannot be read"),
        own_broken("json-list", lambda log: (log / "log.json").write_text("[1]"), "log.json"),
        own_broken("json-not-utf8", lambda log: (log / "log.json").write_bytes(b"\xff{}"), "log.json"),
        own_broken("json-empty", lambda log: (log / "log.json").write_bytes(b""), "log.json"),
        own_broken("json-absent", lambda log: (log / "log.json").unlink(), "log.json"),
        own_broken("no-arms", about(arms=None), "`arms` is missing or damaged"),
        own_broken("quotas-wrong", about(quotas=[[3, 0]]), "`quotas` must list all ways"),
        own_broken("quotas-words", about(quotas=["a"]), "`quotas` must list all ways"),
        own_broken("no-features", about(action_features={}), "`action_features` must name"),
        own_broken("context-renamed", about(context=["one"]), "must be a column of lists of 1"),
        own_broken("policy-unknown", lambda _: None, "has no policy 'linuc'", "--logged-policy", "linuc"),
        own_broken("no-table", lambda log: shutil.rmtree(log / "impressions"), "is missing"),
        own_broken("no-queries", lambda log: (log / "queries.parquet").unlink(), "queries.parquet"),
        own_broken("no-decisions", lambda log: own_part(log, "decisions").unlink(), "is missing"),
        own_broken(
            "decisions-cut",
            lambda log: own_part(log, "decisions").write_bytes(cut(own_part(log, "decisions"), 0.5)),
            "cannot be read as Parquet",
        ),
        own_broken(
            "column-lost",
            lambda log: rewrite(log, "requests", lambda t: t.drop_columns(["reward"])),
            "has no column `reward`",
        ),
        own_broken(
            "column-text",
            lambda log: rewrite(
                log,
                "decisions",
                lambda t: t.set_column(
                    t.column_names.index("propensity"), "propensity", pa.array(["x"] * len(t))
                ),
            ),
            "column `propensity` must be numbers",
        ),
        own_broken(
            "lists-short",
            lambda log: rewrite(log, "decisions", with_values("probabilities", [0], lambda p: p[:-1])),
            "column `probabilities` must hold 1 values for each of `actions`",
        ),
        own_broken(
            "request-negative",
            lambda log: rewrite(log, "decisions", with_values("request", [3], -7)),
            "column `request` must lie in",
        ),
    ]


def bytes_of(lines):
    """Return lines as the bytes of a file."""
    return b"\n".join(lines) + b"\n"


SEEDS = {
    "csv": ("log.csv", "csv", bytes_of(as_csv(table_rows()))),
    "csv-slots": ("log.csv", "csv", bytes_of(as_csv(slate_rows()))),
    "csv-gz": ("log.csv.gz", "csv", gzip.compress(bytes_of(as_csv(table_rows())), mtime=0)),
    "jsonl": ("log.jsonl", "jsonl", bytes_of(as_jsonl(table_rows()))),
    "parquet": ("log.parquet", "parquet", parquet_bytes(as_parquet(table_rows()))),
    "obd": ("men.csv", "obd", bytes_of(obd_lines())),
    "dsjson-cb": ("log.json", "dsjson", bytes_of(cb_lines())),
    "dsjson-ccb": ("log.json", "dsjson", bytes_of(ccb_lines())),
    "dsjson-slates": ("log.json", "dsjson", bytes_of(slates_lines())),
    "vw": ("log.vw", "vw", bytes_of(vw_lines())),
    "vw-adf": ("log.vw", "vw", bytes_of(adf_lines())),
}
"""Small good logs to mutate: file, format, bytes."""


def rows_with_line(form, at):
    """Return the numbers of the rows that a line of a seed, from 0, belongs to; a request goes as a whole."""
    if form == "csv-slots":
        first = (at - 1) // 2 * 2 + 1
        return {first, first + 1}
    if form == "vw-adf":
        return {at // 5 * 5 + 1}
    head = SEEDS[form][1] in ("csv", "obd")
    return {at + (not head)}
