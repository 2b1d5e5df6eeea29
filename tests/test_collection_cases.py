"""Collections that went wrong: the folders of the shared cases, and others of the same kinds made here."""

from __future__ import annotations

import itertools
import json
import resource
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ltrr as package
from ltrr.errors import InputError
from ltrr.features.tokens import Characters, unicode_words
from ltrr.retrieval import BM25, Dense
from ltrr.retrieval.exclusion import without
from ltrr.rng import Streams
from ltrr.simulation.loop import Loop
from ltrr.study.ask import Trained
from ltrr.study.build import build, make_world, prepare, system_of
from ltrr.types import Candidates, Items, Queries
from ltrr.types.component import Component
from ltrr.worlds import Collection
from ltrr.worlds.grades import MOST_GRADES, grades_of
from tests.naive_retrieval import depths, requests_of
from tests.small_runs import run_small
from tests.test_collection import write

LOOP = {"warmup": 20, "feedback_every": 20, "checkpoint_every": 100, "slot_size": 4, "held_out": 20}


@pytest.fixture(scope="session")
def cases(data_dir):
    path = data_dir.parent / "cases" / "collections"
    if not path.is_dir():
        pytest.skip(f"shared cases not found at {path}")
    return path


def made(folder, documents, queries, qrels):
    """Write a collection of texts by id, queries by id, and (query, item, score)."""
    rows = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in qrels)]
    return write(
        folder,
        {
            name: "".join(
                json.dumps({"_id": k, "text": v}, ensure_ascii=False) + "\n" for k, v in rows
            ).encode()
            for name, rows in (("corpus.jsonl", documents), ("queries.jsonl", queries))
        }
        | {"qrels/test.tsv": ("\n".join(rows) + "\n").encode()},
    )


def run(out, world, **loop):
    return run_small(out, ["bm25", "equal", "rrf"], rounds=100, world=world, loop=LOOP | loop)


def notes_of(result):
    return json.loads((result.folder / "notes.json").read_text(encoding="utf-8"))["notes"]


def found_by(arm, world):
    """The number of documents that an arm finds for each query text."""
    arm.index(world.catalogue)
    texts = world.queries.text
    return np.diff(arm.retrieve(requests_of(texts), depths(len(texts), 10)).indptr)


TEXTS = {
    "thai": (["ร้านข้าวผัดอร่อย", "โรงแรมหรูในกรุงเทพ", "สนามบินดอนเมือง"], ["ข้าวผัด", "กรุงเทพ", "สนามบิน"]),
    "japanese": (
        ["東京タワーの夜景", "京都のお寺めぐり", "味噌ラーメン屋"],
        ["東京タワー", "寺", "ラーメン"],
    ),
    "korean": (["학교에서 공부를", "병원으로 가는 길", "시장에는 사람이"], ["학교", "병원", "시장"]),
    "tamil": (["தமிழ் மொழி", "சென்னை நகரம்", "கடல் காற்று"], ["மொழி", "சென்னை", "கடல்"]),
    "arabic": (["كِتَابٌ جَدِيدٌ", "مَدِينَةٌ كَبِيرَةٌ", "بَحْرٌ أَزْرَقُ"], ["كتاب", "مدينة", "بحر"]),
}


@pytest.mark.parametrize("script", TEXTS)
def test_every_query_of_any_script_finds_its_document(tmp_path, script):
    texts, asked = TEXTS[script]
    documents = [(f"d{i}", text) for i, text in enumerate(texts)]
    queries = [(f"q{i}", text) for i, text in enumerate(asked)]
    world = Collection(
        made(tmp_path / "f", documents, queries, [(f"q{i}", f"d{i}", 1) for i in range(3)]), variants=0
    )
    assert world.queries.text == tuple(asked)
    for arm in (BM25(), Dense()):
        assert found_by(arm, world).all()
        found = arm.retrieve(requests_of(asked), depths(3, 1))
        assert found.item.tolist() == [0, 1, 2]


@pytest.mark.parametrize("case", ["cjk", "hindi"])
def test_cases_of_other_scripts(cases, tmp_path, case):
    world = Collection(cases / case, variants=0)
    for arm in (BM25(), Dense()):
        assert found_by(arm, world).all()
    result = run(tmp_path / "run", world)
    assert len(result.summary())
    assert notes_of(result) == []


def test_words_of_hindi_keep_their_vowel_signs(cases):
    arm = BM25()
    arm.index(Collection(cases / "hindi").catalogue)
    assert {"हिन्दी", "संगीत", "दिल्ली"} <= set(arm.index_.vocabulary)


ONE_LINE = {
    "one_query_one_item": ("two queries", "`loop.held_out = 0`"),
    "all_empty_docs": ("all_empty_docs/corpus.jsonl", "no document has any text"),
}


@pytest.mark.parametrize("case", ONE_LINE)
def test_cases_that_are_refused_in_one_line(cases, tmp_path, ltrr, case):
    place = tmp_path / "run"
    status, out, err = ltrr("simulate", "--collection", cases / case, "--rounds", 400, "--out", place)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert all(words in err for words in ONE_LINE[case])


def test_one_query_runs_where_none_is_held_out(cases, tmp_path):
    folder = cases / "one_query_one_item"
    world = Collection(folder)
    assert not world.holds_out
    result = run(tmp_path / "run", world, held_out=0)
    assert len(result.summary())
    # two queries suffice, whatever `variants` makes of them; two of one text do not
    two = [("q1", "red"), ("q2", "blue")], [("q1", "d1", 1), ("q2", "d1", 1)]
    assert Collection(made(tmp_path / "two", [("d1", "red")], *two)).holds_out
    same = [("q1", "red"), ("q2", "Red")], two[1]
    # found before anything is indexed
    study = replace(package.read_study("default"), world=Component("collection", {"path": str(folder)}))
    with pytest.raises(InputError, match=r"or set `loop\.held_out = 0`"):
        make_world(study)
    with pytest.raises(InputError, match="two queries of different texts"):
        run(tmp_path / "x", Collection(made(tmp_path / "same", [("d1", "red")], *same)))


def test_integer_ids_are_text(cases, tmp_path):
    result = run(tmp_path / "run", Collection(cases / "int_ids"))
    notes = notes_of(result)
    assert "corpus.jsonl: 6 integer `_id`s are read as text" in notes
    assert "queries.jsonl: 4 integer `_id`s are read as text" in notes
    mixed = [(1, "red"), ("a", "blue"), (-3, "green")]
    world = Collection(made(tmp_path / "f", mixed, [("q", "red")], [("q", 1, 1), ("q", -3, 1)]))
    assert world.catalogue.name == ("1", "a", "-3")
    assert world.topics.topic_item.tolist() == [0, 2]
    assert world.notes == ("corpus.jsonl: 2 integer `_id`s are read as text",)
    twice = made(tmp_path / "g", [(1, "red"), ("1", "blue")], [("q", "red")], [("q", 1, 1)])
    with pytest.raises(InputError, match=r"corpus\.jsonl: lines 1 and 2 have the same `_id` '1'"):
        Collection(twice)


def graded(folder, scores):
    """Write a collection in which query i has document i, with the score of that place."""
    n = len(scores)
    return made(
        folder,
        [(f"d{i}", f"word{i} common") for i in range(n + 3)],
        [(f"q{i}", f"word{i}") for i in range(n)],
        [(f"q{i}", f"d{i}", score) for i, score in enumerate(scores)],
    )


@pytest.mark.parametrize(
    ("scores", "grades"),
    [
        (["1", "2", "5"], [1, 2, 5]),
        (["1.0", "2.0", "1e1"], [1, 2, 10]),
        (["0.5", "1.0", "0.5"], [1, 2, 1]),
        (["1", "2", "31"], [1, 2, 3]),
        (["64", "1", "2"], [3, 1, 2]),
        (["100", "1000000", "0.001"], [2, 3, 1]),
        ([str(s) for s in range(1, 101)], [-(-s // 10) for s in range(1, 101)]),
    ],
)
def test_scores_are_grades_or_their_order(tmp_path, scores, grades):
    world = Collection(graded(tmp_path / "f", scores), variants=0)
    assert world.topics.topic_grade.tolist() == grades
    assert world.max_grade == max(grades)
    plain = [float(s) for s in scores] == grades
    assert len(world.notes) == (not plain)
    assert plain or f"are read as grades 1 to {max(grades)}" in world.notes[0]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.integers(-3, 300), st.floats(-2, 50)).map(float), min_size=1, max_size=60))
def test_grades_keep_the_order_of_scores(scores):
    grade, notes = grades_of(np.array(scores))
    assert 0 <= grade.min() <= grade.max() <= MOST_GRADES
    for (a, x), (b, y) in itertools.combinations(zip(scores, grade.tolist(), strict=True), 2):
        assert x <= y if a <= b else x >= y
    # what is relevant stays so, and nothing else becomes so
    assert ((grade > 0) == (np.array(scores) > 0)).all()
    few = len({s for s in scores if s > 0}) <= MOST_GRADES
    if few and notes and "order" in notes[-1]:
        assert len(set(grade[grade > 0].tolist())) == len({s for s in scores if s > 0})


def test_negative_scores_are_counted(tmp_path):
    world = Collection(graded(tmp_path / "f", ["-1", "2", "-0.5", "1"]), variants=0)
    assert world.topics.topic_grade.tolist() == [2, 1]
    assert world.notes[0] == "2 scores below 0 count as 0"


@pytest.mark.parametrize("case", ["grade_127", "grade_float"])
def test_cases_of_odd_grades_run_in_little_memory(cases, tmp_path, case):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = run(tmp_path / "run", Collection(cases / case))
    # kilobytes on Linux, bytes on a Mac: a kernel compiled on the way takes far less than this either way
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20
    assert any("are read as grades 1 to" in note for note in notes_of(result))


def test_a_world_of_127_grades_runs_too(tmp_path):
    topics = package.worlds.Topics.from_frames(
        {"item": list("abcd"), "text": ["red shoe", "blue hat", "red hat", "blue shoe"]},
        {"query": [1, 2, 3], "text": ["red", "blue", "hat"]},
        {"query": [1, 1, 2, 3], "item": list("acbd"), "grade": [127, 3, 64, 100]},
    )
    result = run(tmp_path / "run", package.worlds.TopicWorld(topics))
    assert len(result.summary())


def same_ids(folder):
    """Queries that are documents: x0 has its own text; two queries of one text; x3 judges itself only."""
    texts = ["tea is good", "tea is bad", "rain is good", "sun is good", "rain is bad", "tea is good"]
    documents = [(f"x{i}", text) for i, text in enumerate(texts)]
    queries = [(f"x{i}", texts[i]) for i in (0, 2, 3, 5)] + [("y", "is bad")]
    qrels = [
        ("x0", "x1", 1),
        ("x0", "x0", 2),
        ("x2", "x4", 1),
        ("x3", "x3", 1),
        ("x5", "x1", 1),
        ("y", "x1", 1),
    ]
    return made(folder, documents, queries, qrels)


def test_identical_ids_are_noted_and_can_be_left_out(tmp_path):
    folder = same_ids(tmp_path / "f")
    plain = Collection(folder, variants=2)
    requests = plain.fork(Streams(1)).next(5)
    assert plain.excluded(requests) is None
    found = "4 queries have the id of a document"
    remedy = "`world.ignore_identical_ids = true` leaves these documents out"
    assert plain.notes[-1] == f"{found}, 4 its text too: {remedy}"
    files = {f.name: f.read_text() for f in folder.glob("*.jsonl")}
    (folder / "queries.jsonl").write_text(files["queries.jsonl"].replace("is", "was"))
    by_chance = "but not its text; if they are one, set `world.ignore_identical_ids = true`"
    assert Collection(folder).notes[-1] == f"{found} {by_chance}"
    (folder / "queries.jsonl").write_text(files["queries.jsonl"])
    world = Collection(folder, variants=2, ignore_identical_ids=True)
    assert "3 queries have the id of a document, which is never shown to them" in world.notes
    # x3, which judges nothing but itself, has no judgement left
    assert "1 of 5 queries have no positive judgement and are left out" in world.notes
    t = world.topics
    assert (t.n_topics, t.max_grade) == (4, 1)
    assert t.excluded.tolist() == [0, 2, 5, -1]
    assert t.topic_item.tolist() == [1, 4, 1, 1]
    own = world.fork(Streams(1))
    requests = own.next(200)
    # a text of two queries leaves out the item of the one that is meant, variants like originals
    topic = own.truth(requests, Items(np.zeros(201, np.int64), np.zeros(0, np.int32))).topic
    assert own.excluded(requests).tolist() == t.excluded[topic].tolist()
    assert {0, 5} <= set(own.excluded(requests).tolist())
    assert world.parameters()["ignore_identical_ids"] is True


def test_a_text_that_is_never_asked_excludes_nothing(tmp_path):
    world = Collection(same_ids(tmp_path / "f"), ignore_identical_ids=True).fork(Streams(1))
    like = world.next(200)
    own = world.excluded(like)
    queries = Queries((*like.queries.text, "sun"))
    query = np.where(np.arange(200) % 2 == 0, like.query, len(like.queries)).astype(np.int32)
    found = world.excluded(replace(like, query=query, queries=queries))
    assert found[::2].tolist() == own[::2].tolist()
    assert set(found[1::2].tolist()) == {-1}
    assert (own[1::2] >= 0).any()


def test_a_run_that_excludes_items_can_be_asked_any_text(tmp_path):
    world = Collection(same_ids(tmp_path / "f"), ignore_identical_ids=True)
    result = run(tmp_path / "run", world)
    trained = Trained(result.folder)
    asked = trained.ask("tea is good", depth=6)
    assert asked.known
    new = trained.ask("tea tea", depth=6)
    assert not new.known
    assert {"x0", "x1", "x5"} <= set(new.arms["name"])


def system_on(world, policy):
    """Return a loop of one policy on a world, and what its study prepared."""
    base = package.read_study("default")
    loop = replace(base.loop, **LOOP, log_shadow=True, audit=0.2)
    chosen = tuple(p for p in base.policies if p.name == policy)
    study = replace(base, world=replace(base.world, given=world), loop=loop, policies=chosen, rounds=100)
    prepared = prepare(build(study), make_world(study))
    streams = Streams(study.seed)
    return Loop(system_of(study, prepared, chosen[0], streams), loop, streams), prepared


@pytest.mark.parametrize("case", ["arguana_same_id", "made"])
def test_an_excluded_item_is_nowhere_in_a_run(cases, tmp_path, case):
    folder = same_ids(tmp_path / "f") if case == "made" else cases / case
    loop, _ = system_on(Collection(folder, ignore_identical_ids=True), "equal")
    world, excluded = loop.system.world, 0
    for batch in (*(loop.step(20) for _ in range(4)), loop.judge_held_out(20)):
        item = world.excluded(batch.feedback.requests)
        excluded += int((item >= 0).sum())
        unions = [(np.arange(20), batch.union), (batch.pool.rows, batch.pool.union)]
        unions += [(np.arange(20), batch.shadow.union)] if batch.shadow else []
        for rows, union in unions:
            assert len(union.item)
            assert not (union.item == np.repeat(item[rows], np.diff(union.indptr))).any()
        assert (batch.page.item >= 0).any()
        assert not (batch.page.item[item >= 0] == item[item >= 0, None]).any()
    assert excluded > 30


def test_an_excluded_item_leaves_its_place_to_the_next(cases):
    folder = cases / "arguana_same_id"
    loop, prepared = system_on(Collection(folder, ignore_identical_ids=True), "bm25")
    plain, _ = system_on(Collection(folder), "bm25")
    budget = loop.setting.budget
    assert prepared.arms["bm25"].max_depth == budget + 1
    assert plain.system.arms[0].max_depth == budget
    system, requests = loop.system, loop.system.world.next(30)
    item = system.world.excluded(requests)
    bm25 = BM25()
    bm25.index(prepared.world.catalogue)
    for depth in (0, 1, 5, budget):
        whole = bm25.retrieve(requests, depths(30, 99))
        lists = [whole.item[a:z].tolist() for a, z in itertools.pairwise(whole.indptr)]
        assert all(out in own for out, own in zip(item, lists, strict=True))
        got = system.retrieve(0, requests, depths(30, depth))
        want = [[i for i in own if i != out][:depth] for own, out in zip(lists, item, strict=True)]
        assert [got.item[a:z].tolist() for a, z in itertools.pairwise(got.indptr)] == want


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.permutations(range(6)).flatmap(lambda p: st.integers(0, 6).map(lambda n: p[:n])),
            st.integers(-1, 5),
            st.integers(0, 6),
        ),
        max_size=6,
    )
)
def test_without_equals_filtering_lists(rows):
    lists, item, depth = ([row[k] for row in rows] for k in range(3))
    found = Candidates.from_lists(lists, depth=[6] * len(rows))
    kept = without(found, np.array(item, np.int32), np.array(depth, np.int32))
    want = [[i for i in own if i != out][:n] for own, out, n in zip(lists, item, depth, strict=True)]
    assert [kept.item[a:z].tolist() for a, z in itertools.pairwise(kept.indptr)] == want
    score = {
        (b, i): s
        for b, own in enumerate(lists)
        for i, s in zip(own, 1 / (1 + np.arange(len(own))), strict=True)
    }
    assert kept.score.tolist() == [np.float32(score[b, i]) for b, own in enumerate(want) for i in own]
    assert kept.capped.tolist() == [len(own) == n for own, n in zip(want, depth, strict=True)]


def test_a_study_file_chooses_the_tokenizer(cases, tmp_path, ltrr):
    source = f"""
        name = "cut"
        question = "Do n-grams find more?"
        seeds = 1
        rounds = 60
        [world]
        kind = "collection"
        path = "{cases / "cjk"}"
        [arms.bm25]
        tokenizer = {{ kind = "characters", n = 3 }}
        [arms.dense]
        encoder = {{ kind = "lsa", tokenizer = "unicode-words", characters = [1, 2] }}
        [loop]
        arms = ["bm25", "dense", "popular"]
        warmup = 20
        feedback_every = 20
        checkpoint_every = 100
        held_out = 20
        [[policies]]
        name = "equal"
        """
    file = tmp_path / "cut.toml"
    file.write_text("\n".join(map(str.strip, source.splitlines())))
    study = package.read_study(file)
    prepared = prepare(build(study), make_world(study))
    trigrams = Characters(n=3)
    assert prepared.arms["bm25"].retriever.index_.tokenizer == trigrams
    assert prepared.arms["dense"].retriever.encoder_.tokenizer is unicode_words
    # what policies and rankers see of words is cut alike
    assert prepared.context.index.tokenizer == trigrams
    overlap = prepared.features.build(requests_of(["东京大学"]), Items([0, 1], [0]))
    assert overlap[0, prepared.features.names.index("overlap")] == 1.0
    status, _, err = ltrr("simulate", file, "--out", tmp_path / "run", "--jobs", 1)
    assert (status, err) == (0, "")
    file.write_text(file.read_text().replace('"characters"', '"charcters"'))
    status, _, err = ltrr("simulate", file, "--out", tmp_path / "again")
    assert (status, err.count("\n")) == (2, 1)
    assert "did you mean 'characters'" in err
