"""Ratios and differences of estimates, and many clips at once: twins, cases by hand, coverage."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.replay import Moments, ReplayBatch
from ltrr.replay.estimators import (
    DR,
    IPS,
    SNIPS,
    ClipGrid,
    ClippedIPS,
    CressieRead,
    Difference,
    OnPolicy,
    Ratio,
    Slope,
)
from ltrr.replay.estimators.clip_grid import CLIPS
from ltrr.replay.estimators.slate import PI, SNRIPS, SlateSNIPS
from ltrr.replay.intervals import Asymptotic, ClopperPearson, Hoeffding, PoissonBootstrap
from tests import naive_estimators as naive

seeds = st.integers(0, 2**32 - 1)
some = settings(max_examples=30, deadline=None)


def two_rewards(rng, n):
    """Clicks, and revenue that mostly follows a click, under weights with zeros and a long tail."""
    weight = np.minimum(rng.lognormal(0.0, 1.0, n), 30.0) * (rng.random(n) < 0.8)
    weight[0] = 1.3
    click = (rng.random(n) < 0.4) * 1.0
    click[0] = 1.0
    revenue = click * rng.exponential(5.0, n) - 0.1 * rng.random(n)
    q = rng.random((4, n))
    return (
        ReplayBatch(np.arange(n), revenue, weight=weight, q_logged=q[0], q_target=q[1]),
        ReplayBatch(np.arange(n), click, weight=weight, q_logged=q[2], q_target=q[3]),
    )


def as_log(batch):
    return [{"w": w, "r": r} for w, r in zip(batch.weight.tolist(), batch.reward.tolist(), strict=True)]


def paired(joined, *batches):
    """Return rows of joined estimates; the batches are those of their parts, from left to right."""
    rest = list(batches)

    def rows(estimator):
        if isinstance(estimator, (Ratio, Difference)):
            first = rows(estimator.first)
            return estimator.paired(first, rows(estimator.second))
        return estimator.rows(rest.pop(0))

    return rows(joined)


def fed(joined, *batches):
    out = joined.fork()
    out.moments.add(paired(out, *batches))
    return out


# ratios


@given(seed=seeds, n=st.integers(2, 300))
@some
def test_a_ratio_and_its_error_are_those_of_the_twin(seed, n):
    revenue, click = two_rewards(np.random.default_rng(seed), n)
    value, error = naive.ratio(as_log(revenue), as_log(click))
    # weights cancel in a ratio, so that normalising them changes nothing
    for kind in (IPS, SNIPS):
        ratio = Ratio(kind(), kind())
        ratio.add_pair(revenue, click)
        assert ratio.value() == pytest.approx(value, rel=1e-12)
        assert ratio.standard_error() == pytest.approx(error, rel=1e-6, abs=1e-12)


def test_a_ratio_by_hand():
    """Tops 8, 0, 0 and bottoms 2, 1, 0: ratio 8/3, residuals 8/3, -8/3, 0, and a mean bottom of 1."""
    key, weight = np.arange(3), np.array([2.0, 1.0, 0.0])
    ratio = Ratio(IPS(), IPS())
    tops, bottoms = np.array([4.0, 0.0, 9.0]), np.ones(3)
    ratio.add_pair(*(ReplayBatch(key, reward, weight=weight) for reward in (tops, bottoms)))
    assert ratio.value() == pytest.approx(8.0 / 3.0)
    assert ratio.standard_error() == pytest.approx(8.0 / 3.0 / math.sqrt(3.0))
    assert (ratio.label, ratio.width, ratio.bias, ratio.weight) == ("ips / ips", 2, "", "weight")
    assert ratio.bounds(2.0, 0.0, 1.0) is None


def test_a_ratio_to_nothing_is_undefined():
    revenue, click = two_rewards(np.random.default_rng(1), 5)
    ratio = Ratio(OnPolicy(), OnPolicy())
    with pytest.raises(InputError, match="has seen no rows"):
        ratio.value()
    ratio.add_pair(revenue, replace(click, reward=np.zeros(5)))
    with pytest.raises(InputError, match="`on-policy / on-policy` is undefined: the value to divide by is 0"):
        ratio.value()
    none = Ratio(SNIPS(), SNIPS())
    none.add_pair(*(replace(b, weight=np.zeros(5)) for b in (revenue, click)))
    with pytest.raises(InputError, match="no row has a weight above 0"):
        none.value()
    with pytest.raises(InputError, match="`Ratio` takes two batches"):
        ratio.add(click)
    with pytest.raises(InputError, match=r"`Ratio.add_pair` must have two batches of the same requests"):
        ratio.add_pair(revenue, click.take(np.arange(4)))
    with pytest.raises(InputError, match="`Ratio` must have rows of the same requests"):
        ratio.paired(np.ones((3, 2)), np.ones((2, 2)))


@given(seed=seeds, cut=st.integers(0, 80))
@some
def test_ratios_merge_to_one_pass(seed, cut):
    batches = two_rewards(np.random.default_rng(seed), 80)
    parts = [Ratio(DR(), SNIPS()) for _ in range(2)]
    for part, rows in zip(parts, (np.arange(cut), np.arange(cut, 80)), strict=True):
        part.add_pair(*(b.take(rows) for b in batches))
    whole = fed(parts[0], *batches)
    parts[0].merge(parts[1])
    assert parts[0].value() == pytest.approx(whole.value(), rel=1e-12)
    assert parts[0].standard_error() == pytest.approx(whole.standard_error(), rel=1e-8)
    for other in (Ratio(SNIPS(), DR()), Difference(DR(), SNIPS())):
        with pytest.raises(InputError, match="cannot be merged"):
            parts[0].merge(other)


@pytest.mark.compiled
def test_intervals_of_ratios_cover_as_often_as_they_say():
    """Revenue per click of 300 logs with a known ratio, whose counts of hits are binomial."""
    rng, logs, hits, boot = np.random.default_rng(21), 300, 0, 0
    propensity, target = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    rate, price = np.array([0.2, 0.3, 0.4]), np.array([1.0, 3.0, 2.0])
    truth = (target @ (rate * price)) / (target @ rate)
    for log in range(logs):
        action = rng.choice(3, 1500, p=propensity)
        click = (rng.random(1500) < rate[action]) * 1.0
        revenue = click * price[action] * rng.exponential(1.0, 1500)
        weight = (target / propensity)[action]
        one, other = (ReplayBatch(np.arange(1500), r, weight=weight) for r in (revenue, click))
        ratio = fed(Ratio(SNIPS(), SNIPS()), one, other)
        found = Asymptotic().interval(ratio)
        hits += found.low <= truth <= found.high
        if log < 60:
            bootstrap = PoissonBootstrap(200, seed=log)
            bootstrap.add(paired(ratio, one, other), one.key)
            found = bootstrap.interval(ratio)
            boot += found.low <= truth <= found.high
    # outside with probability below 1e-5 each, were the coverage 0.95
    assert 263 <= hits <= 299
    assert boot >= 46


# differences of anything


@given(seed=seeds)
@some
def test_differences_of_ratios_are_those_of_residuals(seed):
    """Two policies' revenue per click: the standard error is that of the difference of the residuals."""
    rng = np.random.default_rng(seed)
    revenue, click = two_rewards(rng, 200)
    new = rng.permutation(np.asarray(click.weight))
    difference = Difference(Ratio(IPS(), IPS()), Ratio(OnPolicy(), OnPolicy()))
    found = fed(difference, replace(revenue, weight=new), replace(click, weight=new), revenue, click)
    r, c = revenue.reward, click.reward
    ratios = (new * r).sum() / (new * c).sum(), r.sum() / c.sum()
    residual = new * (r - ratios[0] * c) / (new * c).mean() - (r - ratios[1] * c) / c.mean()
    assert found.value() == pytest.approx(ratios[0] - ratios[1], rel=1e-10, abs=1e-12)
    assert found.standard_error() == pytest.approx(residual.std(ddof=1) / math.sqrt(200), rel=1e-8)
    assert found.label == "(ips / ips) - (on-policy / on-policy)"
    # the same policy twice differs by nothing
    same = fed(Difference(Ratio(SNIPS(), SNIPS()), Ratio(SNIPS(), SNIPS())), *[revenue, click] * 2)
    assert same.value() == pytest.approx(0.0, abs=1e-12)
    assert same.standard_error() == pytest.approx(0.0, abs=1e-12)


def test_two_estimators_of_one_policy_differ_by_hand():
    """IPS minus DR is w q(a) - q(pi): 1.5 - 0.5 and 0.125 - 0.5, so 0.3125 with an error of 1.375 / 2."""
    batch = ReplayBatch(
        np.arange(2),
        np.array([1.0, 0.0]),
        weight=np.array([2.0, 0.5]),
        q_logged=np.array([0.75, 0.25]),
        q_target=np.array([0.5, 0.5]),
    )
    difference = Difference(IPS(), DR())
    difference.add_pair(batch, batch)
    assert (difference.value(), difference.standard_error()) == pytest.approx((0.3125, 0.6875))
    # w r and q(pi) + w (r - q(a)) have one reward, yet their bounds are taken apart: wide, and never wrong
    assert difference.bounds(2.0, 0.0, 1.0) == (-3.0, 4.0)
    # SNIPS is the ratio of 2 to 2.5, whose residuals 0.4 and -0.4 are divided by the mean weight of 1.25
    other = Difference(SNIPS(), DR())
    other.add_pair(batch, batch)
    residual = np.array([0.4, -0.4]) / 1.25 - np.array([1.0, -0.375 + 0.75])
    assert other.value() == pytest.approx(0.8 - 0.6875)
    assert other.standard_error() == pytest.approx(residual.std(ddof=1) / math.sqrt(2.0))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CressieRead(weight_high=40.0), IPS()),
        (SNIPS(), CressieRead()),
        (Slope("clipped-ips", (math.inf, 3.0)), OnPolicy()),
        (ClipGrid(), SNIPS()),
    ],
    ids=lambda e: e.label,
)
def test_a_difference_is_that_of_the_values(first, second):
    batch = two_rewards(np.random.default_rng(5), 30)[0]
    for part in (first := first.fork(), second := second.fork()):
        part.add(batch)
    # kinds that count rows or choose know what the difference has seen
    difference = fed(Difference(first.fork(), second.fork()), batch, batch)
    assert difference.value() == pytest.approx(first.value() - second.value(), rel=1e-12)


def test_slates_have_ratios_and_differences_too():
    rng = np.random.default_rng(6)
    key, slot = np.repeat(np.arange(40), 2), np.tile([0, 1], 40)
    one, other = (ReplayBatch(key, rng.random(80), weight=np.full(80, 1.5), slot=slot) for _ in range(2))
    for kind in (SlateSNIPS(), PI(), SNRIPS(2)):
        difference = fed(Difference(Ratio(kind, kind), Ratio(OnPolicy(), OnPolicy())), one, other, one, other)
        assert difference.slate
        assert difference.whole_reward == kind.whole_reward
        assert np.isfinite([difference.value(), difference.standard_error()]).all()
    with pytest.raises(InputError, match="judges one decision a request"):
        fed(Difference(IPS(), OnPolicy()), one, one)


def test_what_a_joined_estimate_is_made_of():
    joined = Difference(DR(), OnPolicy())
    assert joined.needs == {"weight", "q"}
    assert (joined.weight, joined.slate, joined.bias) == ("weight", False, "")
    assert Difference(OnPolicy(), OnPolicy()).weight == ""
    assert Ratio(OnPolicy(), ClippedIPS()).bias == ClippedIPS.bias
    # none is a proportion, nor a mean of bounded terms where its parts are not
    assert not Ratio(SNIPS(), SNIPS()).proportion
    revenue, click = two_rewards(np.random.default_rng(7), 20)
    ratio = fed(Ratio(IPS(), IPS()), revenue, click)
    for method in (ClopperPearson(), Hoeffding(30.0, (0.0, 1.0))):
        own = method.fork(ratio)
        own.add(paired(ratio, revenue, click), click.key)
        assert own.interval(ratio) is None
        assert own.lacks(ratio).startswith("needs a ")


@pytest.mark.parametrize(
    "joined",
    [
        Ratio(IPS(), SNIPS()),
        Ratio(Slope("clipped-ips", (math.inf, 3.0)), CressieRead()),
        Difference(Ratio(SNIPS(), IPS()), Ratio(IPS(), IPS())),
        Difference(IPS(), CressieRead()),
    ],
    ids=lambda e: e.label,
)
def test_sums_of_rows_are_rows(joined):
    """The value and the gradient's use of sums by cluster: values depend on ratios of means alone."""
    revenue, click = two_rewards(np.random.default_rng(8), 60)
    rows = paired(joined, *[revenue, click] * 2)
    joined = fed(joined, *[revenue, click] * 2)
    sums = Moments(rows.shape[1])
    sums.add(np.add.reduceat(rows, np.arange(0, 60, 3)))
    assert joined.of_rows(sums.mean) == pytest.approx(float(joined.of_rows(rows.mean(axis=0))), rel=1e-12)


# many clips


@given(seed=seeds, n=st.integers(2, 200))
@some
def test_a_grid_is_clipped_ips_at_every_clip(seed, n):
    batch = two_rewards(np.random.default_rng(seed), n)[0]
    grid = ClipGrid()
    grid.add(batch)
    for i, clip in enumerate(CLIPS):
        one, alone = grid.at(i), ClippedIPS(clip)
        alone.add(batch)
        assert one == alone
        assert one.value() == pytest.approx(naive.clipped_ips(as_log(batch), clip), rel=1e-12, abs=1e-12)
        assert one.value() == pytest.approx(alone.value(), rel=1e-12, abs=1e-12)
        assert one.standard_error() == pytest.approx(alone.standard_error(), rel=1e-8, abs=1e-12)
    assert grid.value() == grid.at(-1).value()
    assert grid.standard_error() == pytest.approx(grid.at(-1).standard_error(), rel=1e-8)


def test_errors_at_a_clip_are_those_of_clusters_where_they_are_known():
    batch, grid = two_rewards(np.random.default_rng(9), 60)[0], ClipGrid((1.0, 5.0))
    grid.add(batch)
    grid.clusters = Moments(3)
    grid.clusters.add(np.add.reduceat(grid.rows(batch), np.arange(0, 60, 3)))
    assert grid.at(0).clusters.mean.tolist() == grid.clusters.mean[[0, 1]].tolist()
    assert grid.at(1).clusters.comoment.tolist() == grid.clusters.comoment[np.ix_([0, 2], [0, 2])].tolist()
    assert ClipGrid().at(0).moments.n == 0


def test_a_grid_knows_its_bias_and_its_clips():
    assert (ClipGrid().bias, ClipGrid((2.0, 3.0)).bias) == ("", ClippedIPS.bias)
    assert all(low < high for low, high in pairwise(CLIPS))
    for clips in ((), (2.0, 1.0), (2.0, 2.0)):
        with pytest.raises(InputError, match=r"`ClipGrid.clips` must be rising numbers > 0"):
            ClipGrid(clips)
    with pytest.raises(InputError, match=r"`ClipGrid.clips` must be a number > 0, got 0"):
        ClipGrid((0.0, 1.0))
    with pytest.raises(IndexError):
        ClipGrid((1.0, 2.0)).at(2)


def test_the_bootstrap_resamples_both_parts_of_a_ratio_together():
    """A resample is a ratio of sums under the same counts, so revenue of 3 a click has no spread."""
    click = two_rewards(np.random.default_rng(10), 50)[1]
    ratio, bootstrap = Ratio(IPS(), IPS()), PoissonBootstrap(100)
    revenue = replace(click, reward=3.0 * click.reward)
    ratio.add_pair(revenue, click)
    bootstrap.add(paired(ratio, revenue, click), click.key)
    found = bootstrap.interval(ratio)
    assert (found.low, found.mean, found.high) == pytest.approx((3.0, 3.0, 3.0), rel=1e-12)
