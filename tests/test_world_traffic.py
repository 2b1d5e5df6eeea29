"""What a replicate's stream asks and what it holds out: drawn for each replicate, from one pool."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.rng import TUNING_REPLICATE, Streams
from ltrr.types import Items
from ltrr.worlds import Collection, Music, TopicWorld
from ltrr.worlds.music.queries import INTENTS
from ltrr.worlds.traffic import HoldOut, RankedTraffic, bands
from tests.test_collection import as_files, many_queries, write
from tests.test_topic_world import make_topics


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return Collection(write(tmp_path_factory.mktemp("ir") / "many", many_queries(40)), seed=2)


@pytest.fixture(scope="module")
def music():
    return Music(500, n_queries=200, seed=4)


def replicates(world, n=50, first=0):
    return [world.fork(Streams(9, first + r)) for r in range(n)]


def topics_of(world, requests):
    return world.truth(requests, Items(np.zeros(len(requests) + 1, np.int64), np.zeros(0, np.int32))).topic


# --- what is held out


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=60),
    st.floats(0.0, 1.0),
    st.integers(0, 99),
    st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_hold_out_by_strata(strata, share, seed, replicate):
    stratum = np.array(strata)
    hold_out = HoldOut.of(stratum, share, Streams(seed))
    stream, out = hold_out.draw(Streams(seed + 1, replicate))
    tuned, tuned_out = hold_out.draw(Streams(seed + 1, TUNING_REPLICATE + replicate))
    assert np.array_equal(stream, ~out)
    assert not (tuned & tuned_out).any()
    assert np.array_equal(~(tuned | tuned_out), hold_out.reserved)
    assert not (hold_out.reserved & ~out).any()
    for kind in set(strata):
        own = stratum == kind
        n, n_out = int(own.sum()), min(int(share * own.sum() + 0.5), int(own.sum()) - 1)
        tenth = max(1, int(n / 10 + 0.5)) if n >= 10 else 0
        assert out[own].sum() == n_out
        assert hold_out.reserved[own].sum() == min(tenth, n_out)
        # a stream of tuning is as long as any other
        assert tuned[own].sum() == n - n_out


@pytest.mark.parametrize("make", ["collection", "music"])
def test_stream_and_held_out_share_no_topic_in_any_replicate(make, request):
    world = request.getfixturevalue(make)
    assert world.reserved is not None
    n, often = world.topics.n_topics, np.zeros((2, world.topics.n_topics))
    for fork in replicates(world):
        stream, held = fork.shares()
        assert stream.sum() == pytest.approx(1.0)
        assert held.sum() == pytest.approx(1.0)
        assert not ((stream > 0) & (held > 0)).any()
        assert ((stream > 0) | (held > 0)).all()
        assert (held[world.reserved] > 0).all()
        assert (stream[topics_of(fork, fork.next(200))] > 0).all()
        assert (held[topics_of(fork, fork.held_out(60))] > 0).all()
        often += [stream > 0, held > 0]
    free = ~world.reserved
    # 50 draws of at most .31: P(a topic in none or in all) is below 1e-6 each
    assert often[:, free].min() > 0
    assert often[:, free].max() < 50
    assert 0.05 < world.reserved.sum() / n < 0.15


@pytest.mark.parametrize("make", ["collection", "music"])
def test_reserved_topics_are_absent_from_tuning(make, request):
    world = request.getfixturevalue(make)
    for fork in replicates(world, 5, TUNING_REPLICATE):
        stream, held = fork.shares()
        assert not stream[world.reserved].any()
        assert not held[world.reserved].any()
        assert held.sum() == pytest.approx(1.0)
    assert not Streams(1, TUNING_REPLICATE - 1).tuning
    assert Streams(1, TUNING_REPLICATE).tuning


@pytest.mark.parametrize("make", ["collection", "music"])
def test_a_fork_is_its_streams_and_shares_all_that_stands_still(make, request):
    world = request.getfixturevalue(make)
    one, same, other = (world.fork(Streams(3, r)) for r in (1, 1, 2))
    assert np.array_equal(one.topics.traffic, same.topics.traffic)
    assert np.array_equal(one.topics.held_out, same.topics.held_out)
    assert np.array_equal(one.next(99).query, same.next(99).query)
    assert not np.array_equal(one.topics.traffic, other.topics.traffic)
    # what a fork was forked from leaves no trace
    assert np.array_equal(other.fork(Streams(3, 1)).topics.traffic, one.topics.traffic)
    for key in ("catalogue", "queries", "topic_item", "topic_grade", "query_weight", "intent", "reserved"):
        assert getattr(one.topics, key) is getattr(world.topics, key)
    assert one._ideal is world._ideal
    # the split is a function of the streams, so that a cursor is the whole state
    assert one.state() == {"request": 99}
    later = world.fork(Streams(3, 1))
    later.restore(one.state())
    assert np.array_equal(later.next(50).query, one.next(50).query)


def test_reserved_topics_are_the_worlds_own(tmp_path):
    folder = write(tmp_path / "many", many_queries(40))
    drawn = {Collection(folder, seed=seed, variants=0).reserved.tobytes() for seed in range(4)}
    assert len(drawn) > 1
    assert Collection(folder, seed=3, variants=0, held_out=0.05).reserved.sum() == 2
    assert Collection(folder, held_out=0.0, variants=0).reserved.sum() == 0
    assert TopicWorld(make_topics(3)).reserved is None


@pytest.mark.parametrize("n", range(1, 11))
def test_small_collections(tmp_path, n):
    world = Collection(write(tmp_path / "few", many_queries(n)), variants=1)
    n_held = min(int(0.3 * n + 0.5), n - 1)
    assert world.reserved.sum() == (n == 10)
    for fork in replicates(world, 4):
        stream, held = fork.shares()
        assert ((stream > 0).sum(), (held > 0).sum()) == (n - n_held, n_held)
        assert fork.holds_out == (n_held > 0)
        fork.next(5)
        if not n_held:
            with pytest.raises(InputError, match="holds no query out"):
                fork.held_out(5)
    for share, left in ((0.0, n), (1.0, 1)):
        fork = Collection(world.parameters()["path"], held_out=share, variants=0).fork(Streams(1))
        assert (fork.shares()[0] > 0).sum() == left


def test_texts_that_mean_several_topics_are_reserved_with_all_of_them(tmp_path):
    files = many_queries(40)
    # queries 2i and 2i + 1 have one text
    asks = [json.loads(line) for line in files["queries.jsonl"].splitlines()]
    shared = [{**ask, "text": asks[i - i % 2]["text"]} for i, ask in enumerate(asks)]
    folder = write(
        tmp_path / "twins", {**files, "queries.jsonl": "\n".join(map(json.dumps, shared)).encode()}
    )
    world = Collection(folder, variants=2)
    assert world.reserved.sum() == 4
    assert np.array_equal(world.reserved[::2], world.reserved[1::2])
    for fork in replicates(world, 5):
        stream, held = fork.shares()
        assert np.array_equal(stream[::2], stream[1::2])
        assert np.unique(held).tolist() == pytest.approx([0.0, 1 / 12])


# --- how often


def test_traffic_by_hand():
    hold_out = HoldOut.of(np.zeros(3), 0.34, Streams(0))
    source, share = np.array([0, 1, 2, 0]), np.array([0.25, 1.0, 1.0, 0.75])
    law = RankedTraffic(hold_out, source, share, exponent=2.0, shift=1.0)
    for replicate in range(20):
        traffic, held = law(Streams(4, replicate))
        needs = np.bincount(source, traffic)
        assert sorted(needs) == pytest.approx([0.0, 4 / 13, 9 / 13])
        assert held == pytest.approx(np.where(needs[source] == 0, share, 0.0))
        assert traffic == pytest.approx(needs[source] * share)
    orders = {tuple(np.argsort(np.bincount(source, law(Streams(4, r))[0]))) for r in range(60)}
    assert len(orders) == 6


def test_bands_by_hand():
    assert bands(np.array([0.2, 0.3, 0.0, 0.1, 0.4])).tolist() == [2, 1, -1, 2, 0]
    assert bands(np.array([1.0])).tolist() == [0]
    assert bands(np.array([0.5, 0.5])).tolist() == [0, 1]
    assert bands(np.full(3, 1 / 3)).tolist() == [0, 1, 2]
    # the shares before the last topic sum to 1 in floating point
    assert bands(np.array([1.0, 1e-17])).tolist() == [0, 2]
    assert bands(np.zeros(2)).tolist() == [-1, -1]


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40).filter(lambda x: sum(x) > 0.1))
@settings(max_examples=100, deadline=None)
def test_bands_equal_a_loop(weight):
    share = np.array(weight) / sum(weight)
    want, before = {}, 0.0
    for topic in sorted(range(len(share)), key=lambda t: (-share[t], t)):
        want[topic] = (min(int(3 * before), 2) if share[topic] > 0 else -1, 3 * before)
        before += share[topic]
    for topic, got in enumerate(bands(share).tolist()):
        band, exact = want[topic]
        # sums in another order may fall on the other side of a bound
        assert got == band or abs(exact - round(exact)) < 1e-9


def test_bands_of_requests(collection):
    world = collection.fork(Streams(5))
    requests = world.next(3_000)
    band = world.band(requests)
    assert band.dtype == np.int8
    topic = topics_of(world, requests)
    assert np.array_equal(band, bands(world.shares()[0])[topic])
    # a third each, but for the topic that crosses a bound, and for chance: 6 standard deviations
    assert np.abs(np.bincount(band) / 3_000 - 1 / 3).max() < 0.06 + 6 * np.sqrt(2 / 9 / 3_000)
    assert (world.band(world.held_out(30)) == -1).all()
    assert world.band(world.next(0)).shape == (0,)


def test_shares_equal_a_loop():
    topics = make_topics(4)
    for got, part in zip(TopicWorld(topics).shares(), (topics.traffic, topics.held_out), strict=True):
        want = np.zeros(topics.n_topics)
        for q, p in enumerate(part):
            for m in range(topics.query_indptr[q], topics.query_indptr[q + 1]):
                want[topics.query_topic[m]] += p * topics.query_weight[m]
        assert got == pytest.approx(want)


def test_music_holds_out_and_reserves_a_share_of_every_intent(music):
    t = music.topics
    first = np.unique(t.query_topic[t.query_indptr[:-1]], return_index=True)[1]
    for fork in replicates(music, 5):
        for kind, name in enumerate(INTENTS):
            # one text of each need stands for it
            rows = first[t.intent[first] == kind]
            n = len(rows)
            out = fork.topics.held_out[rows] > 0
            assert out.sum() == min(int(0.25 * n + 0.5), n - 1), name
            reserved = t.reserved[t.query_topic[t.query_indptr[rows]]]
            assert reserved.sum() == min(max(1, int(n / 10 + 0.5)) if n >= 10 else 0, out.sum()), name
        need = np.cumsum(np.isin(np.arange(len(t.queries)), first)) - 1
        weight = np.bincount(need, fork.topics.held_out)
        assert weight[weight > 0] == pytest.approx(np.full((weight > 0).sum(), weight.max()))


def test_traffic_of_music_leans_to_appeal_and_to_first_wordings():
    world = Music(2_000, n_queries=1_000, seed=1)
    law, n = world._splitter, len(world.queries)
    mean = np.mean([law(Streams(2, r))[0] for r in range(20)], axis=0)
    second = np.arange(n) > np.searchsorted(law.need, law.need)
    asked = mean > 0
    assert mean[asked & ~second].mean() > 1.2 * mean[asked & second].mean()
    assert np.corrcoef(law.pull[asked], mean[asked])[0, 1] > 0.3


def test_no_topic_of_a_collection_holds_a_fifth_of_the_stream(data_dir):
    for name, topics in (("chorus-electronics", 55), ("cacm", 36)):
        world = Collection(data_dir / "ir" / name, variants=0)
        for fork in replicates(world, 3):
            stream, held = fork.shares()
            assert (stream > 0).sum() == topics
            assert stream.max() < 0.08
            assert 1.0 / (stream**2).sum() > 0.6 * topics
            assert 1.0 / (held**2).sum() == pytest.approx((held > 0).sum())


# --- topics


def test_topics_refuse_reserved_topics_that_the_stream_asks():
    topics = make_topics(7)
    stream, held = topics.shares()
    fine = replace(topics, reserved=held > 0)
    assert fine.with_traffic(topics.traffic, topics.held_out).reserved is fine.reserved
    with pytest.raises(
        InputError, match=r"`Topics\.reserved` must hold no topic of `traffic`, got 1 of them"
    ):
        replace(topics, reserved=np.arange(8) == np.flatnonzero(stream)[0])
    with pytest.raises(InputError, match=r"Topics\.reserved"):
        replace(topics, reserved=np.zeros(3, np.bool_))


def test_another_traffic_is_checked(collection):
    topics = make_topics(7)
    none = np.zeros(12)
    for traffic, held_out, message in (
        (none, none, "`Topics.traffic` must sum to 1"),
        (topics.traffic, topics.traffic, "share no topic"),
        (topics.traffic, topics.held_out / 2, "`Topics.held_out` must sum to 1"),
        (topics.traffic - 1e-3, none, "probabilities"),
        (topics.traffic[:3], none, "Topics.traffic"),
    ):
        with pytest.raises(InputError, match=message):
            topics.with_traffic(traffic, held_out)
    with pytest.raises(InputError, match="sum to 1"):
        TopicWorld(topics, splitter=lambda streams: (none, none)).fork(Streams(1))


def test_a_world_over_given_topics_keeps_its_own(tmp_path):
    topics = make_topics(7)
    world = TopicWorld(topics)
    assert all(world.fork(Streams(1, r)).topics is topics for r in range(3))
    files = as_files()
    assert Collection(write(tmp_path / "x", files)).intent_names[0] == "original"
