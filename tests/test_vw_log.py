"""Logs in Vowpal Wabbit's text, read as events."""

import numpy as np
import pytest

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.reading import read as read_log
from ltrr.logs.registry import LOG_FORMATS
from tests.naive_vw import naive_features, naive_label

pytestmark = pytest.mark.skipif("vw" not in LOG_FORMATS.names, reason="the format is not registered yet")

ADF = """shared |u age:30 vip
0:-1:0.25 |a red
 |a blue:2

 |a red
'tag 7:0.5:.75 |a:3 blue:2 x

shared |u vip
|a red
|a x
"""


def write(tmp_path, text, name="log.vw"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def read(path, **options):
    log = read_log(path, format="vw", **{"on_error": "report", **options})
    return log, Events.concat(list(log.chunks()))


def test_real_file(data_dir):
    path = data_dir / "vw_logs" / "rcv1_raw_cb_small.vw"
    lines = path.read_text(encoding="utf-8").splitlines()
    log, events = read(path, features=True, max_features=10_000)
    labels = [naive_label(line)[1] for line in lines]
    assert log.space.actions == ("1", "2")
    assert len(events) == 1000
    assert events.action.tolist() == [int(a) - 1 for a, _, _ in labels]
    assert events.reward.tolist() == [0.0 - cost for _, cost, _ in labels]
    assert events.propensity.tolist() == [p for _, _, p in labels]
    assert events.reward.mean() == pytest.approx(-0.477)
    want = [naive_features(line) for line in lines]
    assert set(log.space.context_names) == set().union(*want)
    column = {name: j for j, name in enumerate(log.space.context_names)}
    matrix = np.zeros(events.context.shape, np.float32)
    for r, found in enumerate(want):
        for name, value in found.items():
            matrix[r, column[name]] = value
    assert np.array_equal(events.context, matrix)
    plain = read(path, features=False)[1]
    assert plain.context.shape == (1000, 0)
    assert np.array_equal(plain.reward, events.reward)
    capped = read(path, features=True, max_features=50)[0]
    assert len(capped.space.context_names) == 50
    assert capped.left_out == (len(column) - 50, 0)
    frequency = dict(zip(log.space.context_names, (matrix != 0).sum(axis=0), strict=True))
    rest = [n for name, n in frequency.items() if name not in capped.space.context_names]
    assert min(frequency[name] for name in capped.space.context_names) >= max(rest)


def test_a_line_for_each_action(tmp_path):
    log, events = read(write(tmp_path, ADF), features=True)
    assert log.space.actions == ("1", "2")
    assert events.row.tolist() == [1, 5]
    assert events.action.tolist() == [0, 1]
    assert events.reward.tolist() == [1.0, -0.5]
    assert events.propensity.tolist() == [0.25, 0.75]
    assert events.eligible.tolist() == [0, 1, 0, 1]
    assert log.faults.counts["dangling event"] == 1
    assert [f.row for f in log.faults.kept if f.kind == "dangling event"] == [8]
    assert log.space.context_names == ("u.age", "u.vip")
    assert events.context.tolist() == [[30, 1], [0, 0]]
    assert log.space.feature_names == ("a.blue", "a.red", "a.x")
    assert events.features.tolist() == [[0, 1, 0], [2, 0, 0], [0, 1, 0], [6, 0, 3]]


def test_lines_for_actions_over_chunks(tmp_path):
    one = "shared |u n\n |a x\n0:-1:0.5 |a y:2\n |a z\n\n"
    two = "0:1:0.25 |a x\n |a y\n\n"
    path = write(tmp_path, (one + two) * 4000)
    whole = read(path, features=True)[1]
    log = read_log(path, format="vw", on_error="report", features=True, chunk_rows=1000)
    chunks = list(log.chunks())
    parts = Events.concat(chunks)
    assert len(chunks) > 3
    assert len(parts) == 8000
    for field in ("row", "action", "reward", "propensity", "indptr", "eligible", "context", "features"):
        assert np.array_equal(getattr(whole, field), getattr(parts, field)), field
    assert parts.action.tolist() == [1, 0] * 4000
    assert parts.row.tolist()[:3] == [1, 6, 9]


def test_actions_that_a_label_lists(tmp_path):
    log, events = read(write(tmp_path, "1:-1:0.5 3 | x\n2:0:0.25 7| a tag\n4 2:1:1 1 |\n"))
    assert log.space.actions == ("1", "2", "3", "4")
    assert events.action.tolist() == [0, 1, 1]
    assert events.indptr.tolist() == [0, 2, 6, 9]
    assert events.eligible.tolist() == [0, 2, 0, 1, 2, 3, 3, 1, 0]


def test_tags_numbers_and_line_ends(tmp_path):
    text = "1:+1:.5 'tag | x\r\n2:1.:5e-1 tag| x:+.5 y:-2.\n\n \t\n'tag 2:-2:0.5 |\n1:-.5:1.0"
    _, events = read(write(tmp_path, text), features=True)
    assert events.row.tolist() == [1, 2, 5, 6]
    assert events.action.tolist() == [0, 1, 1, 0]
    assert events.reward.tolist() == [-1, -1, 2, 0.5]
    assert events.propensity.tolist() == [0.5, 0.5, 0.5, 1.0]
    assert events.context.tolist() == [[1, 0], [0.5, -2], [0, 0], [0, 0]]


def test_namespaces(tmp_path):
    line = "1:0:0.5 |user:0.5 age:30 vip |item vip:2 |:2 z | plain |user age"
    log, events = read(write(tmp_path, line + "\n2:0:0.5 |user vip\n"), features=True)
    want = naive_features(line)
    names = log.space.context_names
    assert dict(zip(names, events.context[0].tolist(), strict=True)) == {n: want.get(n, 0.0) for n in names}
    assert want == {"user.age": 16.0, "user.vip": 0.5, "item.vip": 2.0, "z": 2.0, "plain": 1.0}


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("x:1:0.5 | x", "unreadable", "got 'x:1:0.5'"),
        ("1:1:0.5:2 | x", "unreadable", "got '1:1:0.5:2'"),
        ("1.5:1:0.5 | x", "unreadable", "got '1.5:1:0.5'"),
        ("1:1:0.5 2:0:0.5 | x", "unreadable", "several actions have costs"),
        ("-1:1:0.5 | x", "unreadable", "got '-1:1:0.5'"),
        ("| x", "dangling event", "without an outcome"),
        ("1 2 | x", "dangling event", "without an outcome"),
        ("1:nan:0.5 | x", "missing value", ""),
        ("1:inf:0.5 | x", "reward not finite", ""),
        ("1:1:0 | x", "propensity not positive", ""),
        ("1:1:1.5 | x", "propensity above 1", ""),
        ("1:1 | x", "propensity missing", ""),
        ("1:1:0.5 | x:y", "context not finite", ""),
    ],
)
def test_faulty_lines(tmp_path, line, kind, message):
    good = "1:1:0.5 | x\n2:0:0.25 | x\n"
    log, events = read(write(tmp_path, good + line + "\n" + good), features=True)
    spoilt = {k: n for k, n in log.faults.counts.items() if k not in ("constant column",)}
    assert spoilt == {kind: 1}
    (fault,) = (f for f in log.faults.kept if f.kind == kind)
    assert fault.row == 3
    assert message in fault.detail
    assert events.row.tolist() == [1, 2, 4, 5]


def test_action_zero_is_none(tmp_path):
    log, events = read(write(tmp_path, "1:1:0.5 | x\n0:1:0.5 | x\n"))
    assert events.row.tolist() == [1]
    assert log.faults.skipped == 1


@pytest.mark.parametrize("text", ["", "\n\n", "hello\n", "| a b\n", '{"_label_cost":1}\n'])
def test_files_without_a_label(tmp_path, text):
    with pytest.raises(InputError, match=r"must hold (labels|rows|decisions with outcomes)"):
        list(read_log(write(tmp_path, text), format="vw").chunks())


def test_other_kinds_of_label_are_refused(tmp_path):
    with pytest.raises(InputError, match="must be cb or cb_adf text, got 'ccb'"):
        list(
            read_log(
                write(tmp_path, "ccb shared | x\nccb action | y\nccb slot 0:1:0.5 |\n\n"), format="vw"
            ).chunks()
        )


@pytest.mark.parametrize(
    "options",
    [{"on_error": "no"}, {"chunk_rows": 0}, {"max_features": 0}, {"floor": 2.0}, {"reward_range": (1, 0)}],
)
def test_wrong_arguments(tmp_path, options):
    with pytest.raises(InputError):
        read_log(write(tmp_path, ADF), format="vw", **options)


def test_actions_that_some_lines_list(tmp_path):
    """Where any line lists actions, each line's list counts; of the others all actions could be chosen."""
    none, listed = "1:-1:0.5 | x\n2:0:0.5 | y\n", "3:0:0.5 1 | z\n"
    log, events = read(write(tmp_path, none))
    assert events.indptr is None
    assert log.space.actions == ("1", "2")
    log, events = read(write(tmp_path, none + listed))
    assert log.space.actions == ("1", "2", "3")
    assert events.indptr.tolist() == [0, 3, 6, 8]
    assert events.eligible.tolist() == [0, 1, 2, 0, 1, 2, 2, 0]
