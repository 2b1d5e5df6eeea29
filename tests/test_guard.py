from __future__ import annotations

import copy
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr._state import pack, unpack
from ltrr.errors import InputError
from ltrr.ranking import LambdaMART, PriorRanker, build_page
from ltrr.ranking.guard import Guard
from ltrr.ranking.guarded import GuardedRanker
from ltrr.ranking.judged import PageValue, compare
from ltrr.ranking.training import halves, subjects
from ltrr.retrieval.union import union
from ltrr.rng import Streams
from ltrr.types import CandidateRows, Candidates, Feedback
from tests import naive_judging as naive
from tests.test_lambdamart import PRIOR as FOUR
from tests.test_lambdamart import clicks, feedback_of

NAMES = ("good", "bad")
PRIOR = PriorRanker(NAMES, weights={"good": 1.0})


def one_arm(lists):
    arm = Candidates.from_lists(lists, depth=[len(own) for own in lists])
    n = np.array([[len(own)] for own in lists])
    return union([arm], delivered=n, quota=np.ones((len(lists), 1)), slot_size=max(1, int(n.max(initial=1))))


def logged(seed, n, *, k=5, n_candidates=12, order="good", queries=40, first=0, share=0.1, worth="good"):
    """Pages whose candidates are ordered by one column, and whose items are acted on by another."""
    rng = np.random.default_rng([seed, first])
    rows = rng.normal(size=(n, n_candidates, 2)).astype(np.float32)
    drawn = one_arm([list(range(n_candidates))] * n)
    score = (
        rows[..., NAMES.index(order)].astype(np.float64).reshape(-1)
        if order
        else rng.random(n * n_candidates)
    )
    u = rng.random((n, k, 2))
    page = build_page(drawn, score, k, explore=share, u=u)
    shown = (page.candidate - drawn.indptr[:-1, None]).astype(np.int32)
    features = np.take_along_axis(rows, shown[..., None].astype(int), 1)
    attract = 1 / (1 + np.exp(1.0 - 2.0 * features[..., NAMES.index(worth)]))
    click = rng.random((n, k)) < attract / np.log2(np.arange(k) + 2)
    query = rng.integers(0, queries, n)
    item = page.item + n_candidates * query[:, None]  # each query has items of its own
    feedback = feedback_of(features, click, click, item=item, query=query, first=first)
    return replace(
        feedback,
        value=click / k,
        propensity=page.propensity,
        explored=page.explored,
        candidates=CandidateRows(drawn.indptr, rows.reshape(-1, 2), shown),
    )


class Fixed:
    """A model with one weight a column."""

    def __init__(self, weight):
        self.weight = np.asarray(weight, np.float64)

    def score(self, features):
        return features @ self.weight

    def state(self):
        return {"weight": self.weight}


class Planted(GuardedRanker):
    """Trains nothing: every model is the planted one."""

    planted = (1.0, 0.0)

    def _train(self, pages):
        return Fixed(self.planted)

    def _restored(self, state):
        return Fixed(state["weight"])


def planted(weight, **more):
    ranker = Planted(prior=PRIOR, **{"first": 200, "factor": 1.5, "margin": 0.05, **more})
    ranker.planted = weight
    return ranker


# ---- explored places


@pytest.mark.parametrize(("n", "k"), [(2, 3), (3, 3), (4, 3), (5, 3), (6, 3), (5, 2)])
def test_propensities_are_those_of_all_draws(n, k):
    share = 0.3
    pages = naive.explored_pages(n, k, share)
    assert sum(pages.values()) == pytest.approx(1.0)
    drawn, score = one_arm([list(range(n))]), -np.arange(n, dtype=float)
    rng = np.random.default_rng(0)
    for _ in range(300):
        page = build_page(drawn, score, k, explore=share, u=rng.random((1, k, 2)))
        shown = tuple(page.item[0].tolist())
        assert shown in pages
        for place in range(k):
            if shown[place] < 0:
                continue
            marginal = sum(p for own, p in pages.items() if own[place] == shown[place])
            assert page.propensity[0, place] == pytest.approx(marginal)
            assert page.explored[0, place] == (shown[place] >= k)


def test_pages_are_drawn_as_often_as_all_draws_say():
    n, k, share, draws = 5, 2, 0.4, 40_000
    pages = naive.explored_pages(n, k, share)
    drawn = one_arm([list(range(n))] * draws)
    u = Streams(3).uniform("explore", np.arange(draws)[:, None, None], np.arange(k * 2).reshape(1, k, 2))
    page = build_page(drawn, np.tile(-np.arange(n, dtype=float), draws), k, explore=share, u=u)
    found, count = np.unique(page.item, axis=0, return_counts=True)
    assert {tuple(row) for row in found.tolist()} == set(pages)
    for row, number in zip(found.tolist(), count.tolist(), strict=True):
        p = pages[tuple(row)]
        # 4.9 standard deviations for each of 13 pages: false alarm 1e-5, seed fixed
        assert abs(number - draws * p) < 4.9 * np.sqrt(draws * p * (1 - p))


def test_nothing_is_explored_by_default_and_uniforms_are_needed():
    drawn = one_arm([[0, 1, 2]])
    page = build_page(drawn, np.array([3.0, 2.0, 1.0]), 2)
    assert page.item.tolist() == [[0, 1]]
    assert (page.propensity.tolist(), page.explored.tolist()) == ([[1.0, 1.0]], [[False, False]])
    with pytest.raises(InputError, match="must hold uniforms"):
        build_page(drawn, np.array([3.0, 2.0, 1.0]), 2, explore=0.1)
    with pytest.raises(InputError, match="`u`"):
        build_page(drawn, np.array([3.0, 2.0, 1.0]), 2, explore=0.1, u=np.zeros((1, 3, 2)))


# ---- the page_value


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([1.0, 3.0, 50.0]))
def test_value_equals_its_twin(seed, discount, cap):
    feedback = logged(seed, 6, share=0.4)
    page_value = PageValue(discount, cap)
    pages, _ = page_value.pages(feedback)
    score = np.round(np.random.default_rng(seed).normal(size=6 * 12), 1)  # with ties
    own = {int(r): score[12 * b : 12 * b + 12] for b, r in enumerate(feedback.requests.request)}
    kept = np.concatenate([own[int(r)] for r in pages.request] or [np.zeros(0)])
    found = dict(zip(pages.request.tolist(), page_value.value(pages, kept, 5).tolist(), strict=True))
    for b, request in enumerate(feedback.requests.request.tolist()):
        want = naive.page_value(
            own[request].tolist(),
            feedback.candidates.shown[b].tolist(),
            feedback.value[b].tolist(),
            feedback.propensity[b].tolist(),
            feedback.explored[b].tolist(),
            5,
            discount,
            cap,
        )
        assert found.get(request, 0.0) == pytest.approx(want)


def test_estimate_is_unbiased_where_its_assumptions_hold():
    n, k = 40_000, 5
    feedback = logged(1, n, share=0.5)
    page_value = PageValue(1.0, 1_000.0)
    pages, _ = page_value.pages(feedback)
    score = pages.features[:, 1].astype(np.float64)  # a model that orders by the other column
    estimate = page_value.value(pages, score, k)
    rows = feedback.candidates.features.reshape(n, 12, 2)
    order = np.argsort(-rows[..., 1], axis=1)[:, :k]
    attract = 1 / (1 + np.exp(1.0 - 2.0 * np.take_along_axis(rows[..., 0], order, 1)))
    truth = (attract / np.log2(np.arange(k) + 2)).sum(axis=1) / k
    spread = np.sqrt((estimate**2).sum()) / n
    # 4.5 standard deviations: false alarm 7e-6, seed fixed
    assert abs(estimate.sum() / n - truth.mean()) < 4.5 * spread
    assert abs(feedback.value.sum(axis=1).mean() - truth.mean()) > 20 * spread  # the logged reward is another


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-1, 4), min_size=3, max_size=30), st.integers(0, 1_000))
def test_comparison_equals_its_twin(query, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.random(len(query)), rng.random(len(query))
    found = compare(a, b, np.array(query, np.int32), 0.8)
    if found.queries < 2:
        assert (found.low, found.high) == (-np.inf, np.inf)
        return
    want = naive.comparison(a.tolist(), b.tolist(), query, 0.8)
    assert (found.difference, found.low, found.high) == pytest.approx(want)
    assert found.pages == len(query)


def test_no_evidence_says_nothing():
    assert compare(np.zeros(0), np.zeros(0), np.zeros(0, np.int32), 0.8).low == -np.inf
    assert compare(np.ones(3), np.zeros(3), np.arange(3), 0.8).high == np.inf


# ---- decisions


def test_a_bad_challenger_never_serves():
    ranker = planted((0.0, 1.0))
    for part in range(8):
        ranker.learn(logged(5, 100, first=100 * part))
    assert ranker.serving == (0, 0)
    checks = ranker.drain()
    assert {check.served for check in checks} == {False}
    assert {check.stratum for check in checks} == {"seen", "new"}
    assert all(check.high < 0.0 for check in checks if check.pages > 40)
    assert ranker.drain() == []


def test_a_good_challenger_serves():
    # the page is ordered at random, and what the challenger goes by is what users go by
    ranker = planted((1.0, 0.0), least_pages=20)
    ranker.prior = PriorRanker(NAMES, weights={"bad": 1.0})
    for part in range(8):
        ranker.learn(logged(6, 100, first=100 * part, order=None))
    assert ranker.serving[0] > 0
    assert ranker.serving[0] == ranker.serving[1]
    good = [check for check in ranker.checks if check.against == 0 and check.pages > 40]
    assert good
    assert all(check.served and check.low > 0.0 for check in good)


def test_new_queries_keep_the_prior_until_training_is_shown_to_help_them():
    ranker = planted((1.0, 0.0))
    ranker.prior = PriorRanker(NAMES, weights={"bad": 1.0})
    ranker.learn(logged(6, 300, order=None, queries=40))
    rows = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    query = np.array([3, 3, 777, -1, 40, 5], np.int32)
    ranker._open = False
    found = ranker.score_for(rows, query)
    champion, prior = ranker._models[ranker._champion], ranker.prior
    asked = np.array([True, True, False, False, False, True])
    assert found[asked].tolist() == champion.score(rows)[asked].tolist()
    assert found[~asked].tolist() == prior.score(rows)[~asked].tolist()
    ranker._open = True
    assert (
        ranker.score_for(rows, query).tolist() == champion.score(rows).tolist() == ranker.score(rows).tolist()
    )


def test_a_champion_that_turns_bad_gives_way_at_the_next_check():
    ranker = planted((1.0, 0.0), first=200, factor=2.0)
    ranker.prior = PriorRanker(NAMES, weights={"bad": 1.0})
    ranker.learn(logged(6, 200, order=None))
    assert ranker.serving[0] == 1
    ranker.planted = (0.0, -1.0)  # later challengers are bad, so that nothing new takes over
    ranker.learn(logged(7, 200, first=200, order=None, worth="bad"))  # users change their minds
    assert ranker.serving == (0, 0)
    dropped = [check for check in ranker.drain() if check.challenger == 1 and check.round == 400]
    assert [check.served for check in dropped if check.stratum == "seen"] == [False]


def test_the_newest_pages_are_never_trained_on():
    class Recorder(Planted):
        def _train(self, pages):
            self.trained = [*getattr(self, "trained", []), set(pages.request.tolist())]
            return super()._train(pages)

    ranker = Recorder(prior=PRIOR, first=300, judged_share=0.25)
    ranker.learn(logged(2, 300))
    held = set(ranker._guard.held_back().request.tolist())
    first_model, *parts = ranker.trained
    assert held
    assert not held & first_model
    assert max(first_model) < min(held)
    assert not parts[0] & parts[1]  # each half of the subjects is judged by a model of the other


def test_without_a_guard_every_model_serves():
    ranker = planted((0.0, 1.0), guard=False)
    ranker.learn(logged(5, 200))
    assert (ranker.serving, ranker.checks, ranker.version) == ((1, 1), [], 1)


def test_state_is_exact_and_does_not_depend_on_batches():
    whole = [logged(9, 50, first=50 * part) for part in range(16)]
    params = {
        "first": 150,
        "n_trees": 4,
        "min_data_in_leaf": 5,
        "least_pages": 5,
        "margin": 0.6,
        "judged": 60,
    }
    through, cut = LambdaMART(PRIOR, **params), LambdaMART(PRIOR, **params)
    for part in whole:
        through.learn(part)
    cut.learn(Feedback.concat(whole[:9]))
    again = cut.fork()
    again.restore(unpack(pack(cut.state())))
    for part in whole[9:]:
        for b in range(0, 50, 7):
            again.learn(part.take(np.arange(b, min(50, b + 7))))
    assert through.version > 2
    assert through.serving[0] > 0
    assert pack(through.state()) == pack(again.state())
    assert [c for c in through.checks if c.round > 450] == again.checks


def test_decisions_rest_on_what_was_logged_alone():
    """Two loops whose pages, clicks and rewards agree decide alike, whatever the truth."""
    feedback = logged(4, 400)
    hidden = {"requests", "decision", "candidates", "item", "features", "click", "satisfied", "value"}
    hidden |= {"propensity", "explored"}
    unread = [f.name for f in fields(Feedback) if f.name not in hidden]
    moved = replace(feedback, **{name: copy.copy(getattr(feedback, name))[::-1] for name in unread})
    one, other = planted((0.0, 1.0)), planted((0.0, 1.0))
    one.learn(feedback)
    other.learn(moved)
    assert one.checks == other.checks
    assert one.checks


def test_guard_keeps_first_pages_that_the_prior_ranked():
    guard = Guard(PageValue(1.0, 3.0), size=30, share=0.5, level=0.8)
    parts = [logged(8, 50, first=50 * part, queries=25) for part in range(4)]
    by_prior = [np.arange(50) % 2 == 0] * 4
    for part, own in zip(parts, by_prior, strict=True):
        guard.take(part, own)
    first = {}
    for part, own in zip(parts, by_prior, strict=True):
        for b in np.flatnonzero(own & (part.value > 0).any(axis=1)).tolist():
            first.setdefault(int(part.requests.query[b]), int(part.requests.request[b]))
    unseen = guard.unseen.whole()
    assert dict(zip(unseen.query.tolist(), unseen.request.tolist(), strict=True)) == first
    assert len(guard.newest) == 30
    back = Guard(guard.page_value, size=30, share=0.5, level=0.8)
    back.restore(unpack(pack(guard.state())))
    assert pack(back.state()) == pack(guard.state())
    # two of the queries turn out to be on one subject: the earlier page of the two stays
    request = np.concatenate([part.requests.request for part in parts])
    subject = np.concatenate([part.requests.query for part in parts]).astype(np.int64)
    one, other = list(first)[:2]
    subject[subject == other] = one
    kept, page = guard.first_of_subjects(request[::-1], subject[::-1])
    assert request[::-1][page].tolist() == kept.request.tolist()
    assert set(kept.request.tolist()) == set(first.values()) - {max(first[one], first[other])}
    assert len(guard.unseen) == len(kept)


def test_requests_without_a_query_are_learned_from():
    ranker = LambdaMART(FOUR, first=50, least_pages=2)
    ranker.learn(clicks(200, query=np.full(200, -1)))
    assert ranker.version > 0
    rows = np.zeros((2, len(FOUR.names)), np.float32)
    assert ranker.score_for(rows, np.full(2, -1, np.int32)).shape == (2,)


def test_a_page_of_a_trained_model_says_nothing_on_new_queries():
    ranker = planted((1.0, 0.0))
    ranker.prior = PriorRanker(NAMES, weights={"bad": 1.0})
    ranker.learn(logged(6, 300, order=None, queries=900))
    assert ranker.serving[1] > 0
    kept = len(ranker._guard.unseen)
    ranker.learn(logged(6, 300, first=300, order=None, queries=900))
    assert len(ranker._guard.unseen) <= kept  # the model ranked these
    ranker._open = False
    ranker.learn(logged(6, 300, first=600, order=None, queries=900))
    ranker.state()
    assert len(ranker._guard.unseen) > kept  # first pages of new queries are the prior's again


# ---- subjects


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 6), st.lists(st.integers(0, 8), max_size=3)), max_size=25))
def test_subjects_equal_their_twin(pages):
    query = np.array([q for q, _ in pages], np.int32)
    earner = np.full((len(pages), 3), -1, np.int32)
    for row, (_, items) in enumerate(pages):
        earner[row, : len(items)] = items
    found = subjects(query, earner).tolist()
    want = naive.subjects(query.tolist(), [items for _, items in pages])
    assert [found.index(s) for s in found] == [want.index(s) for s in want]
    half = halves(np.array(found, np.int64))
    sizes = sorted((found.count(s) for s in set(found)), reverse=True)
    assert len({(s, bool(h)) for s, h in zip(found, half, strict=True)}) == len(set(found))
    # whole subjects in turn by falling size: the halves differ by the largest at most
    assert abs(int(half.sum()) - int((~half).sum())) <= max(sizes, default=0)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"explore": 1.5}, "explore"),
        ({"margin": -0.1}, "margin"),
        ({"level": 1.0}, "level"),
        ({"judged_share": 0.0}, "judged_share"),
        ({"least_pages": 1}, "least_pages"),
        ({"cap": 0.5}, "cap"),
        ({"prior_weight": -1.0}, "prior_weight"),
    ],
)
def test_refuses_parameters(params, words):
    with pytest.raises(InputError, match=words):
        LambdaMART(PRIOR, **params)
