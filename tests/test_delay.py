"""The queue of pending feedback: what leaves when, in which order, and what it takes along."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr._state import pack, unpack
from ltrr.simulation.delay import DelayQueue, pack_feedback, unpack_feedback
from tests.naive_bandits import arrays_of, feedback_of


def feedback(arrived, *, ids=None, space="slabs", ragged=False):
    """Feedback that arrives at given seconds; credit tells which request it was."""
    n = len(arrived)
    ids = np.arange(n) if ids is None else np.array(ids, np.int64)
    plain = feedback_of(n, np.random.default_rng(n), space, ragged)
    requests = replace(plain.requests, request=ids)
    credit = np.repeat(ids[:, None] * 1.0, plain.credit.shape[1], axis=1)
    return replace(plain, requests=requests, arrived_at=np.array(arrived, float), credit=credit)


def left(queue, now):
    """Return (second, request) of what leaves, having checked that all columns moved together."""
    out = queue.pop(now)
    if out is None:
        return None
    np.testing.assert_array_equal(out.credit[:, 0], out.requests.request)
    return list(zip(out.arrived_at.tolist(), out.requests.request.tolist(), strict=True))


def test_feedback_leaves_at_its_very_second_and_not_before():
    queue = DelayQueue()
    queue.push(feedback([5.0, 3.0, 8.0]))
    assert left(queue, np.nextafter(3.0, 0.0)) is None
    assert len(queue) == 3
    assert left(queue, 3.0) == [(3.0, 1)]
    assert left(queue, 3.0) is None
    assert left(queue, 7.999) == [(5.0, 0)]
    assert len(queue) == 1
    assert left(queue, 8.0) == [(8.0, 2)]
    assert len(queue) == 0
    assert queue.pop(np.inf) is None


def test_ties_leave_by_request_whatever_was_pushed_first():
    queue = DelayQueue()
    queue.push(feedback([4.0, 2.0, 4.0], ids=[9, 7, 8]))
    queue.push(feedback([4.0, 2.0], ids=[3, 5]))
    assert left(queue, 10.0) == [(2.0, 5), (2.0, 7), (4.0, 3), (4.0, 8), (4.0, 9)]
    # a single part that is in order already is handed on as it is
    part = feedback([1.0, 1.0, 2.0])
    queue.push(part)
    assert queue.pop(2.0) is part


def test_nothing_pushed_is_nothing_kept():
    queue = DelayQueue()
    queue.push(feedback([]))
    assert (len(queue), queue.state(), queue.pop(1e9)) == (0, {}, None)


pushes = st.lists(st.lists(st.integers(0, 6), max_size=4), max_size=5)


@settings(max_examples=40, deadline=None)
@given(pushes, st.lists(st.integers(0, 7), max_size=5), st.booleans())
def test_queue_is_a_sorted_list(parts, times, restored):
    """Push and pop in turn against a list of (second, request); now and then through a checkpoint."""
    queue, waiting, first = DelayQueue(), [], 100
    queries = feedback([0.0]).requests.queries
    for step in range(max(len(parts), len(times))):
        if step < len(parts):
            ids = list(range(first, first - len(parts[step]), -1))  # later pushes have lower ids
            first -= len(parts[step])
            queue.push(feedback(parts[step], ids=ids))
            waiting += [(float(at), one) for at, one in zip(parts[step], ids, strict=True)]
        if restored:
            saved, queue = unpack(pack({"q": queue.state()}))["q"], DelayQueue()
            queue.restore(saved, queries)
        assert len(queue) == len(waiting)
        now = times[step] if step < len(times) else 3
        want = sorted(pair for pair in waiting if pair[0] <= now)
        waiting = [pair for pair in waiting if pair[0] > now]
        assert left(queue, now) == (want or None)


@pytest.mark.parametrize(("space", "ragged"), [("slabs", False), ("slabs", True), ("allocations", False)])
def test_feedback_packs_whole(space, ragged):
    whole = feedback([3.0, 1.0, 2.0, 2.0], space=space, ragged=ragged)
    bare = [replace(actions, quota=None) for actions in whole.decision.actions]
    for one in (whole, replace(whole, decision=replace(whole.decision, actions=tuple(bare)))):
        again = unpack_feedback(unpack(pack(pack_feedback(one))), one.requests.queries)
        before, after = arrays_of(one, []), arrays_of(again, [])
        assert len(before) > 20
        for a, b in zip(before, after, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        assert again.requests.context_names == one.requests.context_names
        assert again.requests.queries is one.requests.queries
        for a, b in zip(one.decision.actions, again.decision.actions, strict=True):
            assert (a.names, a.n_actions, a.quota is None) == (b.names, b.n_actions, b.quota is None)


def test_restoring_replaces_what_was_pending():
    queue, empty = DelayQueue(), DelayQueue()
    queue.push(feedback([1.0, 2.0]))
    queue.restore(empty.state(), feedback([0.0]).requests.queries)
    assert (len(queue), queue.pop(9.0)) == (0, None)
