"""The popular list by segment and window: counts, smoothing, and what small segments get."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ltrr._state import pack, unpack
from ltrr.errors import InputError
from ltrr.retrieval.popular import Popular
from ltrr.types import Feedback, Requests
from tests.naive_retrieval import naive_popular_by
from tests.naive_union import make_catalogue, make_feedback, make_items, make_requests, rows

N_ITEMS, PLACES = 6, 2
WAYS = [{}, {"decay": 0.5}, {"window": 3}]


def built(popularity=None, n_items=N_ITEMS, **parameters):
    popular = Popular(**parameters)
    popular.index(make_catalogue(n_items, popularity))
    return popular


def asked_of(segment, name="mobile"):
    requests = make_requests([0] * len(segment))
    return requests.with_context(np.asarray(segment, np.float32).reshape(-1, 1), (name,))


def lesson(page, acted, segment):
    feedback = make_feedback(np.zeros(len(page), np.int32), page, acted)
    return Feedback(**{**vars(feedback), "requests": asked_of(segment)})


@st.composite
def histories(draw):
    n = draw(st.integers(0, 12))
    page = draw(hnp.arrays(np.int32, (n, PLACES), elements=st.integers(-1, N_ITEMS - 1)))
    segment = draw(hnp.arrays(np.float32, n, elements=st.sampled_from([0.0, 1.0, 0.5])))
    return page, draw(hnp.arrays(bool, (n, PLACES))), segment


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("m", [0.0, 4.0])
@settings(max_examples=20, deadline=None)
@given(histories(), hnp.arrays(np.float32, N_ITEMS, elements=st.sampled_from([0.0, 1.0, 2.0])))
def test_equals_naive_twin(way, m, history, popularity):
    popular = built(popularity, by="mobile", prior_weight=2.0, segment_weight=m, **way)
    popular.learn(lesson(*history))
    asked = asked_of([0.0, 0.5, 1.0, 7.0])
    items = make_items([list(range(N_ITEMS))] * 4)
    want = [
        naive_popular_by(popularity.tolist(), *history, value, weight=2.0, m=m, **way)
        for value in (0.0, 0.5, 1.0, 7.0)
    ]
    scores = popular.score(asked, items).reshape(4, N_ITEMS)
    np.testing.assert_allclose(scores, want, rtol=1e-5, atol=1e-6)
    found = popular.retrieve(asked, np.array([N_ITEMS, 2, 1, 0]))
    for row, score, depth in zip(rows(found), scores, [N_ITEMS, 2, 1, 0], strict=True):
        order = np.lexsort((np.arange(N_ITEMS), -score))[:depth]
        assert row == list(zip(order.tolist(), score[order].tolist(), strict=True))


def test_segments_worked_by_hand():
    popular = built(by="mobile", prior_weight=0.0, segment_weight=2.0)
    page, acted = [[0, 1]] * 3 + [[2, 1]], [[1, 0]] * 3 + [[1, 1]]
    popular.learn(lesson(page, acted, [0, 0, 0, 1]))
    # Overall 3, 1, 1 of 5. Segment 1 has two actions, on items 1 and 2: (5·1 + 2·1)/(2 + 2) = 1.75 each, and
    # item 0, never acted on there, keeps (5·0 + 2·3)/4 = 1.5. Segment 0: (5·3 + 2·3)/5 = 4.2, and 2/5 each.
    found = popular.retrieve(asked_of([1.0, 0.0, 9.0]), np.array([3, 3, 3]))
    assert found.item.tolist() == [1, 2, 0, 0, 1, 2, 0, 1, 2]
    want = [2.75, 2.75, 2.5, 5.2, 1.4, 1.4, 4.0, 2.0, 2.0]
    np.testing.assert_allclose(found.score, np.log(want), rtol=1e-6)


def test_a_window_forgets_at_once():
    popular = built(window=2, prior_weight=0.0)
    none = [0.0]
    for page, item in (([[3, 4]], 3), ([[4, 3]], 3), ([[4, 3]], 4), ([[5, -1]], 4)):
        popular.learn(lesson(page, [[1, 0]], none))
        assert popular.retrieve(make_requests([0]), np.array([1])).item.tolist() == [item]
    # The second update, on item 4, ties with the first and has the higher id; then the first leaves.
    popular.learn(lesson([[5, -1]], [[0, 0]], none))
    np.testing.assert_allclose(
        popular.score(make_requests([0]), make_items([[3, 4, 5]])), np.log([1.0, 1.0, 2.0]), rtol=1e-6
    )


def test_pages_of_other_sizes_leave_the_window_whole():
    popular = built(window=2, prior_weight=0.0)
    for page in ([[0, 1, 2]], [[3]], [[4]]):
        popular.learn(lesson(page, np.ones(np.shape(page)), [0.0]))
    scores = popular.score(make_requests([0]), make_items([list(range(N_ITEMS))]))
    np.testing.assert_allclose(scores, np.log([1.0, 1.0, 1.0, 2.0, 2.0, 1.0]), rtol=1e-6)


@pytest.mark.parametrize("by", [None, "mobile"])
@pytest.mark.parametrize("way", WAYS, ids=str)
@settings(max_examples=20, deadline=None)
@given(history=histories(), cut=st.integers(0, 12))
def test_cutting_lessons_and_saving_between_change_no_bit(by, way, history, cut):
    whole, parts, again = (built(by=by, **way) for _ in range(3))
    whole.learn(lesson(*history))
    parts.learn(lesson(*(column[:cut] for column in history)))
    asked = asked_of([0.0, 1.0])
    parts.retrieve(asked, np.array([2, 3]))
    again.restore(unpack(pack(parts.state())))
    for popular in (parts, again):
        popular.learn(lesson(*(column[cut:] for column in history)))
        assert pack(popular.state()) == pack(whole.state())
        found, want = (p.retrieve(asked, np.array([9, 9])) for p in (popular, whole))
        assert rows(found) == rows(want)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_new_items_keep_what_was_learned(way):
    rng = np.random.default_rng(3)
    grown, whole = built(by="mobile", **way), built(by="mobile", n_items=N_ITEMS + 2, **way)
    first = rng.integers(-1, N_ITEMS, (9, PLACES)), rng.random((9, PLACES)) < 0.5, rng.integers(0, 2, 9)
    later = rng.integers(-1, N_ITEMS + 2, (9, PLACES)), rng.random((9, PLACES)) < 0.5, rng.integers(0, 3, 9)
    for popular in (grown, whole):
        popular.learn(lesson(*first))
    grown.update(make_catalogue(N_ITEMS + 2), np.array([N_ITEMS, N_ITEMS + 1], np.int32))
    for popular in (grown, whole):
        popular.learn(lesson(*later))
    assert pack(grown.state()) == pack(whole.state())
    asked, depth = asked_of([0.0, 1.0, 2.0]), np.array([9, 9, 9])
    assert rows(grown.retrieve(asked, depth)) == rows(whole.retrieve(asked, depth))


def test_default_state_is_as_it_was():
    assert list(built().state()) == ["count", "clock", "lessons"]


def test_values_that_are_no_numbers_and_negative_zeros():
    popular = built(by="mobile", segment_weight=0.0, prior_weight=0.0)
    popular.learn(lesson([[5, -1], [4, -1], [3, -1]], [[1, 0]] * 3, [np.nan, -0.0, 1.0]))
    found = popular.retrieve(asked_of([np.nan, 0.0, 1.0, -0.0]), np.ones(4, np.int32))
    assert found.item.tolist() == [5, 4, 3, 4]
    assert len(popular.retrieve(Requests.empty(), np.empty(0, np.int32))) == 0


def test_refuses_what_is_wrong():
    with pytest.raises(InputError, match=r"`Popular.decay` must be 1 where a `window` is given, got 0.5"):
        Popular(decay=0.5, window=3)
    for parameters in ({"window": 0}, {"segment_weight": -1.0}):
        with pytest.raises(InputError, match=next(iter(parameters))):
            Popular(**parameters)
    popular = built(by="mobiel")
    with pytest.raises(InputError, match="got 'mobiel'; did you mean 'mobile'"):
        popular.retrieve(asked_of([0.0]), np.array([1]))
    with pytest.raises(InputError, match="at most 64 values to be counted by, got 65"):
        built(by="mobile").learn(lesson([[0, 1]] * 65, [[1, 0]] * 65, np.arange(65)))


@pytest.mark.parametrize("by", [3, ""])
def test_by_is_a_name(by):
    with pytest.raises(InputError, match=r"`Popular\.by` must be the name of a column"):
        Popular(by=by)
