"""Parquet, Arrow and Feather: the columns that the file has, nested ones by path, in bounded memory."""

import gzip
import random
import subprocess
import sys
import warnings
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs.format import Part, format_of
from ltrr.logs.formats import arrow, parquet
from ltrr.logs.formats.parquet import integer_range

FILES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

TABLE = pa.table(
    {
        "action": pa.array(["a", "b", None, "a"]).dictionary_encode(),
        "reward": [0.5, None, 1.0, 2.0],
        "t": pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 4),
        "e": pa.array([["a", "b"], [], None, ["c"]]),
        "context": pa.array(
            [
                {"user": {"age": 30, "plan": "free"}, "x": [1.0, 2.0]},
                {"user": None, "x": None},
                None,
                {"user": {"age": None, "plan": "pro"}, "x": []},
            ]
        ),
    }
)


def write_parquet(table, path):
    pq.write_table(table, path, row_group_size=3)


def write_file(table, path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


def write_stream(table, path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


def write_packed_stream(table, path):
    write_stream(table, path)
    path.write_bytes(gzip.compress(path.read_bytes()))


def write_feather(table, path):
    pyarrow.feather.write_feather(table, path, compression="lz4", chunksize=3)


def write_feather_1(table, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pyarrow.feather.write_feather(table, path, version=1)


NESTED = {
    "log.parquet": (parquet.batches, write_parquet),
    "log.arrow": (arrow.batches, write_file),
    "log.arrows": (arrow.batches, write_stream),
    "log.arrows.gz": (arrow.batches, write_packed_stream),
    "log.feather": (arrow.batches, write_feather),
}
ALL = NESTED | {"one.feather": (arrow.batches, write_feather_1)}


def read(batches, path, wanted=None, **options):
    found = list(batches(Part(path), wanted, **options))
    return pa.Table.from_batches(found)


@pytest.mark.parametrize("name", NESTED)
def test_nested_columns_are_named_by_their_path(tmp_path, name):
    batches, write = NESTED[name]
    write(TABLE, tmp_path / name)
    table = read(batches, tmp_path / name)
    assert table.to_pydict() == {
        **{n: TABLE[n].to_pylist() for n in ("action", "reward", "t", "e")},
        "context.user.age": [30, None, None, None],
        "context.user.plan": ["free", None, None, "pro"],
        "context.x": [[1.0, 2.0], None, None, []],
    }
    wanted = {"context.user.age": "any", "none": "any", "reward": "number", "context.nope": "any"}
    table = read(batches, tmp_path / name, wanted)
    assert table.column_names == ["context.user.age", "reward"]
    assert table.to_pydict() == {"context.user.age": [30, None, None, None], "reward": [0.5, None, 1.0, 2.0]}
    assert pa.types.is_struct(read(batches, tmp_path / name, {"context": "any"}).schema.field(0).type)


@pytest.mark.parametrize("name", ALL)
@FILES
@given(
    st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.none() | st.text(), st.floats(allow_nan=False))),
    st.integers(1, 9),
)
def test_any_table_reads_as_it_was_written(tmp_path, name, rows, size):
    batches, write = ALL[name]
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    types = (pa.int64(), pa.string(), pa.float64())
    table = pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], names=["a", "b", "c"])
    write(table, tmp_path / name)
    found = list(batches(Part(tmp_path / name), {"c": "number", "a": "text"}, rows=size))
    assert sum(b.num_rows for b in found) == len(rows)
    assert all(0 < b.num_rows <= size for b in found)
    assert [v for b in found for v in b.column("a").to_pylist()] == list(columns[0])
    assert [v for b in found for v in b.column("c").to_pylist()] == list(columns[2])
    assert sum(b.num_rows for b in batches(Part(tmp_path / name), {})) == len(rows)


@pytest.mark.parametrize("name", NESTED)
def test_a_name_with_points_is_not_the_path(tmp_path, name):
    batches, write = NESTED[name]
    write(pa.table({"a.b": [1], "a": [{"c": 2}], "a.d": [3]}), tmp_path / name)
    assert read(batches, tmp_path / name).to_pydict() == {"a.b": [1], "a.c": [2], "a.d": [3]}
    assert read(batches, tmp_path / name, {"a.d": "any", "a.c": "any"}).to_pydict() == {
        "a.d": [3],
        "a.c": [2],
    }


@pytest.mark.parametrize("name", [n for n in NESTED if n != "log.parquet"])
def test_equal_names_are_an_error_only_where_wanted(tmp_path, name):
    batches, write = NESTED[name]
    write(pa.table([[1], [2], [3]], names=["a", "b", "a"]), tmp_path / name)
    assert read(batches, tmp_path / name, {"b": "any"}).to_pydict() == {"b": [2]}
    assert read(batches, tmp_path / name).to_pydict() == {"a": [1], "b": [2]}
    with pytest.raises(InputError, match="has two columns 'a'; rename one"):
        read(batches, tmp_path / name, {"a": "any"})


def test_equal_names_in_parquet(tmp_path):
    write_parquet(pa.table([[1], [2], [3]], names=["a", "b", "a"]), tmp_path / "log.parquet")
    assert read(parquet.batches, tmp_path / "log.parquet", {"b": "any"}).to_pydict() == {"b": [2]}
    with pytest.raises(InputError, match="has two columns 'a'; rename one"):
        read(parquet.batches, tmp_path / "log.parquet", {"a": "any"})
    assert read(parquet.batches, tmp_path / "log.parquet").to_pydict() == {"a": [1], "b": [2]}


def test_types_in_disguise(tmp_path):
    columns = {
        "view": pa.array(["a", None], pa.string_view()),
        "runs": pa.RunEndEncodedArray.from_arrays([2], pa.array(["x"])),
        "uuid": pa.array([b"0" * 16, None], pa.uuid()),
        "large": pa.array(["a", "b"], pa.large_string()),
    }
    write_file(pa.table(columns), tmp_path / "log.arrow")
    table = read(arrow.batches, tmp_path / "log.arrow")
    assert [str(f.type) for f in table.schema] == [
        "string",
        "string",
        "fixed_size_binary[16]",
        "large_string",
    ]
    assert table.select(["view", "runs"]).to_pydict() == {"view": ["a", None], "runs": ["x", "x"]}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_cut_files_are_one_line(tmp_path, name, share):
    batches, write = ALL[name]
    table = pa.table({"a": np.arange(5000), "b": [f"v{i}" for i in range(5000)]})
    write(table, tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"cannot be read: .*damaged") as error:
        read(batches, tmp_path / name)
    assert "\n" not in str(error.value)


FUZZ = """
import sys
from pathlib import Path
from ltrr.errors import InputError
from ltrr.logs.format import Part
from ltrr.logs.formats.arrow import batches
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        for batch in batches(Part(path), None):
            batch.to_pylist()
    except (InputError, UnicodeDecodeError):
        continue
"""


@pytest.mark.parametrize("name", ["log.arrow", "log.arrows"])
def test_damaged_bytes_do_not_end_the_process(tmp_path, name):
    _, write = ALL[name]
    write(TABLE.drop_columns(["t"]), tmp_path / name)
    data, draw = (tmp_path / name).read_bytes(), random.Random(1)
    (tmp_path / "bad").mkdir()
    for i in range(300):
        spoilt = bytearray(data)
        for _ in range(3):
            spoilt[draw.randrange(8, len(data))] = draw.randrange(256)
        (tmp_path / "bad" / f"{i:03}-{name}").write_bytes(spoilt)
    done = subprocess.run([sys.executable, "-c", FUZZ, tmp_path / "bad"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_text_that_is_not_utf8_is_left_to_its_row(tmp_path):
    bad = pa.array([b"a", b"\xff"]).cast(pa.binary()).view(pa.string())
    write_file(pa.table({"a": bad}), tmp_path / "log.arrow")
    (batch,) = arrow.batches(Part(tmp_path / "log.arrow"), None)
    assert batch.column("a").cast(pa.binary()).to_pylist() == [b"a", b"\xff"]


def test_only_wanted_leaves_are_read(tmp_path, monkeypatch):
    write_parquet(TABLE, tmp_path / "log.parquet")
    asked = []
    own = pq.ParquetFile.iter_batches

    def counted(self, **options):
        asked.append(options["columns"])
        return own(self, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    list(parquet.batches(Part(tmp_path / "log.parquet"), {"context.user.age": "any", "reward": "number"}))
    assert asked == [["context.user.age", "reward"]]


@pytest.mark.parametrize(
    ("form", "name", "start", "expected"),
    [
        (parquet, "x", b"PAR1\x15", True),
        (parquet, "x.pq", b"", True),
        (parquet, "x", b"ARROW1\0\0", False),
        (arrow, "x", b"ARROW1\0\0", True),
        (arrow, "x", b"FEA1", True),
        (arrow, "x.arrows", b"\xff\xff\xff\xff", True),
        (arrow, "x.csv", b"a,b", False),
    ],
)
def test_recognised_by_first_bytes_or_ending(form, name, start, expected):
    known = format_of(form.batches)
    assert known.recognise(name, start) is expected
    assert not known.spooled


# -- ranges of integers


def test_ranges_of_integers_from_statistics(tmp_path):
    values = [[3, -5], [900], [7, None]]
    parts = []
    for i, some in enumerate(values):
        column = pa.array(some, pa.int32())
        table = pa.table({"a": column, "s": [{"a": v} for v in some], "x": [0.5] * len(some)})
        pq.write_table(table, tmp_path / f"{i}.parquet", row_group_size=1 if i == 0 else 10)
        parts.append(Part(tmp_path / f"{i}.parquet"))
    assert integer_range(parts, "a") == integer_range(parts, "s.a") == (-5, 900)
    assert integer_range(parts, "x") is integer_range(parts, "none") is integer_range([], "a") is None
    pq.write_table(pa.table({"a": [1]}), tmp_path / "none.parquet", write_statistics=False)
    assert integer_range([*parts, Part(tmp_path / "none.parquet")], "a") is None
    top = 2**64 - 1
    pq.write_table(pa.table({"a": pa.array([0, top], pa.uint64())}), tmp_path / "u.parquet")
    assert integer_range([Part(tmp_path / "u.parquet")], "a") == (0, top)
