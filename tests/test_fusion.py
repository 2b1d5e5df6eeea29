from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.ranking import ReciprocalRankFusion, provenance, provenance_names
from ltrr.types import Union
from tests import naive_ranking as naive


def union_of(pages):
    """Build a union from each request's lists of items, one list an arm."""
    indptr, item, source_indptr, arm, rank = [0], [], [0], [], []
    for lists in pages:
        for chosen in sorted({i for ranked in lists for i in ranked}):
            item.append(chosen)
            for a, ranked in enumerate(lists):
                if chosen in ranked:
                    arm.append(a)
                    rank.append(ranked.index(chosen))
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
        score=np.zeros(len(arm)),
        spilled=np.zeros(len(pages)),
    )


def fused(union, k=60.0, n_arms=3):
    names = provenance_names([str(a) for a in range(n_arms)])
    return ReciprocalRankFusion(k=k).for_columns(names, ()).score(provenance(union, n_arms))


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


def test_needs_columns_of_ranks():
    with pytest.raises(InputError, match="needs columns of ranks"):
        ReciprocalRankFusion().for_columns(("bm25", "cosine"), ())
    with pytest.raises(InputError, match="for_columns"):
        ReciprocalRankFusion().score(np.zeros((2, 2), np.float32))
