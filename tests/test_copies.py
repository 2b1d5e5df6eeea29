"""Copies are found exactly, however a log is cut into chunks and wherever its rows are kept."""

import resource
import signal
import subprocess
import sys
import tempfile

import numba
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs import copy_finder
from ltrr.logs.copies import KEEP, find_places, place_of
from ltrr.logs.copy_finder import CopyFinder
from ltrr.logs.identity import Identity, identify
from tests.naive_replay_checks import naive_copies

nan = float("nan")

NAMES = ("rows", "slot", "first", "agree", "reward", "first_reward", "apart", "apart_slot", "begins")


def find(rows, sizes=(1_000,), *, ids="int", slots=True, others=True, in_memory=copy_finder.IN_MEMORY):
    """Find the copies among rows of (event, slot, reward, action, propensity), read in chunks."""
    finder, begin, i = CopyFinder(in_memory), 0, 0
    while begin < len(rows):
        chunk = rows[begin : begin + sizes[i % len(sizes)]]
        event, slot, reward, action, propensity = zip(*chunk, strict=True)
        finder.add(
            ids_of(event, ids),
            row=np.arange(begin + 1, begin + len(chunk) + 1),
            reward=np.array(reward),
            slot=np.array(slot, np.int16) if slots else None,
            action=np.array(action) if others else None,
            propensity=np.array(propensity) if others else None,
        )
        begin, i = begin + len(chunk), i + 1
    return finder.finish()


def ids_of(event, ids):
    """Return events as integers, or as texts of some type."""
    if ids == "int":
        return pa.array(event, pa.int64())
    texts = [None if e is None else f"event-{e}" for e in event]
    if ids == "dictionary":
        return pa.array(texts, pa.string()).dictionary_encode()
    return np.array(texts, object) if ids == "object" else pa.array(texts, pa.string())


def plain(found):
    """Return copies as the twin has them."""
    return (
        {
            r: (f, a)
            for r, f, a in zip(found.rows.tolist(), found.first.tolist(), found.agree.tolist(), strict=True)
        },
        dict(zip(found.apart.tolist(), found.begins.tolist(), strict=True)),
    )


def twin(rows, *, slots=True, others=True):
    names = ("event", "slot", "reward", "action", "propensity")
    as_dicts = [
        dict(zip(names, row, strict=True)) | {"row": i, "unattached": False} for i, row in enumerate(rows, 1)
    ]
    if not others:
        as_dicts = [row | {"action": 0, "propensity": 1.0} for row in as_dicts]
    return naive_copies(as_dicts, ids=True, slots=slots)


ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-3, 8)),
        st.integers(-1, 3),
        st.sampled_from([0.0, -0.0, 1.0, nan]),
        st.integers(0, 9).map(lambda x: int(x == 0)),
        st.sampled_from([0.5, 0.5, 0.5, 0.25, nan, 0.0, -0.0]),
    ),
    max_size=60,
)


@given(
    rows=ROWS,
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    ids=st.sampled_from(["int", "text", "dictionary", "object"]),
    slots=st.booleans(),
    others=st.booleans(),
    in_memory=st.integers(1, 50),
)
@settings(max_examples=20 if numba.config.DISABLE_JIT else 150, deadline=None)
def test_equals_a_dictionary_of_lists(rows, sizes, ids, slots, others, in_memory):
    how = {"ids": ids, "slots": slots, "others": others}
    found = find(rows, sizes, in_memory=in_memory, **how)
    assert plain(found) == twin(rows, slots=slots, others=others)
    whole = find(rows, **how)
    for name in NAMES:
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    for values in (found.rows, found.apart):
        assert (np.diff(values) > 0).all()
    if slots:
        assert found.slot.tolist() == [rows[i - 1][1] for i in found.rows]
        assert found.apart_slot.tolist() == [rows[i - 1][1] for i in found.apart]
    rewards = np.array([row[2] for row in rows])
    np.testing.assert_array_equal(found.reward, rewards[found.rows - 1] if len(rows) else [])
    np.testing.assert_array_equal(found.first_reward, rewards[found.first - 1] if len(rows) else [])


def ruled(keep, rewards):
    """Return the reward that a rule gives the first of several copies."""
    known = [reward for reward in rewards if reward == reward]
    if keep in ("first", "last"):
        return rewards[0 if keep == "first" else -1]
    if not known:
        return nan
    return max(known) if keep == "max" else sum(known)


@given(rows=ROWS)
@settings(max_examples=50, deadline=None)
def test_rules_equal_their_loops(rows):
    found = find(rows, slots=False)
    groups = {}
    for row, first in zip(found.rows.tolist(), found.first.tolist(), strict=True):
        groups.setdefault(first, [rows[first - 1][2]]).append(rows[row - 1][2])
    for keep in KEEP:
        expected = [ruled(keep, groups[first]) for first in sorted(groups)]
        rewards = found.keeping(keep).rewards
        assert (rewards[0] >> 16).tolist() == sorted(groups)
        np.testing.assert_array_equal(rewards[1], expected)


def test_by_hand():
    rows = [
        (7, 0, 1.0, 0, 0.5),
        (7, 1, 0.0, 1, 0.5),
        (8, 0, 0.0, 0, 0.5),
        (7, 1, 0.0, 1, 0.25),
        (7, 2, 0.0, 0, 0.5),
    ]
    found = find(rows)
    assert plain(found) == ({4: (2, False)}, {5: 1})
    assert found.disputed.tolist() == [(2 << 16) + 1]
    # without slots every row is a request
    assert plain(find(rows, slots=False, others=False)) == ({2: (1, False), 4: (1, False), 5: (1, False)}, {})
    # -0 equals 0, and NaN equals NaN
    same = [(7, 0, nan, 0, 0.0), (7, 0, nan, 0, -0.0), (8, 0, 0.0, 1, nan), (8, 0, -0.0, 1, nan)]
    assert plain(find(same)) == ({2: (1, True), 4: (3, True)}, {})
    assert plain(find([])) == ({}, {})
    assert plain(find([(None, 0, 1.0, 0, 0.5)] * 3)) == ({}, {})


def test_rows_that_are_skipped_separate_nothing():
    finder = CopyFinder()
    finder.add(
        np.array([7, 0, 7, 7]),
        row=np.arange(1, 5),
        reward=np.zeros(4),
        slot=np.array([0, 0, 1, 0]),
        skip=np.array([False, True, False, True]),
    )
    assert plain(finder.finish()) == ({}, {})


def test_large_integers_and_unsigned_ones():
    for ids in (np.array([2**64 - 1, 5, 2**64 - 1], np.uint64), np.array([-(2**63), 1, -(2**63)])):
        for event in (ids, pa.array(ids)):
            finder = CopyFinder(1)
            finder.add(event, row=np.arange(1, 4), reward=np.zeros(3))
            assert finder.finish().rows.tolist() == [3]


def test_keys_that_share_their_hash_are_compared(monkeypatch):
    # first halves alike, second halves not: as if two texts collided in 64 bits
    ids = Identity(np.zeros(4, np.uint64), np.array([1, 2, 1, 3], np.uint64), np.zeros(4, bool))
    monkeypatch.setattr(copy_finder, "identify", lambda event: ids)
    finder = CopyFinder()
    finder.add(["?"], row=np.arange(1, 5), reward=np.zeros(4), slot=np.zeros(4, np.int16))
    assert plain(finder.finish()) == ({3: (1, True)}, {})


def test_columns_must_fit():
    finder = CopyFinder()
    with pytest.raises(InputError, match=r"`reward` must have shape \(2\)"):
        finder.add(np.array([1, 2]), row=np.arange(2), reward=np.zeros(3))
    finder.add(np.array([1, 2]), row=np.arange(2), reward=np.zeros(2))
    with pytest.raises(InputError, match="integers or texts in the whole log, got both"):
        finder.add(np.array(["a"]), row=np.arange(1), reward=np.zeros(1))
    with pytest.raises(InputError, match=r"`CopyFinder.in_memory` must be"):
        CopyFinder(0)


def test_places_in_a_chunk_in_any_order():
    at, which = find_places(np.array([9, 4, 7]), np.array([1, 4, 8, 9, 12]))
    assert (at.tolist(), which.tolist()) == ([1, 0], [1, 3])
    assert len(find_places(np.zeros(0, np.int64), np.array([1]))[0]) == 0
    assert len(find_places(np.array([5]), np.array([1, 9]))[0]) == 0
    places = place_of(np.array([3, 3, 3, 4]), np.array([0, 7, -1, 0], np.int16))
    assert (np.diff(places) > 0).all()
    np.testing.assert_array_equal(place_of(np.array([3, 4]), None), places[[0, 3]])


# ------------------------------------------------------------------------------- the temporary file


def filled(folder=None, n=2_000):
    finder = CopyFinder(1_000, folder)
    ids = np.random.default_rng(1).integers(0, 5_000, n)
    for begin in range(0, n, 100):
        finder.add(ids[begin : begin + 100], row=np.arange(begin, begin + 100), reward=np.zeros(100))
    return finder


def test_the_file_has_no_name(tmp_path):
    finder = filled(str(tmp_path))
    assert finder.spilled_bytes == 2_000 * 24
    assert finder.place == str(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(finder.finish().rows) == 2_000 - len(
        np.unique(np.random.default_rng(1).integers(0, 5_000, 2_000))
    )
    assert CopyFinder().place == tempfile.gettempdir()


KILLED = """
import sys, time
from tests.test_copies import filled
finder = filled(sys.argv[1])
assert finder.spilled_bytes
print("spilled", flush=True)
time.sleep(60)
"""


@pytest.mark.compiled
def test_a_killed_process_leaves_nothing_behind(tmp_path):
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"spilled\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line(tmp_path):
    # a limit on the size of files stands for a full disk
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
        with pytest.raises(InputError) as error:
            filled(str(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    text = str(error.value)
    assert text.startswith(f"cannot write the temporary file of the search for repeated events in {tmp_path}")
    assert "TMPDIR" in text
    assert "\n" not in text


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"No such file or directory.* set TMPDIR"):
        filled(str(tmp_path / "none"))


@pytest.mark.soak
def test_memory_does_not_grow_with_the_log():
    code = """
import resource, sys
import numpy as np
from ltrr.logs.copy_finder import CopyFinder
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
finder = CopyFinder(100_000)
for begin in range(0, int(sys.argv[1]), 50_000):
    row = np.arange(begin, begin + 50_000)
    finder.add(row % 1_999_000, row=row, reward=np.zeros(50_000))
    if begin == 200_000:
        before = peak()
found = finder.finish()
print(len(found.rows), peak() - before)
"""
    run = subprocess.run([sys.executable, "-c", code, "2000000"], capture_output=True, check=True, text=True)
    repeated, kilobytes = (int(x) for x in run.stdout.split())
    assert repeated == 1_000
    # all rows at once would be 48 MB
    assert kilobytes < 20_000


# --------------------------------------------------------------------------------------------- ids


@pytest.mark.compiled
def test_identify_tells_ids_apart():
    texts = [f"{'x' * (i % 40)}{i}" for i in range(20_000)]
    for event in (
        np.array(texts),
        np.array(texts, object),
        pa.array(texts),
        pa.chunked_array([texts[:5], texts[5:]]),
    ):
        found = identify(event)
        assert len(set(zip(found.first.tolist(), found.second.tolist(), strict=True))) == 20_000
        np.testing.assert_array_equal(found.key, identify(np.array(texts)).key)
        assert not found.missing.any()
    sliced = identify(pa.array(texts).slice(7, 3))
    np.testing.assert_array_equal(sliced.key, identify(np.array(texts[7:10])).key)
    np.testing.assert_array_equal(
        identify(pa.array(["a", "b", "a"]).dictionary_encode()).key, identify(np.array(["a", "b", "a"])).key
    )
    # neither zero bytes nor where a word of eight bytes ends are lost
    near = ["a", "a\0", "a\0\0", "\0a", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaa\0", "é", "e"]
    assert len(set(identify(np.array(near, object)).key.tolist())) == len(near)
    lone = identify(np.array(["\ud800", None, "b"], object))
    assert lone.missing.tolist() == [False, True, False]
    assert identify(np.array([2**64 - 1, 5], np.uint64)).key.tolist() == [-1, 5]
    assert len(identify(np.array([], str)).key) == len(identify(pa.array([], pa.string())).key) == 0


@pytest.mark.compiled
def test_hashes_spread():
    # chi-square of 16 bits' counts over 2^16 near-equal ids against 2^16 − 1 ± six standard deviations
    found = identify(np.array([f"id-{i:08d}" for i in range(2**16)]))
    for words in (found.first, found.second):
        for shift in (0, 48):
            bins = np.bincount(((words >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(int), minlength=2**16)
            statistic = float(((bins - 1.0) ** 2).sum())
            assert abs(statistic - 2**16) < 6 * np.sqrt(2 * 2**16)


@pytest.mark.parametrize("step", [1, 1_000, 2**20, 2**40])
def test_parts_of_the_file_are_of_like_size(step):
    finder, n = CopyFinder(1), 20_000
    finder.add(np.arange(n) * step, row=np.arange(n), reward=np.zeros(n))
    sizes = np.diff(finder._ends[0]) // 24
    assert sizes.sum() == n
    assert sizes.max() < 3 * n / len(sizes)


def test_dictionaries_and_nulls():
    for values in (["a", None, "b", "", "a"], [5, None, 6, 7, 5]):
        array = pa.array(values)
        for event in (array, array.dictionary_encode(), pa.chunked_array([array]).combine_chunks()):
            found = identify(event)
            assert found.missing.tolist() == [value in (None, "") for value in values]
            assert found.key[0] == found.key[4] != found.key[2]
    assert identify(pa.array([None, None])).missing.all()
    assert identify(pa.array([None, None], pa.string()).dictionary_encode()).missing.all()
    assert identify(pa.array([7, None])).key[0] == 7
