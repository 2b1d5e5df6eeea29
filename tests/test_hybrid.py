"""Hybrid arms: the four ways to merge lists, members, tuning."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ltrr
from ltrr.checks import data
from ltrr.checks.data import catalogue_of, feedback_of
from ltrr.errors import InputError
from ltrr.metrics import ndcg
from ltrr.registry import registry_of
from ltrr.retrieval import Arm, Hybrid, ListQuality, load, save
from ltrr.retrieval.fused_lists import FUSIONS, FusedLists
from ltrr.types import Candidates
from tests.naive_retrieval import catalogue_of as texts_of
from tests.naive_retrieval import items_of, naive_hybrid, rows
from tests.naive_retrieval import requests_of as asks_of

SCORES = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 3.0])
LISTS = st.lists(st.dictionaries(st.integers(0, 7), SCORES, max_size=6), min_size=3, max_size=3)


class Given(Arm):
    """Lists that are given, query by query."""

    def __init__(self, lists=(), source="other"):
        self.lists, self.source = lists, source

    def index(self, catalogue):
        self.n = len(catalogue)

    def retrieve(self, requests, depth):
        own = [self.lists[q] for q in requests.query.tolist()]
        return Candidates.from_lists(
            [list(found) for found in own], depth=depth, scores=[list(found.values()) for found in own]
        )


def built(lists, sources=("lexical", "embedding"), **parameters):
    names = "abc"[: len(lists)]
    members = {n: Given(own, s) for n, own, s in zip(names, lists, sources, strict=True)}
    arm = Hybrid(members, **parameters)
    arm.index(texts_of(["x"] * 8))
    return arm


def asked(arm, n, depth=99):
    return rows(arm.retrieve(asks_of(["q"] * n), np.full(n, depth, np.int32)))


STUDY = """
name = "mixed"
question = "Do fused arms run from a file?"
seed = 3
seeds = 1
rounds = 60
log_seeds = 1

[world]
kind = "music"
n_items = 300
n_queries = 60

[loop]
arms = ["hybrid", "taught", "popular"]
n_slots = 3
slot_size = 6
page_size = 5
fallback = ["popular"]
feedback_every = 20
warmup = 20
held_out = 10

[arms.hybrid]
kind = "hybrid"
arms = { bm25 = {}, dense = { encoder = { kind = "lsa", dim = 8 } } }

[arms.taught]
kind = "hybrid"
arms = { words = { kind = "bm25", k1 = 1.2 }, memory = {} }
fusion = "convex"
weights = { words = 0.7, memory = 0.3 }

[[policies]]
name = "equal"

[[policies]]
name = "linucb"
"""


@pytest.mark.parametrize("fusion", FUSIONS)
@settings(max_examples=40, deadline=None)
@given(a=LISTS, b=LISTS, depth=st.integers(0, 9), pool=st.integers(1, 6))
def test_equals_naive_twin(fusion, a, b, depth, pool):
    parameters = {"k": 5.0, "weights": {"a": 0.5, "b": 2.0}, "strength": 1.5}
    arm = built([a, b], fusion=fusion, pool=pool, **parameters)
    for q, found in enumerate(asked(arm, 3, depth)):
        want = naive_hybrid([a[q], b[q]], (0.5, 2.0), fusion, pool, k=5.0, strength=1.5)
        assert [i for i, _ in found] == [i for i, _ in want[:depth]]
        assert [s for _, s in found] == [s for _, s in want[:depth]]


def test_worked_by_hand():
    words, vectors = {0: 4.0, 1: 2.0, 2: 2.0}, {2: 0.9, 0: 0.7, 3: 0.4}
    both = [[words], [vectors]]
    found = asked(built(both, fusion="rrf", k=1.0), 1)[0]
    # items 1 and 2 tie in the first list: both have rank 1
    want = {0: 1 / 2 + 1 / 3, 2: 1 / 3 + 1 / 2, 1: 1 / 3, 3: 1 / 4}
    assert found == [(i, pytest.approx(want[i], rel=1e-6)) for i in (0, 2, 1, 3)]
    found = dict(asked(built(both, fusion="convex", weights={"b": 0.5}), 1)[0])
    assert found == {i: pytest.approx(s, abs=1e-6) for i, s in ((0, 1.3), (1, 0.0), (2, 0.5), (3, 0.0))}
    found = dict(asked(built(both, fusion="relative-score"), 1)[0])
    want = {0: 1 + 7 / 9, 1: 0.5, 2: 0.5 + 1.0, 3: 4 / 9}
    assert found == {i: pytest.approx(s, rel=1e-6) for i, s in want.items()}
    # The margin of the vectors is (.9 − .7) / (.9 − .4) = .4, so that words weigh 1 − .4 · .5 = .8.
    found = dict(asked(built(both, fusion="confidence", strength=0.5), 1)[0])
    want = {0: 0.8 + 0.6, 1: 0.0, 2: 0.0 + 1.0, 3: 0.0}
    assert found == {i: pytest.approx(s, abs=1e-6) for i, s in want.items()}


@settings(max_examples=30, deadline=None)
@given(LISTS, LISTS)
def test_confidence_without_vectors_or_without_words_is_convex(a, b):
    for sources in (("lexical", "lexical"), ("embedding", "other")):
        pair = [built([a, b], sources, fusion=fusion) for fusion in ("confidence", "convex")]
        assert asked(pair[0], 3) == asked(pair[1], 3)


def test_says_where_a_list_ended_at_the_depth():
    arm = built([[{0: 2.0, 1: 1.0}], [{1: 3.0}]])
    ends = [arm.retrieve(asks_of(["q"]), np.array([depth])).capped.tolist() for depth in (0, 1, 2, 3)]
    assert ends == [[True], [True], [True], [False]]


def test_members_are_made_from_tables_kinds_and_objects():
    arm = Hybrid({"bm25": {"k1": 1.2}, "grams": {"kind": "ngrams"}, "popular": "popular", "own": Given()})
    kinds = {name: type(member).__name__ for name, member in arm.members_.items()}
    assert kinds == {"bm25": "BM25", "grams": "NGrams", "popular": "Popular", "own": "Given"}
    assert arm.members_["bm25"].k1 == 1.2
    assert not arm.static
    assert Hybrid({"bm25": {}}).static
    assert Hybrid({"popular": {}}).query_blind
    assert not Hybrid({"popular": {}, "bm25": {}}).query_blind
    assert Hybrid({"memory": {}}).memorises
    assert not Hybrid({"memory": {}, "bm25": {}}).memorises
    assert Hybrid({"bm25": {}}).exact_when_renumbered
    assert not Hybrid({"bm25": {}, "dense": {}}).exact_when_renumbered
    settings_of_file = {
        "arms": {"bm25": {}, "dense": {"encoder": {"kind": "lsa", "dim": 4}}},
        "fusion": "convex",
    }
    made = registry_of("arms").make("hybrid", settings_of_file, "arms.mixed")
    assert made.members_["dense"].encoder.dim == 4


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"arms": {}}, "`Hybrid.arms` must be a table of arms by name, at least one"),
        ({"arms": ("bm25",)}, "`Hybrid.arms` must be a table"),
        ({"arms": {"bm52": {}}}, "`Hybrid.arms.bm52` names no known kind.*did you mean 'bm25'"),
        ({"arms": {"bm25": {"k2": 1}}}, "`Hybrid.arms.bm25` has no setting 'k2'"),
        ({"fusion": "rff"}, "`Hybrid.fusion` must be a known name, got 'rff'; did you mean 'rrf'"),
        ({"pool": 0}, "`Hybrid.pool`"),
        ({"k": -1.0}, "`Hybrid.k`"),
        ({"strength": -1.0}, "`Hybrid.strength`"),
        ({"weights": {"bm52": 1.0}}, "`Hybrid.weights` must name arms, got 'bm52'; did you mean 'bm25'"),
        ({"weights": {"bm25": -1.0}}, r"`Hybrid.weights\['bm25'\]` must be"),
        ({"weights": [1.0]}, "`Hybrid.weights` must be a table of numbers"),
    ],
)
def test_refuses_what_is_wrong(parameters, message):
    with pytest.raises(InputError, match=message):
        Hybrid(**parameters)


def test_refuses_to_work_before_it_has_an_index():
    arm, one = Hybrid(), asks_of(["q"])
    for call in (lambda: arm.retrieve(one, np.array([1])), arm.index_state):
        with pytest.raises(InputError, match="`Hybrid` must be given a catalogue first"):
            call()
    with pytest.raises(InputError, match=r"`state` must be of the members \[\], got \['memory'\]"):
        arm.restore({"memory": {}})


@pytest.fixture
def learner():
    arm = Hybrid({"bm25": {}, "memory": {}, "popular": {}}, "convex")
    arm.index(catalogue_of())
    return arm


def taught(arm, seed=3):
    arm.learn(feedback_of(requests_for_checks(), alive=catalogue_of().alive, seed=seed))
    return arm


def requests_for_checks():
    return data.requests_of(24)


def lists(arm):
    return rows(arm.retrieve(requests_for_checks(), np.full(24, 20, np.int32)))


def test_forks_share_what_is_static_and_have_learned_nothing(learner, tmp_path):
    before = lists(learner)
    taught(learner)
    save(learner, tmp_path / "arm")
    for arm in (learner, load(tmp_path / "arm")):
        fork = arm.fork()
        assert fork.members_["bm25"] is arm.members_["bm25"]
        assert fork.members_["memory"] is not arm.members_["memory"]
        assert lists(fork) == before
        assert lists(arm) != before
        assert lists(taught(fork)) == lists(arm)
        assert lists(arm.fork()) == before
    unread = Hybrid({"memory": {}})
    assert unread.fork().members_["memory"] is not unread.members_["memory"]


def test_indexing_a_fork_leaves_the_original_alone(learner):
    before = lists(learner)
    learner.fork().index(texts_of(["amber"] * 60))
    assert lists(learner) == before
    fork = learner.fork()
    more = catalogue_of(70)
    fork.update(more, np.arange(60, 70, dtype=np.int32))
    assert lists(learner) == before
    assert len(fork.fork().members_["popular"].state()["count"]) == 70


def test_a_given_member_is_copied():
    own = Given([{1: 1.0}])
    arm = Hybrid({"a": own})
    arm.index(texts_of(["x"] * 3))
    assert not hasattr(own, "n")
    assert arm.members_["a"].n == 3


def wanted_of_b():
    """Two members of which the second alone knows what is wanted, in both requests."""
    a = [{0: 3.0, 1: 2.0, 2: 1.0}, {3: 3.0, 4: 2.0, 5: 1.0}]
    b = [{6: 3.0, 7: 2.0, 5: 1.0}, {7: 3.0, 6: 2.0, 0: 1.0}]
    return [a, b], items_of([[6], [7]])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_tuning_finds_which_member_knows(fusion):
    both, items = wanted_of_b()
    arm = built(both, ("lexical", "other"), fusion=fusion)  # no vectors, whose margin would settle it
    tuned = arm.tune(asks_of(["q"] * 2), items, rng=np.random.default_rng(1))
    assert [found[0][0] for found in asked(arm, 2)] == [0, 3]
    assert [found[0][0] for found in asked(tuned, 2)] == [6, 7]
    assert (tuned.fusion, arm.weights) == (fusion, {})
    again = arm.tune(asks_of(["q"] * 2), items, rng=np.random.default_rng(1))
    assert (again.weights, again.k, again.strength) == (tuned.weights, tuned.k, tuned.strength)
    assert sum(tuned.weights.values()) == pytest.approx(1.0, abs=0.002)
    assert (tuned.k != arm.k) == (fusion == "rrf")


def test_tuning_keeps_the_own_settings_where_none_is_better():
    both, _ = wanted_of_b()
    arm = built(both, weights={"a": 1.0})
    tuned = arm.tune(asks_of(["q"] * 2), items_of([[0], [3]]), rng=np.random.default_rng(1))
    assert (tuned.weights, tuned.k) == ({"a": 1.0}, 60.0)
    one = arm.tune(asks_of(["q"] * 2), items_of([[6], [7]]), rng=np.random.default_rng(1), tries=1)
    assert one.weights == {"a": 1.0}


def test_tuning_may_choose_the_rule():
    both, items = wanted_of_b()
    tuned = built(both).tune(asks_of(["q"] * 2), items, rng=np.random.default_rng(1), fusions=("convex",))
    assert tuned.fusion == "convex"


def test_a_tuned_arm_keeps_what_was_learned_and_learns_apart(learner):
    taught(learner)
    before = lists(learner)
    requests = requests_for_checks()
    items = items_of([[q % 60] for q in range(24)])
    tuned = learner.tune(requests, items, rng=np.random.default_rng(1), tries=1)
    assert lists(tuned) == before
    taught(tuned, seed=4)
    assert lists(learner) == before


def test_quality_worked_by_hand():
    # request 0 wants 6 (grade 2, third) and 4 (grade 1, first); request 1 wants 8, absent; 2 wants nothing
    found = Candidates.from_lists([[4, 5, 6], [7], []], depth=[3, 1, 1])
    relevant, grades = items_of([[6, 4, -1, -1], [8], []]), np.array([2, 1, 3, 3, 1])
    ideal = 2.0 + 1.0 / math.log2(3.0)
    assert ListQuality(relevant, grades).mean(found) == pytest.approx((1.0 + 2.0 / 2.0) / ideal / 2)
    assert ListQuality(relevant, grades, 2).mean(found) == pytest.approx(1.0 / ideal / 2)
    assert ListQuality(relevant, grades, 1).mean(found) == pytest.approx(1.0 / 2.0 / 2)
    assert ListQuality(relevant).mean(found) == pytest.approx((1.0 + 0.5) / (1.0 + 1.0 / math.log2(3.0)) / 2)
    assert ListQuality(relevant).mean(Candidates.empty(3)) == 0.0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.dictionaries(st.integers(0, 9), st.integers(0, 3), max_size=9), min_size=1, max_size=4),
    st.data(),
    st.integers(1, 6),
)
def test_quality_is_the_mean_of_ndcg(judged, data, depth):
    if not any(g for own in judged for g in own.values()):
        judged[0][0] = 1
    lists = [data.draw(st.lists(st.integers(0, 9), unique=True, max_size=8)) for _ in judged]
    found = Candidates.from_lists(lists, depth=np.full(len(lists), 9))
    grades = np.array([g for own in judged for g in own.values()], np.int8)
    page = np.full((len(lists), 9), -1, np.int8)
    ideal = np.zeros((len(lists), 9), np.int8)
    for b, (own, wanted) in enumerate(zip(lists, judged, strict=True)):
        page[b, : len(own)] = [wanted.get(i, 0) for i in own]
        ideal[b, : len(wanted)] = sorted(wanted.values(), reverse=True)
    want = ndcg(page, ideal, k=depth)[ideal.any(axis=1)].mean()
    assert ListQuality(items_of([list(own) for own in judged]), grades, depth).mean(found) == want


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"relevant": items_of([[1]])}, "`relevant` must hold 2 lists"),
        ({"relevant": items_of([[], [-1]])}, "`relevant` must hold at least one item"),
        ({"relevant": items_of([[3, 1, 3], [1]])}, "`relevant` must not hold an item twice"),
        ({"grades": np.array([-1, 1])}, "`grades` must be >= 0, got -1"),
        ({"grades": np.ones(3, np.int8)}, "`grades` must have shape"),
        ({"depth": 0}, "`depth`"),
        ({"tries": 0}, "`tries`"),
        ({"fusions": ("mean",)}, "`fusions` must be a known name"),
    ],
)
def test_tuning_refuses_what_is_wrong(parameters, message):
    both, items = wanted_of_b()
    given = {"relevant": items, "rng": np.random.default_rng(1)} | parameters
    with pytest.raises(InputError, match=message):
        built(both).tune(asks_of(["q"] * 2), **given)


def test_works_from_a_study_file(tmp_path):
    (tmp_path / "mixed.toml").write_text(STUDY)
    study = ltrr.read_study(tmp_path / "mixed.toml")
    result = ltrr.run_study(study, out=tmp_path / "run", quiet=True)
    again = ltrr.read_study(tmp_path / "run" / "study.toml")
    assert again.arms == study.arms
    assert again.arms["taught"].params["weights"] == {"words": 0.7, "memory": 0.3}
    rounds = result.rounds("equal")
    assert rounds.own_hybrid.sum() > 0
    assert rounds.own_taught.sum() > 0


def test_a_list_without_a_positive_score_adds_nothing_by_relative_score():
    dense = Candidates(np.array([0, 2]), np.array([4, 5]), np.array([-0.1, -0.2], np.float32), [True])
    words = Candidates(np.array([0, 2]), np.array([5, 7]), np.array([3.0, 1.5], np.float32), [True])
    lists = FusedLists.of([dense, words])
    assert lists.contributions("relative-score", np.ones(2)).tolist() == [0.0, 0.0, 1.0, 0.5]
