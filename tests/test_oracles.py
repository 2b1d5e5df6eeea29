"""Oracles: exact against literally built unions and pages."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ltrr.errors import InputError
from ltrr.metrics import (
    LossSplit,
    best_order_value,
    ideal_value,
    quota_walk,
    successive_halving,
)
from ltrr.metrics.halving import clearly_worse
from ltrr.types import Truth, Union, all_quotas
from ltrr.users import USERS, UserTables
from tests import naive_metrics as naive


def pool_of(lists):
    """Build a pool literally from the arms' lists of each request."""
    indptr, item, slots, source_indptr, arm, rank = [0], [], [], [0], [], []
    for arms in lists:
        for one in sorted({i for items in arms for i in items}):
            item.append(one)
            slots.append(0)
            for a, items in enumerate(arms):
                if one in items:
                    arm.append(a)
                    rank.append(items.index(one))
            source_indptr.append(len(arm))
        indptr.append(len(item))
    n = len(arm)
    return Union(
        indptr, item, slots, source_indptr, arm, np.zeros(n), rank, np.zeros(n), np.zeros(len(lists))
    )


def world(rng, *, n_requests, n_arms, depth, n_items, max_grade=2):
    """Random lists of uneven length, scores with ties, and the truth of their pool."""
    lists = []
    for _ in range(n_requests):
        lengths = np.where(rng.random(n_arms) < 0.4, rng.integers(0, depth + 1, n_arms), depth)
        lists.append([rng.permutation(n_items)[:n].tolist() for n in lengths])
    pool = pool_of(lists)
    shape = (n_requests, n_items)
    grade = np.where(rng.random(shape) < 0.3, rng.integers(1, max_grade + 1, shape), 0)
    grade[rng.random(n_requests) < 0.2] = 0
    row = np.repeat(np.arange(n_requests), np.diff(pool.indptr))
    truth = Truth(
        indptr=pool.indptr,
        item=pool.item,
        grade=grade[row, pool.item],
        judged=np.ones(len(pool.item)),
        n_relevant=(grade > 0).sum(1),
        ideal=-np.sort(-grade, axis=1),
        topic=np.arange(n_requests),
        max_grade=max_grade,
    )
    return lists, pool, truth, rng.integers(0, 4, len(pool.item)).astype(np.float64)


def random_tables(rng, k, n_grades, *, independent):
    return UserTables(independent, rng.random((6, k, n_grades)))


def walk(pool, score, truth, quotas, tables, **changes):
    settings = {"slot_size": 2, "fallback": np.array([1, 0]), "page_size": 3, "reward_code": 0} | changes
    return quota_walk(pool, score, truth, quotas, tables=tables, **settings)


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("kind", range(4))
@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_arms=st.integers(1, 4),
    n_slots=st.integers(0, 3),
    slot_size=st.integers(1, 4),
)
def test_every_quota_equals_a_union_built_literally(kind, independent, seed, n_arms, n_slots, slot_size):
    rng = np.random.default_rng(seed)
    lists, pool, truth, score = world(
        rng, n_requests=3, n_arms=n_arms, depth=n_slots * slot_size, n_items=max(n_slots * slot_size, 14)
    )
    k = 3
    tables = random_tables(rng, k, 3, independent=independent)
    fallback = rng.permutation(n_arms)[: rng.integers(0, n_arms + 1)]
    quotas, slabs = all_quotas(n_slots, n_arms), rng.integers(1, slot_size + 1, n_arms)
    sizes = {"slot_size": slot_size, "slabs": slabs, "fallback": fallback}
    got = walk(pool, score, truth, quotas, tables, **sizes, reward_code=kind)
    best = best_order_value(truth, page_size=k, tables=tables, reward_code=kind)
    for b, arms in enumerate(lists):
        own = slice(pool.indptr[b], pool.indptr[b + 1])
        scores = dict(zip(pool.item[own].tolist(), score[own].tolist(), strict=True))
        grades = dict(zip(pool.item[own].tolist(), truth.grade[own].tolist(), strict=True))
        for q, quota in enumerate(quotas.tolist()):
            members = naive.quota_union(arms, quota, slabs.tolist(), slot_size, fallback.tolist())
            page = [grades[i] for i in sorted(members, key=lambda i: (-scores[i], i))][:k]
            assert got.n_candidates[b, q] == len(members)
            hits = sum(grades[i] > 0 for i in members)
            relevant = int(truth.n_relevant[b])
            assert got.recall[b, q] == (hits / relevant if relevant else 0.0)
            row = np.array([page + [-1] * (k - len(page))])
            want = naive.ndcg(row, truth.ideal[b : b + 1], k, "linear")[0]
            assert got.ndcg[b, q] == pytest.approx(want, abs=1e-12)
            want = naive.page_reward(page, tables.table, independent=independent, kind=kind)
            assert got.reward[b, q] == pytest.approx(want, abs=1e-12)
        page = sorted(grades.values(), reverse=True)[:k]
        want = naive.page_reward(page, tables.table, independent=independent, kind=kind)
        assert best[b] == pytest.approx(want, abs=1e-12)


def test_unions_beyond_a_word_of_bits():
    """Pools of several machine words: sizes, hits and pages against sets."""
    rng = np.random.default_rng(5)
    lists, pool, truth, score = world(rng, n_requests=4, n_arms=5, depth=60, n_items=400)
    score = rng.normal(size=len(score))
    assert np.diff(pool.indptr).min() > 128
    quotas = all_quotas(3, 5)
    tables = USERS.makers["sdbn"]().tables(10, 2)
    got = walk(pool, score, truth, quotas, tables, slot_size=20, fallback=np.array([2]), page_size=10)
    for b, arms in enumerate(lists):
        own = slice(pool.indptr[b], pool.indptr[b + 1])
        order = pool.item[own][np.argsort(-score[own])].tolist()
        grades = dict(zip(pool.item[own].tolist(), truth.grade[own].tolist(), strict=True))
        for q, quota in enumerate(quotas.tolist()):
            members = naive.quota_union(arms, quota, [20] * 5, 20, [2])
            page = [grades[i] for i in order if i in members][:10]
            assert got.n_candidates[b, q] == len(members)
            row = np.array([page + [-1] * (10 - len(page))])
            want = naive.ndcg(row, truth.ideal[b : b + 1], 10, "linear")[0]
            assert got.ndcg[b, q] == pytest.approx(want, abs=1e-12)


def test_by_hand():
    """Two arms, slots of two; arm 1 has one item only, its slab spills to arm 0; ties by item."""
    pool = pool_of([[[5, 3, 8, 9], [7]]])
    truth = Truth(
        indptr=[0, 5],
        item=[3, 5, 7, 8, 9],
        grade=[0, 1, 2, 1, 0],
        judged=np.ones(5),
        n_relevant=[4],
        ideal=[[2, 1, 1, 1]],
        topic=[0],
        max_grade=2,
    )
    score = np.array([1.0, 1.0, 2.0, 1.0, 3.0])
    # certain clicks on places with grades, satisfied by chance
    table = np.ones((6, 2, 3))
    table[1] = [0.0, 1.0, 1.0]
    table[2] = [0.0, 0.5, 0.75]
    got = walk(pool, score, truth, np.array([[2, 0], [1, 1], [0, 2]]), UserTables(False, table), page_size=2)
    # unions: {5, 3, 8, 9}; {5, 3, 7} and one spilled: 8; {7} and three spilled: 5, 3, 8
    assert got.n_candidates.tolist() == [[4, 4, 4]]
    assert got.recall.tolist() == [[0.5, 0.75, 0.75]]
    # pages: 9 (0), 3 (0); 7 (2), 3 (0), since 3 comes before 5 and 8 at equal scores
    assert got.reward.tolist() == [[0.0, 0.75, 0.75]]
    np.testing.assert_allclose(got.ndcg, [[0.0, 2 / (2 + 1 / np.log2(3)), 2 / (2 + 1 / np.log2(3))]])
    tables = UserTables(False, table)
    ideal = ideal_value(truth, page_size=2, tables=tables, reward_code=0)
    assert ideal.tolist() == best_order_value(truth, page_size=2, tables=tables, reward_code=0).tolist()
    assert ideal.tolist() == [1 - 0.25 * 0.5]


def test_values_are_bounded_by_the_best_order_and_the_ideal():
    rng = np.random.default_rng(8)
    _, pool, truth, score = world(rng, n_requests=40, n_arms=4, depth=12, n_items=60)
    tables = USERS.makers["sdbn"]().tables(10, 4)
    got = walk(pool, score, truth, all_quotas(3, 4), tables, slot_size=4, page_size=10)
    best = best_order_value(truth, page_size=10, tables=tables, reward_code=0)
    ideal = ideal_value(truth, page_size=10, tables=tables, reward_code=0)
    assert np.all(got.reward.max(axis=1) <= best + 1e-12)
    assert np.all(best <= ideal + 1e-12)
    assert np.any(got.reward.max(axis=1) < best - 1e-3)
    assert np.any(best < ideal - 1e-3)


def test_empty_batch_and_empty_pool():
    tables = USERS.makers["sdbn"]().tables(3, 2)
    empty = Truth(
        indptr=[0], item=[], grade=[], judged=[], n_relevant=[], ideal=np.zeros((0, 3)), topic=[], max_grade=2
    )
    got = walk(pool_of([]), np.zeros(0), empty, all_quotas(2, 2), tables)
    assert got.reward.shape == got.ndcg.shape == got.recall.shape == got.n_candidates.shape == (0, 3)
    assert len(ideal_value(empty, page_size=3, tables=tables, reward_code=0)) == 0
    nothing = Truth(
        indptr=[0, 0], item=[], grade=[], judged=[], n_relevant=[2], ideal=[[1, 1, 0]], topic=[0], max_grade=2
    )
    got = walk(pool_of([[[], []]]), np.zeros(0), nothing, all_quotas(2, 2), tables)
    assert got.reward.tolist() == got.recall.tolist() == [[0.0, 0.0, 0.0]]
    assert got.n_candidates.tolist() == [[0, 0, 0]]


def test_what_does_not_belong_together_is_refused():
    rng = np.random.default_rng(1)
    _, pool, truth, score = world(rng, n_requests=2, n_arms=3, depth=4, n_items=20)
    tables = USERS.makers["sdbn"]().tables(3, 2)
    with pytest.raises(InputError, match="`truth`"):
        walk(pool_of([[[1]]]), np.zeros(1), truth, all_quotas(2, 3), tables)
    # a truth of as many items that differs in the borders alone, or in one item alone
    borders = pool.indptr.copy()
    borders[1] -= 1
    other = pool.item.copy()
    other[0] += 1
    for change in ({"indptr": borders}, {"item": other}):
        with pytest.raises(InputError, match="`truth` must be about the items of `pool`"):
            walk(pool, score, replace(truth, **change), all_quotas(2, 3), tables)
    with pytest.raises(InputError, match="NaN"):
        walk(pool, score * np.nan, truth, all_quotas(2, 3), tables)
    with pytest.raises(InputError, match=r"`pool.arm`"):
        walk(pool, score, truth, all_quotas(2, 2), tables)
    with pytest.raises(InputError, match="`fallback`"):
        walk(pool, score, truth, all_quotas(2, 3), tables, fallback=np.array([3]))
    with pytest.raises(InputError, match="`tables`"):
        walk(pool, score, truth, all_quotas(2, 3), USERS.makers["sdbn"]().tables(4, 2))
    with pytest.raises(InputError, match="`tables`"):
        walk(pool, score, truth, all_quotas(2, 3), USERS.makers["sdbn"]().tables(3, 1))
    with pytest.raises(InputError, match="`quotas`"):
        walk(pool, score, truth, -all_quotas(2, 3), tables)


@pytest.mark.parametrize(("n_slots", "n_arms"), [(3, 4), (3, 8), (1, 1), (4, 1), (0, 3), (2, 3)])
def test_all_quotas(n_slots, n_arms):
    got = all_quotas(n_slots, n_arms)
    assert got.dtype == np.int32
    assert [tuple(q) for q in got.tolist()] == naive.all_quotas(n_slots, n_arms)


def test_loss_split_adds_up():
    rng = np.random.default_rng(2)
    ideal, best, expected, sampled = rng.random((4, 1000))
    split = LossSplit.of(ideal=ideal, best_order=best, expected=expected, sampled=sampled)
    np.testing.assert_allclose(split.total, ideal - sampled, rtol=0, atol=1e-15)
    assert np.array_equal(split.retrieval, ideal - best)
    assert np.array_equal(split.ranking, best - expected)
    assert np.array_equal(split.noise, expected - sampled)


def test_successive_halving_finds_the_best_and_breaks_ties_downwards():
    value = np.array([0.3, 0.9, 0.9, 0.1, 0.5, 0.9])
    seen = []

    def evaluate(indices, budget):
        seen.append((indices.tolist(), budget))
        return value[indices, None]

    found = successive_halving(6, evaluate, budgets=[1, 4, 16], keep=[4, 2, 1])
    assert seen == [([0, 1, 2, 3, 4, 5], 1), ([1, 2, 4, 5], 4), ([1, 2], 16)]
    assert found.survivors.tolist() == [1]
    assert found.values.tolist() == [0.9]
    # a late rung may overturn an early one
    found = successive_halving(3, lambda i, budget: i[:, None] * (budget - 5.0), budgets=[9, 1], keep=[2, 2])
    assert found.survivors.tolist() == [1, 2]
    assert found.values.tolist() == [-4.0, -8.0]


def test_successive_halving_refuses_bad_rungs_and_values():
    for budgets, keep in (([], []), ([1], [1, 1]), ([1, 2], [1, 2]), ([1], [0]), ([1], [9])):
        with pytest.raises(InputError, match="`keep`"):
            successive_halving(4, lambda i, budget: i[:, None] * 1.0, budgets=budgets, keep=keep)
    with pytest.raises(InputError, match="finite"):
        successive_halving(4, lambda i, budget: i[:, None] * np.nan, budgets=[1], keep=[1])


def test_halving_drops_what_is_worse_by_an_interval():
    noise = np.array([[0.01, -0.01, 0.0], [0.0, 0.01, -0.01], [-0.01, 0.0, 0.01], [0.01, 0.0, -0.01]])
    values = np.array([0.9, 0.5, 0.895, 0.85])[:, None] + noise
    found = successive_halving(4, lambda i, budget: values[i], budgets=[1, 2], keep=[4, 1])
    assert found.rungs[1].tolist() == [0, 2]
    # one is left, so that there is nothing more to find out
    apart = values - 9.0 * (np.arange(4) != 3)[:, None]
    found = successive_halving(4, lambda i, budget: apart[i], budgets=[1, 2], keep=[4, 1])
    assert [rung.tolist() for rung in found.rungs] == [[0, 1, 2, 3]]
    assert found.survivors.tolist() == [3]
    # one seed says nothing of noise, so that nobody is dropped but by `keep`
    found = successive_halving(4, lambda i, budget: values[i, :1], budgets=[1, 2], keep=[4, 1])
    assert found.rungs[1].tolist() == [0, 1, 2, 3]


def test_the_interval_of_halving_by_hand():
    # losses to the first: .2 and .4 (variance .02), .1 and .1 (0); pooled .01, half width t(2) · √(.01 / 2)
    assert stats.t.ppf(0.975, 2) * math.sqrt(0.005) == pytest.approx(0.30424, abs=1e-5)
    values = np.array([[1.0, 1.0], [0.8, 0.6], [0.9, 0.9]])
    assert clearly_worse(values).tolist() == [False, False, False]  # .3 is just within
    assert clearly_worse(values - [[0], [0.005], [0]]).tolist() == [False, True, False]
    assert clearly_worse(values, level=0.9).tolist() == [False, True, False]
    assert clearly_worse(values[:1]).tolist() == [False]


def ideal_truth(*grades):
    """Truth of requests of which only the ideal grades are known."""
    n = len(grades)
    none = np.zeros(0)
    return Truth(
        indptr=np.zeros(n + 1),
        item=none,
        grade=none,
        judged=none,
        n_relevant=(np.array(grades) > 0).sum(1),
        ideal=grades,
        topic=np.arange(n),
        max_grade=2,
    )


def test_an_ideal_that_ends_before_the_page_is_filled_up_with_zeros():
    tables = USERS.makers["sdbn"]().tables(3, 2)
    whole = ideal_value(ideal_truth([2, 0, 0], [1, 0, 0]), page_size=3, tables=tables, reward_code=0)
    short = ideal_value(ideal_truth([2, 0], [1, 0]), page_size=3, tables=tables, reward_code=0)
    longer = ideal_value(ideal_truth([2, 0, 0, 0], [1, 0, 0, 0]), page_size=3, tables=tables, reward_code=0)
    assert whole.tolist() == short.tolist() == longer.tolist()
    # more may follow where the last grade known is above 0, be it in one request
    for cut in (([2, 0], [2, 1]), ([], [])):
        with pytest.raises(InputError, match=r"`truth.ideal` must hold 3 grades a request, got [02]"):
            ideal_value(ideal_truth(*cut), page_size=3, tables=tables, reward_code=0)


@pytest.mark.parametrize(
    ("change", "name"),
    [({"page_size": 0}, "page_size"), ({"slot_size": 0}, "slot_size"), ({"reward_code": 4}, "reward_code")],
)
def test_sizes_and_codes_are_checked(change, name):
    pool = pool_of([[[1], [2]]])
    truth = Truth(
        indptr=[0, 2],
        item=[1, 2],
        grade=[1, 0],
        judged=np.ones(2),
        n_relevant=[1],
        ideal=[[1]],
        topic=[0],
        max_grade=2,
    )
    tables = USERS.makers["sdbn"]().tables(1, 2)
    given = {"page_size": 1, "slot_size": 1, "reward_code": 3}
    assert len(walk(pool, np.zeros(2), truth, all_quotas(1, 2), tables, **given)) == 1
    with pytest.raises(InputError, match=f"`{name}` must be"):
        walk(pool, np.zeros(2), truth, all_quotas(1, 2), tables, **(given | change))
