"""The sampler against enumeration: marginals, pairs of places and whole pages, at a stated false-alarm rate.

Counts of events are binomial, so p-values are exact (no normal approximation). Each test corrects over all of
its comparisons (Bonferroni) for a false-alarm rate of at most 1e-5; seeds are fixed.
"""

from itertools import combinations

import numba
import numpy as np
import pytest
from scipy.stats import binom

from ltrr.users import PBM, USERS
from tests.naive_users import Naive, enumerate_page, expect, truth_of

FALSE_ALARM = 1e-5
N = 2_000 if numba.config.DISABLE_JIT else 200_000
PAGES = ((2, 0, 3, 4), (1, 3, 0, 2))

GAIN = tuple((2**y - 1) / 15 for y in range(5))
NOISY = tuple(0.1 + 0.9 * x for x in GAIN)
EYE = (0.68, 0.61, 0.48, 0.34)
TWINS = {
    "pbm": Naive("pbm", NOISY, GAIN, EYE),
    "cascade": Naive("cascade", NOISY, GAIN),
    "sdbn": Naive("sdbn", NOISY, GAIN),
    "dbn": Naive("dbn", NOISY, GAIN, 0.9),
    "perfect": Naive("stop", (0, 0.2, 0.4, 0.8, 1), GAIN, 1.0, (0,) * 5),
    "navigational": Naive("stop", (0.05, 0.3, 0.5, 0.7, 0.95), GAIN, 1.0, (0.2, 0.3, 0.5, 0.7, 0.9)),
    "informational": Naive("stop", (0.4, 0.6, 0.7, 0.8, 0.9), GAIN, 1.0, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "almost-random": Naive("stop", (0.4, 0.45, 0.5, 0.55, 0.6), GAIN, 1.0, (0.5,) * 5),
}


def p_value(count, p, n=N):
    """Two-sided exact binomial; an impossible or certain event admits no exception."""
    p = min(max(p, 0.0), 1.0)
    if p < 1e-15 or p > 1.0 - 1e-15:
        return float(count == round(p) * n)
    return min(1.0, 2.0 * min(binom.cdf(count, n, p), binom.sf(count - 1, n, p)))


def events(k):
    """Name every event: f(clicked, satisfied) on arrays (..., K)."""
    out = {}
    for i in range(k):
        out[f"C{i}"] = lambda c, s, i=i: c[..., i]
        out[f"S{i}"] = lambda c, s, i=i: s[..., i]
    for i, j in combinations(range(k), 2):
        out[f"C{i}C{j}"] = lambda c, s, i=i, j=j: c[..., i] & c[..., j]
        out[f"C{i}, no C{j}"] = lambda c, s, i=i, j=j: c[..., i] & ~c[..., j]
        out[f"S{i}C{j}"] = lambda c, s, i=i, j=j: s[..., i] & c[..., j]
    out["any C"] = lambda c, s: c.any(axis=-1)
    out["any S"] = lambda c, s: s.any(axis=-1)
    return out


def surprises(model, page, click, satisfied):
    """Return the p-value of every event's count in a sample of one page."""
    joint = enumerate_page(model, page)
    return {
        name: p_value(
            int(event(click, satisfied).sum()),
            expect(joint, lambda e, c, s, f=event: bool(f(np.array(c, bool), np.array(s, bool)))),
            len(click),
        )
        for name, event in events(len(page)).items()
    }


@pytest.mark.parametrize("name", USERS.makers)
def test_sample_has_the_marginals_and_the_pairs_of_the_model(name):
    seed = sorted(USERS.makers).index(name)
    found = {}
    for number, page in enumerate(PAGES):
        u = np.random.default_rng([20, seed, number]).random((N, 4, 3))
        got = USERS.makers[name]().sample(truth_of(np.tile(page, (N, 1)), 4), u)
        marginal = surprises(TWINS[name], page, got.click, got.satisfied)
        found |= {(page, event): p for event, p in marginal.items()}
    # one family over all eight models
    limit = FALSE_ALARM / (len(found) * len(USERS.makers))
    assert {event: p for event, p in found.items() if p < limit} == {}


def test_every_pattern_of_a_page_is_as_frequent_as_enumerated():
    page, name = PAGES[0], "dbn"
    u = np.random.default_rng(31).random((N, 4, 3))
    got = USERS.makers[name]().sample(truth_of(np.tile(page, (N, 1)), 4), u)
    want = {}
    for (_, c, s), p in enumerate_page(TWINS[name], page).items():
        key = sum((c[k] + s[k]) * 3**k for k in range(4))
        want[key] = want.get(key, 0.0) + p
    seen = np.bincount((got.click + got.satisfied.astype(int)) @ 3 ** np.arange(4), minlength=81)
    p_values = [p_value(int(seen[key]), want.get(key, 0.0)) for key in range(81)]
    assert min(p_values) >= FALSE_ALARM / 81


def test_the_check_catches_examination_carried_as_a_probability():
    """A sampler that draws each click from its marginal has the marginals and lacks the pairs."""
    page = PAGES[0]
    marginal = USERS.makers["sdbn"]().probabilities(truth_of(page, 4))
    u = np.random.default_rng(32).random((200_000, 4, 3))  # no kernel runs here
    click = u[..., 0] < marginal.click
    satisfied = click & (u[..., 1] < np.array(GAIN)[list(page)])
    found = surprises(TWINS["sdbn"], page, click, satisfied)
    limit = FALSE_ALARM / len(found)
    assert all(found[f"C{k}"] >= limit and found[f"S{k}"] >= limit for k in range(4))
    assert found["C0C3"] < limit
    assert found["S0C1"] < limit


def test_places_of_the_position_model_are_independent():
    """Examination of one page must not share a uniform across places or with attraction."""
    page, user = (4, 4, 4, 4), PBM(examination="power", attraction=(0, 0, 0, 0, 0.5))
    u = np.random.default_rng(33).random((N, 4, 3))
    got = user.sample(truth_of(np.tile(page, (N, 1)), 4), u).click
    p = [0.5, 0.25, 0.5 / 3, 0.125]
    for i, j in combinations(range(4), 2):
        assert p_value(int((got[:, i] & got[:, j]).sum()), p[i] * p[j]) >= FALSE_ALARM / 6
