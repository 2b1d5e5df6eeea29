"""Estimators of one decision a request: twins, exact worlds, limits, constants, shifts, parts."""

import math
from dataclasses import fields
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ltrr.errors import InputError
from ltrr.replay import Moments, ReplayBatch
from ltrr.replay.estimators import (
    DM,
    DR,
    DROS,
    ESTIMATORS,
    IPS,
    MIPS,
    MRDR,
    SNDR,
    SNIPS,
    BalancedIPS,
    ClippedIPS,
    CressieRead,
    OnPolicy,
    RejectionReplay,
    SubGaussian,
    SubGaussianDR,
    SwitchDR,
    make_estimator,
)
from ltrr.replay.estimators.slope import BREAKS, Slope, grid_of, slope_kinds, slope_of
from tests import naive_estimators as naive

LARGEST = 40.0
"""No weight of a random batch exceeds this."""

CASES = [
    (RejectionReplay(), naive.replay),
    (IPS(), naive.ips),
    (ClippedIPS(2.0), lambda log: naive.clipped_ips(log, 2.0)),
    (SNIPS(), naive.snips),
    (DM(), naive.dm),
    (DR(), naive.dr),
    (SNDR(), naive.sndr),
    (SwitchDR(1.5), lambda log: naive.switch_dr(log, 1.5)),
    (DROS(3.0), lambda log: naive.dr_os(log, 3.0)),
    (MRDR(), naive.mrdr),
    (SubGaussian(0.2), lambda log: naive.sub_gaussian(log, 0.2)),
    (SubGaussianDR(0.2), lambda log: naive.sub_gaussian_dr(log, 0.2)),
    (BalancedIPS(), naive.balanced_ips),
    (MIPS(), naive.mips),
    (CressieRead(), naive.cressie_read),
    (CressieRead(0.0, LARGEST), lambda log: naive.cressie_read(log, 0.0, LARGEST)),
]
KINDS = [estimator for estimator, _ in CASES]
MEANS = [e for e in KINDS if e.width == 1]

seeds = st.integers(0, 2**32 - 1)
some = settings(max_examples=40, deadline=None)


def named(estimator):
    return estimator.label


def random_batch(rng, n, *, count=False):
    """Heavy-tailed weights with zeros, real rewards, predictions that differ by action."""
    weight = np.minimum(rng.lognormal(0.0, 1.2, n), LARGEST) * (rng.random(n) < 0.8)
    weight[0] = 1.3
    accept = (rng.random(n) < 0.4).astype(float)
    accept[0] = 1.0
    columns = ("q_logged", "q_target", "mrdr_logged", "mrdr_target")
    return ReplayBatch(
        np.arange(n),
        rng.normal(0.5, 1.0, n),
        weight=weight,
        accept=accept,
        balanced_weight=rng.lognormal(0.0, 0.5, n),
        marginal_weight=rng.lognormal(0.0, 0.3, n),
        count=rng.integers(1, 5, n).astype(float) if count else None,
        **{name: rng.normal(0.4, 0.5, n) for name in columns},
    )


def as_log(batch):
    names = {
        "r": "reward", "w": "weight", "q_a": "q_logged", "q_pi": "q_target", "m_a": "mrdr_logged",
        "m_pi": "mrdr_target", "b": "balanced_weight", "e": "marginal_weight", "z": "accept",
    }  # fmt: skip
    columns = {short: getattr(batch, name).tolist() for short, name in names.items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def fed(estimator, *batches):
    out = estimator.fork()
    for batch in batches:
        out.add(batch)
    return out


def changed(batch, **columns):
    given = {f.name: getattr(batch, f.name) for f in fields(batch)}
    return ReplayBatch(**{**given, **columns})


# twins, parts, counts


@pytest.mark.parametrize(("estimator", "twin"), CASES, ids=[named(e) for e in KINDS])
@given(seed=seeds, n=st.integers(1, 300))
@some
def test_equals_its_naive_twin(estimator, twin, seed, n):
    batch = random_batch(np.random.default_rng(seed), n)
    want = twin(as_log(batch))
    assert fed(estimator, batch).value() == pytest.approx(want, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("estimator", KINDS, ids=named)
@given(seed=seeds, n=st.integers(2, 1500), cuts=st.lists(st.integers(0, 1500), max_size=5))
@settings(max_examples=25, deadline=None)
def test_parts_merge_to_one_pass(estimator, seed, n, cuts):
    batch = random_batch(np.random.default_rng(seed), n, count=True)
    whole, merged = fed(estimator, batch), estimator.fork()
    edges = [0, *sorted(min(c, n) for c in cuts), n]
    for start, stop in pairwise(edges):
        merged.merge(fed(estimator, batch.take(np.arange(start, stop))))
    assert merged.moments.n == whole.moments.n == n
    assert merged.value() == pytest.approx(whole.value(), rel=1e-12, abs=1e-12)
    scale = np.sqrt(np.outer(*[np.diag(whole.moments.comoment)] * 2)) + 1e-300
    assert np.abs(merged.moments.comoment - whole.moments.comoment).max(initial=0.0) <= 1e-11 * scale.max()
    assert merged.standard_error() == pytest.approx(whole.standard_error(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("estimator", KINDS, ids=named)
@given(seed=seeds, n=st.integers(1, 60))
@some
def test_a_row_that_counts_for_three_is_three_rows(estimator, seed, n):
    batch = random_batch(np.random.default_rng(seed), n, count=True)
    repeated = batch.take(np.repeat(np.arange(n), batch.count.astype(int)))
    repeated = changed(repeated, key=np.arange(len(repeated)), count=None)
    assert fed(estimator, batch).value() == pytest.approx(
        fed(estimator, repeated).value(), rel=1e-12, abs=1e-12
    )


@pytest.mark.parametrize("estimator", KINDS, ids=named)
def test_nothing_is_written_into_a_batch_and_empty_batches_change_nothing(estimator):
    batch = random_batch(np.random.default_rng(3), 50, count=True)
    before = {f.name: v.copy() for f in fields(batch) if (v := getattr(batch, f.name)) is not None}
    once = fed(estimator, batch)
    value = once.value()
    once.add(batch.take(np.arange(0)))
    once.merge(estimator.fork())
    assert once.value() == value
    assert all(np.array_equal(getattr(batch, name), column) for name, column in before.items())


@given(seed=seeds, n=st.integers(1, 2000), width=st.integers(1, 5), offset=st.floats(-1e6, 1e6))
@some
def test_moments_are_those_of_numpy(seed, n, width, offset):
    rows = np.random.default_rng(seed).normal(offset, 1.0, (n, width))
    moments = Moments(width)
    moments.add(rows)
    assert moments.mean == pytest.approx(rows.mean(axis=0), rel=1e-13)
    want = np.cov(rows, rowvar=False, ddof=0).reshape(width, width) * n
    # a sum of squares less a squared sum would be off by 1e-16 offset², a hundred times as much and more
    assert np.abs(moments.comoment - want).max() <= 1e-12 * n * (1.0 + abs(offset))
    assert np.array_equal(moments.comoment, moments.comoment.T)


def test_moments_take_rows_of_their_width_only():
    with pytest.raises(InputError, match=r"`rows` must have shape \(any, 2\), got \(4, 3\)"):
        Moments(2).add(np.zeros((4, 3)))


# standard errors


@given(seed=seeds, n=st.integers(2, 200))
@some
def test_standard_errors_equal_the_textbook(seed, n):
    batch = random_batch(np.random.default_rng(seed), n)
    log = as_log(batch)
    means = [
        (IPS(), lambda e: e["w"] * e["r"]),
        (DR(), lambda e: e["q_pi"] + e["w"] * (e["r"] - e["q_a"])),
        (MRDR(), lambda e: e["m_pi"] + e["w"] * (e["r"] - e["m_a"])),
        (DM(), lambda e: e["q_pi"]),
    ]
    ratios = [
        (SNIPS(), lambda e: (e["w"] * e["r"], e["w"])),
        (BalancedIPS(), lambda e: (e["b"] * e["r"], e["b"])),
        (RejectionReplay(), lambda e: (e["z"] * e["r"], e["z"])),
    ]
    for estimator, term in means:
        want = naive.standard_error_of_mean([term(e) for e in log])
        assert fed(estimator, batch).standard_error() == pytest.approx(want, rel=1e-9, abs=1e-12)
    for estimator, terms in ratios:
        want = naive.standard_error_of_ratio(*zip(*(terms(e) for e in log), strict=True))
        # spreads below 3e-7 of the terms' are taken for rounding errors
        assert fed(estimator, batch).standard_error() == pytest.approx(want, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("estimator", KINDS, ids=named)
@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_gradients_are_those_of_differences(estimator, seed):
    full = fed(estimator, random_batch(np.random.default_rng(seed), 200, count=True))
    mean, gradient = full.moments.mean, full.gradient()
    for j in range(len(mean)):
        step = 1e-6 * max(abs(mean[j]), 1e-3) * np.eye(len(mean))[j]
        slope = (full.of_rows(mean + step) - full.of_rows(mean - step)) / (2.0 * step[j])
        assert gradient[j] == pytest.approx(float(slope), rel=1e-4, abs=1e-4)


# exact worlds: every context, action and reward once, counted by its probability


CONTEXT = np.array([0.3, 0.7])
LOGGING = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
TARGET = np.array([[0.1, 0.3, 0.6], [0.7, 0.2, 0.1]])
REWARD = np.array([[0.2, 0.5, 0.9], [0.4, 0.1, 0.8]])
VALUE = float(CONTEXT @ (TARGET * REWARD).sum(axis=1))

WRONG_LOGGING = np.array([[0.4, 0.35, 0.25], [0.45, 0.25, 0.3]])
WRONG_REWARD = np.array([[0.7, 0.1, 0.3], [0.15, 0.6, 0.35]])


def enumerated(propensity=LOGGING, predicted=REWARD, *, reward=REWARD, logging=LOGGING, **columns):
    """Return all outcomes of one decision: ``logging`` made the log, ``propensity`` is what it says of it."""
    x, a, r = (v.reshape(-1) for v in np.meshgrid([0, 1], [0, 1, 2], [0.0, 1.0], indexing="ij"))
    probability = CONTEXT[x] * logging[x, a] * np.where(r == 1.0, reward[x, a], 1.0 - reward[x, a])
    q_target = (TARGET * predicted).sum(axis=1)[x]
    return ReplayBatch(
        np.arange(len(x)),
        r,
        weight=(TARGET / propensity)[x, a],
        count=probability,
        q_logged=predicted[x, a],
        q_target=q_target,
        mrdr_logged=predicted[x, a],
        mrdr_target=q_target,
        **{name: value[x, a] for name, value in columns.items()},
    )


class LoggedTermDR(DR):
    """A mistake: the prediction of the logged action in the target's place."""

    def terms(self, batch):
        return super().terms(changed(batch, q_target=batch.q_logged))


class TargetResidualDR(DR):
    """A mistake: the residual against the prediction under the target."""

    def terms(self, batch):
        return super().terms(changed(batch, q_logged=batch.q_target))


DOUBLY_ROBUST = [DR(), SNDR(), MRDR(), SwitchDR(math.inf), DROS(math.inf), SubGaussianDR(0.0)]


def truth_table(estimator):
    """Return the errors with (right, right), (q̂, wrong), (wrong, propensity), (wrong, wrong)."""
    return [
        abs(fed(estimator, enumerated(propensity, predicted)).value() - VALUE)
        for predicted in (REWARD, WRONG_REWARD)
        for propensity in (LOGGING, WRONG_LOGGING)
    ]


@pytest.mark.parametrize("estimator", DOUBLY_ROBUST, ids=named)
def test_double_robustness_truth_table(estimator):
    both, only_q, only_propensity, neither = truth_table(estimator)
    assert both < 1e-12
    assert only_q < 1e-12
    assert only_propensity < 1e-12
    assert neither > 0.01


@pytest.mark.parametrize("mistake", [LoggedTermDR(), TargetResidualDR()], ids=lambda e: type(e).__name__)
def test_the_classic_mistakes_fail_the_truth_table(mistake):
    assert max(truth_table(mistake)[:3]) > 0.01


def test_weighting_is_right_where_propensities_are_and_wrong_where_not():
    for estimator in (IPS(), SNIPS(), CressieRead(), CressieRead(0.0, 10.0)):
        right, wrong = enumerated(LOGGING), enumerated(WRONG_LOGGING)
        # so many events that Cressie–Read's unseen one has no share
        right, wrong = (changed(batch, count=1e14 * batch.count) for batch in (right, wrong))
        assert fed(estimator, right).value() == pytest.approx(VALUE, abs=1e-12)
        assert abs(fed(estimator, wrong).value() - VALUE) > 0.01


def test_bent_weights_are_biased_by_what_they_bend_away():
    batch = enumerated()
    probability = CONTEXT[:, None] * LOGGING
    weight = TARGET / LOGGING

    def bias(bent, residual):
        return float((probability * (bent - weight) * residual).sum())

    error = REWARD - WRONG_REWARD
    wrong = enumerated(LOGGING, WRONG_REWARD)
    corrected = weight / (0.9 + 0.1 * weight)
    cases = [
        (ClippedIPS(2.0), batch, bias(np.minimum(weight, 2.0), REWARD)),
        (SubGaussian(0.1), batch, bias(corrected, REWARD)),
        (SwitchDR(2.0), wrong, bias(weight * (weight <= 2.0), error)),
        (DROS(4.0), wrong, bias(4.0 * weight / (weight**2 + 4.0), error)),
        (SubGaussianDR(0.1), wrong, bias(corrected, error)),
        (DM(), wrong, bias(np.zeros((2, 3)), error)),
    ]
    for estimator, log, want in cases:
        assert abs(want) > 1e-3
        assert estimator.bias
        assert fed(estimator, log).value() - VALUE == pytest.approx(want, abs=1e-12)
    for estimator in (SwitchDR(2.0), DROS(4.0), SubGaussianDR(0.1), DM()):
        assert fed(estimator, enumerated(LOGGING, REWARD)).value() == pytest.approx(VALUE, abs=1e-12)


def test_marginal_weights_are_right_where_the_category_carries_the_effect():
    category = np.array([0, 1, 1])

    def share(policy):
        return np.stack([policy[:, category == c].sum(axis=1) for c in (0, 1)], axis=1)[:, category]

    same = np.array([[0.2, 0.7, 0.7], [0.4, 0.3, 0.3]])
    weight = share(TARGET) / share(LOGGING)
    value = float(CONTEXT @ (TARGET * same).sum(axis=1))
    carried = fed(MIPS(), enumerated(reward=same, marginal_weight=weight)).value()
    assert carried == pytest.approx(value, abs=1e-12)
    assert abs(fed(MIPS(), enumerated(marginal_weight=weight)).value() - VALUE) > 0.01
    own = fed(MIPS(), enumerated(marginal_weight=TARGET / LOGGING)).value()
    assert own == pytest.approx(VALUE, abs=1e-12)


def test_replay_is_right_on_uniform_logs_and_wrong_on_others():
    def replayed(logging):
        # the target's own draw agrees with the logged action with the target's probability of it
        batch = enumerated(logging=logging, accept=np.ones((2, 3)), marginal_weight=TARGET)
        return fed(RejectionReplay(), changed(batch, count=batch.count * batch.marginal_weight)).value()

    assert replayed(np.full((2, 3), 1.0 / 3.0)) == pytest.approx(VALUE, abs=1e-12)
    assert abs(replayed(LOGGING) - VALUE) > 0.01


# limits


LIMITS = [
    (SwitchDR(0.0), DM()),
    (SwitchDR(math.inf), DR()),
    (SwitchDR(LARGEST), DR()),
    (DROS(1e-14), DM()),
    (DROS(1e18), DR()),
    (DROS(math.inf), DR()),
    (ClippedIPS(math.inf), IPS()),
    (ClippedIPS(LARGEST), IPS()),
    (SubGaussian(0.0), IPS()),
    (SubGaussian(1e-15), IPS()),
    (SubGaussianDR(0.0), DR()),
]


@pytest.mark.parametrize(("estimator", "limit"), LIMITS, ids=lambda e: e.label)
@given(seed=seeds, n=st.integers(1, 100))
@some
def test_limits(estimator, limit, seed, n):
    batch = random_batch(np.random.default_rng(seed), n)
    # weights below 1e-3 are no large number beside the smallest λ
    batch = changed(batch, weight=np.where(batch.weight < 1e-3, 0.0, batch.weight))
    assert fed(estimator, batch).value() == pytest.approx(fed(limit, batch).value(), rel=1e-9, abs=1e-9)


def test_a_weight_at_the_threshold_is_trusted():
    batch = random_batch(np.random.default_rng(4), 30)
    batch = changed(batch, weight=np.full(30, 3.0))
    assert fed(SwitchDR(3.0), batch).value() == fed(DR(), batch).value()
    below = SwitchDR(np.nextafter(3.0, 0.0))
    assert fed(below, batch).value() == fed(DM(), batch).value() != fed(DR(), batch).value()


NO_MODEL = [(DR(), IPS()), (SNDR(), SNIPS()), (MRDR(), IPS()), (SubGaussianDR(0.2), SubGaussian(0.2))]


@pytest.mark.parametrize(("estimator", "limit"), NO_MODEL, ids=named)
def test_without_a_model_doubly_robust_estimators_are_the_weighting_ones(estimator, limit):
    zero = np.zeros(80)
    batch = random_batch(np.random.default_rng(5), 80)
    batch = changed(batch, q_logged=zero, q_target=zero, mrdr_logged=zero, mrdr_target=zero)
    ours, theirs = fed(estimator, batch), fed(limit, batch)
    assert ours.value() == pytest.approx(theirs.value(), rel=1e-14)
    assert ours.standard_error() == pytest.approx(theirs.standard_error(), rel=1e-12)


def test_on_policy_weighting_is_the_mean_reward():
    one = np.ones(70)
    batch = random_batch(np.random.default_rng(6), 70)
    batch = changed(batch, weight=one, marginal_weight=one, balanced_weight=one, accept=one)
    mean, error = batch.reward.mean(), batch.reward.std(ddof=1) / math.sqrt(70)
    kinds = [IPS(), SNIPS(), ClippedIPS(1.0), SubGaussian(0.7), MIPS(), BalancedIPS(), RejectionReplay()]
    for estimator in [*kinds, CressieRead(), CressieRead(0.0, 5.0)]:
        full = fed(estimator, batch)
        assert full.value() == pytest.approx(mean, rel=1e-12)
        if not isinstance(estimator, CressieRead):
            assert full.standard_error() == pytest.approx(error, rel=1e-9)


# constants and shifts


NORMALISED = [
    SNIPS(),
    SNDR(),
    BalancedIPS(),
    RejectionReplay(),
    CressieRead(),
    CressieRead(0.0, LARGEST),
]
PLAIN = [IPS(), ClippedIPS(2.0), SubGaussian(0.2), MIPS()]


@pytest.mark.parametrize("estimator", NORMALISED, ids=named)
@given(seed=seeds, n=st.integers(2, 400), prediction=st.floats(-1.0, 1.0))
@some
def test_normalised_estimators_return_a_constant_without_error(estimator, seed, n, prediction):
    batch = random_batch(np.random.default_rng(seed), n, count=True)
    same = np.full(n, prediction)
    full = fed(estimator, changed(batch, reward=np.ones(n), q_logged=same, q_target=same))
    assert full.value() == pytest.approx(1.0, abs=1e-10)
    assert full.standard_error() == 0.0


@pytest.mark.parametrize("estimator", NORMALISED, ids=named)
@given(seed=seeds, n=st.integers(2, 400), shift=st.floats(-10.0, 10.0))
@some
def test_normalised_estimators_move_with_a_shift(estimator, seed, n, shift):
    batch = random_batch(np.random.default_rng(seed), n)
    before, after = fed(estimator, batch), fed(estimator, changed(batch, reward=batch.reward + shift))
    assert after.value() == pytest.approx(before.value() + shift, abs=1e-9)
    assert after.standard_error() == pytest.approx(before.standard_error(), rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("estimator", PLAIN, ids=named)
def test_plain_weighting_moves_otherwise(estimator):
    batch = random_batch(np.random.default_rng(7), 300)
    ones = fed(estimator, changed(batch, reward=np.ones(300)))
    assert abs(ones.value() - 1.0) > 0.01
    assert ones.standard_error() > 0.01
    shifted = fed(estimator, changed(batch, reward=batch.reward + 2.0))
    assert shifted.value() - fed(estimator, batch).value() == pytest.approx(2.0 * ones.value(), rel=1e-9)


@pytest.mark.parametrize("estimator", DOUBLY_ROBUST, ids=named)
def test_doubly_robust_estimators_move_with_a_shift_that_the_model_sees(estimator):
    batch = random_batch(np.random.default_rng(8), 300)
    names = ("reward", "q_logged", "q_target", "mrdr_logged", "mrdr_target")
    shifted = changed(batch, **{name: getattr(batch, name) + 2.0 for name in names})
    before, after = fed(estimator, batch), fed(estimator, shifted)
    assert after.value() == pytest.approx(before.value() + 2.0, rel=1e-12)
    assert after.standard_error() == pytest.approx(before.standard_error(), rel=1e-9)


# bounds


@pytest.mark.parametrize("estimator", MEANS, ids=named)
@given(seed=seeds, low=st.floats(-2.0, 0.5), span=st.floats(0.1, 3.0), top=st.floats(0.5, LARGEST))
@some
def test_terms_lie_within_the_bounds_and_reach_them(estimator, seed, low, span, top):
    rng = np.random.default_rng(seed)
    high = low + span
    # corners of the box and points in it
    peak = {DROS: lambda e: math.sqrt(e.lam), SwitchDR: lambda e: e.tau}.get(type(estimator), lambda _: top)
    worst = [0.0, top, min(peak(estimator), top)]
    corners = np.array(list(product(worst, *[(low, high)] * 3)))
    inner = np.stack([rng.uniform(0.0, top, 500), *rng.uniform(low, high, (3, 500))], axis=1)
    weight, reward, q_a, q_pi = np.concatenate([corners, inner]).T
    n = len(weight)
    batch = ReplayBatch(
        np.arange(n), reward, weight=weight, marginal_weight=weight, q_logged=q_a, q_target=q_pi,
        mrdr_logged=q_a, mrdr_target=q_pi,
    )  # fmt: skip
    bounds = estimator.bounds(top, low, high)
    terms = estimator.terms(batch)[:, 0]
    slack = 1e-12 * (1.0 + abs(bounds[0]) + abs(bounds[1]))
    assert terms.min() == pytest.approx(bounds[0], abs=slack)
    assert terms.max() == pytest.approx(bounds[1], abs=slack)


def test_ratios_have_no_bounds():
    for estimator in KINDS:
        assert (estimator.bounds(5.0, 0.0, 1.0) is None) == (estimator.width > 1)


# Cressie–Read


def test_cressie_read_by_hand():
    batch = ReplayBatch(np.arange(2), np.array([1.0, 0.0]), weight=np.array([1.0, 0.5]))
    # weights 1, ½ and the unseen 2: u + v w with 3u + 3.5v = 1 and 3.5u + 5.25v = 1, so u = ½, v = −1/7
    assert fed(CressieRead(0.0, 2.0), batch).value() == pytest.approx(5 / 14 + 3 / 7 * 1 / 2, rel=1e-14)
    # weights 1, 2 and the unseen 0: 3u + 3v = 1 and 3u + 5v = 1, so u = ⅓ and v = 0
    batch = ReplayBatch(np.arange(2), np.array([1.0, 0.0]), weight=np.array([1.0, 2.0]))
    assert fed(CressieRead(0.0, 2.0), batch).value() == pytest.approx(1 / 3, rel=1e-14)


@pytest.mark.parametrize("mean", [0.5, 0.99, 1.01, 2.0])
@pytest.mark.parametrize("high", [math.inf, LARGEST])
def test_cressie_read_changes_its_unseen_weight_where_weights_average_one(mean, high):
    batch = random_batch(np.random.default_rng(13), 40)
    batch = changed(batch, weight=np.minimum(batch.weight, 5.0))
    batch = changed(batch, weight=batch.weight * mean / batch.weight.mean())
    want = naive.cressie_read(as_log(batch), 0.0, high)
    assert fed(CressieRead(0.0, high), batch).value() == pytest.approx(want, rel=1e-12)


def test_cressie_read_goes_to_the_control_variate():
    batch = random_batch(np.random.default_rng(9), 50)
    batch = changed(batch, weight=batch.weight / batch.weight.mean() * 0.95, count=np.full(50, 1e9))
    w, wr = batch.weight, batch.weight * batch.reward
    slope = np.cov(w, wr, ddof=0)[0, 1] / w.var()
    want = wr.mean() - slope * (w.mean() - 1.0)
    full = fed(CressieRead(0.0, 100.0), batch)
    assert full.value() == pytest.approx(want, rel=1e-6)
    assert float(full.combine(full.moments.mean[1:] / full.moments.mean[0])) == pytest.approx(want, rel=1e-12)


def test_cressie_read_stays_in_declared_rewards_but_keeps_its_error():
    reward = np.array([1.0, 1.0, 0.0, 1.0])
    batch = ReplayBatch(np.arange(4), reward, weight=np.array([9.0, 0.0, 1.0, 0.1]))
    free, kept = fed(CressieRead(), batch), fed(CressieRead(0.0, math.inf, 0.0, 0.1), batch)
    assert free.value() > 0.1
    assert kept.value() == 0.1
    assert kept.standard_error() == free.standard_error() > 0.0


@pytest.mark.parametrize(("low", "high", "weight"), [(0.0, 3.0, 4.0), (0.5, 9.0, 0.2)])
def test_cressie_read_refuses_weights_outside_their_range(low, high, weight):
    with pytest.raises(InputError, match=r"must be within .*declare the range"):
        CressieRead(low, high).add(ReplayBatch(np.arange(1), np.ones(1), weight=np.array([weight])))


# simulated logs


LOGS, ROWS = 200, 2000
SIMULATED = [IPS(), SNIPS(), DR(), SNDR(), MRDR(), SwitchDR(math.inf), CressieRead(0.0, 6.0), MIPS()]


@pytest.fixture(scope="module")
def simulated():
    """z-scores of estimates against the truth by estimator, over logs of Bernoulli rewards."""
    rng = np.random.default_rng(20240607)
    scores = {estimator.label: np.empty(LOGS) for estimator in [*SIMULATED, RejectionReplay()]}
    errors = {label: np.empty(LOGS) for label in scores}
    for j in range(LOGS):
        x = (rng.random(ROWS) < CONTEXT[1]).astype(int)
        for estimators, logging in ((SIMULATED, LOGGING), ([RejectionReplay()], np.full((2, 3), 1 / 3))):
            a = (rng.random(ROWS)[:, None] > logging.cumsum(axis=1)[x, :2]).sum(axis=1)
            own = (rng.random(ROWS)[:, None] > TARGET.cumsum(axis=1)[x, :2]).sum(axis=1)
            weight, predicted = (TARGET / logging)[x, a], WRONG_REWARD
            batch = ReplayBatch(
                np.arange(ROWS),
                (rng.random(ROWS) < REWARD[x, a]).astype(float),
                weight=weight,
                marginal_weight=weight,
                accept=(own == a).astype(float),
                q_logged=predicted[x, a],
                q_target=(TARGET * predicted).sum(axis=1)[x],
                mrdr_logged=predicted[x, a],
                mrdr_target=(TARGET * predicted).sum(axis=1)[x],
            )
            for estimator in estimators:
                full = fed(estimator, batch)
                errors[estimator.label][j] = full.value() - VALUE
                scores[estimator.label][j] = (full.value() - VALUE) / full.standard_error()
    return errors, scores


@pytest.mark.compiled
@pytest.mark.parametrize("label", [e.label for e in [*SIMULATED, RejectionReplay()]])
def test_estimates_from_simulated_logs_scatter_around_the_truth(simulated, label):
    errors, scores = (table[label] for table in simulated)
    # false alarms: 1e-5 in all, for nine estimators and two tests each
    alarm = 1e-5 / 18
    assert abs(stats.ttest_1samp(errors, 0.0).statistic) < stats.t.ppf(1.0 - alarm / 2.0, LOGS - 1)
    low, high = stats.chi2.ppf([alarm / 2.0, 1.0 - alarm / 2.0], LOGS)
    assert low < (scores**2).sum() < high


# SLOPE


SLOPES = [Slope(kind) for kind in slope_kinds()]


@pytest.mark.parametrize("slope", SLOPES, ids=named)
@given(seed=seeds, n=st.integers(2, 400))
@some
def test_slope_chooses_as_its_twin_and_answers_as_its_candidate(slope, seed, n):
    batch = random_batch(np.random.default_rng(seed), n)
    full = fed(slope, batch)
    alone = [fed(candidate, batch) for candidate in slope.candidates]
    z = stats.norm.ppf(1.0 - 0.05 / (2 * len(BREAKS)))
    own = stats.norm.ppf(0.975)
    want = naive.slope([c.value() for c in alone], [c.standard_error() for c in alone], z, own)
    assert full.choice == want
    assert full.value() == pytest.approx(alone[want].value(), rel=1e-12)
    assert full.standard_error() == pytest.approx(alone[want].standard_error(), rel=1e-9)
    assert full.candidate(want).value() == full.value()
    assert full.chosen == next(iter(alone[want].parameters().values()))


@given(seed=seeds, n=st.integers(2, 500), cut=st.integers(0, 500))
@some
def test_slopes_merge_to_one_pass(seed, n, cut):
    batch = random_batch(np.random.default_rng(seed), n, count=True)
    whole, left, right = (Slope("switch-dr") for _ in range(3))
    whole.add(batch)
    left.add(batch.take(np.arange(min(cut, n))))
    right.add(batch.take(np.arange(min(cut, n), n)))
    left.merge(right)
    assert left.choice == whole.choice
    assert left.value() == pytest.approx(whole.value(), rel=1e-12, abs=1e-12)


@pytest.mark.compiled
def test_slope_bends_little_where_it_costs_and_much_where_it_does_not():
    rng = np.random.default_rng(11)
    n = 20_000
    chosen = rng.random(n) < 0.02
    weight = np.where(chosen, 30.0, 0.4 / 0.98)
    needed = ReplayBatch(np.arange(n), chosen.astype(float), weight=weight)
    assert fed(Slope("clipped-ips"), needed).chosen >= 30.0
    weight = np.where(rng.random(n) < 0.0005, 500.0, 0.75)
    noise = ReplayBatch(np.arange(n), rng.normal(0.0, 1.0, n), weight=weight)
    assert fed(Slope("clipped-ips"), noise).chosen == 1.0


def with_moments(slope, values, errors, n=100):
    """Return a SLOPE whose candidates have these values and standard errors."""
    slope.moments.n = n
    slope.moments.mean = np.array([1.0, *values])
    slope.moments.comoment = np.diag([0.0, *np.square(errors)]) * n * (n - 1)
    return slope


def test_slope_stays_in_the_first_interval_whatever_its_level():
    delta = 2.0 * stats.norm.sf(1.3)
    for factor, choice in ((0.99, 1), (1.01, 0)):
        slope = with_moments(Slope("dr-os", (math.inf, 1.0), factor * delta), (0.4, 0.92), (0.4, 0.1))
        assert slope.choice == choice


def test_slope_minds_every_candidate_before():
    """Values 1, 1.6, 2.1 with errors 1, .05, .05: the last agrees with the first, not with the second."""
    slope = with_moments(Slope("clipped-ips", (math.inf, 2.0, 1.0)), (1.0, 1.6, 2.1), (1.0, 0.05, 0.05))
    z = stats.norm.ppf(1.0 - 0.05 / 6.0)
    assert z * math.sqrt(6.0) * 0.05 < 0.5
    assert slope.choice == 1
    slope.moments.mean[3] = 1.6 + 0.99 * z * math.sqrt(6.0) * 0.05
    assert slope.choice == 2
    slope.moments.mean[3] = 1.6 + 1.01 * z * math.sqrt(6.0) * 0.05
    assert slope.choice == 1


@pytest.mark.compiled
def test_slope_stays_in_the_interval_of_ips():
    """Logs of the kind of `slope.csv`: 500 rows, an action logged with 0.1 that the target takes with 0.6.

    With the intersections of the first SLOPE all weights were clipped at 1 here, in 200 logs of 200, and the
    interval around a value 0.27 too low held the truth in none.
    """
    propensity, target = np.array([0.7, 0.1, 0.1, 0.1]), np.array([0.1, 0.6, 0.2, 0.1])
    reward = np.array([0.1, 0.5, 0.2, 0.2])
    rng, errors, held = np.random.default_rng(15), {500: [], 5000: []}, {500: 0, 5000: 0}
    for n in errors:
        for _ in range(40):
            action = rng.choice(4, n, p=propensity)
            weight = (target / propensity)[action]
            batch = ReplayBatch(np.arange(n), (rng.random(n) < reward[action]) * 1.0, weight=weight)
            slope, ips = fed(Slope().over(weight), batch), fed(IPS(), batch)
            assert abs(slope.value() - ips.value()) <= stats.norm.ppf(0.975) * ips.standard_error()
            errors[n].append(slope.value() - target @ reward)
            held[n] += abs(errors[n][-1]) <= stats.norm.ppf(0.975) * slope.standard_error()
    # over 200 other logs: root mean squares of 0.108 and 0.019, coverage of 109 and 189 of 200
    assert np.sqrt(np.mean(np.square(errors[500]))) < 0.14
    assert np.sqrt(np.mean(np.square(errors[5000]))) < 0.03
    assert held[500] >= 8
    assert held[5000] >= 32


def test_slope_is_asked_for():
    assert slope_of("slope:switch-dr") == "switch-dr"
    assert slope_of("slope") == slope_of({"kind": "slope"}) == "clipped-ips"
    assert slope_of({"kind": "slope", "of": "dr-os", "delta": 0.1}) == "dr-os"
    for other in ("clipped-ips", "slopes", "", {"kind": "ips"}, Slope(), ClippedIPS(), IPS(), None):
        assert slope_of(other) is None
    assert slope_of({"kind": "slope", "breaks": (3.0, 2.0)}) is None
    assert make_estimator("slope:dr-os") == Slope("dr-os")
    assert make_estimator({"kind": "slope", "of": "dr-os", "breaks": [3.0, 2.0]}) == Slope(
        "dr-os", (3.0, 2.0)
    )
    assert make_estimator("slope:ltrr.replay.estimators:SwitchDR").candidates[-1] == SwitchDR(1.0)
    weights = np.array([0.0, 1.0, 1.0, 16.0])
    assert Slope("dr-os", delta=0.1).over(weights) == Slope("dr-os", grid_of(weights), 0.1)
    assert Slope("dr-os").over(None) == Slope("dr-os").over(np.zeros(3)) == Slope("dr-os")
    # a bare name never chooses
    assert make_estimator("clipped-ips") == ClippedIPS(10.0)
    for spec in ("slope:ips", "slope:clipped-ips:3", "slope:nothing"):
        with pytest.raises(InputError, match=r"`Slope.of` must be a known name"):
            make_estimator(spec)


def test_slope_orders_candidates_from_the_least_bent():
    weight = np.array([0.5, 4.0, 20.0])
    for kind in slope_kinds():
        slope = Slope(kind, (3.0, math.inf, 10.0))
        assert slope.breaks == (math.inf, 10.0, 3.0)
        bent = np.stack([candidate.shrunk(weight) for candidate in slope.candidates])
        assert np.array_equal(bent[0], weight)
        assert (np.diff(bent[:, 1:], axis=0) <= 0.0).all()
        assert slope.label == f"slope:{kind}"
        assert slope.needs == slope.candidates[0].needs


def test_a_grid_spans_the_weights():
    weights = np.random.default_rng(12).lognormal(0.0, 1.5, 1000)
    grid = grid_of(weights, size=6)
    assert len(grid) == 6
    assert grid[0] == math.inf
    assert grid[-1] == pytest.approx(max(np.median(weights), 1.0), rel=1e-12)
    steps = np.diff(np.log([weights.max(), *grid[1:]]))
    assert steps == pytest.approx(np.full(5, steps.sum() / 5))
    assert grid_of(np.ones(5)) == (math.inf,)
    assert Slope("dr-os", grid_of(np.ones(5))).candidates == (DROS(math.inf),)
    for bad in (np.zeros(3), np.array([1.0, np.inf]), np.zeros(0)):
        with pytest.raises(InputError, match="`weights` must be finite"):
            grid_of(bad)


# names and errors


def test_labels_make_the_same_estimator_again():
    for estimator in [*KINDS, CressieRead(0.1, 5.0, -1.0, 1.0)]:
        assert make_estimator(estimator.label) == estimator
    assert make_estimator("clipped-ips:3") != ClippedIPS(4.0)
    assert make_estimator("clipped-ips:inf").max_weight == math.inf
    assert CressieRead().label == "cressie-read"


def test_the_registry_holds_every_kind_by_its_name():
    assert {e.name for e in KINDS} <= set(ESTIMATORS.names)
    for name, kind in ESTIMATORS.makers.items():
        assert kind.name == name
        assert make_estimator(name).label.split(":")[0] == name


def test_what_intervals_and_verdicts_know_of_an_estimator():
    made = {name: make_estimator(name) for name in ESTIMATORS.makers} | {"on-policy": OnPolicy()}
    assert {name for name, e in made.items() if e.ratio} == {"snips", "slate-snips"}
    assert {name for name, e in made.items() if e.proportion} == {"on-policy", "snips", "replay"}
    whole = {"on-policy", "slate-ips", "slate-snips", "pi"}
    assert {name for name, e in made.items() if e.slate and e.whole_reward} == whole
    assert {name for name, e in made.items() if not e.weight} == {"on-policy", "dm"}
    for estimator in made.values():
        needs = tuple(estimator.needs)
        assert not estimator.weight or estimator.weight.startswith(needs)
        assert estimator.whole_target == bool({"q", "mrdr", "balanced", "marginal"} & estimator.needs)
        assert estimator.bias == "" or estimator.bias.endswith(".")


def test_what_was_left_open_suits_the_log():
    own = {"rips-sn": {"n_slots": 4}, "cressie-read": {"weight_high": 25.0}}
    for name, kind in ESTIMATORS.makers.items():
        suited = kind.for_log(n_slots=4, weight_bound=25.0)
        default = kind().parameters()
        assert {k: v for k, v in suited.parameters().items() if default[k] != v} == own.get(name, {})
    assert ESTIMATORS.makers["cressie-read"].for_log(n_slots=1, weight_bound=None) == CressieRead()
    assert set(slope_kinds()) == {"clipped-ips", "switch-dr", "dr-os", "sub-gaussian", "sub-gaussian-dr"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("sinps", "names no known kind, got 'sinps'; did you mean 'snips'"),
        ("", "names no known kind, got ''; known: "),
        ("ips:3", "takes no parameter, got 'ips:3'"),
        ("clipped-ips:3:4", "takes max_weight, got"),
        ("clipped-ips:ten", r"`ClippedIPS.max_weight` must be a number, got 'ten'"),
        ("clipped-ips:0", r"`ClippedIPS.max_weight` must be a number > 0, got 0.0"),
        ("clipped-ips:nan", r"`ClippedIPS.max_weight` must be a number > 0, got nan"),
        ("switch-dr:-1", r"`SwitchDR.tau` must be a number >= 0, got -1.0"),
        ("dr-os:0", r"`DROS.lam` must be a number > 0, got 0.0"),
        ("sub-gaussian:1", r"`SubGaussian.lam` must be below 1, got 1.0"),
        ("sub-gaussian-dr:2", r"`SubGaussianDR.lam` must be a number >= 0 and <= 1, got 2.0"),
        ("cressie-read:1", r"`CressieRead.weight_low` must be in \[0, 1\), got 1.0"),
        ("cressie-read:0:1", r"`CressieRead.weight_high` must be above 1, got 1.0"),
        ("cressie-read:0:2:1:0", r"`CressieRead.reward_low` must be below"),
    ],
)
def test_specs_that_make_no_estimator(spec, words):
    with pytest.raises(InputError, match=words) as caught:
        make_estimator(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"of": "ips"}, "`Slope.of` must be a known name"),
        ({"breaks": ()}, "`Slope.breaks` must be different numbers >= 1"),
        ({"breaks": (2.0, 2.0)}, "`Slope.breaks` must be different numbers >= 1"),
        ({"breaks": (0.5, 2.0)}, "`Slope.breaks` must be different numbers >= 1"),
        ({"breaks": (math.nan, 2.0)}, "`Slope.breaks` must be a number"),
        ({"delta": 0.0}, r"`Slope.delta` must be in \(0, 1\)"),
    ],
)
def test_slopes_that_cannot_be(arguments, words):
    with pytest.raises(InputError, match=words):
        Slope(**arguments)


@pytest.mark.parametrize("estimator", [*KINDS, *SLOPES], ids=named)
def test_columns_that_are_needed_are_asked_for(estimator):
    columns = {
        "weight": {"weight"},
        "q": {"q_logged", "q_target"},
        "mrdr": {"mrdr_logged", "mrdr_target"},
        "balanced": {"balanced_weight"},
        "marginal": {"marginal_weight"},
        "accept": {"accept"},
    }
    full = random_batch(np.random.default_rng(1), 5)
    enough = set().union(*(columns[word] for word in estimator.needs))
    used = {"q_target"} if isinstance(estimator, DM) else enough
    optional = set().union(*columns.values())
    fed(estimator, changed(full, **dict.fromkeys(optional - enough, None))).value()
    for name in used:
        with pytest.raises(InputError, match=rf"needs `ReplayBatch\.{name}`, which was not given"):
            estimator.fork().add(changed(full, **{name: None}))


@pytest.mark.parametrize("estimator", [*KINDS, *SLOPES], ids=named)
def test_requests_of_several_slots_and_empty_logs_are_refused(estimator):
    batch = changed(random_batch(np.random.default_rng(1), 4), key=np.array([0, 0, 1, 2]))
    with pytest.raises(InputError, match="judges one decision a request, this log has several slots"):
        estimator.fork().add(batch)
    with pytest.raises(InputError, match="has seen no rows"):
        estimator.fork().value()


@pytest.mark.parametrize("estimator", [SNIPS(), SNDR(), RejectionReplay(), BalancedIPS()], ids=named)
def test_logs_without_weight_have_no_ratio(estimator):
    zero = np.zeros(4)
    batch = changed(random_batch(np.random.default_rng(1), 4), weight=zero, balanced_weight=zero, accept=zero)
    with pytest.raises(InputError, match="is undefined: no row has a weight above 0"):
        fed(estimator, batch).value()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (IPS(), SNIPS()),
        (ClippedIPS(2.0), ClippedIPS(3.0)),
        (DR(), MRDR()),
        (Slope("switch-dr"), Slope("dr-os")),
        (Slope("switch-dr"), Slope("switch-dr", (2.0, 1.0))),
    ],
    ids=named,
)
def test_only_like_merges_with_like(one, other):
    with pytest.raises(InputError, match="not the same estimator"):
        one.fork().merge(other.fork())
