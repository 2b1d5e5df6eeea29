"""Approximate search: exact scores of a fixed pool, what it misses, and that it is the same again."""

import builtins
import logging

import numpy as np
import pytest

from ltrr.embeddings import FromFunction
from ltrr.errors import InputError
from ltrr.retrieval import Dense, load, save
from ltrr.retrieval.nearest_graph import NearestGraph
from ltrr.study import transport
from tests.naive_retrieval import catalogue_of, depths, requests_of, rows
from tests.test_dense import Numbers, as_text

pytest.importorskip("usearch", reason="needs the extra `ann`")

DIM = 8


def vectors_of(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, DIM))


def arm_of(texts, alive=None, **settings):
    arm = Dense(Numbers(), **settings)
    arm.index(catalogue_of(texts, alive))
    return arm


def lists(arm, queries, depth=300):
    return rows(arm.retrieve(requests_of(queries), depths(len(queries), depth)))


TEXTS = as_text(vectors_of(600))
QUERIES = as_text(vectors_of(30, seed=1))


def test_equal_scores_are_in_the_order_of_items():
    texts = as_text(np.random.default_rng(5).integers(-1, 2, (60, 3)).astype(float))
    asked = ["1 0 0", "0 1 1", "1 -1 0"]
    assert lists(arm_of(texts, ann_above=0, ann_pool=60), asked) == lists(arm_of(texts), asked)


@pytest.mark.parametrize("n", [1, 2, 40, 300])
def test_a_pool_of_all_items_is_exact_search(n):
    alive = np.random.default_rng(2).random(n) < 0.8
    alive[0] = True
    queries = [*QUERIES, " ".join(["0"] * DIM)]
    exact = arm_of(TEXTS[:n], alive)
    near = arm_of(TEXTS[:n], alive, ann_above=0, ann_pool=n)
    for depth in (0, 1, 7, n):
        assert lists(near, queries, depth) == lists(exact, queries, depth)
    asks = requests_of(queries)
    one, other = (arm.retrieve(asks, depths(31, min(3, n))) for arm in (exact, near))
    np.testing.assert_array_equal(one.capped, other.capped)
    assert exact.ann_recall_ is None
    assert near.ann_recall_ == 1.0


def test_deeper_lists_extend_shallower_ones_whatever_the_batch_and_end_with_the_pool():
    arm, exact = arm_of(TEXTS, ann_above=599, ann_pool=25), arm_of(TEXTS)
    deep = lists(arm, QUERIES)
    assert [len(one) for one in deep] == [25] * 30
    depth = np.random.default_rng(3).integers(0, 40, 30).astype(np.int32)
    some = arm.retrieve(requests_of(QUERIES), depth)
    assert rows(some) == [long[:d] for long, d in zip(deep, depth, strict=True)]
    assert some.capped.tolist() == (depth <= 25).tolist()
    assert [lists(arm, [query])[0] for query in QUERIES] == deep
    for mine, all_of_them in zip(deep, lists(exact, QUERIES, 600), strict=True):
        assert set(mine) <= set(all_of_them)
        assert mine == sorted(mine, key=lambda pair: (-pair[1], pair[0]))
        assert mine[:5] == all_of_them[:5]  # in so small a pool the nearest are found


def test_search_is_exact_up_to_the_stated_size():
    assert arm_of(TEXTS, ann_above=600).ann_recall_ is None
    assert arm_of(TEXTS, ann_above=599).ann_recall_ is not None
    dead = np.arange(600) > 0
    assert arm_of(TEXTS, dead, ann_above=599).ann_recall_ is None


def test_recall_is_the_share_of_exact_neighbours_in_the_pool(caplog):
    with caplog.at_level(logging.INFO, logger="ltrr"):
        arm = arm_of(TEXTS, ann_above=0, ann_pool=4)
    exact = arm_of(TEXTS)
    found = [{i for i, _ in one} for one in lists(arm, QUERIES)]
    best = [{i for i, _ in one} for one in lists(exact, QUERIES, 10)]
    want = np.mean([len(f & b) / 10 for f, b in zip(found, best, strict=True)])
    assert arm.recall(requests_of(QUERIES)) == pytest.approx(want)
    assert 0.35 < want < 0.41
    assert arm.recall(requests_of([*QUERIES, " ".join(["0"] * DIM)])) == pytest.approx(want)
    asked = np.repeat(np.arange(30), 2) * np.tile([1, 0], 30) - np.tile([0, 1], 30)  # others have no query
    assert arm.recall(requests_of(QUERIES, asked)) == pytest.approx(want)
    assert exact.recall(requests_of(QUERIES)) == 1.0
    # the item itself takes a place of the pool of four and is none of its own neighbours
    assert 0.25 <= arm.ann_recall_ <= 0.3
    assert f"{arm.ann_recall_:.4f} are in their pools of 4" in caplog.text
    with pytest.raises(InputError, match="`k` must be"):
        arm.recall(requests_of(QUERIES), k=0)


def test_a_graph_finds_what_is_near_among_many():
    arm = arm_of(as_text(vectors_of(5000)), ann_above=1000, ann_pool=100)
    assert arm.ann_recall_ > 0.99
    assert arm.recall(requests_of(QUERIES)) > 0.99


def test_it_is_the_same_again_grown_saved_and_in_a_worker(tmp_path):
    arm = arm_of(TEXTS, ann_above=0, ann_pool=20)
    want = lists(arm, QUERIES)
    assert lists(arm_of(TEXTS, ann_above=0, ann_pool=20), QUERIES) == want
    grown = arm_of(TEXTS[:400], ann_above=0, ann_pool=20)
    grown.update(catalogue_of(TEXTS), np.arange(400, 600, dtype=np.int32))
    assert lists(grown, QUERIES) == want
    transport.put(tmp_path / "sent", arm)
    assert lists(transport.take(tmp_path / "sent"), QUERIES) == want
    save(arm, tmp_path / "arm")
    loaded = load(tmp_path / "arm")
    assert lists(loaded, QUERIES) == want
    assert loaded.ann_recall_ == arm.ann_recall_
    loaded.update(catalogue_of(TEXTS[:600]), np.zeros(0, np.int32))
    assert lists(loaded, QUERIES) == want


def test_a_loaded_graph_is_not_made_again(tmp_path, monkeypatch):
    arm = arm_of(TEXTS, ann_above=0, ann_pool=20)
    save(arm, tmp_path / "arm")
    want = lists(arm, QUERIES)
    monkeypatch.setattr(Dense, "_connect", lambda self: pytest.fail("made again"))
    assert lists(load(tmp_path / "arm"), QUERIES) == want


def test_no_vectors_and_no_queries():
    none = NearestGraph(np.zeros((0, 3), np.float32), pool=5)
    assert none.search(np.ones((2, 3), np.float32))[0].tolist() == [0, 0, 0]
    assert none.recall(np.ones((2, 3), np.float32)) == 1.0
    one = NearestGraph(np.ones((1, 3), np.float32), pool=5)
    assert one.search(np.zeros((0, 3), np.float32))[0].tolist() == [0]
    assert [x.tolist() for x in one.search(np.ones((1, 3), np.float32))] == [[0, 1], [0]]
    assert arm_of(["0 0"], ann_above=0).ann_recall_ is None


def test_bad_settings_and_an_absent_extra_are_one_line(monkeypatch):
    with pytest.raises(InputError, match=r"`Dense.ann_above` must be"):
        Dense(ann_above=-1)
    with pytest.raises(InputError, match=r"`Dense.ann_pool` must be"):
        Dense(ann_pool=0)
    real = builtins.__import__

    def refused(name, *args, **kwargs):
        if name.partition(".")[0] == "usearch":
            raise ImportError(f"No module named {name!r}")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refused)
    with pytest.raises(InputError, match=r"needs the extra `ann`: pip install 'ltrr\[ann\]'"):
        Dense(FromFunction(np.ones), ann_above=5)
    Dense()
