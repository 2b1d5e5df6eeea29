"""Vowpal Wabbit's text format for contextual bandits, beside a parser of strings."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs.format import FAULT, ROW, Part, format_of
from ltrr.logs.formats import lines
from ltrr.logs.formats.vw_text import _known
from ltrr.logs.formats.vw_text import batches as vw_text
from tests.naive_vw import naive_features, naive_label

ADF = """shared |u age:30 vip
0:-1:0.25 |a red
 |a blue:2

 |a red
'tag 7:0.5:.75 |a:3 blue:2 x

shared |u vip
|a red
|a x
"""


SPARSE = pa.map_(pa.dictionary(pa.int32(), pa.string()), pa.float64())


def part_of(tmp_path, text, name="log.vw"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Part(path)


def read(tmp_path, text, wanted=None):
    """Return {column: values} of a log, and {row: (kind, detail)} of its faults."""
    batches = list(vw_text(part_of(tmp_path, text), wanted))
    columns = {name: [v for b in batches for v in b[name].to_pylist()] for name in batches[0].schema.names}
    found = [
        v for b in batches for v in (b[FAULT].to_pylist() if FAULT in b.schema.names else [None] * len(b))
    ]
    columns.pop(FAULT, None)
    faults = {row: (f["kind"], f["detail"]) for row, f in zip(columns[ROW], found, strict=True) if f}
    return columns, faults


def test_real_file(data_dir):
    path = data_dir / "vw_logs" / "rcv1_raw_cb_small.vw"
    text = path.read_text(encoding="utf-8").splitlines()
    (batch,) = vw_text(Part(path))
    labels = [naive_label(line)[1] for line in text]
    assert batch["action"].to_pylist() == [a for a, _, _ in labels]
    assert batch["cost"].to_pylist() == [cost for _, cost, _ in labels]
    assert batch["propensity"].to_pylist() == [p for _, _, p in labels]
    assert -np.mean(batch["cost"].to_numpy()) == pytest.approx(-0.477)
    assert batch["eligible"].null_count == 1000
    assert [dict(row) for row in batch["context"].to_pylist()] == [naive_features(line) for line in text]
    assert batch["context"].type == SPARSE
    assert "features" not in batch.schema.names
    (plain,) = vw_text(Part(path), {"cost": "number", "action": "text"})
    assert set(plain.schema.names) == {"cost", "action", ROW}
    assert plain["cost"].equals(batch["cost"])


def test_a_line_for_each_action(tmp_path):
    columns, faults = read(tmp_path, ADF)
    assert columns[ROW] == [1, 5, 8]
    assert columns["action"] == [1, 2, None]
    assert columns["cost"] == [-1.0, 0.5, None]
    assert columns["propensity"] == [0.25, 0.75, None]
    assert columns["eligible"] == [[1, 2]] * 3
    assert columns["context"] == [[("u.age", 30), ("u.vip", 1)], [], [("u.vip", 1)]]
    assert columns["features"] == [
        [[("a.red", 1)], [("a.blue", 2)]],
        [[("a.red", 1)], [("a.blue", 6), ("a.x", 3)]],
        [[("a.red", 1)], [("a.x", 1)]],
    ]
    assert faults == {8: ("dangling event", "a decision without an outcome")}
    batch = next(vw_text(part_of(tmp_path, ADF)))
    assert FAULT not in batch.schema.names
    assert batch["features"].type == pa.list_(SPARSE)
    columns, _ = read(tmp_path, ADF, {"features": "sparses"})
    assert list(columns) == ["features", ROW]
    assert list(read(tmp_path, ADF, {"context": "sparse", "x": "any"})[0]) == ["context", ROW]


@pytest.mark.parametrize(
    ("text", "actions", "rows"),
    [
        ("1:0:0.5 |\n2:0:0.5 |\n", [1, 2], [1, 2]),
        (" |\n1:0:0.5 |\n3:0:0.5 |\n", [None, 1, 3], [1, 2, 3]),
        ("1:0:0.5 |\n\n2:0:0.5 |\n\n", [1, 2], [1, 3]),
        ("1:0:0.5 |\n\n2:0:0.5 |\n |\n", [1, 1], [1, 3]),
        (" |\n7:0:0.5 |\n |\n\n |\n |\n |\n0:1:1 |", [2, 4], [1, 5]),
        ("shared |\n1:0:0.5 |\n", [1], [1]),
        ("1:0:0.5 |\nshared |\n", [1], [1]),
        ("1:0:0.5 |\n2:0:0.5 |\nshared |\n", [1, 2, None], [1, 2, 3]),
    ],
)
def test_the_head_shows_the_kind_of_examples(tmp_path, text, actions, rows):
    columns, _ = read(tmp_path, text)
    assert columns["action"] == actions
    assert columns[ROW] == rows


def test_examples_go_over_blocks(tmp_path, monkeypatch):
    text = "shared |u n\n |a x\n0:-1:0.5 |a y:2\n |a z\n \n" + "0:1:0.25 |a x\n |a y\n\n\n"
    part = part_of(tmp_path, "\ufeff" + text * 100)
    (whole,) = vw_text(part)
    monkeypatch.setattr(lines.line_blocks, "__kwdefaults__", {"size": 61, "longest": 1000})
    batches = list(vw_text(part))
    assert len(batches) > 30
    joined = [row for batch in batches for row in batch.to_pylist()]
    assert joined == whole.to_pylist()
    assert [row["action"] for row in joined] == [2, 1] * 100
    assert [row[ROW] for row in joined[:4]] == [1, 6, 10, 15]
    part = part_of(tmp_path, "1:-1:0.5 | x\n2:0:0.5 | y\n" * 100)
    batches = list(vw_text(part))
    assert [n for batch in batches for n in batch[ROW].to_pylist()] == list(range(1, 201))
    assert len(batches) > 30


def test_actions_that_a_label_lists(tmp_path):
    columns, _ = read(tmp_path, "1:-1:0.5 3 | x\n2:0:0.25 7| a tag\n4 2:1:1 1 |\n0 1:0:0.5 |\n1 2 | x\n")
    assert columns["action"] == [1, 2, 2, 1, None]
    # the first, the third and so on list them; of the second all actions of the log could have been chosen
    assert columns["eligible"] == [[1, 3], None, [4, 2, 1], [None, 1], [1, 2]]


def test_tags_numbers_and_line_ends(tmp_path):
    text = "1:+1:.5 'tag | x\r\n2:1.:5e-1 tag| x:+.5 y:-2.\n\n \t\n'tag 2:-2:0.5 |\n1:-.5:1.0\nshared| z\n'|"
    columns, faults = read(tmp_path, text)
    assert columns[ROW] == [1, 2, 5, 6, 7, 8]
    assert columns["action"] == [1, 2, 2, 1, None, None]
    assert columns["cost"] == [1, 1, -2, -0.5, None, None]
    assert columns["propensity"] == [0.5, 0.5, 0.5, 1.0, None, None]
    assert columns["context"] == [[("x", 1)], [("x", 0.5), ("y", -2)], [], [], [("z", 1)], []]
    assert list(faults) == [7, 8]


def test_namespaces(tmp_path):
    line = "1:0:0.5 |user:0.5 age:30 vip |item vip:2 |:2 z | plain |user age"
    columns, _ = read(tmp_path, line + "\n")
    assert dict(columns["context"][0]) == naive_features(line)
    assert naive_features(line) == {
        "user.age": 16.0,
        "user.vip": 0.5,
        "item.vip": 2.0,
        "z": 2.0,
        "plain": 1.0,
    }


def test_names_that_are_no_text(tmp_path):
    columns, _ = read(tmp_path, b"1:0:0.5 |\xff a:2 \xc3\xa9 |b \xe3\x80\x80x\n")
    assert columns["context"][0] == [("\\xff.a", 2), ("\\xff.é", 1), ("b.\u3000x", 1)]


SEVERAL = "several actions have costs"
DANGLING = ("dangling event", "without an outcome")


@pytest.mark.parametrize(
    ("line", "fault", "action", "cost", "propensity"),
    [
        ("x:1:0.5 | x", ("unreadable", "got 'x:1:0.5'"), None, None, None),
        ("1:1:0.5:2 | x", ("unreadable", "got '1:1:0.5:2'"), None, None, None),
        ("1.5:1:0.5 | x", ("unreadable", "got '1.5:1:0.5'"), None, None, None),
        ("1:1:0.5 2:0:0.5 | x", ("unreadable", SEVERAL), None, None, None),
        ("-1:1:0.5 | x", ("unreadable", "got '-1:1:0.5'"), None, None, None),
        ("2000000000:1:0.5 | x", ("unreadable", "got '2000000000:1:0.5'"), None, None, None),
        ("shared 1:1:0.5 | x", ("unreadable", "got '1:1:0.5'"), None, None, None),
        ("\0:1:0.5 | x", ("unreadable", "label"), None, None, None),
        ("y" * 99 + " | x", ("unreadable", "got '" + "y" * 40 + "'"), None, None, None),
        ("| x", DANGLING, None, None, None),
        ("1 2 | x", DANGLING, None, None, None),
        ("1:nan:0.5 | x", None, 1, None, 0.5),
        ("1:inf:0.5 | x", None, 1, math.inf, 0.5),
        ("1:1e999:0 | x", None, 1, math.inf, 0),
        ("1:1:1.5 | x", None, 1, 1, 1.5),
        ("1:1:nan | x", None, 1, 1, None),
        ("1:1 | x", None, 1, 1, None),
        ("1 | x", DANGLING, None, None, None),
        ("0:1:0.5 | x", None, None, 1, 0.5),
    ],
)
def test_odd_lines(tmp_path, line, fault, action, cost, propensity):
    good = "1:1:0.5 | x\n2:0:0.25 | x\n"
    columns, faults = read(tmp_path, good + line + "\n" + good)
    assert columns[ROW] == [1, 2, 3, 4, 5]
    assert columns["action"] == [1, 2, action, 1, 2]
    assert columns["cost"] == [1, 0, cost, 1, 0]
    assert columns["propensity"] == [0.5, 0.25, propensity, 0.5, 0.25]
    assert list(faults) == ([3] if fault else [])
    if fault:
        assert faults[3][0] == fault[0]
        assert fault[1] in faults[3][1]
    unreadable = fault is not None and fault[0] == "unreadable"
    assert columns["context"][2] == (None if unreadable else [("x", 1)])


def test_faults_of_examples_of_several_lines(tmp_path):
    text = "shared |\n0:1:0.5 |\n |\n\n"
    faulty = " |\n0:1:0.5 |\n1:1:1 |\n\n |\nx:1:1 |\n\nshared |\n |\n\nshared | x\n\n" + text
    columns, faults = read(tmp_path, text + faulty)
    assert columns[ROW] == [1, 5, 9, 12, 15, 17]
    assert columns["action"] == [1, None, None, None, None, 1]
    assert columns["eligible"] == [[1, 2], None, None, [1], [], [1, 2]]
    assert columns["features"] == [[[], []], None, None, [[]], [], [[], []]]
    assert {row: kind for row, (kind, _) in faults.items()} == {
        5: "unreadable",
        9: "unreadable",
        12: "dangling event",
        15: "dangling event",
    }
    assert SEVERAL in faults[5][1]
    assert "got 'x:1:1'" in faults[9][1]


@pytest.mark.parametrize("value", ["y", "", "1_0", "0x1", "1e", "nan", "1,5", "1:2", "٣"])
def test_values_that_are_no_numbers_are_nan(tmp_path, value):
    columns, _ = read(tmp_path, f"1:1:0.5 |a x:{value} y:1 |b:{value} z\n")
    names, values = zip(*columns["context"][0], strict=True)
    assert names == ("a.x", "a.y", "b.z")
    assert np.isnan(values).tolist() == [True, False, True]


@pytest.mark.parametrize("text", ["", "\n\n", " \r\n"])
def test_an_empty_part_yields_nothing(tmp_path, text):
    assert list(vw_text(part_of(tmp_path, text))) == []


@pytest.mark.parametrize("text", ["hello\n", '{"_label_cost":1}\n', "a,b\n1,2\n" * 9])
def test_files_of_other_kinds(tmp_path, text):
    with pytest.raises(InputError, match=r"log\.vw: must hold labels action:cost:probability, it holds none"):
        list(vw_text(part_of(tmp_path, text)))


def test_long_labels_are_not_remembered(tmp_path):
    short = "3:0.125:0.0625 |"
    _known.cache_clear()
    read(tmp_path, f"{short} a\n" * 5 + "3:0.125:0.0625 " + "7 " * 200 + "|\n3:1:1 |\n")
    assert _known.cache_info().currsize == 2


def test_a_part_of_dangling_events_is_read(tmp_path):
    columns, faults = read(tmp_path, "| a b\n")
    assert columns["cost"] == [None]
    assert list(faults) == [1]


@pytest.mark.parametrize("word", ["ccb", "slates", "ca"])
@pytest.mark.parametrize(("start", "row"), [("", 1), ("1:1:0.5 |\n2:0:0.5 |\n", 3), ("shared |\n\n", 3)])
def test_other_kinds_of_label_are_refused(tmp_path, word, start, row):
    text = f"{start}{word} shared | x\n{word} action | y\n{word} slot 0:1:0.5 |\n\n"
    with pytest.raises(
        InputError, match=f"log.vw, row {row}: must be cb or cb_adf text, got '{word}'; write"
    ):
        list(vw_text(part_of(tmp_path, text)))


@pytest.mark.parametrize(
    ("start", "is_vw"),
    [
        (b"1:1:0.5 | a b\n", True),
        (b"\n2:0.5:0.25 'tag |ns a:1\n", True),
        (b"| a\nshared | s\n1:0:0.5 | a\n", True),
        (b"1 | x\n", False),
        (b"some words\n", False),
        (b"", False),
        (b"| x\n" * 100 + b"1:1:0.5 | a\n", False),
    ],
)
def test_recognised(start, is_vw):
    assert format_of(vw_text).recognise("log.txt", start) == is_vw


def test_declared():
    known = format_of(vw_text)
    assert known.spooled
    assert set(known.absent) <= set(known.columns)


LINE = st.sampled_from(["1:-1:0.5 | x y:2", "2:0.25:0.125 3 |a z", "| x", "'t 1:1:1 |", "3:1e-3:.5 t|"])
SOUP = st.text(alphabet="0123456789:.|+-e 'x\té", max_size=3)


@settings(max_examples=300, deadline=None)
@given(
    examples=st.lists(LINE, min_size=1, max_size=5),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5), SOUP), max_size=4),
)
def test_mutated_lines_read_as_the_twin_does(tmp_path_factory, examples, edits):
    text = "\n".join(examples)
    for where, cut, put in edits:
        at = int(where * len(text))
        text = text[:at] + put + text[at + cut :]
    # two labels at the beginning: a line an example
    text = "1:0:0.5 |\n1:0:0.5 |\n" + text
    columns, faults = read(tmp_path_factory.mktemp("mutated"), text + "\n")
    want = {j: line for j, line in enumerate(text.split("\n"), 1) if line.strip()}
    assert columns[ROW] == list(want)
    for at, (row, line) in enumerate(want.items()):
        label = naive_label(line)
        found = tuple(columns[name][at] for name in ("action", "cost", "propensity", "eligible"))
        if label is None:
            assert faults[row][0] == "unreadable"
            assert found == (None,) * 4
            continue
        listed, chosen = label
        assert found[3] == ([a or None for a in listed] if len(listed) > 1 else None)
        assert faults.get(row, ("",))[0] == ("" if chosen else "dangling event")
        action, cost, p = chosen or (0, math.nan, math.nan)
        expected = (action or None, None if math.isnan(cost) else cost, None if math.isnan(p) else p)
        assert found[:3] == expected
        np.testing.assert_equal(dict(columns["context"][at]), naive_features(line))
