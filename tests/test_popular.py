"""The popular list: its prior, its counts, its order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ltrr._state import pack, unpack
from ltrr.errors import InputError
from ltrr.protocols import Retriever
from ltrr.retrieval.popular import Popular
from tests.naive_union import make_catalogue, make_feedback, make_items, make_requests, naive_popular, rows

N_ITEMS, PLACES = 8, 3
PRIORS = st.one_of(
    st.just(np.zeros(N_ITEMS, np.float32)),
    hnp.arrays(np.float32, N_ITEMS, elements=st.sampled_from([0.0, 0.5, 1.0, 2.0])),
)


def built(popularity=None, alive=None, n_items=N_ITEMS, **parameters):
    popular = Popular(**parameters)
    popular.index(make_catalogue(n_items, popularity, alive))
    return popular


@st.composite
def histories(draw):
    n = draw(st.integers(0, 20))
    page = draw(hnp.arrays(np.int32, (n, PLACES), elements=st.integers(-1, N_ITEMS - 1)))
    return page, draw(hnp.arrays(bool, (n, PLACES)))


def lesson(history):
    page, acted = history
    return make_feedback(np.zeros(len(page), np.int32), page, acted)


@pytest.mark.parametrize("decay", [1.0, 0.5])
@pytest.mark.parametrize("weight", [0.0, 1.0, 50.0])
@settings(max_examples=25, deadline=None)
@given(
    history=histories(),
    popularity=PRIORS,
    alive=hnp.arrays(bool, N_ITEMS),
    depth=st.integers(0, N_ITEMS + 2),
)
def test_equals_naive_twin(weight, decay, history, popularity, alive, depth):
    # Powers of one half are exact, so ties in the twin are ties in the list.
    popular = built(popularity, alive, prior_weight=weight, decay=decay)
    popular.learn(lesson(history))
    want = naive_popular(popularity.tolist(), alive, *history, weight, decay)
    found = popular.retrieve(make_requests([0]), np.array([depth]))
    assert found.item.tolist() == [i for i, _ in want[:depth]]
    np.testing.assert_allclose(found.score, [s for _, s in want[:depth]], rtol=1e-6)
    assert found.capped.tolist() == [min(depth, len(want)) == depth]
    scores = popular.score(make_requests([0]), make_items([[*found.item, -1]]))
    assert scores.tolist() == [*found.score.tolist(), 0.0]


def test_worked_by_hand():
    popular = built(np.array([0, 4, 2, 0, 0, 0, 0, 0], np.float32), prior_weight=3.0, decay=0.5)
    requests = make_requests([0])
    assert popular.retrieve(requests, np.array([3])).item.tolist() == [1, 2, 0]
    # Item 5: two actions in the first lesson's wake: 1, then 1·½ + 1 = 1.5, equal to item 2's prior of 1.5.
    popular.learn(lesson((np.array([[5, -1, -1]] * 2), np.array([[True, False, False]] * 2))))
    found = popular.retrieve(requests, np.array([4]))
    assert found.item.tolist() == [1, 2, 5, 0]
    np.testing.assert_allclose(found.score, np.log([4.0, 2.5, 2.5, 1.0]), rtol=1e-6)


@pytest.mark.parametrize("decay", [1.0, 0.9])
@settings(max_examples=25, deadline=None)
@given(history=histories(), cut=st.integers(0, 20))
def test_cutting_lessons_and_saving_between_change_no_bit(decay, history, cut):
    page, acted = history
    whole, parts = built(decay=decay), built(decay=decay)
    whole.learn(lesson(history))
    parts.learn(lesson((page[:cut], acted[:cut])))
    parts.retrieve(make_requests([0]), np.array([2]))
    again = built(decay=decay)
    again.restore(unpack(pack(parts.state())))
    for popular in (parts, again):
        popular.learn(lesson((page[cut:], acted[cut:])))
        assert pack(popular.state()) == pack(whole.state())
    requests = make_requests([0])
    assert rows(again.retrieve(requests, np.array([9]))) == rows(whole.retrieve(requests, np.array([9])))


@settings(max_examples=40, deadline=None)
@given(histories(), PRIORS, hnp.arrays(np.int32, 4, elements=st.integers(0, 12)), st.permutations(range(4)))
def test_batches_and_depths_do_not_matter(history, popularity, depth, order):
    popular, other = built(popularity), built(popularity)
    for each in (popular, other):
        each.learn(lesson(history))
    found = rows(popular.retrieve(make_requests([0, 1, -1, 0]), depth))
    for b in order:
        assert rows(other.retrieve(make_requests([0]), depth[b : b + 1]))[0] == found[b]
    deep = rows(popular.retrieve(make_requests([0]), np.array([99])))[0]
    assert found == [deep[:d] for d in depth]


@settings(max_examples=30, deadline=None)
@given(histories(), PRIORS)
def test_order_preserving_relabelling_relabels_results(history, popularity):
    label = np.arange(N_ITEMS) * 2 + 1
    page, acted = history
    spread = np.zeros(2 * N_ITEMS, np.float32)
    spread[label] = popularity
    plain = built(popularity)
    other = built(spread, np.isin(np.arange(2 * N_ITEMS), label), n_items=2 * N_ITEMS)
    plain.learn(lesson(history))
    other.learn(lesson((np.where(page >= 0, label[page], -1), acted)))
    a, b = (p.retrieve(make_requests([0]), np.array([N_ITEMS])) for p in (plain, other))
    assert label[a.item].tolist() == b.item.tolist()
    assert a.score.tolist() == b.score.tolist()


def test_signal_index_and_empty_batch():
    popular = built(signal="click")
    popular.learn(make_feedback([0], [[7, 1, 2]], [[True, False, False]], signal="satisfied"))
    assert popular.retrieve(make_requests([0]), np.array([1])).item.tolist() == [0]
    popular.learn(make_feedback([0], [[7, 1, 2]], [[True, False, False]], signal="click"))
    assert popular.retrieve(make_requests([0]), np.array([1])).item.tolist() == [7]
    assert len(popular.retrieve(make_requests([]), np.empty(0, np.int32))) == 0
    popular.learn(make_feedback([], np.empty((0, 3)), np.empty((0, 3))))
    popular.index(make_catalogue(N_ITEMS))
    assert popular.retrieve(make_requests([0]), np.array([1])).item.tolist() == [0]
    assert isinstance(popular, Retriever)
    assert not popular.static


def test_refuses_what_is_wrong():
    with pytest.raises(InputError, match="index"):
        Popular().retrieve(make_requests([0]), np.array([1]))
    for parameters in ({"signal": "x"}, {"prior_weight": -1.0}, {"decay": 0.0}, {"decay": 1.1}):
        with pytest.raises(InputError, match=next(iter(parameters))):
            Popular(**parameters)
    for bad in (np.nan, -1.0, np.inf):
        with pytest.raises(InputError, match="popularity"):
            built(np.array([bad] + [0.0] * (N_ITEMS - 1), np.float32))
    with pytest.raises(InputError, match="must be below 8"):
        built().learn(make_feedback([0], [[N_ITEMS]], [[True]]))
    with pytest.raises(InputError, match="depth"):
        built().retrieve(make_requests([0]), np.array([-1]))
    with pytest.raises(InputError, match="items"):
        built().score(make_requests([0]), make_items([]))


@pytest.mark.parametrize("dead", [0, 3])
def test_asking_between_lessons_changes_nothing(dead):
    """Scores and list are brought up to date action by action; asked only at the end they are made afresh."""
    rng = np.random.default_rng(4)
    popularity = rng.integers(0, 30, 60).astype(np.float32)
    alive = np.arange(60) >= dead
    often, once = (built(popularity, alive, 60, prior_weight=9.0) for _ in range(2))
    moved = 0
    for step in range(76):
        page = rng.integers(-1, 60, (1, PLACES)).astype(np.int32)
        history = (page, rng.random((1, PLACES)) < 0.3)
        before = often._top[:5].copy() if step else np.zeros(0)
        for popular in (often, once):
            popular.learn(lesson(history))
        # a little deeper now and then: items that gained below the list must not fill it up
        depth = np.array([3 + step // 4 if step < 70 else 60])
        asked = make_requests(np.zeros(1, np.int32))
        found = often.retrieve(asked, depth[0])
        fresh = built(popularity, alive, 60, prior_weight=9.0)
        fresh.restore(once.state())
        want = fresh.retrieve(asked, depth[0])
        assert np.array_equal(found.item, want.item)
        assert np.array_equal(found.score, want.score)
        moved += len(before) == 5 and not np.array_equal(before, often._top[:5])
    assert moved > 5
