from __future__ import annotations

import json
import math

import bm25s
import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr._kernels import bm25 as kernels
from ltrr.errors import InputError
from ltrr.protocols import Retriever
from ltrr.retrieval.lexical import BM25
from tests.naive_retrieval import catalogue_of, depths, items_of, naive_bm25, ranked, requests_of, rows

# frequent and rare words in one alphabet, so that lists of all lengths meet
WORD = st.sampled_from("aaaaaaabbbbccdefgh")
TEXT = st.lists(WORD, max_size=9).map(" ".join)
METHODS = ("lucene", "robertson", "atire")


def fitted(texts, alive=None, **settings):
    arm = BM25(tokenizer=str.split, **settings)
    arm.index(catalogue_of(texts, alive))
    return arm


def zipf_texts(n, rng, n_words=300, length=6):
    share = 1.0 / np.arange(1, n_words + 1)
    words = rng.choice(n_words, size=(n, length), p=share / share.sum())
    return [" ".join(f"w{w}" for w in row[: rng.integers(1, length + 1)]) for row in words]


def test_is_a_static_retriever():
    arm = fitted(["a"])
    assert isinstance(arm, Retriever)
    assert arm.static
    assert arm.state() == {}


def test_worked_by_hand():
    # N = 3, lengths 2, 3, 2, mean 7/3; a: df 2; sky: df 1
    arm = fitted(["a sky", "a a sea", "green field"])
    idf_a, idf_sky = math.log(1 + 1.5 / 2.5), math.log(1 + 2.5 / 1.5)
    first = (idf_a + idf_sky) / (1 + 1.5 * (0.25 + 0.75 * 6 / 7))
    second = 2 * idf_a / (2 + 1.5 * (0.25 + 0.75 * 9 / 7))
    (found,) = rows(arm.retrieve(requests_of(["a sky moon"]), depths(1, 9)))
    assert [item for item, _ in found] == [0, 1]
    assert [score for _, score in found] == pytest.approx([first, second], rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(TEXT, min_size=1, max_size=40),
    queries=st.lists(TEXT, max_size=4),
    depth=st.integers(0, 12),
    k1=st.floats(0, 3),
    b=st.floats(0, 1),
)
def test_agrees_with_the_naive_twin(method, texts, queries, depth, k1, b):
    arm = fitted(texts, k1=k1, b=b, method=method)
    asks = requests_of(queries)
    found = arm.retrieve(asks, depths(len(queries), depth))
    every = arm.score(asks, items_of([range(len(texts))] * len(queries)))
    for q, query in enumerate(queries):
        naive = naive_bm25(texts, query, k1, b, method)
        mine = every[q * len(texts) : (q + 1) * len(texts)]
        np.testing.assert_allclose(mine, naive, rtol=1e-5, atol=1e-6)
        # the order is that of the arm's own float32 scores, bit for bit
        positive = {i: float(s) for i, s in enumerate(mine) if s > 0}
        assert rows(found)[q] == [(i, positive[i]) for i in ranked(positive, depth)]
        assert found.capped[q] == (len(rows(found)[q]) == depth)


@pytest.mark.parametrize("depth", [1, 5, 60])
@pytest.mark.parametrize("n", [300, pytest.param(6_000, marks=pytest.mark.compiled)])
def test_pruning_loses_nothing(n, depth):
    rng = np.random.default_rng(n)
    arm = fitted(zipf_texts(n, rng))
    queries = zipf_texts(60, rng)
    asks = requests_of(queries)
    every = arm.score(asks, items_of([range(n)] * len(queries))).reshape(len(queries), n)
    for found, scores in zip(rows(arm.retrieve(asks, depths(len(queries), depth))), every, strict=True):
        order = np.lexsort((np.arange(n), -scores))[:depth]
        order = order[scores[order] > 0]
        assert [i for i, _ in found] == order.tolist()
        assert [s for _, s in found] == scores[order].tolist()


def test_pruning_keeps_what_the_common_word_can_still_lift():
    # without length (b = 0) the long list of "c" cannot bring new items in, but lifts item 5 to the top
    texts = ["r " * 6] * 5 + ["r " * 3 + "c " * 6] + ["c"] * 394 + ["x"] * 600
    (found,) = rows(fitted(texts, b=0.0).retrieve(requests_of(["c r"]), depths(1, 5)))
    assert [item for item, _ in found] == [5, 0, 1, 2, 3]


def test_batch_order_and_depth_do_not_matter():
    rng = np.random.default_rng(1)
    arm = fitted(zipf_texts(500, rng))
    queries = zipf_texts(30, rng)
    deep = rows(arm.retrieve(requests_of(queries), depths(30, 50)))
    mixed = rng.integers(0, 50, 30).astype(np.int32)
    shallow = rows(arm.retrieve(requests_of(queries), mixed))
    assert shallow == [long[:d] for long, d in zip(deep, mixed, strict=True)]
    shuffled = rng.permutation(30)
    back = rows(arm.retrieve(requests_of(queries, shuffled), depths(30, 50)))
    assert back == [deep[q] for q in shuffled]
    for q in range(30):
        assert rows(arm.retrieve(requests_of(queries, [q]), depths(1, 50))) == [deep[q]]


def test_relabelled_items_keep_their_scores():
    rng = np.random.default_rng(2)
    texts = zipf_texts(400, rng)
    new = rng.permutation(400)
    asks = requests_of(zipf_texts(20, rng))
    before = fitted(texts).retrieve(asks, depths(20, 400))
    after = fitted([texts[i] for i in new]).retrieve(asks, depths(20, 400))
    for old, renamed in zip(rows(before), rows(after), strict=True):
        assert dict(old) == {int(new[i]): s for i, s in renamed}


def test_ties_go_by_item():
    arm = fitted(["b"] * 3 + ["a"] * 700 + ["b"])
    found = arm.retrieve(requests_of(["a", "a b"]), depths(2, 5))
    assert [i for i, _ in rows(found)[0]] == [3, 4, 5, 6, 7]
    assert [i for i, _ in rows(found)[1]] == [0, 1, 2, 703, 3]


def test_dead_items_are_scored_but_not_found():
    alive = np.array([True, False, True])
    arm = fitted(["a b", "a", "b c"], alive)
    assert arm.retrieve(requests_of(["a c"]), depths(1, 9)).item.tolist() == [2, 0]
    whole = fitted(["a b", "a", "b c"])
    items = items_of([[0, 1, 2, -1]])
    np.testing.assert_array_equal(
        arm.score(requests_of(["a c"]), items), whole.score(requests_of(["a c"]), items)
    )
    assert arm.score(requests_of(["a c"]), items)[3] == 0


def test_nothing_known_finds_nothing():
    arm = fitted(["a b", "", "a"])
    found = arm.retrieve(requests_of(["zzz", "", "b"], [0, 1, -1, 2]), depths(4, 5))
    assert [len(x) for x in rows(found)] == [0, 0, 0, 1]
    assert found.capped.tolist() == [False] * 4
    assert len(arm.retrieve(requests_of([]), depths(0, 5))) == 0
    assert arm.score(requests_of([]), items_of([])).shape == (0,)
    empty = fitted(["", ""])
    assert len(empty.retrieve(requests_of(["a"]), depths(1, 5)).item) == 0


def test_a_word_of_no_weight_is_not_a_match():
    # more than half of the items hold "a", so that robertson gives it no weight
    arm = fitted(["a", "a", "a b"], method="robertson")
    assert len(arm.retrieve(requests_of(["a"]), depths(1, 5)).item) == 0


def test_parameters_are_checked():
    with pytest.raises(InputError, match=r"`BM25\.k1`"):
        BM25(k1=-1)
    with pytest.raises(InputError, match=r"`BM25\.b`"):
        BM25(b=2)
    with pytest.raises(InputError, match="did you mean 'lucene'"):
        BM25(method="lucen")
    with pytest.raises(InputError, match="`depth`"):
        fitted(["a"]).retrieve(requests_of(["a"]), depths(1, -1))


def test_order_of_terms():
    bound = np.array([1.0, 3.0, 0.0, 3.0], np.float32)
    out = np.empty(6, np.int32)
    n = kernels.order_terms(np.array([0, 3, -1, 2, 1, 0], np.int32), bound, out)
    assert out[:n].tolist() == [3, 1, 0, 0]


@pytest.mark.compiled
@pytest.mark.parametrize(("name", "expected"), [("cranfield", 0.341), ("vaswani", 0.353)])
def test_agrees_with_bm25s_on_real_collections(data_dir, name, expected):
    folder = data_dir / "ir" / name

    def load(file):
        return [json.loads(line) for line in (folder / file).read_text().splitlines()]

    def cut(texts):
        return bm25s.tokenize(texts, return_ids=False, show_progress=False)

    corpus, queries = load("corpus.jsonl"), load("queries.jsonl")
    # cranfield's texts begin with their titles, vaswani has none
    tokens, asked = cut([d["text"] for d in corpus]), cut([q["text"] for q in queries])
    qrels = [
        ir_measures.Qrel(q, d, int(grade))
        for q, d, grade in (
            line.split("\t") for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]
        )
    ]
    asks = requests_of([" ".join(words) for words in asked])
    n = len(corpus)
    for method in METHODS:
        theirs = bm25s.BM25(k1=1.5, b=0.75, method=method)
        theirs.index(tokens, show_progress=False)
        arm = fitted([" ".join(words) for words in tokens], method=method)
        found = arm.retrieve(asks, depths(len(queries), 100))
        for q, words in enumerate(asked):
            scores = theirs.get_scores(words)
            mine = found.score[found.indptr[q] : found.indptr[q + 1]]
            items = found.item[found.indptr[q] : found.indptr[q + 1]]
            np.testing.assert_allclose(mine, scores[items], rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(mine, np.sort(scores)[n - len(mine) :][::-1], rtol=1e-5, atol=1e-5)
        if method == "lucene":
            run = [
                ir_measures.ScoredDoc(queries[q]["_id"], corpus[item]["_id"], float(-rank))
                for q, found_items in enumerate(rows(found))
                for rank, (item, _) in enumerate(found_items)
            ]
            ndcg = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], qrels, run)
            assert ndcg[ir_measures.nDCG @ 10] == pytest.approx(expected, abs=0.01)
