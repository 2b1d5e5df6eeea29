"""The base world: requests follow the traffic, truth equals the judgements."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr._kernels.truth import draw_topics, grade_items
from ltrr.errors import InputError
from ltrr.protocols import World
from ltrr.rng import Streams
from ltrr.types import Catalogue, Items, Queries, Requests
from ltrr.worlds import Topics, TopicWorld
from tests import naive_worlds


def make_topics(seed=0, n_items=30, n_topics=8, n_queries=12, complete=True, max_grade=3, held=True):
    """Random tables: 0 to 25 judgements a topic, 1 to 3 meanings a query, half of the topics held out."""
    rng = np.random.default_rng(seed)
    items = [np.sort(rng.permutation(n_items)[: rng.integers(0, 26)]) for _ in range(n_topics)]
    n_stream = max(1, n_topics // 2) if held else n_topics
    is_held = np.arange(n_queries) % 3 == 2 if held and n_topics > n_stream else np.zeros(n_queries, bool)
    means = []
    for h in is_held:
        pool = np.arange(n_stream, n_topics) if h else np.arange(n_stream)
        means.append(rng.permutation(pool)[: rng.integers(1, 4)])
    weights = [rng.dirichlet(np.ones(len(m))) for m in means]
    traffic = np.where(is_held, 0.0, rng.random(n_queries) + 0.01)
    held_out = np.where(is_held, rng.random(n_queries) + 0.01, 0.0)
    return Topics(
        catalogue=Catalogue(
            name=tuple(f"i{i}" for i in range(n_items)),
            fields={"text": tuple(f"text {i}" for i in range(n_items))},
        ),
        queries=Queries(tuple(f"q{i}" for i in range(n_queries))),
        query_indptr=np.cumsum([0, *map(len, means)]),
        query_topic=np.concatenate(means),
        query_weight=np.concatenate(weights),
        topic_indptr=np.cumsum([0, *map(len, items)]),
        topic_item=np.concatenate(items),
        topic_grade=rng.integers(0, max_grade + 1, sum(map(len, items))),
        traffic=traffic / traffic.sum(),
        held_out=held_out / (held_out.sum() or 1.0),
        intent=rng.integers(0, 2, n_queries),
        intent_names=("plain", "odd"),
        max_grade=max_grade,
        complete=complete,
    )


def columns(requests: Requests):
    return [
        requests.request,
        requests.session,
        requests.user,
        requests.query,
        requests.time,
        requests.context,
    ]


def ask(rng, n, n_items):
    lists = [rng.integers(-1, n_items, rng.integers(0, 12)).tolist() for _ in range(n)]
    indptr = np.cumsum([0, *map(len, lists)])
    return lists, Items(indptr, np.array([i for row in lists for i in row], np.int32))


@given(
    st.integers(0, 10_000),
    st.integers(1, 40),
    st.integers(1, 9),
    st.integers(1, 12),
    st.booleans(),
    st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_truth_and_draws_equal_the_naive_twin(seed, n_items, n_topics, n_queries, complete, n):
    topics = make_topics(seed, n_items, n_topics, n_queries, complete)
    streams = Streams(seed, 1)
    world = TopicWorld(topics, n_users=5).fork(streams)
    rng = np.random.default_rng(seed)
    parts = [world.next(n)]
    if topics.held_out.any():
        parts.append(world.held_out(n))
    for row, request in enumerate(parts[0].request):
        query, user = naive_worlds.next_query_and_user(topics, 5, streams, int(request))
        assert (int(parts[0].query[row]), int(parts[0].user[row])) == (query, user)
    for requests in parts:
        lists, items = ask(rng, n, n_items)
        truth = world.truth(requests, items)
        want = naive_worlds.truth(topics, streams, requests.request, requests.query, lists)
        for row, one in enumerate(want):
            part = slice(truth.indptr[row], truth.indptr[row + 1])
            assert truth.grade[part].tolist() == one["grade"]
            assert truth.judged[part].tolist() == one["judged"]
            assert truth.topic[row] == one["topic"]
            assert truth.n_relevant[row] == one["n_relevant"]
            assert truth.ideal[row].tolist() == one["ideal"]
        assert truth.max_grade == topics.max_grade


def test_kernels_by_hand():
    indptr, topic = np.array([0, 2, 3]), np.array([4, 5, 6], np.int32)
    weight = np.array([0.25, 0.75, 1.0])
    out = np.empty(5, np.int64)
    query = np.array([0, 0, 0, 1, 0], np.int32)
    draw_topics(query, np.array([0.0, 0.25, 0.2499, 0.9, 0.9999]), indptr, topic, weight, out)
    assert out.tolist() == [4, 5, 4, 6, 5]
    # a weight that sums to less than the uniform still gives the last topic that can be meant
    draw_topics(
        query[:1], np.array([1.0 - 1e-12]), np.array([0, 3]), topic, np.array([0.5, 0.4999999, 0.0]), out
    )
    assert out[0] == 5
    item = np.array([7, 2, -1, 3, 9], np.int32)
    grade, listed = np.empty(5, np.int8), np.empty(5, np.bool_)
    grade_items(
        np.array([0, 4, 5]),
        item,
        np.array([1, 0]),
        np.array([0, 1, 3]),
        np.array([9, 2, 7], np.int32),
        np.array([3, 0, 2], np.int8),
        grade,
        listed,
    )
    assert grade.tolist() == [2, 0, -1, 0, 3]
    assert listed.tolist() == [True, True, False, False, True]


def test_batches_may_be_cut_anywhere():
    base = TopicWorld(make_topics(3))
    whole = base.fork(Streams(5)).next(101)
    world = base.fork(Streams(5))
    cut = Requests.concat([world.next(n) for n in (1, 0, 40, 59, 1)])
    for a, b in zip(columns(whole), columns(cut), strict=True):
        assert np.array_equal(a, b)
    assert whole.request.tolist() == list(range(101))
    _, items = ask(np.random.default_rng(0), 101, 30)
    rows = np.array([77, 3, 50])
    part, full = world.truth(whole.take(rows), items.take(rows)), world.truth(whole, items)
    assert np.array_equal(part.topic, full.topic[rows])
    assert np.array_equal(part.ideal, full.ideal[rows])


def test_state_continues_exactly_and_forks_share_nothing_that_moves():
    world = TopicWorld(make_topics(3)).fork(Streams(5))
    world.next(10)
    state = world.state()
    later = world.next(7)
    other = TopicWorld(make_topics(3)).fork(Streams(5))
    other.restore(state)
    for a, b in zip(columns(later), columns(other.next(7)), strict=True):
        assert np.array_equal(a, b)
    twin = world.fork(Streams(6))
    assert (twin.state(), world.state()) == ({"request": 0}, {"request": 17})
    assert twin.topics is world.topics
    assert not np.array_equal(twin.next(50).query, world.fork(Streams(5)).next(50).query)
    assert isinstance(world, World)
    for bad in ({}, {"request": -1}, {"request": "x"}):
        with pytest.raises(InputError):
            world.restore(bad)


def test_time_sessions_and_context():
    world = TopicWorld(make_topics(1), n_users=4, gap_seconds=100.0).fork(Streams(2))
    r = world.next(5000)
    assert np.all(np.diff(r.time) >= 0)
    assert np.array_equal(np.floor(r.time / 100.0), r.request)
    # one session is one user within one half hour
    key = {(int(u), int(t // 1800)) for u, t in zip(r.user, r.time, strict=True)}
    assert len(np.unique(r.session)) == len(key)
    for session in np.unique(r.session)[:50]:
        rows = r.session == session
        assert len(np.unique(r.user[rows])) == 1
        assert np.ptp(r.time[rows]) < 1800
    assert r.context_names == ("hour_sin", "hour_cos", "day")
    noon = int(np.argmin(np.abs(r.time - 43_200)))
    assert r.context[noon] == pytest.approx([0.0, -1.0, 0.0], abs=0.01)
    six = int(np.argmin(np.abs(r.time - (86_400 * 3 + 21_600))))
    assert r.context[six] == pytest.approx([1.0, 0.0, 3 / 7], abs=0.01)


def chi_square(counts, probability):
    expected = counts.sum() * probability
    kept = expected > 0
    assert counts[~kept].sum() == 0
    return (((counts - expected) ** 2)[kept] / expected[kept]).sum()


@pytest.mark.compiled
def test_requests_follow_the_traffic():
    topics = make_topics(4, n_queries=12)
    world = TopicWorld(topics, n_users=10).fork(Streams(9))
    r = world.next(60_000)
    # at most 11 and 9 degrees of freedom: P(above 50) is below 1e-6 each
    assert chi_square(np.bincount(r.query, minlength=12), topics.traffic) < 50
    zipf = 1.0 / np.arange(1, 11)
    assert chi_square(np.bincount(r.user, minlength=10), zipf / zipf.sum()) < 50
    query = int(np.argmax(topics.traffic * (np.diff(topics.query_indptr) > 1)))
    rows = np.flatnonzero(r.query == query)
    truth = world.truth(r.take(rows), Items(np.zeros(len(rows) + 1), np.zeros(0)))
    weight = np.zeros(topics.n_topics)
    span = slice(topics.query_indptr[query], topics.query_indptr[query + 1])
    weight[topics.query_topic[span]] = topics.query_weight[span]
    assert (weight > 0).sum() > 1
    assert chi_square(np.bincount(truth.topic, minlength=topics.n_topics), weight) < 50


@pytest.mark.compiled
@given(st.integers(0, 500), st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_held_out_is_even_and_leaves_the_stream_alone(seed, n):
    topics = make_topics(seed)
    world = TopicWorld(topics).fork(Streams(seed))
    world.next(5)
    before = world.state()
    r = world.held_out(n)
    assert world.state() == before
    assert np.array_equal(r.request, 2**40 + np.arange(n))
    assert np.all(np.diff(r.time) >= 0)
    assert r.context_names == world.next(0).context_names
    counts = np.bincount(r.query, minlength=len(topics.queries))
    assert np.all(np.abs(counts - n * topics.held_out) < 1.0 + 1e-9)
    assert not np.any(topics.traffic[r.query])
    again = world.held_out(n)
    assert np.array_equal(again.query, r.query)


def test_held_out_order_is_mixed():
    world = TopicWorld(make_topics(4)).fork(Streams(1))
    query = world.held_out(400).query
    # sorted texts would change only once a text
    assert (np.diff(query) != 0).sum() > 100


def test_ideal_page_is_full_to_its_last_place():
    topics = make_topics(0, n_items=25, n_topics=1, n_queries=1, held=False)
    grade = np.array([1] * 18 + [2, 3, 0, 2, 1])
    indptr, item = np.array([0, 23]), np.arange(23)
    topics = dataclasses.replace(topics, topic_indptr=indptr, topic_item=item, topic_grade=grade)
    world = TopicWorld(topics)
    truth = world.truth(world.next(1), Items(np.zeros(2), np.zeros(0)))
    assert truth.ideal[0].tolist() == [3, 2, 2] + [1] * 17
    assert truth.n_relevant.tolist() == [22]


def test_empty_batches_and_intents():
    topics = make_topics(2)
    world = TopicWorld(topics).fork(Streams(1))
    none = world.next(0)
    assert len(none) == 0
    assert none.context.shape == (0, 3)
    truth = world.truth(none, Items(np.zeros(1), np.zeros(0)))
    assert truth.ideal.shape == (0, 20)
    assert len(world.held_out(0)) == 0
    r = world.next(20)
    assert np.array_equal(world.hidden_intent(r), topics.intent[r.query])


def test_wrong_questions_are_refused():
    world = TopicWorld(make_topics(2, held=False)).fork(Streams(1))
    r = world.next(2)
    with pytest.raises(InputError, match="holds no query out"):
        world.held_out(3)
    with pytest.raises(InputError, match="2 lists, got 1"):
        world.truth(r, Items(np.array([0, 1]), np.array([1])))
    for item in (30, -2):
        with pytest.raises(InputError, match=r"\[-1, 30\)"):
            world.truth(r, Items(np.array([0, 1, 1]), np.array([item])))
    unknown = dataclasses.replace(r, query=np.array([0, -1]))
    with pytest.raises(InputError, match="query ids"):
        world.truth(unknown, Items(np.zeros(3), np.zeros(0)))
    with pytest.raises(InputError, match=r"next\.n"):
        world.next(-1)
    for bad in ({"n_users": 0}, {"gap_seconds": 0.0}, {"gap_seconds": float("nan")}):
        with pytest.raises(InputError, match=next(iter(bad))):
            TopicWorld(make_topics(2), **bad)


def changed(topics, key, place, value):
    column = getattr(topics, key).astype(np.float64)
    column[place] = value
    return {key: column}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: changed(t, "query_weight", 0, 0.0), "sum to 1 within each query"),
        (lambda t: changed(t, "query_weight", 0, np.nan), "probabilities"),
        (lambda t: changed(t, "traffic", 0, 0.0), "`Topics.traffic` must sum to 1"),
        (lambda t: changed(t, "traffic", 0, -0.1), "probabilities"),
        (lambda t: {"held_out": t.held_out / 2}, "`Topics.held_out` must sum to 1"),
        (lambda t: {"held_out": t.traffic}, "share no topic"),
        (lambda t: changed(t, "query_topic", 0, 8), r"query_topic` must lie in \[0, 8\)"),
        (lambda t: changed(t, "topic_item", -1, 30), r"topic_item` must lie in \[0, 30\)"),
        (lambda t: changed(t, "topic_grade", 0, 4), r"topic_grade` must lie in \[0, 4\)"),
        (lambda t: changed(t, "topic_grade", 0, 259), "got 259"),
        (lambda t: changed(t, "intent", 0, -1), "intent"),
        (lambda t: {"topic_item": t.topic_item[::-1]}, "ascend strictly"),
        (lambda t: changed(t, "topic_item", 1, t.topic_item[0]), "topic 0 does not"),
        (lambda t: {"query_indptr": t.query_indptr[:-1]}, "query_indptr"),
        (lambda t: {"topic_indptr": np.zeros(0)}, "Topics"),
        (lambda t: {"max_grade": 0}, "max_grade"),
    ],
)
def test_topics_refuse_broken_tables(change, message):
    topics = make_topics(7)
    with pytest.raises(InputError, match=message):
        dataclasses.replace(topics, **change(topics))


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_order_check_equals_a_loop(seed):
    rng = np.random.default_rng(seed)
    topics = make_topics(seed, n_items=6, n_topics=5)
    item = rng.integers(0, 6, len(topics.topic_item)) if seed % 2 else topics.topic_item.copy()
    rows = [item[a:b] for a, b in zip(topics.topic_indptr[:-1], topics.topic_indptr[1:], strict=True)]
    if all(np.all(np.diff(row) > 0) for row in rows):
        dataclasses.replace(topics, topic_item=item)
    else:
        with pytest.raises(InputError, match="ascend"):
            dataclasses.replace(topics, topic_item=item)
