"""Intervals over seeds and topics: by hand, against a slow twin, and their coverage."""

import numpy as np
import pytest
from scipy.stats import binom

from ltrr.errors import InputError
from ltrr.metrics import Resamples, two_way_bootstrap
from tests import naive_intervals


def rng(seed=0):
    return np.random.default_rng(seed)


def table(n_seeds, n_topics, seed=0):
    """Unequal counts, one topic that a seed never asks."""
    draw = rng(seed)
    counts = draw.integers(1, 9, (n_seeds, n_topics)).astype(float)
    counts[0, 0] = 0.0
    sums = counts * (0.5 + 0.2 * draw.standard_normal((n_seeds, n_topics)))
    return sums, counts


def test_two_topics_by_hand():
    """Topic a earns 1, b nothing, on both seeds: the topics' variance is 2 · 2 · (1/4)², t(1) = 12.706."""
    found = two_way_bootstrap(np.array([[1.0, 0.0], [1.0, 0.0]]), np.ones((2, 2)), rng=rng())
    assert (found.mean, found.n) == (0.5, 2)
    assert found.high - found.mean == pytest.approx(12.7062 * 0.5, abs=1e-4)
    assert found.mean - found.low == pytest.approx(12.7062 * 0.5, abs=1e-4)


def test_seeds_alone_by_hand():
    """Where topics are alike it is Student's interval over seeds: 1, 2, 3 have a standard error of 1/√3."""
    sums = np.array([[1.0] * 9, [2.0] * 9, [3.0] * 9])
    found = two_way_bootstrap(sums, np.ones((3, 9)), rng=rng())
    assert found.high - 2.0 == pytest.approx(4.302653 / np.sqrt(3), rel=0.05)
    assert found.high - 2.0 >= 4.302653 / np.sqrt(3) - 1e-6


@pytest.mark.parametrize(("n_seeds", "n_topics", "level"), [(2, 4, 0.95), (5, 12, 0.9), (6, 3, 0.8)])
def test_intervals_equal_the_twin(n_seeds, n_topics, level):
    sums, counts = table(n_seeds, n_topics)
    draws = Resamples.draw(n_seeds, n_topics, rng=rng(1), n_resamples=100)
    assert (draws.seeds.sum(axis=1) == n_seeds).all()
    assert (draws.topics.sum(axis=1) == n_topics).all()
    want = naive_intervals.two_way(sums, counts, draws.seeds, draws.topics, level)
    found = two_way_bootstrap(sums, counts, rng=rng(1), level=level, n_resamples=100)
    assert (found.mean, found.low, found.high) == pytest.approx(want, abs=1e-9)


def test_resampled_means_have_the_variance_of_the_formula():
    """With equal counts it is known: cells + (1 − 1/S) topics + (1 − 1/T) seeds (Owen 2007, section 4)."""
    sums = 0.5 + 0.2 * rng(3).standard_normal((4, 7))
    mean = Resamples.draw(4, 7, rng=rng(4), n_resamples=40_000).mean(sums, np.ones((4, 7)))
    seeds, topics = ((mean.influence.sum(axis=axis) ** 2).sum() for axis in (1, 0))
    want = (mean.influence**2).sum() + (1 - 1 / 4) * topics + (1 - 1 / 7) * seeds
    assert mean.resampled.var() == pytest.approx(want, rel=0.04)  # 5 standard errors of 40,000 draws


def test_differences_share_the_draws():
    draws = Resamples.draw(3, 5, rng=rng())
    (first, counts), (second, _) = table(3, 5, seed=1), table(3, 5, seed=1)
    second = second + 0.1 * counts
    one, two = draws.mean(first, counts), draws.mean(second, counts)
    gap = (two - one).interval()
    # what both share cancels, topics included
    assert (gap.mean, gap.low, gap.high) == pytest.approx((0.1, 0.1, 0.1), abs=1e-9)
    both = (one + two).interval()
    assert both.mean == pytest.approx(one.mean + two.mean)
    assert both.high - both.low > 1e-3


def test_nothing_is_known_of_one_seed_or_of_too_few_topics():
    one = two_way_bootstrap(np.ones((1, 9)), np.ones((1, 9)), rng=rng())
    assert (one.low, one.high) == (-np.inf, np.inf)
    counts = np.array([[9.0, 1.0]] * 4)  # 1.2 effective topics
    few = two_way_bootstrap(counts * 0.5, counts, rng=rng())
    assert (few.mean, few.low, few.high) == (0.5, -np.inf, np.inf)


@pytest.mark.parametrize(
    ("sums", "counts", "words"),
    [
        (np.ones((2, 3)), np.ones((3, 2)), "one shape"),
        (np.ones(3), np.ones(3), "one shape"),
        (np.full((2, 2), np.nan), np.ones((2, 2)), "finite"),
        (np.zeros((2, 2)), np.zeros((2, 2)), "one of them positive"),
    ],
)
def test_wrong_tables_are_refused(sums, counts, words):
    with pytest.raises(InputError, match=words):
        two_way_bootstrap(sums, counts, rng=rng())


def test_wrong_levels_are_refused():
    for level in (0.0, 1.0, 1.5):
        with pytest.raises(InputError, match="level"):
            two_way_bootstrap(np.ones((2, 2)), np.ones((2, 2)), rng=rng(), level=level)


# -- coverage. Spread of the effects of topics, seeds, cells, and of a single request.
SPREADS = {
    "topics": (0.3, 0.02, 0.1, 0.3),
    "seeds": (0.05, 0.1, 0.1, 0.3),
    "both": (0.2, 0.05, 0.2, 0.3),
    "cells": (0.0, 0.0, 0.3, 0.3),
    "noise": (0.0, 0.0, 0.0, 0.5),
}
TRAFFIC = {10: (60, -0.055), 40: (150, 2.67)}
"""Effective topics: topics, and the shift of Zipf–Mandelbrot's law that leads to them."""


def crossed(n_seeds, effective, spread, *, own_order, draw, per_seed=2_000):
    """Return one data set of mean zero: sums and counts by seed and topic."""
    n_topics, shift = TRAFFIC[effective]
    law = (np.arange(n_topics) + 1.0 + shift) ** -1.1
    law /= law.sum()
    assert 1 / (law**2).sum() == pytest.approx(effective, rel=0.02)
    orders = [draw.permutation(n_topics) if own_order else np.arange(n_topics) for _ in range(n_seeds)]
    counts = np.stack([draw.multinomial(per_seed, law[order]) for order in orders]).astype(float)
    topics, seeds, cells, noise = spread
    effect = topics * draw.standard_normal(n_topics) + seeds * draw.standard_normal((n_seeds, 1))
    effect = effect + cells * draw.standard_normal(counts.shape)
    return counts * effect + noise * np.sqrt(counts) * draw.standard_normal(counts.shape), counts


def hits(n_seeds, effective, spread, *, own_order, n_sets):
    """Return how many of the intervals hold the truth."""
    draw = rng(n_seeds + effective)
    draws = Resamples.draw(n_seeds, TRAFFIC[effective][0], rng=draw, n_resamples=1_000)
    sets = (crossed(n_seeds, effective, spread, own_order=own_order, draw=draw) for _ in range(n_sets))
    found = [draws.mean(*data).interval() for data in sets]
    return sum(i.low <= 0.0 <= i.high for i in found)


SHORT = [(5, 10, "topics", False), (10, 10, "both", True), (10, 40, "seeds", False), (20, 40, "cells", True)]
LONG = [(s, t, name, own) for s in (5, 10, 20) for t in TRAFFIC for name in SPREADS for own in (False, True)]


@pytest.mark.parametrize(
    ("n_seeds", "effective", "name", "own_order", "n_sets"),
    [
        *((*case, 150) for case in SHORT),
        *(pytest.param(*case, 1_000, marks=pytest.mark.soak) for case in LONG),
    ],
)
def test_intervals_cover(n_seeds, effective, name, own_order, n_sets):
    """At least .91 is covered everywhere, the level being .95; false-alarm rate at most 1e-5 a case."""
    found = hits(n_seeds, effective, SPREADS[name], own_order=own_order, n_sets=n_sets)
    assert found > binom.ppf(1e-5, n_sets, 0.91)
