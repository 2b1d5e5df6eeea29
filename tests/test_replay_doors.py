"""A replay takes names, import paths, entry points and objects alike."""

import json
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pandas as pd
import pytest

from ltrr import registry
from ltrr.bandits import EpsilonGreedy
from ltrr.errors import InputError
from ltrr.logs.memory import EventsLog
from ltrr.replay import Events, Space, evaluate, read, run
from ltrr.replay.estimators import IPS, make_estimator
from ltrr.replay.estimators.slope import Slope
from ltrr.replay.intervals import Asymptotic, PoissonBootstrap, make_interval
from ltrr.replay.targets import PolicyTarget, parse_target

MODULE = '''
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from ltrr.bandits import EpsilonGreedy
from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators import IPS, Estimator
from ltrr.replay.intervals import PoissonBootstrap


@dataclass
class Share(Estimator):
    """A share of what IPS says."""

    name: ClassVar[str] = "share"
    bias: ClassVar[str] = "is a share of the truth."
    share: float = 0.5

    def terms(self, batch):
        return (self.share * batch.weight * batch.reward)[:, None]

    def combine(self, mean):
        return mean[..., 0]


class Clip(IPS):
    """Weights cut by a parameter that SLOPE may choose."""

    name = "clip"
    bias = "cuts."
    top: float

    def __init__(self, top: float = 2.0):
        self.top = top
        super().__init__()

    def fork(self):
        return Clip(self.top)

    def parameters(self):
        return {"top": self.top}

    def shrunk(self, weight):
        return np.minimum(weight, self.top)

    @classmethod
    def bent_at(cls, weight):
        return cls(weight)


@dataclass
class Needy(Share):
    """Has no default."""

    def __init__(self, share: float):
        super().__init__(share)


@dataclass
class Wide:
    """The estimate and as much to both sides as asked."""

    half: float = 1.0
    reward_range: tuple[float, float] | None = None
    name = "wide"

    def fork(self, estimator=None):
        return Wide(self.half, self.reward_range)

    def add(self, rows, key):
        pass

    def merge(self, other):
        pass

    def interval(self, estimator, level=0.95):
        half = self.half * (self.reward_range or (0.0, 1.0))[1]
        return Interval(estimator.value(), estimator.value() - half, estimator.value() + half, 2)


class Second(PoissonBootstrap):
    """A bootstrap of another name."""

    name = "second"


class First:
    """Always the first action."""

    def __init__(self, share: float = 1.0):
        self.share = share

    def probabilities(self, events):
        rest = (1.0 - self.share) / (len(events.space.actions) - 1)
        return np.tile([self.share] + [rest] * (len(events.space.actions) - 1), len(events))


class ChosenOnly:
    """Even chances, known of the chosen actions alone."""

    name = "chosen only"
    estimated = ""

    def probabilities(self, events):
        return None

    def logged(self, events):
        return np.full(len(events), 1.0 / len(events.space.actions))


class Greedy(EpsilonGreedy):
    """A policy of this package's kind."""


FINISHED = Share(0.1)


def mine(part, wanted, *, mark=";"):
    """Yield rows of a format of one's own: values apart by a mark."""
    names, *rows = [line.split(mark) for line in part.path.read_text().splitlines()]
    columns = dict(zip(names, zip(*rows)))
    yield pa.record_batch({n: list(columns[n]) for n in names if wanted is None or n in wanted})
'''


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """The name of a module that can be imported from a folder of its own."""
    folder = tmp_path_factory.mktemp("doors")
    (folder / "doors_mine.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield __import__("doors_mine")
        sys.modules.pop("doors_mine")


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(4)
    n = 1_500
    action = rng.choice(3, n, p=[0.25, 0.25, 0.5])
    p = np.where(action == 2, 0.5, 0.25)
    reward = (rng.random(n) < 0.2 + 0.2 * action).astype(float)
    space = Space(("a", "b", "c"))
    return EventsLog(Events(space, np.arange(1, n + 1), np.arange(n), action, reward, p), name="doors")


def test_an_estimator_of_ones_own_is_named_tabled_or_given(log, mine):
    asked = [
        "ips",
        "doors_mine:Share",
        "doors_mine:Share:0.25",
        {"kind": "doors_mine:Share", "share": 0.75},
        mine.Share(1.0),
        "doors_mine:FINISHED",
    ]
    table = evaluate(log, "always:c", estimators=asked).set_index("estimator")
    names = ["ips", "doors_mine:Share", "doors_mine:Share:0.25", "share:0.75", "share:1"]
    assert list(table.index) == ["on-policy", *names, "doors_mine:FINISHED"]
    shares = table.value[names[1:]] / table.value["ips"]
    assert shares.tolist() == pytest.approx([0.5, 0.25, 0.75, 1.0], rel=1e-12)
    assert table.parameter[names[1:]].tolist() == [0.5, 0.25, 0.75, 1.0]
    assert set(table.bias[names[1:]]) == {"is a share of the truth."}
    assert table.bias["ips"] == ""


def test_slope_chooses_for_a_class_that_bends_weights(log, mine):
    asked = ["doors_mine:Clip", "doors_mine:Clip:1.5", "slope:doors_mine:Clip"]
    by = evaluate(log, "always:c", estimators=asked).set_index("estimator")
    assert by.parameter["doors_mine:Clip:1.5"] == 1.5
    assert by.bias["doors_mine:Clip"] == by.bias["doors_mine:Clip:1.5"] == "cuts."
    assert "SLOPE" in by.bias["slope:doors_mine:Clip"]
    slope = Slope("doors_mine:Clip", (4.0, 2.0))
    assert [type(c) for c in slope.candidates] == [mine.Clip] * 2
    for kind in ("doors_mine:Share", "ips", "doors_mine:Clip:3"):
        with pytest.raises(InputError, match=r"`Slope.of` must be a known name"):
            Slope(kind)


def test_an_interval_of_ones_own_gets_what_was_declared(log, mine):
    asked = ["asymptotic", "doors_mine:Wide:2"]
    table = evaluate(log, "always:c", estimators=["ips"], intervals=asked, reward_range=(0.0, 3.0))
    row = table[(table.estimator == "ips") & (table.interval == "wide")].iloc[0]
    assert row.high - row.value == pytest.approx(6.0)
    for given in (mine.Wide(2.0), {"kind": "doors_mine:Wide", "half": 2.0}):
        assert make_interval(given).half == 2.0
    assert make_interval({"kind": "doors_mine:Wide"}, reward_range=(0.0, 3.0)).reward_range == (0.0, 3.0)
    assert make_interval({"kind": "bootstrap", "n_resamples": 150}, seed=4) == PoissonBootstrap(150, 4)
    found = run(log, ["always:c"], estimators=["ips"], intervals=[Asymptotic(), PoissonBootstrap(150)])
    assert set(found.table.interval) == {"asymptotic", "bootstrap"}
    both = ["bootstrap:150", mine.Second(150)]
    found = run(log, ["always:c"], estimators=["ips"], intervals=both).table
    ends = found[found.estimator == "ips"].set_index("interval")[["low", "high"]]
    assert ends.loc["bootstrap"].tolist() == ends.loc["second"].tolist()


def test_targets_of_ones_own(log, mine):
    paths = ["doors_mine:First", "doors_mine:First:0.6", "doors_mine:Greedy:0.3"]
    found = [parse_target(path, log) for path in paths]
    events = next(log.chunks())
    assert found[0].logged(events).tolist() == (events.action == 0).tolist()
    assert found[1].logged(events).tolist() == pytest.approx(np.where(events.action == 0, 0.6, 0.2))
    assert isinstance(found[2], PolicyTarget)
    assert found[2].policy.epsilon == 0.3
    same = run(log, ["doors_mine:First", "always:a"], estimators=["ips"]).table
    assert same[same.estimator == "ips"].value.nunique() == 1
    objects = run(log, [mine.First(), EpsilonGreedy(0.5)], estimators=["ips"]).table
    assert set(objects.policy) == {"as logged", "First", "epsilongreedy"}
    some = run(log, [mine.ChosenOnly()], estimators=["ips", "dm", "replay"]).table.set_index("estimator")
    assert np.isfinite(some.value[["ips", "replay"]]).all()
    assert "this policy states those of the chosen ones only" in some.reason["dm"]
    changed = parse_target("without:b?of=doors_mine:First:0.6", log)
    assert changed.logged(events).tolist() == pytest.approx(
        np.select([events.action == 0, events.action == 2], [0.75, 0.25])
    )


def test_policies_that_learn_are_names_presets_and_paths(log, mine):
    names = [f"learning:{n}" for n in ("epsilon-greedy", "doors_mine:Greedy:0.3", "vw", "vw-epsilon")]
    assert run(log, names).table.policy.tolist() == ["as logged", *names]
    for name in ("best-static", "rrf", "equal-memory-free", "linucbb", "nothing"):
        with pytest.raises(InputError, match="`learning:NAME` must name a kind of policy"):
            run(log, [f"learning:{name}"])
    with pytest.raises(InputError, match="must have `arm`"):
        run(log, ["learning:single"])


def test_a_format_of_ones_own(tmp_path, mine):
    path = tmp_path / "log.mine"
    path.write_text("action;reward;propensity\na;1;0.5\nb;0;0.5\n")
    for given in ("doors_mine:mine", mine.mine):
        log = read(path, format=given, floor=0.1)
        assert next(log.chunks()).reward.tolist() == [1.0, 0.0]
        assert log.space.floor == 0.1
    with pytest.raises(InputError, match=r"'doors_mine:mine' takes no `affinity`; .*, mark"):
        read(path, format="doors_mine:mine", affinity=True)
    path.write_text(path.read_text().replace(";", "/"))
    assert len(next(read(path, format=mine.mine, mark="/").chunks())) == 2


GROUPS = {"estimators": "Share", "intervals": "Wide", "targets": "First", "log_formats": "mine"}


@pytest.fixture
def installed(monkeypatch, mine):  # the module must be there
    """As if another distribution had entry points called ``theirs``."""

    def entries(group):
        found = GROUPS.get(group)
        return {"theirs": EntryPoint("theirs", f"doors_mine:{found}", f"ltrr.{group}")} if found else {}

    monkeypatch.setattr(registry, "_entry_points", entries)


def test_entry_points_are_names(ltrr, log, installed, tmp_path):
    table = evaluate(log, "theirs", estimators=["theirs", "theirs:0.25"], intervals=["theirs:2"])
    own = table[table.estimator != "on-policy"]
    assert own.estimator.tolist() == ["theirs", "theirs:0.25"]
    assert own.interval.tolist() == ["wide"] * 2
    assert (own.high - own.low).tolist() == pytest.approx([4.0] * 2)
    path = tmp_path / "log.txt"
    path.write_text("action;reward;propensity\na;1;0.5\nb;0;0.5\n")
    assert len(next(read(path, format="theirs").chunks())) == 2
    for group in GROUPS:
        status, out, _ = ltrr("list", group, "--json")
        assert status == 0
        assert list(json.loads(out))[-1] == "theirs"
        assert all(json.loads(out).values())


def test_what_must_be_an_instance_a_list_or_known_is_one_line(log, mine):
    wrong = [
        ({"estimators": [mine.Share]}, "must be an instance, got the class Share: write Share(…)"),
        ({"intervals": [mine.Wide]}, "must be an instance, got the class Wide: write Wide(…)"),
        ({"policies": [mine.First]}, "must be an instance, got the class First: write First(…)"),
        ({"policies": [mine.Greedy]}, "must be an instance, got the class Greedy: write Greedy(…)"),
        ({"estimators": "ips"}, "`estimators` must be a list of names or objects, got 'ips': write ['ips']"),
        ({"intervals": "bootstrap"}, "`intervals` must be a list"),
        ({"policies": "uniform"}, "`policies` must be a list of names or objects, got 'uniform': write ["),
        ({"estimators": IPS()}, "`estimators` must be a list of names or objects, got one IPS: write"),
        ({"policies": mine.First()}, "`policies` must be a list of names or objects, got one First: write"),
        ({"estimators": [3]}, "got int without `name`; inherit from `ltrr.replay.estimators.Estimator`"),
        ({"estimators": ["doors_mine:Shar"]}, "has no 'Shar'; did you mean 'Share'"),
        ({"estimators": ["nowhere:Share"]}, "no module 'nowhere' for 'nowhere:Share'"),
        ({"estimators": ["doors_mine:Share:much"]}, "`Share.share` must be a number, got 'much'"),
        ({"estimators": ["doors_mine:Share:1:2"]}, "takes share, got 'doors_mine:Share:1:2'"),
        ({"estimators": ["doors_mine:FINISHED:1"]}, "takes no parameter"),
        ({"estimators": ["doors_mine:Needy"]}, "must have `share`: write doors_mine:Needy:SHARE"),
        ({"estimators": ["doors_mine:Wide"]}, "got Wide without `needs`; inherit from"),
        ({"estimators": ["clipd-ips:3"]}, "names no known kind, got 'clipd-ips'; did you mean 'clipped-ips'"),
        ({"estimators": [{"kind": "doors_mine:Share", "shre": 1.0}]}, "has no setting 'shre'"),
        ({"intervals": ["bootstrap:few"]}, "`PoissonBootstrap.n_resamples` must be an integer, got 'few'"),
        ({"intervals": ["asymptotic:3"]}, "takes no parameter"),
        ({"intervals": ["doors_mine:First"]}, "got First without `name`"),
        ({"policies": ["doors_mine:Frst"]}, "has no 'Frst'; did you mean 'First'"),
        ({"policies": ["nowhere:First"]}, "nor is there a module 'nowhere'"),
        ({"policies": ["without:a?of=learning:linucb"]}, "give it to `ltrr.replay.run` by itself"),
    ]
    for options, message in wrong:
        with pytest.raises(InputError) as error:
            run(log, **{"policies": ["uniform"], **options})
        assert message in str(error.value)
        assert "\n" not in str(error.value)


def test_texts_and_labels_make_what_they_say():
    assert make_estimator("ltrr.replay.estimators:ClippedIPS:3") == make_estimator("clipped-ips:3")
    assert make_estimator("rips-sn:3").n_slots == 3
    own = IPS()
    assert make_estimator(own) is not own


def test_the_command_line_finds_modules_of_the_current_folder(ltrr, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doors_here.py").write_text(MODULE)
    rows = "".join(f"{'ab'[i % 2]},{i % 3 // 2},0.5\n" for i in range(60))
    (tmp_path / "log.csv").write_text(f"action,reward,propensity\n{rows}")
    own = ("--estimators", "ips,doors_here:Share:0.5", "--intervals", "doors_here:Wide:2")
    words = (
        "replay",
        "log.csv",
        *own,
        "--policy",
        "doors_here:First",
        "--policy",
        "uniform",
        "--out",
        "r",
        "-q",
    )
    try:
        assert ltrr(*words) == (0, "", "")
        table = pd.read_csv("r/estimates.csv").set_index(["policy", "estimator"])
        for policy in ("First", "uniform"):
            ips = table.value[policy, "ips"]
            assert table.value[policy, "doors_here:Share:0.5"] == pytest.approx(0.5 * ips)
            assert table.interval[policy, "ips"] == "wide"
        for option in ("--estimators", "--intervals", "--policy", "--format"):
            status, out, err = ltrr("replay", "log.csv", option, "doors_here:Nothing")
            assert (status, out, err.count("\n")) == (2, "", 1)
            assert "has no 'Nothing'" in err
    finally:
        sys.modules.pop("doors_here", None)
