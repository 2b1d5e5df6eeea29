"""A run has one writer: drivers that are killed, that meet, or that run out of disk never spoil a folder."""

import errno
import fcntl
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ltrr.errors import InputError
from ltrr.logs.tables import TABLES, Log
from ltrr.study import lock
from ltrr.study.files import read_study
from ltrr.study.folder import run_folder
from ltrr.study.lock import LOCK_FILES, driving
from ltrr.study.simulate import run_study
from ltrr.study.summary import summarise
from ltrr.study.transport import put, take

STUDY = """
name = "tiny"
question = "Does it survive?"
seed = 3
seeds = 2
rounds = 240
log_seeds = 1
[world]
kind = "music"
n_items = 300
n_queries = 100
[arms.dense.encoder]
kind = "lsa"
dim = 8
[ranker]
kind = "lambdamart"
first = 60
n_trees = 10
[loop]
arms = ["bm25", "dense", "memory"]
fallback = ["bm25"]
n_slots = 2
warmup = 40
feedback_every = 20
checkpoint_every = 40
oracle_every = 10
held_out = 20
slot_size = 6
delay_seconds = 120.0
[tuning]
shares = [1.0]
keep = [1]
seeds = [1]
[[policies]]
name = "best-static"
[[policies]]
name = "linucb"
[[policies]]
name = "vw-squarecb"
"""


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(STUDY)
    return path


def start(study_file, out, jobs=2, *more):
    """Start a driver in a session of its own, so that its workers can be found."""
    words = ["simulate", study_file, "--out", out, "--jobs", jobs, "--quiet", *more]
    return subprocess.Popen(
        [sys.executable, "-m", "ltrr", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process):
    """Return the status and the words of a driver that ends by itself."""
    _, said = process.communicate(timeout=240)
    return process.returncode, said


@pytest.fixture(scope="module")
def met(study_file, tmp_path_factory):
    """Return the folder of two drivers that were started together, and how each process ended."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    pair = [start(study_file, out) for _ in range(2)]
    return out, {process.pid: ended(process) for process in pair}


@pytest.fixture(scope="module")
def whole(met):
    """Return the folder of a run that nothing interrupted."""
    return met[0]


def files(folder):
    """Return all files of a run but its timings."""
    paths = [p for p in folder.rglob("*") if p.is_file() and p.parent != folder / "timings"]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


def assert_same(one, two):
    assert not [p for p in two.rglob("*") if p.name in LOCK_FILES or p.suffix == ".part"]
    one, two = files(one), files(two)
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []


def session(leader):
    """Return the processes of a session that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its = stat.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(its) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return found


def open_files(pid):
    try:
        return [str(p.readlink()) for p in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []


def kill_alone(process):
    """Kill a driver but not its workers, none of which has its lock."""
    inherited = [pid for pid in session(process.pid) if pid != process.pid]
    inherited = [pid for pid in inherited if any(f.endswith(".driver.lock") for f in open_files(pid))]
    process.kill()
    process.wait()  # not for its workers, which still hold its standard error: the next driver meets them
    process.stderr.close()
    assert inherited == []


def assert_no_process(leaders):
    give_up = time.monotonic() + 15
    while any(map(session, leaders)):
        assert time.monotonic() < give_up, "processes are left"
        time.sleep(0.05)


only_linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks for processes in /proc")


@only_linux
def test_a_driver_killed_alone_at_three_moments_and_resumed_at_once(study_file, whole, tmp_path):
    out, chance, leaders = tmp_path / "killed", random.Random(8), []
    for jobs in (2, 1, 2):
        before = sum(1 for _ in out.rglob("cells/*/*")) if out.exists() else 0
        process = start(study_file, out, jobs, "--resume")
        leaders.append(process.pid)
        give_up = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < give_up:
            if sum(1 for _ in out.rglob("cells/*/*")) not in (0, before):  # it makes progress
                break
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.3))
        assert process.poll() is None, process.communicate()
        kill_alone(process)
    assert ended(start(study_file, out, 2, "--resume")) == (0, "")
    assert_same(whole, out)
    assert_no_process(leaders)


@only_linux
@pytest.mark.soak
def test_drivers_killed_alone_at_thirty_moments(study_file, whole, tmp_path):
    chance, leaders, kills, n, out = random.Random(5), [], 0, 0, tmp_path / "0"
    started = time.monotonic()
    assert ended(start(study_file, tmp_path / "timed"))[0] == 0
    longest = time.monotonic() - started
    while kills < 30:
        process = start(study_file, out, chance.choice((1, 2, 3)), "--resume")
        leaders.append(process.pid)
        try:
            process.communicate(timeout=chance.uniform(0.0, 0.6 * longest))
        except subprocess.TimeoutExpired:
            kill_alone(process)
            kills += 1
        else:
            assert process.returncode == 0
            assert_same(whole, out)
            n += 1
            out = tmp_path / str(n)
    assert ended(start(study_file, out, 2, "--resume")) == (0, "")
    assert_same(whole, out)
    assert_no_process(leaders)


def test_of_two_drivers_one_is_refused(met):
    (winner,) = [pid for pid, answer in met[1].items() if answer == (0, "")]
    ((status, said),) = [answer for pid, answer in met[1].items() if pid != winner]
    assert (status, said.count("\n")) == (2, 1)
    assert f"is being written by another run (process {winner} on " in said


def full_after(n, monkeypatch):
    """Let the disk be full from the n-th file on."""
    sync, calls = os.fsync, []

    def fail(fd):
        calls.append(fd)
        if len(calls) > n:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(fd)

    monkeypatch.setattr(os, "fsync", fail)


def test_a_full_disk_and_missing_parts(study_file, whole, tmp_path, ltrr, monkeypatch):
    words = ["simulate", study_file, "--out", tmp_path / "run", "--jobs", 1, "--quiet", "--resume"]
    with monkeypatch.context() as patch:
        full_after(130, patch)
        status, out, said = ltrr(*words)
    assert (status, out, said.count("\n")) == (1, "", 1)
    assert "cannot read or write" in said
    assert "No space left on device" in said
    assert str(tmp_path / "run") in said
    (cell,) = (tmp_path / "run" / "cells").iterdir()
    policy, seed = cell.name.rsplit("-", 1)
    log = f"log/decisions/policy={policy}/seed={int(seed)}/part-00000.parquet"
    for part in (cell / "rounds-00000.parquet", cell / "oracles-00000.parquet", tmp_path / "run" / log):
        kept = part.read_bytes()
        part.unlink()
        status, _, said = ltrr(*words)
        assert (status, said.count("\n")) == (2, 1)
        assert f"{part} is missing" in said
        assert f"remove {cell}" in said
        part.write_bytes(kept)
    assert ltrr(*words) == (0, "", "")
    assert_same(whole, tmp_path / "run")


def copy(folder, target):
    for name, raw in files(folder).items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(raw)
    return target


def test_a_run_or_log_that_is_not_whole_is_refused_and_mended(study_file, whole, tmp_path):
    run = copy(whole, tmp_path / "run")
    for name in ("oracles/linucb-001.parquet", "rounds/vw-squarecb-000.parquet"):
        (run / name).unlink()

    with pytest.raises(
        InputError, match=r"oracles/linucb-001\.parquet is missing.*remove .*rounds/linucb-001"
    ):
        summarise(run, read_study(study_file))
    (run / "rounds/linucb-001.parquet").unlink()
    (run / "report.html").write_text("old")
    run_study(read_study(study_file), out=run, resume=True, quiet=True)
    assert {n: r for n, r in files(run).items() if n != "report.html"} == {
        n: r for n, r in files(whole).items() if n != "report.html"
    }
    for name in TABLES:
        for part in ("part-00005", "part-00002"):
            place = run / "log" / name / "policy=linucb" / "seed=0" / f"{part}.parquet"
            kept = place.read_bytes()
            place.unlink()
            with pytest.raises(InputError, match=f"{part}.parquet is missing, so that the log is not whole"):
                Log(run / "log").table(name)
            assert len(Log(run / "log", "vw-squarecb").table(name))
            place.write_bytes(kept)


@pytest.fixture
def never_built(monkeypatch):
    """Fail a test in which a world is built."""

    def built(_):
        raise AssertionError("the world was built")

    monkeypatch.setattr(sys.modules["ltrr.study.simulate"], "make_world", built)


def test_a_place_is_refused_before_the_world_is_built(study_file, whole, tmp_path, never_built, monkeypatch):
    study = read_study(study_file)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="holds a run already"):
        run_study(study, out=whole)
    for resume in (False, True):
        with pytest.raises(InputError, match="is not empty and holds no run"):
            run_study(study, out=tmp_path, resume=resume)
        with pytest.raises(InputError, match="cannot be written"):
            run_study(study, out=tmp_path / "file", resume=resume)
    with driving(tmp_path / "held", shared=tmp_path, note=print):
        with pytest.raises(InputError, match=rf"another run \(process {os.getpid()} on .* since 20"):
            run_study(study, out=tmp_path / "held")
        assert {p.name for p in (tmp_path / "held").iterdir()} == {*LOCK_FILES}

    def no_locks(*_):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(InputError, match="cannot lock files"):
        run_study(study, out=tmp_path / "a" / "b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "held"]


def test_a_run_that_fails_before_a_cell_leaves_nothing(study_file, tmp_path, monkeypatch):
    def bad(_):
        raise InputError("the world's file is bad")

    monkeypatch.setattr(sys.modules["ltrr.study.simulate"], "make_world", bad)
    (tmp_path / "kept").mkdir()
    for out in (tmp_path / "kept", tmp_path / "a" / "b"):
        for resume in (False, True):
            with pytest.raises(InputError, match="file is bad"):
                run_study(read_study(study_file), out=out, resume=resume, quiet=True)
    assert [p.name for p in tmp_path.rglob("*")] == ["kept"]


def test_what_killed_processes_left_is_removed(study_file, tmp_path, monkeypatch):
    run, temporary = tmp_path / "run", tmp_path / "temporary"
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    for name in ("ltrr-shared-old", "mine"):
        (temporary / name).mkdir(parents=True)
        with driving(run, shared=temporary / name, note=print):
            (run / "left").write_bytes((run / LOCK_FILES[0]).read_bytes())
        (run / "left").rename(run / LOCK_FILES[0])  # as if it had been killed
        (run / ".study.toml.4711.part").write_text("half")
        with run_folder(run, read_study(study_file), resume=False, shared=temporary, note=print):
            (run / "log").mkdir(exist_ok=True)
            assert {p.name for p in run.iterdir()} == {*LOCK_FILES, "log"}
        (run / "log").rmdir()
    assert [p.name for p in temporary.iterdir()] == ["mine"]


HOLD = """
import fcntl, sys, time
with open(sys.argv[1], "a") as file:
    fcntl.flock(file, fcntl.LOCK_SH)
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_driver_waits_for_the_workers_of_one_that_was_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.2)
    words = [sys.executable, "-c", HOLD, tmp_path / LOCK_FILES[1]]
    notes = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "held\n"
        with (
            pytest.raises(InputError, match="still written by workers of a run that was killed"),
            driving(tmp_path, shared=tmp_path, note=notes.append),
        ):
            pass
        monkeypatch.setattr(lock, "PATIENCE_SECONDS", 30.0)
        threading.Timer(0.3, worker.kill).start()
        with driving(tmp_path, shared=tmp_path, note=notes.append):
            assert worker.wait() == -signal.SIGKILL
    assert len(notes) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_was_removed_while_waiting_is_opened_anew(tmp_path):
    path, taken = tmp_path / "lock", []
    first = lock._take(path, fcntl.LOCK_EX)
    waiting = threading.Thread(target=lambda: taken.append(lock._take(path, fcntl.LOCK_EX)))
    waiting.start()
    time.sleep(0.1)
    path.unlink()
    os.close(first)
    waiting.join(10)
    assert os.path.samestat(os.fstat(taken[0]), path.stat())
    os.close(taken[0])


def test_a_worker_without_its_drivers_token_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "end_with", lambda _: None)
    with driving(tmp_path, shared=tmp_path, note=print) as driver:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        monkeypatch.setattr(os, "getppid", lambda: driver.pid)
        with lock.working(driver):
            pass
        (tmp_path / LOCK_FILES[0]).unlink()
        with pytest.raises(InputError, match="lost its"), lock.working(driver):
            pass


SCRIPT = """
import sys
import ltrr
from ltrr.bandits.uniform import Uniform

class Mine(Uniform):
    name = "mine"

def run(policy):
    world = ltrr.worlds.Music(n_items=300, n_queries=100, seed=1)
    loop = {"warmup": 20, "held_out": 0, "arms": ["bm25", "dense"], "fallback": ["bm25"], "n_slots": 1}
    few = {"rounds": 40, "seeds": 2, "jobs": 2, "quiet": True}
    return ltrr.simulate(world, policies=[policy], loop=loop, **few)

assert set(run(Mine()).summary().policy) == {"best-static", "mine"}
ltrr.registry.add_import_path(sys.argv[1])  # after the workers were started
from late_module import Late
assert set(run(Late()).summary().policy) == {"best-static", "late"}
"""


def test_workers_take_classes_of_a_script_and_of_folders_added_late(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "late_module.py").write_text(
        "from ltrr.bandits.uniform import Uniform\nclass Late(Uniform):\n    name = 'late'\n"
    )
    words = [sys.executable, tmp_path / "script.py", tmp_path / "late"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_transport_maps_arrays_and_keeps_the_file_as_it_was(tmp_path):
    import numpy as np

    fixed = np.arange(5.0)
    fixed.flags.writeable = False
    value = {
        "wide": np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4)),
        "empty": np.zeros((0, 3), np.int64),
        "strided": np.arange(10)[::2],
        "words": np.array(["a", "bc"]),
        "fixed": fixed,
        "plain": ("x", 1, None),
    }
    put(tmp_path / "value", value)
    raw = (tmp_path / "value").read_bytes()
    back = take(tmp_path / "value")
    for name, array in value.items():
        np.testing.assert_array_equal(back[name], array)
    assert back["wide"].ctypes.data % 64 == 0
    assert not back["fixed"].flags.writeable
    back["wide"][:] = -1.0
    assert (tmp_path / "value").read_bytes() == raw
    assert take(tmp_path / "value")["wide"][2, 3] == 11.0
