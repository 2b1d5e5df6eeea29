"""Decision-service JSON lines, beside json.loads a line at a time."""

import gzip
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr._kernels import dsjson_columns as kernels
from ltrr._kernels.json_bytes import hash_bytes, read_number, skip_value
from ltrr._kernels.json_time import read_time
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.formats.dsjson import open_dsjson
from ltrr.logs.formats.dsjson_features import Emitter
from ltrr.logs.formats.dsjson_scan import Scanner
from ltrr.logs.formats.hash_index import HashIndex
from tests import naive_dsjson as naive

FILES = (
    "cb_1000_0.json",
    "cb_1000_1.json",
    "cb_test256.json",
    "ccb_data.json",
    "dsjson_cb.json",
    "igl.dsjson",
)
KINDS = {0: "cb", 1: "ccb", 2: "slates", 3: "dangling", kernels.UNREADABLE: "unreadable"}

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
LINES = (CB, CCB, SLATES, DANGLING)


def same(x, y):
    return x == y or (math.isnan(x) and math.isnan(y))


def check_scan(text, scan=None):
    """Compare a scan with the twin, line by line."""
    scan = scan or Scanner().scan(text)
    numbered = [(j, line) for j, line in enumerate(text.split(b"\n"), 1) if line.strip(b" \t\r")]
    assert scan.lines[:, kernels.NUMBER].tolist() == [j for j, _ in numbered]
    assert (
        scan.rows[:, kernels.LINE] == np.repeat(np.arange(len(numbered)), scan.lines[:, kernels.ROWS])
    ).all()
    for at, (_, line) in enumerate(numbered):
        want = naive.read(line)
        assert KINDS[int(scan.kind[at])] == want[0], line
        start, n = scan.lines[at, [kernels.ROW, kernels.ROWS]].tolist()
        if want[0] == "unreadable":
            assert scan.wrong[at]
            assert n == 0
            continue
        _, rows, event, drop, time, names = want
        assert scan.event[at] == (0 if event is None else hash_bytes(event.encode("utf-8", "surrogatepass")))
        assert same(scan.line_real[at, kernels.DROP], drop)
        assert same(scan.line_real[at, kernels.TIME], time)
        assert n == len(rows)
        for r, (slot, chosen, cost, original, propensity, entries) in enumerate(rows, start):
            assert scan.rows[r, [kernels.SLOT, kernels.CHOSEN]].tolist() == [slot, chosen], line
            have = scan.row_real[r].tolist()
            assert all(map(same, have, [cost, original, propensity])), line
            first, length = scan.rows[r, [kernels.LIST, kernels.LENGTH]].tolist()
            assert length == (-1 if entries is None else len(entries)), line
            for x, (place, p) in enumerate(entries or [], first):
                assert scan.places[x] == place, line
                assert same(float(scan.probabilities[x]), p), line
        if rows:
            k, n_idents = scan.lines[at, [kernels.IDENT, kernels.IDENTS]].tolist()
            kinds = [("content", "id", "tag")[kind] for kind in scan.ident_kind[k : k + n_idents]]
            assert kinds == [kind for kind, _ in names]
            for x, (kind, name) in enumerate(names, k):
                if kind != "content":
                    assert scan.ident[x] == hash_bytes(name.encode("utf-8", "surrogatepass"))


def write(tmp_path, *lines, name="log.json"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path, **options):
    log = open_dsjson(path, **{"on_error": "report", **options})
    return log, Events.concat(list(log.chunks()))


# --- real files ------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_real_files_scan_as_the_twin(data_dir, file):
    text = (data_dir / "vw_logs" / file).read_bytes()
    scan = Scanner().scan(text)
    assert len(scan.asked) == 0
    check_scan(text, scan)


@pytest.mark.parametrize(
    ("file", "rows", "requests", "mean", "actions"),
    [
        ("cb_1000_0.json", 1000, 1000, 0.473, 4),
        ("cb_test256.json", 260, 260, -0.5, 5),
        ("ccb_data.json", 66, 59, 28.56 / 66, 4),
        ("dsjson_cb.json", 23, 23, 12 / 23, 4),
        ("igl.dsjson", 200, 200, 0.305, 4),
    ],
)
@pytest.mark.parametrize("features", [True, False])
def test_real_files(data_dir, file, rows, requests, mean, actions, features):
    path = data_dir / "vw_logs" / file
    log, events = read(path, features=features)
    want = [naive.read(line) for line in path.read_bytes().splitlines()]
    assert len(events) == rows
    assert len(events.request_indptr) - 1 == requests
    assert events.reward.mean() == pytest.approx(mean, abs=1e-12)
    assert len(log.space.actions) == actions
    assert log.faults.skipped == 0
    assert events.propensity.tolist() == [row[4] for line in want for row in line[1]]
    assert events.row.tolist() == [j for j, line in enumerate(want, 1) for _ in line[1]]
    if events.probabilities is not None:
        # what logs a policy's choice: the expected value under it is the mean
        assert events.probabilities[events.place] == pytest.approx(events.propensity, abs=1e-6)
        weight = events.probabilities[events.place] / events.propensity
        assert (weight * events.reward).mean() == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("file", FILES)
def test_features_of_real_files_are_the_twins(data_dir, file):
    path = data_dir / "vw_logs" / file
    log, events = read(path)
    lines = path.read_bytes().splitlines()
    assert log.left_out == (0, 0)
    context = {name: j for j, name in enumerate(log.space.context_names)}
    per_action = {name: j for j, name in enumerate(log.space.feature_names)}
    assert list(context) == sorted(context)
    want, want_features = np.zeros_like(events.context), np.zeros_like(events.features)
    for r, (row, slot) in enumerate(zip(events.row, events.slot, strict=True)):
        found = naive.features(lines[row - 1])
        _, rows, *_ = naive.read(lines[row - 1])
        places = [place for place, _ in rows[slot][5]]
        for (owner, name), value in found.items():
            if owner >= 0:
                for x, place in enumerate(places, events.indptr[r]):
                    want_features[x, per_action[name]] += value if place == owner else 0
            elif owner in (-1, -2 - slot):
                want[r, context[name]] += value
    assert want.any()
    assert np.array_equal(events.context, want)
    assert np.array_equal(events.features, want_features)


# --- fixtures --------------------------------------------------------------


def test_conditional_slots(tmp_path):
    log, events = read(write(tmp_path, CCB))
    assert log.space.n_slots == 2
    assert log.space.slot_rewards
    assert log.space.actions == ("tea", "coffee", "milk")
    assert events.slot.tolist() == [0, 1]
    assert events.action.tolist() == [2, 1]
    assert events.reward.tolist() == [0.5, 0.0]
    assert events.propensity.tolist() == [0.5, 0.4]
    assert events.eligible.tolist() == [2, 0, 1, 1, 0]
    assert events.probabilities.tolist() == [0.5, 0.25, 0.25, 0.4, 0.6]
    assert events.key[0] == events.key[1]
    assert log.space.context_names == ("s.big", "w.sun")
    assert events.context.tolist() == [[1, 1], [0, 1]]


def test_slates(tmp_path):
    log, events = read(write(tmp_path, SLATES))
    assert not log.space.slot_rewards
    assert log.space.actions == tuple("ABCDE")
    assert events.action.tolist() == [2, 1]  # the second of slot 0, the first of slot 1
    assert events.eligible.tolist() == [2, 0, 1, 4, 3]
    assert events.reward.tolist() == [0.0, 3.0]
    assert events.propensity.tolist() == [0.9, 0.5]
    assert read(write(tmp_path, SLATES), reward="original")[1].reward.tolist() == [0.0, 4.0]


def test_slates_with_the_chosen_action_alone(tmp_path):
    line = SLATES.replace("[1,0]", "1").replace("[0.9,0.1]", "0.9").replace("[0,2,1]", "[0]")
    _, events = read(write(tmp_path, line.replace("[0.5,0.3,0.2]", "[0.5]")))
    assert events.action.tolist() == [2, 1]
    assert events.eligible.tolist() == [2, 0, 1, 3, 4]
    assert events.probabilities is None
    assert events.propensity.tolist() == [0.9, 0.5]


def test_slates_and_slots_with_costs_do_not_mix(tmp_path):
    with pytest.raises(InputError, match="must not mix slates"):
        read(write(tmp_path, CCB, SLATES))


def test_dangling_events(tmp_path):
    skipped = CB.replace('"Version"', '"_skipLearn":true,"Version"')
    no_outcome = CB.replace('"_label_cost":-1.5,', "")
    null = CB.replace("-1.5", "null")
    log, events = read(write(tmp_path, DANGLING, CB, skipped, no_outcome, null), check_duplicates=False)
    assert log.faults.counts["dangling event"] == 4
    assert [(f.row, f.detail) for f in log.faults.kept if f.kind == "dangling event"] == [
        (1, 'an outcome without its decision, event "lost"'),
        (3, "_skipLearn: the decision was never shown"),
        (4, "a decision without an outcome"),
        (5, "a decision without an outcome"),
    ]
    assert events.row.tolist() == [2]
    assert (log.faults.rows, log.faults.used) == (5, 1)


def test_not_skipped(tmp_path):
    _, events = read(write(tmp_path, CB.replace('"Version"', '"_skipLearn":false,"Version"')))
    assert len(events) == 1


def test_dropped_share(tmp_path):
    other = CB.replace('"e1"', '"e4"')
    thin = CB.replace('"Version"', '"pdrop":0.75,"Version"')
    _, events = read(write(tmp_path, thin, other))
    assert events.count.tolist() == [4.0, 1.0]
    for wrong in ("1", "-0.5", "2"):
        log, events = read(write(tmp_path, thin.replace("0.75", wrong), other))
        assert log.faults.counts["count not positive"] == 1
        assert events.row.tolist() == [2]


def test_original_cost(tmp_path):
    assert read(write(tmp_path, CB))[1].reward.tolist() == [1.5]
    assert read(write(tmp_path, CB), reward="original")[1].reward.tolist() == [2.0]


def test_probabilities_stand_in_the_order_shown(tmp_path):
    log, events = read(write(tmp_path, CB))
    assert log.space.actions == ("tea", "coffee", "milk")
    assert events.action.tolist() == [1]
    assert events.probabilities.tolist() == [0.2, 0.7, 0.1]
    assert events.time.tolist() == [1612456289.246]


def test_probability_that_is_not_the_distributions(tmp_path):
    log, events = read(write(tmp_path, CB, CB.replace("0.7,", "0.2,", 1).replace('"e1"', '"e4"')))
    assert log.faults.counts["propensity differs from distribution"] == 1
    assert events.row.tolist() == [1]


def test_order_from_zero(tmp_path):
    line = CB.replace("[2,1,3]", "[0,1,2]").replace("[0.7,0.2,0.1]", "[0.2,0.7,0.1]")
    _, events = read(write(tmp_path, line))
    assert events.probabilities.tolist() == [0.2, 0.7, 0.1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"_labelIndex":1', '"_labelIndex":0', "name different actions"),
        ("[2,1,3]", "[2,1]", "`a` has 2 entries, `p` 3"),
        ("[2,1,3]", "[2,1,4]", "no order of 3 actions"),
        ("[2,1,3]", "[2,2,3]", "no order of 3 actions"),
        ("[0.7,0.2,0.1]", '[0.7,0.2,"x"]', "`p` is no number"),
        ("-1.5", "true", "`_label_cost` is no number: true"),
        ("-1.5", "-1.5.0", "not JSON"),
        ('"Ann"', '"\\x"', "not JSON"),
        ('"Ann"', "tru", "not JSON"),
        ('"xy":[0.5,-2]', '"xy":[0.5,-2}', "not JSON"),
        ('"EventId":"e1"', '"EventId":["e1"]', "`EventId` is no text"),
        ('"_label_Action":2,"_labelIndex":1', '"_label_Action":4', "names action 4 of 3"),
        ('"c":{', '"c":[],"d":{', "`c` is no object"),
        ('"_labelIndex":1', '"_labelIndex":1.5', "no whole number"),
    ],
)
def test_lines_that_cannot_be_read(tmp_path, old, new, message):
    assert old in CB
    path = write(tmp_path, CB, "", CB.replace(old, new), CB.replace('"e1"', '"e4"'))
    log, events = read(path, check_duplicates=False)
    assert log.faults.counts["unreadable"] == 1
    (fault,) = (f for f in log.faults.kept if f.kind == "unreadable")
    assert fault.row == 3
    assert message in fault.detail
    assert events.row.tolist() == [1, 4]
    with pytest.raises(InputError, match=r"log\.json, row 3: unreadable: "):
        list(open_dsjson(path, check_duplicates=False).chunks())


def test_actions_by_position(tmp_path):
    plain = '{"_label_cost":1,"_label_probability":0.5,"_label_Action":2,"a":[2,1],"p":[0.5,0.5]}'
    log, events = read(write(tmp_path, plain, CB))
    assert log.space.actions == ("1", "2", "3")
    assert events.action.tolist() == [1, 1]
    assert read(write(tmp_path, CB), actions="position")[0].space.actions == ("1", "2", "3")
    twice = CB.replace("milk", "tea")
    assert read(write(tmp_path, twice))[0].space.actions == ("1", "2", "3")


def test_actions_that_no_line_lists(tmp_path):
    bare = '{"_label_cost":%d,"_label_probability":0.5,"_label_Action":%d}'
    log, events = read(write(tmp_path, bare % (1, 3), bare % (0, 1)))
    assert log.space.actions == ("1", "2", "3")
    assert events.action.tolist() == [2, 0]
    assert events.eligible.tolist() == [0, 1, 2, 0, 1, 2]
    assert events.probabilities is None


def test_actions_keep_their_ids_in_other_places(tmp_path):
    moved = CB.replace('"tea"', '"X"').replace('"coffee"', '"tea"').replace('"X"', '"coffee"')
    _, events = read(write(tmp_path, CB, moved.replace('"e1"', '"e4"')))
    assert events.action.tolist() == [1, 0]
    assert events.eligible.tolist() == [0, 1, 2, 1, 0, 2]


def test_escapes_name_the_same(tmp_path):
    escaped = CB.replace("coffee", "c\\u006fffee").replace("Ann", "\\u0041nn").replace('"e1"', '"e4"')
    log, events = read(write(tmp_path, CB, escaped))
    assert log.space.actions == ("tea", "coffee", "milk")
    assert events.context[0].tolist() == events.context[1].tolist()
    assert np.array_equal(events.features[:3], events.features[3:])


def test_repeated_names(tmp_path):
    twice = CB.replace('"_label_cost":-1.5', '"_label_cost":-9,"_label_cost":-1.5').replace(
        '"age":3e1', '"age":10,"age":20'
    )
    log, events = read(write(tmp_path, twice))
    assert events.reward.tolist() == [1.5]  # the last counts
    assert events.context[0, log.space.context_names.index("User.age")] == 30  # features add up


@pytest.mark.parametrize(
    "line",
    [
        CB[:-1] + ',"c":{}}',
        CB[:-1] + ',"c":{"_multi":[{"_tag":"x"},{},{}]}}',
        CB[:-1] + ',"_multi":[{}]}',
        CB[:-1] + ',"a":[3,1,2]}',
        CB[:-1] + ',"p":[1,0,0],"EventId":"e9"}',
        CB.replace('"_tag":"tea"', '"_tag":"tea","_tag":"tee"'),
        CB.replace('"constant":1', '"id":"x"'),
        CCB[:-1] + ',"_outcomes":[{"_label_cost":1,"_a":[0,1,2],"_p":[1,0,0]}]}',
        CCB.replace('"_a":[2,0,1]', '"_a":[1],"_a":[2,0,1]'),
        SLATES.replace('"_slot_id":0', '"_slot_id":1,"_slot_id":0'),
    ],
)
def test_repeated_fields_read_as_json_does(line):
    check_scan(line.encode() + b"\n" + CB.encode() + b"\n")


def test_rare_features_are_left_out(tmp_path):
    lines = [CB.replace("Ann", f"n{j}").replace('"e1"', f'"e{j}"') for j in range(5)]
    log, _ = read(write(tmp_path, *lines), max_features=3)
    assert len(log.space.context_names) == 3
    assert not any("name" in name for name in log.space.context_names)
    # User.age, User.tags=x, User.tags=y, User.new, xy[0], xy[1] and five names make eleven
    assert log.left_out == (8, 0)


def test_line_ends_marks_and_packing(tmp_path):
    lines = [CB, CB.replace('"e1"', '"e4"')]
    want = read(write(tmp_path, *lines))[1]
    text = "\r\n".join(["", *lines, " \t", ""])
    variants = {
        "crlf.json": text.encode(),
        "cut.json": "\n".join(lines).encode(),
        "mark.json": b"\xef\xbb\xbf" + "\n".join(lines).encode(),
        "packed.json.gz": gzip.compress("\n".join(lines).encode()),
    }
    for name, data in variants.items():
        (tmp_path / name).write_bytes(data)
        _, events = read(tmp_path / name)
        assert events.key.tolist() == want.key.tolist()
        assert np.array_equal(events.context, want.context)
        assert events.row.tolist() == ([2, 3] if name == "crlf.json" else [1, 2])


def test_folder_of_parts(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    write(folder, CB, name="b.json")
    write(folder, CB.replace('"e1"', '"e4"'), "x", name="a.json")
    write(folder, "no log", name="_SUCCESS")
    write(folder, "no log", name="README.md")
    log, events = read(folder)
    assert log.name == "parts"
    assert events.row.tolist() == [1, 3]
    assert [f.row for f in log.faults.kept if f.kind == "unreadable"] == [2]


def test_chunks_are_the_whole(tmp_path, data_dir):
    text = (data_dir / "vw_logs" / "dsjson_cb.json").read_text(encoding="utf-8").splitlines()
    lines = [line.replace('"EventId":"', f'"EventId":"{j}-') for j in range(20) for line in [*text, DANGLING]]
    path = write(tmp_path, *lines)
    one = open_dsjson(path, on_error="skip")
    many = open_dsjson(path, on_error="skip", chunk_bytes=1 << 16)
    chunks = list(many.chunks())
    whole, parts = Events.concat(list(one.chunks())), Events.concat(chunks)
    assert len(chunks) > 4
    for field in (
        "row",
        "key",
        "action",
        "reward",
        "time",
        "context",
        "features",
        "eligible",
        "probabilities",
    ):
        assert np.array_equal(getattr(whole, field), getattr(parts, field)), field
    assert one.faults.counts == many.faults.counts
    assert one.space.actions == many.space.actions
    again = Events.concat(list(many.chunks()))
    assert np.array_equal(again.context, parts.context)


def test_duplicates(tmp_path):
    path = write(tmp_path, CB, CB.replace('"e1"', '"e4"'), CB)
    log, events = read(path)
    assert log.faults.counts["duplicate event"] == 1
    assert events.row.tolist() == [1, 2]
    assert "duplicate event" not in read(path, check_duplicates=False)[0].faults.counts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "must hold decisions"),
        (b"\n \n", "must hold decisions"),
        (b"hello\n", "first line that cannot be read: not JSON"),
        (b"[1]\n", "an object is needed"),
        (DANGLING.encode(), "must hold decisions"),
        (gzip.compress(CB.encode())[:40], "must hold decisions"),
    ],
)
def test_files_without_a_decision(tmp_path, text, message):
    (tmp_path / "log.json").write_bytes(text)
    with pytest.raises(InputError, match=message):
        list(open_dsjson(tmp_path / "log.json").chunks())


def test_damaged_archive(tmp_path):
    (tmp_path / "log.json.gz").write_bytes(gzip.compress(CB.encode())[:-12])
    with pytest.raises(InputError, match="damaged"):
        list(open_dsjson(tmp_path / "log.json.gz").chunks())


@pytest.mark.parametrize(
    "options",
    [
        {"on_error": "no"},
        {"actions": "no"},
        {"reward": "no"},
        {"chunk_bytes": 10},
        {"max_features": 0},
        {"floor": 0.0},
        {"reward_range": (1, 0)},
    ],
)
def test_wrong_arguments(tmp_path, options):
    with pytest.raises(InputError):
        open_dsjson(write(tmp_path, CB), **options)


@pytest.mark.parametrize(("depth", "rows"), [(40, [1, 2]), (150, [1, 2]), (500, [1]), (100_000, [1])])
def test_deep_nesting(tmp_path, depth, rows):
    deep = CB.replace('"e1"', '"e4"').replace('"Ann"', "[" * depth + '"Ann"' + "]" * depth)
    log, events = read(write(tmp_path, CB, deep))
    assert events.row.tolist() == rows
    assert log.faults.counts.get("unreadable", 0) == 2 - len(rows)
    assert events.context[:, log.space.context_names.index("User.name=Ann")].all()


def test_no_such_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        open_dsjson(tmp_path / "none.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="must hold parts"):
        open_dsjson(tmp_path / "empty")


# --- the kernel beside json.loads ------------------------------------------


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
        b'"_tag":"x"',
        b'"a":[0,1]',
        b"\r",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(st.sampled_from(LINES), min_size=1, max_size=4),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), SOUP), max_size=4),
)
def test_mutations_read_as_json_does(lines, edits):
    data = "\n".join(lines).encode()
    for where, cut, put in edits:
        at = int(where * len(data))
        data = data[:at] + put + data[at + cut :]
    check_scan(data + b"\n")


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=5),
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
def test_strange_values_read_as_json_does(fields, line):
    text = json.dumps(json.loads(line) | fields)
    check_scan(text.encode() + b"\n")


@settings(max_examples=300, deadline=None)
@given(value=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**25), 10**25).map(float))
def test_numbers_are_exact_or_uncertain(value):
    for text in (repr(value), f"{value:.17e}", f"{value:.3f}", f"{value:.9g}"):
        b = np.frombuffer(text.encode() + b"\n", np.uint8)
        stop, have, kind = read_number(b, 0)
        assert stop == len(text)
        if kind:
            assert have == float(text)
            assert math.copysign(1, have) == math.copysign(1, float(text))


def test_usual_numbers_are_certain():
    rng = np.random.default_rng(0)
    texts = [repr(x) for x in rng.random(2000).tolist()] + [
        repr(float(np.float32(x))) for x in rng.random(2000)
    ]
    sure = [read_number(np.frombuffer(t.encode() + b"\n", np.uint8), 0) for t in texts]
    assert all(value == float(t) for t, (_, value, kind) in zip(texts, sure, strict=True) if kind)
    assert [t for t, (_, _, kind) in zip(texts, sure, strict=True) if not kind] == []


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet='{}[]",:0123456789.eE+-truefalsn\\ \t\n', max_size=30))
def test_values_end_where_json_says(text):
    b = np.frombuffer(text.encode() + b"\n", np.uint8)
    line = text.split("\n")[0]
    stop = skip_value(b, 0)
    try:
        _, want = json.JSONDecoder().raw_decode(line)
    except ValueError:
        assert stop == -1 or line[:stop].strip() == "" or not line
        return
    # numbers such as 01 end early for Python, and are not plain for the kernel
    assert stop in (want, -1)


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
        "9999-12-31T23:59:59.9999999Z",
        "2021-02-04 16:31:29+05:30",
        "2021-02-04T16:31:29.5-11:00",
        "2021-13-04T16:31:29",
        "2021-02-04T24:00:00",
        "2021-02-04T16:31",
        "2021-02-04T16:31:29.",
        "2021-02-04T16:31:29.1234567890",
        "2021-02-04T16:31:29ZZ",
        "yesterday",
        "",
    ],
)
def test_times(text):
    b = np.frombuffer(text.encode() + b"\n", np.uint8)
    assert same(float(read_time(b, 0, len(text))), naive.seconds(text))


@pytest.mark.compiled
def test_numbering_grows():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 30_000, dtype=np.uint64)
    hashes = hashes[rng.integers(0, 20_000, 60_000)]
    table, seen = HashIndex(1 << 20), {}
    for part in np.array_split(hashes, 7):
        ids, new = table.add(part)
        for j, h in enumerate(part.tolist()):
            if h not in seen:
                assert j in new
            assert ids[j] == seen.setdefault(h, len(seen))
    assert len(table) == len(seen)
    assert table.find(hashes).tolist() == [seen[h] for h in hashes.tolist()]
    small = HashIndex(100)
    ids, _ = small.add(hashes)
    assert len(small) == 100
    assert (ids < 100).all()
    assert [seen[h] if seen[h] < 100 else -1 for h in hashes.tolist()] == ids.tolist()


def check_features(text):
    """Compare the features found in a block with the twin's, by name and owner."""
    scan = Scanner().scan(text)
    emitted = Emitter().emit(scan)
    have = {}
    for name, value, line, owner in zip(*(getattr(emitted, f).tolist() for f in FOUND), strict=True):
        key = (line, owner, name)
        with np.errstate(over="ignore", invalid="ignore"):
            have[key] = np.float32(have.get(key, np.float32(0)) + value)
    want = {}
    for line in np.flatnonzero(scan.kind <= kernels.SLATES).tolist():
        with np.errstate(over="ignore", invalid="ignore"):
            found = naive.features(scan.line_text(line))
        for (owner, name), value in found.items():
            want[line, owner, hash_bytes(name.encode("utf-8", "surrogatepass"))] = value
    assert set(have) == set(want)
    for key, value in want.items():
        assert have[key] == pytest.approx(value, rel=1e-6, nan_ok=True), key


FOUND = ("name", "value", "line", "owner")
CONTEXTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)


@settings(max_examples=200, deadline=None)
@given(shared=CONTEXTS, elements=st.lists(CONTEXTS, max_size=3), escape=st.booleans(), beside=st.booleans())
def test_features_are_the_twins(shared, elements, escape, beside):
    context = shared | {"_multi": elements}
    line = {"_label_cost": 1} | (context if beside else {"c": context})
    check_features(json.dumps(line, ensure_ascii=escape).encode() + b"\n")


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.sampled_from((CB, CCB, DANGLING)), min_size=1, max_size=4),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), SOUP), max_size=3),
)
def test_mutated_logs_never_end_in_a_traceback(tmp_path_factory, lines, edits):
    data = "\n".join(lines).encode()
    for where, cut, put in edits:
        at = int(where * len(data))
        data = data[:at] + put + data[at + cut :]
    path = tmp_path_factory.mktemp("mutated") / "log.json"
    path.write_bytes(data)
    log = open_dsjson(path, on_error="report")
    try:
        events = Events.concat(list(log.chunks()))
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert len(events) == log.faults.used
        assert np.isfinite(events.reward).all()
        assert np.isfinite(events.context).all()
    assert "\n" not in message
