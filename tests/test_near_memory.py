"""The memory that answers near texts: neighbours, lists, discounts that are learned, and what is shared."""

from dataclasses import replace

import numpy as np
import pytest

from ltrr._kernels import near_memory as kernels
from ltrr.checks.data import feedback_of
from ltrr.errors import InputError
from ltrr.retrieval import Memory, NearMemory
from ltrr.retrieval.near_memory import BINS
from ltrr.retrieval.near_queries import Neighbours, Vectors
from ltrr.types import Catalogue, Items, Queries, Requests
from tests.naive_retrieval import near_lists, near_queries

TEXTS = ("red shoe", "red shoes", "rde shoe", "blue hat", "blue hats", "green")
TITLES = ("red shoe", "red boot", "blue hat", "blue cap", "green field", "shoe", "hat", "red hat")
CATALOGUE = Catalogue(tuple(f"i{i}" for i in range(8)), {"title": TITLES})


class Angles:
    """Texts on a circle: the cosine of two is known."""

    def __init__(self, *degrees):
        self.degrees = dict(zip(TEXTS, degrees, strict=True))

    def encode(self, texts):
        angle = np.deg2rad([self.degrees[text] for text in texts])
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def asked(*query, texts=TEXTS):
    ids = np.arange(len(query))
    context = np.zeros((len(query), 1))
    return Requests(ids, ids, ids, np.array(query), ids, context, ("x",), Queries(texts))


def memory(**settings):
    arm = NearMemory(prior=0.0, capacity=4, **settings)
    arm.index(CATALOGUE)
    return arm


def given(arm, table, earned=0.0, promised=0.0):
    """Restore a table {query: {item: (actions, shows)}}."""
    n = len(table)
    item, actions, shows = np.full((n, 4), -1), np.zeros((n, 4)), np.zeros((n, 4))
    for row, entries in enumerate(table.values()):
        for at, (i, (a, s)) in enumerate(entries.items()):
            item[row, at], actions[row, at], shows[row, at] = i, a, s
    state = {"query": np.array(list(table)), "item": item, "actions": actions, "shows": shows}
    arm.restore(state | {"earned": np.full(BINS, earned), "promised": np.full(BINS, promised)})
    return arm


def all_of(n):
    return np.full(n, 99, np.int32)


def test_neighbours_are_those_of_the_naive_search_whenever_they_became_known():
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(40, 5)).astype(np.float32)
    vectors /= np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    order = rng.permutation(40)[:30].astype(np.int32)
    near, similarity = np.full((40, 3), -1, np.int32), np.zeros((40, 3), np.float32)
    seen = np.zeros(40, np.int64)
    for known in (order[:4], order[:11], order):
        query = rng.integers(0, 40, 25).astype(np.int32)
        kernels.nearest(query, vectors, known, seen, 0.2, near, similarity)
        for q in query:
            want = near_queries(q, vectors, known, 0.2, 3)
            got = [(i, s) for i, s in zip(near[q], similarity[q], strict=True) if i >= 0]
            assert [i for i, _ in got] == [i for i, _ in want]
            np.testing.assert_allclose([s for _, s in got], [s for _, s in want], rtol=1e-6)


def test_lists_and_pairs_are_those_of_the_naive_merge():
    rng = np.random.default_rng(5)
    query = np.array([0, 3, -1, 7], np.int32)
    near = np.array([[1, 2], [4, -1], [0, 1], [2, 3]], np.int32)
    factor = np.float32([[0.5, 0.9], [0.3, 0.0], [1.0, 0.0], [0.7, 0.7]])
    wanted = np.arange(12, dtype=np.int32)
    for _ in range(60):
        item = np.array([rng.choice(12, 4, replace=False) for _ in range(5)], np.int32)
        actions = rng.integers(1, 4, (5, 4)).astype(np.float32)
        shows = actions + rng.integers(0, 5, (5, 4)).astype(np.float32)
        table = {q: dict(zip(item[q], zip(actions[q], shows[q], strict=True), strict=True)) for q in range(5)}
        flat = (item, actions, shows, np.full(5, 4, np.int32), (0.1, 2.0, 1.0, 0.0))
        indptr, found, score = kernels.merged(query, near, factor, *flat)
        for b, q in enumerate(query):
            pairs = [(int(o), float(f)) for o, f in zip(near[b], factor[b], strict=True) if o >= 0]
            want = near_lists(int(q), table, pairs, 0.05, 2.0)
            part = slice(indptr[b], indptr[b + 1])
            assert found[part].tolist() == [i for i, _ in want]
            np.testing.assert_array_equal(score[part], [s for _, s in want])
            others = dict(near_lists(-9, table, pairs, 0.05, 2.0))
            one = slice(b, b + 1)
            value, neighbour, rate = kernels.valued(np.array([0, 12]), wanted, near[one], factor[one], *flat)
            np.testing.assert_array_equal(value, [others.get(i, np.float32(0)) for i in wanted])
            at = neighbour >= 0
            np.testing.assert_array_equal(at, value > 0)
            np.testing.assert_allclose(rate[at] * factor[b][neighbour[at]], value[at], rtol=1e-6)


def test_own_entries_come_first_then_the_nearest_queries_entries():
    table = {0: {2: (1, 9)}, 1: {5: (3, 3), 2: (2, 2)}, 3: {6: (1, 1)}}
    arm = given(memory(discount_weight=np.inf), table)
    found = arm.retrieve(asked(0, 5), all_of(2))
    # a known query's own entry stands first though its rate is the lowest; "green" is near nothing
    assert found.item.tolist() == [2, 5]
    assert found.indptr.tolist() == [0, 2, 2]
    assert arm.available(asked(0, 5)).tolist() == [2, 0]


def test_the_score_of_a_near_entry_is_its_rate_times_the_discount():
    arm = memory(encoder=Angles(0, 30, 50, 90, 120, 200), discount_weight=np.inf, prior_weight=0.0)
    given(arm, {0: {4: (1, 2)}})
    found = arm.retrieve(asked(1, 2, 3), all_of(3))
    # the cosine of 30 degrees is √¾; that of 90 is below the floor
    assert found.indptr.tolist() == [0, 1, 2, 2]
    want = [0.5 * 0.7 * 0.75, 0.5 * 0.7 * np.cos(np.deg2rad(50)) ** 2]
    np.testing.assert_allclose(found.score, want, rtol=1e-5)


def test_the_discount_is_learned_from_what_near_entries_earn():
    arm = memory(encoder=Angles(0, 30, 30, 90, 120, 200), discount_weight=10.0, prior_weight=0.0)
    given(arm, {0: {4: (1, 2)}})
    requests = asked(1)
    np.testing.assert_allclose(arm.retrieve(requests, all_of(1)).score, 0.5 * 0.7 * 0.75, rtol=1e-5)
    # shown twice for query 1, for which the entry promises half an action, and not acted on
    seen = feedback_of(requests, alive=CATALOGUE.alive)
    page = np.full_like(seen.item, -1)
    page[0, 0] = 4
    nothing = np.zeros(page.shape, bool)
    quiet = replace(seen, item=page, click=nothing, satisfied=nothing)
    arm.learn(quiet)
    arm.learn(quiet)
    assert (arm.state()["promised"].sum(), arm.state()["earned"].sum()) == (1.0, 0.0)
    want = 0.5 * (10.0 * 0.7 * 0.75) / 11.0
    np.testing.assert_allclose(arm.retrieve(requests, all_of(1)).score, want, rtol=1e-5)
    # what is acted on becomes an entry of query 1 itself
    acted = nothing.copy()
    acted[0, 0] = True
    arm.learn(replace(quiet, click=acted, satisfied=acted))
    assert arm.state()["earned"].sum() == 1.0
    assert float(arm.retrieve(requests, all_of(1)).score[0]) > 1.0


def test_features_say_what_lists_say():
    arm = given(memory(), {0: {2: (1, 2)}, 1: {5: (3, 3), 2: (2, 2)}, 3: {6: (1, 1)}})
    requests = asked(0, 2, 5)
    items = Items(np.array([0, 8, 16, 24]), np.tile(np.arange(8, dtype=np.int32), 3))
    names, rows = arm.features(requests, items)
    column = rows[:, names.index("near_rate")].reshape(3, 8)
    found = arm.retrieve(requests, all_of(3))
    row = np.repeat(np.arange(3), np.diff(found.indptr))
    near = found.score <= 1.0
    assert near.sum() >= 2
    np.testing.assert_array_equal(column[row[near], found.item[near]], found.score[near])
    assert arm.coverage(requests).shape == (3, len(arm.coverage_names))
    assert arm.coverage(requests)[2].tolist() == [0.0] * 6


def test_without_neighbours_it_is_the_plain_memory():
    plain, near = Memory(capacity=4), NearMemory(capacity=4, floor=0.9999)
    for arm in (plain, near):
        arm.index(CATALOGUE)
    for batch in range(3):
        feedback = feedback_of(asked(*np.random.default_rng(batch).integers(0, 6, 20)), alive=CATALOGUE.alive)
        plain.learn(feedback)
        near.learn(feedback)
    one, other = plain.retrieve(asked(0, 1, 3), all_of(3)), near.retrieve(asked(0, 1, 3), all_of(3))
    assert len(one.item) > 3
    assert one.item.tolist() == other.item.tolist()
    np.testing.assert_allclose(one.score + 1.0, other.score, rtol=1e-6)


def test_forks_share_vectors_and_learn_apart():
    arm = memory()
    one, two = arm.fork(), arm.fork()
    given(one, {0: {2: (1, 1)}})
    assert (one.available(asked(1)).tolist(), two.available(asked(1)).tolist()) == ([1], [0])
    assert one._vectors is two._vectors
    # another run's table of queries: nothing that was found for the first one holds
    other = ("green field", "red shoe", "red shoes")
    given(two, {1: {5: (1, 1)}})
    assert two.retrieve(asked(2, texts=other), all_of(1)).item.tolist() == [5]
    assert one.retrieve(asked(1), all_of(1)).item.tolist() == [2]


def test_an_update_keeps_what_was_learned():
    arm = given(memory(), {0: {2: (1, 1)}}, earned=1.0, promised=2.0)
    grown = Catalogue((*CATALOGUE.name, "new"), {"title": (*TITLES, "red shoelace")})
    arm.update(grown, np.array([8], np.int32))
    assert arm.retrieve(asked(1), all_of(1)).item.tolist() == [2]
    assert arm.state()["promised"].tolist() == [2.0] * BINS


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"near": 0}, "NearMemory.near"), ({"floor": 1.0}, "floor"), ({"discount": 1.5}, "NearMemory.discount")],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        NearMemory(**settings)


def test_queries_that_a_table_lacks_are_compared_once_it_has_them():
    class Letters:
        def encode(self, texts):
            return np.array([[t.count("a"), t.count("b")] for t in texts], np.float32)

    def asked(texts):
        one = np.zeros(1, np.int64)
        zeros = np.zeros((1, 0), np.float32)
        return Requests(one, one, one, one, one, zeros, (), Queries(tuple(texts)))

    texts, known = Vectors(Letters()), np.array([4, 1, 3], np.int32)
    nearest = Neighbours(3)
    table = ["aab", "aaab", "b", "aaaab", "ab"]
    near, _ = nearest.of(texts, asked(table[:3]), known, 0.1)
    assert near.tolist() == [[1, -1, -1]]
    near, _ = nearest.of(texts, asked(table), known, 0.1)
    assert near.tolist() == Neighbours(3).of(Vectors(Letters()), asked(table), known, 0.1)[0].tolist()
    assert sorted(near[0]) == [1, 3, 4]


def test_requests_without_a_query_and_without_a_table_find_nothing():
    memory = NearMemory(encoder=Angles(0, 1, 2, 3, 4, 5))
    memory.index(CATALOGUE)
    one = np.zeros(1, np.int64)
    asked = Requests(one, one, one, one - 1, one, np.zeros((1, 0), np.float32), (), Queries(()))
    assert memory.retrieve(asked, np.array([2])).item.tolist() == []
    assert memory.coverage(asked).tolist() == [[0.0] * 6]
