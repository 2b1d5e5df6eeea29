"""Studies: what a file may say, and that whatever else it says is one clear line."""

import re
import tomllib
from contextlib import suppress
from datetime import date

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ltrr.bandits.spec import policy_spec
from ltrr.errors import InputError
from ltrr.registry import registry_of
from ltrr.study.build import build, make_ranker
from ltrr.study.files import read_study, study_from, study_names
from ltrr.study.study import Study
from ltrr.types.settings import check_settings, detail
from ltrr.users import USERS

DEFAULT = tomllib.loads(read_study("default").to_toml())
# Sampled, so that files are often still TOML: what is no TOML at all never gets far.
PIECES = [
    *" \n=[]{}.,\"'#-0123456789",
    "true",
    "inf",
    "nan",
    "1e400",
    "[[policies]]",
    "[loop]",
    "kind",
    "\x00",
    "é",
]


def parts(table, path=()):
    """Yield the path of every value of nested tables and lists."""
    items = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from parts(value, (*path, key))


def copied(value):
    """Return nested tables and lists as new ones."""
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    return [copied(v) for v in value] if isinstance(value, list) else value


def put(table, path, value):
    """Set the value at a path."""
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value


values = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-3, 30),
        st.sampled_from([2**31, 2**62, -(2**63), 2**64]),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(
            ["bm25", "vw", "linucb", "object", "prior", "rrf", "pbm", "collection", "static", "../x"]
        ),
        st.just(date(2020, 1, 1)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["kind", "k1", "a", ""]), inner, max_size=2),
    ),
    max_leaves=4,
)


def survives(settings_):
    """Return the study, or None after a clear refusal; anything else is an error of the reader."""
    try:
        study = study_from(settings_)
    except InputError:
        return None
    assert isinstance(study, Study)
    return study


def test_the_default_study_is_read_as_written():
    study = read_study("default")
    assert study_names() == ["collection", "default", "memory", "music", "semantic"]
    assert study.name == "default"
    assert (study.rounds, study.loop.n_slots, study.loop.arms[0]) == (3000, 3, "bm25")
    assert study.policies[1].settings() == {"name": "bm25", "kind": "single", "arm": "bm25"}
    assert study_from(tomllib.loads(study.to_toml())) == study


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_values_are_refused_or_read(data):
    table = copied(DEFAULT)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(parts(table))))
        put(table, path, data.draw(values))
    study = survives(table)
    if study is not None:
        assert study_from(tomllib.loads(study.to_toml())) == study


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_added_keys_are_refused_or_read(data):
    table = copied(DEFAULT)
    places = [
        (),
        *(p for p in parts(table) if isinstance(p[-1], str)),
        *(("policies", i) for i in range(len(DEFAULT["policies"]))),
    ]
    inner = table
    for key in data.draw(st.sampled_from(places)):
        inner = inner[key] if isinstance(inner[key], (dict, list)) else inner
    key = data.draw(
        st.sampled_from(["kind", "space", "alpha", "quota", "options", "n_trees", "seed", "zipf", "x", ""])
    )
    if isinstance(inner, dict):
        inner[key] = data.draw(values)
    survives(table)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mutated_text_is_refused_or_read(tmp_path, data):
    text = tomli_w.dumps(DEFAULT)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 8))
        text = (
            text[:at] + "".join(data.draw(st.lists(st.sampled_from(PIECES), max_size=3))) + text[at + cut :]
        )
    place = tmp_path / "study.toml"
    place.write_bytes(text.encode())
    with suppress(InputError):
        assert isinstance(read_study(place), Study)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_are_refused(tmp_path, raw):
    place = tmp_path / "study.toml"
    place.write_bytes(raw)
    with pytest.raises(InputError):
        read_study(place)


def test_nesting_without_end_is_refused(tmp_path):
    place = tmp_path / "deep.toml"
    place.write_text("a = " + "[" * 100_000)
    with pytest.raises(InputError, match="is not TOML"):
        read_study(place)


def test_a_byte_order_mark_and_foreign_line_ends_are_read(tmp_path):
    place = tmp_path / "windows.toml"
    place.write_bytes(b"\xef\xbb\xbf" + tomli_w.dumps(DEFAULT).replace("\n", "\r\n").encode())
    assert read_study(place) == read_study("default")


def test_an_arm_and_a_known_policy_need_no_kind():
    study = study_from(
        {"rounds": 400, "policies": [{"name": "dense"}, "rrf", {"name": "linucb", "alpha": 0.5}]}
    )
    assert [p.component.kind for p in study.policies] == ["single", "equal", "linucb"]
    assert study.policies[0].component.params == {"arm": "dense"}
    assert study.policies[1].ranker == {"kind": "rrf"}
    assert study.policies[2].component.params == {"alpha": 0.5}


def test_a_policys_own_ranker_settings_win():
    spec = policy_spec({"name": "equal", "ranker": {"n_trees": 3}}, ["bm25"])
    study = study_from(
        {"rounds": 400, "ranker": {"kind": "lambdamart", "num_leaves": 7}, "policies": ["equal"]}
    )
    ranker = make_ranker(study, spec)
    assert (ranker.n_trees, ranker.num_leaves) == (3, 7)
    assert type(make_ranker(study, policy_spec("rrf", ["bm25"]))).__name__ == "ReciprocalRankFusion"


@pytest.mark.parametrize("group", ["arms", "worlds", "rankers", "users", "policies", "encoders", "rewards"])
def test_every_setting_refuses_values_of_other_types(group):
    makers = registry_of(group).makers
    wrong = {"a number": "x", "an integer": 1.5, "true or false": 1, "a text": 3, "a text or an integer": {}}
    for kind, maker in makers.items():
        known = check_settings(maker, kind, {}, "here")
        for key, (hint, _) in known.items():
            words = detail(hint)
            assert words
            if words == "any value":
                continue
            value = wrong.get(words, 3 if "module" in words or "table with" in words else "x")
            with pytest.raises(InputError, match=rf"`here\.{key}` must be {re.escape(words)}, got "):
                check_settings(maker, kind, {key: value}, "here")
        with pytest.raises(InputError, match="has no setting 'nonsense'"):
            check_settings(maker, kind, {"nonsense": 1}, "here")


def test_lists_stand_for_tuples_all_the_way_down():
    user = USERS.make("perfect", {"click": [[0.1, 1.0]], "stop": [[0.0, 0.5]]}, "user")
    assert user.click == ((0.1, 1.0),)


def test_small_worlds_speak_for_large_ones():
    def built(world):
        return build(study_from({"rounds": 400, "world": world, "policies": ["equal"]}))

    built({"kind": "music", "n_items": 10**9, "n_queries": 10**9})
    built({"kind": "collection"})
    with pytest.raises(InputError, match="n_items"):
        built({"n_items": 7})
    with pytest.raises(InputError, match="world"):
        built({"zipf": 1e300})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"policies": ["linucb"]},
            "`Study.policies` must hold PolicySpec, got 'linucb'; `ltrr.simulate` takes",
        ),
        ({"loop": {"warmup": 3}}, "`Study.loop` must be a LoopSetting, got {'warmup': 3}"),
        ({"tuning": {}}, "`Study.tuning` must be a Tuning, got {}"),
    ],
)
def test_a_study_made_by_hand_takes_objects(settings, words):
    with pytest.raises(InputError, match=re.escape(words)):
        Study(**settings)
