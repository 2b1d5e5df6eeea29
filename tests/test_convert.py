"""Values by what they mean: one integer has one name, a word is a number, a time has its unit."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.logs.convert import Found, ids, labels, looks_numeric, numbers
from ltrr.logs.times import time_unit, times
from ltrr.logs.years import Years

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases" / "replay"
TOP = 2**64 - 1


def label_texts(column):
    found = Found()
    out = labels(column, "a", found)
    assert found.notes == []
    assert out.type in (pa.int64(), pa.string())
    return out.cast(pa.string()).to_pylist()


# -- labels


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 0, None, -12]),
        pa.array([1, 0, None, -12], pa.int16()),
        pa.array([1.0, -0.0, math.nan, -12.0]),
        pa.array([1.0, 0.0, None, -12.0], pa.float32()),
        pa.array([Decimal("1.00"), Decimal("0.00"), None, Decimal("-12.00")]),
        pa.array([Decimal("1"), Decimal("0"), None, Decimal("-12")], pa.decimal256(50, 7)),
        pa.array(["1", "0", "", "-12"]),
        pa.array(["1.0", "-0.0", None, "-12."]),
        pa.array([" 1.000 ", "00.", " ", "-012.0"]),
        pa.array([b"1.0", b"0.0", b"", b"-12.0"]),
        pa.array(["1.0", "0.0", None, "-12.0"]).dictionary_encode(),
    ],
    ids=lambda c: str(c.type),
)
def test_an_integer_has_one_name_in_all_types(column):
    assert label_texts(column) == ["1", "0", None, "-12"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.none() | st.integers(0, TOP) | st.integers(0, 3), min_size=1))
def test_unsigned_integers_are_exact(values):
    assert label_texts(pa.array(values, pa.uint64())) == [None if v is None else str(v) for v in values]
    decimals = pa.array([None if v is None else Decimal(v) for v in values], pa.decimal128(38, 2))
    assert label_texts(decimals) == [None if v is None else str(v) for v in values]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(2**53) + 1, 2**53 - 1), min_size=1))
def test_floats_are_named_like_integers_also_as_text(values):
    expected = [str(v) for v in values]
    assert label_texts(pa.array(values, pa.float64())) == expected
    assert label_texts(pa.array([f"{v}.0" for v in values])) == expected
    assert label_texts(pa.array([f"{v}.00" for v in values])) == expected


def test_other_texts_stay():
    texts = ["1.5", "v1.0", "1.0.0", "007", "1e0", "NA", "None", "True", "1,0", "+1.0", ".0", "-"]
    assert label_texts(pa.array(texts)) == texts


def test_decimals_that_are_not_whole_are_reported():
    found = Found()
    assert labels(pa.array([Decimal("1.5"), Decimal("2.0")]), "a", found).to_pylist() == [None, 2]
    assert [(kind, rows.tolist(), detail) for kind, rows, detail in found.notes] == [
        ("unreadable", [0], ["`a` must be a label, whole if a number, got Decimal('1.5')"])
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), 2**63 - 1, 10**18]), min_size=1)
)
def test_ids_in_text_are_those_of_integers(values):
    assert ids(pa.array(map(str, values)), "u", Found()).tolist() == values
    assert ids(pa.array(values), "u", Found()).tolist() == values


def test_ids_beyond_64_bits_are_hashed_and_alike_in_all_types():
    values = [2**63, 2**63 - 1, TOP, 5, 2**63]
    by_type = ids(pa.array(values, pa.uint64()), "u", Found())
    assert by_type.tolist() == ids(pa.array(map(str, values)), "u", Found()).tolist()
    assert by_type[[1, 3]].tolist() == [2**63 - 1, 5]
    assert by_type[0] == by_type[4]
    assert len(set(by_type.tolist())) == 4
    least = ids(pa.array([str(-(2**63)), str(-(2**63) - 1)]), "u", Found()).tolist()
    assert least[0] == -(2**63)
    assert least[1] != least[0]


# -- numbers


def test_true_and_false_are_numbers_in_any_capitals():
    words = ["True", "False", "true", "FALSE", " TRUE ", "", "0.5", "NA", None, "fAlSe"]
    found = Found()
    expected = [1, 0, 1, 0, 1, math.nan, 0.5, math.nan, math.nan, 0]
    np.testing.assert_array_equal(numbers(pa.array(words), "x", found), expected)
    assert found.notes == []
    assert looks_numeric(pa.array(["True", "false", ""]), "x")
    assert not looks_numeric(pa.array(["yes", "no", "True"]), "x")


def test_missing_words_are_not_unreadable_and_others_are():
    texts = ["", "NA", "N/A", "n/a", "null", "NULL", "None", "<NA>", "NaT", r"\N", "#N/A", " ", "nan"]
    for convert in (numbers, times):
        found = Found()
        assert np.isnan(convert(pa.array([*texts, None]), "x", found)).all()
        assert found.notes == []
    found = Found()
    value = numbers(pa.array(["1", "0,5", "truth", "", "yes"]), "x", found)
    np.testing.assert_array_equal(value, [1.0, *[math.nan] * 4])
    assert [(kind, rows.tolist()) for kind, rows, _ in found.notes] == [("unreadable", [1, 2, 4])]
    assert found.notes[0][2][0] == "`x` must be a number, got '0,5'"


# -- times

DAY = datetime(2024, 2, 29, 12, 30, 15, 250_000, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("per_second", [1, 10**3, 10**6, 10**9])
def test_the_unit_of_times_follows_from_their_size(per_second):
    ticks = [round(DAY * per_second) + i * per_second for i in range(5)]
    as_found = times(pa.array(ticks), "t", Found())
    unit = time_unit(as_found)
    assert unit == 1 / per_second
    expected = [round(DAY * per_second) / per_second + i for i in range(5)]
    for column in (pa.array(ticks), pa.array(map(str, ticks)), pa.array([float(t) for t in ticks])):
        np.testing.assert_allclose(times(column, "t", Found(), unit), expected, rtol=0, atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 4_000_000_000_000))
def test_milliseconds_are_the_nearest_float(ticks):
    assert times(pa.array([ticks]), "t", Found(), 1e-3).tolist() == [ticks / 1000]


def test_units_do_not_touch_dates():
    column = pa.array(["2024-02-29T12:30:15.250Z", "1700000000000", "", "soon"])
    found = Found()
    np.testing.assert_array_equal(times(column, "t", found, 1e-3), [DAY, 1.7e9, math.nan, math.nan])
    assert [rows.tolist() for _, rows, _ in found.notes] == [[3]]
    assert times(pa.array([1_700_000_000_000], pa.timestamp("ms")), "t", Found(), 1e-3).tolist() == [1.7e9]


def test_one_unit_by_the_median():
    assert time_unit(np.array([0.0, 1.7e12, 1.7e12])) == 1e-3
    assert time_unit(np.array([1.7e9, 1.7e12, math.nan, 1.7e9, math.inf])) == 1.0
    assert time_unit(np.array([math.nan])) == 1.0
    for at, below, above in ((1e11, 1.0, 1e-3), (1e14, 1e-3, 1e-6), (1e17, 1e-6, 1e-9)):
        assert time_unit(np.array([np.nextafter(at, 0)])) == below
        assert time_unit(np.array([at])) == time_unit(np.array([-at])) == above


def warning(*chunks):
    years = Years()
    for chunk in chunks:
        years.add(np.array(chunk, np.float64))
    return years.warning


def test_years_are_checked():
    assert warning([]) == warning([0.0, 5.0, 9.9e7, math.nan, math.inf]) == ""
    assert warning([datetime(1990, 1, 2, tzinfo=UTC).timestamp(), 4.1e9]) == ""
    whole = warning([1.7e9, 2e8, 5e9])
    assert whole == (
        "2 of 3 times lie outside the years 1990 to 2100, the first in 1976; "
        "are they in one unit, since 1970?"
    )
    assert warning([1.7e9], [], [2e8, 5e9]) == warning([1.7e9, 2e8], [5e9]) == whole


@pytest.mark.skipif(not CASES.is_dir(), reason="shared cases are not there")
def test_shared_times_in_milliseconds_span_seconds():
    text = pacsv.ConvertOptions(column_types={"timestamp": pa.string()})
    column = pacsv.read_csv(CASES / "milliseconds.csv", convert_options=text)["timestamp"]
    unit = time_unit(times(column, "timestamp", Found()))
    value = times(column, "timestamp", Found(), unit)
    assert unit == 1e-3
    assert value.max() - value.min() == 39.0
    assert warning(value) == ""
