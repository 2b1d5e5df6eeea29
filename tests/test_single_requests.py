"""What a batch of one request is served by: kernels against slow twins, and numbers drawn ahead."""

import itertools

import numpy as np
import pytest

from ltrr._kernels.cache import whole_rows
from ltrr._kernels.memory import known
from ltrr._kernels.page import shown
from ltrr._kernels.rank_features import new_queries, with_share
from ltrr._kernels.slabs import slab_actions, unfilled
from ltrr._kernels.users import pages_fit
from ltrr.bandits.base import greedy
from ltrr.bandits.draw import draw
from ltrr.rng import Streams
from ltrr.simulation.example import small_example
from tests.naive_bandits import feedback_of
from tests.naive_single import (
    naive_new_queries,
    naive_pages_fit,
    naive_pair_columns,
    naive_shown,
    naive_slab_actions,
    naive_with_share,
)
from tests.test_topic_world import columns

RNG = np.random.default_rng


@pytest.mark.parametrize("seed", range(5))
def test_slab_actions_equal_the_twin(seed):
    rng, n, r, size, slots = RNG(seed), 7, 4, 6, 3
    have = rng.integers(-1, 15, (n, r)).astype(np.int32)
    quota = rng.integers(0, 3, (n, r)).astype(np.int32)
    slabs, credit = rng.integers(1, size + 1, r).astype(np.int32), rng.random((n, r)).astype(np.float32)
    features, after = np.full((n, r, 2 * r + 2), np.nan, np.float32), np.empty((n, r, r), np.int32)
    slab_actions(have, quota, slabs, size, slots, credit, features, after)
    want, want_after = naive_slab_actions(have, quota, slabs.tolist(), size, slots, credit)
    np.testing.assert_array_equal(features.reshape(n * r, -1), want)
    np.testing.assert_array_equal(after.reshape(n * r, r), want_after)
    share = np.empty((n, r), np.float32)
    unfilled(have, quota, slabs, size, share)
    np.testing.assert_array_equal(share, features[:, :, -2])


def test_what_is_kept_of_places_equals_the_twin():
    rng, indptr = RNG(1), np.array([0, 5, 5, 9])
    candidate = np.array([[4, 0, 2], [-1, -1, -1], [8, 5, -1]])
    slots, features = rng.integers(1, 9, 9).astype(np.uint32), rng.random((9, 2)).astype(np.float32)
    out = np.empty((3, 3), np.int32), np.empty((3, 3), np.uint32), np.empty((3, 3, 2), np.float32)
    shown(indptr, candidate, slots, features, *out)
    for got, want in zip(out, naive_shown(indptr, candidate, slots, features), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("seed", range(5))
def test_new_queries_equal_the_twin(seed):
    rng = RNG(seed)
    query, before = rng.integers(-1, 9, 12).astype(np.int32), set(rng.integers(0, 9, 3).tolist())
    asked, new = np.isin(np.arange(9), list(before)), np.empty(12, np.bool_)
    new_queries(query, asked, new)
    want, asked_by_then = naive_new_queries(query.tolist(), before)
    assert new.tolist() == want
    assert set(np.flatnonzero(asked).tolist()) == asked_by_then


@pytest.mark.parametrize(
    "grades",
    [[[2, 0, -1], [3, 3, 3]], [[-1, -1, -1]], [[0, -1, 1]], [[4, 0, 0]], [[-2, 0, 0]], [[0, -2, -1]]],
)
def test_pages_that_fit_equal_the_twin(grades):
    assert pages_fit(np.array(grades, np.int8), 3) == naive_pages_fit(grades, 3)


def test_pair_columns_and_shares_equal_the_twins():
    rng, indptr = RNG(2), np.array([0, 3, 3, 6])
    item = np.array([4, -1, 0, 2, 1, -1], np.int32)
    rate, actions = (rng.random(6).astype(np.float32) for _ in range(2))
    coverage = np.array([[1.5, 0.0, 0.25], [0.0, 0.0, 0.0], [0.0, 1.0, 0.5]], np.float32)
    out = np.full((6, 4), np.nan, np.float32)
    known(indptr, item, rate, actions, coverage, out)
    np.testing.assert_array_equal(out, naive_pair_columns(indptr, item, rate, actions, coverage))
    shares, bound = np.full((6, 2), np.nan, np.float32), np.array([0.7, 1.0, 0.0], np.float32)
    with_share(indptr, rate, bound, shares)
    lists = [rate[a:b] for a, b in itertools.pairwise(indptr)]
    np.testing.assert_array_equal(shares, np.array(naive_with_share(lists, bound), np.float32))


def test_whole_rows_are_the_lists():
    lists = [[3, 1], [], [5, 6, 7]]
    indptr, value = np.array([0, 2, 2, 5]), np.array([3, 1, 5, 6, 7], np.int32)
    for row in ([2, 0, 1, 2], [1], []):
        ends, found = whole_rows(indptr, value, np.array(row, np.int64))
        assert [found[a:b].tolist() for a, b in itertools.pairwise(ends)] == [lists[i] for i in row]


@pytest.mark.parametrize("request_id", [0, 63, 64, 2**40 + 5])
def test_numbers_drawn_ahead_are_those_drawn_at_once(request_id):
    streams, request = Streams(3, 2), np.array([request_id])
    want = streams.uniform("draw", request[:, None], np.arange(4))
    got = streams.by_request("draw", request, 4)
    np.testing.assert_array_equal(got, want)
    got[:] = 2.0  # nobody who writes into them changes the next answer
    np.testing.assert_array_equal(streams.by_request("draw", request, 4), want)
    assert (streams.by_request("other", request, 4) != want).all()
    assert (Streams(3, 1).by_request("draw", request, 4) != want).all()


def test_requests_drawn_ahead_are_those_drawn_together():
    one, whole = small_example().system.world, small_example().system.world.next(150)
    other = one.fork(Streams(9))
    for b in range(150):
        requests = one.next(1)
        for got, want in zip(columns(requests), columns(whole.take(np.array([b]))), strict=True):
            np.testing.assert_array_equal(got, want)
    # a restored stream goes back, and a fork draws its own
    state = {"request": 70}
    one.restore(state)
    np.testing.assert_array_equal(one.next(1).time, whole.time[70:71])
    other.restore(state)
    assert other.next(1).time != whole.time[70]


def test_without_audit_nothing_is_drawn_at_random():
    actions = feedback_of(5, RNG(4)).decision.actions[0]
    stated = greedy(actions, RNG(5).random(len(actions.action)))
    position, mixed, audited = draw(actions, stated, np.zeros(5))
    np.testing.assert_array_equal(mixed, stated)
    assert stated[position].tolist() == [1.0] * 5
    assert not audited.any()
