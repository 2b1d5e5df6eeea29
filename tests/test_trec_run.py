"""A frozen run as an arm: what it lists is found, and what of it is left out is counted."""

import json

import numpy as np
import pytest

import ltrr
from ltrr.errors import InputError
from ltrr.retrieval import BM25, TrecRun
from ltrr.types import Candidates
from ltrr.worlds import Music, write_trec_topics
from ltrr.worlds.trec_tables import write_run
from tests.naive_retrieval import catalogue_of, depths, items_of, naive_run, requests_of, rows

TEXTS = ["Red  shoe", "blue hat", "nothing", ""]


def put(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def indexed(arm, n=6, alive=None):
    arm.index(catalogue_of(["word"] * n, alive))
    return arm


@pytest.mark.parametrize("seed", range(5))
def test_equals_its_twin(tmp_path, seed):
    rng = np.random.default_rng(seed)
    alive = rng.random(30) < 0.8
    lines = []
    for topic in rng.permutation(8):
        for item in rng.choice(35, rng.integers(1, 20), replace=False):  # 30 and more are unknown
            lines.append(f"{topic} Q0 {item} {rng.integers(9)} {rng.integers(-4, 4) / 3} r")
    rng.shuffle(lines)
    topics = put(tmp_path / "topics", [f"00{t}:text {t}" for t in range(1, 10)])
    arm = indexed(TrecRun(put(tmp_path / "run", lines), topics=topics), 30, alive)
    asked = [f"TEXT  {t}" for t in range(10)]
    requests = requests_of(asked, rng.integers(-1, 10, 60))
    depth = rng.integers(0, 12, 60).astype(np.int32)
    found = arm.retrieve(requests, depth)
    lists = [naive_run(lines, str(q), alive) if 1 <= q <= 7 else [] for q in requests.query.tolist()]
    want = [own[:d] for own, d in zip(lists, depth, strict=True)]
    assert rows(found) == [[(i, np.float32(s)) for i, s in own] for own in want]
    assert found.capped.tolist() == [len(own) == d for own, d in zip(want, depth, strict=True)]
    items = items_of([[*rng.permutation(30)[:9], -1] for _ in range(60)])
    names, value = arm.features(requests, items)
    place = [{i: r for r, (i, _) in enumerate(own)} for own in lists]
    flat = [
        1 / (1 + place[b][i]) if i in place[b] else 0.0
        for b in range(60)
        for i in items.item[items.indptr[b] : items.indptr[b + 1]].tolist()
    ]
    assert names == ("reciprocal_rank",)
    assert value[:, 0].tolist() == [np.float32(v) for v in flat]
    assert max(flat) == 1.0
    # topic 0 has no text; documents from 30 on are not in the catalogue
    unknown = sum(int(line.split()[2]) >= 30 for line in lines if not line.startswith("0 "))
    assert arm.notes == (
        "excluded lists of topics without a text, or with the text of another topic: 1",
        f"excluded rows of documents that are not in the catalogue: {unknown}",
    )


def test_texts_as_topics_and_a_longer_table_of_queries(tmp_path):
    lines = ["red shoe\tQ0\t1\t0\t2\tr", "red shoe\tQ0\t0\t0\t3\tr", "RED SHOE\tQ0\t5\t0\t9\tr"]
    arm = indexed(TrecRun(put(tmp_path / "run", [*lines, "blue hat\tQ0\t4\t0\t1\tr"])))
    assert rows(arm.retrieve(requests_of(TEXTS), depths(4, 3))) == [[(0, 3.0), (1, 2.0)], [(4, 1.0)], [], []]
    longer = requests_of([*TEXTS, "blue  HAT"], [4, -1, 2])
    assert rows(arm.retrieve(longer, depths(3, 3))) == [[(4, 1.0)], [], []]
    assert rows(arm.retrieve(requests_of(["hat"]), depths(1, 3))) == [[]]
    assert isinstance(arm.retrieve(requests_of([], []), depths(0, 3)), Candidates)
    assert arm.notes == ("excluded lists of topics without a text, or with the text of another topic: 1",)


def test_scores_that_float32_cannot_tell_apart_are_ties(tmp_path):
    arm = indexed(TrecRun(put(tmp_path / "run", ["1 Q0 5 0 1.00000000001 r", "1 Q0 2 1 1.0 r"])))
    assert rows(arm.retrieve(requests_of(["1"]), depths(1, 9))) == [[(2, 1.0), (5, 1.0)]]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["1 Q0 2 0 1 r", "1 Q0 2 1 0 r"], "run: line 2 lists document '2' again for topic '1'; remove one"),
        (["1 Q0 99 0 1 r"], "run lists no documents of the catalogue: check that both use the same ids"),
        (["7 Q0 1 0 1 r"], "run lists no topics of its own: check that both use the same ids"),
        (["1 Q0 1 0 r"], "run: line 1 must hold 6 columns"),
    ],
)
def test_faults_are_one_line(tmp_path, lines, words):
    topics = put(tmp_path / "topics", ["1:red shoe"])
    with pytest.raises(InputError, match=words) as error:
        indexed(TrecRun(put(tmp_path / "run", lines), topics=topics))
    assert "\n" not in str(error.value)


def test_missing_files_and_no_index(tmp_path):
    with pytest.raises(InputError, match=r"`TrecRun.path` must be a file, got '.*/run'"):
        TrecRun(tmp_path / "run")
    run = put(tmp_path / "run", ["1 Q0 1 0 1 r"])
    with pytest.raises(InputError, match=r"`TrecRun.topics` must be a file"):
        TrecRun(run, topics=tmp_path / "t")
    with pytest.raises(InputError, match="must be given a catalogue first"):
        TrecRun(run).retrieve(requests_of(TEXTS), depths(4, 1))


def test_any_retriever_becomes_an_arm(tmp_path, ltrr):
    """BM25's lists, written as a run over all texts of a world, are BM25's lists."""
    world = Music(300, n_queries=40, seed=3)
    write_trec_topics(world, tmp_path / "topics")
    bm25, texts = BM25(), world.queries.text
    bm25.index(world.catalogue)
    requests = requests_of(texts)
    found = bm25.retrieve(requests, depths(len(texts), 20))
    names = [[world.catalogue.name[i] for i, _ in own] for own in rows(found)]
    write_run(tmp_path / "mine.run", zip(map(str, range(len(texts))), names, strict=True), name="mine")
    arm = TrecRun(tmp_path / "mine.run", topics=tmp_path / "topics")
    arm.index(world.catalogue)
    again = arm.retrieve(requests, depths(len(texts), 20))
    first = {}
    for b, text in enumerate(texts):  # texts that differ in case or spaces have the list of the first
        first.setdefault(" ".join(text.casefold().split()), b)
    same = [first[" ".join(text.casefold().split())] for text in texts]
    assert rows(again.take(np.arange(len(texts))))[0] != []
    lists = [[i for i, _ in own] for own in rows(found)]
    assert [[i for i, _ in own] for own in rows(again)] == [lists[b] for b in same]


def test_a_study_has_a_run_as_an_arm_and_says_what_was_left_out(tmp_path):
    world = Music(300, n_queries=40, seed=3)
    texts = world.queries.text
    name = world.catalogue.name
    lines = [f"{n} Q0 {name[(7 * n + r) % 300]} {r} {-r} mine" for n in range(30) for r in range(5)]
    run = put(tmp_path / "mine.run", [*lines, "0 Q0 nobody 9 -9 mine"])
    topics = put(tmp_path / "topics", [f"{n}\t{text}" for n, text in enumerate(texts)])
    mine = {"kind": "trec-run", "path": str(run), "topics": str(topics)}
    result = ltrr.simulate(
        world,
        arms={"mine": mine, "popular": "popular"},
        policies=["mine"],
        rounds=30,
        seeds=1,
        warmup=10,
        loop={"held_out": 0, "slot_size": 4},
        quiet=True,
    )
    notes = json.loads((result.folder / "notes.json").read_text())["notes"]
    assert "Arm mine: excluded rows of documents that are not in the catalogue: 1." in notes
    assert result.rounds("mine").own_mine.sum() > 0
    study = ltrr.read_study(result.folder / "study.toml")
    assert study.arms["mine"].params == {"path": str(run), "topics": str(topics)}
