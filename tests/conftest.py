"""What tests share: where the real data lies, and the command line as a function."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from ltrr.cli import main
from ltrr.study.tuning import Tuned
from tests import small_runs


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real collections and logs; tests that need it skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("LTRR_DATA", default))
    if not path.is_dir():
        pytest.skip(f"real data not found at {path}: set LTRR_DATA")
    return path


@pytest.fixture(scope="session")
def cases(data_dir) -> Path:
    """Folder of small logs that went wrong; tests that need it skip where it is absent."""
    path = Path(data_dir).parent / "cases" / "replay"
    if not path.is_dir():
        pytest.skip(f"shared cases not found at {path}")
    return path


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Keep OpenMP at one thread: parallel kernels raise its number for the whole process when they start.

    LightGBM then takes three times the processor time for the same trees. The kernels' own number stays.
    """
    threadpool_limits(1)


@pytest.fixture(scope="session", autouse=True)
def patient():
    """Let no line of progress come: on a slow machine or with a cold cache one would be due."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ltrr.report.progress_views.FIRST_SECONDS", 1e9)
        yield


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """Result of a run of six policies and two seeds, all logged; whoever uses it must not write into it."""
    return small_runs.run_small(
        tmp_path_factory.mktemp("small") / "run",
        small_runs.POLICIES,
        rounds=small_runs.ROUNDS,
        seeds=2,
        log_seeds=2,
        seed=small_runs.SEED,
        loop=small_runs.LOOP,
    )


@pytest.fixture(scope="module")
def untuned():
    """Take the best static allocation as known: its search takes longer than all else in a small run."""

    def known(runner):
        loop = runner.study.loop
        return Tuned(tuple(len(range(a, loop.n_slots, len(loop.arms))) for a in range(len(loop.arms))))

    with pytest.MonkeyPatch.context() as patch:
        # the package offers a function of the same name as the module
        patch.setattr(sys.modules["ltrr.study.simulate"], "tuned", known)
        yield


@pytest.fixture
def without_figures(monkeypatch):
    """Leave figures out of a replay's report: they are drawn from tables that are written all the same."""
    for name in ("clips", "forest", "over_time", "segments", "weights"):
        monkeypatch.setattr(f"ltrr.replay.report.figures.{name}", lambda _: None)
    monkeypatch.setattr("ltrr.replay.report.page.stamp", lambda *_: None)
    monkeypatch.setattr("ltrr.replay.report.page.as_svg", lambda *_: "")


@pytest.fixture
def ltrr(capsys):
    """Return a function that runs the command line and returns status, output and errors."""

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(w) for w in words])
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call
