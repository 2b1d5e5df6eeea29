"""The newest items: ages, the bonus of what was seldom shown, and what is not released yet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ltrr._kernels.fresh import first_released
from ltrr._state import pack, unpack
from ltrr.errors import InputError
from ltrr.retrieval import Fresh
from ltrr.types import Catalogue, Requests
from tests.naive_retrieval import naive_fresh
from tests.naive_union import make_feedback, rows

N_ITEMS = 7
RELEASED = hnp.arrays(np.float64, N_ITEMS, elements=st.sampled_from([-20.0, -10.0, 0.0, 10.0]))


def built(released, alive=None, **parameters):
    n = len(released)
    fresh = Fresh(**parameters)
    titles, released = {"title": ("x",) * n}, np.asarray(released, float)
    fresh.index(Catalogue(tuple(map(str, range(n))), titles, released=released, alive=alive))
    return fresh


def at(*time):
    n = len(time)
    ids = np.arange(n)
    return Requests(ids, ids, ids, np.full(n, -1), np.array(time, float), np.zeros((n, 0)))


def lesson(page):
    page = np.asarray(page)
    return make_feedback(np.zeros(len(page), np.int32), page, np.zeros(page.shape))


@pytest.mark.parametrize("bonus", [0.0, 1.0, 3.0])
@settings(max_examples=30, deadline=None)
@given(
    released=RELEASED,
    alive=hnp.arrays(bool, N_ITEMS),
    page=hnp.arrays(np.int32, (5, 3), elements=st.integers(-1, N_ITEMS - 1)),
    depth=hnp.arrays(np.int32, 4, elements=st.integers(0, N_ITEMS + 1)),
)
def test_equals_naive_twin(bonus, released, alive, page, depth):
    fresh = built(released, alive, half_life_seconds=10.0, bonus=bonus)
    fresh.learn(lesson(page))
    shows = [int((page == i).sum()) for i in range(N_ITEMS)]
    times = (-15.0, 0.0, 5.0, 99.0)
    found = fresh.retrieve(at(*times), depth)
    for row, time, d, full in zip(rows(found), times, depth, found.capped, strict=True):
        want = naive_fresh(released, alive, shows, time, 10.0, bonus) if alive.any() else []
        assert [i for i, _ in row] == [i for i, _ in want[:d]]
        np.testing.assert_allclose([s for _, s in row], [s for _, s in want[:d]], rtol=1e-6, atol=1e-6)
        assert full == (len(row) == d)


def test_worked_by_hand():
    fresh = built([0.0, 0.0, -4.0, -8.0], half_life_seconds=4.0)
    # Shown once: log2(1 + 1/2) = .585; never: 1. Item 2, a half-life older and never shown, is at 1 − 1 = 0.
    fresh.learn(lesson([[0, -1, -1], [3, 3, 3]]))
    found = fresh.retrieve(at(0.0), np.array([4]))
    assert found.item.tolist() == [1, 0, 2, 3]
    np.testing.assert_allclose(found.score, [1.0, np.log2(1.5), 0.0, np.log2(1.25) - 2.0], rtol=1e-6)
    # After three shows item 0 is at log2(1.25) = .32, still before item 2; without end it would tie with it.
    fresh.learn(lesson([[0, 0, -1]]))
    found = fresh.retrieve(at(0.0), np.array([2]))
    assert found.item.tolist() == [1, 0]
    np.testing.assert_allclose(found.score, [1.0, np.log2(1.25)], rtol=1e-6)


def test_what_is_not_released_yet_is_for_later_requests():
    fresh = built([5.0, 1.0, 3.0], half_life_seconds=1.0)
    found = fresh.retrieve(at(0.0, 1.0, 4.0, 5.0), np.full(4, 2))
    assert [[i for i, _ in row] for row in rows(found)] == [[], [1], [2, 1], [0, 2]]
    assert found.capped.tolist() == [False, False, True, True]


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(np.int32, (8, 2), elements=st.integers(-1, N_ITEMS - 1)), st.integers(0, 8))
def test_cutting_lessons_and_saving_between_change_no_bit(page, cut):
    whole, again = built(np.zeros(N_ITEMS)), built(np.zeros(N_ITEMS))
    whole.learn(lesson(page))
    again.learn(lesson(page[:cut]))
    asked = at(0.0, 1.0)
    again.retrieve(asked, np.array([2, 3]))
    again.restore(unpack(pack(again.state())))
    again.learn(lesson(page[cut:]))
    assert pack(again.state()) == pack(whole.state())
    assert rows(again.retrieve(asked, np.array([9, 9]))) == rows(whole.retrieve(asked, np.array([9, 9])))


def test_kernel_by_hand():
    order, released = np.array([2, 0, 1], np.int32), np.array([9.0, 1.0, 5.0])
    indptr, item = first_released(order, released, np.array([6.0, 0.0, 9.0]), np.array([5, 2, 2], np.int32))
    assert (indptr.tolist(), item.tolist()) == ([0, 2, 2, 4], [2, 1, 2, 0])


def test_refuses_what_is_wrong():
    with pytest.raises(InputError, match="index"):
        Fresh().retrieve(at(0.0), np.array([1]))
    for parameters in ({"half_life_seconds": 0.0}, {"bonus": -1.0}):
        with pytest.raises(InputError, match=next(iter(parameters))):
            Fresh(**parameters)
    with pytest.raises(InputError, match=r"`Catalogue.released` must be finite, got nan"):
        built([0.0, np.nan])
    with pytest.raises(InputError, match="must be below 2"):
        built([0.0, 1.0]).learn(lesson([[2]]))
