"""Exact bounds of proportions, and what intervals say that they lack."""

import subprocess
import sys
from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.special import betainccinv, betaincinv
from scipy.stats import binom

from ltrr.errors import InputError
from ltrr.replay import ReplayBatch
from ltrr.replay.estimators import DM, IPS, SNIPS, Difference, OnPolicy, Ratio, RejectionReplay, SubGaussian
from ltrr.replay.estimators.slate import RIPS, SlateSNIPS
from ltrr.replay.intervals import (
    Asymptotic,
    ClopperPearson,
    ConfidenceSequence,
    EmpiricalBernstein,
    Hoeffding,
    PoissonBootstrap,
)
from ltrr.replay.intervals.proportion import proportion_bounds, proportion_of_clusters

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)


def fed(estimator, method, batch):
    estimator, method = estimator.fork(), method.fork(estimator)
    estimator.add(batch)
    method.add(estimator.rows(batch), estimator.keys(batch))
    return estimator, method


def log(n, weight=None, reward=None, **more):
    rng = np.random.default_rng(3)
    reward = (rng.random(n) < 0.3) * 1.0 if reward is None else reward
    return ReplayBatch(
        np.arange(n), reward, weight=rng.exponential(size=n) if weight is None else weight, **more
    )


# bounds


@pytest.mark.parametrize("m", [1, 2, 3, 7, 40, 150, 1_000, 12_345, 1_000_000, 100_000_000])
@pytest.mark.parametrize("level", LEVELS)
def test_bounds_are_quantiles_of_beta(m, level):
    outside = (1.0 - level) / 2.0
    # above half of a great many scipy takes half a minute; the next test has the mirror image
    high = {m // 2} if m > 1_000_000 else {m // 3, m // 2, m - m // 10, m - 1}
    for k in sorted({0, 1, min(2, m), m // 1000, m // 50, m} | high):
        low, high = proportion_bounds(k, m, level)
        want_low = betaincinv(k, m - k + 1, outside) if k else 0.0
        want_high = betainccinv(k + 1, m - k, outside) if k < m else 1.0
        assert (low, high) == pytest.approx((want_low, want_high), rel=0.0, abs=1e-12)
        if m < 1_000_000:  # beyond, scipy's quantiles are good to nine digits only: see the next test
            assert (low, high) == pytest.approx((want_low, want_high), rel=1e-12)


def at_most(k, m, p):
    """Return the probability of at most k of m, to 50 digits."""
    p = Decimal(p)
    term = total = ((1 - p).ln() * m).exp()
    for i in range(1, k + 1):
        term = term * p / (1 - p) * (m - i + 1) / i
        total += term
    return total


@pytest.mark.parametrize("k", [0, 1, 3, 30])
@pytest.mark.parametrize("m", [150, 1_000_000, 100_000_000])
def test_bounds_of_many_trials_are_exact(k, m):
    with localcontext() as context:
        context.prec = 50
        outside = Decimal((1.0 - 0.95) / 2.0)
        low, high = proportion_bounds(k, m)
        near = Decimal("1e-12")
        assert at_most(k, m, Decimal(high) * (1 - near)) > outside > at_most(k, m, Decimal(high) * (1 + near))
        if k:
            less = [1 - at_most(k - 1, m, Decimal(low) * (1 + sign * near)) for sign in (-1, 1)]
            assert less[0] < outside < less[1]
    # what counts from the other end is the mirror image
    mirrored = proportion_bounds(m - k, m)
    assert (1.0 - mirrored[1], 1.0 - mirrored[0]) == pytest.approx((low, high), abs=1e-15)


def test_no_successes_are_not_certain():
    assert proportion_bounds(0, 150) == pytest.approx((0.0, 1.0 - 0.025 ** (1.0 / 150.0)))
    assert proportion_bounds(150, 150) == pytest.approx((0.025 ** (1.0 / 150.0), 1.0))
    assert proportion_bounds(1, 1) == pytest.approx((0.025, 1.0))


@pytest.mark.parametrize(("m", "p"), [(20, 0.03), (60, 0.5), (200, 0.01)])
def test_bounds_cover_at_least_as_often_as_stated(m, p):
    """Summed over all numbers of successes: no simulation."""
    chance = binom.pmf(np.arange(m + 1), m, p)
    for level in (0.8, 0.95):
        found = np.array([proportion_bounds(k, m, level) for k in range(m + 1)])
        assert chance[(found[:, 0] <= p) & (p <= found[:, 1])].sum() >= level
        assert chance[found[:, 1] < p].sum() <= (1.0 - level) / 2.0 + 1e-12


@pytest.mark.parametrize("numbers", [(-1, 3), (4, 3), (0, 0), (0.5, 3)])
def test_numbers_that_are_no_proportion(numbers):
    with pytest.raises(InputError, match=r"`(successes|trials)` must be"):
        proportion_bounds(*numbers)


def test_a_cluster_is_one_trial():
    assert proportion_of_clusters(0, 40, 0.9) == proportion_bounds(0, 40, 0.9)
    assert proportion_of_clusters(40, 40) == proportion_bounds(40, 40)
    with pytest.raises(InputError, match="`successes` must be 0 or all of 40 clusters, got 3"):
        proportion_of_clusters(3, 40)


@pytest.mark.compiled
def test_clusters_without_success_bound_the_mean():
    """Users whose rows are all alike, the worst case: beyond the bound in at most 2.5 % of 2,000 logs."""
    rng, bound = np.random.default_rng(4), proportion_of_clusters(0, 50)[1]
    # at a mean just above the bound, no success may be seen in 2.5 % of logs at most; 5 sd are 1.8 %
    silent = (rng.random((2_000, 50)) < 1.001 * bound).any(axis=1)
    assert (~silent).mean() < 0.025 + 0.018


def test_bounds_load_no_heavy_library():
    code = (
        "import sys\nfrom ltrr.replay.intervals import ClopperPearson\n"
        "from ltrr.replay.intervals.proportion import proportion_bounds\nproportion_bounds(3, 1000)\n"
        "print([m for m in ('scipy.special', 'scipy.stats') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# which estimates are proportions


@pytest.mark.parametrize(
    ("estimator", "weight", "plain", "unweighted"),
    [
        (OnPolicy(), 2.0, True, True),
        (SNIPS(), 1.0, True, True),
        (SNIPS(), 2.0, False, False),
        (IPS(), 1.0, False, True),
        (SubGaussian(), 1.0, False, True),
        (RIPS(), 1.0, False, True),
        (SlateSNIPS(), 1.0, False, True),
    ],
    ids=lambda v: getattr(v, "label", str(v)),
)
def test_whether_an_estimate_is_a_proportion_is_known_at_the_end(estimator, weight, plain, unweighted):
    batch = log(30, weight=np.full(30, weight))
    own, method = fed(estimator, ClopperPearson(), batch)
    for known, want in ((False, plain), (True, unweighted)):
        assert method.applies_to(own, unweighted=known) == want
        found = method.interval(own, unweighted=known)
        assert (found is not None) == (method.lacks(own, unweighted=known) == "") == want
        if found is not None:
            k = int(batch.reward.sum())
            assert (found.low, found.high) == proportion_bounds(k, 30)
            assert (found.mean, found.n) == (k / 30, 30)


def test_what_is_no_proportion_is_none_without_weights_either():
    batch = log(30, weight=np.ones(30), q_logged=np.ones(30), q_target=np.ones(30))
    for estimator in (DM(), IPS(), OnPolicy()):
        other = batch if estimator.name == "dm" else log(30, weight=np.ones(30), reward=np.full(30, 0.5))
        own, method = fed(estimator, ClopperPearson(), other)
        assert not method.applies_to(own, unweighted=True)
    for joined in (Difference(IPS(), IPS()), Ratio(OnPolicy(), OnPolicy())):
        rows = joined.paired(joined.first.rows(batch), joined.second.rows(batch))
        joined.moments.add(rows)
        method = ClopperPearson()
        method.add(rows, batch.key)
        assert not method.applies_to(joined, unweighted=True)


# reasons


ONE = {"weight_bound": 9.0, "reward_range": (0.0, 1.0)}
RANGE = "needs the range of a request's reward: reward_range=(0, 1), --reward-range 0,1"
BOUND = (
    "needs the largest possible weight: weight_bound=20, --weight-bound 20, or the smallest possible "
    "propensity: floor=0.05, --floor 0.05"
)
COUNTS = "needs rows that stand for one event each; leave the column of counts unmapped, one row an event"


@pytest.mark.parametrize("method", [Asymptotic(), PoissonBootstrap(100)], ids=lambda m: m.name)
def test_spread_needs_two_requests(method):
    assert method.lacks(fed(SNIPS(), method, log(1))[0]) == "needs at least two requests"
    assert method.lacks(fed(SNIPS(), method, log(2))[0]) == ""


@pytest.mark.parametrize("kind", [Hoeffding, EmpiricalBernstein])
def test_bounds_say_what_they_need(kind):
    few = log(9, weight=np.ones(9))

    def why(estimator=IPS(), batch=few, asked=None, **declared):  # noqa: B008
        own, method = fed(estimator, kind(**declared), batch)
        found = method.interval(own, largest_weight=asked)
        said = method.lacks(own, largest_weight=asked)
        assert (found is None) == (said != "")
        return said

    assert why(**ONE) == why(reward_range=(0.0, 1.0), asked=3.0) == ""
    assert why() == why(weight_bound=9.0) == RANGE
    assert why(reward_range=(0.0, 1.0)) == BOUND
    # what does not grow with the weight needs no bound
    assert why(RejectionReplay(), log(9, accept=np.ones(9))).startswith("needs a mean of bounded terms")
    assert why(OnPolicy(), reward_range=(0.0, 1.0)) == ""
    assert why(SNIPS()).startswith("needs a mean of bounded terms")
    assert why(batch=log(9, count=np.full(9, 2.0)), **ONE) == COUNTS
    assert why(batch=few.take(np.arange(1)), **ONE) == "needs at least two requests"


def test_sequences_say_what_they_need():
    few = log(9, weight=np.ones(9), q_logged=np.zeros(9), q_target=np.zeros(9))

    def why(estimator, batch=few, **declared):
        own, method = fed(estimator, ConfidenceSequence(**declared), batch)
        assert (method.interval(own) is None) == (method.lacks(own) != "")
        return method.lacks(own)

    assert why(SNIPS(), reward_range=(0.0, 1.0)) == why(IPS(), reward_range=(0.0, 1.0)) == ""
    assert why(SNIPS()) == RANGE
    assert why(IPS(), reward_range=(-1.0, 1.0)) == BOUND
    assert why(RejectionReplay(), log(9, accept=np.ones(9)), **ONE).startswith("needs snips, slate-snips or")
    assert why(SNIPS(), log(9, count=np.full(9, 2.0)), **ONE) == COUNTS
    assert why(SNIPS(), few.take(np.arange(0)), **ONE) == "needs at least one request"


def test_proportions_say_what_they_need():
    def why(estimator, batch):
        own, method = fed(estimator, ClopperPearson(), batch)
        assert (method.interval(own) is None) == (method.lacks(own) != "")
        return method.lacks(own)

    sharp = log(9, weight=np.ones(9))
    assert why(SNIPS(), sharp) == ""
    assert why(IPS(), sharp) == "needs a proportion: the reward as logged, snips or replay"
    assert why(SNIPS(), log(9)).startswith("needs rewards of 0 and 1, weights of 0 and 1")
    zeros = ReplayBatch(np.arange(3), np.zeros(3), weight=np.zeros(3))
    assert why(SNIPS(), zeros) == "needs at least one row of weight 1"


def test_which_intervals_take_dependent_rows():
    kinds = (Asymptotic, PoissonBootstrap, Hoeffding, EmpiricalBernstein, ClopperPearson, ConfidenceSequence)
    assert [kind.name.fget(kind()) for kind in kinds if kind.clustered] == ["asymptotic", "bootstrap"]
