"""The settings of the memory that are off by default: places, fading counts, and users who mislead."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr._state import pack, unpack
from ltrr.checks import check_retriever
from ltrr.errors import InputError
from ltrr.retrieval import Memory, NearMemory
from tests.naive_retrieval import CarefulMemory
from tests.naive_union import make_catalogue, make_feedback, make_requests

N_ITEMS, N_QUERIES, PLACES = 9, 4, 3
ALL_ON = {"position_discount": 1.0, "half_life": 7.5, "once_per_user": True, "caution": 1.0}
SETTINGS = [{key: value} for key, value in ALL_ON.items()] + [{"half_life": 1.0}, ALL_ON]
TWIN = {
    "position_discount": "position",
    "half_life": "half_life",
    "once_per_user": "once",
    "caution": "caution",
}


def built(alive=None, **parameters):
    memory = Memory(**parameters)
    memory.index(make_catalogue(N_ITEMS, alive=alive))
    return memory


def lessons(n, seed):
    rng = np.random.default_rng(seed)
    page = np.array([rng.permutation(N_ITEMS)[:PLACES] for _ in range(n)], np.int32).reshape(n, PLACES)
    page[rng.random(page.shape) < 0.1] = -1
    query = rng.integers(-1, N_QUERIES, n)
    return query, rng.integers(-1, 3, n), page, rng.random(page.shape) < 0.4


def feedback(query, user, page, acted):
    given_ = make_feedback(query, page, acted)
    return replace(given_, requests=replace(given_.requests, user=np.asarray(user, np.int64)))


def rate_of(memory, item):
    """Return the rate of an item for query 0."""
    found = memory.retrieve(make_requests([0]), np.array([99]))
    return dict(zip(found.item.tolist(), found.score.tolist(), strict=True))[item]


@pytest.mark.parametrize("on", SETTINGS, ids=str)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(0, 120), cut=st.integers(0, 120))
def test_rates_are_those_of_the_naive_twin_however_it_is_cut(on, seed, n, cut):
    alive = np.arange(N_ITEMS) != 4
    prior = {"prior": 0.1, "prior_weight": 2.0}
    memory, again = built(alive, **prior, **on), built(alive, **prior, **on)
    twin = CarefulMemory(alive, 0.1, 2.0, **{TWIN.get(key, key): value for key, value in on.items()})
    learned = lessons(n, seed)
    twin.learn(*learned)
    again.learn(feedback(*learned))
    for part in (slice(0, cut), slice(cut, None)):
        memory.learn(feedback(*(column[part] for column in learned)))
    assert pack(memory.state()) == pack(again.state())
    for q in range(N_QUERIES):
        found = memory.retrieve(make_requests([q]), np.array([99]))
        want = {item: twin.rate(q, item) for query, item in twin.events if query == q}
        assert set(found.item.tolist()) == set(want)
        np.testing.assert_allclose(found.score, [want[i] for i in found.item.tolist()], rtol=1e-5, atol=1e-7)
        actions = sum(twin.counts(q, item)[0] for item in want)
        expected = [np.log1p(len(want)), np.log1p(actions), max(want.values(), default=0.0)]
        np.testing.assert_allclose(memory.coverage(make_requests([q]))[0], expected, rtol=1e-5, atol=1e-7)


def test_a_show_far_down_the_page_counts_less():
    memory = built(prior=0.0, prior_weight=1.0, position_discount=1.0)
    memory.learn(feedback([0], [1], [[7, 5, 3]], [[True, False, True]]))
    assert rate_of(memory, 7) == pytest.approx(1 / (1 + 1))
    # place 2, from 0, has log2(4) = 2: half a show
    assert rate_of(memory, 3) == pytest.approx(1 / (0.5 + 1))
    memory.learn(feedback([0], [2], [[5, -1, 3]], [[False, False, False]]))
    assert rate_of(memory, 3) == pytest.approx(1 / (1.0 + 1))
    sure = built(prior_weight=0.0, position_discount=1.0)
    sure.learn(feedback([0], [1], [[5, -1, 3]], [[False, False, True]]))
    assert rate_of(sure, 3) == 1.0


def test_counts_halve_after_the_half_life():
    memory = built(prior=0.5, prior_weight=1.0, half_life=2.0)
    memory.learn(feedback([0], [1], [[7, -1, -1]], [[True, False, False]]))
    nothing = feedback([-1], [1], [[-1, -1, -1]], [[False] * 3])
    memory.learn(nothing)
    # two lessons old: half an action in half a show
    assert rate_of(memory, 7) == pytest.approx((0.5 + 0.5) / (0.5 + 1))
    for _ in range(2_000):
        memory.learn(nothing)
    assert rate_of(memory, 7) == pytest.approx(0.5)
    # what was learned long ago leaves no trace but its entry
    memory.learn(feedback([0], [2], [[7, -1, -1]], [[True, False, False]]))
    faded = 2**-0.5
    assert rate_of(memory, 7) == pytest.approx((faded + 0.5) / (faded + 1))


def test_the_entry_that_has_faded_most_leaves():
    act = [[True, False, False]]
    for half_life, stays in ((None, 5), (2.0, 6)):
        memory = built(capacity=2, half_life=half_life)
        # 5 twice, long ago; 6 once, of late
        for item in (5, 5):
            memory.learn(feedback([0], [1], [[item, -1, -1]], act))
        for _ in range(9):
            memory.learn(feedback([1], [1], [[-1, -1, -1]], [[False] * 3]))
        for item in (6, 7):
            memory.learn(feedback([0], [1], [[item, -1, -1]], act))
        assert set(memory.retrieve(make_requests([0]), np.array([9])).item.tolist()) == {stays, 7}


def test_an_accidental_click_does_not_lead():
    first = {}
    for caution in (0.0, 1.0):
        memory = built(caution=caution)
        for user in range(40):
            memory.learn(feedback([0], [user], [[5, -1, -1]], [[user % 2 == 0, False, False]]))
        memory.learn(feedback([0], [99], [[5, 7, -1]], [[False, True, False]]))
        first[caution] = memory.retrieve(make_requests([0]), np.array([1])).item.tolist()
    # 1 of 1 leads 20 of 41, unless what one action may mean by chance is allowed for
    assert first == {0.0: [7], 1.0: [5]}


def test_a_user_who_repeats_an_action_counts_once():
    first = {}
    for once in (False, True):
        memory = built(once_per_user=once)
        for user in range(30):
            memory.learn(feedback([0], [user], [[5, -1, -1]], [[user % 2 == 0, False, False]]))
            memory.learn(feedback([0], [77], [[7, -1, -1]], [[True, False, False]]))
        for user in range(10):
            memory.learn(feedback([0], [user], [[7, -1, -1]], [[False, False, False]]))
        first[once] = memory.retrieve(make_requests([0]), np.array([1])).item.tolist()
    assert first == {False: [7], True: [5]}
    # one action, and the ten shows in vain: those that user 77 repeated are not shows either
    assert rate_of(memory, 7) == pytest.approx((1 + 0.05) / (11 + 1))


def test_unknown_users_count_each_time_and_a_new_entry_has_no_last_user():
    memory = built(capacity=1, once_per_user=True, prior=0.0)
    act = [[True, False, False]]
    for _ in range(3):
        memory.learn(feedback([0], [-1], [[7, -1, -1]], act))
    assert rate_of(memory, 7) == pytest.approx(3 / 4)
    memory.learn(feedback([0], [4], [[8, -1, -1]], act))
    memory.learn(feedback([0], [-1], [[3, -1, -1]], act))
    # 3 took the place of 8, on which user 4 had acted
    memory.learn(feedback([0], [4], [[3, -1, -1]], act))
    assert rate_of(memory, 3) == pytest.approx(2 / 3)


@pytest.mark.parametrize("on", SETTINGS, ids=str)
def test_state_continues_exactly(on):
    memory, other = built(**on), built(**on)
    memory.learn(feedback(*lessons(300, 1)))
    other.restore(unpack(pack(memory.state())))
    for arm in (memory, other):
        arm.learn(feedback(*lessons(300, 2)))
    assert pack(memory.state()) == pack(other.state())
    # the state is a copy
    before = pack(memory.state())
    other.restore(memory.state())
    other.learn(feedback(*lessons(300, 3)))
    assert pack(memory.state()) == before


def test_forks_learn_apart():
    memory = built(**ALL_ON)
    memory.learn(feedback(*lessons(50, 1)))
    before = pack(memory.state())
    fork = memory.fork()
    assert fork.available(make_requests([0, 1, 2, 3])).tolist() == [0] * 4
    fork.learn(feedback(*lessons(50, 2)))
    assert pack(memory.state()) == before
    anew = built(**ALL_ON)
    anew.learn(feedback(*lessons(50, 2)))
    assert pack(anew.state()) == pack(fork.state())


class AllAlike:
    def encode(self, texts):
        return np.ones((len(texts), 1), np.float32)


def test_near_entries_never_tie_with_own_ones():
    worth_all = {"discount": 1.0, "discount_weight": np.inf, "encoder": AllAlike()}
    arm = NearMemory(prior=0.0, prior_weight=0.0, half_life=1.0, **worth_all)
    arm.index(make_catalogue(N_ITEMS))
    arm.learn(feedback([0], [1], [[7, -1, -1]], [[True, False, False]]))
    for _ in range(400):
        arm.learn(feedback([1], [1], [[2, -1, -1]], [[True, False, False]]))
    found = arm.retrieve(make_requests([0, 1]).take(np.array([0])), np.array([9]))
    assert found.item.tolist() == [7, 2]
    assert found.score[0] > found.score[1]


@pytest.mark.parametrize("kind", [Memory, NearMemory])
def test_keeps_the_protocol(kind):
    check_retriever(kind(**ALL_ON))


@pytest.mark.parametrize(
    "wrong", [{"position_discount": -1.0}, {"half_life": 0.5}, {"half_life": np.nan}, {"caution": -0.1}]
)
def test_refuses_wrong_parameters(wrong):
    with pytest.raises(InputError, match=f"Memory.{next(iter(wrong))}"):
        Memory(**wrong)


@pytest.mark.parametrize("value", ["yes", 1])
def test_once_per_user_is_true_or_false(value):
    with pytest.raises(InputError, match=r"`Memory\.once_per_user` must be true or false"):
        Memory(once_per_user=value)
