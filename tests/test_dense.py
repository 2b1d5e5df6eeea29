from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr._kernels import dense as kernels
from ltrr.embeddings import LSA
from ltrr.errors import InputError
from ltrr.protocols import Retriever
from ltrr.retrieval.dense import Dense
from tests.naive_retrieval import catalogue_of, depths, items_of, naive_cosines, ranked, requests_of, rows

WORDS = [a + b + c for a in "bdkmt" for b in "aeiou" for c in "lnrs"]


def sentences(n, rng):
    return [" ".join(rng.choice(WORDS, rng.integers(1, 8))) for _ in range(n)]


@dataclass
class Numbers:
    """Reads a text as its vector."""

    asked: int = 0

    def encode(self, texts):
        self.asked += len(texts)
        return np.array([[float(x) for x in text.split()] for text in texts], np.float32).reshape(
            len(texts), -1
        )


def as_text(vectors):
    return [" ".join(str(x) for x in row) for row in vectors.tolist()]


def test_is_a_static_retriever():
    arm = Dense()
    arm.index(catalogue_of(["blue sky", "sea"]))
    assert isinstance(arm, Retriever)
    assert arm.static
    assert arm.state() == {}


def test_worked_by_hand():
    arm = Dense(Numbers())
    arm.index(catalogue_of(["3 4", "1 0", "0 0", "-2 0", "0 9"]))
    found = arm.retrieve(requests_of(["2 0", "0 0"], [0, 1, -1]), depths(3, 4))
    assert rows(found) == [[(1, 1.0), (0, np.float32(0.6)), (4, 0.0), (3, -1.0)], [], []]
    assert found.capped.tolist() == [True, False, False]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 9), st.integers(0, 30), st.booleans())
def test_agrees_with_the_naive_twin(seed, n, dim, depth, coarse):
    # coarse numbers make many exact ties
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-1, 2, (n, dim)).astype(float) if coarse else rng.normal(size=(n, dim))
    queries = rng.integers(-1, 2, (3, dim)).astype(float)
    alive = rng.random(n) < 0.8
    arm = Dense(Numbers())
    arm.index(catalogue_of(as_text(vectors), alive))
    asks = requests_of(as_text(queries))
    every = arm.score(asks, items_of([range(n)] * 3)).reshape(3, n)
    found = rows(arm.retrieve(asks, depths(3, depth)))
    for q in range(3):
        naive = naive_cosines(vectors, queries[q])
        np.testing.assert_allclose(every[q], np.nan_to_num(naive), atol=1e-6)
        possible = {i: float(every[q, i]) for i in range(n) if alive[i] and not np.isnan(naive[i])}
        assert found[q] == [(i, possible[i]) for i in ranked(possible, depth)]


@pytest.mark.compiled
def test_exact_over_many_chunks_and_blocks():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3_000, 33)).astype(np.float32)
    vectors[rng.integers(3_000, size=500)] = vectors[0]
    arm = Dense(Numbers())
    arm.index(catalogue_of(as_text(vectors)))
    asks = requests_of(as_text(rng.normal(size=(150, 33))))
    every = arm.score(asks, items_of([range(3_000)] * 150)).reshape(150, 3_000)
    for found, scores in zip(rows(arm.retrieve(asks, depths(150, 40))), every, strict=True):
        order = np.lexsort((np.arange(3_000), -scores))[:40]
        assert found == list(zip(order.tolist(), scores[order].tolist(), strict=True))


def test_batch_order_and_depth_do_not_matter():
    rng = np.random.default_rng(3)
    texts, queries = sentences(600, rng), sentences(90, rng)
    arm = Dense(LSA(dim=32))
    arm.index(catalogue_of(texts))
    deep = rows(arm.retrieve(requests_of(queries), depths(90, 50)))
    mixed = rng.integers(0, 50, 90).astype(np.int32)
    shallow = rows(arm.retrieve(requests_of(queries), mixed))
    assert shallow == [long[:d] for long, d in zip(deep, mixed, strict=True)]
    shuffled = rng.permutation(90)
    assert rows(arm.retrieve(requests_of(queries, shuffled), depths(90, 50))) == [deep[q] for q in shuffled]
    for q in range(0, 90, 7):
        alone = Dense(arm.encoder_)
        alone.index(catalogue_of(texts))
        assert rows(alone.retrieve(requests_of([queries[q]]), depths(1, 50))) == [deep[q]]


def test_relabelled_items_keep_their_scores():
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(300, 12))
    new = rng.permutation(300)
    asks = requests_of(as_text(rng.normal(size=(5, 12))))
    before, after = Dense(Numbers()), Dense(Numbers())
    before.index(catalogue_of(as_text(vectors)))
    after.index(catalogue_of(as_text(vectors[new])))
    old = rows(before.retrieve(asks, depths(5, 300)))
    for mine, renamed in zip(old, rows(after.retrieve(asks, depths(5, 300))), strict=True):
        assert dict(mine) == {int(new[i]): s for i, s in renamed}


def test_queries_are_encoded_once():
    encoder = Numbers()
    arm = Dense(encoder)
    arm.index(catalogue_of(["1 0", "0 1"]))
    arm.retrieve(requests_of(["1 1"], [0, 0]), depths(2, 1))
    arm.retrieve(requests_of(["1 1", "1 2"], [1, 0]), depths(2, 1))
    assert arm.score(requests_of(["1 1", "1 2"], [1, -1]), items_of([[0, -1], [1]]))[1:].tolist() == [0, 0]
    assert encoder.asked == 4


def test_nothing_known_finds_nothing():
    arm = Dense(LSA(dim=4))
    arm.index(catalogue_of(["blue sky", "", "red sea", "?!"]))
    found = arm.retrieve(requests_of(["zzzz", "", "sky"], [0, 1, -1, 2]), depths(4, 9))
    assert [len(x) for x in rows(found)[:3]] == [0, 0, 0]
    assert {i for i, _ in rows(found)[3]} == {0, 2}
    assert len(arm.retrieve(requests_of([]), depths(0, 5))) == 0
    assert arm.score(requests_of([]), items_of([])).shape == (0,)


def test_bad_vectors_are_refused():
    arm = Dense(Numbers())
    with pytest.raises(InputError, match="must be finite"):
        arm.index(catalogue_of(["nan 0"]))


def test_lsa_is_deterministic_and_row_independent():
    rng = np.random.default_rng(5)
    texts = sentences(200, rng)
    lsa = LSA(dim=16).fit(texts)
    whole = lsa.encode(texts)
    assert whole.dtype == np.float32
    assert whole.shape == (200, 16)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(whole, LSA(dim=16).fit(texts).encode(texts))
    for i in range(0, 200, 17):
        np.testing.assert_array_equal(lsa.encode([texts[i]])[0], whole[i])
    np.testing.assert_array_equal(lsa.encode(texts[::-1]), whole[::-1])


def test_lsa_keeps_what_the_texts_allow():
    same = LSA().fit(["blue sky"] * 5)
    assert same.components_.shape[1] == 1
    np.testing.assert_allclose(same.encode(["blue sky"]), [[1.0]], atol=1e-6)
    assert LSA().fit(["blue"]).encode(["blue", "zzz", ""]).shape == (3, 1)
    assert LSA(words=False).fit(["a"]).encode([]).shape == (0, 1)


def test_lsa_of_full_rank_equals_tf_idf():
    # with every direction kept, cosines are those of the TF-IDF rows; worked out here by hand
    texts = ["a a b", "b c", "c c c"]
    vectors = LSA(characters=None).fit(texts).encode(texts)
    idf = np.log(4 / (1 + np.array([1, 2, 2]))) + 1
    tf = np.array([[2, 1, 0], [0, 1, 1], [0, 0, 3.0]])
    rows_ = np.where(tf > 0, 1 + np.log(np.maximum(tf, 1)), 0) * idf
    rows_ /= np.linalg.norm(rows_, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors @ vectors.T, rows_ @ rows_.T, atol=1e-5)


def test_lsa_forgives_spelling_by_characters():
    texts = ["guitar solo", "violin concerto", "trumpet fanfare", "guitar riff"]
    vectors = LSA(dim=3).fit(texts).encode([*texts, "gitar"])
    assert int(np.argmax(vectors[:4] @ vectors[4])) in (0, 3)


def test_lsa_checks_its_input():
    with pytest.raises(InputError, match=r"`LSA.dim`"):
        LSA(dim=0)
    with pytest.raises(InputError, match=r"`LSA.characters\[1\]`"):
        LSA(characters=(3, 2))
    with pytest.raises(InputError, match=r"`LSA.characters`"):
        LSA(words=False, characters=None)
    with pytest.raises(InputError, match="at least one text"):
        LSA().fit(["", "?"])


def test_dot_and_normalise():
    x, y = np.arange(1, 8, dtype=np.float32), np.full(7, 2, np.float32)
    assert kernels.dot(x, y) == 56
    assert kernels.dot(x[:0], y[:0]) == 0
    vectors = np.array([[3, 4], [0, 0]], np.float32)
    kernels.normalise_rows(vectors)
    np.testing.assert_array_equal(vectors, np.array([[0.6, 0.8], [0, 0]], np.float32))
