"""What a replay loads, reads and writes: no more than it uses."""

import io
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ltrr import replay
from ltrr._lazy import names
from ltrr.bandits import LinUCB
from ltrr.logs.faults import Faults
from ltrr.replay import Events, Space, run
from ltrr.replay.closed_loop.known_world import EventsLog
from ltrr.replay.judging.chi_square import chi_square_tail
from ltrr.replay.judging.evaluation import COLUMNS, whole
from ltrr.replay.learning import LearningReplay
from ltrr.replay.report.files import csv_bytes
from ltrr.replay.targets import Always, ColumnTarget, Distribution, Exploration, Logged, UniformTarget
from ltrr.replay.targets.parse import parse_target, reads
from ltrr.replay.targets.reads import FEATURES, NO_COLUMNS, Reads, narrowed
from ltrr.report import canvas

HEAVY = (
    "pandas",
    "scipy.stats",
    "scipy.special",
    "sklearn",
    "lightgbm",
    "matplotlib",
    "jinja2",
    "vowpalwabbit",
)
"""What IPS and SNIPS leave alone, without figures."""

IN_MEMORY = """
import sys
import numpy as np
from ltrr.replay import Events, Space, run
from ltrr.replay.closed_loop.known_world import EventsLog
n = 200
action, reward = np.arange(n) % 2, np.arange(n) % 3 == 0
space = Space(("a", "b"))
log = EventsLog(Events(space, np.arange(n) + 1, np.arange(n), action, reward * 1.0, np.full(n, 0.5)))
found = run(log, ["uniform", "always:a"], estimators=["ips", "snips"], quiet=True)
found.report(sys.argv[1], figures=False)
"""


def log(n=300, **more):
    rng = np.random.default_rng(3)
    action, reward = rng.integers(0, 2, n), rng.integers(0, 2, n) * 1.0
    space = more.pop("space", Space(("a", "b")))
    return EventsLog(
        Events(space, np.arange(n) + 1, np.arange(n), action, reward, np.full(n, 0.5), **more),
    )


def loaded(code, *words):
    """Return what of `HEAVY` a fresh interpreter has loaded after a piece of code."""
    after = f"\nprint(*(m for m in {HEAVY} if m in sys.modules))"
    call = [sys.executable, "-c", f"import sys\n{code}{after}", *map(str, words)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_weights_need_no_heavy_library(tmp_path):
    assert loaded(IN_MEMORY, tmp_path / "out") == []
    assert (tmp_path / "out" / "estimates.csv").is_file()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_command_line_needs_none_either(tmp_path, ending):
    frame = pd.DataFrame({"action": [0, 1] * 50, "reward": [1, 0, 0, 1] * 25, "propensity": 0.5, "new": 0.4})
    frame["timestamp"] = ["2024-05-01 08:00:00", "2024-05-02T09:30:00Z"] * 50
    frame["country"], frame["revenue"], frame["user_id"] = ["DE", "FR"] * 50, 2.5, np.arange(100) % 40
    getattr(frame, f"to_{ending}")(tmp_path / f"log.{ending}", index=False)
    words = ["replay", tmp_path / f"log.{ending}", "-p", "uniform", "-p", "column:new", "--quiet"]
    words += [w for role in ("action", "reward", "propensity") for w in ("--column", f"{role}={role}")]
    words += ["--column", "timestamp=timestamp", "--column", "user=user_id", "--by", "country"]
    words += ["--metric", "revenue", "--guardrail", "revenue > -5%", "--where", "country=DE"]
    words += [
        "--column",
        "target.new=new",
        "--estimators",
        "ips,snips",
        "--no-figures",
        "--out",
        tmp_path / "o",
    ]
    code = "import sys\nfrom ltrr.cli import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n"
    assert loaded(f"{code}    assert end.code == 0, end.code", *words) == []


def test_a_package_loads_its_names_when_they_are_used():
    code = "import ltrr.replay.intervals as i\nassert not any('hoeffding' in m for m in sys.modules)\n"
    assert loaded(f"{code}i.Hoeffding\nassert any('hoeffding' in m for m in sys.modules)") == []
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        names("ltrr", {".errors": "InputError"})("nothing")


# ------------------------------------------------------------------ tables


def test_files_have_the_bytes_that_pandas_would_write():
    policies, rules = ["uniform", "always:a", "logged"], ["reward > -5%"]
    found = run(log(), policies, estimators=["ips", "snips", "replay"], guardrails=rules)
    for name in COLUMNS:
        frame = found.table if name == "estimates" else getattr(found, name)
        assert len(frame) or name == "left_out"
        assert (
            csv_bytes(COLUMNS[name], found.rows[name])
            == frame.to_csv(index=False, lineterminator="\n").encode()
        )


NUMBERS = st.one_of(st.floats(allow_infinity=True), st.integers(-(2**52), 2**52), st.none())
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(st.lists(st.tuples(TEXT, NUMBERS, st.integers(0, 9), st.floats()), min_size=1, max_size=8))
def test_any_table_has_the_bytes_that_pandas_would_write(rows):
    records = whole("weights", [dict(zip(COLUMNS["weights"], row, strict=True)) for row in rows])
    frame = pd.DataFrame(records, columns=list(COLUMNS["weights"]))
    written = csv_bytes(COLUMNS["weights"], records)
    assert written == frame.to_csv(index=False, lineterminator="\n").encode()


def test_tables_alone_are_drawn_later(ltrr, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text("action,reward,propensity\n" + "a,1,0.5\nb,0,0.5\n" * 60)
    words = ("replay", "log.csv", "--estimators", "ips", "--out", "o")
    status, out, _ = ltrr(*words, "--no-figures")
    assert status == 0
    assert out.splitlines()[-1] == "Tables: o"
    assert {p.name for p in Path("o").iterdir()} == {*(f"{name}.csv" for name in COLUMNS), "replay.json"}
    tables = {p.name: p.read_bytes() for p in Path("o").iterdir()}
    assert ltrr("report", "o")[0] == 0
    assert {name: Path("o", name).read_bytes() for name in tables} == tables
    ltrr(*words[:-1], "p")
    assert Path("p/report.html").read_bytes() == Path("o/report.html").read_bytes()


def test_a_figure_is_drawn_once(tmp_path, monkeypatch):
    drawn = []
    fix = canvas._fix
    monkeypatch.setattr(canvas, "_fix", lambda figure: (drawn.append(figure), fix(figure)))
    page = run(log(), ["uniform"], estimators=["ips"]).report(tmp_path)
    text = page.read_text()
    files = sorted(tmp_path.glob("*.svg"))
    assert [p.stem for p in files] == ["forest", "over_time", "weights"]
    assert all(p.read_text() in text for p in files)
    assert len(drawn) == len(set(map(id, drawn))) == 3


def test_json_has_null_where_there_is_no_number(ltrr, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text("action,reward,propensity\n" + "a,1,1\nb,0,1\n" * 60)
    out = ltrr("replay", "log.csv", "--estimators", "ips", "--no-figures", "--json")[1]
    row = json.loads(out)[1]
    assert (row["verdict"], row["value"], row["n"]) == ("cannot answer", None, 120)


@given(st.floats(0.0, 400.0), st.integers(1, 40))
def test_the_chi_square_tail_is_that_of_scipy(x, degrees):
    assert chi_square_tail(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-10, abs=1e-300)


# ------------------------------------------------------------------ what is read


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ("uniform", NO_COLUMNS),
        ("always:3", NO_COLUMNS),
        ("always:3?x=1", NO_COLUMNS),
        ("column:new", Reads(features=False, targets=frozenset({"new"}))),
        ("logged", NO_COLUMNS),
        ("logged:other.csv?cells=position,slot", NO_COLUMNS),
        ("logged?cells=position,age", FEATURES),
        ("epsilon:0.1", NO_COLUMNS),
        ("epsilon:0.1?of=column:new", Reads(features=False, targets=frozenset({"new"}))),
        ("mixed:0.1?of=without:a?of=logged?cells=age", FEATURES),
        ("policy:folder", FEATURES),
        ("vw:model", FEATURES),
        ("learning:linucb", FEATURES),
        ("quota:2 a + 1 b", NO_COLUMNS),
        ("module:Class:1", Reads()),
        ("nothing-known", Reads()),
        ("always", Reads()),
        ("epsilon:0.1?nothing=3", Reads()),
        (UniformTarget(), NO_COLUMNS),
        (Always("a"), NO_COLUMNS),
        (ColumnTarget("new"), Reads(features=False, targets=frozenset({"new"}))),
        (Exploration(0.1, of=ColumnTarget("new")), Reads(features=False, targets=frozenset({"new"}))),
        (Logged(cells=("slot",)), NO_COLUMNS),
        (Logged(cells=("age",)), FEATURES),
        (LinUCB(), FEATURES),
        (object(), Reads()),
    ],
)
def test_what_a_policy_reads_is_known_beforehand(item, found):
    assert reads(item) == found


def test_a_target_of_ones_own_reads_everything():
    class Own(Distribution):
        name = "own"

        def probabilities(self, events):
            return np.full(len(events.actions.action), 0.5)

    assert reads(Own()) == Reads()
    assert reads(Exploration(0.1, of=Own())) == Reads()


class Narrow(EventsLog):
    """A log that can leave columns out, and notes what it was asked for."""

    asked = ()

    def only(self, *, features, targets):
        small = Narrow(self.events)
        small.asked = (features, targets)
        self.given = small
        small.chunks_ = 0
        return small

    def chunks(self):
        if self.asked == ():
            raise AssertionError("the whole log was read")
        yield from super().chunks()


@pytest.mark.parametrize(
    ("policies", "estimators", "asked"),
    [
        (["uniform", "column:new"], ["ips", "snips"], (False, frozenset({"new"}))),
        (["uniform"], ["ips", "dr"], (True, frozenset())),
        (["uniform"], [], (True, frozenset())),
        (["uniform"], ["mips"], (False, frozenset())),
        (["logged?cells=hour", "column:new"], ["ips"], (True, frozenset({"new"}))),
        ([LearningReplay(LinUCB())], ["ips"], (True, frozenset())),
    ],
)
def test_a_log_is_read_with_what_is_used(policies, estimators, asked):
    space = Space(("a", "b"), ("hour",))
    whole_log = Narrow(log(space=space, context=np.ones((300, 1)), targets={"new": np.full(300, 0.5)}).events)
    found = run(whole_log, policies, estimators=estimators)
    assert whole_log.given.asked == asked
    assert found.faults is whole_log.given.faults
    assert found.faults.used == 300


def test_a_model_of_choices_reads_features():
    whole_log = Narrow(log().events)
    run(whole_log, ["uniform"], estimators=["ips"], propensity_model="logistic")
    assert whole_log.given.asked == (True, frozenset())


def test_a_log_that_cannot_leave_anything_out_is_read_whole():
    plain = log()
    assert narrowed(plain, NO_COLUMNS) is plain


def test_faults_are_those_of_the_pass(ltrr, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text("action,reward,propensity\n" + "a,1,0.5\nb,0,0.5\n" * 30 + "a,1,7\n")
    words = ("--estimators", "ips", "--no-figures", "--out", "o", "--quiet", "--on-error", "report")
    assert ltrr("replay", "log.csv", *words)[0] == 0
    assert Path("o/faults.csv").read_text().splitlines()[1].startswith("61,")
    assert isinstance(replay.run(replay.read("log.csv", on_error="skip")).faults, Faults)


# ------------------------------------------------------------------ hints


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ("linucb", "write learning:linucb"),
        ("linubc", "did you mean 'learning:linucb'"),
        ("unifrom", "did you mean 'uniform'"),
        ("zzz", "known: always, column"),
    ],
)
def test_a_policy_that_learns_is_named_as_it_is_written(given_, said):
    with pytest.raises(replay.call.InputError, match=said):
        parse_target(given_, log())


def test_numbers_of_a_table_read_again_are_the_same(tmp_path):
    found = run(log(), ["uniform"], estimators=["ips", "snips"])
    found.report(tmp_path, figures=False)
    again = replay.report.read_replay(tmp_path)
    for name in COLUMNS:
        for one, other in zip(found.rows[name], again.rows[name], strict=True):
            for key, value in one.items():
                gone = isinstance(value, float) and math.isnan(value)
                assert math.isnan(other[key]) if gone else other[key] == value
    assert io.StringIO(again.table.to_csv()).read() == found.table.to_csv()
