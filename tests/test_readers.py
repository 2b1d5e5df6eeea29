"""Logs in CSV, Parquet and JSON lines: what is read is what the files say, and a fault has its row."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs.columns import Columns
from ltrr.logs.context import ContextColumns
from ltrr.logs.convert import Found, ids, labels, numbers, whole
from ltrr.logs.detect import detect
from ltrr.logs.events import Events
from ltrr.logs.items import ItemTable
from ltrr.logs.lists import lists
from ltrr.logs.reader import LogReader
from ltrr.logs.reading import read
from ltrr.logs.roles import roles_of
from ltrr.logs.rows import Rows
from ltrr.logs.source import FileSource
from ltrr.logs.survey import Survey
from ltrr.logs.times import times
from ltrr.logs.typed import typed
from ltrr.logs.vocabulary import LEVELS, OTHER, Actions, Category, Counts
from ltrr.replay import run

MAP = {
    "reward": "r",
    "action": "a",
    "propensity": "p",
    "context": ["x", "c"],
    "position": "pos",
    "timestamp": "t",
    "eligible": "e",
    "probabilities": "q",
    "session": "s",
    "user": "u",
    "count": "k",
    "target": {"new": "tn"},
}


def rows_of(n=40):
    """Return logged rows as dicts: three actions of which two or three are eligible."""
    out = []
    for i in range(n):
        eligible = ["b", "a", "c"][: 2 + i % 2]
        q = [0.25, 0.75] if i % 2 == 0 else [0.5, 0.25, 0.25]
        chosen = i % len(eligible)
        out.append(
            {
                "r": i / 8,
                "a": eligible[chosen],
                "p": q[chosen],
                "x": i * 0.5,
                "c": ["red", "blue", None][i % 3],
                "pos": i % 4,
                "t": 100.0 + i,
                "e": eligible,
                "q": q,
                "s": i // 3,
                "u": f"user{i % 5}",
                "k": 1.0 + i % 2,
                "tn": 0.5,
                "unused": "…",
            }
        )
    return out


def as_csv(rows):
    file = io.StringIO()
    out = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    out.writeheader()
    for row in rows:
        out.writerow({k: "|".join(map(str, v)) if isinstance(v, list) else v for k, v in row.items()})
    return file.getvalue().encode()


def as_jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_parquet(rows, row_group_size=7):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=row_group_size)
    return sink.getvalue().to_pybytes()


WRITERS = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}


def whole_log(log):
    return Events.concat(list(log.chunks()))


def same(first, second):
    """Assert that events are equal in everything."""
    for name in Events.__dataclass_fields__:
        left, right = getattr(first, name), getattr(second, name)
        if name == "space":
            assert (left.actions, left.context_names, left.n_slots) == (
                right.actions,
                right.context_names,
                right.n_slots,
            )
        elif name == "targets":
            assert left.keys() == right.keys()
            assert all(np.array_equal(left[k], right[k]) for k in left)
        elif name != "queries":
            np.testing.assert_array_equal(left, right, err_msg=name)


def save(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_row_by_hand(tmp_path):
    log = read(save(tmp_path / "log.csv", as_csv(rows_of())), columns=MAP)
    events = whole_log(log)
    assert log.space.actions == ("a", "b", "c")
    assert log.space.context_names == ("x", "c:(missing)", "c:blue", "c:red")
    assert log.space.timed
    assert events.row.tolist() == list(range(1, 41))
    i = 5
    assert (events.reward[i], events.propensity[i], events.action[i]) == (0.625, 0.25, 2)
    assert events.context[i].tolist() == [2.5, 1.0, 0.0, 0.0]
    assert (events.position[i], events.time[i], events.session[i], events.count[i]) == (1, 105.0, 1, 2.0)
    flat = slice(events.indptr[i], events.indptr[i + 1])
    assert events.eligible[flat].tolist() == [1, 0, 2]
    assert events.probabilities[flat].tolist() == [0.5, 0.25, 0.25]
    assert events.targets["new"][i] == 0.5
    # users are text: five of them, whatever the numbers
    assert len(np.unique(events.user)) == 5
    assert events.user[0] == events.user[5]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_formats_agree(tmp_path, kind):
    expected = whole_log(read(save(tmp_path / "log.csv", as_csv(rows_of())), columns=MAP))
    path = save(tmp_path / f"log.{kind}", WRITERS[kind](rows_of()))
    same(whole_log(read(path, columns=MAP)), expected)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("chunk_rows", [1, 7])
def test_chunk_size_does_not_matter(tmp_path, kind, chunk_rows):
    rows = [row | {"request": f"r{i // 3 if i < 30 else i}", "k": 2.0} for i, row in enumerate(rows_of())]
    rows[4]["r"] = None
    rows[35]["p"] = 2.0
    path = save(tmp_path / f"log.{kind}", WRITERS[kind](rows))
    columns = MAP | {"request": "request"}
    big = read(path, columns=columns, on_error="report", chunk_rows=1000)
    small = read(path, columns=columns, on_error="report", chunk_rows=chunk_rows)
    same(whole_log(small), whole_log(big))
    assert small.faults.counts == big.faults.counts
    assert sorted((f.kind, f.row) for f in small.faults.kept) == sorted(
        (f.kind, f.row) for f in big.faults.kept
    )
    assert big.faults.counts["missing value"] == 1
    assert big.space.n_slots == 3
    assert whole_log(big).slot.tolist()[:6] == [0, 1, 2, 0, 1, 2]
    sizes = [len(chunk) for chunk in small.chunks()]
    # a request is never parted, and nothing more than one request is carried along
    assert max(sizes) <= chunk_rows + 3
    assert all(len(np.unique(c.key)) == len(c.request_indptr) - 1 for c in small.chunks())


def test_unreadable_rows_between_slots_do_not_depend_on_chunks(tmp_path):
    data = b"request,action,reward\n" + b"".join(
        b"%d,a,1\n%d,b,0\n" % (i, i) if i % 3 else b"%d,a,1\nbroken\n%d,b,0\n" % (i, i) for i in range(12)
    )
    path = save(tmp_path / "log.csv", data)
    usual = {"request": "request", "action": "action", "reward": "reward"}
    logs = [read(path, columns=usual, on_error="skip", chunk_rows=size) for size in (1, 3, 1000)]
    events = [whole_log(log) for log in logs]
    same(events[0], events[2])
    same(events[1], events[2])
    assert logs[0].faults.counts == logs[1].faults.counts == logs[2].faults.counts
    assert logs[0].faults.counts["unreadable"] == 4
    assert len(events[0]) == 16


# -- column maps


def test_map_from_toml_dict_and_arguments(tmp_path):
    toml = tmp_path / "map.toml"
    toml.write_text(
        '[columns]\nreward = "r"\naction = "a"\npropensity = "p"\ncontext = ["x", "c"]\nposition = "pos"\n'
        'timestamp = "t"\neligible = "e"\nprobabilities = "q"\nsession = "s"\nuser = "u"\ncount = "k"\n'
        '[columns.target]\nnew = "tn"\n'
    )
    path = save(tmp_path / "log.csv", as_csv(rows_of()))
    expected = whole_log(read(path, columns=MAP))
    for columns in (toml, str(toml), Columns(**MAP)):
        same(whole_log(read(path, columns=columns)), expected)


def test_usual_names_need_no_map(tmp_path):
    path = save(
        tmp_path / "log.csv", b"context_x,action,reward,propensity,target\n1,3,1,0.5,0.1\n2,4,0,0.5,1\n"
    )
    log = read(path)
    events = whole_log(log)
    assert log.columns == Columns(
        reward="reward",
        action="action",
        propensity="propensity",
        context=("context_x",),
        target={"target": "target"},
    )
    assert events.targets["target"].tolist() == [0.1, 1.0]
    assert events.context[:, 0].tolist() == [1.0, 2.0]


def test_cost_is_negative_reward_and_patterns_are_expanded(tmp_path):
    path = save(tmp_path / "log.csv", b"a,cost,f_1,f_2,g\n1,2.5,1,5,9\n0,-1,2,6,9\n")
    log = read(path, columns={"cost": "cost", "action": "a", "context": "f_*"})
    assert whole_log(log).reward.tolist() == [-2.5, 1.0]
    assert log.space.context_names == ("f_1", "f_2")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (None, r"no column for an action is known; it has the columns a, r, p; map them.*\[columns\]"),
        ({"action": "a"}, "no column for a reward is known"),
        ({"reward": "r", "action": "b"}, "`Columns.action` must be a column of the log, got 'b'"),
        ({"reward": "rr", "action": "a"}, "`Columns.reward` .*did you mean 'r'"),
        ({"reward": "r", "action": "a", "context": ["z*"]}, r"`Columns.context` .* got 'z\*'"),
        (
            {"reward": "r", "action": "a", "categories": ["p"]},
            "`Columns.categories` must be columns of the con",
        ),
        ({"reward": "r", "cost": "p", "action": "a"}, "`Columns.reward` and `Columns.cost` must not both"),
        ({"reward": "r", "action": "a", "slot": "p"}, "`Columns.slot` must come with `request`"),
        ({"rewrd": "r"}, "has no field 'rewrd'; did you mean 'reward'"),
        ({"reward": 3, "action": "a"}, "`Columns.reward` must be a column's name, got 3"),
        ({"reward": "r", "action": "a", "context": 3}, "`Columns.context` must be a list of column names"),
        ({"reward": "r", "action": "a", "target": "p"}, "`Columns.target` must be a table of column names"),
        (3, "`columns` must be a column map"),
        ("missing.toml", "missing.toml: cannot be read as TOML"),
    ],
)
def test_wrong_maps_are_one_line(tmp_path, columns, message):
    path = save(tmp_path / "log.csv", b"a,r,p\n1,2,0.5\n")
    with pytest.raises(InputError, match=message) as error:
        read(path, columns=columns)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["columns = 3", "[columns", "[other]\nx = 1", "\0"])
def test_wrong_toml_is_one_line(tmp_path, text):
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(InputError, match=r"map\.toml: ") as error:
        Columns.from_toml(tmp_path / "map.toml")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"on_error": "explode"}, "`on_error` must be a known name"),
        ({"chunk_rows": 0}, "`chunk_rows` must be an integer >= 1"),
        ({"floor": 0.0}, "`floor` must be a number > 0"),
        ({"reward_range": (1.0, 0.0)}, "`reward_range` must be two numbers"),
        ({"actions": 0}, "`actions` must be their number"),
        ({"actions": ["a", "a"]}, "`actions` must be different names, got 'a' twice"),
        ({"format": "xml"}, "`format` must be a known name"),
        ({"policy": "linucb"}, "a log in the format 'csv' takes no `policy`; it takes"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path, arguments, message):
    path = save(tmp_path / "log.csv", b"action,reward\n1,2\n")
    with pytest.raises(InputError, match=message):
        read(path, **arguments)


# -- parts


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_folder_of_parts_is_one_log(tmp_path, kind):
    rows = rows_of()
    one = save(tmp_path / f"one.{kind}", WRITERS[kind](rows))
    folder = tmp_path / "parts"
    for i, part in enumerate((rows[:13], rows[13:14], rows[14:])):
        save(folder / f"part-{i}.{kind}", WRITERS[kind](part))
    save(folder / "_SUCCESS", b"")
    save(folder / f".hidden.{kind}", b"junk")
    log = read(folder, columns=MAP)
    assert (log.name, log.format) == ("parts", kind)
    same(whole_log(log), whole_log(read(one, columns=MAP)))


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_packed_files(tmp_path, kind):
    plain = save(tmp_path / f"log.{kind}", WRITERS[kind](rows_of()))
    packed = save(tmp_path / f"log.{kind}.gz", gzip.compress(WRITERS[kind](rows_of())))
    assert detect(packed) == kind
    same(whole_log(read(packed, columns=MAP)), whole_log(read(plain, columns=MAP)))


def test_a_request_may_go_on_in_the_next_part(tmp_path):
    save(tmp_path / "log/1.csv", b"request,action,reward\n1,a,1\n2,a,0\n")
    save(tmp_path / "log/2.csv", b"request,action,reward\n2,b,1\n3,a,0\n")
    usual = {"request": "request", "action": "action", "reward": "reward"}
    events = whole_log(read(tmp_path / "log", columns=usual))
    assert events.slot.tolist() == [0, 0, 1, 0]
    assert events.key[1] == events.key[2]


def test_folders_named_by_key_and_value_are_columns(tmp_path):
    for day, n in (("1", 2), ("2", 1)):
        save(tmp_path / f"log/day={day}/country=de/part.csv", b"action,reward\n" + b"a,1\n" * n)
    log = read(tmp_path / "log", columns={"action": "action", "reward": "reward", "context": ["day"]})
    assert whole_log(log).context[:, 0].tolist() == [1.0, 1.0, 2.0]


def test_faults_name_the_part_and_the_row_of_the_whole_log(tmp_path):
    save(tmp_path / "log/1.csv", b"action,reward\na,1\nb,0\n")
    save(tmp_path / "log/2.csv", b"action,reward\na,1\nb,x\n")
    with pytest.raises(
        InputError, match=r"log, 2\.csv, row 4 of the log: unreadable: `reward` must be a number, got 'x'"
    ):
        whole_log(read(tmp_path / "log"))
    save(tmp_path / "log/2.csv", b"action,click\na,1\n")
    with pytest.raises(InputError, match=r"2\.csv: has no column 'reward', which other parts"):
        whole_log(read(tmp_path / "log"))


def test_a_part_without_a_header_is_noticed_however_short(tmp_path):
    save(tmp_path / "log/1.csv", b"action,reward\na,1\nb,0\n")
    save(tmp_path / "log/2.csv", b"a,1\n")
    with pytest.raises(InputError, match=r"2\.csv: has no column '(action|reward)', which other parts"):
        whole_log(read(tmp_path / "log"))
    save(tmp_path / "log/2.csv", b"reward,action\n")
    assert len(whole_log(read(tmp_path / "log"))) == 2


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_column_that_only_later_parts_have_is_not_ignored(tmp_path, kind):
    rows = [{"action": "a", "reward": 1.0}, {"action": "b", "reward": 0.0}]
    later = [row | {"propensity": 0.5, "note": "new"} for row in rows]
    save(tmp_path / f"log/1.{kind}", WRITERS[kind](rows))
    save(tmp_path / f"log/2.{kind}", WRITERS[kind](later))
    with pytest.raises(InputError, match="last part has a column 'propensity', which the first"):
        read(tmp_path / "log")
    mapped = read(tmp_path / "log", columns={"action": "action", "reward": "reward"})
    assert len(whole_log(mapped)) == 4
    save(tmp_path / f"log/1.{kind}", WRITERS[kind](later))
    save(tmp_path / f"log/2.{kind}", WRITERS[kind]([row | {"other": 1} for row in later]))
    assert len(whole_log(read(tmp_path / "log"))) == 4


# -- values


DAY = datetime(2024, 2, 29, 12, 30, 15, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        pa.scalar(DAY, pa.timestamp("us", "UTC")),
        pa.scalar(DAY, pa.timestamp("ns", "Asia/Tokyo")),
        pa.scalar(DAY.replace(tzinfo=None), pa.timestamp("ms")),
        "2024-02-29T12:30:15.250Z",
        "2024-02-29 12:30:15.25+00:00",
        "2024-02-29T21:30:15.2500000+0900",
        "2024-02-29 12:30:15.250000",
        " 2024-02-29T04:30:15.25-08 ",
        DAY.timestamp(),
        repr(DAY.timestamp()),
        Decimal("1709209815.25"),
    ],
)
def test_times_of_all_kinds(value):
    found = Found()
    column = pa.array([value.as_py()], value.type) if isinstance(value, pa.Scalar) else pa.array([value])
    assert times(column, "t", found).tolist() == [DAY.timestamp()]
    assert found.notes == []


def test_dates_missing_times_and_days_that_no_calendar_has():
    found = Found()
    column = pa.array(
        ["2024-02-29", None, "", "7", "2024-02-30", "2024-02-29 25:00", "soon", "2024-02-29T01:02"]
    )
    value = times(column, "t", found)
    expected = [1709164800.0, math.nan, math.nan, 7.0, math.nan, math.nan, math.nan, 1709168520.0]
    np.testing.assert_array_equal(value, expected)
    assert [rows.tolist() for _, rows, _ in found.notes] == [[4, 5, 6]]
    assert times(pa.array([datetime(2024, 2, 29).date()]), "t", Found()).tolist() == [1709164800.0]


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
    st.none() | st.integers(-14 * 60, 14 * 60),
    st.sampled_from("T "),
)
def test_times_are_those_of_python(moment, minutes, between):
    zone = None if minutes is None else timezone(timedelta(minutes=minutes))
    moment = moment.replace(tzinfo=zone)
    expected = (moment if zone else moment.replace(tzinfo=UTC)).timestamp()
    found = Found()
    value = times(pa.array([moment.isoformat(between)]), "t", found)
    assert found.notes == []
    assert value[0] == pytest.approx(expected, abs=1e-6)


LIST_COLUMNS = [
    pa.array([["a", "b"], [], None, ["c"]]),
    pa.array([["a", "b"], [], None, ["c"]], pa.large_list(pa.string())),
    pa.array(['["a", "b"]', "[]", None, '["c"]']),
    pa.array(["a|b", "", None, "c"]),
    pa.array(["a|b", "[]", None, ' ["c"]']),
    pa.array([["z"], ["a", "b"], [], None, ["c"], ["z"]]).slice(1, 4),
    pa.array(["z", "a|b", "", None, '["c"]', "z"]).slice(1, 4),
    pa.array([b"a|b", b"", None, b'[ "c" ]']),
]


@pytest.mark.parametrize("column", LIST_COLUMNS, ids=lambda c: str(c.type))
def test_lists_in_all_notations(column):
    found = Found()
    indptr, flat = lists(column, "e", found)
    assert indptr.tolist() == [0, 2, 2, 2, 3]
    assert labels(flat, "e", found).to_pylist() == ["a", "b", "c"]
    assert found.notes == []


def test_lists_of_mixed_json_and_faulty_ones():
    found = Found()
    column = pa.array(['[1, "a", null, true]', "[1, 2", "[[1]]", "[2024]", '["2024-01-01"]', "[\n 1]"])
    indptr, flat = lists(column, "e", found)
    assert indptr.tolist() == [0, 4, 4, 4, 5, 6, 7]
    assert flat.to_pylist() == ["1", "a", None, "true", "2024", "2024-01-01", "1"]
    assert [rows.tolist() for _, rows, _ in found.notes] == [[1, 2]]
    assert found.notes[0][2][0] == "`e` must be a list, got '[1, 2'"
    assert numbers(lists(pa.array(["[0.1, 1e-7, 1]", "0.2|0.8"]), "q", found)[1], "q", found).tolist() == [
        0.1,
        1e-7,
        1.0,
        0.2,
        0.8,
    ]


NUMBER_TEXT = st.one_of(
    st.floats().map(repr),
    st.integers().map(str),
    st.sampled_from(
        ["", " 1.5 ", "1,5", "0x1", "1_0", ".", "1.", ".5", "+1", "--1", "1e", "inf", "-Infinity"]
    ),
    st.sampled_from(["NaN", "nan", "null", "NA", "None", "true", "1e400", "٣", "1 2", "\t7\n"]),
    st.text(max_size=5),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(NUMBER_TEXT, max_size=8))
def test_numbers_in_text_are_those_of_python(texts):
    found = Found()
    value = numbers(pa.array(texts, pa.string()), "x", found)
    bad = {row for _, rows, _ in found.notes for row in rows.tolist()}
    for i, text in enumerate(texts):
        stripped = text.strip()
        try:
            expected = float(stripped)
            readable = stripped.isascii() and "_" not in stripped
        except ValueError:
            expected, readable = math.nan, False
        if stripped.isascii() and stripped.lower() in ("true", "false"):
            expected, readable = float(stripped.lower() == "true"), True
        missing = stripped in ("", "NA", "N/A", "n/a", "#N/A", "null", "NULL", "None", "<NA>", "NaT", r"\N")
        assert (i in bad) == (not readable and not missing), text
        np.testing.assert_equal(value[i], expected if readable else math.nan)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 0, None], pa.int8()),
        pa.array([1, 0, None], pa.uint64()),
        pa.array([1.0, 0.0, None], pa.float16()),
        pa.array([1.0, 0.0, math.nan], pa.float32()),
        pa.array([True, False, None]),
        pa.array([Decimal("1.0"), Decimal("0.0"), None]),
        pa.array(["1", "0", ""]).dictionary_encode(),
        pa.chunked_array([[1], [0, None]]),
        pa.array([b"1", b"0", None], pa.large_binary()),
    ],
    ids=lambda c: str(c.type),
)
def test_numbers_of_all_types(column):
    found = Found()
    np.testing.assert_array_equal(numbers(column, "x", found), [1.0, 0.0, math.nan])
    assert found.notes == []


def test_types_that_do_not_fit_are_one_line():
    with pytest.raises(InputError, match="column `x` must hold numbers, it holds timestamp"):
        numbers(pa.array([DAY]), "x", Found())
    with pytest.raises(InputError, match="column `x` must hold labels, it holds list"):
        labels(pa.array([[1]]), "x", Found())
    with pytest.raises(InputError, match="column `x` must hold lists, it holds int64"):
        lists(pa.array([1]), "x", Found())


def test_whole_numbers_ids_and_labels():
    found = Found()
    assert whole(pa.array([0.0, 2.5, None, -1.0, 5.0, 9.0]), "s", found, top=5).tolist() == [0, 0, 0, 0, 5, 0]
    assert [(kind, rows.tolist()) for kind, rows, _ in found.notes] == [
        ("missing value", [2]),
        ("unreadable", [1, 3, 5]),
    ]
    found = Found()
    value = ids(pa.array(["12", "-3", "a", "012", "a", None, "9" * 30]), "u", found)
    assert value[:2].tolist() == [12, -3]
    assert value[2] == value[4]
    assert len(set(value.tolist())) == 6
    assert [(kind, rows.tolist()) for kind, rows, _ in found.notes] == [("missing value", [5])]
    found = Found()
    assert labels(pa.array([3.0, math.nan, 1.5, 1e300]), "a", found).to_pylist() == [3, None, None, None]
    assert [(kind, rows.tolist()) for kind, rows, _ in found.notes] == [("unreadable", [2, 3])]
    assert labels(pa.array([True, None]), "a", found).to_pylist() == ["true", None]


# -- actions and categories


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("values", [[3, 5, 4, 3], [900, -5, 900, 7], [2**40, 5, 5, 5]])
def test_integer_actions_are_those_that_occur(tmp_path, statistics, values):
    table = pa.table({"action": pa.array(values), "reward": [0.0, 1.0, 2.0, 3.0]})
    pq.write_table(table, tmp_path / "log.parquet", write_statistics=statistics, row_group_size=2)
    log = read(tmp_path / "log.parquet")
    assert log.space.actions == tuple(map(str, sorted(set(values))))
    events = whole_log(log)
    assert [int(log.space.actions[a]) for a in events.action] == values


def test_the_first_pass_stops_when_all_is_seen_and_is_made_once(tmp_path, monkeypatch):
    table = pa.table({"action": pa.array(np.arange(200_000) % 3, pa.int16()), "reward": np.ones(200_000)})
    pq.write_table(table, tmp_path / "log.parquet")
    read_rows = []
    batches = FileSource.batches

    def counted(self, roles, group, selection):
        for part, batch in batches(self, roles, group, selection):
            read_rows.append((tuple(role.name for role in roles), batch.num_rows))
            yield part, batch

    monkeypatch.setattr(FileSource, "batches", counted)
    log = read(tmp_path / "log.parquet")
    assert read_rows == []
    assert log.space.actions == ("0", "1", "2")
    assert read_rows == [(("action",), 65_536)]
    assert log.space is log.space
    assert len(read_rows) == 1
    declared = read(tmp_path / "log.parquet", actions=3)
    assert declared.space.actions == ("0", "1", "2")
    assert len(read_rows) == 1


def test_the_first_pass_goes_on_while_statistics_promise_more(tmp_path):
    action = np.zeros(150_000, np.int16)
    action[-1], action[70_000] = 4, 2
    pq.write_table(pa.table({"action": action, "reward": np.ones(150_000)}), tmp_path / "log.parquet")
    assert read(tmp_path / "log.parquet").space.actions == ("0", "2", "4")


def test_features_follow_the_names_of_actions():
    items = ItemTable(("f",), ("a", "b", "c"), np.float32([[1], [2], [3]]))
    assert items.aligned(["c", "a"]).tolist() == [[3.0], [1.0]]
    with pytest.raises(InputError, match="must have a row for every action, 'd' has none"):
        items.aligned(["a", "d"])


def test_faulty_rows_hold_nothing():
    batch = pa.record_batch(
        {"action": ["a", "a", "z"], "reward": ["1", "x", "2"], "position": ["0", "1", "2"]}
    )
    roles = roles_of(Columns(reward="reward", action="action", position="position"), batch)
    survey = Survey(Actions(("a",)), ContextColumns(()))
    raw = Rows(roles, survey, ItemTable()).raw(typed(batch, roles, 4, fixed=True))
    assert raw.row.tolist() == [5, 6, 7]
    assert raw.action.tolist() == [0, -1, -1]
    np.testing.assert_array_equal(raw.reward, [1.0, math.nan, math.nan])
    reported = {(kind, *rows.tolist()): message for kind, rows, message in raw.faults}
    assert reported == {
        ("unreadable", 1): ["`reward` must be a number, got 'x'"],
        ("unseen category", 2): ["`action` must be one of the actions, got 'z'"],
    }


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_declared_actions_make_others_faults(tmp_path, kind):
    rows = [{"action": a, "reward": 1.0} for a in ("b", "z", "a", "b")]
    path = save(tmp_path / f"log.{kind}", WRITERS[kind](rows))
    log = read(path, actions=["b", "a"], on_error="skip")
    assert whole_log(log).action.tolist() == [0, 1, 0]
    assert [(f.kind, f.row) for f in log.faults.kept if f.row] == [("unseen category", 2)]
    with pytest.raises(
        InputError, match=r"row 2: unseen category: `action` must be one of the actions, got 'z'"
    ):
        whole_log(read(path, actions=["b", "a"]))


def test_unknown_and_missing_eligible_actions_spoil_their_row(tmp_path):
    path = save(tmp_path / "log.csv", b"action,reward,eligible\na,1,a|b\na,1,a|z\na,1,\nb,1,a\n")
    log = read(path, actions=["a", "b"], on_error="skip")
    assert whole_log(log).row.tolist() == [1]
    assert [(f.kind, f.row) for f in log.faults.kept if f.row] == [
        ("unseen category", 2),
        ("no eligible action", 3),
        ("action not eligible", 4),
    ]


def test_distributions_without_eligible_actions_are_over_all(tmp_path):
    path = save(tmp_path / "log.csv", b"action,reward,probabilities\na,1,0.25|0.75\nb,1,0.5|0.5\nb,1,1.0\n")
    log = read(path, on_error="skip")
    events = whole_log(log)
    assert events.propensity.tolist() == [0.25, 0.5]
    assert events.probabilities.tolist() == [0.25, 0.75, 0.5, 0.5]
    (fault,) = (f for f in log.faults.kept if f.row)
    assert (fault.kind, fault.row) == ("unreadable", 3)
    assert "as many entries as there are actions, got '1 for 2'" in fault.detail


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 5), min_size=1, max_size=8), st.integers(-2, 9))
def test_action_ids_are_places(values, other):
    actions = Actions.seen(map(str, set(values)))
    assert [int(n) for n in actions.names] == sorted(set(values))
    asked = [*values, None, other]
    expected = [sorted(set(values)).index(v) if v in values else -1 for v in asked]
    assert actions.ids(pa.array(asked, pa.int64())).tolist() == expected
    assert actions.ids(pa.array([None if v is None else str(v) for v in asked])).tolist() == expected


def test_many_levels_share_a_column():
    counts = Counts("c")
    # level i occurs i + 1 times, so the six rarest share a column
    values = [f"v{i:02d}" for i in range(70) for _ in range(i + 1)]
    counts.add(pa.array(values[:900]))
    counts.add(pa.array(values[900:]))
    levels = counts.levels()
    assert len(levels) == LEVELS + 1
    assert levels[-1] == OTHER
    assert levels[0] == "v06"
    category = Category(levels)
    assert category.codes(pa.array(["v06", "v05", None, "v69"])).tolist() == [0, 64, 64, 63]


def test_numbers_can_be_categories(tmp_path):
    path = save(tmp_path / "log.csv", b"action,reward,z\na,1,10\na,1,9\na,1,\n")
    log = read(path, columns={"action": "action", "reward": "reward", "context": ["z"], "categories": ["z"]})
    assert log.space.context_names == ("z:9", "z:10", "z:(missing)")
    assert whole_log(log).context.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]


def test_a_number_that_is_none_is_a_fault_not_a_level(tmp_path):
    path = save(tmp_path / "log.csv", b"action,reward,context_z\n" + b"a,1,2\n" * 20 + b"a,1,two\n")
    log = read(path, on_error="skip")
    assert len(whole_log(log)) == 20
    assert [(f.kind, f.row, f.detail) for f in log.faults.kept if f.row] == [
        ("unreadable", 21, "`context_z` must be a number, got 'two'")
    ]


# -- memory


def test_chunks_shrink_where_there_are_many_actions_or_columns(tmp_path):
    path = save(tmp_path / "log.csv", b"action,reward\n1,1\n")
    assert read(path).rows_per_chunk == 65_536
    assert read(path, actions=1000).rows_per_chunk == 4194
    assert read(path, actions=1000, chunk_rows=9).rows_per_chunk == 9


def test_chunks_have_the_size_asked_for_whatever_the_file(tmp_path):
    for kind, data in (
        ("csv", b"action,reward\n" + b"1,2\n" * 10_000),
        ("jsonl", b'{"action": 1, "reward": 2}\n' * 10_000),
        ("parquet", as_parquet([{"action": 1, "reward": 2}] * 10_000, row_group_size=10_000)),
    ):
        log = read(save(tmp_path / f"log.{kind}", data), chunk_rows=3000)
        assert [len(chunk) for chunk in log.chunks()] == [3000, 3000, 3000, 1000]


def test_a_column_of_requests_that_never_changes_does_not_fill_the_memory(tmp_path):
    path = save(tmp_path / "log.csv", b"request,action,reward\n" + b"1,a,1\n" * 40_000)
    with pytest.raises(InputError, match="has the same value in more than 32,767 consecutive rows"):
        whole_log(read(path, columns={"request": "request"}, fill_columns=True, chunk_rows=1000))


# -- formats


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("log.csv", b"a,b\n", "csv"),
        ("log.CSV", b"\xef\xbb\xbf" + b'"timestamp","item_id",position,click,propensity_score\n', "obd"),
        ("anything", b"PAR1\x00", "parquet"),
        ("log.jsonl", b'{"a": 1}\n', "jsonl"),
        ("log.txt", b'\n {"a": 1}\n', "jsonl"),
        ("log.json", b'{"_label_cost": -1, "a": [1], "c": {}}\n', "dsjson"),
        ("log.json", b'{"RewardValue": 1, "EventId": "x"}\n', "dsjson"),
        ("log.json", b'{"_outcomes": [], "c": {}}\n', "dsjson"),
        ("log.json", b'{"_label_cost": 0, "c": "' + b"x" * 70_000 + b'"}\n', "dsjson"),
        ("train.vw", b"1:1:0.5 | a b\n", "vw"),
        ("train.dat", b"\n2:0.5:0.25 'tag |ns a:1\n", "vw"),
        ("train.txt", b"shared | s\n1:0:0.5 | a\n", "vw"),
    ],
)
def test_formats_are_recognised(tmp_path, name, data, expected):
    assert detect(save(tmp_path / name, data)) == expected
    if not name.endswith((".csv", ".CSV")) and data[:4] != b"PAR1":
        assert detect(save(tmp_path / f"{name}.gz", gzip.compress(data))) == expected


def test_real_logs_are_recognised(data_dir):
    logs = data_dir / "vw_logs"
    for path in sorted([*logs.glob("*.json"), *logs.glob("*.dsjson")]):
        assert detect(path) == "dsjson"
    assert detect(logs / "rcv1_raw_cb_small.vw") == "vw"


def test_auto_reads_every_format(tmp_path, data_dir):
    logs = data_dir / "vw_logs"
    assert {read(p).format for p in (logs / "cb_1000_0.json", logs / "dsjson_cb.json")} == {"dsjson"}
    assert read(logs / "rcv1_raw_cb_small.vw").format == "vw"
    assert read(data_dir / "obd/bts/men/men.csv").format == "obd"
    for kind in ("csv", "jsonl", "parquet"):
        assert read(save(tmp_path / f"log.{kind}", WRITERS[kind](rows_of())), columns=MAP).format == kind


def test_folders_are_recognised(tmp_path):
    save(tmp_path / "a/log.json", b"{}")
    save(tmp_path / "b/log/log.json", b"{}")
    save(tmp_path / "c/x=1/part.parquet", b"PAR1")
    save(tmp_path / "c/README.txt", b"words")
    save(tmp_path / "d/README.txt", b"words")
    assert [detect(tmp_path / name) for name in "abc"] == ["ltrr", "ltrr", "parquet"]
    with pytest.raises(InputError, match="d: the format of no file in the folder is recognised"):
        detect(tmp_path / "d")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"some words\n", b"\x00\x01\x02", b"\xff\xfe{"])
def test_unknown_formats_are_one_line(tmp_path, data):
    with pytest.raises(InputError, match="its format is not recognised") as error:
        read(save(tmp_path / "log.bin", data))
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="no such file or folder"):
        read(tmp_path / "absent")


# -- malformed files

FAULTY = [
    ("csv", b"action,reward\na,1\nb\n", 2, "unreadable: a row must have 2 fields, got 1"),
    ("csv", b"action,reward\na,1\n\nb,2,3\n", 2, "unreadable: a row must have 2 fields, got 3"),
    ("csv", b"action,reward\na,1\nb,1\n\n" + b"c,1\n" * 9 + b"x", 12, "unreadable: a row must have 2 fields"),
    ("csv", b"action,reward\na,one\n", 1, "unreadable: `reward` must be a number, got 'one'"),
    ("csv", b"action,reward\na,\n", 1, "missing value"),
    ("csv", b"action,reward\n,1\n", 1, "missing value"),
    ("csv", b"action,reward\na,inf\n", 1, "reward not finite"),
    ("csv", b"action,reward\na,1\x00\n", 1, "unreadable: `reward` must be text in UTF-8 without NUL"),
    ("csv", b"action,reward\n\xff,1\n", 1, r"unreadable: `action` must be text in UTF-8 without NUL"),
    ("csv", b"action,reward,propensity\na,1,0.5\na,1,0\n", 2, "propensity not positive"),
    ("csv", b"action,reward,propensity\na,1,0.5\na,1,\n", 2, "propensity missing"),
    ("csv", b"action,reward,position\na,1,1\na,1,-1\n", 2, "unreadable: `position` must be an integer"),
    ("csv", b"action,reward,slot,request\na,1,0,x\na,1,0.5,x\n", 2, "unreadable: `slot` must be an integer"),
    ("csv", b"action,reward,time\na,1,1\na,1,later\n", 2, "unreadable: `time` must be seconds or a time"),
    ("csv", b"action,reward,event\na,1,1\na,1,2\na,1,1\n", 3, "duplicate event"),
    ("csv", b"action,reward,propensity\na,1,1\na,1,-2\n", 2, "propensity not positive"),
    ("csv", b"action,reward,eligible\na,1,[1\n", 1, "unreadable: `eligible` must be a list"),
    (
        "jsonl",
        b'{"action": "a", "reward": 1}\n{"action": "a", "reward": 1\n',
        2,
        "unreadable: the line is not JSON",
    ),
    (
        "jsonl",
        b'{"action": "a", "reward": 1}\n[1]\n',
        2,
        "unreadable: the line must be a JSON object, it is a list",
    ),
    (
        "jsonl",
        b'{"action": "a", "reward": 1}\n{"action": "a", "reward": 1}{"action": "a"}\n',
        2,
        "the line is not JSON",
    ),
    (
        "jsonl",
        b'\n{"action": "a", "reward": 1}\n\n{"action": "a", "reward": "x"}\n',
        2,
        "`reward` must be a number",
    ),
    ("jsonl", b'{"action": "a", "reward": 1}\n{"action": "a"}\n', 2, "missing value"),
    (
        "jsonl",
        b'{"action": "a", "reward": 1}\n{"action": {"b": 1}, "reward": 1}\n',
        2,
        "`action` must be text",
    ),
    ("jsonl", b'{"action": "a", "reward": 1}\n{"action": "\xff", "reward": 1}\n', 2, "the line is not UTF-8"),
    ("jsonl", b'{"action": "a", "reward": 1}\n{"action": "a\x00", "reward": 1}\n', 2, "the line is not JSON"),
    ("jsonl", b'{"action": "a", "reward": 1}\n{"action": "a", "reward": 1e999}\n', 2, "reward not finite"),
    ("jsonl", b'{"action": "a", "reward": 1}\n' + b"[" * 100_000 + b"\n", 2, "the line is not JSON"),
    (
        "jsonl",
        b'{"action": "a", "reward": 1, "eligible": ["a"]}\n{"action": "a", "reward": 1, "eligible": 3}\n',
        2,
        "`eligible` must be a list, got 3",
    ),
]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("role", ["user", "session"])
def test_a_row_without_a_user_is_one_of_its_own(tmp_path, role, ending):
    frame = pd.DataFrame({"action": ["a", "b"] * 30, "reward": [0, 1, 1] * 20, "propensity": 0.5})
    frame[role] = [f"v{i % 7}" if i % 3 else None for i in range(60)]
    path = tmp_path / f"log.{ending}"
    getattr(frame, f"to_{ending}")(path, index=False)
    (events,) = read(path).chunks()
    known = frame[role].notna().to_numpy()
    found = getattr(events, role)
    assert len(events) == 60
    assert len(set(found[~known].tolist())) == 20
    assert not set(found[known].tolist()) & set(found[~known].tolist())
    assert len(set(zip(frame[role][known], found[known].tolist(), strict=True))) == 7
    by_role = run(path, ["uniform"], estimators=["ips"], cluster=role, quiet=True)
    assert by_role.table["clusters"].tolist() == [27, 27]


@pytest.mark.parametrize(("kind", "data", "row", "message"), FAULTY)
def test_malformed_rows_have_their_number(tmp_path, kind, data, row, message):
    path = save(tmp_path / f"log.{kind}", data)
    with pytest.raises(InputError, match=rf"log\.{kind}, row {row}: .*{message}") as error:
        whole_log(read(path))
    assert "\n" not in str(error.value)
    log = read(path, on_error="report")
    events = [chunk for chunk in log.chunks() if len(chunk)]
    assert row not in [r for chunk in events for r in chunk.row.tolist()]
    assert row in [f.row for f in log.faults.kept]


PARQUET = as_parquet(rows_of())

BROKEN = [
    ("csv", b"", "its first line must name the columns"),
    ("csv", b"\x00a,reward\n", "its first line must name the columns"),
    ("csv", b"\xffa,reward\n", "its first line must name the columns"),
    ("csv", b"action,reward,reward\na,1,2\n", "has two columns 'reward'"),
    ("csv", b"action,reward\n", "must hold rows, it holds none"),
    ("csv", b'action,reward\na,1\nb,"2\nc,3\n', "a quotation mark is opened and never closed"),
    (
        "csv",
        b'action,reward,note\na,1,fine\nb,2,"what\nc,3,lost\n',
        "a quotation mark is opened and never closed",
    ),
    ("csv.gz", gzip.compress(b"action,reward\n" + b"a,1\n" * 9)[:-9], "cannot be read"),
    ("csv.gz", b"action,reward\na,1\n", "cannot be read"),
    ("jsonl", b"", "must hold rows, it holds none"),
    ("jsonl", b"words\n", "its lines must be JSON objects"),
    ("jsonl.gz", gzip.compress(b'{"action": 1, "reward": 1}\n' * 9)[:-12], "cannot be read"),
    ("parquet", PARQUET[:-9], "cannot be read"),
    ("parquet", PARQUET[: len(PARQUET) // 2], "cannot be read"),
    ("parquet", b"PAR1", "cannot be read"),
]


def test_rows_that_are_no_text_keep_their_place(tmp_path):
    data = b"action,reward\na,1\n\xff\xfe\nb,2,\xc3\nc\xc3\xa9,3\n" + b"d,4\n\xff\n" * 3 + b"e,5\n"
    path = save(tmp_path / "log.csv", data)
    log = read(path, on_error="report", chunk_rows=2)
    events = whole_log(log)
    assert log.space.actions == ("a", "cé", "d", "e")
    assert list(zip(events.row.tolist(), events.reward.tolist(), strict=True)) == [
        (1, 1.0),
        (4, 3.0),
        (5, 4.0),
        (7, 4.0),
        (9, 4.0),
        (11, 5.0),
    ]
    assert sorted(f.row for f in log.faults.kept if f.row) == [2, 3, 6, 8, 10]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int8(), pa.string())]
)
def test_parquet_text_that_is_none_is_a_fault(tmp_path, kind):
    data = pa.array([b"a", b"\xff", b"b\0", b"c"])
    text = data.view(pa.string()) if kind != pa.binary() else data
    text = text.dictionary_encode() if pa.types.is_dictionary(kind) else text
    text = (
        pa.array([b"a", b"\xff", b"b\0", b"c"], pa.large_binary()).view(kind)
        if kind == pa.large_string()
        else text
    )
    for column in ("action", "user", "context_c"):
        table = pa.table({"action": ["a"] * 4, "reward": [1.0] * 4})
        if column == "action":
            table = table.drop_columns(["action"])
        pq.write_table(table.append_column(column, text), tmp_path / "log.parquet")
        log = read(tmp_path / "log.parquet", on_error="skip")
        assert whole_log(log).row.tolist() == [1, 4], column
        assert [(f.kind, f.row) for f in log.faults.kept if f.row] == [("unreadable", 2), ("unreadable", 3)]


def test_text_longer_than_a_block_keeps_its_characters(tmp_path):
    # characters of several bytes fall on the borders of blocks
    rows = 300_000
    data = "action,reward\n" + "é€😀,1\n" * rows
    assert len(data.encode()) > 3_000_000
    events = [len(chunk) for chunk in read(save(tmp_path / "log.csv", data.encode())).chunks()]
    assert sum(events) == rows
    assert read(tmp_path / "log.csv").space.actions == ("é€😀",)


@pytest.mark.parametrize(("kind", "data", "message"), BROKEN)
def test_broken_files_are_one_line(tmp_path, kind, data, message):
    path = save(tmp_path / f"log.{kind}", data)
    with pytest.raises(InputError, match=message) as error:
        whole_log(read(path, format=kind.removesuffix(".gz"), on_error="skip"))
    assert "\n" not in str(error.value)
    assert "log." in str(error.value)


def test_quotes_within_values_are_no_fault(tmp_path):
    path = save(tmp_path / "log.csv", b'action,reward,note\n5" pipe,1,"two\nlines, ""quoted"""\nb,2,x\n')
    log = read(path)
    assert log.space.actions == ('5" pipe', "b")
    assert whole_log(log).reward.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_bytes_never_end_in_a_traceback(tmp_path, kind, data):
    original = bytearray(WRITERS[kind](rows_of(8)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(original) - 1))
        original[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(original), len(original) * 2 // 3]))
    path = save(tmp_path / f"log.{kind}", bytes(original[:cut]))
    try:
        log = read(path, format=kind, columns=MAP, on_error="skip", chunk_rows=5)
        rows = sum(len(chunk) for chunk in log.chunks())
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert rows == log.faults.used <= log.faults.rows
    assert "\n" not in message


# -- a twin of the CSV reader

CELL = st.one_of(
    st.sampled_from(["a", "b", "", "0.5", "1", "x y", "1|2", '"', "é", "\n", "-3", "nan"]),
    st.text(max_size=4),
)


def twin(data):
    """Return (row, action, reward) of good rows and the numbers of faulty ones, by the csv module."""
    lines = list(csv.reader(io.StringIO(data, newline="")))
    good, bad = [], []
    for row, cells in enumerate((line for line in lines[1:] if line), start=1):
        try:
            reward = float(cells[1].strip()) if len(cells) == 3 else math.nan
        except ValueError:
            reward = math.nan
        if len(cells) == 3 and cells[0].strip() and math.isfinite(reward):
            good.append((row, cells[0].strip(), reward))
        else:
            bad.append(row)
    return good, bad


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", " b", "", "ü"]), st.sampled_from(["1", " 2.5", "", "x", "inf"]), CELL
        )
        | st.lists(st.sampled_from(["a", "1"]), min_size=1, max_size=5),
        min_size=1,
        max_size=12,
    ),
    chunk_rows=st.integers(1, 5),
)
def test_csv_is_read_as_the_csv_module_does(tmp_path, rows, chunk_rows):
    rows = [[c.replace("\r", "").replace("\0", "") for c in row] for row in rows]
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerows([["action", "reward", "note"], *rows])
    good, bad = twin(file.getvalue())
    path = save(tmp_path / "log.csv", file.getvalue().encode())
    log = read(path, on_error="report", chunk_rows=chunk_rows)
    events = whole_log(log)
    found = [
        (r, log.space.actions[a], w) for r, a, w in zip(events.row, events.action, events.reward, strict=True)
    ]
    assert found == good
    assert sorted({f.row for f in log.faults.kept if f.row}) == bad


def test_logs_are_replay_logs(tmp_path):
    log = read(save(tmp_path / "log.csv", as_csv(rows_of(1))), columns=MAP)
    assert isinstance(log, LogReader)
    first, second = whole_log(log), whole_log(log)
    same(first, second)
    assert log.faults.rows == 1
