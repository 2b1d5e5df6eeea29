"""Decision-service JSON lines as a log: what `ltrr.logs.read` makes of them."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs import read as open_any
from ltrr.logs.events import Events
from ltrr.logs.formats import dsjson
from ltrr.logs.registry import LOG_FORMATS
from tests import naive_dsjson as naive
from tests.test_dsjson import CB, CCB, DANGLING, FILES, SLATES, SOUP, write

pytestmark = pytest.mark.skipif("dsjson" not in LOG_FORMATS.names, reason="the reader lacks the format")


def open_log(path, **options):
    return open_any(path, format="dsjson", **options)


def read(path, **options):
    log = open_log(path, **{"on_error": "report", **options})
    return log, Events.concat(list(log.chunks()))


def features_of(line):
    """Return {(owner, name): sum}: −1 owns shared ones, j those of action j, −2 − s those of slot s."""
    value = json.loads(line)
    root = value if value.get("c") is None else value["c"]
    hidden = naive.LABEL if value.get("c") is None else frozenset()
    found = {(-1, name): v for name, v in naive.summed(naive.members(root, hidden)).items()}
    for key, owner, sign in (("_multi", 0, 1), ("_slots", -2, -1)):
        for j, element in enumerate(root.get(key) or []):
            found |= {(owner + sign * j, n): v for n, v in naive.summed(naive.members(element)).items()}
    return found


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
        found = features_of(lines[row - 1])
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


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [  # every kind of fault is in tests/test_dsjson.py
        ('"_labelIndex":1', '"_labelIndex":0', "name different actions"),
        ('"Ann"', '"\\x"', "not JSON"),
        ('"EventId":"e1"', '"EventId":["e1"]', "`EventId` is not text"),
    ],
)
def test_a_line_that_cannot_be_read_is_a_faulty_row(tmp_path, old, new, message):
    assert old in CB
    path = write(tmp_path, CB, "", CB.replace(old, new), CB.replace('"e1"', '"e4"'))
    log, events = read(path, check_duplicates=False)
    assert log.faults.counts["unreadable"] == 1
    (fault,) = (f for f in log.faults.kept if f.kind == "unreadable")
    assert fault.row == 3
    assert message in fault.detail
    assert events.row.tolist() == [1, 4]
    with pytest.raises(InputError, match=r"log\.json, row 3: unreadable: "):
        list(open_log(path, check_duplicates=False).chunks())


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
    assert events.context[0, log.space.context_names.index("User.age")] == 20


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


def test_chunks_are_the_whole(tmp_path, data_dir, monkeypatch):
    text = (data_dir / "vw_logs" / "dsjson_cb.json").read_text(encoding="utf-8").splitlines()
    lines = [line.replace('"EventId":"', f'"EventId":"{j}-') for j in range(20) for line in [*text, DANGLING]]
    path = write(tmp_path, *lines)
    one = open_log(path, on_error="skip")
    whole = Events.concat(list(one.chunks()))
    monkeypatch.setattr(dsjson, "_BLOCK", 1 << 14)
    many = open_log(path, on_error="skip")
    chunks = list(many.chunks())
    parts = Events.concat(chunks)
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
        (b"", "must hold (decisions|rows)"),
        (b"\n \n", "must hold (decisions|rows)"),
        (b"hello\n", "not JSON"),
        (b"[1]\n", "an object is needed"),
        (DANGLING.encode(), "must hold (decisions|rows)"),
        (gzip.compress(CB.encode())[:40], "cannot be read"),
    ],
)
def test_files_without_a_decision(tmp_path, text, message):
    (tmp_path / "log.json").write_bytes(text)
    with pytest.raises(InputError, match=message):
        list(open_log(tmp_path / "log.json").chunks())


def test_damaged_archive(tmp_path):
    (tmp_path / "log.json.gz").write_bytes(gzip.compress(CB.encode())[:-12])
    with pytest.raises(InputError, match="damaged"):
        list(open_log(tmp_path / "log.json.gz").chunks())


@pytest.mark.parametrize(
    "options",
    [
        {"on_error": "no"},
        {"actions": "no"},
        {"reward": "no"},
        {"max_features": 0},
        {"floor": 0.0},
        {"reward_range": (1, 0)},
    ],
)
def test_wrong_arguments(tmp_path, options):
    with pytest.raises(InputError):
        open_log(write(tmp_path, CB), **options)


def test_no_such_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        open_log(tmp_path / "none.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="must hold parts"):
        open_log(tmp_path / "empty")


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
    try:
        log = open_log(path, on_error="report")
        events = Events.concat(list(log.chunks()))
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert len(events) == log.faults.used
        assert np.isfinite(events.reward).all()
        assert np.isfinite(events.context).all()
    assert "\n" not in message
