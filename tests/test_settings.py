"""What the package says of its own settings: docstrings, `ltrr list`, `ltrr init`."""

import dataclasses
import functools
import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from ltrr.registry import REGISTRIES, preset, registry_of
from ltrr.simulation.setting import LoopSetting
from ltrr.study.annotate import annotated
from ltrr.study.files import read_study
from ltrr.study.settings import policy_names, policy_settings, study_settings
from ltrr.study.study import Study, Tuning
from ltrr.types.docstring import Entry, entries, first_line, first_sentence
from ltrr.types.settings import REQUIRED, settings_of
from ltrr.types.toml_text import toml_key, toml_text
from ltrr.users import PBM


class Base:
    """Hold what others share.

    Parameters
    ----------
    shared : float in (0, 1]
        Said ``here`` once. And in
        more words.
    """


class Derived(Base):
    r"""Add to it.

    Parameters
    ----------
    shared
        As in `Base`.
    one, two : int, optional
        Both of them.
    bare

    Returns
    -------
    three : int
        Is no parameter.
    """

    def __init__(self, shared: float, one: int = 1, *, two: int = 2, bare: str = "b"):
        """Do nothing."""


def test_a_docstring_by_hand():
    assert entries(Derived) == {
        "shared": Entry("float in (0, 1]", "Said here once. And in more words."),
        "one": Entry("int", "Both of them."),
        "two": Entry("int", "Both of them."),
        "bare": Entry(),
    }
    assert first_line(Derived) == "Add to it"
    assert first_line(functools.partial(Derived, one=3)) == "Add to it"
    assert entries(test_a_docstring_by_hand) == {}
    assert first_sentence("Share, e.g. 0.5, in [0, 0.9]. The rest.") == "Share, e.g. 0.5, in [0, 0.9]"


def test_settings_by_hand():
    made = preset(Derived, "with two of one", one=2)
    found = [(s.name, s.kind, s.default, s.meaning) for s in settings_of(made)]
    assert found == [
        ("shared", "float in (0, 1]", REQUIRED, "Said here once. And in more words."),
        ("one", "int", 2, "Both of them."),
        ("two", "int", 2, "Both of them."),
        ("bare", "a text", "b", ""),
    ]
    assert [s.shown for s in settings_of(made)] == ["", "2", "2", '"b"']
    assert [s.required for s in settings_of(made)] == [True, False, False, False]


@pytest.mark.parametrize("cls", [Study, LoopSetting, Tuning])
def test_every_setting_of_a_study_has_a_type_and_a_line_of_its_own(cls):
    found = settings_of(cls)
    assert [s.name for s in found] == [f.name for f in dataclasses.fields(cls)]
    assert [s.name for s in found if not s.meaning or not s.kind] == []
    assert len({s.meaning for s in found}) == len(found)


@pytest.mark.parametrize("group", sorted({*REGISTRIES} - {"targets", "log_formats", "measures"}))
def test_every_setting_of_a_component_has_a_line(group):
    registry = registry_of(group)
    bare = [f"{name}.{s.name}" for name in registry.names for s in registry.settings(name) if not s.meaning]
    assert bare == []


def test_a_missing_line_is_found():
    @dataclasses.dataclass
    class Half:
        """Half said.

        Parameters
        ----------
        first : int
            Is said.
        second : int
        """

        first: int = 1
        second: int = 2

    assert [s.name for s in settings_of(Half) if not s.meaning] == ["second"]


def test_settings_of_a_study_are_those_of_its_file():
    known = study_settings()
    table = read_study("default").settings()
    written = {f"{k}.{n}" for k in ("loop", "tuning") for n in table[k]} | {*table} - {"loop", "tuning"}
    assert written <= set(known)
    # what a study leaves out where it is at its default
    rest = {"ranker.features", "measures", "import_path", "loop.attribution_seconds"}
    assert set(known) - written == rest


def test_policies_by_name_show_what_the_name_sets():
    def defaults(name):
        return {s.name: s.default for s in policy_settings(name)}

    assert defaults("vw-squarecb")["explore"] == "squarecb"
    assert defaults("vw")["explore"] == "epsilon"
    assert defaults("dense")["arm"] == "dense"
    assert defaults("equal-memory-free") == {
        "without": ["memory"],
        "ranker": {"memory_free": True},
        "tune": False,
    }
    assert defaults("tuned-rrf") == {"ranker": {"kind": "rrf"}, "tune": True}
    assert defaults("best-static") == {"ranker": None, "tune": False}
    assert all(policy_names().values())


@pytest.mark.parametrize(
    "value",
    [
        True,
        3,
        -1.5,
        float("inf"),
        'a "quoted" \\ text\x1b\x7f\n日本',
        [],
        [1, [2.0, "x"]],
        {},
        {"a b": {"c": 1}},
    ],
)
def test_values_are_written_as_toml(value):
    assert tomllib.loads(f"v = {toml_text(value)}")["v"] == value


def test_keys_are_written_as_toml():
    for key in ("plain", "with-hyphen", "with space", "with.dot", 'with"quote', ""):
        assert tomllib.loads(f"{toml_key(key)} = 1") == {key: 1}


def settings_shown(text):
    """Return an annotated study with every default taken out of its comment."""
    return re.sub(r"^# ((?!.*\(not set\))[\w-]+ = .+)$", r"\1", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", ["default", "collection"])
def test_an_annotated_study_means_what_it_was_made_of(name, tmp_path):
    study = read_study(name)
    text = annotated(study)
    place = tmp_path / "study.toml"
    place.write_text(text)
    assert read_study(place) == study
    place.write_text(settings_shown(text))  # a default may be stated, and changes nothing
    stated = read_study(place)
    assert stated.loop == study.loop
    assert stated.ranker.params["memory_dropout"] == 0.3
    assert stated.arms["bm25"].params["method"] == "lucene"
    assert [p.name for p in stated.policies] == [p.name for p in study.policies]


def test_an_annotated_study_names_every_setting():
    text = annotated(read_study("default"))
    for name, setting in study_settings().items():
        key = name.rpartition(".")[2]
        assert f"[{key}" in text or re.search(rf"^(# )?{key} = ", text, re.MULTILINE), name
        assert first_sentence(setting.meaning)[:40] in text.replace("\n# ", " ")
    for kind in ("music", "navigational", "lambdamart"):
        assert f'kind = "{kind}"' in text
    assert (
        max(map(len, (line for line in text.splitlines() if line.startswith("# ") and "=" not in line)))
        <= 102
    )


def test_an_annotated_study_of_an_object_says_so():
    study = replace(read_study("default"), user=PBM(eta=2.0))
    assert 'kind = "pbm"' in annotated(study)
    assert "eta = 2.0" in annotated(study)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def test_init_writes_the_default_study_once(ltrr, place):
    status, out, err = ltrr("init")
    assert (status, out, err) == (0, "Wrote study.toml. Run it: ltrr simulate study.toml\n", "")
    assert replace(read_study("study.toml"), name="default") == read_study("default")
    before = Path("study.toml").read_bytes()
    status, out, err = ltrr("init")
    assert (status, out) == (2, "")
    assert err == "ltrr: study.toml exists already and is not written over; choose another name\n"
    assert Path("study.toml").read_bytes() == before
    assert ltrr("init", "mine")[2] == "ltrr: STUDY must end in .toml, got mine; write mine.toml\n"
    assert ltrr("init", "no/mine.toml")[2].startswith("ltrr: no/mine.toml cannot be written: ")
    assert [p.name for p in place.iterdir()] == ["study.toml"]


def test_init_of_a_collection_names_it(ltrr, place):
    assert ltrr("init", "mine.toml", "--collection", "beir")[0] == 0
    study = read_study("mine.toml")
    assert (study.name, study.world.params) == ("mine", {"path": str(place / "beir")})


def test_list_of_a_name_shows_its_settings(ltrr, place):
    status, out, err = ltrr("list", "users", "pbm")
    assert (status, err) == (0, "")
    assert out.startswith("pbm: Users who examine place k")
    assert "eta           float >= 0; default 1.0\n" in out
    assert '{"eye-tracking", "power"}; default "eye-tracking"' in out
    assert "ε, the attraction of an irrelevant item" in out  # of the base class
    assert max(map(len, out.splitlines())) <= 80
    found = json.loads(ltrr("list", "users", "pbm", "--json")[1])
    assert found["settings"]["eta"] == {
        "type": "float >= 0",
        "required": False,
        "default": "1.0",
        "meaning": "η, severity of position bias; 0 examines every place, 1 is the published table.",
    }


@pytest.mark.parametrize("group", [*REGISTRIES, "credit", "studies"])
def test_every_name_that_is_listed_can_be_asked_for(group, ltrr, place):
    for name in json.loads(ltrr("list", group, "--json")[1]):
        status, out, err = ltrr("list", group, name)
        assert (status, err) == (0, ""), name
        assert " ".join(out.split()).startswith(f"{name}: ")


def test_what_stands_behind_a_name_is_shown(ltrr, place):
    def settings(*words):
        return json.loads(ltrr("list", *words, "--json")[1])["settings"]

    assert settings("measures", "ndcg")["label"]["default"] == '"nDCG"'  # of a finished object
    assert "of" not in settings("measures", "ndcg")
    assert (
        settings("rankers", "lambdamart")["prior"]["default"] == '{ kind = "ltrr.ranking.prior:PriorRanker" }'
    )
    assert [*settings("targets", "always")] == ["action"]
    assert settings("users", "perfect")["stop"]["default"].startswith("[[0.0, 0.0")  # of a partial


def test_settings_of_a_study_are_listed(ltrr, place):
    status, out, _ = ltrr("list", "settings")
    found = json.loads(ltrr("list", "settings", "--json")[1])
    assert status == 0
    assert set(found) == set(study_settings())
    assert all(f"\n{name} " in f"\n{out}" for name in found)
    assert found["loop.warmup"]["default"] == "300"
    one = ltrr("list", "settings", "loop.log_shadow")[1]
    assert "candidates grows" in " ".join(one.split())  # the whole text, not its first sentence alone
    assert "candidates grows" not in out
    assert [*json.loads(ltrr("list", "settings", "tuning", "--json")[1])] == [
        "tuning.shares",
        "tuning.keep",
        "tuning.seeds",
        "tuning.draws",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["users", "pbn"], "`list users` knows no 'pbn'; did you mean 'pbm'?"),
        (["policies", "linucbb"], "`list policies` knows no 'linucbb'; did you mean 'linucb'?"),
        (["settings", "loop.wamup"], "`list settings` knows no 'loop.wamup'; did you mean 'loop.warmup'?"),
        (["settings", "ranker.n"], "`ranker.n` depends on the kind: see `ltrr list rankers NAME`"),
        (["credit", "splitt"], "`list credit` knows no 'splitt'; did you mean 'split'?"),
        (["arms", "nowhere:Arm"], "no module 'nowhere'"),
    ],
)
def test_unknown_names_are_one_line_with_the_nearest(words, said, ltrr, place):
    status, out, err = ltrr("list", *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_import_paths_are_described(ltrr, place):
    (place / "user_of_settings.py").write_text(
        "from dataclasses import dataclass\n"
        "from ltrr.users import PBM\n\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Own(PBM):\n"
        '    """Look twice.\n\n    Parameters\n    ----------\n    looks : int\n        How often.\n'
        '    """\n\n'
        "    looks: int = 2\n"
    )
    out = ltrr("list", "users", "user_of_settings:Own")[1]
    assert "user_of_settings:Own: Look twice" in out
    assert "looks         int; default 2\n              How often" in out
