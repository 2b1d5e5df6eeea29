"""Diagnostics of weights, and the verdict that follows from them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ltrr._kernels.rewarded import reward_pass
from ltrr._kernels.weights import weight_pass
from ltrr.logs.events import Events, Space
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.judging.diagnostics import _BINS, _LOW, _PER_DECADE, MEANINGS, Diagnostics
from ltrr.replay.judging.pareto import pareto_k, tail_size
from ltrr.replay.judging.verdict import CANNOT, SUPPORTED, WEAK, judge, rows_needed
from tests.naive import naive_pareto_k, naive_weight_pass

weights = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-9, 1e9), st.sampled_from([1.0, 10.0, 1e-4, 1e8])), max_size=30
)


@given(weights, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_weight_pass_equals_its_twin(weight, seed):
    rng = np.random.default_rng(seed)
    weight = np.array(weight)
    count, reward = rng.uniform(0.5, 3, len(weight)), rng.integers(-1, 2, len(weight)).astype(float)
    n, mass = np.zeros(_BINS, np.int64), np.zeros(_BINS)
    sums = weight_pass(weight, count, reward, _LOW, _PER_DECADE, n, mass)
    n2, mass2, sums2 = naive_weight_pass(weight, count, reward, _LOW, _PER_DECADE, _BINS)
    assert n.tolist() == n2
    np.testing.assert_allclose(mass, mass2, rtol=1e-12)
    np.testing.assert_allclose(sums, sums2, rtol=1e-12)


def events_of(action, propensity, n_actions, probabilities=None):
    n = len(action)
    return Events(
        Space(tuple(map(str, range(n_actions)))),
        np.arange(1, n + 1),
        np.arange(n),
        np.array(action),
        np.zeros(n),
        np.array(propensity, float),
        probabilities=probabilities,
    )


def test_by_hand():
    d = Diagnostics(n_actions=3)
    events = events_of([0, 1, 1, 0], [0.5, 0.25, 1.0, 0.5], 3)
    pi = np.array([0.5, 0.0, 0.5, 0.0, 0.5, 0.5, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    d.add(
        ReplayBatch(np.arange(4), np.array([1.0, 0, 1, 1]), weight=np.array([1.0, 2.0, 0.0, 2.0])), events, pi
    )
    found = d.summary()
    assert set(found) == set(MEANINGS)
    assert found["ess"] == 25 / 9
    assert found["mean_weight"] == 1.25
    # deviations −.25, .75, −1.25, .75 square to .0625 + .5625 + 1.5625 + .5625 = 2.75
    assert found["mean_weight_se"] == pytest.approx(np.sqrt(2.75) / 4, rel=1e-12)
    assert (found["max_weight"], found["max_weight_share"], found["zero_weight_share"]) == (2.0, 0.4, 0.25)
    assert found["rewarded"] == 2
    assert found["ess_rewarded"] == 9 / 5
    # action 2 was never taken; the target wants it with .5 + .5 + 1 of 4
    assert (found["unsupported_mass"], found["unsupported_known"]) == (0.5, 0.0)
    assert found["certain_share"] == 0.25
    assert found["mean_inverse_propensity"] == pytest.approx((2 + 4 + 1 + 2) / 3 / 4, rel=1e-12)
    assert not d.deterministic


def test_support_is_exact_where_distributions_are_logged():
    d = Diagnostics(n_actions=2)
    stated = np.array([1.0, 0.0, 0.5, 0.5])
    d.add(
        ReplayBatch(np.arange(2), np.zeros(2), weight=np.ones(2)),
        events_of([0, 1], [1.0, 0.5], 2, stated),
        np.array([0.25, 0.75, 0.5, 0.5]),
    )
    assert (d.summary()["unsupported_mass"], d.summary()["unsupported_known"]) == (0.375, 1.0)


@given(st.lists(st.integers(0, 400), max_size=6), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_parts_merge_to_one_pass(cuts, seed):
    rng = np.random.default_rng(seed)
    n = 400
    action, reward = rng.integers(0, 4, n), rng.random(n)
    events = events_of(action, rng.uniform(0.1, 1, n), 4)
    pi = rng.dirichlet(np.ones(4), n)
    batch = ReplayBatch(np.arange(n), reward, weight=pi[np.arange(n), action] / events.propensity)
    whole = Diagnostics(4)
    whole.add(batch, events, pi.reshape(-1))
    total = Diagnostics(4)
    edges = sorted({0, n, *cuts})
    for low, high in itertools.pairwise(edges):
        part, rows = Diagnostics(4), np.arange(low, high)
        part.add(batch.take(rows), events.take(rows), pi[rows].reshape(-1))
        total.merge(part)
    one, other = whole.summary(), total.summary()
    for key in set(MEANINGS) - {"drift_reward_p", "drift_weight_p"}:  # block borders depend on the cuts
        if one[key] is None:
            assert other[key] is None
        else:
            assert other[key] == pytest.approx(one[key], rel=1e-12), key


def test_drift_is_found_and_uniform_p_values_are_not():
    rng = np.random.default_rng(1)
    n = 5_000
    steady, falling = (rng.random(n) < 0.2), rng.random(n) < np.linspace(0.3, 0.1, n)
    answers = []
    for reward in (steady, falling):
        d = Diagnostics(2)
        for rows in np.array_split(np.arange(n), 7):
            d.add(ReplayBatch(rows, reward[rows].astype(float), weight=np.ones(len(rows))))
        answers.append(d.drift_p("reward"))
    assert answers[0] > 1e-3
    assert answers[1] < 1e-9
    assert d.drift_p("weight") is None


def test_pareto_k_recovers_the_shape():
    rng = np.random.default_rng(2)
    n = 40_000
    for k in (0.2, 0.5, 1.0):
        x = stats.genpareto.rvs(k, size=n, random_state=rng)
        tail = np.sort(x)[-(tail_size(n) + 1) :]
        # standard error about (1 + k) / √600; 5 of them and the shrinkage to .5
        assert pareto_k(tail, n) == pytest.approx(k, abs=5 * (1 + k) / np.sqrt(600) + 0.01)
        fit = stats.genpareto.fit(tail[1:] - tail[0], floc=0.0)[0]
        assert pareto_k(tail, n) == pytest.approx((600 * fit + 5) / 610, abs=0.03)


@pytest.mark.parametrize("order", ["rising", "falling", "mixed"])
@pytest.mark.parametrize("keep", [96, 97, 150])
def test_the_tail_that_is_kept_tells_the_same_as_all_weights(monkeypatch, order, keep):
    """A thousand weights, of which a bounded number is kept: k̂ needs 95 and their threshold."""
    monkeypatch.setattr("ltrr.replay.judging.diagnostics._KEEP", keep)
    assert tail_size(1_000) == 95
    weight = np.random.default_rng(4).pareto(1.5, 1_000)
    weight = {"rising": np.sort(weight), "falling": -np.sort(-weight), "mixed": weight}[order]
    want = pareto_k(weight, 1_000)
    # all weights, exactly the tail and its threshold, in any order
    assert pareto_k(np.sort(weight)[-96:], 1_000) == pareto_k(np.sort(weight)[::-1][:96], 1_000) == want
    assert pareto_k(np.sort(weight)[-95:], 1_000) != want
    batch = ReplayBatch(np.arange(1_000), np.ones(1_000), weight=weight)
    once, streamed, merged = Diagnostics(2), Diagnostics(2), Diagnostics(2)
    once.add(batch)
    for rows in np.array_split(np.arange(1_000), 23):
        streamed.add(batch.take(rows))
        part = Diagnostics(2)
        part.add(batch.take(rows))
        merged.merge(part)
    top = np.sort(weight)[::-1]
    for found in (once, streamed, merged):
        assert len(found._largest.values) == keep
        message = found.summary()
        assert message["pareto_k"] == want
        assert message["max_weight"] == top[0]
        assert message["max_weight_share"] == pytest.approx(top[0] / weight.sum(), rel=1e-12)
        assert message["top1_percent_share"] == pytest.approx(top[:10].sum() / weight.sum(), rel=1e-12)


def test_shares_beyond_the_kept_weights_are_not_told(monkeypatch):
    for keep, reported in ((10, True), (9, False)):
        monkeypatch.setattr("ltrr.replay.judging.diagnostics._KEEP", keep)
        found = Diagnostics(2)
        found.add(ReplayBatch(np.arange(1_000), np.ones(1_000), weight=np.arange(1.0, 1_001.0)))
        assert (found.summary()["top1_percent_share"] is not None) == reported


@pytest.mark.parametrize(("n", "tail"), [(0, 0), (1, 1), (24, 5), (225, 45), (226, 46), (10_000, 300)])
def test_tail_sizes(n, tail):
    """A fifth of few weights, three roots of many; they meet at 225."""
    assert tail_size(n) == tail


@pytest.mark.parametrize("shape", [0.1, 0.7, 2.0])
@pytest.mark.parametrize("n", [24, 26, 60, 225, 400])
def test_pareto_k_equals_its_twin(n, shape):
    weight = np.random.default_rng(n).pareto(1.0 / shape, n)
    for w in (weight, np.round(weight, 1), np.minimum(weight, np.quantile(weight, 0.95))):
        got, want = pareto_k(w, n), naive_pareto_k(w.tolist(), n)
        assert got == (want if want is None else pytest.approx(want, rel=1e-10))


def test_pareto_k_needs_five_weights_above_the_threshold():
    weight = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 7.0])
    assert pareto_k(weight[1:], 24) is None
    assert np.isfinite(pareto_k(weight, 24))
    # ties with the threshold are not above it
    assert pareto_k(np.maximum(weight, 2.0), 24) is None


@given(st.integers(5, 400), st.sampled_from([2.0, 3.0, 4.0, 10.0]), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_pareto_k_is_a_number_for_few_distinct_weights(n, base, seed):
    weight = base ** np.random.default_rng(seed).integers(0, 4, n)
    found = pareto_k(weight, 10 * n)
    assert found is None or found == -np.inf or np.isfinite(found)


def test_pareto_k_where_there_is_no_tail():
    assert pareto_k(np.ones(50), 10_000) == -np.inf
    assert pareto_k(np.array([1.0, 2.0]), 2) is None


GOOD = {
    "n": 50_000.0,
    "ess": 20_000.0,
    "mean_weight": 1.0,
    "mean_weight_se": 0.01,
    "max_weight_share": 0.001,
    "pareto_k": 0.3,
    "ess_rewarded": 900.0,
    "unsupported_mass": 0.0,
}


@pytest.mark.parametrize(
    ("change", "label", "message"),
    [
        ({}, SUPPORTED, "20,000"),
        ({"ess": 9.9}, CANNOT, "9.9"),
        ({"ess": 10.0}, WEAK, "below 1,000"),
        ({"ess": 999.0}, WEAK, "999"),
        ({"unsupported_mass": 0.3}, CANNOT, "30%"),
        ({"unsupported_mass": 0.01}, WEAK, "1.00%"),
        ({"mean_weight": 0.5}, CANNOT, "average 0.5"),
        ({"mean_weight": 0.9}, WEAK, "10.0 standard errors"),
        ({"mean_weight": 0.9, "mean_weight_se": 3e-9}, WEAK, "weights average 0.9 where"),
        ({"mean_weight": 0.9, "mean_weight_se": 0.0}, WEAK, "weights average 0.9 where"),
        ({"mean_weight": 1.009, "mean_weight_se": 1e-6}, SUPPORTED, "20,000"),
        ({"max_weight_share": 0.2}, WEAK, "20%"),
        ({"pareto_k": 0.9}, WEAK, "0.90"),
        ({"ess_rewarded": 12.0}, WEAK, "12 effective"),
        ({"drift_reward_p": 1e-9}, WEAK, "drift"),
        ({"calibration_p": 1e-9}, WEAK, "do not fit"),
        ({"mean_inverse_propensity": 0.7, "mean_inverse_propensity_se": 0.01}, WEAK, "1/propensity"),
        ({"n": 0.0}, CANNOT, "no usable row"),
        ({"rewarded": 0.0}, CANNOT, "does not show"),
        ({"propensity_p": 1e-9, "propensity_mean": 1.8}, CANNOT, "do not fit the actions taken (mean of 1/p"),
        ({"propensity_p": 1e-9, "propensity_mean": 1.1}, WEAK, "do not fit the actions taken (mean of 1/p"),
        ({"propensity_p": 1e-9, "propensity_mean": 1.01}, SUPPORTED, "20,000"),
        ({"propensity_p": 1e-3, "propensity_mean": 1.8}, SUPPORTED, "20,000"),
        ({"propensity_p": 1e-9, "propensity_bits": 0.31}, CANNOT, "average 1.24 times the propensities"),
        ({"propensity_p": 1e-9, "propensity_bits": 0.01}, WEAK, "average 1.01 times the propensities"),
        ({"gap_p": 1e-5}, WEAK, "DR and IPS differ by more than chance (p = 1e-05)"),
        ({"gap_p": 1e-2}, SUPPORTED, "20,000"),
        ({"left_out": 0.58, "ess": 20.0}, WEAK, "58% of the rows were left out"),
        ({"left_out": 0.049}, SUPPORTED, "20,000"),
        (
            {"clusters": 120.0, "ess_clusters": 119.9},
            WEAK,
            "120 clusters in 50,000 rows, below 1,000 effective",
        ),
        (
            {"clusters": 5e3, "ess_clusters": 80.0},
            WEAK,
            "5,000 clusters in 50,000 rows count as 80, below 1,000",
        ),
        ({"clusters": 5e3, "ess_clusters": 4e3, "ess": 600.0}, SUPPORTED, "size 600 in 5,000 clusters"),
        ({"clusters": 9.0, "ess_clusters": 9.0}, CANNOT, "9 clusters in 50,000 rows, below 10 effective"),
        ({"clusters": 90.0, "ess_clusters": 9.0}, CANNOT, "90 clusters in 50,000 rows count as 9"),
    ],
)
def test_verdicts(change, label, message):
    verdict = judge(GOOD | change)
    assert verdict.label == label
    assert message in verdict.reason


def test_verdicts_beyond_weights():
    assert judge(GOOD, deterministic=True).label == CANNOT
    assert judge(GOOD, deterministic=True, weighting=False).label == SUPPORTED
    assert judge(GOOD | {"ess": 3.0}, weighting=False).label == SUPPORTED  # the weights of no estimate
    assert "frequencies" in judge(GOOD, estimated="propensities estimated by frequencies").reason
    assert judge(GOOD, biased="rests on a model").label == WEAK


def test_placeholders_are_named_before_all_else():
    clause = "every propensity is 1, though 3 actions were taken in one context"
    found = judge(GOOD | {"ess": 2.0}, deterministic=True, placeholder=clause)
    assert found.label == CANNOT
    assert found.reason.startswith(f"propensities are placeholders ({clause}): estimate them")
    assert "--propensity-model logistic" in found.reason
    assert judge(GOOD, weighting=False, placeholder=clause).label == SUPPORTED


@pytest.mark.parametrize("n", [5.0, 10.0, 999.0, 1_000.0])
def test_the_same_number_has_the_same_verdict_under_another_name(n):
    """Weights of 1 reweight nothing: as logged and as the estimate of the logging policy."""
    logged = judge({"n": n, "drift_reward_p": 0.5}, weighting=False)
    weighted = judge({"n": n, "ess": n, "mean_weight": 1.0, "max_weight_share": 1 / n, "drift_reward_p": 0.5})
    assert logged.label == weighted.label == (CANNOT if n < 10 else WEAK if n < 1_000 else SUPPORTED)
    if 20 < n < 1_000:
        assert logged.reason == weighted.reason
        assert logged.reason == "999 rows, below 1,000: intervals may miss more often than stated."
    assert (
        judge({"n": n, "rewarded": 0.0, "ess_rewarded": 0.0}, weighting=False, exact=True).label == SUPPORTED
    )


def test_a_model_cannot_answer_where_it_saw_nothing():
    by_model = {"weighting": False, "modelled": True, "biased": "rests on a model"}
    assert judge(GOOD, **by_model) == judge(GOOD, biased="rests on a model", weighting=False)
    few = judge(GOOD | {"ess": 5.0}, **by_model)
    assert (few.label, few.reason.partition(":")[0]) == (CANNOT, "effective sample size 5.0, below 10")
    assert judge(GOOD | {"unsupported_mass": 0.1}, **by_model).label == CANNOT
    assert judge(GOOD | {"ess": None}, **by_model).label == WEAK
    assert judge(GOOD | {"rewarded": 0.0}, **by_model).label == WEAK
    assert (
        judge(GOOD | {"mean_weight": 0.1, "propensity_p": 0.0, "propensity_mean": 9.0}, **by_model).label
        == WEAK
    )


def test_signed_rewards_do_not_cancel():
    """Three positive and three negative rewards are six that count, as six positive ones are."""
    reward = np.array([2.0, -2.0, 2.0, -2.0, 2.0, -2.0])
    for r in (reward, np.abs(reward)):
        d = Diagnostics(2)
        d.add(ReplayBatch(np.arange(6), r, weight=np.ones(6)))
        assert d.summary()["ess_rewarded"] == 6.0


def test_rows_needed():
    assert rows_needed(100, -1, 1, 0.1) == 10_000
    assert rows_needed(100, -np.inf, 1, 0.1) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 9.0), st.sampled_from([0.0, 1.0, -2.5, 0.3])), max_size=30))
def test_reward_pass_equals_its_twin(pairs):
    factor, reward = np.array(pairs, np.float64).reshape(-1, 2).T.copy()
    out = np.array([1.0, 2.0, 3.0])
    reward_pass(factor, reward, out)
    sizes = [abs(f * r) for f, r in pairs]
    expected = [1.0 + sum(sizes), 2.0 + sum(s * s for s in sizes), 3.0 + sum(s != 0.0 for s in sizes)]
    assert out == pytest.approx(expected, rel=1e-12)
