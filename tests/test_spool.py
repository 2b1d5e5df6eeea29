"""The temporary file of parsed rows: what is read is what was written, and nothing stays behind."""

import signal
import subprocess
import sys
import time
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs.regroup import regrouped, resized
from ltrr.logs.spool import Spool


def batch(texts, lists):
    return pa.record_batch(
        {
            "d": pa.array(texts, pa.string()).dictionary_encode(),
            "l": pa.ListArray.from_arrays(
                pa.array([0, *(len(lists[: i + 1]) for i in range(len(texts)))], pa.int32()),
                pa.array(lists[: len(texts)], pa.string()).dictionary_encode(),
            ),
        }
    )


def test_dictionaries_may_differ_from_batch_to_batch(tmp_path):
    spool = Spool(str(tmp_path))
    written = [batch(["a", None, "b"], ["x", "y", "x"]), batch(["c"], ["z"]), batch(["b", "a"], ["y", "z"])]
    for i, one in enumerate(written):
        spool.write(f"part {i}", one)
    spool.close()
    assert list(tmp_path.iterdir()) == []  # no name from the start
    assert spool.size > 0
    for _ in range(2):
        read = list(spool.batches(["l", "d"]))
        assert [part for part, _ in read] == ["part 0", "part 1", "part 2"]
        assert [one.to_pydict() for _, one in read] == [w.select(["l", "d"]).to_pydict() for w in written]


def test_two_passes_at_once_do_not_disturb_one_another():
    spool = Spool()
    for i in range(40):
        spool.write("p", pa.record_batch({"x": [i] * 1000}))
    spool.close()
    pairs = zip(spool.batches(["x"]), spool.batches(["x"]), strict=True)
    seen = [(one.column(0)[0].as_py(), two.column(0)[0].as_py()) for (_, one), (_, two) in pairs]
    assert seen == [(i, i) for i in range(40)]


def test_a_column_that_is_not_there_is_left_out():
    spool = Spool()
    spool.write("p", pa.record_batch({"x": [1]}))
    spool.close()
    assert [one.schema.names for _, one in spool.batches(["x", "y"])] == [["x"]]
    assert list(Spool().batches(["x"])) == []


FULL = """
import resource, signal, sys
import pyarrow as pa
from ltrr.errors import InputError
from ltrr.logs.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
spool = Spool(sys.argv[1])
try:
    for i in range(100):
        spool.write("p", pa.record_batch({"x": list(range(i, i + 5000))}))
    spool.close()
except InputError as error:
    print(error)
"""


def test_a_full_disk_is_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"cannot write the temporary file of the parsed log in {tmp_path} (")
    assert line.endswith("set TMPDIR to a folder with free space")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot write the temporary file of the parsed log"):
        Spool(str(tmp_path / "none")).write("p", pa.record_batch({"x": [1]}))


KILLED = """
import sys, time
import pyarrow as pa
from ltrr.logs.spool import Spool
spool = Spool(sys.argv[1])
spool.write("p", pa.record_batch({"x": list(range(100_000))}))
print("ready", flush=True)
time.sleep(60)
"""


def test_nothing_stays_behind_after_a_kill(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    child.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_a_discarded_spool_frees_its_file(tmp_path):
    spool = Spool(str(tmp_path))
    spool.write("p", pa.record_batch({"x": [1]}))
    started = time.monotonic()
    spool.discard()
    assert list(spool.batches(["x"])) == []
    assert time.monotonic() - started < 10


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.integers(0, 3), max_size=7)), max_size=6),
    st.integers(1, 5),
)
def test_batches_are_cut_anew_without_losing_a_row(parts, rows):
    parts = sorted(parts, key=lambda part: part[0])
    given_ = [(name, pa.record_batch({"x": pa.array(values, pa.int64())})) for name, values in parts]
    out = [(name, one.column(0).to_pylist()) for name, one in resized(given_, rows)]
    for part in "ab":
        mine = [v for name, values in parts if name == part for v in values]
        cut = [values for name, values in out if name == part and values]
        assert [v for values in cut for v in values] == mine
        assert all(len(values) == rows for values in cut[:-1])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from([1, 2, None]), max_size=6), max_size=6))
def test_requests_stay_whole(batches):
    """Equal neighbours, and rows without an id after them, are never in different batches."""
    given_ = [
        (str(i), pa.record_batch({"r": pa.array(values, pa.int64())})) for i, values in enumerate(batches)
    ]
    out = [one.column(0).to_pylist() for _, one in regrouped(given_, "r", "log")]
    assert [v for values in out for v in values] == [v for values in batches for v in values]
    for before, after in pairwise(out):
        known = [v for v in before if v is not None]
        assert after[0] is not None
        assert not known or after[0] != known[-1]
