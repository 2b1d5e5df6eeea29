"""Variants of queries: new texts of the same meaning, made by a table that nothing else sees."""

from __future__ import annotations

import ast
import types
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ltrr as package
from ltrr.embeddings import ENCODERS
from ltrr.errors import InputError
from ltrr.features.tokens import clusters, tokenize
from ltrr.retrieval import ARMS
from ltrr.rng import Streams
from ltrr.simulation import LoopSetting
from ltrr.simulation.system import Prepared
from ltrr.types.settings import REQUIRED
from ltrr.worlds import Collection, english, synonyms
from ltrr.worlds.english import is_english, other_number
from ltrr.worlds.synonyms import Synonyms
from ltrr.worlds.variants import VARIANT_KINDS, token_key, variants

TABLE = Synonyms((("shoe", "trainer"), ("boundary layer", "shear layer"), ("00", "double zero")))
ENGLISH = [
    ("laminar boundary flow", "dropped"),
    ("laminar bogndary layer flow", "misspelt"),
    ("laminar boundary", "prefix"),
    ("laminar shear layer flow", "synonym"),
    ("boundary laminar layer flow", "reordered"),
    ("laminar boundary layer flows", "inflected"),
]


def made(text, n, seed, **options):
    rng = np.random.default_rng(seed)
    return [
        (v, VARIANT_KINDS[kind]) for v, kind in variants(text, n=n, rng=rng, **{"taken": set(), **options})
    ]


def fits(words, variant, kind):
    """Whether a variant is of its kind, by trying all that could be done to the words."""
    got, n = variant.split(), len(words)
    if kind == "dropped" and n == 1:
        units = clusters(words[0])
        return clusters(variant) in [units[:i] + units[i + 2 :] for i in range(len(units) - 1)]
    if kind == "dropped":
        return any(got == words[:i] + words[i + 1 :] for i in range(n))
    if kind == "prefix":
        return " ".join(words).startswith(variant)
    if kind == "reordered":
        return sorted(got) == sorted(words) and got != words
    if kind == "synonym":
        bare = [word.casefold().strip("!?.,;:") for word in words]
        spans = [(i, j, " ".join(bare[i:j])) for i in range(n) for j in range(i + 1, n + 1)]
        return any(
            span in group and got == [*words[:i], *other.split(), *words[j:]]
            for i, j, span in spans
            for group in TABLE.groups
            for other in group
        )
    one = len(got) == n and sum(a != b for a, b in zip(got, words, strict=True)) == 1
    return one and (
        kind == "misspelt" or any(token_key(w) != token_key(v) for w, v in zip(words, got, strict=True))
    )


@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), max_size=9)
        | st.sampled_from(["shoe", "Shoe!", "boundary", "layer", "layers", "00"]),
        max_size=7,
    ).map(" ".join),
    st.integers(0, 12),
    st.integers(0, 1000),
)
@settings(max_examples=200, deadline=None)
def test_variants_are_new_and_repeatable(text, n, seed):
    first = made(text, n, seed, synonyms=TABLE)
    assert first == made(text, n, seed, synonyms=TABLE)
    assert len(first) <= n
    keys = [token_key(v) for v, _ in first]
    assert len({*keys, token_key(text)}) == len(keys) + 1
    taken = set(keys[::2])
    assert taken.isdisjoint(token_key(v) for v, _ in made(text, n, seed, synonyms=TABLE, taken=taken))
    assert all(fits(text.split(), variant, kind) for variant, kind in first)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("东京大学的历史", {"dropped", "misspelt", "prefix"}),
        ("東京タワーへの行き方", {"dropped", "misspelt", "prefix"}),
        ("กรุงเทพมหานคร", {"dropped", "misspelt", "prefix"}),
        ("ｶﾀｶﾅ", {"dropped", "misspelt", "prefix"}),
        ("हिन्दी भाषा", {"dropped", "misspelt", "prefix", "reordered"}),
        ("красное", {"misspelt", "prefix"}),
        ("雪", set()),
        ("¿? …", set()),
    ],
)
def test_variants_of_any_script_are_texts_of_that_script(text, kinds):
    marks = set(clusters(text))
    found = set()
    for seed in range(30):
        for variant, kind in made(text, 7, seed, synonyms=TABLE):
            found.add(kind)
            assert tokenize(variant)
            # no letter of another script, and no letter that has lost its marks
            assert set(clusters(variant)) <= marks
    assert found == kinds


def test_kinds_take_turns():
    assert made("laminar boundary layer flow", 6, 8, synonyms=TABLE) == ENGLISH


def test_a_kind_with_nothing_to_offer_gives_way_to_the_next():
    kinds = [kind for _, kind in made("rote Schuhe kaufen", 6, 3, english=False)]
    assert kinds == ["dropped", "misspelt", "prefix", "reordered", "reordered", "dropped"]


def test_all_kinds_of_misspelling_occur():
    lengths, same_letters = set(), 0
    for seed in range(200):
        ((variant, _),) = made("abcdefgh", 1, seed)
        lengths.add(len(variant))
        same_letters += sorted(variant) == list("abcdefgh")
    assert {7, 8, 9} <= lengths
    assert same_letters > 10


def test_any_cut_and_any_two_words_may_change_places():
    found = {
        v for seed in range(300) for v, kind in made("a b c", 5, seed, english=False) if kind == "reordered"
    }
    assert found == {" ".join(words) for words in permutations("abc")} - {"a b c"}


# --- English


@pytest.mark.parametrize(
    ("singular", "plural"),
    [
        pair.split()
        for pair in (
            "flow flows",
            "battery batteries",
            "day days",
            "box boxes",
            "switch switches",
            "stress stresses",
            "analysis analyses",
            "gas gases",
            "mouse mice",
            "case cases",
            "movie movies",
            "matrix matrices",
            "signal signals",
            "drive drives",
        )
    ],
)
def test_number_turns_both_ways(singular, plural):
    assert other_number([singular]) == [(0, plural)]
    assert other_number([plural]) == [(0, singular)]
    # before another noun only a plural is known to be a noun
    assert other_number([plural, "wireless"]) == [(0, singular)]
    assert other_number([singular, "wireless"]) == []
    assert other_number([singular, "of", "wireless"]) == [(0, plural)]


NO_OTHER = "the physics apparatus wireless circular magnetic loaded heating possible ps4 tv news überfall"


@pytest.mark.parametrize("word", NO_OTHER.split())
def test_what_has_no_other_number_stays(word):
    assert other_number([word]) == []


def test_endless_words_of_titles_tell_english():
    assert is_english(["USB-C charger for phones", "Blue ink", "Black ink"])
    for text in ("Ladegerät für Handys mit Kabel", "chargeur de voiture pour la maison", "充电器", ""):
        assert not is_english([text] * 3)
    # what comes after the sample is not read
    assert not is_english(["Kabel"] * 1_000 + ["for the"] * 1_000)


# --- the table


def test_table_by_hand(tmp_path):
    file = tmp_path / "own.txt"
    file.write_text(
        "# ours\n\nRot,  Karmin \nrotes Auto, Ferrari, rotes auto\nAuto, Wagen, PKW\nrotes, blutrotes\n",
        encoding="utf-8",
    )
    table = Synonyms.read(file)
    assert table.groups == (
        ("rot", "karmin"),
        ("rotes auto", "ferrari"),
        ("auto", "wagen", "pkw"),
        ("rotes", "blutrotes"),
    )
    assert table.places(["mein", "rotes", "auto"]) == [(1, 3, ("ferrari",))]
    assert table.places(["auto", "rot"]) == [(0, 1, ("wagen", "pkw")), (1, 2, ("karmin",))]
    assert table.places([]) == Synonyms().places(["auto"]) == []
    both = Synonyms((("light", "lamp"), ("light", "lightweight", "lamp")))
    assert both.places(["light"]) == [(0, 1, ("lamp", "lightweight"))]


def test_faulty_tables_are_one_clear_line(tmp_path):
    file = tmp_path / "own.txt"
    file.write_text("a, b\nred, Red ,\n")
    with pytest.raises(InputError, match=r"line 2 must hold two or more words .* got 'red, Red ,'"):
        Synonyms.read(file)
    file.write_bytes(b"\xff, b\n")
    for path in (file, tmp_path / "absent.txt", tmp_path):
        with pytest.raises(InputError, match=r"`Collection\.synonyms` must name a text file in UTF-8"):
            Synonyms.read(path)


def test_the_table_of_english_has_no_group_twice_and_no_function_word():
    groups = [frozenset(group) for group in Synonyms.read().groups]
    assert len(groups) > 500
    assert not [a for a in groups for b in groups if a < b]
    assert len(set(groups)) == len(groups)
    plain = english.FUNCTION_WORDS - {"use", "used", "using", "very"}
    assert not plain & frozenset().union(*groups)


WORDS = ["laptop battery", "cell phone case", "wireless mouse", "cheap monitor", "external hard drive"]
QUERIES = [f"{a} {b}" for a in WORDS for b in ("for the office", "black", "small")]


def shop(folder, name="shop", note=" for the home"):
    """Documents and queries whose words have synonyms."""
    place = folder / name
    (place / "qrels").mkdir(parents=True)
    docs = [f'{{"_id": "d{i}", "title": "{q}", "text": "{q}{note} {i}"}}' for i, q in enumerate(QUERIES)]
    (place / "corpus.jsonl").write_text("\n".join(docs), encoding="utf-8")
    asks = [f'{{"_id": "q{i}", "text": "{q}"}}' for i, q in enumerate(QUERIES)]
    (place / "queries.jsonl").write_text("\n".join(asks), encoding="utf-8")
    rows = [f"q{i}\td{j}\t1" for i in range(len(QUERIES)) for j in (i, (i + 3) % len(QUERIES))]
    (place / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]))
    return place


def kinds_of(world):
    return {world.intent_names[kind] for kind in world.topics.intent}


def test_a_collection_has_all_kinds_where_it_is_english(tmp_path):
    assert kinds_of(Collection(shop(tmp_path))) == {"original", *VARIANT_KINDS}
    foreign = shop(tmp_path, "laden", note=" für zuhause")
    for file in foreign.rglob("*.jsonl"):
        file.write_text(file.read_text(encoding="utf-8").replace("for the", "fürs"), encoding="utf-8")
    assert kinds_of(Collection(foreign)) == {"original", *VARIANT_KINDS} - {"synonym", "inflected"}
    own = tmp_path / "own.txt"
    own.write_text("mouse, Maus\n")
    world = Collection(foreign, synonyms=own)
    rows = np.flatnonzero(world.topics.intent == world.intent_names.index("synonym"))
    assert rows.size
    assert all("maus" in world.queries.text[row] for row in rows)
    assert world.parameters()["synonyms"] == own


# --- nothing but the making of a world sees the table


def imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_module_outside_worlds_imports_or_names_the_table():
    root = Path(package.__file__).parent
    hidden = {f"ltrr.worlds.{name}" for name in ("synonyms", "english", "variants")}
    outside = [path for path in root.rglob("*.py") if path.relative_to(root).parts[0] != "worlds"]
    assert len(outside) > 100
    assert not [
        path for path in outside if hidden & set(imports(path)) or "synonyms.txt" in path.read_text("utf-8")
    ]
    assert not {"Synonyms", "synonyms"} & set(package.worlds.__all__)


def within(*roots):
    """Return all objects that some objects hold, but for classes, functions and modules."""
    stops = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
    found, waiting = {}, list(roots)
    while waiting:
        one = waiting.pop()
        if id(one) in found or isinstance(one, stops):
            continue
        found[id(one)] = one
        held = list(vars(one).values()) if hasattr(one, "__dict__") else []
        if isinstance(one, (list, tuple, set, frozenset)):
            held += list(one)
        elif hasattr(one, "items") and hasattr(one, "keys"):
            held += [*one.keys(), *one.values()]
        elif isinstance(one, types.MethodType):
            held.append(one.__self__)
        waiting += held
    return list(found.values())


def holds(table, objects):
    """Whether objects hold the table, or a group of it."""
    texts = [one for one in objects if isinstance(one, tuple) and all(isinstance(x, str) for x in one)]
    return any(isinstance(one, Synonyms) for one in objects) or not set(table.groups).isdisjoint(texts)


def test_no_world_arm_encoder_or_feature_holds_the_table(tmp_path):
    world = Collection(shop(tmp_path))
    names = [name for name in ARMS.names if name != "trec-run"]  # needs a file
    arms = {name: ARMS.make(name, {}, "arms") for name in names}
    prepared = Prepared.build(world, arms, LoopSetting(arms=tuple(names), fallback=("bm25",)))
    named = [
        name for name in ENCODERS.names if not any(s.default is REQUIRED for s in ENCODERS.settings(name))
    ]
    assert "lsa" in named
    encoders = [ENCODERS.make(name, {}, "encoders") for name in named]
    fork = prepared.world.fork(Streams(3))
    fork.next(20)
    objects = within(prepared, fork, *encoders)
    assert len(objects) > 300
    assert any(one is prepared.arms["bm25"] for one in objects)
    table = Synonyms.read()
    assert not holds(table, objects)
    # the walk finds what a world holds
    fork.thesaurus = {"table": [table]}
    assert holds(table, within(prepared, fork))


def test_a_run_does_not_change_when_the_table_is_replaced_after_the_world_was_made(tmp_path, monkeypatch):
    world = Collection(shop(tmp_path))
    loop = {"warmup": 20, "slot_size": 4, "held_out": 20, "checkpoint_every": 1000}
    settings = {"policies": ["equal"], "arms": ["bm25", "dense", "popular"], "loop": loop, "rounds": 100}

    def run():
        return package.simulate(world, seeds=1, seed=3, quiet=True, **settings).summary().to_dict()

    first = run()

    def gone(*args, **options):
        raise AssertionError("the table was read")

    monkeypatch.setattr(Synonyms, "read", gone)
    monkeypatch.setattr(Synonyms, "places", gone)
    monkeypatch.setattr(synonyms, "_ENGLISH", Path("absent"))
    monkeypatch.setattr(english, "_PLURAL_OF", {"laptop": "nothing"})
    assert repr(run()) == repr(first)
    with pytest.raises(AssertionError, match="the table was read"):
        Collection(shop(tmp_path, "again"))
