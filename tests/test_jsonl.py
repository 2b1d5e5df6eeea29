"""JSON lines as columns, beside Python's own reader, line by line."""

import json
import math

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs.format import FAULT, ROW, Part, format_of
from ltrr.logs.formats import lines
from ltrr.logs.formats.jsonl import batches as jsonl


def part_of(tmp_path, data, name="log.jsonl"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return Part(path)


def read(tmp_path, data, wanted=None):
    """Return {column: values} of a file of one block, and {position: detail} of its faults."""
    (batch,) = jsonl(part_of(tmp_path, data), wanted)
    columns = {name: batch[name] for name in batch.schema.names if name != FAULT}
    faults = batch[FAULT].to_pylist() if FAULT in batch.schema.names else []
    assert all(f is None or f["kind"] == "unreadable" for f in faults)
    return columns, {at: f["detail"] for at, f in enumerate(faults) if f}


def one(tmp_path, values, kind):
    """Return the column of values under one key, as Arrow has it."""
    data = "".join(json.dumps({"x": value}) + "\n" for value in values)
    return read(tmp_path, data, {"x": kind})[0]["x"]


# -- paths


def naive_value(value, path):
    """Return what stands under a name, or at a path in nested objects; the longest key wins."""
    keys = path.split(".")
    for n in range(len(keys), 0, -1):
        inner = value.get(".".join(keys[:n])) if isinstance(value, dict) else None
        found = inner if n == len(keys) else naive_value(inner, ".".join(keys[n:]))
        if found is not None:
            return found
    return None


KEYS = st.sampled_from(["a", "b", "a.b", "b.a", 'q"', "é"])
OBJECTS = st.recursive(
    st.dictionaries(KEYS, st.none() | st.integers(0, 9), max_size=3),
    lambda inner: st.dictionaries(KEYS, st.none() | st.integers(0, 9) | inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(["a", "b", "a.b", "a.b.a", "b.a", 'q"', "é", "é.a", 'a.q"', "a.a.a.b", ".", "a."])


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(OBJECTS, min_size=1, max_size=5), paths=st.sets(PATHS, min_size=1), tidy=st.booleans())
def test_paths_are_followed_as_the_twin_does(tmp_path_factory, rows, paths, tidy):
    end = "\n" if tidy else " \r\n\n"
    data = "".join(json.dumps(row) + end for row in rows)
    columns, faults = read(tmp_path_factory.mktemp("paths"), data, dict.fromkeys(paths, "number"))
    want = [{path: naive_value(row, path) for path in paths} for row in rows]
    bad = [at for at, row in enumerate(want) if any(isinstance(v, dict) for v in row.values())]
    assert list(faults) == bad
    for path in paths:
        expected = [None if at in bad else row[path] for at, row in enumerate(want)]
        assert columns[path].to_pylist() == expected


def test_a_key_with_dots_wins_over_a_path(tmp_path):
    data = '{"context.user.age": 3, "context": {"user": {"age": 4, "sex": "f"}}}\n'
    data += '{"context": {"user": {"age": 5}}}\n'
    columns, _ = read(tmp_path, data, {"context.user.age": "any", "context.user.sex": "any"})
    assert columns["context.user.age"].to_pylist() == [3, 5]
    assert columns["context.user.sex"].to_pylist() == ["f", None]


def test_all_columns_are_those_of_the_first_block(tmp_path, monkeypatch):
    first = (
        '{"b": 1, "context": {"user": {"age": 3}, "v": [1, 2]}}\n{"a": "x", "context": null, "none": {}}\n'
    )
    columns, faults = read(tmp_path, first)
    assert {name: column.to_pylist() for name, column in columns.items()} == {
        "b": [1, None],
        "context.user.age": [3, None],
        "context.v": [[1, 2], None],
        "a": [None, "x"],
    }
    assert list(columns) == ["b", "context.user.age", "context.v", "a"]
    assert not faults
    monkeypatch.setattr(lines.line_blocks, "__kwdefaults__", {"size": 1, "longest": 1000})
    batches = list(jsonl(part_of(tmp_path, '{"a": 1}\n{"b": 2}\n{"a": {"c": 2}}\n')))
    assert [batch.to_pylist() for batch in batches] == [[{"a": 1}], [{"a": None}], [{"a": None}]]


# -- types


@pytest.mark.parametrize(
    ("values", "kind", "type_", "expected"),
    [
        ([1, None, -3], "number", pa.int64(), None),
        ([1, None, -3], "text", pa.int64(), None),
        ([1, 0.5], "number", pa.float64(), [1.0, 0.5]),
        ([1, 0.5, True], "any", pa.float64(), [1.0, 0.5, 1.0]),
        ([1, 0.5, 3.0], "text", pa.string(), ["1", "0.5", "3"]),
        ([3.0, 4.0], "text", pa.string(), ["3", "4"]),
        ([3.0, 4.0], "any", pa.float64(), None),
        ([1e300, 2.0**53], "text", pa.string(), ["1e+300", "9007199254740992.0"]),
        ([True, False, None], "number", pa.bool_(), None),
        ([True, False, None], "text", pa.string(), ["true", "false", None]),
        ([True, "x"], "text", pa.string(), ["true", "x"]),
        ([True, "x"], "number", pa.string(), ["1", "x"]),
        (["a", 3.0, 4, None], "any", pa.string(), ["a", "3", "4", None]),
        (["0.5", 0.25], "number", pa.string(), ["0.5", "0.25"]),
        (["2021-01-01", 5], "time", pa.string(), ["2021-01-01", "5"]),
        ([None, None], "text", pa.null(), None),
        ([2**63 - 1, -(2**63)], "text", pa.int64(), None),
        ([2**64 - 1, 0], "text", pa.uint64(), None),
        ([2**64 - 1, 1], "any", pa.uint64(), None),
        ([2**64, 1], "text", pa.string(), [str(2**64), "1"]),
        ([2**63, -1], "text", pa.string(), [str(2**63), "-1"]),
        ([10**400, 0.5], "number", pa.string(), [str(10**400), "0.5"]),
        ([[1, 2], [], None], "numbers", pa.list_(pa.int64()), None),
        ([[1, 0.5], [None]], "numbers", pa.list_(pa.float64()), [[1.0, 0.5], [None]]),
        ([["a", 1.0], ["b"]], "texts", pa.list_(pa.string()), [["a", "1"], ["b"]]),
        ([[2**64 - 1]], "texts", pa.list_(pa.uint64()), None),
        (["a|b", '["c"]'], "texts", pa.string(), None),
        ([[0.1, 0.2], None], "any", pa.list_(pa.float64()), None),
    ],
)
def test_types(tmp_path, values, kind, type_, expected):
    column = one(tmp_path, values, kind)
    assert column.type == type_
    assert column.to_pylist() == (values if expected is None else expected)


def test_features_by_name(tmp_path):
    data = '{"c": {"x": 1, "y": 0.5}, "f": [{"x": 1}, {}]}\n{"c": {"x": "a"}}\n'
    data += '{"c": null, "f": [3]}\n{"f": [{"z": 2}]}\n'
    columns, faults = read(tmp_path, data, {"c": "sparse", "f": "sparses"})
    sparse = pa.map_(pa.dictionary(pa.int32(), pa.string()), pa.float64())
    assert columns["c"].type == sparse
    assert columns["f"].type == pa.list_(sparse)
    assert columns["c"].to_pylist() == [[("x", 1.0), ("y", 0.5)], None, None, None]
    assert columns["f"].to_pylist() == [[[("x", 1.0)], []], None, None, [[("z", 2.0)]]]
    assert faults == {
        1: '`c` must be an object of numbers, got {"x": "a"}',
        2: "`f` must be a list of objects of numbers, got [3]",
    }


# -- faults


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b'{"a": 1', "the line is not JSON: Expecting"),
        (b"", None),
        (b"[1]", "the line must be a JSON object, it is a list"),
        (b'{"a": 1} {"a": 2}', "the line is not JSON: Extra data"),
        (b'{"a": 1}{"a": 2}', "the line is not JSON: Extra data"),
        (b"[" * 50_000, "the line is not JSON: maximum recursion"),
        (b'{"a": "\xff"}', "the line is not UTF-8"),
        (b'{"a": "\0"}', "the line is not JSON: Invalid control character"),
        (b'{"a": {"b": "' + b"x" * 80 + b'"}}', '`a` must be a number, got {"b": "' + "x" * 53),
        (b'{"a": [1]}', "`a` must be a number, got [1]"),
        (b'{"a": 1, "l": 3}', "`l` must be a list, got 3"),
        (b'{"a": 1, "l": [[1], 2]}', "`l` must be a list, got [[1], 2]"),
        (b'{"a": 1, "l": "x"}', '`l` must be a list, got "x"'),
        (b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}", "`a` must be a number, got [[["),
    ],
)
def test_faulty_lines_keep_their_place(tmp_path, line, detail):
    good = b'{"a": 1, "l": [1]}\n'
    columns, faults = read(tmp_path, good * 2 + line + b"\n" + good, {"a": "number", "l": "numbers"})
    if detail is None:  # blank lines do not count
        assert columns["a"].to_pylist() == [1, 1, 1]
        return
    assert list(faults) == [2]
    assert faults[2].startswith(detail)
    assert len(faults[2]) < 140
    assert "\n" not in faults[2]
    assert columns["a"].to_pylist() == [1, 1, None, 1]
    assert columns["l"].to_pylist() == [[1], [1], None, [1]]


def test_columns_that_nobody_asked_for_make_no_row_unreadable(tmp_path):
    data = '{"a": 1, "b": [1]}\n{"a": [2], "b": {"c": [1]}}\n{"a": 3, "b": [[1]]}\n'
    columns, faults = read(tmp_path, data, {"a": "number"})
    assert columns["a"].to_pylist() == [1, None, 3]
    assert list(faults) == [1]
    columns, faults = read(tmp_path, data)
    assert columns["a"].to_pylist() == [1, None, 3]
    assert columns["b.c"].to_pylist() == [None, [1], None]
    assert not faults
    assert not read(tmp_path, '{"a": 1, "b": "\\ud800"}\n{"a": 1, "b": NaN}\n', {"a": "number"})[1]


@pytest.mark.parametrize("depth", [3, 500, 900, 990, 5000])
def test_any_depth(tmp_path, depth):
    deep = '{"d":' * depth + "1" + "}" * depth
    columns, faults = read(tmp_path, '{"a": 1}\n{"a": 2, "b": ' + deep + '}\n{"a": 3}\n')
    assert columns["a"].to_pylist() in ([1, 2, 3], [1, None, 3])
    assert (columns["a"].to_pylist()[1] is None) == (1 in faults)
    if depth == 3:
        assert columns["b.d.d.d"].to_pylist() == [None, 1, None]
        assert not faults


def test_what_only_python_reads(tmp_path):
    columns, faults = read(
        tmp_path,
        '{"a": NaN, "b": "x"}\n{"a": 1e400, "b": "\\ud800"}\n{"a": -Infinity}\n',
        {"a": "number", "b": "text"},
    )
    assert math.isnan(columns["a"][0].as_py())
    assert columns["a"].to_pylist()[1:] == [math.inf, -math.inf]
    assert columns["b"].to_pylist() == ["x", "?", None]
    assert not faults


def test_lines_that_together_are_objects_are_not_read_together(tmp_path):
    # two objects on one line and one over two lines: as many objects as lines
    data = '{"a": 1}{"a": 2}\n{"a":\n3}\n'
    columns, faults = read(tmp_path, '{"a": 0}\n' + data, {"a": "number"})
    assert columns["a"].to_pylist() == [0, None, None, None]
    assert list(faults) == [1, 2, 3]
    data = '{"a": [{}\n{}]}\n{"a": 1}{"a": 2}\n{"a": 4}\n'
    assert list(read(tmp_path, '{"a": 0}\n' + data, {"a": "number"})[1]) == [1, 2, 3]


# -- files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1}, {"a": 2}]', r"it is one array; write an object a line.*jq -c '\.\[\]'"),
        ('[\n{"a": 1},\n{"a": 2}\n]\n', "it is one array"),
        ('\n [ {"a": 1},\n{"a": 2}]\n', "it is one array"),
        ('{\n  "a": 1\n}\n{\n  "a": 2\n}\n', r"go over several lines; write an object a line.*jq -c \."),
        ('{"a": [\n{"b": 1}\n]}\n', "go over several lines"),
        ("hello\nworld\n", "the first of them are not"),
        ("a,b\n1,2\n", "the first of them are not"),
        ("[1]\n[2]\n", "the first of them are not"),
        ("[[[[[", "the first of them are not"),
    ],
)
def test_other_json_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=f"log.jsonl: its lines must be JSON objects, .*{message}") as error:
        list(jsonl(part_of(tmp_path, text), {"a": "number"}))
    assert "\n" not in str(error.value)


def test_one_bad_line_at_the_beginning_is_a_row(tmp_path):
    for line in ("words", "[1, 2]", '{"a": 1'):
        columns, faults = read(tmp_path, line + '\n{"a": 2}\n', {"a": "number"})
        assert columns["a"].to_pylist() == [None, 2]
        assert list(faults) == [0]


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\n", b"\xef\xbb\xbf"])
def test_an_empty_part_yields_nothing(tmp_path, data):
    assert list(jsonl(part_of(tmp_path, data), {"a": "number"})) == []
    assert list(jsonl(part_of(tmp_path, data))) == []


def test_marks_and_line_ends(tmp_path):
    data = b'\xef\xbb\xbf{"a": 1}\r\n\r\n  {"a": 2}\t\r\n{"a": 3}'
    assert read(tmp_path, data, {"a": "number"})[0]["a"].to_pylist() == [1, 2, 3]


def test_columns_that_no_line_has_are_null(tmp_path):
    columns, _ = read(tmp_path, '{"a": 1}\n{"a": 2}\n', {"z": "number", "y.x": "texts", "f": "sparse"})
    assert {name: column.to_pylist() for name, column in columns.items()} == dict.fromkeys(
        columns, [None] * 2
    )
    assert list(columns) == ["z", "y.x", "f"]
    (batch,) = jsonl(part_of(tmp_path, '{"a": 1}\n{"a": 2}\n'), {})
    assert len(batch) == 2


def test_blocks_hold_whole_lines(tmp_path, monkeypatch):
    data = "".join(json.dumps({"a": i, "b": "x" * (i % 50)}) + "\n" for i in range(300))
    part = part_of(tmp_path, data)
    (whole,) = jsonl(part)
    monkeypatch.setattr(lines.line_blocks, "__kwdefaults__", {"size": 100, "longest": 1000})
    parts = list(jsonl(part))
    assert len(parts) > 50
    assert pa.Table.from_batches(parts).to_pylist() == whole.to_pylist()
    assert ROW not in whole.schema.names
    part = part_of(tmp_path, data + '{"a": "' + "x" * 2000 + '"}\n{"a": 1}\n')
    with pytest.raises(
        InputError, match=r"log\.jsonl: must be a text of lines, got one of more than 1,000 bytes"
    ):
        list(jsonl(part))


def test_recognised():
    known = format_of(jsonl)
    assert known.recognise("log.jsonl", b"words")
    assert known.recognise("log.txt", b'\xef\xbb\xbf\n {"a": 1}')
    assert not known.recognise("log.txt", b"words")
    assert not known.recognise("log.jsonl", b" \n")
    assert known.spooled
    assert known.columns is None


# -- everything at once, beside Python's reader

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.none() | st.integers(0, 5) | st.floats() | st.text(max_size=2), max_size=3),
    st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
)
KIND = st.sampled_from(["number", "text", "time", "any", "numbers", "texts"])
EDIT = st.tuples(st.floats(0, 1), st.integers(0, 4), st.text(alphabet='{}[]",:1a\n \\\xe9', max_size=3))


def naive_object(line):
    """Return the object of a line, None if it is none."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def as_read(value):
    """Return a value so that numbers and their texts compare equal."""
    if isinstance(value, list):
        return [as_read(v) for v in value]
    if isinstance(value, str):
        value = value.encode("utf-8", "replace").decode()  # half a surrogate pair
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, (bool, int, float)) and not isinstance(value, str):
        return (
            "nan"
            if value != value
            else float(value)
            if abs(value) < 1e300
            else math.copysign(math.inf, value)
        )
    return value


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.dictionaries(st.sampled_from("ab"), VALUES), min_size=1, max_size=5),
    kinds=st.fixed_dictionaries({"a": KIND, "b": KIND}),
    edits=st.lists(EDIT, max_size=3),
)
def test_mutated_files_read_as_pythons_reader_does(tmp_path_factory, rows, kinds, edits):
    text = '{"a": null}\n' + "".join(json.dumps(row) + "\n" for row in rows)
    for where, cut, put in edits:
        at = int(where * len(text))
        text = text[:at] + put + text[at + cut :]
    folder = tmp_path_factory.mktemp("mutated")
    if not text.strip():
        return
    try:
        columns, faults = read(folder, text, kinds)
    except InputError:
        columns, faults = {}, {}
    if not columns:
        assert naive_object(text.lstrip().split("\n", 1)[0]) is None
        return
    kept = [line for line in text.encode().split(b"\n") if line.strip()]
    assert len(columns["a"]) == len(kept)
    for at, line in enumerate(kept):
        want = naive_object(line)
        assert want is not None or at in faults
        if at in faults:
            assert columns["a"][at].as_py() is columns["b"][at].as_py() is None
            continue
        for name in "ab":
            assert as_read(columns[name][at].as_py()) == as_read(want.get(name))


def test_msgspec_keeps_what_this_reader_relies_on():
    row = msgspec.defstruct("Row", [("f0", object, None)], rename={"f0": "é"})
    assert [r.f0 for r in msgspec.json.Decoder(row).decode_lines('{"é": 1}\n{"x": [{}]}\n'.encode())] == [
        1,
        None,
    ]
