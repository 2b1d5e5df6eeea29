"""Routers with full information: what context tells is found, what it does not tell is not claimed."""

import numpy as np
import pytest

from ltrr.errors import InputError
from ltrr.metrics import best_in_class, learnable_gap
from ltrr.metrics.router import _folds, _pick


def world(rng, *, n=1200, n_quotas=12, n_intents=4, noise=0.05):
    """Requests of a few intents, each best served by another quota."""
    intent = rng.integers(0, n_intents, n)
    value = 0.3 + 0.1 * rng.random((n_intents, n_quotas))
    value[np.arange(n_intents), np.arange(n_intents)] = 0.7
    rewards = np.clip(value[intent] + rng.normal(0.0, noise, (n, n_quotas)), 0.0, 1.0)
    return intent, rewards


def closed(interval):
    assert interval is not None
    return interval.mean


def test_context_that_tells_closes_the_gap():
    rng = np.random.default_rng(1)
    intent, rewards = world(rng, n_quotas=8)
    context = 2 * np.eye(4)[intent] + rng.normal(0.0, 0.1, (len(intent), 4))
    gap = learnable_gap(context, rewards, np.arange(len(intent)) // 3, rng=rng)
    assert (gap.n_rows, gap.n_groups) == (1200, 400)
    assert closed(gap.trees_closed) > 0.95
    assert closed(gap.linear_closed) > 0.95
    assert gap.trees_closed.low > 0.9
    assert gap.trees_closed.n == 400
    room = gap.oracle - gap.static
    assert room > 0.2
    # folds are of whole topics of one size here, so the ratio is that of the means
    assert closed(gap.trees_closed) == pytest.approx((gap.trees - gap.static) / room, rel=1e-9)
    assert closed(gap.linear_closed) == pytest.approx((gap.linear - gap.static) / room, rel=1e-9)
    assert best_in_class(context, rewards).mean() > gap.static + 0.95 * room


def test_noise_closes_nothing():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        intent, rewards = world(rng, n=800, n_quotas=5)
        context = rng.normal(size=(len(intent), 5))
        gap = learnable_gap(context, rewards, np.arange(len(intent)), rng=rng)
        # best of four equal quotas by chance: about a quarter of requests either way
        assert gap.oracle - gap.static > 0.2
        assert abs(closed(gap.trees_closed)) < 0.06
        assert abs(closed(gap.linear_closed)) < 0.06


def test_interactions_need_trees():
    rng = np.random.default_rng(3)
    n = 1500
    x = rng.normal(size=(n, 2))
    best = (x[:, 0] * x[:, 1] > 0).astype(int)
    rewards = np.eye(2)[best] + rng.normal(0.0, 0.1, (n, 2))
    gap = learnable_gap(x, rewards, np.arange(n), rng=rng)
    assert closed(gap.trees_closed) > 0.85
    assert closed(gap.linear_closed) < 0.15


def test_topics_are_never_on_both_sides():
    """Context that names the topic teaches nothing about other topics, but everything about its own."""
    rng = np.random.default_rng(4)
    topic = np.repeat(np.arange(60), 20)
    context = rng.normal(size=(60, 6))[topic] + rng.normal(0.0, 0.01, (1200, 6))
    rewards = np.eye(6)[rng.integers(0, 6, 60)][topic]
    apart = learnable_gap(context, rewards, topic, rng=rng)
    together = learnable_gap(context, rewards, np.arange(1200), rng=rng)
    assert closed(together.trees_closed) > 0.9
    assert closed(apart.trees_closed) < 0.25
    assert apart.trees_closed.low < 0.05


def test_folds_keep_topics_whole_and_sizes_even():
    rng = np.random.default_rng(5)
    groups = np.minimum(rng.geometric(0.02, 3000), 200)
    fold, group = _folds(groups, 5, rng)
    for g in np.unique(groups):
        assert len(np.unique(fold[groups == g])) == 1
        assert len(np.unique(group[groups == g])) == 1
    assert len(np.unique(group)) == len(np.unique(groups))
    sizes = np.bincount(fold, minlength=5)
    assert sizes.min() > 0.8 * 600
    assert sizes.max() < 1.2 * 600


def test_folds_alternate_direction():
    fold, _ = _folds(np.repeat([1, 2, 3, 4], [4, 3, 2, 1]), 2, np.random.default_rng(0))
    assert np.bincount(fold).tolist() == [5, 5]


def test_strength_is_chosen_on_the_other_folds():
    weak, strong = np.array([1.0, 1.0, 5.0, 5.0]), np.array([4.0, 4.0, 2.0, 2.0])
    fold = np.array([0, 0, 1, 1])
    # each fold's own winner is what the other fold would not have chosen
    assert _pick([weak, strong], fold).tolist() == [1.0, 1.0, 2.0, 2.0]
    # ties go to the weaker
    tied = _pick([np.array([1.0, 2.0]), np.array([2.0, 2.0])], np.array([0, 1]))
    assert tied.tolist() == [1.0, 2.0]


def test_repeats_exactly_and_ignores_the_request_level():
    rng = np.random.default_rng(6)
    intent, rewards = world(rng, n=300, n_quotas=5)
    context = np.eye(4)[intent] + rng.normal(0.0, 1.0, (300, 4))
    groups = np.arange(300) // 2
    first = learnable_gap(context, rewards, groups, rng=np.random.default_rng(1))
    assert first == learnable_gap(context, rewards, groups, rng=np.random.default_rng(1))
    assert 0.0 < closed(first.linear_closed) < 1.0
    assert np.array_equal(best_in_class(context, rewards), best_in_class(context, rewards))


def test_a_gap_that_is_not_there_is_none():
    rng = np.random.default_rng(7)
    rewards = np.tile([0.2, 0.5, 0.4], (100, 1))
    gap = learnable_gap(rng.normal(size=(100, 2)), rewards, np.arange(100), rng=rng)
    assert gap.static == gap.oracle == gap.trees == gap.linear == 0.5
    assert gap.trees_closed is None
    assert gap.linear_closed is None


def test_best_in_class_is_at_least_static_and_linear():
    rng = np.random.default_rng(8)
    for _ in range(20):
        n, q = int(rng.integers(1, 60)), int(rng.integers(1, 6))
        context, rewards = rng.normal(size=(n, 3)), rng.random((n, q))
        value = best_in_class(context, rewards)
        assert value.shape == (n,)
        assert value.mean() >= rewards.mean(axis=0).max() - 1e-12
        assert np.all(np.isclose(value[:, None], rewards).any(axis=1))
    # a threshold on one feature, with a constant column beside it
    x = np.linspace(-1, 1, 101)
    rewards = np.column_stack((x, -x))
    value = best_in_class(np.column_stack((x, np.full(101, 0.1))), rewards)
    np.testing.assert_allclose(value, np.abs(x), atol=1e-12)


def test_bad_input_is_refused():
    rng = np.random.default_rng(9)
    x, rewards = np.zeros((4, 1)), np.zeros((4, 2))
    with pytest.raises(InputError, match="two topics"):
        learnable_gap(x, rewards, np.zeros(4), rng=rng)
    with pytest.raises(InputError, match="finite"):
        learnable_gap(x * np.nan, rewards, np.arange(4), rng=rng)
    with pytest.raises(InputError, match="finite"):
        best_in_class(np.zeros((0, 1)), np.zeros((0, 2)))
    with pytest.raises(InputError, match="`rewards`"):
        best_in_class(x, np.zeros((3, 2)))
    with pytest.raises(InputError, match="`n_folds`"):
        learnable_gap(x, rewards, np.arange(4), rng=rng, n_folds=1)
