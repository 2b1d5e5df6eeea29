from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.ranking import ConvexCombination, ReciprocalRankFusion, provenance, provenance_names
from ltrr.types import Union
from tests import naive_ranking as naive


def union_of(pages):
    """Build a union from each request's lists of items, one list an arm; as dictionaries they have scores."""
    indptr, item, source_indptr, arm, rank, score = [0], [], [0], [], [], []
    for lists in pages:
        for chosen in sorted({i for ranked in lists for i in ranked}):
            item.append(chosen)
            for a, ranked in enumerate(lists):
                if chosen in ranked:
                    arm.append(a)
                    rank.append(list(ranked).index(chosen))
                    score.append(ranked[chosen] if isinstance(ranked, dict) else 0.0)
            source_indptr.append(len(arm))
        indptr.append(len(item))
    n = len(item)
    return Union(
        indptr=np.array(indptr),
        item=np.array(item),
        slots=np.ones(n),
        source_indptr=np.array(source_indptr),
        arm=np.array(arm),
        slab=np.zeros(len(arm)),
        rank=np.array(rank),
        score=np.array(score),
        spilled=np.zeros(len(pages)),
    )


def by_arm(weights):
    return {str(a): weight for a, weight in enumerate(weights)}


def scored(ranker, union, n_arms=3):
    names = provenance_names([str(a) for a in range(n_arms)])
    return ranker.for_columns(names, ()).score(provenance(union, n_arms))


def fused(union, k=60.0, n_arms=3):
    return scored(ReciprocalRankFusion(k=k), union, n_arms)


ranking = st.lists(st.integers(0, 15), unique=True, max_size=8)


@pytest.mark.parametrize("k", [0, 1, 60, 12.5])
@settings(max_examples=15, deadline=None)
@given(pages=st.lists(st.lists(ranking, min_size=3, max_size=3), max_size=4))
def test_equals_the_textbook_definition(k, pages):
    union = union_of(pages)
    got = fused(union, k)
    scores = [naive.reciprocal_rank_fusion(lists, k) for lists in pages]
    want = [of_request[i] for of_request in scores for i in sorted(of_request)]
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, want, rtol=1e-14)


three_weights = st.lists(st.floats(0, 5), min_size=3, max_size=3)
drawn = st.dictionaries(st.integers(0, 15), st.floats(-4, 9, width=32), max_size=6)


@settings(max_examples=30, deadline=None)
@given(pages=st.lists(st.lists(ranking, min_size=3, max_size=3), max_size=4), weights=three_weights)
def test_weighted_equals_the_definition(pages, weights):
    got = scored(ReciprocalRankFusion(k=7, weights=by_arm(weights)), union_of(pages))
    scores = [naive.reciprocal_rank_fusion(lists, 7, weights) for lists in pages]
    np.testing.assert_allclose(got, [s[i] for s in scores for i in sorted(s)], rtol=1e-14)


@settings(max_examples=60, deadline=None)
@given(pages=st.lists(st.lists(drawn, min_size=3, max_size=3), max_size=4), weights=three_weights)
def test_convex_combination_equals_the_definition(pages, weights):
    got = scored(ConvexCombination(weights=by_arm(weights)), union_of(pages))
    assert got.dtype == np.float64
    scores = [naive.convex_combination(lists, weights) for lists in pages]
    # scaled scores are kept as float32
    np.testing.assert_allclose(got, [s[i] for s in scores for i in sorted(s)], rtol=1e-6, atol=1e-6)


def test_convex_combination_by_hand():
    # arm 0: item 1 has 8, 2 has 5, 3 has 4, so 1, 1/4, 0; arm 1 has one item, which counts fully
    union = union_of([[{1: 8.0, 2: 5.0, 3: 4.0}, {2: 0.3}]])
    assert scored(ConvexCombination(weights={"1": 0.5}), union, 2).tolist() == [1.0, 0.75, 0.0]
    # equal scores say nothing of the order within the list, but that it has the items
    assert scored(ConvexCombination(), union_of([[{1: 2.0, 2: 2.0}, {3: 1.0}]]), 2).tolist() == [1.0] * 3
    assert ConvexCombination().allocation_dependent


@pytest.mark.parametrize("ranker", [ReciprocalRankFusion(), ConvexCombination()])
def test_searches_its_own_settings_first_then_weights_that_sum_to_one(ranker):
    arms = ("bm25", "dense", "memory")
    found = ranker.search(arms, np.random.default_rng(5), 40)
    assert found[0] == {}
    assert len(found) == 40
    assert found == ranker.search(arms, np.random.default_rng(5), 40)
    weights = np.array([[s["weights"][a] for a in arms] for s in found[1:]])
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=2e-3)
    assert weights.min() < 0.08
    assert weights.max() > 0.7
    assert (weights > 0).all()
    if isinstance(ranker, ReciprocalRankFusion):
        assert 5 <= min(s["k"] for s in found[1:]) < 10
        assert 250 < max(s["k"] for s in found[1:]) <= 500
    assert all(replace(ranker, **s).weights == s.get("weights", {}) for s in found)


@pytest.mark.parametrize("kind", [ReciprocalRankFusion, ConvexCombination])
def test_refuses_weights(kind):
    with pytest.raises(InputError, match=rf"{kind.__name__}\.weights\['a'\]` must be .* >= 0.*, got -1"):
        kind(weights={"a": -1})
    with pytest.raises(InputError, match="must be a table of numbers by arm"):
        kind(weights=[1, 2])
    with pytest.raises(InputError, match="must name arms, got 'bm24'; did you mean 'bm25'"):
        kind(weights={"bm24": 1}).for_columns(provenance_names(("bm25",)), ())
    with pytest.raises(InputError, match="needs columns"):
        kind().for_columns(("bm25",), ())
    with pytest.raises(InputError, match="for_columns"):
        kind().score(np.zeros((1, 3), np.float32))


def test_worked_by_hand():
    # arm 0: d2, d1, d4; arm 1: d4, d2. Ranks count from 1 in the paper.
    got = fused(union_of([[[2, 1, 4], [4, 2]]]), n_arms=2)
    assert got.tolist() == [1 / 62, 1 / 61 + 1 / 62, 1 / 63 + 1 / 61]


def test_depends_on_the_allocation_and_says_so():
    both, one = union_of([[[2, 1], [1]]]), union_of([[[2, 1], []]])
    assert ReciprocalRankFusion().allocation_dependent
    # item 1 leads where both arms were drawn from, and trails where only the first was
    assert np.argmax(fused(both)) == 0
    assert np.argmax(fused(one)) == 1


def test_no_requests():
    assert fused(union_of([])).shape == (0,)


@pytest.mark.parametrize("k", [-1, float("nan"), True, "60"])
def test_refuses(k):
    with pytest.raises(InputError, match=r"ReciprocalRankFusion\.k"):
        ReciprocalRankFusion(k=k)
