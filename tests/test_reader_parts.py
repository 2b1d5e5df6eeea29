"""Parts of the reader: ragged columns, roles, typed batches, the context's columns, tables in memory."""

import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs.columns import Columns
from ltrr.logs.context import ContextColumns, sparse_matrix
from ltrr.logs.events import Events, Space
from ltrr.logs.format import FAULT, FAULT_TYPE, ROW, WHOLE
from ltrr.logs.memory import EventsLog, as_table
from ltrr.logs.ragged import codes_of, flat_lists, flat_maps
from ltrr.logs.roles import Role, roles_of, wanted_of
from ltrr.logs.typed import faults_of, typed
from ltrr.logs.usual import usual
from ltrr.logs.vocabulary import Category

MAPS = pa.map_(pa.string(), pa.float64())
LISTS = st.lists(st.none() | st.lists(st.integers(0, 9), max_size=4), max_size=8)
PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([-1.5, 0.0, 2.0])), max_size=4)


def cut(data, values):
    """Return a slice of a longer list: where it begins and ends."""
    start = data.draw(st.integers(0, len(values)))
    return start, data.draw(st.integers(start, len(values)))


# -- ragged


@settings(max_examples=150, deadline=None)
@given(LISTS, st.data(), st.sampled_from([pa.list_(pa.int64()), pa.large_list(pa.int64())]))
def test_lists_of_any_slice_are_those_of_python(values, data, kind):
    start, stop = cut(data, values)
    indptr, flat = flat_lists(pa.array(values, kind).slice(start, stop - start))
    expected = [v or [] for v in values[start:stop]]
    assert indptr.dtype == np.int64
    assert indptr.tolist() == [0, *np.cumsum([len(v) for v in expected]).astype(int).tolist()]
    assert flat.to_pylist() == [x for v in expected for x in v]


def test_entries_under_a_null_list_do_not_count():
    offsets, values = pa.array([0, 2, 4, 5], pa.int32()), pa.array([1, 2, 3, 4, 5])
    hidden = pa.ListArray.from_arrays(offsets, values, mask=pa.array([False, True, False]))
    indptr, flat = flat_lists(hidden)
    assert (indptr.tolist(), flat.to_pylist()) == ([0, 2, 2, 3], [1, 2, 5])


@settings(max_examples=150, deadline=None)
@given(st.lists(PAIRS, max_size=8), st.data())
def test_maps_of_any_slice_are_those_of_python(rows, data):
    start, stop = cut(data, rows)
    indptr, names, values = flat_maps(pa.array(rows, MAPS).slice(start, stop - start))
    expected = rows[start:stop]
    assert np.diff(indptr).tolist() == [len(row) for row in expected]
    assert list(zip(names.to_pylist(), values.tolist(), strict=True)) == [p for row in expected for p in row]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.sampled_from(["a", "b", ""])), st.booleans())
def test_codes_stand_for_their_texts(values, coded):
    column = pa.array(values, pa.string())
    codes, texts = codes_of(column.dictionary_encode() if coded else column)
    assert codes.dtype == np.int32
    assert [None if c < 0 else texts[c] for c in codes.tolist()] == values


# -- types in disguise

STORED = pa.array(["a", None, "b"])


class Own(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.string(), "tests.own")

    def __arrow_ext_serialize__(self):
        return b""


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (STORED.cast(pa.string_view()), pa.string()),
        (STORED.cast(pa.binary()).cast(pa.binary_view()), pa.binary()),
        (pa.ExtensionArray.from_storage(Own(), STORED), pa.string()),
        (
            pa.DictionaryArray.from_arrays(
                pa.array([0, 1], pa.uint32()), pa.array(["a", "b"], pa.string_view())
            ),
            pa.dictionary(pa.uint32(), pa.string()),
        ),
        (pa.array([["a"], None], pa.list_(pa.string_view())), pa.list_(pa.string())),
        (pa.array([["a"], []], pa.large_list(pa.string_view())), pa.large_list(pa.string())),
        (pa.RunEndEncodedArray.from_arrays([2, 3], pa.array(["a", "b"])), pa.string()),
        (pa.array([1, 2]), pa.int64()),
    ],
    ids=lambda v: str(getattr(v, "type", "")) or None,
)
def test_types_in_disguise_are_the_usual_ones(column, kind):
    out = usual(column)
    assert out.type == kind
    assert out.to_pylist() == [
        v.decode() if isinstance(v, bytes) and kind == pa.string() else v for v in column.to_pylist()
    ]


# -- roles

HEAD = pa.record_batch(
    {
        "a": ["x", "y"],
        "r": [1.0, 0.0],
        "ms": [1_700_000_000_000, 1_700_000_001_000],
        "text_us": ["1700000000000000", None],
        "iso": ["2024-01-01", "2024-01-02"],
        "number": [1, 2],
        "text_number": ["1", " 2.5"],
        "words": ["True", "false"],
        "label": ["de", "1"],
        "nothing": pa.nulls(2),
        "list": pa.array([None, [1.0, 2.0]], pa.list_(pa.float64())),
        "json": ["", "[1, 2, 3]"],
        "map": pa.array([[("f", 1.0)], []], MAPS),
    }
)


def role_of(column, **more):
    columns = Columns(reward="r", action="a", context=(column,), **more)
    (role,) = [r for r in roles_of(columns, HEAD) if r.name == f"context:{column}"]
    return role


@pytest.mark.parametrize(
    ("column", "kind", "width"),
    [
        ("number", "number", 0),
        ("text_number", "number", 0),
        ("words", "number", 0),
        ("label", "label", 0),
        ("nothing", "label", 0),
        ("list", "numbers", 2),
        ("json", "numbers", 3),
        ("map", "sparse", 0),
    ],
)
def test_what_a_context_holds_is_judged_by_the_first_rows(column, kind, width):
    role = role_of(column)
    assert (role.column, role.kind, role.width) == (column, kind, width)


def test_a_category_is_a_label_whatever_it_holds():
    assert role_of("number", categories=("number",)).kind == "label"


@pytest.mark.parametrize(("column", "unit"), [("ms", 1e-3), ("text_us", 1e-6), ("iso", 1.0), ("number", 1.0)])
def test_the_unit_of_times_is_judged_by_the_first_rows(column, unit):
    columns = Columns(reward="r", action="a", timestamp=column)
    (role,) = [r for r in roles_of(columns, HEAD) if r.name == "timestamp"]
    assert (role.kind, role.unit) == ("time", unit)


def test_each_field_has_its_kind():
    columns = Columns(
        reward="r",
        action="a",
        propensity="p",
        request="q",
        slot="s",
        position="o",
        eligible="e",
        probabilities="d",
        count="k",
        user="u",
        target={"new": "t"},
    )
    roles = {role.name: role.kind for role in roles_of(columns, HEAD, ["price"])}
    assert roles == {
        "reward": "number",
        "action": "label",
        "propensity": "number",
        "request": "id",
        "slot": "slot",
        "position": "position",
        "eligible": "labels",
        "probabilities": "numbers",
        "count": "number",
        "user": "id",
        "target:new": "number",
        "item:price": "number",
    }


def test_a_column_with_two_kinds_is_asked_for_as_text():
    roles = (Role("reward", "x", "number"), Role("propensity", "x", "number"), Role("action", "y", "label"))
    assert wanted_of(roles) == {"x": "number", "y": "text"}
    assert wanted_of((*roles, Role("event", "x", "id"))) == {"x": "text", "y": "text"}
    assert wanted_of((Role("reward", "z", "number"), Role("timestamp", "z", "time"))) == {"z": "text"}


# -- typed batches


def notes(batch):
    return [(kind, rows.tolist(), details) for kind, rows, details in faults_of(batch)]


ROLES = (Role("action", "a", "label"), Role("reward", "r", "number"), Role("slot", "s", "slot"))


@pytest.mark.parametrize("fixed", [False, True])
def test_a_batch_has_a_column_a_role_and_its_rows(fixed):
    batch = pa.record_batch({"s": ["0", "1"], "r": ["0.5", ""], "a": [7, None], "unused": [1, 2]})
    out = typed(batch, ROLES, 10, fixed=fixed)
    assert out.schema.names == ["action", "reward", "slot", ROW, FAULT]
    action = pa.dictionary(pa.int32(), pa.string()) if fixed else pa.int64()
    assert out.schema.types == [action, pa.float64(), pa.int64(), pa.int64(), FAULT_TYPE]
    assert out.column(0).to_pylist() == (["7", None] if fixed else [7, None])
    np.testing.assert_array_equal(out.column(1).to_numpy(zero_copy_only=False), [0.5, np.nan])
    assert out.column(3).to_pylist() == [11, 12]
    assert notes(out) == []


def test_numbered_rows_and_whole_requests_are_kept():
    batch = pa.record_batch({"a": ["x", "y"], ROW: [3, 8], WHOLE: [True, False]})
    out = typed(batch, ROLES[:1], 100, fixed=True)
    assert out.column(ROW).to_pylist() == [103, 108]
    assert out.column(WHOLE).to_pylist() == [True, False]


def test_of_a_rows_faults_the_first_counts_and_the_formats_own_come_first():
    own = pa.array([None, {"kind": "unreadable", "detail": "cut off"}, None, None], FAULT_TYPE)
    batch = pa.record_batch(
        {"a": ["x"] * 4, "r": ["1", None, "one", "two"], "s": ["0", None, "-1", "0"], FAULT: own}
    )
    assert notes(typed(batch, ROLES, 0, fixed=True)) == [
        (
            "unreadable",
            [1, 2, 3],
            [
                "cut off",
                "`r` must be a number, got 'one'",
                "`r` must be a number, got 'two'",
            ],
        )
    ]


def test_entries_of_lists_are_faults_of_their_rows():
    batch = pa.record_batch({"q": ["0.5|0.5", "1", "0.5|x", "", "[0.25, 0.75]"]})
    out = typed(batch, (Role("probabilities", "q", "numbers"),), 0, fixed=True)
    assert notes(out) == [("unreadable", [2], ["`q` must be a number, got 'x'"])]
    lists = out.column(0).to_pylist()
    assert lists[:2] == [[0.5, 0.5], [1.0]]
    assert lists[3:] == [None, [0.25, 0.75]]


@pytest.mark.parametrize(
    ("kind", "value", "detail"),
    [
        ("slot", 32_767, "`s` must be an integer from 0 to 32766, got 32767.0"),
        ("slot", 0.5, "`s` must be an integer from 0 to 32766, got 0.5"),
        ("position", 2**31, "`s` must be an integer from 0 to 2147483647, got 2147483648.0"),
        ("position", -1, "`s` must be an integer from 0 to 2147483647, got -1.0"),
    ],
)
def test_slots_and_positions_have_their_range(kind, value, detail):
    out = typed(pa.record_batch({"s": [value]}), (Role(kind, "s", kind),), 0, fixed=True)
    assert notes(out) == [("unreadable", [0], [detail])]


@pytest.mark.parametrize("outer", [False, True])
def test_a_feature_that_is_not_a_number_is_a_fault(outer):
    maps = [[("f", 1.0)], [("g", math.nan), ("h", 1.0)], []]
    kind = pa.list_(MAPS) if outer else MAPS
    column = pa.array([[m] for m in maps] if outer else maps, kind)
    role = Role("features" if outer else "context:f", "f", "sparses" if outer else "sparse")
    out = typed(pa.record_batch({"f": column}), (role,), 0, fixed=True)
    assert notes(out) == [("context not finite", [1], ["g = nan"])]


def test_a_column_that_a_part_lacks_is_one_line():
    with pytest.raises(InputError, match=r"^has no column 'r', which other parts of the log have$"):
        typed(pa.record_batch({"a": ["x"]}), ROLES[:2], 0, fixed=True)


# -- the context's columns

NUMBER, LABEL = Role("context:x", "x", "number"), Role("context:c", "c", "label")
VECTOR, SPARSE = Role("context:v", "v", "numbers", width=2), Role("context:f", "f", "sparse")


def naive_matrix(rows, levels, names):
    """Return the context one row after another."""
    out = []
    for x, c, v, f in rows:
        own = [math.nan if x is None else x]
        own += [1.0 if level == ("(missing)" if c is None else c) else 0.0 for level in levels]
        own += v if v is not None and len(v) == 2 else [math.nan, math.nan]
        own += [math.fsum(value for name, value in f if name == n) for n in names]
        out.append(own)
    return np.array(out, np.float32).reshape(len(rows), 3 + len(levels) + len(names))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.sampled_from([0.0, -2.5, 1e9]),
            st.none() | st.sampled_from(["de", "fr"]),
            st.none() | st.lists(st.sampled_from([0.5, 4.0]), max_size=3),
            PAIRS,
        ),
        max_size=8,
    )
)
def test_the_context_is_that_of_a_slow_loop(rows):
    levels, names = ("(missing)", "de", "fr"), ("a", "c")
    columns = ContextColumns(
        (NUMBER, LABEL, VECTOR, SPARSE),
        {"context:c": Category(levels)},
        {"context:f": names},
    )
    batch = pa.record_batch(
        {
            "context:x": pa.array([np.nan if x is None else x for x, _, _, _ in rows], pa.float64()),
            "context:c": pa.array([c for _, c, _, _ in rows], pa.string()),
            "context:v": pa.array([v for _, _, v, _ in rows], pa.large_list(pa.float64())),
            "context:f": pa.array([f for _, _, _, f in rows], MAPS),
        }
    )
    assert columns.names == ("x", "c:(missing)", "c:de", "c:fr", "v[0]", "v[1]", "a", "c")
    found = columns.matrix(batch)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, naive_matrix(rows, levels, names))


def test_a_number_too_large_for_the_context_is_infinite():
    batch = pa.record_batch({"context:x": [1e300, -1e300]})
    assert ContextColumns((NUMBER,)).matrix(batch)[:, 0].tolist() == [math.inf, -math.inf]
    out = np.zeros((1, 1), np.float32)
    sparse_matrix(pa.array(["a"]), np.array([1e300]), np.zeros(1, np.int64), {"a": 0}, out)
    assert out[0, 0] == math.inf


# -- tables in memory

FRAME = {"action": ["a", "b"], "reward": [1.0, 0.5]}


@pytest.mark.parametrize(
    "value",
    [
        pa.table(FRAME),
        pa.record_batch(FRAME),
        pd.DataFrame(FRAME),
        pd.DataFrame(FRAME, index=["x", "y"]),
        pl.DataFrame(FRAME),
        pa.table(FRAME).to_reader(),
    ],
    ids=lambda v: type(v).__name__,
)
def test_tables_of_other_libraries_are_arrow_tables(value):
    out = as_table(value)
    assert out.column_names == ["action", "reward"]
    assert out.to_pydict() == FRAME


def test_structs_are_flattened_to_any_depth():
    deep = pa.table({"a": [{"b": {"c": 1, "d": "x"}, "e": 2.0}]})
    assert as_table(deep).to_pydict() == {"a.b.c": [1], "a.b.d": ["x"], "a.e": [2.0]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "^a log must be a path, .* got int$"),
        (FRAME, "^a log must be a path, .* got dict$"),
        (pl.LazyFrame(FRAME), r"^a log must be a path, .* got LazyFrame; give it as \.collect\(\)$"),
        (pd.DataFrame({"action": ["a", 1]}), "^the table cannot be read as columns of one type each: "),
        (pd.Series([1.0]), "^a log must be a path, .* got Series$"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_is_no_table_is_one_line(value, message):
    with pytest.raises(InputError, match=message) as error:
        as_table(value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("chunk_rows", [1, 2, 5, 100])
def test_events_in_memory_are_a_log_of_any_chunks(chunk_rows):
    n = 5
    events = Events(
        Space(("a", "b")), np.arange(1, n + 1), np.arange(n), np.arange(n) % 2, np.arange(n) * 0.5
    )
    log = EventsLog(events, chunk_rows=chunk_rows)
    for _ in range(2):
        chunks = list(log.chunks())
        assert [len(c) for c in chunks] == [min(chunk_rows, n - i) for i in range(0, n, chunk_rows)]
        assert Events.concat(chunks).reward.tolist() == events.reward.tolist()
        assert (log.faults.rows, log.faults.used) == (n, n)
    assert (log.format, log.space) == ("memory", events.space)
