"""Progress: what is shown on a terminal, in a notebook, and where there is neither; log messages."""

import io
import logging
import re
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import numba
import pytest
from numba.core import event

import ltrr
from ltrr._kernels.compiling import COMPILING, MANY, compiling
from ltrr.report import progress_views
from ltrr.report.progress import ProgressBar
from ltrr.report.progress_views import Stage, duration, view_of
from ltrr.study.study import Study
from tests.small_runs import run_small


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def monotonic(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(progress_views, "time", made)
    monkeypatch.setattr(progress_views, "FIRST_SECONDS", 10.0)
    return made


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (130, "2 min 10 s"),
        (3599.6, "1 h 0 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_line_says_how_far_how_long_and_how_much_longer(clock):
    clock.now = 130.0
    stage = Stage("linucb and 13 more × 5 seeds", lambda: 21_000, 105_000, begun=0.0)
    assert stage.line("rounds") == (
        "linucb and 13 more × 5 seeds: 21,000 of 105,000 rounds, 2 min 10 s, about 9 min left"
    )
    assert Stage("scanning", lambda: 0, None, begun=120.0).last_line("rows") == "scanning: 10 s"
    assert stage.last_line("rounds") == "linucb and 13 more × 5 seeds: 21,000 rounds in 2 min 10 s"
    assert Stage("x", lambda: 0, 10, begun=0.0).line("rounds") == "x: 0 of 10 rounds, 2 min 10 s"
    assert Stage("x", lambda: 7, None, begun=120.0).line("rows") == "x: 7 rows, 10 s"


def test_lines_come_late_and_seldom_and_a_stage_that_had_one_has_a_last(clock):
    out = io.StringIO()
    view = view_of(out, "rounds")
    done = [0]
    view.note("Preparing")
    first, second = (Stage(name, lambda: done[0], 100, begun=0.0) for name in ("first", "second"))
    view.show(first)
    for clock.now, done[0] in ((1.0, 10), (9.9, 20), (10.0, 30), (20.0, 40), (39.9, 50), (40.0, 60)):
        view.tick(first)
    clock.now, done[0] = 50.0, 100
    view.end(first, whole=True)
    view.show(second)
    view.end(second, whole=True)  # too short for a line, so none at its end
    view.close()
    assert out.getvalue().splitlines() == [
        "first: 30 of 100 rounds, 10 s, about 23 s left",
        "first: 60 of 100 rounds, 40 s, about 27 s left",
        "first: 100 rounds in 50 s",
    ]


def test_lines_say_what_takes_long_before_any_stage_and_what_a_user_should_know(clock):
    out = io.StringIO()
    view = view_of(out, "rounds")
    view.note("Preparing")
    view.remark("Compiling")
    clock.now = 9.0
    view.tick(None)
    assert out.getvalue() == ""
    clock.now = 11.0
    view.tick(None)
    view.tick(None)
    assert out.getvalue() == "Preparing\nCompiling\n"


def test_a_stage_that_breaks_off_has_no_last_line(clock):
    out = io.StringIO()
    view = view_of(out, "rounds")
    stage = Stage("first", lambda: 5, 10, begun=0.0)
    clock.now = 11.0
    view.tick(stage)
    view.end(stage, whole=False)
    assert out.getvalue() == "first: 5 of 10 rounds, 11 s, about 11 s left\n"


def shown_on_a_terminal(monkeypatch, unit, work):
    out = Terminal()
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", out)
    with ProgressBar(unit=unit) as bar:
        work(bar, out)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).replace("\r", "\n")


def test_a_terminal_has_a_bar_that_fits_and_stays(monkeypatch):
    def work(bar, out):
        bar.note("Preparing [4] :-1: arms")
        with bar.watch("[red]one[/]", lambda: 1, 2):
            pass
        with bar.watch("best-static and 13 more × 5 seeds", lambda: 210_000, 210_000):
            pass

    text = shown_on_a_terminal(monkeypatch, "rounds", work)
    last = [line.rstrip() for line in text.splitlines() if line.strip()][-1]
    assert "Preparing [4] :-1: arms" in text
    assert "[red]one[/]" in text
    assert last.startswith("best-static and 13 more × 5 seeds ")
    assert "210,000/210,000" in last
    assert max(map(len, text.splitlines())) <= 80


def test_a_terminal_counts_rows_whose_number_nobody_knows(monkeypatch):
    def work(bar, out):
        bar.stage("reading")
        bar.add(1_000)
        bar.add(500)
        while "1,500 rows" not in out.getvalue():  # drawn ten times a second
            time.sleep(0.01)
        bar.stage("estimating")

    text = shown_on_a_terminal(monkeypatch, "rows", work)
    assert re.search("reading +. +1,500 rows", text)
    assert re.search("estimating +. +0 rows", text)


class Handle:
    """Stands for an output of a notebook."""

    def __init__(self, shown):
        self.seen = [(repr(shown), shown._repr_html_())]

    def update(self, shown):
        self.seen.append((repr(shown), shown._repr_html_()))


@pytest.fixture
def notebook(monkeypatch):
    """Let this process pass for the kernel of a notebook; return the handles of its outputs."""
    handles = []

    def display(shown, *, display_id):
        assert display_id
        handles.append(Handle(shown))
        return handles[-1]

    class Python:
        class display:  # a module of this name
            pass

        @staticmethod
        def get_ipython():
            return type("Shell", (), {"kernel": object()})()

    Python.display.display = staticmethod(display)
    monkeypatch.setitem(sys.modules, "IPython", Python)
    monkeypatch.setitem(sys.modules, "IPython.display", Python.display)
    return handles


def test_a_notebook_has_one_output_with_a_line_a_stage_in_the_end(notebook, capsys):
    with ProgressBar() as bar:
        bar.note("Preparing")
        with bar.watch("a <b>", lambda: 50, 100):
            pass
        bar.remark("Compiling")
        with pytest.raises(ValueError, match="broken"), bar.watch("c", lambda: 1, 2):
            raise ValueError("broken")
    (handle,) = notebook
    texts = [text for text, _ in handle.seen]
    assert "Preparing" in texts
    assert any('<progress style="width: 16em" value="50" max="100">' in page for _, page in handle.seen)
    assert all("<b>" not in page for _, page in handle.seen)
    assert texts[-1] == "a <b>: 50 rounds in 0 s\nCompiling"
    assert handle.seen[-1][1] == "<small>a &lt;b&gt;: 50 rounds in 0 s<br>Compiling</small>"
    assert capsys.readouterr() == ("", "")


def test_a_notebook_shows_rows_as_they_are_read(notebook, monkeypatch):
    monkeypatch.setattr(progress_views._Notebook, "every_seconds", 0.01)
    with ProgressBar(unit="rows") as bar:
        bar.stage("reading")
        bar.add(1_000)
        while "reading: 1,000 rows, 0 s" not in [text for text, _ in notebook[0].seen]:
            pass
    assert repr(notebook[0].seen[-1][0]) == "'reading: 1,000 rows in 0 s'"


def test_quiet_shows_nothing_anywhere(notebook, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with ProgressBar(quiet=True) as bar:
        bar.note("a")
        bar.remark("b")
        bar.stage("c")
        with bar.watch("d", lambda: 1, 2):
            pass
    assert notebook == []
    assert sys.stderr.getvalue() == ""


def begin(module):
    """Let numba say that it begins to compile a function of a module."""

    def function():
        pass

    function.__module__ = module
    with event.trigger_event("numba:compile", data={"dispatcher": type("D", (), {"py_func": function})}):
        pass


def test_compiling_is_said_once_and_of_many_kernels_of_ours_only():
    said = []
    with compiling(lambda: said.append("said")):
        for _ in range(MANY - 1):
            begin("ltrr._kernels.users")
        for _ in range(MANY):
            begin("other.module")
        assert said == []
        for _ in range(3):
            begin("ltrr._kernels.users")
        assert said == ["said"]
    with compiling(lambda: said.append("again")):
        pass
    begin("ltrr._kernels.users")
    assert said == ["said"]


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_what_is_compiled_already_is_not_said():
    kernels = [
        numba.njit(function) for function in (lambda x: x + 1, lambda x: x + 2, lambda x: x, lambda x: -x)
    ]
    for kernel in kernels:
        kernel.py_func.__module__ = "ltrr.made"
    said = []
    for _ in range(2):
        with compiling(lambda: said.append("said")):
            assert [kernel(1) for kernel in kernels] == [2, 3, 1, -1]
    assert said == ["said"]


def test_the_package_is_silent_until_somebody_listens():
    handlers = logging.getLogger("ltrr").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)


@contextmanager
def compiling_at_once(say):
    """Stands for a cache that holds nothing."""
    say()
    yield


def test_stages_cells_and_notes_are_logged(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG, "ltrr")
    monkeypatch.setattr(ltrr.worlds.Music, "notes", ("Two names were merged.",), raising=False)
    # the package offers a function of the same name as the module
    monkeypatch.setattr(sys.modules["ltrr.study.simulate"], "compiling", compiling_at_once)
    loop = {"warmup": 20, "held_out": 0}
    run_small(tmp_path / "run", ["equal", "random"], rounds=40, log_seeds=0, loop=loop)
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert warned == ["Two names were merged."]
    assert said[0] == COMPILING
    assert re.fullmatch(r"world 'music': 300 items in [\d.]+ s", said[1])
    assert re.fullmatch(r"arms indexed: bm25, dense, memory, popular in [\d.]+ s", said[2])
    assert re.fullmatch(r"equal, seed 0: 40 rounds in [\d.]+ s", said[3])
    assert re.fullmatch(r"random, seed 0: 40 rounds in [\d.]+ s", said[4])
    assert re.fullmatch(r"summarised: 2 cells in [\d.]+ s", said[5])
    assert {record.name for record in caplog.records} == {"ltrr.study.simulate", "ltrr.study.runner"}


@pytest.mark.parametrize("command", ["replay", "validate"])
def test_rows_are_counted_and_compiling_is_said_at_the_command_line(
    command, ltrr, tmp_path, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, "ltrr")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ltrr._kernels.compiling.compiling", compiling_at_once)
    rows, remarks = [], []
    monkeypatch.setattr(ProgressBar, "add", lambda _, count: rows.append(count))
    monkeypatch.setattr(ProgressBar, "remark", lambda _, text: remarks.append(text))
    lines = [f"{i % 2},{i % 3 == 0:d},0.5" for i in range(200)]
    (tmp_path / "log.csv").write_text("\n".join(["action,reward,propensity", *lines]))
    words = ["--policy", "uniform", "--estimators", "ips"] if command == "replay" else []
    status, _, err = ltrr(command, "log.csv", *words)
    assert (status, err) == (0, "")
    assert rows
    assert set(rows) == {200}
    assert remarks == [COMPILING]
    if command == "replay":
        said = [record.getMessage() for record in caplog.records]
        assert said[0].endswith(": scanning the log")
        assert "parsed once" in said[1]
        assert said[-1].endswith(": estimating")


@pytest.mark.parametrize(
    ("policies", "seeds", "title"),
    [
        (["equal"], 1, "equal × 1 seed"),
        (["equal", "linucb"], 2, "equal and linucb × 2 seeds"),
        (["equal", "linucb", "rrf"], 5, "equal and 2 more × 5 seeds"),
    ],
)
def test_the_title_of_a_run(policies, seeds, title):
    study = ltrr.study.call.study_of(policies=["best-static"], seeds=seeds)
    specs = ltrr.study.call.study_of(policies=policies).policies[1:]
    assert isinstance(study, Study)
    assert sys.modules["ltrr.study.simulate"]._title(replace(study, policies=specs)) == title
