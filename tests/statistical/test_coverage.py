"""Intervals hold what they say: 100 simulated logs of known truth, and sequences watched row by row.

Counts of hits are binomial at the stated level (one-sided where an interval may cover more often), with
Bonferroni's correction over all lines of a test: false-alarm rate at most 1e-5, fixed seeds. The study with
1,000 logs and its table is ``benchmarks/coverage.py``.
"""

import math

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.coverage import Line, estimators, goals, study, value_on
from benchmarks.coverage_worlds import WORLDS
from ltrr._kernels.betting import bet
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.estimators.snips import SNIPS
from ltrr.replay.intervals import Asymptotic, ConfidenceSequence

FALSE_ALARM = 1e-5

pytestmark = pytest.mark.compiled


@pytest.mark.parametrize("log", list(WORLDS))
def test_consistent_estimators_go_to_the_truth(log):
    """On the whole population, true weights: no bias is left, whatever q̂ predicts."""
    world = WORLDS[log]
    kinds = estimators(world)
    for kind, (goal, truth) in zip(kinds, goals(world, kinds), strict=True):
        assert (kind.bias == "") == (goal == truth)
        if not kind.bias:
            assert value_on(kind, world.population()) == pytest.approx(truth, abs=1e-9)


# the shortest logs on which normal and bootstrap intervals are judged, and the skewed ones where they are not
QUICK = [("benign", 1_700, 100), ("skewed", 1_000, 100), ("slates", 1_500, 100)]
LONG = [("benign", 1_000, 200), ("benign", 10_000, 200), ("skewed", 1_000, 200), ("slates", 2_000, 200)]


@pytest.mark.parametrize(
    ("log", "n", "n_logs"), [*QUICK, *(pytest.param(*case, marks=pytest.mark.soak) for case in LONG)]
)
def test_intervals_cover(log, n, n_logs):
    lines = study(log, n, n_logs, n_resamples=400)
    judged = [line for line in lines if line.judged]
    methods = {line.interval for line in judged}
    assert methods >= {"hoeffding", "empirical-bernstein", "confidence-sequence"}
    assert ("asymptotic" in methods) == ("bootstrap" in methods) == (n * WORLDS[log].ess_share >= 1_000)
    wrong = [
        f"{x.estimator} {x.interval}: {x.hits} of {x.n_logs}"
        for x in judged
        if x.p_value < FALSE_ALARM / len(judged)
    ]
    assert wrong == []
    # biases are what the population says, up to five standard errors of a mean over logs
    for x in lines:
        if x.interval == "asymptotic" and log != "skewed":
            error = x.width / (2 * 1.96) / math.sqrt(x.n_logs)
            assert abs(x.bias - x.limit_bias) < 5.0 * error + 2.0 / n


@pytest.mark.parametrize(("n_logs", "width"), [(100, 0.6), (200, 2.0 / 3.0)])
def test_a_wrong_interval_is_found(n_logs, width):
    """Intervals of this share of the width that they should have would fail, whatever the family's size."""
    coverage = math.erf(1.959964 * width / math.sqrt(2.0))
    line = Line("log", 10_000, "ips", "asymptotic", n_logs, int(n_logs * coverage), 0, 1.0, 0.0, 0.0, 5_000.0)
    assert line.judged
    assert line.p_value < FALSE_ALARM / 200
    assert line.verdict(FALSE_ALARM / 200) == "**out of band**"


def test_sequences_hold_at_all_times():
    """150 logs of 2,000 rows: at most 5 % ever rule the truth out (150 draws: 22 or more have p < 1e-5)."""
    world, n, n_logs = WORLDS["skewed"], 2_000, 150
    truth, missed = world.truth, 0
    prior = np.array([0.5, 0.25])
    for i in range(n_logs):
        batch = world.simulate(n, np.random.default_rng([11, i]))
        ever = False
        # the same bets as `ConfidenceSequence` makes for snips, on the truth alone
        for x, mean in (
            (batch.weight * batch.reward, truth),
            (batch.weight * (1.0 - batch.reward), 1.0 - truth),
        ):
            state, capital, path = np.zeros(3), np.zeros(1), np.empty(n)
            for t in range(n):
                bet(x[t : t + 1], np.array([mean]), math.log(40.0), prior, state, capital)
                path[t] = capital[0]
            ever = ever or bool((path >= math.log(40.0)).any())
        missed += ever
    assert binom.sf(missed - 1, n_logs, 0.05) > FALSE_ALARM


def test_sequences_as_shown_hold_where_normal_intervals_do_not():
    """The public class, looked at 40 times a log: 100 logs, both kinds of terms."""
    world, n_logs = WORLDS["benign"], 100
    for estimator in (IPS(), SNIPS()):
        missed, missed_by_normal = 0, 0
        for i in range(n_logs):
            batch = world.simulate(2_000, np.random.default_rng([12, i]))
            own = estimator.fork()
            sequence = ConfidenceSequence(world.weight_bound, (0.0, 1.0)).fork(own)
            ever, ever_normal = False, False
            for start in range(0, 2_000, 50):
                part = batch.take(np.arange(start, start + 50))
                rows = own.rows(part)
                own.moments.add(rows)
                sequence.add(rows, part.key)
                interval, normal = sequence.interval(own), Asymptotic().interval(own)
                ever = ever or not interval.low <= world.truth <= interval.high
                ever_normal = ever_normal or not normal.low <= world.truth <= normal.high
            missed += ever
            missed_by_normal += ever_normal
        assert binom.sf(missed - 1, n_logs, 0.05) > FALSE_ALARM
        assert binom.sf(missed_by_normal - 1, n_logs, 0.05) < FALSE_ALARM
