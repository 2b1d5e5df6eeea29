"""The page ``docs/bring-your-own.md``: its files are short, and give the same by any door."""

import importlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeRegressor

import ltrr
from ltrr import checks
from ltrr._state import pack, unpack
from ltrr.bandits import PRESETS
from ltrr.errors import InputError
from ltrr.registry import REGISTRIES, registry_of
from ltrr.simulation import Prepared, System
from ltrr.types.component import described
from tests.test_loop import Scrambled

pytestmark = pytest.mark.usefixtures("untuned")

DOCS = Path(__file__).resolve().parents[1] / "docs"
OWN = DOCS / "bring_your_own"
FILES = sorted(OWN.glob("my_*.py"))
SMALL = {"rounds": 100, "seeds": 2, "warmup": 25, "quiet": True}
LOOP = {"slot_size": 4, "feedback_every": 25, "held_out": 20, "checkpoint_every": 50}


@pytest.fixture
def ltrr_command(ltrr):
    """The command line, by a name that leaves the package its own."""
    return ltrr


@pytest.fixture(scope="module", autouse=True)
def on_the_path():
    sys.path.append(str(OWN))
    yield
    sys.path.remove(str(OWN))


def own(name):
    """Return what a file of the page defines: ``own("arm").Prefix``."""
    return importlib.import_module(f"my_{name}")


def by_objects(**changes):
    return ltrr.simulate(
        own("world").Shop(),
        arms={
            "bm25": "bm25",
            "prefix": own("arm").Prefix(),
            "trigrams": {"kind": "dense", "encoder": own("encoder").Trigrams(128)},
            "popular": "popular",
        },
        policies=["best-static", {"name": "softmax", "kind": own("policy").Softmax(1.0, "allocations")}],
        ranker=own("ranker").Perceptron(),
        user=own("user").Glance(places=4),
        measures=[own("measure").TOP_CLICK],
        loop=LOOP,
        **(SMALL | changes),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return by_objects(out=tmp_path_factory.mktemp("own") / "run")


def tables(result):
    """Return all result tables of a run by their place."""
    files = [*result.folder.glob("*.csv"), *result.folder.glob("*/*.parquet")]
    return {
        str(file.relative_to(result.folder)): pd.read_csv(file)
        if file.suffix == ".csv"
        else pd.read_parquet(file)
        for file in files
        if file.parent.name != "log"
    }


def assert_same(one, other):
    first, second = tables(one), tables(other)
    assert first.keys() == second.keys()
    for name, frame in first.items():
        pd.testing.assert_frame_equal(frame, second[name])


def test_files_are_short_and_the_page_shows_them():
    page = (DOCS / "bring-your-own.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:python|toml)\n(.*?)```", page, re.S)
    assert len(FILES) == 9
    for file in [*FILES, OWN / "study.toml"]:
        text = file.read_text(encoding="utf-8")
        assert text in blocks, file.name
        assert file.suffix == ".toml" or len(text.splitlines()) <= 35, file.name


def test_the_call_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "bring-your-own.md").read_text(encoding="utf-8")
    place = {}
    exec(re.search(r"```python\n(import ltrr\n.*?)```", page, re.S).group(1), place)  # noqa: S102
    assert set(place["result"].summary().policy) == {"best-static", "linucb", "softmax", "warm"}
    assert type(ltrr.load_policy("softmax")) is own("policy").Softmax


def test_each_passes_its_checks():
    checks.check_retriever(own("arm").Prefix())
    checks.check_policy(own("policy").Softmax())
    checks.check_ranker(own("ranker").Perceptron(), n_features=5)
    checks.check_user_model(own("user").Glance())
    checks.check_world(own("world").Shop())
    checks.check_estimator(own("estimator").CappedIPS())


@pytest.mark.parametrize("jobs", [1, 2])
def test_objects_and_import_paths_give_equal_results(run, tmp_path, jobs):
    study = OWN / "study.toml"
    named = ltrr.simulate(
        study=study,
        policies=[
            "best-static",
            {"name": "softmax", "kind": "my_policy:Softmax", "temperature": 1.0, "space": "allocations"},
        ],
        seed=20_261,
        loop=LOOP | {"oracle_every": 20},
        jobs=jobs,
        out=tmp_path / "named",
        **SMALL,
    )
    assert_same(run, named)


def test_workers_take_objects_along(run):
    assert_same(run, by_objects(jobs=2))


def test_what_a_run_wrote_runs_again(run, tmp_path):
    again = ltrr.run_study(ltrr.read_study(run.folder / "study.toml"), out=tmp_path / "again", quiet=True)
    assert (again.folder / "study.toml").read_bytes() == (run.folder / "study.toml").read_bytes()
    assert_same(run, again)


def test_a_trained_policy_is_saved_and_loaded(run, tmp_path):
    policy = run.policy("softmax")
    assert type(policy) is own("policy").Softmax
    assert policy.sums[1].sum() == SMALL["rounds"]
    policy.save(tmp_path / "softmax")
    assert (ltrr.load_policy(tmp_path / "softmax").sums == policy.sums).all()


LINES = ["17 shown=a p=0.5 click=1", "18 shown=b p=0.5 click=0", "oops", "19 shown=a p=0.5 click=0"] * 20


def test_the_own_format_is_read_by_any_door(ltrr_command, tmp_path):
    path = tmp_path / "shop.log"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    log = ltrr.logs.read(path, format=own("format").batches, on_error="skip")
    rewards = [r for events in log.chunks() for r in events.reward.tolist()]
    assert (log.space.actions, log.space.timed) == (("a", "b"), True)
    assert rewards == [1.0, 0.0, 0.0] * 20
    assert log.faults.counts["unreadable"] == 20
    words = ("--format", "my_format:batches", "--on-error", "skip", "--estimators", "ips", "--json")
    status, out, _ = ltrr_command("replay", str(path), *words, "--out", str(tmp_path / "out"))
    assert status == 0
    logged, ips = json.loads(out)
    assert (logged["n"], ips["policy"]) == (60, "uniform")
    with pytest.raises(ltrr.InputError, match="row 3: unreadable: oops"):
        list(ltrr.logs.read(path, format="my_format:batches").chunks())


def test_the_own_measure_stands_in_every_table(run):
    metrics = {"top_click", "top_click_held_out", "top_click_first", "top_click_seen"}
    assert metrics <= set(run.summary().metric)
    assert [m.label for m in run.measures] == ["click on the first place"]
    page = run.report().read_text(encoding="utf-8")
    assert "click on the first place, held-out queries" in page


def test_the_ranker_sees_an_arm_that_offers_features_and_the_page_names_one_that_does_not(run):
    assert "prefix:begins" in run.log("softmax").about["rank_features"]["softmax"]
    assert not any("cannot see" in note for note in run.notes)

    class Blind(ltrr.retrieval.Arm):
        def index(self, catalogue):
            self.arm = own("arm").Prefix()
            self.arm.index(catalogue)

        def retrieve(self, requests, depth):
            return self.arm.retrieve(requests, depth)

    seen = ltrr.simulate(
        own("world").Shop(),
        arms={"prefix": Blind(), "popular": "popular"},
        policies=["prefix"],
        loop=LOOP,
        **SMALL,
    )
    assert any("cannot see arm prefix" in note for note in seen.notes)
    assert "cannot see arm prefix" in seen.report().read_text(encoding="utf-8")


def test_the_estimator_by_import_path_at_the_command_line(run):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ltrr", "replay", str(run.folder), "--logged-policy", "softmax"),
            *("--policy", "uniform", "--estimators", "ips,my_estimator:CappedIPS:3", "--json"),
        ],
        cwd=OWN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["estimator"]: row for row in json.loads(done.stdout)}
    capped = rows["my_estimator:CappedIPS:3"]
    assert 0.0 < capped["value"] <= rows["ips"]["value"] + 1e-12
    assert "cut weights" in capped["bias"]


@pytest.fixture
def loop():
    """Return a function that makes a loop of objects alone, with a given ranker."""
    setting = ltrr.LoopSetting(
        arms=("prefix", "trigrams"), slot_size=4, warmup=20, feedback_every=20, page_size=5
    )
    arms = {"prefix": own("arm").Prefix(), "trigrams": ltrr.retrieval.Dense(own("encoder").Trigrams())}
    prepared = Prepared.build(own("world").Shop(), arms, setting)

    def make(ranker):
        streams = ltrr.Streams(seed=3)
        system = System.fork(
            prepared,
            setting,
            streams,
            policy=own("policy").Softmax(),
            ranker=ranker,
            user=own("user").Glance(),
            reward=ltrr.Reward(),
        )
        return ltrr.Loop(system, setting, streams)

    return make


RANKERS = {
    "own": lambda: own("ranker").Perceptron(),
    "tree": lambda: ltrr.ranking.SklearnRanker(DecisionTreeRegressor(max_depth=3), first=20),
}


@pytest.mark.parametrize("ranker", RANKERS)
def test_objects_never_see_the_truth(loop, ranker):
    trained = loop(RANKERS[ranker]())
    for _ in range(4):
        trained.step(20)
    plain = trained.judge_held_out(40)
    trained.system.world = Scrambled(trained.system.world)
    scrambled = trained.judge_held_out(40)
    assert (plain.page.item == scrambled.page.item).all()
    assert (plain.feedback.decision.action == scrambled.feedback.decision.action).all()
    assert not (plain.truth_page.grade == scrambled.truth_page.grade).all()


def flat(state):
    for value in state.values():
        yield from flat(value) if isinstance(value, dict) else [value]


@pytest.mark.parametrize("ranker", RANKERS)
def test_state_holds_no_pickle_and_continues_exactly(loop, ranker):
    one, other = loop(RANKERS[ranker]()), loop(RANKERS[ranker]())
    for _ in range(3):
        one.step(20)
    assert one.system.ranker.version > 0
    kept = unpack(pack(one.state()))  # plain values, and arrays that load without pickle
    raw = [v.tobytes() if isinstance(v, np.ndarray) else v for v in flat(kept)]
    raw = [v for v in raw if isinstance(v, bytes) and v]
    assert not [
        v[:20] for v in raw if v[:1] == b"\x80" and v[-1:] == b"."
    ]  # how every pickle begins and ends
    other.restore(kept)
    first, second = one.step(20), other.step(20)
    assert first.page.item.tobytes() == second.page.item.tobytes()
    assert first.score.tobytes() == second.score.tobytes()


def test_every_file_of_a_run_opens_without_pickle(run):
    states = [*run.folder.rglob("*.npz")]
    assert states
    for place in states:
        with np.load(place, allow_pickle=False) as file:
            assert all(file[name].dtype != object for name in file.files)
    suffixes = {place.suffix for place in run.folder.rglob("*") if place.is_file()}
    assert suffixes <= {".npz", ".parquet", ".json", ".toml", ".csv", ".png", ".html"}


def test_two_arms_of_a_kind_stand_side_by_side():
    result = ltrr.simulate(
        own("world").Shop(),
        arms={"titles": {"kind": "bm25", "fields": ["title"]}, "texts": {"kind": "bm25", "fields": ["text"]}},
        policies=["titles", "texts"],
        loop=LOOP,
        **SMALL,
    )
    about = result.log("titles").about
    assert about["arms"] == ["titles", "texts"]
    assert {"bm25", "titles:bm25", "texts:bm25"} <= set(about["rank_features"]["titles"])
    assert result.table(["slots_titles"]).slots_titles.to_dict() == {
        "best-static": 3.0,
        "titles": 3.0,
        "texts": 0.0,
    } | {"best-static": result.table().slots_titles["best-static"]}


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """A small distribution on the path whose entry points add an arm and a policy."""
    (tmp_path / "extra.py").write_text("from my_arm import Prefix\nfrom my_policy import Softmax\n")
    about = tmp_path / "extra-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[ltrr.arms]\nbegins = extra:Prefix\n\n[ltrr.policies]\nsoft = extra:Softmax\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = importlib.import_module("ltrr.registry")
    registry._entry_points.cache_clear()
    yield tmp_path
    registry._entry_points.cache_clear()


def test_entry_points_of_other_distributions_are_names(distribution, ltrr_command):
    assert metadata.version("extra") == "1.0"
    status, out, _ = ltrr_command("list", "arms")
    assert status == 0
    assert re.search("^begins +Finds titles that begin with", out, re.MULTILINE)
    result = ltrr.simulate(
        own("world").Shop(), arms=["begins", "popular"], policies=["soft"], loop=LOOP, **SMALL
    )
    assert set(result.summary().policy) == {"best-static", "soft"}


def test_every_group_lists_its_names_with_a_line_each(ltrr_command):
    for group in REGISTRIES:
        status, out, err = ltrr_command("list", group)
        assert (status, err) == (0, ""), group
        names = [line.split()[0] for line in out.splitlines()]
        assert set(registry_of(group).names) <= set(names)
        assert all(len(line.split()) > 2 for line in out.splitlines()), group
    assert set(PRESETS) <= {line.split()[0] for line in ltrr_command("list", "policies")[1].splitlines()}


BAD_CALLS = {
    "a class": (
        {"policies": [ltrr.bandits.LinUCB]},
        "must be an instance, got the class LinUCB: write LinUCB",
    ),
    "a text": ({"policies": "linucb"}, r"`policies` must be a list, got 'linucb'; write \['linucb'\]"),
    "a dict": ({"policies": {"name": "linucb"}}, "`policies` must be a list"),
    "no policy": ({"policies": [3]}, "`policies` must be a name"),
    "twice": ({"policies": [ltrr.bandits.LinUCB(), ltrr.bandits.LinUCB()]}, "got 'linucb' twice; name them"),
    "jobs -1": ({"jobs": -1}, "`jobs` must be an integer >= 1, got -1"),
    "jobs None": ({"jobs": None}, "`jobs` must be an integer >= 1, got None"),
    "world of a kind": ({"world": 3}, "`world` must be a name"),
    "world class": (
        {"world": ltrr.worlds.Music},
        r"`world` must be an instance, got the class Music: write Music",
    ),
    "world unknown": ({"world": "musik"}, "`world` names no known kind and no folder.* did you mean 'music'"),
    "arms text": ({"arms": "bm25"}, r"`arms` must be a table by name or a list of names"),
    "arms objects": ({"arms": [ltrr.retrieval.BM25()]}, "`arms` must give objects a name"),
    "arm class": ({"arms": {"a": ltrr.retrieval.BM25}}, "`arms.a` must be an instance, got the class BM25"),
    "arm half": ({"arms": {"a": object()}}, "object without `static`; inherit from `ltrr.retrieval.Arm`"),
    "ranker": (
        {"ranker": 3},
        "`ranker` must be a name .lambdamart, prior, rrf, convex, confidence, sklearn.",
    ),
    "user": ({"user": "navigate"}, "`user` names no known kind, got 'navigate'; did you mean 'navigational'"),
    "reward": ({"reward": {"kind": "click"}}, "`reward` names no known kind"),
    "measure": ({"measures": [3]}, "`measures` must be a name"),
    "measures": ({"measures": "ndcg"}, r"`measures` must be a list, got 'ndcg'; write \['ndcg'\]"),
    "measure twice": ({"measures": ["ndcg"]}, "got 'ndcg' twice"),
    "module": ({"user": "nowhere_at_all:X"}, "no module 'nowhere_at_all'"),
    "name in a module": ({"user": "my_user:Glanze"}, "has no 'Glanze'; did you mean 'Glance'"),
    "features": ({"ranker": {"features": [object()]}}, "`ranker.features` must hold names of arms"),
    "provider": ({"ranker": {"features": ["my_user:Glance"]}}, "must have `features"),
    "warmup": ({"warmup": 5_000}, "`rounds` must be more than the warm-up's 5000"),
    "setting": ({"loop": {"slots": 3}}, "`loop` has no setting 'slots'"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_mistakes_in_a_call_are_one_line_with_the_remedy(name, tmp_path):
    call, said = BAD_CALLS[name]
    with pytest.raises(InputError, match=said) as caught:
        ltrr.simulate(**call, out=tmp_path / "run", quiet=True)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_table_without_kind_changes_the_studys_own_settings():
    study = ltrr.read_study("default")
    small = ltrr.study.Tuning(shares=(0.1,), keep=(1,), seeds=(1,))
    result = ltrr.simulate(
        {"n_items": 300, "n_queries": 60},
        ranker={"n_trees": 5, "features": ["bm25", "popular"]},
        policies=["equal"],
        study=replace(study, tuning=small),
        loop={"held_out": 20},
        **SMALL,
    )
    settings = ltrr.read_study(result.folder / "study.toml").settings()
    assert settings["world"] == {"kind": "music", "n_items": 300, "n_queries": 60}
    assert settings["ranker"] | {"features": 0} == study.ranker.settings() | {"n_trees": 5, "features": 0}
    columns = result.log("equal").about["rank_features"]["equal"]
    assert columns[:3] == ["bm25", "bm25_share", "popularity"]
    assert "cosine" not in columns
    assert any("cannot see arm dense" in note for note in result.notes)


def test_without_policies_those_of_the_study_that_suit_arms_and_ranker_remain():
    small = ltrr.study.Tuning(shares=(0.1,), keep=(1,), seeds=(1,))
    result = ltrr.simulate(
        {"n_items": 300, "n_queries": 60},
        arms={"bm25": "bm25", "titles": {"kind": "bm25", "fields": ["title"]}},
        ranker=own("ranker").Perceptron(),
        study=replace(ltrr.read_study("default"), tuning=small),
        loop={"held_out": 0, "slot_size": 5},
        **(SMALL | {"seeds": 1, "rounds": 60}),
    )
    names = set(result.summary().policy)
    assert {"best-static", "bm25", "titles", "equal", "rrf", "linucb"} <= names
    assert not names & {"dense", "memory", "popular", "equal-memory-free"}


def cut(text):
    """A tokenizer of one's own: letters."""
    return list(text.replace(" ", ""))


class Engine:
    """Keeps its setting, and has a method whose name means something else elsewhere."""

    def __init__(self, width=3):
        self.width = width

    def parameters(self):
        return iter(())


def test_every_setting_of_an_arm_comes_from_a_table_and_goes_back_into_one():
    table = {"kind": "bm25", "k1": 0.9, "fields": ["title"], "tokenizer": f"{__name__}:cut"}
    arm = registry_of("arms").make(table["kind"], {k: v for k, v in table.items() if k != "kind"}, "arms.x")
    assert (arm.k1, arm.fields, arm.tokenizer) == (0.9, ("title",), cut)
    assert registry_of("arms").component(arm, "arms.x").settings() == table
    with pytest.raises(InputError, match=r"tokenizer` must be one of `ltrr list tokenizers`.*, got 3"):
        registry_of("arms").make("bm25", {"tokenizer": 3}, "arms.x")
    assert described(Engine(5)) == (f"{__name__}:Engine", {"width": 5}, "")


def test_a_result_takes_a_text_and_says_what_it_lacks(run):
    again = ltrr.Result(str(run.folder))
    assert again.table(["reward"]).shape == (2, 1)
    with pytest.raises(InputError, match="no metric 'rewardd'; did you mean 'reward'"):
        again.table(["rewardd"])


SCRIPT = """
import ltrr
from ltrr.bandits import Uniform

class Mine(Uniform):
    name = "mine"

class Bare:  # no annotations, no base class
    version = 0
    def __init__(self, weight=1.0): self.weight = weight
    def score(self, features): return features[:, 0] * self.weight
    def learn(self, feedback): pass
    def state(self): return {}
    def restore(self, state): pass

result = ltrr.simulate("music", policies=[Mine()], ranker=Bare(2.0), rounds=60, seeds=2, warmup=20, jobs=2,
                       loop={"held_out": 20}, out="run", quiet=True, study={STUDY})
try:
    result.policy("mine")
except ltrr.InputError as error:
    print(error)
"""


def test_classes_of_a_script_work_on_workers_and_their_study_says_that_no_file_can_name_them(tmp_path):
    study = ltrr.Study(
        rounds=60,
        world={"kind": "music", "n_items": 300, "n_queries": 60},
        policies=(ltrr.bandits.policy_spec("best-static", ()),),
        loop=ltrr.LoopSetting(warmup=20, held_out=20),
        tuning=ltrr.study.Tuning(shares=(0.1,), keep=(1,), seeds=(1,)),
    )
    (tmp_path / "small.toml").write_text(study.to_toml())
    text = SCRIPT.replace('"music", ', "").replace("{STUDY}", '"small.toml"')
    (tmp_path / "script.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "policy 'mine' was not saved" in done.stdout
    written = (tmp_path / "run" / "study.toml").read_text()
    assert "# `policies.mine`: Mine was defined in a notebook or script" in written
    with pytest.raises(
        InputError, match=r"`policies\.mine` was an object of '__main__:Mine' given in a call"
    ):
        ltrr.read_study(tmp_path / "run" / "study.toml")


def test_an_arm_without_index_is_refused_where_it_is_given():
    class Unfinished(ltrr.retrieval.Arm):
        def retrieve(self, requests, depth):
            raise AssertionError

    with pytest.raises(ltrr.InputError, match="index"):
        ltrr.simulate(own("world").Shop(), arms={"mine": Unfinished()}, policies=["mine"], loop=LOOP, **SMALL)
