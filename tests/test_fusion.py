from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.ranking import (
    ConfidenceRule,
    ConvexCombination,
    ReciprocalRankFusion,
    provenance,
    provenance_names,
)
from ltrr.retrieval import union
from ltrr.types import Candidates, Union
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


def test_the_confidence_rule_lowers_lexical_weights_by_the_margin_of_the_dense_list():
    rng = np.random.default_rng(8)
    arms = ("bm25", "dense", "popular")
    names = provenance_names(arms)
    for _ in range(20):
        lists = [Candidates.from_lists([rng.permutation(9)[:n].tolist()], depth=[n]) for n in (5, 4, 3)]
        scored = [
            replace(one, score=np.sort(rng.random(len(one.item)))[::-1].astype(np.float32)) for one in lists
        ]
        drawn = union(scored, delivered=[[5, 4, 3]], quota=[[1, 1, 1]], slot_size=5)
        rows = provenance(drawn, 3)
        rule = ConfidenceRule(weights={"bm25": 0.7}, strength=0.5).for_columns(names, ())
        scaled = []
        for one in scored:
            value = (one.score - one.score.min()) / (one.score.max() - one.score.min())
            scaled.append(dict(zip(one.item.tolist(), value.tolist(), strict=True)))
        margin = 1.0 - sorted(scaled[1].values())[-2]
        for item, got in zip(drawn.item.tolist(), rule.score(rows), strict=True):
            lexical, dense, popular = (arm.get(item, 0.0) for arm in scaled)
            want = 0.7 * (1.0 - 0.5 * margin) * lexical + dense + popular
            assert got == pytest.approx(want, abs=1e-5)


def test_without_a_dense_arm_the_confidence_rule_is_a_convex_combination():
    names = provenance_names(("bm25", "popular"))
    rows = np.random.default_rng(1).random((6, len(names))).astype(np.float32)
    one = ConfidenceRule(weights={"bm25": 0.3}).for_columns(names, ())
    other = ConvexCombination(weights={"bm25": 0.3}).for_columns(names, ())
    np.testing.assert_array_equal(one.score(rows), other.score(rows))


def test_an_arm_with_one_item_has_no_margin():
    arms = [Candidates.from_lists([own], depth=[3]) for own in ([4], [5, 7, 8], [])]
    drawn = union(arms, delivered=[[1, 3, 0]], quota=[[1, 1, 1]], slot_size=3)
    # scores of 1, ½ and ⅓: the second lies ¾ of the range below the first
    np.testing.assert_allclose(provenance(drawn, 3)[:, 9:], [[0.0, 0.75, 0.0]] * 4, rtol=1e-6)


@pytest.mark.parametrize("settings", [{"strength": -1.0}, {"lexical": "bm25"}, {"weights": {"bm25": -1.0}}])
def test_faults_of_the_confidence_rule_are_named(settings):
    with pytest.raises(InputError, match="ConfidenceRule"):
        ConfidenceRule(**settings)
