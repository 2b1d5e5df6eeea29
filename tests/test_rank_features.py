from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.ranking.features import RankFeatures
from ltrr.ranking.prior import PRIOR_WEIGHTS, PriorRanker
from ltrr.retrieval.lexical import BM25
from ltrr.retrieval.memory import Memory
from ltrr.retrieval.popular import Popular
from ltrr.types import Catalogue, Items, Queries, Requests
from tests import naive_ranking as naive

VOCABULARY = ["red", "blue", "sky", "sea", "song", "night"]


class Formula:
    """A provider whose score of a pair is a formula, so that a mixed-up row shows, empty places included."""

    def features(self, requests, items):
        query = np.repeat(requests.query, np.diff(items.indptr))
        return ["formula"], (query + items.item / 64).astype(np.float32)[:, None]


def requests_of(texts, query, time=1e6):
    n = len(query)
    ids = np.arange(n)
    return Requests(ids, ids, ids, query, np.full(n, time), np.zeros((n, 0)), (), Queries(tuple(texts)))


def items_of(lists):
    lengths = [len(x) for x in lists]
    return Items(np.concatenate([[0], np.cumsum(lengths)]), np.array([i for x in lists for i in x], np.int32))


def features_of(titles, texts, *, memory_rows=(), method="lucene"):
    """Real arms over a small catalogue; memory gets rows (query, item, actions, shows)."""
    n = len(titles)
    catalogue = Catalogue(
        tuple(map(str, range(n))),
        {"title": tuple(titles), "text": tuple(texts)},
        popularity=np.arange(n),
        released=np.linspace(-5e6, 1.5e6, n),
        kind=np.arange(n) % 3,
        kind_names=("a", "b", "c"),
    )
    lexical, memory, popular = BM25(method=method), Memory(capacity=4), Popular()
    for arm in (lexical, memory, popular):
        arm.index(catalogue)
    query = sorted({row[0] for row in memory_rows})
    state = {
        "query": np.array(query, np.int32),
        "item": np.full((len(query), 4), -1, np.int32),
        "actions": np.zeros((len(query), 4), np.float32),
        "shows": np.zeros((len(query), 4), np.float32),
    }
    for q, item, actions, shows in memory_rows:
        row = query.index(q)
        place = int((state["item"][row] >= 0).sum())
        state["item"][row, place], state["actions"][row, place] = item, actions
        state["shows"][row, place] = shows
    memory.restore(state)
    providers = {"bm25": lexical, "own": Formula(), "memory": memory, "popular": popular}
    return RankFeatures(catalogue, providers)


phrase = st.lists(st.sampled_from(VOCABULARY), max_size=5).map(" ".join)
question = st.lists(st.sampled_from([*VOCABULARY, "zzz", "yyy"]), max_size=5).map(" ".join)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(phrase, phrase), min_size=1, max_size=6),
    st.lists(question, min_size=1, max_size=3),
    st.data(),
)
def test_equals_the_naive_twin(texts, queries, data):
    titles, bodies = [t for t, _ in texts], [b for _, b in texts]
    whole = [f"{t} {b}" for t, b in texts]
    n = len(texts)
    asked = data.draw(st.lists(st.integers(-1, len(queries) - 1), max_size=4))
    lists = [data.draw(st.lists(st.integers(-1, n - 1), max_size=5)) for _ in asked]
    stored = [(0, 0, 2.0, 5.0), (0, n - 1, 1.0, 3.0)] if n > 1 else [(0, 0, 2.0, 5.0)]
    features = features_of(titles, bodies, memory_rows=stored)
    rows = features.build(requests_of(queries, asked), items_of(lists))
    assert rows.shape == (sum(map(len, lists)), len(features.names))
    assert rows.dtype == np.float32
    memory = {(q, i): (actions, shows) for q, i, actions, shows in stored}
    rate = {key: (a + 0.05) / (s + 1.0) for key, (a, s) in memory.items()}
    at = 0
    for q, chosen in zip(asked, lists, strict=True):
        for i in chosen:
            got = dict(zip(features.names, rows[at].tolist(), strict=True))
            at += 1
            if i < 0:
                assert not any(got.values())
                continue
            query = queries[q] if q >= 0 else ""
            score, bound = naive.bm25(query, whole[i], whole), naive.bm25_bound(query, whole)
            want = naive.text_features(query, titles[i], whole[i], whole) | {
                "bm25": score,
                "bm25_share": score / bound if bound else 0.0,
                "own:formula": q + i / 64,
                "memory_rate": rate.get((q, i), 0.0),
                "memory_actions": np.log(1 + memory.get((q, i), (0.0,))[0]),
                "memory_best": max((r for (other, _), r in rate.items() if other == q), default=0.0),
                "memory_known": float(q == 0),
                "popularity_prior": np.log(1 + i),
                "popularity": np.log(1 + (50 * i / (n - 1) if n > 1 else 0)),
                "age_days": naive.age(1e6, np.linspace(-5e6, 1.5e6, n)[i]),
                "kind": i % 3,
            }
            assert got.keys() == want.keys()
            for name, value in want.items():
                assert got[name] == pytest.approx(value, rel=2e-5, abs=1e-6), name


def test_a_mean_length_below_one_word_by_hand():
    features = features_of(["", ""], ["red", ""])
    rows = features.build(requests_of(["red"], [0]), items_of([[0, 1]]))
    # idf ln(1 + 1.5/1.5); the text is twice as long as the mean: 1 / (1 + 1.5 (0.25 + 0.75 · 2))
    assert rows[:, 0].tolist() == pytest.approx([np.log(2) / 3.625, 0.0])


def test_worked_by_hand():
    features = features_of(["Blue sky", "red"], ["sea sea", "red night"], memory_rows=[(0, 0, 3.0, 9.0)])
    rows = features.build(requests_of(["blue sea blue zzz"], [0]), items_of([[0, 1]]))
    got = dict(zip(features.names, rows[0].tolist(), strict=True))
    # three distinct terms: blue and sea, which the item has, and zzz, which nothing has; the title has blue
    assert got["overlap"] == pytest.approx(2 / 3)
    assert got["title_overlap"] == pytest.approx(1 / 3)
    assert got["query_length"] == 4
    assert got["query_unknown_share"] == 0.25
    assert got["query_idf_mean"] == pytest.approx(np.log(2))  # each word in one text of two: ln(1 + 1.5/1.5)
    assert got["title_length"] == 2
    assert got["text_length"] == pytest.approx(np.log(5))
    assert got["memory_rate"] == pytest.approx(3.05 / 10)
    assert got["memory_actions"] == pytest.approx(np.log(4))
    # released 5e6 seconds before the start, asked at 1e6
    assert got["age_days"] == pytest.approx(np.log(1 + 6e6 / 86_400))
    # the other item is released after the request: no age below 0
    assert rows[1, features.names.index("age_days")] == 0.0


def test_memory_columns_are_zero_where_memory_knows_nothing():
    features = features_of(["red", "blue"], ["", ""], memory_rows=[(0, 1, 1.0, 1.0)])
    rows = features.build(requests_of(["red", "blue"], [0, 1]), items_of([[0, 1], [0, 1]]))
    columns = list(features.memory_columns)
    names = {features.names[c] for c in columns}
    assert names == {"memory_rate", "memory_actions", "memory_best", "memory_known"}
    assert (rows[1][columns] > 0).all()
    assert not rows[2:, columns].any()


@pytest.mark.parametrize("method", ["lucene", "robertson", "atire"])
def test_share_of_the_bound_stays_within_it(method):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(VOCABULARY, 12)) for _ in range(30)] + ["red " * 400, "quaint " * 400]
    features = features_of([""] * 32, texts, method=method)
    rows = features.build(requests_of(["red", "quaint sky sky"], [0, 1]), items_of([range(32)] * 2))
    share = rows[:, features.names.index("bm25_share")]
    assert share.max() <= 1.0 + 1e-6
    assert share.min() >= 0.0
    if method != "robertson":  # which weighs words of most texts nothing
        assert share[:32].max() > 0.75


def test_rows_do_not_depend_on_the_batch():
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(VOCABULARY, 4)) for _ in range(20)]
    features = features_of(texts, texts, memory_rows=[(1, 3, 2.0, 2.0)])
    requests = requests_of(texts[:5], [0, 1, -1, 4, 1])
    items = items_of([rng.integers(-1, 20, size) for size in (7, 0, 3, 9, 4)])
    whole = features.build(requests, items)
    for b in (4, 0, 3, 2, 1):
        alone = features.build(requests.take(np.array([b])), items.take(np.array([b])))
        assert alone.tobytes() == whole[items.indptr[b] : items.indptr[b + 1]].tobytes()
    assert features.build(requests.take(np.arange(0)), items_of([])).shape == (0, len(features.names))


def test_without_providers_the_columns_of_request_and_item_remain():
    full = features_of(["red", "blue sky"], ["sea", "sky"], memory_rows=[(0, 1, 1.0, 1.0)])
    bare = RankFeatures(full.catalogue)
    request, items = requests_of(["blue"], [0]), items_of([[1, -1, 0]])
    assert bare.names == full.names[-len(bare.names) :]
    assert bare.memory_columns == ()
    assert np.array_equal(bare.build(request, items), full.build(request, items)[:, -len(bare.names) :])


def test_a_fork_looks_at_other_providers():
    mine = features_of(["red", "blue"], ["", ""], memory_rows=[(0, 1, 1.0, 1.0)])
    memory = Memory(capacity=4)
    memory.index(mine.catalogue)
    other = mine.fork({"memory": memory})
    request, items = requests_of(["red"], [0]), items_of([[0, 1]])
    before, got = mine.build(request, items), other.build(request, items)
    columns = list(mine.memory_columns)
    assert before[1, columns].all()
    assert not got[:, columns].any()
    assert np.array_equal(np.delete(got, columns, axis=1), np.delete(before, columns, axis=1))
    assert mine.build(request, items).tobytes() == before.tobytes()


def test_two_of_a_kind_stand_side_by_side():
    full = features_of(["red", "blue sky"], ["sea", "sky"])
    titles, twin = BM25(fields=["title"]), BM25()
    for arm in (titles, twin):
        arm.index(full.catalogue)
    features = RankFeatures(full.catalogue, {"bm25": twin, "titles": titles})
    assert features.names[:4] == ("bm25", "bm25_share", "titles:bm25", "titles:bm25_share")
    rows = features.build(requests_of(["sky sea"], [0]), items_of([[0, 1]]))
    assert rows[0, 0] > 0 == rows[0, 2]  # the first title has neither word
    with pytest.raises(InputError, match=r"'x:a' twice"):
        RankFeatures(full.catalogue, {"x": Block("a", "a")})


class Block:
    """A provider of zeros under any names."""

    def __init__(self, *names):
        self.names = names

    def features(self, requests, items):
        return self.names, np.zeros((len(items.item), len(self.names)), np.float32)


def test_a_provider_must_keep_its_columns():
    block = Block("a", "b")
    features = RankFeatures(features_of(["red"], [""]).catalogue, {"x": block})
    block.names = ("a",)
    with pytest.raises(InputError, match=r"`features` of 'x' must be \['a', 'b'\] of shape \(1, 2\), got"):
        features.build(requests_of(["red"], [0]), items_of([[0]]))


def test_refuses_what_does_not_fit():
    features = features_of(["red"], [""])
    with pytest.raises(InputError, match="one a request"):
        features.build(requests_of(["red"], [0]), items_of([[0], [0]]))
    with pytest.raises(InputError, match="below 1"):
        features.build(requests_of(["red"], [0]), items_of([[1]]))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), st.integers(0, 2**32 - 1))
def test_prior_equals_the_naive_twin_in_any_batch(n, seed):
    rng = np.random.default_rng(seed)
    names = ("x", *reversed(PRIOR_WEIGHTS), "y")
    features = rng.normal(size=(n, len(names))).astype(np.float32)
    ranker = PriorRanker(names)
    got = ranker.score(features)
    assert got.dtype == np.float64
    # the same order of additions, so equal to the last bit
    assert got.tolist() == [naive.weighted(row, names, PRIOR_WEIGHTS) for row in features]
    half = np.concatenate([ranker.score(features[: n // 2]), ranker.score(features[n // 2 :])])
    assert half.tobytes() == got.tobytes()


def test_prior_refuses():
    with pytest.raises(InputError, match=r"did you mean 'cosine'"):
        PriorRanker(("cosine",), weights={"cosin": 1.0})
    with pytest.raises(InputError, match="must be a number"):
        PriorRanker(("cosine",), weights={"cosine": float("nan")})
    with pytest.raises(InputError, match="shape"):
        PriorRanker(("cosine",), weights={}).score(np.zeros((3, 2), np.float32))
