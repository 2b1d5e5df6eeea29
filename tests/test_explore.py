"""Exploring another arm's lists: the bound, the place in the base's list, counts and the base itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import ltrr
from ltrr._state import pack, unpack
from ltrr.checks.data import feedback_of
from ltrr.errors import InputError
from ltrr.registry import registry_of
from ltrr.retrieval import BM25, Arm, Dense, Explore, Memory, NGrams, Popular, StaticCache
from ltrr.types import Candidates
from ltrr.worlds import Music
from tests.naive_retrieval import catalogue_of, depths, naive_explore, requests_of
from tests.naive_union import make_feedback, rows

N_ITEMS = 6
TEXTS = ["red shoe", "red shoe", "red red shoe", "red", "blue shoe", "green"]


class Listed(Arm):
    """The same list to every request, with scores that tie."""

    pairs = ((2, 5.0), (0, 4.0), (4, 4.0), (5, 1.0))

    def index(self, catalogue):
        """Nothing to do."""

    def retrieve(self, requests, depth):
        kept = [self.pairs[:d] for d in depth.tolist()]
        flat = [pair for pairs in kept for pair in pairs]
        indptr = np.append(0, np.cumsum([len(pairs) for pairs in kept]))
        item, score = (np.array([pair[i] for pair in flat]) for i in (0, 1))
        return Candidates(indptr, item, score, np.diff(indptr) == depth)


def built(**parameters):
    explore = Explore(**parameters)
    explore.index(catalogue_of(TEXTS))
    return explore


def lesson(page, acted, **changes):
    return make_feedback(np.zeros(len(page), np.int32), page, acted, **changes)


HISTORY = st.tuples(
    hnp.arrays(np.int32, (9, 2), elements=st.integers(-1, N_ITEMS - 1)), hnp.arrays(bool, (9, 2))
)
SETTINGS = [
    {},
    {"width": 0.0},
    {"relevance": 0.0, "prior": 0.5},
    {"pool": 2, "prior_weight": 0.25, "width": 9.0},
]


@pytest.mark.parametrize("base", [Listed(), BM25()], ids=["listed", "bm25"])
@pytest.mark.parametrize("given_", SETTINGS, ids=str)
@settings(max_examples=20, deadline=None)
@given(history=HISTORY, depth=hnp.arrays(np.int32, 3, elements=st.integers(0, N_ITEMS)))
def test_equals_naive_twin(base, given_, history, depth):
    page, acted = history
    explore = built(base=base, **given_)
    explore.learn(lesson(page, acted))
    asked = requests_of(["red shoe", "blue", "none of these"])
    base.index(catalogue_of(TEXTS))
    pools = rows(base.retrieve(asked, depths(3, explore.pool)))
    shows = [int((page == i).sum()) for i in range(N_ITEMS)]
    actions = [int((acted & (page == i)).sum()) for i in range(N_ITEMS)]
    names = ("prior", "prior_weight", "width", "relevance")
    settings_ = {name: getattr(explore, name) for name in names}
    found = explore.retrieve(asked, depth)
    for row, pool, d, full in zip(rows(found), pools, depth, found.capped, strict=True):
        want = naive_explore(pool, shows, actions, **settings_)[:d]
        assert [i for i, _ in row] == [i for i, _ in want]
        np.testing.assert_allclose([s for _, s in row], [s for _, s in want], rtol=1e-6)
        assert full == (len(row) == d)


def test_worked_by_hand():
    explore = built(base=Listed(), prior=0.5, prior_weight=1.0, width=2.0, relevance=1.0)
    # Item 2, first of the base, shown 3 times in vain: mean 1/8, deviation √(7/64/5). Item 0: one show, one
    # action: mean 3/4, deviation √(3/16/3) = 1/4. Items 4 and 5 were never shown: mean 1/2, √(1/4/2).
    explore.learn(lesson([[2, 0], [2, -1], [2, -1]], [[0, 1], [0, 0], [0, 0]]))
    new = 0.5 + 2.0 * np.sqrt(0.125)
    second, fourth = 1.0 / np.log2(3.0), 1.0 / np.log2(5.0)
    want = {0: 1.25 * second, 2: 0.125 + 2.0 * np.sqrt(7 / 320), 4: new * second, 5: new * fourth}
    found = explore.retrieve(requests_of(["red"]), depths(1, 9))
    assert found.item.tolist() == [0, 4, 5, 2]
    np.testing.assert_allclose(found.score, [want[i] for i in (0, 4, 5, 2)], rtol=1e-6)


def test_shows_move_an_item_back_and_actions_forward():
    explore, asked = built(), requests_of(["red shoe"])
    assert explore.retrieve(asked, depths(1, 2)).item.tolist() == [2, 0]
    explore.learn(lesson([[2, -1]] * 5, np.zeros((5, 2))))
    assert explore.retrieve(asked, depths(1, 2)).item.tolist() == [0, 1]
    explore.learn(lesson([[2, -1]] * 9, np.ones((9, 2))))
    assert explore.retrieve(asked, depths(1, 2)).item.tolist() == [2, 0]


def test_clicks_count_where_they_are_the_signal():
    one, other = built(signal="click"), built()
    for explore in (one, other):
        explore.learn(lesson([[3, 1]], [[True, False]], signal="click"))
    assert one.state()["actions"].tolist() == [0, 0, 0, 1, 0, 0]
    assert other.state()["actions"].tolist() == [0] * N_ITEMS
    assert other.state()["shows"].tolist() == [0, 1, 0, 1, 0, 0]


@pytest.mark.parametrize("base", [None, Memory(), Popular(window=4)], ids=["bm25", "memory", "popular"])
@settings(max_examples=15, deadline=None)
@given(history=HISTORY, cut=st.integers(0, 9))
def test_cutting_lessons_and_saving_between_change_no_bit(base, history, cut):
    whole, again = built(base=base), built(base=base)
    page, acted = history
    whole.learn(lesson(page, acted))
    again.learn(lesson(page[:cut], acted[:cut]))
    again.restore(unpack(pack(again.state())))
    again.learn(lesson(page[cut:], acted[cut:]))
    assert pack(again.state()) == pack(whole.state())
    asked = requests_of(TEXTS)
    assert rows(again.retrieve(asked, depths(6, 9))) == rows(whole.retrieve(asked, depths(6, 9)))


def test_a_base_that_learns_is_not_shared_between_runs():
    memory = Memory()
    first = built(base=memory)
    first.learn(lesson([[3, 1]], [[True, True]]))
    assert len(first.state()["base"]["query"]) == 1
    other = first.fork()
    assert len(other.state()["base"]["query"]) == 0
    assert not other.state()["shows"].any()
    other.learn(lesson([[3, 1]] * 2, [[True, True]] * 2))
    assert first.state()["shows"].tolist() == [0, 1, 0, 1, 0, 0]
    assert memory._alive is None  # what was given is left as it is
    static = built()
    assert static.fork()._base is static._base


def test_base_is_named_in_settings():
    arms = registry_of("arms")
    made = arms.make("explore", {"base": {"kind": "popular", "window": 9}, "pool": 7}, "arms.explore")
    assert repr(made) == repr(Explore(Popular(window=9), pool=7))
    assert arms.make("explore", {"base": "bm25"}, "arms.explore").base is not None


@pytest.mark.compiled
def test_runs_in_a_study():
    result = ltrr.simulate(
        ltrr.worlds.Music(n_items=200, n_queries=60, seed=2),
        arms={"bm25": "bm25", "fresh": "fresh", "explore": {"kind": "explore", "base": {"kind": "bm25"}}},
        policies=["random", {"name": "explore", "kind": "single", "arm": "explore"}],
        rounds=60,
        seeds=2,
        warmup=20,
        loop={"held_out": 0, "fallback": ["bm25"]},
        quiet=True,
    )
    reward = result.summary().query("metric == 'reward'").set_index("policy")["mean"]
    assert (reward > 0).all()


def test_refuses_what_is_wrong():
    with pytest.raises(InputError, match="index"):
        Explore().retrieve(requests_of(["red"]), depths(1, 1))
    for parameters in (
        {"pool": 0},
        {"signal": "x"},
        {"prior": 2.0},
        {"prior_weight": 0.0},
        {"width": -1.0},
        {"relevance": -1.0},
    ):
        with pytest.raises(InputError, match=next(iter(parameters))):
            Explore(**parameters)
    with pytest.raises(InputError, match="must be below 6"):
        built().learn(lesson([[6, 0]], [[0, 0]]))


def test_kept_lists_of_the_base_change_nothing():
    world = Music(300, n_queries=60, seed=4)
    plain, kept = (Explore(NGrams(), pool=20) for _ in range(2))
    for arm in (plain, kept):
        arm.index(world.catalogue)
    kept.keep_lists(world.queries)
    assert isinstance(kept._base, StaticCache)
    requests = world.next(50)
    for _ in range(2):
        one, other = (arm.retrieve(requests, np.full(50, 12, np.int32)) for arm in (plain, kept))
        np.testing.assert_array_equal(one.item, other.item)
        np.testing.assert_array_equal(one.score, other.score)
        for arm in (plain, kept):
            arm.learn(feedback_of(requests, alive=world.catalogue.alive))
    assert set(kept.index_state()["base"]) == set(plain.index_state()["base"])
    fork = kept.fork()
    assert fork._base is kept._base
    assert not fork.state()["shows"].any()
    more = np.arange(200, 300, dtype=np.int32)
    kept.update(world.catalogue, more[:0])
    assert isinstance(kept._base, NGrams)
    assert fork._base.retriever is not kept._base


def test_what_holds_of_the_base_holds_of_the_arm():
    assert Explore(Popular()).query_blind
    assert not Explore().query_blind
    assert Explore(Memory()).memorises
    assert not Explore(Dense()).exact_when_renumbered
    assert Explore(NGrams()).exact_when_renumbered
    for wrong in (3, "dense"):
        with pytest.raises(InputError, match=r"`Explore\.base` must be an arm"):
            Explore(wrong)


def test_a_refused_page_teaches_the_base_nothing():
    arm = Explore(Popular(), pool=5)
    arm.index(catalogue_of(["red"] * 50))
    with pytest.raises(InputError, match="must be below 50"):
        arm.learn(feedback_of(Music(200, n_queries=20).next(5)))  # of 60 items
    assert not arm.state()["base"]["count"].any()
