"""Which requests are read: conditions, times, the first rows; a slow twin says which."""

import operator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs import read
from ltrr.logs.selection import Selection, seconds_of
from tests.dialect_makers import START, lines_of, plain_rows, save, table, text_of

FORMS = ("csv", "jsonl", "parquet", "table")


def log_of(form, rows, folder, /, **options):
    if form == "table":
        return read(table(rows), **options)
    path = folder / f"log.{form}"
    if form == "parquet":
        pq.write_table(table(rows), path, row_group_size=7)
    else:
        save(folder, path.name, text_of(rows) if form == "csv" else lines_of(rows))
    return read(path, **options)


def rows_read(log):
    return [row for events in log.chunks() for row in events.row.tolist()]


LOGGED = [
    row
    | {
        "code": ["7", "007", "x", None][i % 4],
        "level": [1, 2, 3, None, 30][i % 5],
        "share": [0.5, 1.0, None, 2.25][i % 4],
        "flag": i % 3 == 0,
        "big": 2**53 + i % 2,
        "quoted": ["a b", "a=b", '"a"', ">=1"][i % 4],
    }
    for i, row in enumerate(plain_rows())
]


def fitting(fits):
    return [i + 1 for i, row in enumerate(LOGGED) if fits(row)]


def has(name, compare):
    return lambda row: row[name] is not None and compare(row[name])


CONDITIONS = {
    "action=a": lambda row: row["action"] == "a",
    "action == a": lambda row: row["action"] == "a",
    "action='a'": lambda row: row["action"] == "a",
    'action="a"': lambda row: row["action"] == "a",
    "action!=a": lambda row: row["action"] != "a",
    "context_country = de": lambda row: row["context_country"] == "de",
    "level=3": has("level", lambda v: v == 3),
    "level!=3": has("level", lambda v: v != 3),
    "level=3.0": has("level", lambda v: v == 3),
    "level<3": has("level", lambda v: v < 3),
    "level <= 3": has("level", lambda v: v <= 3),
    "level>2": has("level", lambda v: v > 2),
    "level>=2.5": has("level", lambda v: v >= 2.5),
    "share=0.50": has("share", lambda v: v == 0.5),
    "share!=0.5": has("share", lambda v: v != 0.5),
    "share=1.0": has("share", lambda v: v == 1.0),
    "share=1": has("share", lambda v: v == 1.0),
    "share!=1": has("share", lambda v: v != 1.0),
    "share<1e0": has("share", lambda v: v < 1.0),
    "flag=True": lambda row: row["flag"],
    "flag=false": lambda row: not row["flag"],
    "big=9007199254740993": lambda row: row["big"] == 2**53 + 1,
    "code=007": has("code", lambda v: v == "007"),
    "code!=7": has("code", lambda v: v != "7"),
    "quoted=a b": lambda row: row["quoted"] == "a b",
    "quoted=a=b": lambda row: row["quoted"] == "a=b",
    "quoted='>=1'": lambda row: row["quoted"] == ">=1",
    "quoted='\"a\"'": lambda row: row["quoted"] == '"a"',
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_reads_what_fits(form, condition, tmp_path):
    expected = fitting(CONDITIONS[condition])
    assert 0 < len(expected) < len(LOGGED)
    assert rows_read(log_of(form, LOGGED, tmp_path, where=condition)) == expected


@pytest.mark.parametrize("form", FORMS)
def test_all_conditions_must_hold_and_rows_counts_those_that_fit(form, tmp_path):
    where = ["level>=2", "action!=a"]
    expected = fitting(lambda r: r["level"] is not None and r["level"] >= 2 and r["action"] != "a")
    log = log_of(form, LOGGED, tmp_path, where=where)
    assert rows_read(log) == rows_read(log) == expected
    assert rows_read(log_of(form, LOGGED, tmp_path, where=where, rows=4)) == expected[:4]
    assert rows_read(log_of(form, LOGGED, tmp_path, rows=100)) == list(range(1, 31))


def test_only_the_actions_of_what_is_read_are_known(tmp_path):
    log = log_of("csv", LOGGED, tmp_path, where="action!=a")
    assert log.space.actions == ("b", "c")
    assert log.space.context_names == ("context_age", *(f"context_country:{c}" for c in ("de", "fr", "it")))
    assert log_of("csv", LOGGED, tmp_path, rows=2).space.actions == ("a", "b")


# -- requests with slots


def slates(sizes):
    return [
        {"request": f"r{i}", "slot": j, "action": "ab"[j % 2], "reward": 1.0, "keep": i + j}
        for i, size in enumerate(sizes)
        for j in range(size)
    ]


@pytest.mark.parametrize("form", FORMS)
def test_all_rows_of_a_request_must_fit(form, tmp_path):
    rows = slates([2, 3, 1, 2])
    log = log_of(form, rows, tmp_path, where="keep<3")
    # request 1 has rows with 1, 2 and 3; request 3 one with 3
    assert rows_read(log) == [1, 2, 6]
    assert rows_read(log_of(form, rows, tmp_path, where="slot=0")) == [6]


@pytest.mark.parametrize(("n", "expected"), [(1, 2), (2, 2), (3, 5), (4, 5), (5, 5), (6, 6), (7, 8)])
def test_the_first_rows_end_with_their_request(n, expected, tmp_path):
    rows = slates([2, 3, 1, 2])
    assert rows_read(log_of("csv", rows, tmp_path, rows=n)) == list(range(1, expected + 1))


def test_a_row_without_a_request_belongs_to_the_one_before():
    held = pa.table(
        {
            "request": ["r", None, "s"],
            "slot": [0, 1, 0],
            "action": ["a"] * 3,
            "reward": [1] * 3,
            "keep": [0, 9, 0],
        }
    )
    assert rows_read(read(held, where="keep<5")) == [3]


SIGNS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt}
SIGNS[">="] = operator.ge


def naive_rows(rows, conditions, first):
    """Return the rows of requests all of whose rows fit, one request after another."""
    out = []
    for name in dict.fromkeys(row["request"] for row in rows):
        own = [i for i, row in enumerate(rows) if row["request"] == name]
        fits = all(
            rows[i]["keep"] is not None and SIGNS[sign](rows[i]["keep"], value)
            for i in own
            for sign, value in conditions
        )
        if fits and (first is None or len(out) < first):
            out += [i + 1 for i in own]
    return out


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([0, 1, 1.5, 2, None]), min_size=1, max_size=3), min_size=1, max_size=8),
    st.lists(st.tuples(st.sampled_from(sorted(SIGNS)), st.sampled_from([0, 1, 1.5])), max_size=2),
    st.none() | st.integers(1, 12),
    st.sampled_from(["table", "pandas"]),
)
def test_what_is_read_is_what_a_slow_loop_reads(requests, conditions, first, form):
    rows = [
        {"request": i, "slot": j, "action": "a", "reward": 0.0, "keep": keep}
        for i, request in enumerate(requests)
        for j, keep in enumerate(request)
    ]
    expected = naive_rows(rows, conditions, first)
    held = pd.DataFrame(rows) if form == "pandas" else pa.Table.from_pylist(rows)
    if all(row["keep"] is None for row in rows):
        held = pa.Table.from_pylist(rows).set_column(4, "keep", pa.nulls(len(rows), pa.float64()))
    where = [f"keep{sign}{value}" for sign, value in conditions]
    log = read(held, where=where, rows=first)
    if not expected:
        with pytest.raises(InputError, match=r"^no request of the log"):
            rows_read(log)
        return
    assert rows_read(log) == expected


# -- times

HOUR = 3600


@pytest.mark.parametrize("form", FORMS)
def test_since_is_included_and_until_is_not(form, tmp_path):
    rows = plain_rows()
    whole = log_of(form, rows, tmp_path, since=START + 2 * HOUR, until=START + 5 * HOUR)
    assert rows_read(whole) == [3, 4, 5]
    assert rows_read(log_of(form, rows, tmp_path, since="2024-01-02T04:00")) == [29, 30]
    assert rows_read(log_of(form, rows, tmp_path, until="2024-01-01 01:00+00:00")) == [1]
    assert rows_read(log_of(form, rows, tmp_path, until="2024-01-01T03:00+02:00")) == [1]


def test_times_in_milliseconds_are_compared_as_seconds(tmp_path):
    rows = [row | {"timestamp": row["timestamp"] * 1000} for row in plain_rows()]
    assert rows_read(log_of("csv", rows, tmp_path, since="2024-01-02T04:00")) == [29, 30]


def test_a_missing_time_never_fits(tmp_path):
    rows = [row | {"timestamp": None if i == 3 else row["timestamp"]} for i, row in enumerate(plain_rows())]
    for limit in ({"since": 0}, {"until": "2100-01-01"}):
        assert 4 not in rows_read(log_of("csv", rows, tmp_path, **limit))


@pytest.mark.parametrize(
    "value",
    [
        START,
        float(START),
        np.int64(START),
        str(START),
        "2024-01-01",
        "2024-01-01T00:00:00Z",
        "2024-01-01T02:00:00+02:00",
        date(2024, 1, 1),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        pd.Timestamp("2024-01-01"),
        np.datetime64("2024-01-01T00:00"),
    ],
    ids=repr,
)
def test_a_time_in_many_forms(value):
    assert seconds_of(value, "since") == START


# -- what is wrong is one line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": "action"}, "`where` must be COLUMN OP VALUE, as country=DE or age>=30, got 'action'"),
        ({"where": ""}, "`where` must be COLUMN OP VALUE"),
        ({"where": 3}, "`where` must be text or a list of texts COLUMN OP VALUE, got 3"),
        ({"where": ["action=a", 3]}, r"`where` must be text or a list of texts .* got \['action=a', 3\]"),
        ({"where": "acton=a"}, "`where` names no column of the log, got 'acton'; did you mean 'action'"),
        ({"where": "action<b"}, "`where` compares with a number by <, got 'action<b'"),
        ({"where": "action>=3"}, "`where` compares numbers by >=, and 'action' holds text"),
        ({"where": "action=z"}, "no request of the log's 30 rows fits action=z; correct the condition"),
        (
            {"where": ["reward>0", "level<0"]},
            "no request of the log's 30 rows fits reward>0 and level<0; correct the condition",
        ),
        ({"since": "2025-01-01"}, "no request of the log's 30 rows fits since 2025-01-01"),
        ({"since": "yesterday"}, "`since` must be seconds or a time in ISO 8601, got 'yesterday'"),
        ({"until": True}, "`until` must be seconds or a time in ISO 8601, got True"),
        ({"since": float("nan")}, "`since` must be seconds or a time in ISO 8601, got nan"),
        ({"rows": 0}, "`rows` must be an integer >= 1, got 0"),
        ({"rows": 2.5}, "`rows` must be an integer >= 1, got 2.5"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "table"])
def test_a_selection_that_cannot_be_is_one_line(options, message, form, tmp_path):
    with pytest.raises(InputError, match=message) as error:
        rows_read(log_of(form, LOGGED, tmp_path, **options))
    assert "\n" not in str(error.value)


def test_a_log_without_times_has_no_range(tmp_path):
    rows = [{k: v for k, v in row.items() if k != "timestamp"} for row in plain_rows()]
    with pytest.raises(InputError, match="`since` needs the log's times: map their column, timestamp=NAME"):
        log_of("csv", rows, Path(tmp_path), since=0)


def test_no_selection_reads_all():
    assert Selection().all_rows
    batches = [("p", pa.record_batch({"x": [1]}))]
    assert list(Selection().chosen(batches, None)) == batches
