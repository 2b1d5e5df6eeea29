"""CSV in all dialects: what is read is what Python's csv module reads, and a fault keeps its place."""

import csv
import gzip
import io
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs.format import FAULT, Part, format_of
from ltrr.logs.formats.csv import batches, dialect

FILES = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CASES = Path(__file__).resolve().parents[2] / "shared" / "cases" / "replay"


def save(folder, data, name="log.csv"):
    path = folder / name
    path.write_bytes(data)
    return Part(path)


def rows_of(part, wanted=None, **options):
    """Return the columns of all batches, None for a faulty row, and faults as (row from 0, kind, detail)."""
    columns, faults, n = {}, [], 0
    for batch in batches(part, wanted, **options):
        for name in batch.schema.names:
            if name == FAULT:
                found = enumerate(batch.column(name).to_pylist(), n)
                faults += [(row, f["kind"], f["detail"]) for row, f in found if f]
            else:
                columns.setdefault(name, []).extend(batch.column(name).to_pylist())
        n += batch.num_rows
    return columns, faults, n


def text(*lines, end="\n"):
    return "".join(line + end for line in lines).encode()


# -- a table in any dialect

VALUE = st.one_of(
    st.integers(-50, 50).map(str),
    st.sampled_from(["red", "blå", "a b", 'say "x"', "1;2", "x,y", "p|q", "t\tu", "two\nlines", "", "日本"]),
)


@FILES
@given(
    st.lists(st.tuples(VALUE, VALUE, VALUE), min_size=1, max_size=12),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_a_table_reads_alike_in_any_dialect(tmp_path, rows, mark, encoding, end, quoting):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=mark, lineterminator=end, quoting=quoting)
    # a number in each row: a table without any would be no log, and its zeros no sign of UTF-16
    rows = [(str(i), *row) for i, row in enumerate(rows)]
    writer.writerows([("action", "b", "c", "d"), *rows])
    part = save(tmp_path, file.getvalue().encode(encoding))
    columns, faults, n = rows_of(part)
    assert (faults, n) == ([], len(rows))
    assert list(zip(*columns.values(), strict=True)) == rows
    assert list(columns) == ["action", "b", "c", "d"]
    found = dialect(part)
    assert (found.delimiter, found.encoding) == (mark, encoding.removesuffix("-sig"))


@FILES
@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1).map(lambda x: round(x, 3)), st.sampled_from("ab")),
        min_size=1,
    ),
    st.sampled_from(";\t|"),
)
def test_decimal_commas_read_as_points(tmp_path, rows, mark):
    lines = [mark.join((repr(x).replace(".", ","), repr(p).replace(".", ","), a)) for x, p, a in rows]
    part = save(tmp_path, text(mark.join(("x", "p", "action")), *lines))
    assert dialect(part).decimal == ","
    columns, faults, _ = rows_of(part, {"p": "number", "action": "text", "x": "any"})
    assert faults == []
    assert [float(v) for v in columns["x"]] == [x for x, _, _ in rows]
    assert [float(v) for v in columns["p"]] == [p for _, p, _ in rows]
    assert columns["action"] == [a for _, _, a in rows]


@FILES
@given(st.lists(st.lists(st.sampled_from(["1", "a", '"q, r"', '"l\nm"', ""]), min_size=1, max_size=5)))
def test_rows_of_any_width_keep_their_place(tmp_path, rows):
    data = text("a,b,c", *(",".join(row) for row in rows))
    expected = [row for row in csv.reader(io.StringIO(data.decode(), newline="")) if row][1:]
    columns, faults, n = rows_of(save(tmp_path, data), {"c": "text", "a": "text"})
    assert n == len(expected)
    assert faults == [
        (i, "unreadable", f"a row must have 3 fields, got {len(row)}")
        for i, row in enumerate(expected)
        if len(row) != 3
    ]
    if n:
        assert columns["a"] == [row[0] if len(row) == 3 else None for row in expected]
        assert columns["c"] == [row[2] if len(row) == 3 else None for row in expected]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_faults_keep_their_place_across_blocks(tmp_path, encoding):
    lines = [f"{i};é{'x' * 90}" if i % 9973 else f"{i};1;2;{i}" for i in range(150_000)]
    part = save(tmp_path, ("a;b\n" + "\n".join(lines)).encode(encoding))
    columns, faults, n = rows_of(part, {"a": "text"}, encoding=encoding)
    assert n == 150_000
    assert [row for row, _, _ in faults] == list(range(0, 150_000, 9973))
    assert columns["a"] == [str(i) if i % 9973 else None for i in range(150_000)]
    sizes = [b.num_rows for b in batches(part, {"a": "text"}, encoding=encoding)]
    assert len(sizes) > 2
    assert max(sizes) < 60_000


# -- delimiter


@pytest.mark.parametrize(
    ("data", "name", "mark"),
    [
        (b"a,b\n1,2\n", "log.csv", ","),
        (b"a;b\n0,5;1,5\n", "log.csv", ";"),
        (b"a\tb,c\td\n1\t2,2\t3\n", "log.csv", "\t"),
        (b"a,e,q\n1,1|2,0.5|0.5\n1,1|2,0.5|0.5\n", "log.csv", ","),
        (b'"a;b;c","d"\n1,2\n', "log.csv", ","),
        (b"a|b\n1|2\n", "log.csv", "|"),
        (b"a\n1\n", "log.csv", ","),
        (b"a;b\n", "log.csv", ";"),
        (b"a,b;c\td\n1\t2\n", "log.tsv", "\t"),
        (b"a,b\n1,2\n", "log.tsv", ","),
        (b"a,b|c,d\n1,2|3,4\n", "log.psv.gz", "|"),
        (b"sep=;\na,x;b\n1;2\n", "log.csv", ";"),
        (b"a;b;c,d,e,f\n1;2;3\n1;2;3\n", "log.csv", ";"),
        # one row of another width does not decide
        (b"a;b,c;d\n" + b"1;2;3\n" * 9 + b"1;2,3\n", "log.csv", ";"),
    ],
)
def test_the_delimiter_is_found(tmp_path, data, name, mark):
    part = save(tmp_path, gzip.compress(data) if name.endswith(".gz") else data, name)
    assert dialect(part).delimiter == mark


def test_the_dialect_can_be_given_and_is_said(tmp_path):
    part = save(tmp_path, "a^b^é\n0,5^x^1\n".encode("cp1252"))
    options = {"delimiter": "^", "decimal": ",", "encoding": "cp1252"}
    assert str(dialect(part, **options)) == "delimiter '^', decimal ',', encoding cp1252"
    assert rows_of(part, **options)[0] == {"a": ["0.5"], "b": ["x"], "é": ["1"]}
    assert str(dialect(save(tmp_path, b"a\tb\n"), delimiter="tab")) == (
        "delimiter tab, decimal '.', encoding utf-8"
    )
    quoted = save(tmp_path, b'a,b\n"0,5",1\n')
    assert rows_of(quoted, decimal=",")[0]["a"] == ["0.5"]
    assert rows_of(quoted)[0]["a"] == ["0,5"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ";;"}, "`delimiter` must be one character such as ; or one of tab, .* got ';;'"),
        ({"delimiter": "a"}, "`delimiter` must be"),
        ({"delimiter": '"'}, "`delimiter` must be"),
        ({"delimiter": ""}, "`delimiter` must be"),
        ({"decimal": ";"}, "`decimal` must be . or , got ';'"),
        ({"encoding": "klingon"}, "`encoding` must be one that Python knows.* got 'klingon'"),
        ({"encoding": "hex"}, "`encoding` must be"),
    ],
)
def test_unusable_settings_are_one_line(tmp_path, options, message):
    with pytest.raises(InputError, match=message) as error:
        list(batches(save(tmp_path, b"a,b\n1,2\n"), None, **options))
    assert "\n" not in str(error.value)


# -- decimal mark


@pytest.mark.parametrize(
    ("data", "decimal"),
    [
        (b"a;b\n1;0,5\n2;1\n3;\n", ","),
        (b"a;b\n1;-,5e3\n", ","),
        (b"a;b\n1;0,5|0,5\n", "."),
        (b"a;b;c\n1;1,234;0.5\n", "."),
        (b"a;b\n1;0,5\n2;x\n", "."),
        (b"a;b\n1;2\n", "."),
        (b'a,b\n1,"0,5"\n', "."),
    ],
)
def test_the_decimal_mark_is_found(tmp_path, data, decimal):
    assert dialect(save(tmp_path, data)).decimal == decimal


def test_only_numbers_in_columns_of_numbers_get_a_point(tmp_path):
    part = save(
        tmp_path, text("x;l;q;t;a", "0,5;1,5;0,25|0,75;1,5;a,b", "7;x,y;1|2,5;2024-01-01;3,5", "z;;;;")
    )
    wanted = {"x": "number", "l": "text", "q": "numbers", "t": "time", "a": "any"}
    assert rows_of(part, wanted, decimal=",")[0] == {
        "x": ["0.5", "7", "z"],
        "l": ["1,5", "x,y", ""],
        "q": ["0.25|0.75", "1|2.5", ""],
        "t": ["1.5", "2024-01-01", ""],
        "a": ["a,b", "3.5", ""],
    }


def test_one_part_with_commas_sets_the_mark_of_all(tmp_path):
    parts = [save(tmp_path, b"a;b\n1;2\n", "1.csv"), save(tmp_path, b"a;b\n1;0,5\n", "2.csv")]
    setup = format_of(batches).setup
    assert setup(parts, {}) == {"decimal": ","}
    assert setup(parts[:1], {}) == setup(parts, {"decimal": "."}) == {}


# -- encoding


def test_one_bad_byte_is_its_rows_fault_and_many_are_an_error(tmp_path):
    good = [f"{i},ü" for i in range(400)]
    data = text("a,b", *good).replace("7,ü\n".encode(), b"7,\xfc\n", 1)
    columns, faults, n = rows_of(save(tmp_path, data))
    assert (faults, n) == ([], 400)
    assert [i for i, v in enumerate(columns["b"]) if v != "ü"] == [7]
    assert columns["b"][7] == "\0"
    part = save(tmp_path, "\n".join(["a,b", *good]).encode("latin-1"))
    with pytest.raises(InputError, match=r"not; it looks like latin-1: give --encoding latin-1$") as error:
        rows_of(part, {"b": "any"})
    assert "\n" not in str(error.value)
    assert rows_of(part, encoding="latin-1")[0]["b"] == ["ü"] * 400
    two = save(tmp_path, b"a,b\n1,\xfc\n2,\xfc\n3,x\n")
    assert rows_of(two, {"b": "any"})[0]["b"] == ["\0", "\0", "x"]
    # a column that nobody asked for by its name stops no log
    part = save(tmp_path, "\n".join(["a,b", *good]).encode("latin-1"))
    assert rows_of(part)[0]["b"] == ["\0"] * 400
    assert rows_of(part, {"a": "number"})[0] == {"a": [str(i) for i in range(400)]}
    with pytest.raises(InputError, match="--encoding cp1252"):
        rows_of(save(tmp_path, "\n".join(["a,b", *["1,“x”"] * 9]).encode("cp1252")), {"b": "any"})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_characters_that_a_block_parts(tmp_path, encoding):
    value = "x" * 97 + "日😀"
    part = save(tmp_path, ("a,b\n" + f"{value},1\n" * 60_000).encode(encoding))
    columns, faults, n = rows_of(part, {"a": "text"})
    assert (set(columns["a"]), faults, n) == ({value}, [], 60_000)


def test_characters_of_utf8_that_a_block_parts(tmp_path):
    for shift in range(4):
        values = ["z" * shift, *["日" * 33] * 60_000]
        columns, _, n = rows_of(save(tmp_path, text("a,b", *(f"{v},1" for v in values))), {"a": "text"})
        assert columns["a"] == values
    assert n == 60_001


def test_a_cut_off_last_character_is_nul(tmp_path):
    assert rows_of(save(tmp_path, "a,b\n1,日".encode()[:-1]))[0] == {"a": ["1"], "b": ["\0"]}
    assert rows_of(save(tmp_path, "a,b\n1,日".encode("utf-16")[:-1]))[0] == {"a": ["1"], "b": ["\0"]}


# -- header and rows


def test_names_without_space_and_quotes(tmp_path):
    part = save(tmp_path, b'\xef\xbb\xbf\n\n a , "b" ,"c ""d"" e",\n1,2,3,4\n')
    assert rows_of(part)[0] == {"a": ["1"], "b": ["2"], 'c "d" e': ["3"], "": ["4"]}
    part = save(tmp_path, b'\xef\xbb\xbf"a,b"\t"c"\n1\t2\n')
    assert rows_of(part)[0] == {"a,b": ["1"], "c": ["2"]}


def test_equal_names_are_an_error_only_where_wanted(tmp_path):
    part = save(tmp_path, b"a,b,a\n1,2,3\n")
    assert rows_of(part, {"b": "text"})[0] == {"b": ["2"]}
    assert rows_of(part)[0] == {"a": ["1"], "b": ["2"]}
    with pytest.raises(InputError, match=r"log\.csv: has two columns 'a'; rename one"):
        rows_of(part, {"a": "text"})


def test_wanted_columns_that_are_absent_and_none_at_all(tmp_path):
    part = save(tmp_path, b"a,b\n1,2\n3\n")
    assert rows_of(part, {"z": "text", "b": "text"})[0] == {"b": ["2", None]}
    detail = "a row must have 2 fields, got 1"
    assert rows_of(part, {}) == ({}, [(1, "unreadable", detail)], 2)
    assert rows_of(save(tmp_path, b"a,b\n1,2\n3,4\n"), {}) == ({}, [], 2)


@pytest.mark.parametrize("data", [b"a,b\n", b"a,b", b"a,b\r\n\r\n \n", "a,b\n".encode("utf-16")])
def test_a_header_alone_has_no_rows(tmp_path, data):
    assert rows_of(save(tmp_path, data)) == ({"a": [], "b": []}, [], 0)


@pytest.mark.parametrize(
    "data", [b"", b"\n\n \n", b"\0a,b\n1,2\n", b"\xf6,b\n1,2\n", b'"a,b\n1,2\n', b" , \n1,2\n"]
)
def test_a_first_line_that_names_nothing_is_one_line(tmp_path, data):
    with pytest.raises(InputError, match=r"log\.csv: its first line must name the columns") as error:
        rows_of(save(tmp_path, data))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "data",
    [b'a,b\n1,2\n"3,4\n5,6\n', b'a,b\n1,"2\n3,4\n', b'a;b\n1;2\n1;"2\n', b'a,b\n1,2\n3,"4'],
)
def test_a_quotation_mark_never_closed(tmp_path, data):
    with pytest.raises(InputError, match="a quotation mark is opened and never closed"):
        rows_of(save(tmp_path, data))


def test_quotation_marks_within_values_close_nothing(tmp_path):
    part = save(tmp_path, b'a\tb\n5" pipe\t1\nx\t2\n', "log.tsv")
    assert rows_of(part)[0] == {"a": ['5" pipe', "x"], "b": ["1", "2"]}


def test_long_headers_and_long_values(tmp_path):
    names = [f"column_{i}" for i in range(20_000)]
    part = save(tmp_path, text(",".join(names), ",".join("1" * len(names))))
    assert rows_of(part, {"column_19999": "number"})[0] == {"column_19999": ["1"]}
    value = "[" + ", ".join(["0.5"] * 50_000) + "]"
    assert rows_of(save(tmp_path, text("a,b", f'"{value}",1', "2,2")))[0] == {
        "a": [value, "2"],
        "b": ["1", "2"],
    }


def test_damaged_packed_files_are_one_line(tmp_path):
    part = save(tmp_path, gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)[:-20], "log.csv.gz")
    with pytest.raises(InputError, match=r"log\.csv\.gz: cannot be read"):
        rows_of(part)


def test_blocks_end_where_rows_end(tmp_path, monkeypatch):
    lines = ['1,"x,""y""\n', "z", '"', '2,5" wide', '3,"', '4,5"', "5,6", '"",""', "7", '8,"a\r\nb"']
    for end in ("\n", "\r\n", "\r"):
        data = text("a,b", *lines, end=end)
        expected = [row for row in csv.reader(io.StringIO(data.decode(), newline="")) if row][1:]
        for size in range(1, len(data)):
            monkeypatch.setattr("ltrr.logs.formats.csv._BLOCK_BYTES", size)
            columns, faults, n = rows_of(save(tmp_path, data))
            assert n == len(expected)
            assert {row for row, _, _ in faults} == {i for i, row in enumerate(expected) if len(row) != 2}
            assert columns["b"] == [row[1] if len(row) == 2 else None for row in expected]


def test_a_row_without_end_is_an_error_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("ltrr.logs.formats.csv._LONGEST_ROW", 1000)
    monkeypatch.setattr("ltrr.logs.formats.csv._BLOCK_BYTES", 100)
    with pytest.raises(InputError, match="never closed"):
        rows_of(save(tmp_path, b'a,b\n1,"2\n' + b"3,4\n" * 1000 + b'5,"6"\n'))


EXIT = """
import sys
from pathlib import Path
from ltrr.logs.format import Part
from ltrr.logs.formats.csv import batches
reader = batches(Part(Path(sys.argv[1])), None)
next(reader)
sys.exit(2)
"""


def test_an_open_reader_does_not_hold_up_the_end_of_a_program(tmp_path):
    part = save(tmp_path, b"a,b\n" + b"1,2\n" * 4_000_000)
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", EXIT, part.path], capture_output=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (2, b"")


# -- recognition


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("log.csv", b"", True),
        ("log.tsv", b"x", True),
        ("log.txt", b"a\tb\n1\t2\n1\t2\n", True),
        ("log.txt", "a;b\n1;0,5\n".encode("utf-16"), True),
        ("log", b"a,b\n1,2\n", True),
        ("log.dat", b"a|b\n1|2\n3", True),
        ("log.txt", b"just words, and\nmore of them\nhere, there, and\n", False),
        ("log.txt", b"1,2\n3,4\n", False),
        ("log.txt", b"a,b\n", False),
        ("log.txt", b"a b\n1 2\n", False),
        ("log.json", b"a,b\n1,2\n", False),
        ("log", b"a,b\n1,\0\n", False),
        ("log", b"", False),
    ],
)
def test_recognised_by_ending_or_by_even_lines(name, data, expected):
    assert format_of(batches).recognise(name, data) is expected


@pytest.mark.skipif(not CASES.is_dir(), reason="shared cases are not there")
def test_shared_cases():
    assert str(dialect(Part(CASES / "tab.tsv"))) == "delimiter tab, decimal '.', encoding utf-8"
    columns, faults, n = rows_of(Part(CASES / "tab.tsv"), {"reward": "number"})
    assert set(columns["reward"]) == {"0", "1"}
    assert faults == []
    assert n == len((CASES / "tab.tsv").read_text().splitlines()) - 1
    assert pa.types.is_string(next(batches(Part(CASES / "bool.csv"), None)).schema.field("reward").type)
