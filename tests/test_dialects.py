"""One log in many forms is read alike, and what cannot be read is said in one line."""

from dataclasses import replace

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ltrr.errors import InputError
from ltrr.replay import evaluate, run, validate
from tests.dialect_makers import as_csv, changed, missing, plain_rows, save, table, text_of
from tests.dialects import BEGIN, END, PAGE, Variant, entries, page_with

TABLES = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "table": table,
    "batch": lambda rows: table(rows).to_batches()[0],
}


@pytest.mark.parametrize("variant", [v for _, v in entries()], ids=lambda v: v.title)
def test_a_variant_is_read_as_the_page_says(variant, tmp_path):
    assert variant.observed(tmp_path) == variant.said
    assert "\n" not in variant.said
    assert "|" not in variant.said + variant.title


def test_the_variants_are_many_and_each_has_a_name():
    titles = [variant.title for _, variant in entries()]
    assert len(titles) >= 60
    assert len(set(titles)) == len(titles)


def test_the_page_has_the_table():
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    assert page == page_with(page), "run python -m tests.dialects"


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("action", "b", "another log: actions differ"),
        ("reward", 0.125, "another log: rewards differ"),
        ("propensity", 0.375, "another log: propensities differ"),
        ("timestamp", 1_704_067_201, "another log: times differ"),
        ("context_age", 20.75, "another log: context_age differ"),
        ("context_country", "it", "another log: context_country:de, context_country:it differ"),
        ("target_new", 0.25, "another log: target new differ"),
    ],
)
def test_a_value_that_was_read_wrongly_is_noticed(column, value, said, tmp_path):
    """Write another value than the one that is expected, in the first row."""
    other = changed(**{column: lambda v, i: v if i else value})
    variant = Variant("", lambda folder, rows: as_csv()(folder, other(rows)))
    assert variant.observed(tmp_path) == said
    assert replace(variant, rows=other).observed(tmp_path) == "the log"


def test_a_row_that_is_lost_is_noticed(tmp_path):
    variant = Variant("", lambda folder, rows: as_csv()(folder, rows[:-1]))
    assert variant.observed(tmp_path) == "the log; 1 of 30 rows excluded"


# -- tables wherever a path is taken


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_tables_are_judged_as_files_are(make, tmp_path):
    rows = plain_rows()
    path = save(tmp_path, "log.csv", text_of(rows))
    options = {"estimators": ["ips", "snips"]}
    expected = evaluate(path, "column:new", **options)
    pd.testing.assert_frame_equal(evaluate(make(rows), "column:new", **options), expected)
    judged = run(make(rows), ["column:new", "uniform"], quiet=True, **options)
    pd.testing.assert_frame_equal(
        judged.table, run(path, ["column:new", "uniform"], quiet=True, **options).table
    )


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_tables_are_validated_as_files_are(make, tmp_path):
    rows = missing("propensity", 3)(plain_rows())
    expected = validate(save(tmp_path, "log.csv", text_of(rows)))
    found = validate(make(rows))
    assert replace(found, name=expected.name, format=expected.format) == expected
    assert (found.format, found.rows, found.usable) == ("table", 30, 29)
    assert {f.kind: f.rows for f in found.faults} == {"propensity missing": (4,)}


def test_a_table_without_rows_is_one_line():
    empty = pa.table({"action": pa.array([], pa.string()), "reward": pa.array([], pa.float64())})
    for call in (evaluate, validate):
        with pytest.raises(InputError, match=r"^table: must hold rows, it holds none$"):
            call(empty)


# -- the years


def test_an_unlikely_year_is_reported_once_and_excludes_nothing(tmp_path):
    rows = changed(timestamp=lambda t, i: t * 10 if i in (3, 20) else t)(plain_rows())
    path = save(tmp_path, "log.csv", text_of(rows))
    found = validate(path)
    assert found.usable == 30
    (fault,) = [f for f in found.faults if f.kind == "time in an unlikely year"]
    assert (fault.count, fault.rows) == (1, ())
    assert fault.detail == (
        "2 of 30 times lie outside the years 1990 to 2100, the first in 2510; "
        "are they in one unit, since 1970?"
    )
    assert "time in an unlikely year: 1 (2 of 30 times lie outside" in found.text()
    usual = validate(save(tmp_path, "usual.csv", text_of(plain_rows())))
    assert "time in an unlikely year" not in {f.kind for f in usual.faults}
