"""The page: the best K, ties by item id."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.ranking.page import build_page
from ltrr.retrieval.union import union
from tests.naive_union import make_candidates, naive_page


def one_arm(lists):
    """Return the union of a single arm's lists."""
    lengths = np.array([[len(x)] for x in lists], np.int32).reshape(len(lists), 1)
    return union([make_candidates(lists)], delivered=lengths, quota=np.ones_like(lengths), slot_size=200)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 30), unique=True, max_size=12), max_size=4),
    st.integers(1, 14),
    st.data(),
)
def test_equals_naive_twin(lists, k, data):
    drawn = one_arm(lists)
    values = st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 2.0, 2.5, np.inf])
    score = np.array(data.draw(st.lists(values, min_size=len(drawn.item), max_size=len(drawn.item))))
    page = build_page(drawn, score, k)
    want = naive_page(drawn.indptr, drawn.item, score, k)
    assert page.item.shape == (len(lists), k)
    for b, row in enumerate(want):
        empty = k - len(row)
        assert page.item[b].tolist() == [i for i, _, _ in row] + [-1] * empty
        assert page.candidate[b].tolist() == [j for _, j, _ in row] + [-1] * empty
        assert page.score[b].tolist() == [s for _, _, s in row] + [-np.inf] * empty


def test_worked_by_hand():
    drawn = one_arm([[9, 4, 6, 2], [5], []])
    page = build_page(drawn, np.array([0.5, 0.9, 0.5, 0.9, -7.0]), 3)
    # Items ascend in the union: 2, 4, 6, 9 with .5, .9, .5, .9.
    assert page.item.tolist() == [[4, 9, 2], [5, -1, -1], [-1, -1, -1]]
    assert page.candidate.tolist() == [[1, 3, 0], [4, -1, -1], [-1, -1, -1]]
    assert page.score[1].tolist() == [-7.0, -np.inf, -np.inf]


def test_large_pages_equal_a_full_sort():
    rng = np.random.default_rng(5)
    drawn = one_arm([rng.permutation(1000)[:200].tolist() for _ in range(50)])
    score = rng.integers(0, 40, len(drawn.item)) / 4.0
    page = build_page(drawn, score, 20)
    want = naive_page(drawn.indptr, drawn.item, score, 20)
    assert page.item.tolist() == [[i for i, _, _ in row] for row in want]


def test_empty_batch_and_frozen_scores():
    assert build_page(one_arm([]), np.empty(0), 3).item.shape == (0, 3)
    score = np.array([1.0, 2.0])
    score.setflags(write=False)
    assert build_page(one_arm([[1, 2]]), score, 1).item.tolist() == [[2]]


def test_refuses_what_is_wrong():
    drawn = one_arm([[1, 8]])
    with pytest.raises(InputError, match="NaN for item 8"):
        build_page(drawn, np.array([0.0, np.nan]), 2)
    with pytest.raises(InputError, match="score"):
        build_page(drawn, np.zeros(3), 2)
    with pytest.raises(InputError, match="`k`"):
        build_page(drawn, np.zeros(2), 0)
