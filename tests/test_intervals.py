"""Intervals: coverage, slow twins, and explicit absence where nothing can be said."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from ltrr.errors import InputError
from ltrr.metrics import Interval, bootstrap_curve, bootstrap_mean, paired_difference, paired_ratio
from tests import naive_metrics as naive


def coverage(draw, n, truth, n_draws):
    """Share of intervals that hold the truth; each draw is one checkpoint of a curve."""
    rng = np.random.default_rng(20)
    curve = bootstrap_curve(draw(rng, (n, n_draws)), rng=rng)
    return ((curve.low <= truth) & (truth <= curve.high)).mean()


def normal(rng, shape):
    return rng.normal(3.0, 2.0, shape)


def exponential(rng, shape):
    return rng.exponential(1.0, shape)


@pytest.mark.parametrize("n", [2, 5, 10, 19])
def test_coverage_is_exact_for_a_few_normal_seeds(n):
    # standard deviation .0011, so 4.5 of them: false alarm 7e-6
    assert abs(coverage(normal, n, 3.0, 40_000) - 0.95) < 4.5 * np.sqrt(0.95 * 0.05 / 40_000)


def test_coverage_of_many_seeds():
    # measured .950 and .944; bounds at least 4.5 standard deviations (.0035) away
    assert 0.932 < coverage(normal, 20, 3.0, 4000) < 0.968
    assert 0.925 < coverage(exponential, 20, 1.0, 4000) < 0.965
    assert 0.932 < coverage(normal, 50, 3.0, 4000) < 0.968


def test_documented_coverage_of_skewed_seeds():
    # the docstring's table: .884 and .902, standard deviation .0032
    assert abs(coverage(exponential, 5, 1.0, 10_000) - 0.884) < 0.022
    assert abs(coverage(exponential, 10, 1.0, 10_000) - 0.902) < 0.022


def test_student_by_hand():
    got = bootstrap_mean(np.array([1.0, 2.0, 6.0]), rng=np.random.default_rng(0))
    # s² = 7; with two degrees of freedom t(p) has the closed form (2p − 1) √(2 / (1 − (2p − 1)²))
    half = 0.95 * np.sqrt(2 / (1 - 0.95**2)) * np.sqrt(7 / 3)
    assert (got.mean, got.n, got.bounded) == (3.0, 3, True)
    assert got.low == pytest.approx(3 - half, rel=1e-9)
    assert got.high == pytest.approx(3 + half, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, 40), st.sampled_from([0.5, 0.9, 0.95]))
def test_bootstrap_t_equals_naive_twin(seed, n, level):
    values = np.random.default_rng(seed).lognormal(size=n)
    got = bootstrap_mean(values, rng=np.random.default_rng(seed), level=level, n_resamples=300)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=300)
    assert (got.low, got.high) == pytest.approx(naive.bootstrap_t(values, counts, level), rel=1e-9)


def test_curve_is_the_interval_of_each_checkpoint():
    values = np.random.default_rng(1).normal(size=(25, 7))
    curve = bootstrap_curve(values, rng=np.random.default_rng(2), level=0.8)
    assert (len(curve), curve.n) == (7, 25)
    for t in range(7):
        one = bootstrap_mean(values[:, t], rng=np.random.default_rng(2), level=0.8)
        assert (one.mean, one.low, one.high) == pytest.approx(
            (curve.mean[t], curve.low[t], curve.high[t]), rel=1e-12
        )


def test_degenerate_values():
    rng = np.random.default_rng(0)
    one = bootstrap_mean(np.array([4.0]), rng=rng)
    assert one == Interval(4.0, -np.inf, np.inf, 1)
    assert not one.bounded
    for n in (2, 30):
        got = bootstrap_mean(np.full(n, 0.1), rng=rng)
        assert got.low == got.mean == got.high == pytest.approx(0.1, rel=1e-15)
    # one seed in twenty collapsed: a third of the resamples miss it, and Student's quantiles stand in
    values = np.zeros(20)
    values[3] = 1.0
    got = bootstrap_mean(values, rng=rng)
    half = stats.t.ppf(0.975, 19) * values.std(ddof=1) / np.sqrt(20)
    assert (got.low, got.high) == pytest.approx((0.05 - half, 0.05 + half), rel=1e-12)
    assert len(bootstrap_curve(np.zeros((3, 0)), rng=rng)) == 0


def test_bad_values_are_refused():
    rng = np.random.default_rng(0)
    for values in (np.zeros(0), np.array([1.0, np.nan]), np.array([np.inf])):
        with pytest.raises(InputError, match="`values`"):
            bootstrap_mean(values, rng=rng)
    for level in (0.0, 1.0, -1):
        with pytest.raises(InputError, match="`level`"):
            bootstrap_mean(np.ones(3), rng=rng, level=level)
    with pytest.raises(InputError, match="`second`"):
        paired_difference(np.ones(3), np.ones(2), rng=rng)
    with pytest.raises(InputError, match="`denominator`"):
        paired_ratio(np.ones(3), np.ones(2))


def test_paired_difference_removes_what_pairs_share():
    rng = np.random.default_rng(3)
    shared = rng.normal(0, 100, 10)
    got = paired_difference(shared + 1 + rng.normal(0, 0.1, 10), shared, rng=rng)
    assert 0.8 < got.low < got.mean < got.high < 1.2


def outside(x, y, ratio, level):
    """How far a ratio is from the data, in units of Student's quantile: Fieller's inequality, literally."""
    gap = x - ratio * y
    t = abs(gap.mean()) / (gap.std(ddof=1) / np.sqrt(len(gap)))
    return t / stats.t.ppf((1 + level) / 2, len(gap) - 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 19), st.floats(-4, 4), st.sampled_from([0.5, 0.95]))
def test_fieller_inverts_the_t_test_and_is_none_where_the_denominator_touches_zero(seed, n, shift, level):
    rng = np.random.default_rng(seed)
    y = rng.normal(shift, 1.0, n)
    x = rng.normal(1.0, 1.0, n) + 0.5 * y
    bottom = bootstrap_mean(y, rng=rng, level=level)
    assume(min(abs(bottom.low), abs(bottom.high)) > 1e-6)
    got = paired_ratio(x, y, level=level)
    if bottom.low < 0.0 < bottom.high:
        assert got is None
        assert paired_ratio(x, y, level=level, rng=rng) is None
        return
    assert got is not None
    assert got.n == n
    assert got.mean == pytest.approx(x.mean() / y.mean(), rel=1e-12)
    for end in (got.low, got.high):
        assert outside(x, y, end, level) == pytest.approx(1.0, abs=1e-5)
    assert outside(x, y, (got.low + got.high) / 2, level) < 1.0
    width = got.high - got.low
    assert outside(x, y, got.low - width, level) > 1.0
    assert outside(x, y, got.high + width, level) > 1.0


def test_coverage_of_the_ratio():
    rng = np.random.default_rng(6)
    # a gap of 10 ± 2 points, of which 30 % are closed
    n_draws = 2500
    for n, how, low, high in ((5, "fieller", 0.93, 0.97), (30, "bootstrap", 0.91, 0.96)):
        y = rng.normal(10.0, 2.0, (n_draws, n))
        x = 0.3 * y + rng.normal(0.0, 3.0, (n_draws, n))
        held = 0
        for a, b in zip(x, y, strict=True):
            resample = rng if how == "bootstrap" else None
            got = paired_ratio(a, b, rng=resample, n_resamples=200)
            assert got is not None
            held += got.low <= 0.3 <= got.high
        # Fieller is exact: its bounds are 4.5 standard deviations of .0044 away; measured by bootstrap: .933
        assert low < held / n_draws < high


def test_ratio_of_proportional_pairs_has_no_width():
    y = np.array([1.0, 2.0, 3.0, 2.5])
    for rng in (None, np.random.default_rng(0)):
        got = paired_ratio(0.25 * y, y, rng=rng)
        assert got is not None
        assert (got.low, got.mean, got.high) == pytest.approx((0.25, 0.25, 0.25), abs=1e-7)
    assert paired_ratio(y[:1], y[:1]) is None
    assert paired_ratio(y, 0 * y) is None
