"""Decision-service JSON lines, beside json.loads a line at a time."""

import gzip
import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs.format import FAULT, ROW, WHOLE, Part, format_of
from ltrr.logs.formats import dsjson
from ltrr.logs.formats.dsjson import COLUMNS, batches, naming
from ltrr.logs.formats.dsjson_line import seconds
from tests import naive_dsjson as naive

FILES = (
    "cb_1000_0.json",
    "cb_1000_1.json",
    "cb_test256.json",
    "ccb_data.json",
    "dsjson_cb.json",
    "igl.dsjson",
)

CB = (
    '{"_label_cost":-1.5,"_label_probability":0.7,"_label_Action":2,"_labelIndex":1,"o":[{"v":1.5}],'
    '"Timestamp":"2021-02-04T16:31:29.2460000Z","Version":"1","EventId":"e1","a":[2,1,3],"c":{"User":{"age":3e1,'
    '"name":"Ann","tags":["x","y"],"new":true},"xy":[0.5,-2],"_multi":[{"_tag":"tea","j":[{"hot":"yes"}]},'
    '{"_tag":"coffee"},{"i":{"constant":1,"id":"milk"}}]},"p":[0.7,0.2,0.1],"_original_label_cost":-2}'
)
CCB = (
    '{"Timestamp":"2021-04-26T17:23:28","EventId":"e2","c":{"w":{"sun":1},"_multi":[{"_tag":"tea"},{"_tag":'
    '"coffee"},{"_tag":"milk"}],"_slots":[{"_id":"top","s":{"big":1}},{"_id":"side","s":{"big":0}}]},"_outcomes":'
    '[{"_label_cost":-0.5,"_id":"top","_a":[2,0,1],"_p":[0.5,0.25,0.25],"_o":[],"_original_label_cost":-0.5},'
    '{"_label_cost":0,"_id":"side","_a":[1,0],"_p":[0.4,0.6]}],"_ba":[1,2],"VWState":{"m":"N/A"}}'
)
SLATES = (
    '{"_label_cost":-3,"_original_label_cost":-4,"EventId":"e3","c":{"_multi":[{"_slot_id":0,"_tag":"A"},'
    '{"_slot_id":1,"_tag":"B"},{"_slot_id":0,"_tag":"C"},{"_slot_id":1,"_tag":"D"},{"_slot_id":1,"_tag":"E"}],'
    '"_slots":[{},{}]},"_outcomes":[{"_a":[1,0],"_p":[0.9,0.1]},{"_a":[0,2,1],"_p":[0.5,0.3,0.2]}]}'
)
DANGLING = '{"RewardValue":1.0,"EnqueuedTimeUtc":"2021-02-04T16:31:29Z","EventId":"lost"}'
PLAIN = '{"_label_cost":1,"_label_probability":0.5,"_label_Action":2,"a":[2,1],"p":[0.5,0.5]}'
LINES = (CB, CCB, SLATES, DANGLING, PLAIN)


def rows_of(path, wanted=None, **options):
    """Return the rows of a file as dictionaries, checked to be sound Arrow."""
    out = []
    for batch in batches(Part(path), wanted, **options):
        batch.validate(full=True)
        out += batch.to_pylist()
    return out


def write(tmp_path, *lines, name="log.json"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(tmp_path, *lines, **options):
    return rows_of(write(tmp_path, *lines), **options)


def column(rows, name):
    return [row[name] for row in rows]


def faults(rows):
    return [(r[ROW], r[FAULT]["kind"], r[FAULT]["detail"]) for r in rows if r[FAULT] is not None]


def same(have, want):
    """Compare values of two rows; NaN is like NaN, features add up in the same order."""
    if isinstance(want, float):
        return have == want or (math.isnan(have) and math.isnan(want))
    if isinstance(want, dict):
        return have.keys() == want.keys() and all(same(have[key], want[key]) for key in want)
    if isinstance(want, list):
        return len(have) == len(want) and all(map(same, have, want))
    if isinstance(want, str):
        return have == want.encode("utf-8", "replace").decode()
    return have == want


def check(path, data, **options):
    """Compare the rows of a file with the twin's, by names and by places, all columns and labels alone."""
    path.write_bytes(data)
    for by_place in (True, False):
        way = "position" if by_place else "name"
        for reward in ("label", "original"):
            have = rows_of(path, actions=way, reward=reward, **options)
            want = []
            for number, line in enumerate(data.split(b"\n"), 1):
                if line.strip(b" \t\r"):
                    want += [row | {ROW: number} for row in naive.line_rows(line, by_place)]
            assert column(have, ROW) == column(want, ROW)
            for row, twin in zip(have, want, strict=True):
                check_row(row, twin, reward)
        labels = dict.fromkeys(["cost", "action", "eligible"], "any")
        few = rows_of(path, labels, actions=way, reward="original", **options)
        assert all(set(row) == {*labels, ROW, FAULT, WHOLE} for row in few)
        assert all(
            same(row[name], more[name]) for row, more in zip(few, have, strict=True) for name in labels
        )


def check_row(row, twin, reward):
    fault = row[FAULT]
    assert (fault and fault["kind"]) == twin["fault"], (row, twin)
    if fault is not None:
        assert fault["detail"]
        assert "\n" not in fault["detail"]
        if "event" not in twin:
            return
        assert [row["event"], row["timestamp"]] == [
            v.encode("utf-8", "replace").decode() if isinstance(v, str) else v
            for v in (twin["event"], twin["timestamp"])
        ]
        rest = {*row} - {"event", "timestamp", ROW, FAULT, WHOLE}
        assert all(row[name] is None for name in rest)
        return
    want = {name: twin[name] for name in row if name in twin} | {
        "cost": twin["cost" if reward == "label" else "original"]
    }
    have = row | {
        "context": naive.summed(row["context"]),
        "features": row["features"] and [naive.summed(m) for m in row["features"]],
    }
    for name, value in want.items():
        assert same(have[name], value), (name, have[name], value)
    assert row[WHOLE] is twin["whole"]


# --- real files ------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_real_files_read_as_the_twin(data_dir, tmp_path, file):
    check(tmp_path / "log.json", (data_dir / "vw_logs" / file).read_bytes())


@pytest.mark.parametrize(
    ("file", "rows", "mean", "actions"),
    [
        ("cb_1000_0.json", 1000, -0.473, 4),
        ("cb_test256.json", 260, 0.5, 5),
        ("ccb_data.json", 66, -28.56 / 66, 4),
        ("dsjson_cb.json", 23, -12 / 23, 4),
        ("igl.dsjson", 200, -0.305, 4),
    ],
)
def test_real_files(data_dir, file, rows, mean, actions):
    found = [row for row in rows_of(data_dir / "vw_logs" / file) if row[FAULT] is None]
    assert len(found) == rows
    assert np.mean(column(found, "cost")) == pytest.approx(mean, abs=1e-12)
    assert len({name for row in found for name in row["eligible"]}) == actions
    for row in found:
        if row["probabilities"] is not None:
            at = row["eligible"].index(row["action"])
            assert row["probabilities"][at] == pytest.approx(row["propensity"], abs=1e-6)


CASES = {
    "vw2253.json": ([], None),
    "vw2793.json": ([], ["1", "2"]),
    "vw3007.json": ([(8, "unreadable")], ["one", "two"]),
}


@pytest.mark.parametrize("file", [*CASES, "vw4661.json"])
def test_reported_cases(data_dir, tmp_path, file):
    path = data_dir.parent / "cases" / "replay" / file
    if not path.exists():
        pytest.skip(f"no cases at {path.parent}")
    check(tmp_path / "log.json", path.read_bytes())
    rows = rows_of(path)
    if file in CASES:
        wrong, names = CASES[file]
        assert [(row, kind) for row, kind, _ in faults(rows)] == wrong
        assert names is None or rows[0]["eligible"] == names
    else:
        assert {kind for _, kind, _ in faults(rows)} == {"dangling event"}
    if file == "vw2253.json":  # NaN is not a number: the propensity and the distribution are missing
        missing = [row[ROW] for row in rows if row["propensity"] is None]
        assert missing
        assert missing == [row[ROW] for row in rows if row["probabilities"] is None]
    if file == "vw3007.json":
        assert "not JSON" in faults(rows)[0][2]


# --- fixtures --------------------------------------------------------------


def test_conditional_slots(tmp_path):
    rows = read(tmp_path, CCB)
    assert column(rows, "slot") == [0, 1]
    assert column(rows, ROW) == [1, 1]
    assert column(rows, WHOLE) == [False, False]
    assert column(rows, "action") == ["milk", "coffee"]
    assert column(rows, "cost") == [-0.5, 0.0]
    assert column(rows, "propensity") == [0.5, 0.4]
    assert column(rows, "eligible") == [["milk", "tea", "coffee"], ["coffee", "tea"]]
    assert column(rows, "probabilities") == [[0.5, 0.25, 0.25], [0.4, 0.6]]
    assert column(rows, "event") == ["e2", "e2"]
    assert column(rows, "context") == [[("w.sun", 1), ("s.big", 1)], [("w.sun", 1), ("s.big", 0)]]


def test_dictionary_has_the_order_of_the_list(tmp_path):
    (batch,) = batches(Part(write(tmp_path, CCB)), {"eligible": "texts"})
    assert batch["eligible"].values.dictionary.to_pylist() == ["tea", "coffee", "milk"]
    (batch,) = batches(Part(write(tmp_path, CCB)), {"action": "text"})
    assert batch["action"].dictionary.to_pylist() == ["tea", "coffee", "milk"]


def test_slates(tmp_path):
    rows = read(tmp_path, SLATES)
    assert column(rows, WHOLE) == [True, True]
    assert column(rows, "action") == ["C", "B"]  # the second of slot 0, the first of slot 1
    assert column(rows, "eligible") == [["C", "A"], ["B", "E", "D"]]
    assert column(rows, "cost") == [0.0, -3.0]
    assert column(rows, "propensity") == [0.9, 0.5]
    assert column(read(tmp_path, SLATES, reward="original"), "cost") == [0.0, -4.0]


def test_slates_with_the_chosen_action_alone(tmp_path):
    line = SLATES.replace("[1,0]", "1").replace("[0.9,0.1]", "0.9").replace("[0,2,1]", "[0]")
    rows = read(tmp_path, line.replace("[0.5,0.3,0.2]", "[0.5]"))
    assert column(rows, "action") == ["C", "B"]
    assert column(rows, "eligible") == [["C", "A"], ["B", "D", "E"]]
    assert column(rows, "probabilities") == [None, None]
    assert column(rows, "propensity") == [0.9, 0.5]


def test_slots_with_the_chosen_action_alone(tmp_path):
    line = CCB.replace("[2,0,1]", "[2]").replace("[0.5,0.25,0.25]", "[0.5]").replace("[1,0]", "1")
    rows = read(tmp_path, line.replace("[0.4,0.6]", "0.4"))
    assert column(rows, "eligible") == [["milk", "tea", "coffee"], ["coffee", "tea"]]
    assert column(rows, "propensity") == [0.5, 0.4]
    sure = read(tmp_path, line.replace("[0.5]", "[1]").replace("[0.4,0.6]", "1"))
    assert column(sure, "eligible") == [["milk"], ["coffee"]]
    assert column(sure, "probabilities") == [[1.0], [1.0]]


def test_dangling_events(tmp_path):
    skipped = CB.replace('"Version"', '"_skipLearn":true,"Version"')
    no_outcome = CB.replace('"_label_cost":-1.5,', "")
    null = CB.replace("-1.5", "null")
    rows = read(tmp_path, DANGLING, CB, skipped, no_outcome, null)
    assert faults(rows) == [
        (1, "dangling event", 'an outcome without its decision, event "lost"'),
        (3, "dangling event", "_skipLearn: the decision was never shown"),
        (4, "dangling event", "a decision without an outcome"),
        (5, "dangling event", "a decision without an outcome"),
    ]
    assert column(rows, "event") == ["lost", "e1", "e1", "e1", "e1"]
    assert column(rows, "timestamp") == [None, *[1612456289.246] * 4]
    assert [row["cost"] for row in rows] == [None, -1.5, None, None, None]


def test_not_skipped(tmp_path):
    rows = read(tmp_path, CB.replace('"Version"', '"_skipLearn":false,"Version"'))
    assert faults(rows) == []


def test_dropped_share(tmp_path):
    thin = CB.replace('"Version"', '"pdrop":0.75,"Version"')
    assert column(read(tmp_path, thin, CB), "count") == [4.0, None]
    for wrong in ("1", "-0.5", "2", '"NaN"'):
        assert column(read(tmp_path, thin.replace("0.75", wrong)), "count") == [0.0]


def test_original_cost(tmp_path):
    assert column(read(tmp_path, CB), "cost") == [-1.5]
    assert column(read(tmp_path, CB, reward="original"), "cost") == [-2.0]


def test_probabilities_in_the_order_shown_stand_in_that_of_the_list(tmp_path):
    (row,) = read(tmp_path, CB)
    assert row["eligible"] == ["tea", "coffee", "milk"]
    assert row["action"] == "coffee"
    assert row["probabilities"] == [0.2, 0.7, 0.1]
    assert row["timestamp"] == 1612456289.246


def test_order_from_zero(tmp_path):
    line = CB.replace("[2,1,3]", "[0,1,2]").replace("[0.7,0.2,0.1]", "[0.2,0.7,0.1]")
    assert read(tmp_path, line)[0]["probabilities"] == [0.2, 0.7, 0.1]


def test_a_distribution_with_a_hole_is_not_known(tmp_path):
    rows = read(tmp_path, CB.replace("[0.7,0.2,0.1]", '[0.7,"NaN",0.1]'), CB)
    assert column(rows, "probabilities") == [None, [0.2, 0.7, 0.1]]
    assert column(rows, "propensity") == [0.7, 0.7]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"_labelIndex":1', '"_labelIndex":0', "name different actions"),
        ("[2,1,3]", "[2,1]", "`a` has 2 entries, `p` 3"),
        ("[2,1,3]", "[2,1,4]", "not an order of 3 actions"),
        ("[2,1,3]", "[2,2,3]", "not an order of 3 actions"),
        ("[0.7,0.2,0.1]", '[0.7,0.2,"x"]', "`p` is not a number"),
        ("-1.5", "true", "`_label_cost` is not a number: true"),
        ("-1.5", "-1.5.0", "not JSON: Expecting ',' delimiter"),
        ('"Ann"', '"\\x"', "not JSON"),
        ('"Ann"', "tru", "not JSON"),
        ('"xy":[0.5,-2]', '"xy":[0.5,-2}', "not JSON"),
        ('"EventId":"e1"', '"EventId":["e1"]', "`EventId` is not text"),
        ('"_label_Action":2,"_labelIndex":1', '"_label_Action":4', "names action 4 of 3"),
        ('"c":{', '"c":[],"d":{', "`c` is not an object"),
        ('"_labelIndex":1', '"_labelIndex":1.5', "not a whole number"),
        ('"_multi":[', '"_multi":[1,', "`_multi` is not a list of objects"),
        ('"_multi"', '"_other"', 'no `_multi` names its actions; set actions="position"'),
        ("coffee", "tea", 'the same name; set actions="position"'),
    ],
)
def test_lines_that_cannot_be_read(tmp_path, old, new, message):
    assert old in CB
    other = CB.replace('"e1"', '"e4"')
    rows = read(tmp_path, CB, "", CB.replace(old, new), other, other)
    ((row, kind, detail),) = faults(rows)
    assert (row, kind) == (3, "unreadable")
    assert message in detail
    assert column(rows, ROW) == [1, 3, 4, 5]
    assert rows[1]["cost"] is rows[1]["action"] is rows[1]["eligible"] is rows[1]["context"] is None


def test_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "log.json"
    path.write_bytes(b"\n".join([CB.encode(), CB.encode().replace(b"Ann", b"\xff"), CB.encode()]))
    assert faults(rows_of(path)) == [(2, "unreadable", "not UTF-8")]


@pytest.mark.parametrize(
    ("old", "new", "name", "value"),
    [
        ("-1.5", "NaN", "cost", None),
        ("0.7,", "1e400,", "propensity", math.inf),
        ('"age":3e1', '"age":NaN', None, None),
        ('"Ann"', '"A\\ud800"', None, None),
    ],
)
def test_what_json_alone_accepts(tmp_path, old, new, name, value):
    rows = read(tmp_path, CB.replace(old, new, 1))
    assert faults(rows) == []
    if name is not None:
        assert rows[0][name] == value
    elif "Ann" in old:
        assert "User.name=A?" in dict(rows[0]["context"])
    else:
        assert math.isnan(dict(rows[0]["context"])["User.age"])


def test_actions_by_position(tmp_path):
    rows = read(tmp_path, PLAIN, CB)
    assert column(rows, "action") == ["2", "2"]
    assert column(rows, "eligible") == [["1", "2"], ["1", "2", "3"]]
    assert read(tmp_path, CB, actions="position")[0]["eligible"] == ["1", "2", "3"]
    assert read(tmp_path, CB.replace("milk", "tea"))[0]["eligible"] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("lines", "way"),
    [
        ([CB, CB, PLAIN], "name"),
        ([CB, PLAIN], "position"),
        ([CB, CB, CB.replace("milk", "tea")], "name"),
        ([CB, CB.replace("milk", "tea")], "position"),
        ([CB, CB, CB.replace('"_tag":"coffee"', '"j":1').replace('"id":"milk"', '"x":0')], "name"),
        ([CB, CB, CB.replace('{"_tag":"coffee"},{"i":{"constant":1,"id":"milk"}}', "{},{}")], "position"),
        ([CCB, SLATES, DANGLING, DANGLING], "name"),
        (["x", DANGLING], "name"),
    ],
)
def test_how_actions_are_named(tmp_path, lines, way):
    parts = [Part(write(tmp_path, *lines)), Part(write(tmp_path, CB, name="b.json"))]
    assert naming(parts, {"actions": "auto"}) == {"actions": way}
    assert naming(parts[::-1], {}) == {"actions": "name"}
    assert naming(parts, {"actions": "position"}) == {"actions": "position"}


def test_many_actions_by_features_are_places(tmp_path, monkeypatch):
    monkeypatch.setattr(dsjson, "_MOST_BY_FEATURES", 3)
    few = [CB.replace('"_tag":"coffee"', f'"j":{j}') for j in range(3)]
    assert naming([Part(write(tmp_path, *few))], {}) == {"actions": "name"}
    more = CB.replace('"_tag":"coffee"', '"j":3')
    assert naming([Part(write(tmp_path, *few, more))], {}) == {"actions": "position"}


def test_actions_that_no_line_lists(tmp_path):
    bare = '{"_label_cost":%d,"_label_probability":0.5,"_label_Action":%d}'
    path = write(tmp_path, bare % (1, 3), bare % (0, 1))
    rows = rows_of(path)
    assert column(rows, "action") == ["3", "1"]
    assert column(rows, "eligible") == column(rows, "probabilities") == column(rows, "features") == [None] * 2
    (batch,) = batches(Part(path))
    assert batch["action"].dictionary.to_pylist() == ["1", "2", "3"]


def test_places_have_an_end(tmp_path):
    rows = read(tmp_path, '{"_label_cost":1,"_label_Action":1000000000}', PLAIN, PLAIN)
    assert faults(rows) == [(1, "unreadable", "it names action 1000000000; there must be at most 65536")]


def test_actions_keep_their_names_in_other_places(tmp_path):
    moved = CB.replace('"tea"', '"X"').replace('"coffee"', '"tea"').replace('"X"', '"coffee"')
    rows = read(tmp_path, CB, moved)
    assert column(rows, "action") == ["coffee", "tea"]
    assert column(rows, "eligible") == [["tea", "coffee", "milk"], ["coffee", "tea", "milk"]]


def test_long_names_are_cut(tmp_path):
    lines = [CB.replace("coffee", "x" * 130 + end) for end in "yyz"]
    names = column(read(tmp_path, *lines), "action")
    assert names[0] == names[1] != names[2]
    assert {len(name) for name in names} == {118}


def test_escapes_name_the_same(tmp_path):
    escaped = CB.replace("coffee", "c\\u006fffee").replace("Ann", "\\u0041nn")
    one, two = read(tmp_path, CB, escaped)
    assert one["eligible"] == two["eligible"] == ["tea", "coffee", "milk"]
    assert one["context"] == two["context"]
    assert one["features"] == two["features"]


def test_of_repeated_names_the_last_counts(tmp_path):
    twice = CB.replace('"_label_cost":-1.5', '"_label_cost":-9,"_label_cost":-1.5')
    (row,) = read(tmp_path, twice.replace('"age":3e1', '"age":10,"age":20'))
    assert row["cost"] == -1.5
    assert dict(row["context"])["User.age"] == 20


@pytest.mark.parametrize(
    "line",
    [
        CB[:-1] + ',"c":{}}',
        CB[:-1] + ',"c":{"_multi":[{"_tag":"x"},{},{}]}}',
        CB[:-1] + ',"_multi":[{}]}',
        CB[:-1] + ',"a":[3,1,2]}',
        CB[:-1] + ',"p":[1,0,0],"EventId":"e9"}',
        CB[:-1] + ',"_label_Cost":7,"_label_action":2}',
        CB.replace("_label_cost", "_label_Cost"),
        CB.replace('"_tag":"tea"', '"_tag":"tea","_tag":"tee"'),
        CB.replace('"constant":1', '"id":"x"'),
        CB.replace('"c":{', '"c":null,"d":{'),
        CCB[:-1] + ',"_outcomes":[{"_label_cost":1,"_a":[0,1,2],"_p":[1,0,0]}]}',
        CCB.replace('"_a":[2,0,1]', '"_a":[1],"_a":[2,0,1]'),
        CCB.replace('"_slots":[{', '"_slots":[1,{'),
        CCB.replace('"_slots":[{', '"_slots":{"x":NaN},"x":[{'),
        SLATES.replace('"_slot_id":0', '"_slot_id":1,"_slot_id":0'),
    ],
)
def test_repeated_and_odd_fields_read_as_json_does(tmp_path, line):
    check(tmp_path / "log.json", line.encode() + b"\n" + CB.encode() + b"\n")


def test_line_ends_marks_and_packing(tmp_path):
    lines = [CB, CB.replace('"e1"', '"e4"')]
    want = read(tmp_path, *lines)
    variants = {
        "crlf.json": "\r\n".join(["", *lines, " \t", ""]).encode(),
        "cut.json": "\n".join(lines).encode(),
        "mark.json": b"\xef\xbb\xbf" + "\n".join(lines).encode(),
        "packed.json.gz": gzip.compress("\n".join(lines).encode()),
    }
    for name, data in variants.items():
        (tmp_path / name).write_bytes(data)
        rows = rows_of(tmp_path / name)
        shift = 1 if name == "crlf.json" else 0
        assert [row | {ROW: row[ROW] - shift} for row in rows] == want


def test_blocks_are_the_whole(tmp_path, data_dir, monkeypatch):
    text = (data_dir / "vw_logs" / "dsjson_cb.json").read_text(encoding="utf-8").splitlines()
    lines = [line.replace('"EventId":"', f'"EventId":"{j}-') for j in range(20) for line in [*text, DANGLING]]
    path = write(tmp_path, *lines)
    one = rows_of(path)
    monkeypatch.setattr(dsjson, "_BLOCK", 1 << 14)
    many = list(batches(Part(path)))
    assert len(many) > 4
    assert [row for batch in many for row in batch.to_pylist()] == one
    assert len({batch.schema for batch in many}) == 1


@pytest.mark.parametrize("limit", ["_MOST_BYTES", "_MOST_NAMES"])
def test_what_is_forgotten_is_read_again(tmp_path, data_dir, monkeypatch, limit):
    monkeypatch.setattr(dsjson, "_BLOCK", 1 << 12)
    for file in ("dsjson_cb.json", "ccb_data.json"):
        path = data_dir / "vw_logs" / file
        want = rows_of(path)
        with monkeypatch.context() as patch:
            patch.setattr(f"ltrr.logs.formats.dsjson_choices.{limit}", 0)
            assert rows_of(path) == want


def test_the_schema_is_of_every_batch(tmp_path):
    good, bad = (next(iter(batches(Part(write(tmp_path, line))))) for line in (CB, "x"))
    assert good.schema == bad.schema
    assert good.schema.field("features").type == pa.list_(good.schema.field("context").type)


def test_what_is_known_of_the_format():
    known = format_of(batches)
    assert known.columns is COLUMNS
    assert known.spooled
    assert known.in_order_seen


def test_damaged_archive(tmp_path):
    (tmp_path / "log.json.gz").write_bytes(gzip.compress(CB.encode())[:-12])
    with pytest.raises(InputError, match="damaged"):
        rows_of(tmp_path / "log.json.gz")


@pytest.mark.parametrize("options", [{"actions": "no"}, {"reward": "no"}])
def test_wrong_arguments(tmp_path, options):
    with pytest.raises(InputError):
        read(tmp_path, CB, **options)


@pytest.mark.parametrize(("depth", "good"), [(40, True), (150, True), (100_000, False)])
def test_deep_nesting(tmp_path, depth, good):
    deep = CB.replace('"Ann"', "[" * depth + '"Ann"' + "]" * depth)
    rows = read(tmp_path, CB, deep)
    assert faults(rows) == ([] if good else [(2, "unreadable", "nested too deeply")])
    assert not good or rows[0]["context"] == rows[1]["context"]


@pytest.mark.parametrize("depth", range(850, 1000, 5))
@pytest.mark.parametrize("where", ['"Ann"', '"yes"', "0.5"])
def test_nesting_at_the_limit_ends_in_no_traceback(tmp_path, depth, where):
    rows = read(tmp_path, CB.replace(where, "[" * depth + "1" + "]" * depth), CB)
    assert column(rows, ROW) == [1, 2]
    assert {kind for _, kind, _ in faults(rows)} <= {"unreadable"}


# --- any text beside json.loads --------------------------------------------


SOUP = st.binary(max_size=3) | st.sampled_from(
    [
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"null",
        b"true",
        b"-0.0",
        b"1e5",
        b"0.1",
        b"\n",
        b"\xff",
        b"NaN",
        b"Infinity",
        b"\\u00e9",
        b"\\ud800",
        b"0.12345678901234567",
        b"1e400",
        b"-1e-400",
        b"123456789012345678901234567890",
        b'"_tag":"x"',
        b'"a":[0,1]',
        b"\r",
    ]
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("any") / "log.json"


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(st.sampled_from(LINES), min_size=1, max_size=4),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), SOUP), max_size=4),
)
def test_mutations_read_as_json_does(place, lines, edits):
    data = "\n".join(lines).encode()
    for where, cut, put in edits:
        at = int(where * len(data))
        data = data[:at] + put + data[at + cut :]
    check(place, data + b"\n")


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)
FIELDS = [
    "_label_cost",
    "_label_Cost",
    "_label_probability",
    "_label_Action",
    "_labelIndex",
    "a",
    "p",
    "pdrop",
]
FIELDS += ["EventId", "Timestamp", "_skipLearn", "_outcomes", "_original_label_cost", "c", "_multi"]


@settings(max_examples=300, deadline=None)
@given(fields=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3), line=st.sampled_from(LINES))
def test_strange_values_read_as_json_does(place, fields, line):
    check(place, json.dumps(json.loads(line) | fields).encode() + b"\n")


OUTCOME = st.dictionaries(
    st.sampled_from(["_label_cost", "_a", "_p", "_original_label_cost"]),
    VALUES | st.lists(st.integers(0, 3), max_size=3) | st.lists(st.floats(0, 1), max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(outcomes=st.lists(OUTCOME, max_size=3), line=st.sampled_from((CCB, SLATES, PLAIN)))
def test_strange_outcomes_read_as_json_does(place, outcomes, line):
    check(place, json.dumps(json.loads(line) | {"_outcomes": outcomes}).encode() + b"\n")


CONTEXTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)


@settings(max_examples=200, deadline=None)
@given(shared=CONTEXTS, elements=st.lists(CONTEXTS, max_size=3), escape=st.booleans(), beside=st.booleans())
def test_features_are_the_twins(place, shared, elements, escape, beside):
    context = shared | {"_multi": elements}
    line = {"_label_cost": 1, "_labelIndex": 0} | (context if beside else {"c": context})
    check(place, json.dumps(line, ensure_ascii=escape).encode("utf-8", "surrogatepass") + b"\n")


@pytest.mark.parametrize(
    "text",
    [
        "1969-12-31T23:59:59Z",
        "2000-02-29T00:00:00.123456789Z",
        "2000-03-01T12:00:00Z",
        "2024-12-31T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2100-03-01T00:00:00Z",
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.9999999Z",
        "2021-02-04 16:31:29+05:30",
        "2021-02-04T16:31:29.5-11:00",
        "2021-02-04T16:31:29+24:00",
        "2021-02-04T16:31:29+01:60",
        "2021-13-04T16:31:29",
        "2021-02-04T24:00:00",
        "2021-02-04T16:31:60",
        "2021-02-04T16:31",
        "2021-02-04T16:31:29.",
        "2021-02-04T16:31:29.1234567890",
        "2021-02-04T16:31:29ZZ",
        "yesterday",
        "",
    ],
)
def test_times(text):
    assert same(float(seconds(text)), naive.seconds(text))
