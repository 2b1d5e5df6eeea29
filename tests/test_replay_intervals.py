"""Intervals of replay: cases by hand, twins, invariance to chunks, and what each does not answer."""

import contextlib
import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, poisson

from ltrr._kernels.betting import bet
from ltrr._kernels.bootstrap import BLOCK, CUMULATIVE, poisson_sums, poisson_weights
from ltrr.errors import InputError
from ltrr.replay import ReplayBatch
from ltrr.replay.estimators.cressie_read import CressieRead
from ltrr.replay.estimators.difference import Difference
from ltrr.replay.estimators.dr import DR
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.estimators.on_policy import OnPolicy
from ltrr.replay.estimators.slate.slate_ips import SlateIPS
from ltrr.replay.estimators.snips import SNIPS
from ltrr.replay.intervals import (
    Asymptotic,
    ClopperPearson,
    ConfidenceSequence,
    EmpiricalBernstein,
    Hoeffding,
    IntervalMethod,
    PoissonBootstrap,
)
from ltrr.replay.intervals.confidence_sequence import CANDIDATES
from ltrr.rng import Streams
from tests import naive_intervals as naive

UNIT = {"weight_bound": 10.0, "reward_range": (0.0, 1.0)}
METHODS = [
    Asymptotic(),
    PoissonBootstrap(100, seed=3),
    Hoeffding(**UNIT),
    EmpiricalBernstein(**UNIT),
    ClopperPearson(),
    ConfidenceSequence(**UNIT),
]
INTERPRETED = bool(numba.config.DISABLE_JIT)
KEY = Streams(seed=3).key("poisson bootstrap")


def log(n, seed=0, *, binary=True):
    rng = np.random.default_rng(seed)
    weight = np.minimum(rng.exponential(size=n), 10.0)
    reward = (rng.random(n) < 0.4).astype(float) if binary else rng.random(n)
    q = rng.random((2, n))
    return ReplayBatch(rng.permutation(10 * n)[:n], reward, weight=weight, q_logged=q[0], q_target=q[1])


def seen(estimator, method, *batches, level=0.95):
    """Give estimator and method the batches, and return the interval."""
    estimator, method = estimator.fork(), method.fork(estimator)
    for batch in batches:
        estimator.add(batch)
        method.add(estimator.rows(batch), estimator.keys(batch))
    return method.interval(estimator, level)


def ends(interval):
    return (interval.mean, interval.low, interval.high)


# ---- resampling weights


def test_table_of_weights_has_mean_and_variance_one():
    count = np.diff([0, *CUMULATIVE, 2**16])
    k = np.arange(len(count))
    assert count.sum() == (k * count).sum() == 2**16
    assert ((k - 1) ** 2 * count).sum() == 2**16
    # no probability is further off than a few values of u, and higher moments are Poisson's
    assert np.abs(count - 2**16 * poisson.pmf(k, 1.0)).max() < 4.0
    assert ((k - 1) ** 3 * count).sum() / 2**16 == pytest.approx(1.0, abs=2e-3)
    assert ((k - 1) ** 4 * count).sum() / 2**16 == pytest.approx(4.0, abs=1e-2)


def test_weights_are_philox_of_key_and_resample():
    key = np.array([0, 7, -5, 2**62], np.int64)
    out = np.zeros((4, 2 * BLOCK), np.uint8)
    poisson_weights(*KEY, key.view(np.uint64), out)
    for i, b in [(0, 0), (1, 5), (1, 63), (2, 64), (2, 255), (3, 256), (3, 511), (0, 130)]:
        event = int(key[i]) % 2**64
        assert out[i, b] == naive.poisson_weight([int(k) for k in KEY], event, b, CUMULATIVE)


@pytest.mark.compiled
def test_weights_are_poisson_and_uncorrelated():
    n, b = 20_000, 2 * BLOCK
    out = np.zeros((n, b), np.uint8)
    poisson_weights(*KEY, np.arange(n).astype(np.uint64), out)
    count = np.bincount(out.ravel(), minlength=9)
    expect = n * b * np.diff([0, *CUMULATIVE, 2**16]) / 2**16
    # chi-square of 8 degrees of freedom exceeds 40 with probability 3e-6
    assert ((count - expect) ** 2 / expect).sum() < 40.0
    centred = out.astype(float) - 1.0
    by_event = centred.T @ centred / n
    by_resample = centred[:b] @ centred[:b].T / b
    off = ~np.eye(b, dtype=bool)
    # 131,000 correlations each, of standard deviation 1/sqrt(n): the largest is below 6.5 but for 1e-5
    assert np.abs(by_event[off]).max() < 6.5 / math.sqrt(n)
    assert np.abs(by_resample[off]).max() < 7.5 / math.sqrt(b)


@pytest.mark.parametrize("n", [0, 1, 3, 4, 9])
def test_sums_are_weights_times_rows(n):
    rng = np.random.default_rng(n)
    key, rows = rng.integers(0, 2**60, n).astype(np.uint64), rng.normal(size=(n, 3))
    weights = np.zeros((n, BLOCK), np.uint8)
    poisson_weights(*KEY, key, weights)
    out = np.ones((3, BLOCK))
    poisson_sums(*KEY, key, rows, out)
    np.testing.assert_allclose(out, 1.0 + rows.T @ weights, rtol=1e-12, atol=1e-12)


@pytest.mark.compiled
def test_sums_do_not_depend_on_threads():
    rng = np.random.default_rng(0)
    key, rows = np.arange(1001).astype(np.uint64), rng.normal(size=(1001, 2))
    before, outs = numba.get_num_threads(), []
    try:
        for threads in {1, before}:
            numba.set_num_threads(threads)
            out = np.zeros((2, 4 * BLOCK))
            poisson_sums(*KEY, key, rows, out)
            outs.append(out.tobytes())
    finally:
        numba.set_num_threads(before)
    assert len(set(outs)) == 1


def test_bootstrap_is_its_twin():
    batch, n_resamples = log(30), 100
    draws = np.zeros((30, BLOCK), np.uint8)
    poisson_weights(*KEY, batch.key.view(np.uint64), draws)
    # the last one's value depends on how many rows there are, not on ratios of sums alone
    for estimator in (IPS(), SNIPS(), DR(), CressieRead(weight_high=12.0)):
        estimator.add(batch)
        rows = estimator.rows(batch)
        bootstrap = PoissonBootstrap(n_resamples, seed=3)
        bootstrap.add(rows, batch.key)
        want = sorted(naive.resampled(draws[:, :n_resamples], rows, estimator.of_rows))
        np.testing.assert_allclose(np.sort(bootstrap.resampled(estimator)), want, rtol=1e-12)
        interval = bootstrap.interval(estimator, 0.9)
        # five resamples of a hundred lie at or beyond either end
        assert (interval.low, interval.high) == pytest.approx((want[4], want[95]), rel=1e-12)


@pytest.mark.parametrize(("estimator", "weight"), [(IPS(), 1.0), (SNIPS(), 3.0)], ids=["ips", "snips"])
def test_bootstrap_of_two_requests_by_hand(estimator, weight):
    """Rewards 0 and 1 count p and q times: a resample is w q / (p + w q), unknown where both are 0."""
    batch = ReplayBatch(np.array([5, 9]), np.array([0.0, 1.0]), weight=np.array([1.0, weight]))
    p, q = np.array(
        [[naive.poisson_weight([int(k) for k in KEY], i, b, CUMULATIVE) for b in range(100)] for i in (5, 9)]
    )
    estimator = estimator.fork()
    estimator.add(batch)
    bootstrap = PoissonBootstrap(100, seed=3)
    bootstrap.add(estimator.rows(batch), batch.key)
    known = p + q > 0
    want = weight * q[known] / (p + weight * q)[known]
    resampled = bootstrap.resampled(estimator)
    np.testing.assert_array_equal(np.isfinite(resampled), known)
    np.testing.assert_allclose(resampled[known], want, rtol=1e-14)
    # 25 of 100 resamples lie at or beyond either end; those that could be anything are beyond both
    unknown = int((~known).sum())
    assert 5 < unknown < 25
    low, high = np.sort(want)[24 - unknown], np.sort(want)[::-1][24 - unknown]
    interval = bootstrap.interval(estimator, 0.5)
    assert interval.n == 2
    assert ends(interval) == pytest.approx((weight / (1.0 + weight), low, high), rel=1e-14)
    # more than 5 of 100 are unknown, so that at 90 % both ends are open
    assert ends(bootstrap.interval(estimator, 0.9))[1:] == (-math.inf, math.inf)
    # one request is no sample
    assert seen(estimator, bootstrap, batch.take(np.array([1]))) is None


def test_bootstraps_of_other_draws_are_not_merged():
    for other in (PoissonBootstrap(101, seed=3), PoissonBootstrap(100, seed=4)):
        with pytest.raises(InputError, match="other resamples"):
            PoissonBootstrap(100, seed=3).merge(other)
    # what has seen nothing brings nothing, and takes in what the other has
    batch, ips = log(9), IPS()
    ips.add(batch)
    full, empty = PoissonBootstrap(100), PoissonBootstrap(100)
    full.add(ips.rows(batch), batch.key)
    want = ends(full.interval(ips))
    full.merge(empty)
    empty.merge(full)
    assert ends(full.interval(ips)) == ends(empty.interval(ips)) == want
    # and took copies: adding to one leaves the other alone
    empty.add(ips.rows(batch), batch.key)
    assert ends(full.interval(ips)) == want
    with pytest.raises(InputError, match="rows of 2 columns, got 3"):
        full.add(np.ones((1, 3)), np.zeros(1, np.int64))


@pytest.mark.compiled
def test_one_bootstrap_serves_several_estimators():
    batch = log(200)
    kinds = [IPS(), SNIPS(), DR()]
    rows = [kind.rows(batch) for kind in kinds]
    together = PoissonBootstrap(200, seed=1)
    together.add(np.hstack(rows), batch.key)
    start = 0
    for kind, mine in zip(kinds, rows, strict=True):
        kind.add(batch)
        assert ends(together.interval(kind, start=start)) == ends(seen(kind, together, batch))
        start += mine.shape[1]
    with pytest.raises(InputError, match="`start` must leave columns 7 to 9 within the 7"):
        together.interval(kinds[0], start=7)


def test_resamples_without_weight_leave_the_ends_open():
    batch = ReplayBatch(np.arange(3), np.ones(3), weight=np.array([0.0, 0.0, 1.0]))
    interval = seen(SNIPS(), PoissonBootstrap(100), batch)
    assert ends(interval) == (1.0, -math.inf, math.inf)


def test_resamples_of_small_logs_spread_like_the_estimate():
    """The bootstrap's standard deviation against the delta method's, 2,000 resamples: 5 sd are 8 %."""
    batch, bootstrap = log(2_000), PoissonBootstrap(200 if INTERPRETED else 2_000)
    if INTERPRETED:
        batch = batch.take(np.arange(100))
    for estimator in (IPS(), SNIPS()):
        estimator.add(batch)
        own = bootstrap.fork()
        own.add(estimator.rows(batch), batch.key)
        spread = own.resampled(estimator).std()
        assert spread == pytest.approx(estimator.standard_error(), rel=0.3 if INTERPRETED else 0.1)


# ---- all methods


@pytest.mark.parametrize("kind", [IPS, SNIPS, DR, OnPolicy])
@settings(max_examples=1 if INTERPRETED else 5, deadline=None)
@given(cut=st.integers(0, 40), order=st.permutations(range(40)))
def test_chunks_order_and_merging_do_not_matter(kind, cut, order):
    batch = log(40)
    parts = batch.take(np.arange(cut)), batch.take(np.arange(cut, 40))
    for method in METHODS:
        whole = seen(kind(), method, batch)
        others = [seen(kind(), method, *parts)]
        if not isinstance(method, ConfidenceSequence):
            others.append(seen(kind(), method, batch.take(np.array(order))))
            estimators, methods = [kind(), kind()], [method.fork(), method.fork()]
            for e, m, part in zip(estimators, methods, parts, strict=True):
                e.add(part)
                m.add(e.rows(part), e.keys(part))
            estimators[0].merge(estimators[1])
            methods[0].merge(methods[1])
            others.append(methods[0].interval(estimators[0]))
        for other in others:
            assert (whole is None) == (other is None)
            if whole is not None:
                assert ends(other) == pytest.approx(ends(whole), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_protocol(method):
    assert isinstance(method.name, str)
    fresh: IntervalMethod = method.fork(IPS())
    rows = np.zeros((0, 2))
    fresh.add(rows, np.zeros(0, np.int64))
    assert fresh.interval(IPS()) is None
    for level in (0.0, 1.0, -0.5, math.nan):
        with pytest.raises(InputError, match="`level` must be"):
            fresh.interval(IPS(), level)


@pytest.mark.parametrize("method", METHODS[1:], ids=lambda m: m.name)
def test_other_rows_are_refused(method):
    estimator = SNIPS()
    estimator.add(log(5))
    with pytest.raises(InputError, match="has seen 0 requests and `snips` 5"):
        method.fork(estimator).interval(estimator)


@pytest.mark.compiled
@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_higher_levels_are_wider(method):
    batch = ReplayBatch(np.arange(500), np.arange(500) % 2.0, weight=np.ones(500))
    for estimator in (IPS(), SNIPS()):
        narrow, wide = (seen(estimator, method, batch, level=level) for level in (0.8, 0.99))
        if narrow is not None:
            assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


@pytest.mark.compiled
def test_snips_with_a_constant_reward_is_certain():
    base = log(300, binary=False)
    batch = ReplayBatch(base.key, np.full(300, 0.3), weight=base.weight)
    for method in (Asymptotic(), PoissonBootstrap(100)):
        assert ends(seen(SNIPS(), method, batch)) == pytest.approx((0.3, 0.3, 0.3), abs=1e-15)
        interval = seen(IPS(), method, batch)
        assert interval.high - interval.low > 0.01


@pytest.mark.compiled
def test_snips_moves_with_the_rewards():
    base = log(300, binary=False)
    moved = ReplayBatch(base.key, base.reward + 5.0, weight=base.weight)
    for method in (Asymptotic(), PoissonBootstrap(100)):
        want = np.array(ends(seen(SNIPS(), method, base))) + 5.0
        np.testing.assert_allclose(ends(seen(SNIPS(), method, moved)), want, rtol=1e-12)


def test_counts():
    """Rows that stand for several events: normal and bootstrap intervals take them, bounds do not."""
    batch = log(50)
    counted = ReplayBatch(
        batch.key, batch.reward, weight=batch.weight, count=np.where(batch.reward > 0, 1.0, 3.0)
    )
    for method in METHODS:
        interval = seen(SNIPS(), method, counted)
        assert (interval is None) == (method.name not in ("asymptotic", "bootstrap"))
        assert seen(IPS(), method, counted) is None or method.name in ("asymptotic", "bootstrap")


# ---- by hand


def test_asymptotic_by_hand():
    """Terms 0, 2, 4: mean 2, variance 4, standard error sqrt(4 / 3), 1.959964 of them."""
    batch = ReplayBatch(np.arange(3), np.ones(3), weight=np.array([0.0, 2.0, 4.0]))
    half = 1.959963984540054 * math.sqrt(4.0 / 3.0)
    assert ends(seen(IPS(), Asymptotic(), batch)) == pytest.approx((2.0, 2.0 - half, 2.0 + half), rel=1e-12)


def test_asymptotic_ratio_by_hand():
    """w = 1, 3 and r = 1, 0: ratio 1/4; residuals w (r − 1/4) / w̄ are ±3/8, their mean's error 3/8."""
    batch = ReplayBatch(np.arange(2), np.array([1.0, 0.0]), weight=np.array([1.0, 3.0]))
    half = 1.959963984540054 * 0.375
    assert ends(seen(SNIPS(), Asymptotic(), batch)) == pytest.approx(
        (0.25, 0.25 - half, 0.25 + half), rel=1e-9
    )


def test_hoeffding_by_hand():
    """n = 100 terms in [0, 1], level 95 %: sqrt(ln 40 / 200) = 0.135810."""
    batch = ReplayBatch(np.arange(100), np.arange(100) % 2.0, weight=np.ones(100))
    interval = seen(IPS(), Hoeffding(1.0, (0.0, 1.0)), batch)
    assert ends(interval) == pytest.approx((0.5, 0.5 - 0.1358101, 0.5 + 0.1358101), abs=1e-7)
    # ten times the range, ten times the width
    wide = seen(IPS(), Hoeffding(10.0, (0.0, 1.0)), batch)
    assert wide.high - wide.mean == pytest.approx(1.358101, abs=1e-6)


def test_bernstein_is_its_twin():
    batch = log(60)
    low, high = naive.bernstein((batch.weight * batch.reward).tolist(), 0.0, 10.0, 0.9)
    interval = seen(IPS(), EmpiricalBernstein(**UNIT), batch, level=0.9)
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 7), (1, 10), (5, 10), (10, 10), (52, 10_000)])
def test_clopper_pearson_is_scipys(k, n):
    batch = ReplayBatch(np.arange(n), (np.arange(n) < k).astype(float), weight=np.ones(n))
    want = binomtest(k, n).proportion_ci(0.9, method="exact")
    for estimator in (SNIPS(), OnPolicy()):
        interval = seen(estimator, ClopperPearson(), batch, level=0.9)
        assert ends(interval) == pytest.approx((k / n, want.low, want.high), abs=1e-12)
    # ips does not show its weights
    assert seen(IPS(), ClopperPearson(), batch) is None


def test_clopper_pearson_counts_rows_with_weight():
    """Weights 0 and 1: two successes among three rows that count."""
    batch = ReplayBatch(np.arange(5), np.array([1.0, 1, 0, 1, 0]), weight=np.array([1.0, 0, 1, 1, 0]))
    interval = seen(SNIPS(), ClopperPearson(), batch)
    want = binomtest(2, 3).proportion_ci(0.95, method="exact")
    assert (*ends(interval), interval.n) == pytest.approx((2 / 3, want.low, want.high, 3), abs=1e-12)


@pytest.mark.parametrize(
    ("reward", "weight"), [([0.5, 1.0], [1.0, 1.0]), ([1.0, 0.0], [2.0, 1.0]), ([1.0, 0.0], [1.0, 0.5])]
)
def test_clopper_pearson_needs_whole_rows_and_binary_rewards(reward, weight):
    batch = ReplayBatch(np.arange(2), np.array(reward), weight=np.array(weight))
    assert seen(SNIPS(), ClopperPearson(), batch, log(3)) is None
    assert seen(SNIPS(), ClopperPearson(), batch) is None


# ---- what bounds assume


def test_bounds_need_a_declaration():
    batch = log(20)
    for kind in (Hoeffding, EmpiricalBernstein):
        assert seen(IPS(), kind(), batch) is None
        assert seen(IPS(), kind(weight_bound=10.0), batch) is None
        assert seen(IPS(), kind(reward_range=(0.0, 1.0)), batch) is None
        assert seen(SNIPS(), kind(**UNIT), batch) is None
        assert seen(OnPolicy(), kind(reward_range=(0.0, 1.0)), batch) is not None


def test_largest_weight_stands_in_for_a_bound():
    batch, ips = log(20), IPS()
    ips.add(batch)
    for kind in (Hoeffding, EmpiricalBernstein):
        method = kind(reward_range=(0.0, 1.0))
        method.add(ips.rows(batch), batch.key)
        largest = float(batch.weight.max())
        got = method.interval(ips, largest_weight=largest)
        assert ends(got) == ends(seen(ips, kind(largest, (0.0, 1.0)), batch))
        assert method.assumes(ips) == "no weight is above the largest seen"
        assert method.assumes(OnPolicy()) == kind(**UNIT).assumes(ips) == ""


@pytest.mark.parametrize("kind", [Hoeffding, EmpiricalBernstein, ConfidenceSequence])
def test_broken_declarations_are_told(kind):
    batch = ReplayBatch(np.arange(2), np.array([1.0, 1.0]), weight=np.array([5.0, 1.0]))
    with pytest.raises(InputError, match="outside the"):
        seen(IPS(), kind(4.0, (0.0, 1.0)), batch)
    for wrong in ({"weight_bound": 0.5}, {"weight_bound": math.inf}, {"reward_range": (1.0, 1.0)}):
        with pytest.raises(InputError, match=kind.__name__):
            kind(**wrong)


def alone(estimator, method, batch):
    """Return estimator and method that have seen one batch."""
    estimator, method = estimator.fork(), method.fork(estimator)
    estimator.add(batch)
    method.add(estimator.rows(batch), estimator.keys(batch))
    return estimator, method


@pytest.mark.parametrize("outsider", [0, 1])
@pytest.mark.parametrize(("term", "reach"), [(-0.5, r"\[-0\.5, 2\]"), (4.5, r"\[0, 4\.5\]")])
@pytest.mark.parametrize("kind", [Hoeffding, EmpiricalBernstein])
def test_merged_bounds_refuse_what_either_part_has_seen(kind, term, reach, outsider):
    """One term below or above [0, 4], in the first or in the second part."""
    batches = [
        ReplayBatch(np.arange(3), np.array([0.0, 1.0, 2.0]), weight=np.ones(3)),
        ReplayBatch(np.arange(3, 6), np.array([0.0, 1.0, term]), weight=np.ones(3)),
    ]
    (ips, method), (other, added) = (
        alone(IPS(), kind(2.0, (0.0, 2.0)), b) for b in (batches if outsider else batches[::-1])
    )
    ips.merge(other)
    method.merge(added)
    with pytest.raises(InputError, match=rf"reach {reach}, outside the declared \[0, 4\]"):
        method.interval(ips)


@pytest.mark.parametrize("kind", [Hoeffding, EmpiricalBernstein])
def test_terms_may_touch_the_ends_of_the_range(kind):
    for reward in ([0.0, 2.0], [-1e-10, 2.0], [0.0, 2.0 + 1e-10]):
        batch = ReplayBatch(np.arange(2), np.array(reward), weight=np.array([1.0, 2.0]))
        assert seen(IPS(), kind(2.0, (0.0, 2.0)), batch) is not None
    for reward in ([-1e-8, 2.0], [0.0, 2.0 + 1e-8]):
        batch = ReplayBatch(np.arange(2), np.array(reward), weight=np.array([1.0, 2.0]))
        with pytest.raises(InputError, match="outside the declared"):
            seen(IPS(), kind(2.0, (0.0, 2.0)), batch)


@pytest.mark.parametrize("kind", [Hoeffding, EmpiricalBernstein])
def test_what_rounding_may_do_is_a_share_of_the_width(kind):
    """Rewards in [5, 6]: a billionth of 1 is let through, five are not, though 5 and 6 are larger."""
    for below, let_through in ((0.5e-9, True), (5e-9, False)):
        batch = ReplayBatch(np.arange(2), np.array([5.0 - below, 6.0]))
        with contextlib.nullcontext() if let_through else pytest.raises(InputError, match="outside"):
            assert seen(OnPolicy(), kind(reward_range=(5.0, 6.0)), batch) is not None


@pytest.mark.parametrize("wrong", [{"n_resamples": 99}, {"n_resamples": 100.0}, {"seed": -1}, {"seed": 0.5}])
def test_parameters_of_the_bootstrap_are_checked(wrong):
    with pytest.raises(InputError, match=rf"PoissonBootstrap\.{next(iter(wrong))}"):
        PoissonBootstrap(**wrong)
    assert PoissonBootstrap() == PoissonBootstrap(1_000, 0)


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("method", [m for m in METHODS if m.name not in ("asymptotic", "bootstrap")])
def test_merging_remembers_that_rows_were_counted(method, counted):
    batches = [log(5), log(5, seed=1)]
    b = batches[counted]
    batches[counted] = ReplayBatch(b.key, b.reward, weight=np.ones(5), count=np.full(5, 2.0))
    (first, m), (second, other) = (alone(OnPolicy(), method, b) for b in batches)
    first.merge(second)
    m.merge(other)
    assert m.n == 10
    assert m.interval(first) is None


def test_clopper_pearson_adds_up_what_is_merged():
    batches = [
        ReplayBatch(np.arange(4), np.array([1.0, 0, 0, 1]), weight=np.array([1.0, 1, 0, 1])),
        ReplayBatch(np.arange(3), np.array([0.0, 1, 0]), weight=np.array([1.0, 1, 1])),
    ]
    (first, m), (second, other) = (alone(SNIPS(), ClopperPearson(), b) for b in batches)
    first.merge(second)
    m.merge(other)
    want = binomtest(3, 6).proportion_ci(0.95, method="exact")
    interval = m.interval(first)
    assert (*ends(interval), interval.n) == pytest.approx((0.5, want.low, want.high, 6), abs=1e-12)


@pytest.mark.parametrize("change", [{"weight_bound": 9.0}, {"reward_range": (0.0, 2.0)}])
def test_sequences_of_other_bounds_are_not_merged(change):
    sequence = ConfidenceSequence(**UNIT).fork(IPS())
    with pytest.raises(InputError, match="other bounds"):
        sequence.merge(ConfidenceSequence(**(UNIT | change)).fork(IPS()))


# ---- confidence sequences


def test_capital_is_its_twin():
    rng = np.random.default_rng(0)
    x = rng.exponential(size=1_300) * (rng.random(1_300) < 0.3)
    x[700] = 1e5
    mean = np.array([1e-6, 0.05, 0.3, 0.7])
    state, capital = np.zeros(3), np.zeros(4)
    prior = np.array([0.5, 0.25])
    for part in np.split(x, [1, 600]):
        bet(part, mean, math.log(40.0), prior, state, capital)
    want = [naive.log_capital(x.tolist(), m, 0.5, 0.25)[-1] for m in mean]
    np.testing.assert_allclose(capital, want, rtol=1e-9)


@pytest.mark.compiled
def test_sequences_need_no_weight_bound_for_snips():
    sequence = ConfidenceSequence(reward_range=(0.0, 1.0))
    batch = log(2_000)
    interval = seen(SNIPS(), sequence, batch)
    assert 0.2 < interval.low < 0.38 < 0.42 < interval.high < 0.6
    lower_only = seen(IPS(), sequence, batch)
    assert 0.2 < lower_only.low < 0.4
    assert lower_only.high == 1.0
    assert seen(DR(), sequence, batch) is None
    assert seen(DR(), ConfidenceSequence(**UNIT), batch) is not None
    assert seen(IPS(), ConfidenceSequence(weight_bound=10.0), batch) is None


def test_capital_beyond_the_range_of_floats():
    """Rows that never disappoint: 1,500 gains of ten and more, far above the largest float."""
    x, mean = np.ones(1_500), np.array([1e-6, 0.01])
    state, capital = np.zeros(3), np.zeros(2)
    bet(x, mean, math.log(40.0), np.array([1.0, 1e-3]), state, capital)
    want = [naive.log_capital(x.tolist(), m, 1.0, 1e-3)[-1] for m in mean]
    assert min(want) > 1_500
    np.testing.assert_allclose(capital, want, rtol=1e-9)


def test_ends_of_sequences_are_ruled_out_and_their_inner_neighbours_are_not():
    estimator, batch = SNIPS(), log(300)
    estimator.add(batch)
    sequence = ConfidenceSequence(**UNIT).fork(estimator)
    sequence.add(estimator.rows(batch), batch.key)
    interval = sequence.interval(estimator, 0.9)
    lost = sequence.capital >= math.log(20.0)
    low, high = (int(np.flatnonzero(v == CANDIDATES)[0]) for v in (interval.low, interval.high))
    assert lost[0, : low + 1].all()
    assert not lost[0, low + 1 :].any()
    assert lost[1, high:].all()
    assert not lost[1, :high].any()


def test_sequences_must_know_the_estimator():
    with pytest.raises(InputError, match=r"fork\(estimator\)"):
        ConfidenceSequence(**UNIT).add(np.ones((1, 2)), np.zeros(1, np.int64))


@pytest.mark.compiled
def test_merged_sequences_hold_and_are_wider():
    batch = log(4_000)
    parts = batch.take(np.arange(2_000)), batch.take(np.arange(2_000, 4_000))
    estimators = [SNIPS(), SNIPS()]
    sequences = [ConfidenceSequence(**UNIT).fork(e) for e in estimators]
    for e, s, part in zip(estimators, sequences, parts, strict=True):
        e.add(part)
        s.add(e.rows(part), e.keys(part))
    estimators[0].merge(estimators[1])
    sequences[0].merge(sequences[1])
    merged, whole = sequences[0].interval(estimators[0]), seen(SNIPS(), ConfidenceSequence(**UNIT), batch)
    assert merged.low < 0.4 < merged.high
    assert whole.high - whole.low < merged.high - merged.low < 1.7 * (whole.high - whole.low)
    # capitals multiply
    alone = ConfidenceSequence(**UNIT).fork(SNIPS())
    alone.add(SNIPS().rows(parts[0]), parts[0].key)
    np.testing.assert_allclose(
        sequences[0].capital - sequences[1].capital, alone.capital, rtol=1e-9, atol=1e-9
    )
    with pytest.raises(InputError, match="other bounds"):
        sequences[0].merge(ConfidenceSequence())


@pytest.mark.compiled
@pytest.mark.parametrize("shift", [-1.0, 2.0])
def test_sequences_move_with_the_range(shift):
    batch = log(500)
    moved = ReplayBatch(batch.key, batch.reward + shift, weight=batch.weight)
    base = seen(SNIPS(), ConfidenceSequence(reward_range=(0.0, 1.0)), batch)
    got = seen(SNIPS(), ConfidenceSequence(reward_range=(shift, 1.0 + shift)), moved)
    assert ends(got) == pytest.approx([v + shift for v in ends(base)], abs=1e-9)


# ---- differences


def test_difference_by_hand():
    key, reward = np.arange(2), np.array([1.0, 0.5])
    first = ReplayBatch(key, reward, weight=np.array([2.0, 1.0]))
    second = ReplayBatch(key, reward, weight=np.array([1.0, 0.0]))
    ips = Difference(IPS(), IPS())
    ips.add_pair(first, second)
    assert ips.value() == 0.75
    # pairs differ by 1 and 1/2: standard error 1/4
    assert ips.standard_error() == pytest.approx(0.25)
    assert ips.bounds(2.0, 0.0, 1.0) == (-2.0, 2.0)
    snips = Difference(SNIPS(), SNIPS())
    snips.add_pair(first, second)
    assert snips.value() == pytest.approx(2.5 / 3.0 - 1.0)
    assert snips.bounds(2.0, 0.0, 1.0) is None
    assert (ips.width, snips.width, snips.label) == (1, 4, "snips - snips")


@pytest.mark.compiled
def test_difference_of_equal_policies_is_certain():
    batch = log(200)
    for kind in (IPS, SNIPS, DR):
        difference = Difference(kind(), kind())
        difference.add_pair(batch, batch)
        for method in (Asymptotic(), PoissonBootstrap(100)):
            own = method.fork(difference)
            own.add(difference.paired(kind().rows(batch), kind().rows(batch)), batch.key)
            assert ends(own.interval(difference)) == pytest.approx((0.0, 0.0, 0.0), abs=1e-15)


@pytest.mark.compiled
def test_every_method_answers_for_differences():
    batch = log(500)
    other = ReplayBatch(batch.key, batch.reward, weight=np.ones(500))
    for kind, apply in ((IPS, 5), (SNIPS, 2)):
        difference = Difference(kind(), kind())
        difference.add_pair(batch, other)
        rows = difference.paired(kind().rows(batch), kind().rows(other))
        found = 0
        for method in METHODS:
            own = method.fork(difference)
            own.add(rows, batch.key)
            interval = own.interval(difference)
            found += interval is not None
            assert interval is None or interval.low < difference.value() < interval.high
        assert found == apply


def test_differences_merge_and_fork():
    batch, other = log(60), log(60, seed=1)
    other = ReplayBatch(batch.key, batch.reward, weight=other.weight)
    parts = [Difference(SNIPS(), IPS()) for _ in range(2)]
    for part, rows in zip(parts, (np.arange(25), np.arange(25, 60)), strict=True):
        part.add_pair(batch.take(rows), other.take(rows))
    whole = parts[0].fork()
    whole.add_pair(batch, other)
    parts[0].merge(parts[1])
    assert parts[0].value() == pytest.approx(whole.value(), rel=1e-12)
    assert parts[0].standard_error() == pytest.approx(whole.standard_error(), rel=1e-10)
    with pytest.raises(InputError, match="cannot be merged"):
        parts[0].merge(Difference(IPS(), SNIPS()))


def test_differences_need_the_same_requests():
    batch = log(6)
    difference = Difference(IPS(), IPS())
    with pytest.raises(InputError, match="same requests"):
        difference.add_pair(batch, batch.take(np.arange(5)))
    with pytest.raises(InputError, match="same requests"):
        difference.add_pair(batch, batch.take(np.arange(6)[::-1]))
    counted = ReplayBatch(batch.key, batch.reward, weight=batch.weight, count=np.full(6, 2.0))
    with pytest.raises(InputError, match="same counts"):
        difference.add_pair(batch, counted)
    with pytest.raises(InputError, match="add_pair"):
        difference.add(batch)


def test_differences_of_slates():
    batch = ReplayBatch(
        np.repeat(np.arange(3), 2), np.arange(6.0), weight=np.full(6, 2.0), slot=np.tile([0, 1], 3)
    )
    difference = Difference(SlateIPS(), OnPolicy())
    difference.add_pair(batch, batch)
    assert difference.value() == pytest.approx(3.0 * 15.0 / 3.0)
