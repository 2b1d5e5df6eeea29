"""The memory index: what it counts, whom it drops, what it returns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ltrr._state import pack, unpack
from ltrr.errors import InputError
from ltrr.protocols import Retriever
from ltrr.retrieval.memory import Memory
from tests.naive_union import NaiveMemory, make_catalogue, make_feedback, make_items, make_requests, rows

N_ITEMS, N_QUERIES, PLACES = 9, 4, 3


def built(alive=None, **parameters):
    memory = Memory(**parameters)
    memory.index(make_catalogue(N_ITEMS, alive=alive))
    return memory


@st.composite
def histories(draw, max_rows=25):
    n = draw(st.integers(0, max_rows))
    query = draw(hnp.arrays(np.int32, n, elements=st.integers(-1, N_QUERIES - 1)))
    page = np.array(
        [
            draw(st.lists(st.integers(0, N_ITEMS - 1), min_size=PLACES, max_size=PLACES, unique=True))
            for _ in range(n)
        ],
        np.int32,
    ).reshape(n, PLACES)
    page[draw(hnp.arrays(bool, (n, PLACES)))] = -1
    return query, page, draw(hnp.arrays(bool, (n, PLACES)))


@pytest.mark.parametrize(("prior", "weight"), [(0.05, 1.0), (0.0, 1.0), (0.5, 3.0), (0.3, 0.0)])
@settings(max_examples=35, deadline=None)
@given(
    history=histories(),
    capacity=st.integers(1, 4),
    alive=hnp.arrays(bool, N_ITEMS, elements=st.sampled_from([True, True, True, False])),
    cut=st.integers(0, 25),
    depth=st.integers(0, 5),
)
def test_equals_naive_twin_however_it_is_cut(prior, weight, history, capacity, alive, cut, depth):
    query, page, acted = history
    memory = built(alive, capacity=capacity, prior=prior, prior_weight=weight)
    twin = NaiveMemory(capacity, prior, weight, alive)
    twin.learn(query, page, acted)
    for part in (slice(0, cut), slice(cut, None)):
        memory.learn(make_feedback(query[part], page[part], acted[part]))

    asked = np.arange(-1, N_QUERIES + 1)
    requests = make_requests(asked)
    found = memory.retrieve(requests, np.full(len(asked), depth))
    assert rows(found) == [twin.retrieve(q, depth) for q in asked]
    assert found.capped.tolist() == [len(twin.retrieve(q, depth)) == depth for q in asked]

    pairs = make_items([[*range(N_ITEMS), -1]] * len(asked))
    want = [[twin.rate(q, i) for i in [*range(N_ITEMS), -1]] for q in asked]
    np.testing.assert_array_equal(memory.rate(requests, pairs).reshape(len(asked), -1), want)
    counts = [[twin.table.get(q, {}).get(i, (0, 0))[0] for i in [*range(N_ITEMS), -1]] for q in asked]
    np.testing.assert_array_equal(memory.actions(requests, pairs).reshape(len(asked), -1), counts)
    np.testing.assert_allclose(
        memory.coverage(requests), np.array([twin.coverage(q) for q in asked]), rtol=1e-6, atol=0
    )


def test_worked_by_hand():
    memory = built(capacity=2, prior=0.1, prior_weight=1.0)
    yes, no = True, False
    # Item 5 enters (1 of 1), is shown in vain (1 of 2); 3 enters (1 of 1).
    memory.learn(make_feedback([1, 1], [[5, 7, -1], [3, 5, 7]], [[yes, no, no], [yes, no, no]]))
    requests = make_requests([1])
    assert rows(memory.retrieve(requests, np.array([9]))) == [
        [(3, pytest.approx(1.1 / 2)), (5, pytest.approx(1.1 / 3))]
    ]
    # 7 needs room: 3 and 5 have one action each, 3 fewer shows, so 3 leaves.
    memory.learn(make_feedback([1], [[7, -1, -1]], [[yes, no, no]]))
    assert memory.retrieve(requests, np.array([9])).item.tolist() == [7, 5]
    # 5 and 7 with one action and two shows each: the higher id leaves.
    memory.learn(make_feedback([1], [[7, 2, -1]], [[no, yes, no]]))
    assert memory.retrieve(requests, np.array([9])).item.tolist() == [2, 5]
    np.testing.assert_allclose(memory.coverage(requests), [[np.log(3), np.log(3), 0.55]], rtol=1e-6)


@pytest.mark.parametrize("signal", ["click", "satisfied"])
def test_learns_from_its_signal_only(signal):
    other = {"click": "satisfied", "satisfied": "click"}[signal]
    memory = built(signal=signal)
    memory.learn(make_feedback([0], [[1, 2, 3]], [[True, False, False]], signal=other))
    assert memory.coverage(make_requests([0])).tolist() == [[0, 0, 0]]
    memory.learn(make_feedback([0], [[1, 2, 3]], [[True, False, False]], signal=signal))
    assert memory.retrieve(make_requests([0]), np.array([5])).item.tolist() == [1]


@settings(max_examples=40, deadline=None)
@given(histories(), histories(), st.integers(1, 3))
def test_state_continues_exactly_and_is_a_copy(first, second, capacity):
    memory, copy = built(capacity=capacity), built(capacity=capacity)
    memory.learn(make_feedback(*first))
    state = memory.state()
    copy.restore(unpack(pack(state)))
    memory.learn(make_feedback(*second))
    copy.learn(make_feedback(*second))
    assert pack(memory.state()) == pack(copy.state())
    again = built(capacity=capacity)
    again.learn(make_feedback(*first))
    assert pack(again.state()) == pack(state)


def test_state_does_not_depend_on_room_for_unknown_queries():
    one, two = built(), built()
    two.learn(make_feedback([90], [[1, 2, 3]], [[False] * 3]))
    for memory in (one, two):
        memory.learn(make_feedback([0], [[1, 2, 3]], [[True] * 3]))
    assert pack(one.state()) == pack(two.state())


@settings(max_examples=40, deadline=None)
@given(histories(), st.integers(1, 4))
def test_order_preserving_relabelling_relabels_results(history, capacity):
    query, page, acted = history
    label = np.arange(N_ITEMS) * 3 + 2
    plain = built(capacity=capacity)
    plain.learn(make_feedback(query, page, acted))
    other = Memory(capacity=capacity)
    other.index(make_catalogue(40))
    other.learn(make_feedback(query, np.where(page >= 0, label[page], -1), acted))
    requests = make_requests(np.arange(N_QUERIES))
    a, b = (m.retrieve(requests, np.full(N_QUERIES, 3)) for m in (plain, other))
    assert label[a.item].tolist() == b.item.tolist()
    assert a.score.tolist() == b.score.tolist()


@settings(max_examples=40, deadline=None)
@given(histories(), hnp.arrays(np.int32, 5, elements=st.integers(0, 4)))
def test_batches_and_depths_do_not_matter(history, depth):
    memory = built()
    memory.learn(make_feedback(*history))
    asked = [2, -1, 2, 0, 3]
    found = memory.retrieve(make_requests(asked), depth)
    deep = rows(memory.retrieve(make_requests(asked), np.full(5, 60)))
    assert rows(found) == [row[:d] for row, d in zip(deep, depth, strict=True)]
    for b, q in enumerate(asked):
        alone = memory.retrieve(make_requests([q]), depth[b : b + 1])
        assert rows(alone)[0] == rows(found)[b]


def test_index_forgets():
    memory = built()
    memory.learn(make_feedback([0], [[1, 2, 3]], [[True] * 3]))
    memory.index(make_catalogue(N_ITEMS))
    assert len(memory.retrieve(make_requests([0]), np.array([5])).item) == 0


def test_empty_batch_and_untouched_arguments():
    memory = built()
    memory.learn(make_feedback([], np.empty((0, 3)), np.empty((0, 3))))
    nobody = make_requests([])
    assert len(memory.retrieve(nobody, np.empty(0, np.int32))) == 0
    assert memory.coverage(nobody).shape == (0, 3)
    assert memory.rate(nobody, make_items([])).shape == (0,)
    feedback = make_feedback([0, 1], [[1, 2, 3]] * 2, [[True] * 3] * 2)
    for array in (feedback.item, feedback.satisfied, feedback.requests.query):
        array.setflags(write=False)
    memory.learn(feedback)
    assert memory.retrieve(make_requests([1]), np.array([2])).item.tolist() == [1, 2]
    assert isinstance(memory, Retriever)
    assert not memory.static


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"capacity": 0}, "Memory.capacity"),
        ({"signal": "clicks"}, "did you mean 'click'"),
        ({"prior": 1.5}, "Memory.prior"),
        ({"prior_weight": -1.0}, "Memory.prior_weight"),
    ],
)
def test_refuses_wrong_parameters(parameters, says):
    with pytest.raises(InputError, match=says):
        Memory(**parameters)


def test_refuses_wrong_use():
    with pytest.raises(InputError, match="index"):
        Memory().retrieve(make_requests([0]), np.array([1]))
    memory = built()
    with pytest.raises(InputError, match="must be below 9"):
        memory.learn(make_feedback([0], [[N_ITEMS, 1, 2]], [[True] * 3]))
    with pytest.raises(InputError, match="depth"):
        memory.retrieve(make_requests([0]), np.array([-1]))
    with pytest.raises(InputError, match="items"):
        memory.rate(make_requests([0]), make_items([]))
