"""BM25 by fields, and the quality of items in the score."""

import math

import numpy as np
import pytest

from ltrr.errors import InputError
from ltrr.retrieval import BM25, BM25F
from ltrr.types import Catalogue, Queries, Requests


def asked(*texts):
    n = np.arange(len(texts))
    return Requests(n, n, n, n, n, np.zeros((len(texts), 0)), (), Queries(texts))


def lists(arm, catalogue, *texts):
    arm.index(catalogue)
    found = arm.retrieve(asked(*texts), np.full(len(texts), len(catalogue), np.int32))
    return [
        dict(zip(part.item.tolist(), part.score.tolist(), strict=True))
        for part in (found.take(np.array([b])) for b in range(len(texts)))
    ]


def naive(fields, query, weights, lengths, k1, b):
    """Return {item: score} word by word, field by field."""
    n = len(next(iter(fields.values())))
    cut = {name: [text.split() for text in texts] for name, texts in fields.items()}
    out = {}
    for item in range(n):
        score = 0.0
        for word in query.split():
            df = sum(any(word in cut[f][d] for f in fields) for d in range(n))
            count = 0.0
            for f in fields:
                mean = sum(map(len, cut[f])) / n
                b_f = lengths.get(f, b)
                norm = 1.0 - b_f + b_f * len(cut[f][item]) / mean
                count += weights.get(f, 1.0) * cut[f][item].count(word) / norm
            if count:
                score += math.log(1 + (n - df + 0.5) / (df + 0.5)) * count / (count + k1)
        if score:
            out[item] = score
    return out


def made_up(rng, n=30):
    def texts(longest):
        return tuple(" ".join(rng.choice(list("abcdef"), rng.integers(1, longest))) for _ in range(n))

    return {"title": texts(4), "text": texts(12), "tags": texts(3)}


@pytest.mark.parametrize(
    ("weights", "lengths"), [({}, {}), ({"title": 4.0}, {"tags": 0.0}), ({"text": 0.2}, {"text": 1.0})]
)
def test_scores_are_those_of_the_naive_sum(weights, lengths):
    rng = np.random.default_rng(2)
    for _ in range(10):
        fields = made_up(rng)
        arm = BM25F(weights=weights, lengths=lengths, tokenizer=str.split)
        catalogue = Catalogue(tuple(map(str, range(30))), fields)
        for query, got in zip(("a", "b c c", "f z"), lists(arm, catalogue, "a", "b c c", "f z"), strict=True):
            want = naive(fields, query, weights, lengths, 1.5, 0.75)
            assert got == pytest.approx(want, rel=1e-5)


def test_one_field_of_weight_one_is_bm25():
    fields = {"text": made_up(np.random.default_rng(4))["text"]}
    catalogue = Catalogue(tuple(map(str, range(30))), fields)
    one, other = lists(BM25F(), catalogue, "a b")[0], lists(BM25(), catalogue, "a b")[0]
    assert one == pytest.approx(other, rel=1e-6)


def test_by_hand():
    # two items, both hold "sea"; b = 0, so that lengths do not matter; idf = ln(1 + 0.5 / 2.5)
    catalogue = Catalogue(("a", "b"), {"title": ("sea", "blue"), "text": ("red", "sea sea")})
    (found,) = lists(BM25F(weights={"title": 3.0}, b=0.0, k1=1.0), catalogue, "sea")
    idf = math.log(1.2)
    assert found == pytest.approx({0: idf * 3 / 4, 1: idf * 2 / 3})


def test_quality_lifts_popular_items_that_match_and_no_others():
    popularity = np.array([0.0, 9.0, 99.0], np.float32)
    catalogue = Catalogue(("a", "b", "c"), {"text": ("blue sea", "blue sky", "green")}, popularity=popularity)
    (plain,) = lists(BM25(), catalogue, "blue")
    (lifted,) = lists(BM25(quality=0.5), catalogue, "blue")
    assert list(plain) == [0, 1]
    assert list(lifted) == [1, 0]
    # log 10 / log 100 = ½
    assert lifted == pytest.approx({0: plain[0], 1: plain[1] * 1.25}, rel=1e-6)
    arm = BM25(quality=0.5)
    arm.index(catalogue)
    pairs = arm.retrieve(asked("blue"), np.array([9], np.int32))
    np.testing.assert_array_equal(arm.score(asked("blue"), pairs.items), pairs.score)


def test_faults_are_named():
    catalogue = Catalogue(("a",), {"title": ("sea",)})
    with pytest.raises(InputError, match="titel"):
        BM25F(weights={"titel": 2.0}).index(catalogue)
    with pytest.raises(InputError, match=r"BM25F\.weights"):
        BM25F(weights={"title": 0.0})
    with pytest.raises(InputError, match=r"BM25F\.lengths"):
        BM25F(lengths={"title": 2.0})
    with pytest.raises(InputError, match=r"BM25\.quality"):
        BM25(quality=-1.0)
