"""Propensities against the actions taken: by hand, against slow twins, and how often wrong ones are found."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.propensity_power import FAULTS, WORLDS, World, found, shares
from ltrr._kernels.propensity import chosen_sums, eligible_sums, pattern_codes, play_bets
from ltrr.logs import read
from ltrr.logs.events import Events, Space
from ltrr.logs.propensity_check import PropensityCheck
from ltrr.logs.propensity_halves import FIRST_ROWS, Halves
from ltrr.logs.propensity_sums import STAKES
from ltrr.logs.propensity_tests import bennett, doubtful, far_off, upper_z
from ltrr.replay.judging.verdict import CANNOT, judge
from tests.naive_propensity import naive_bets, naive_chosen, naive_codes, naive_eligible


def events_of(action, propensity, n_actions, context=None, **columns):
    n = len(action)
    context = np.zeros((n, 0)) if context is None else np.asarray(context)
    slots = int(max(columns.get("slot", []), default=0)) + 1
    space = Space(
        tuple(map(str, range(n_actions))), tuple(f"x{j}" for j in range(context.shape[1])), n_slots=slots
    )
    propensity = np.broadcast_to(np.asarray(propensity, float), n)
    return Events(
        space, np.arange(1, n + 1), np.arange(n), action, np.zeros(n), propensity, context=context, **columns
    )


def check_of(*chunks, whole=False):
    check = PropensityCheck(len(chunks[0].space.actions), whole=whole)
    for events in chunks:
        check.add(events)
    return check


def random_events(seed, n, *, sets=False, full=False, slots=1, counts=False):
    """Draw a log of 5 actions with all there can be."""
    rng = np.random.default_rng(seed)
    columns = {}
    size = np.full(n, 5)
    q = rng.dirichlet(np.ones(5), n)
    if sets:
        there = rng.random((n, 5)) < 0.7
        there[np.arange(n), rng.integers(0, 5, n)] = True
        q, size = q * there, there.sum(axis=1)
        q /= q.sum(axis=1, keepdims=True)
        columns |= {"indptr": np.append(0, size.cumsum()), "eligible": np.nonzero(there)[1]}
    action = (q.cumsum(axis=1) < rng.random(n)[:, None] * 0.999999).sum(axis=1)
    if full:
        columns["probabilities"] = q[there] if sets else q.reshape(-1)
    if counts:
        columns["count"] = rng.choice([1.0, 2.5], n)
    if slots > 1:
        columns["slot"] = np.arange(n) % slots
    context = np.column_stack([rng.normal(size=(n, 5)), rng.integers(0, 2, n)])
    context[rng.random(context.shape) < 0.05] = np.nan
    return events_of(action, q[np.arange(n), action], 5, context, **columns)


# Kernels


@given(st.integers(0, 60), st.integers(0, 6), st.booleans(), st.integers(1, 3), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_kernels_equal_their_twins(n, width, sets, slots, seed):
    events = random_events(seed, n, sets=sets, full=True, slots=slots, counts=True)
    rng = np.random.default_rng(seed)
    columns = rng.permutation(6)[:width]
    thresholds, bits = rng.normal(size=width).astype(np.float32), min(4, width)
    codes = pattern_codes(events.context, columns, thresholds, bits)
    if n:
        np.testing.assert_array_equal(codes, naive_codes(events.context, columns, thresholds, bits))
    shape = (codes.shape[1], 1 << bits, 5, 4)
    sums = np.zeros(shape)
    chosen_sums(events.action, events.propensity, events.count, codes, sums)
    want = naive_chosen(events.action, events.propensity, events.count, codes, shape)
    np.testing.assert_allclose(sums, want, rtol=1e-12)
    indptr, eligible = events.actions.indptr, events.actions.action
    ragged = [eligible[a:b] for a, b in itertools.pairwise(indptr)]
    q = [events.probabilities[a:b] for a, b in itertools.pairwise(indptr)]
    sums = np.zeros(shape)
    eligible_sums(indptr, eligible, events.probabilities, events.count, codes, sums)
    np.testing.assert_allclose(sums, naive_eligible(ragged, q, events.count, codes, shape), rtol=1e-12)
    pattern = np.ascontiguousarray(codes[:, 0])
    want = naive_bets(events.action, events.propensity, events.slot, pattern, ragged, STAKES)
    for some in (True, False) if not sets else (True,):
        capital, seen = np.zeros((2, len(STAKES))), np.zeros((slots, 1 + (1 << bits), 6))
        given_sets = (indptr, eligible) if some else (indptr[:0], eligible[:0])
        play_bets(events.action, events.propensity, events.slot, pattern, *given_sets, seen, STAKES, capital)
        np.testing.assert_allclose(capital, want, rtol=1e-9, atol=1e-9)


def test_bets_stay_within_the_range_of_numbers():
    """Propensities of 1e-12 would multiply a capital of 1 beyond 1e308 within 26 rows."""
    n = 2_000
    for p, sign in ((1e-12, 1), (1.0, -1)):
        capital, action = np.zeros((2, len(STAKES))), (np.arange(n) % 2).astype(np.int32)
        seen = np.zeros((1, 2, 3))
        no_sets = (np.zeros(0, np.int64), np.zeros(0, np.int32))
        zeros = (np.zeros(n, np.int16), np.zeros(n, np.int8))
        play_bets(action, np.full(n, p), *zeros, *no_sets, seen, STAKES, capital)
        assert np.isfinite(capital).all()
        assert (sign * capital > 10).all()


# Tests


def test_the_mean_of_an_action_by_hand():
    # 100 rows, action taken in 90 at propensity .5: Σ 1/p = 180, Σ (X − 1)² = 360 − 2 · 180 + 100 = 100,
    # Σ (1 − p)/p² = 360 − 180 = 180, which is larger
    mean, z = upper_z(np.array([90.0, 180.0, 360.0, 180.0]), np.array([100.0, 100.0]))
    assert mean == 1.8
    assert z == pytest.approx((180 - 101) / np.sqrt(180), rel=1e-12)


def test_an_action_that_is_nearly_certain_is_no_surprise():
    """Always taken at .99 in 200 rows: Σ (X − 1)² alone would be 14 standard errors off."""
    check = check_of(events_of(np.zeros(200, int), 0.99, 2))
    assert check.summary()["propensity_p"] == 1.0


def test_bennett_bounds_the_binomial_tail():
    from scipy import stats

    for taken in (5_100.0, 5_200.0, 5_250.0):
        bound = bennett(np.array(taken), np.array([1e4, 1e4, 5e3, 2.5e3]), 1.0)
        # one row in a hundred is put down to rounding
        exact = 2.0 * stats.binom.sf(taken - 50.0 - 1, 10_000, 0.5)
        assert exact <= bound < 30.0 * exact
    assert bennett(np.array(50.0), np.array([100.0, 100.0, 50.0, 25.0]), 1.0) == 1.0
    # an action that was taken though its probability was 0
    assert bennett(np.array(1.0), np.array([100.0, 100.0, 0.0, 0.0]), 1.0) < 1e-9


def test_wrong_distributions_are_found_and_right_ones_are_not():
    rng = np.random.default_rng(0)
    n, p = 4_000, np.array([0.2, 0.3, 0.5])
    action = rng.choice(3, n, p=p)
    answers = [
        check_of(events_of(action, stated[action], 3, probabilities=np.tile(stated, n))).summary()[
            "calibration_p"
        ]
        for stated in (p, np.array([0.3, 0.3, 0.4]))
    ]
    assert answers[0] > 1e-2
    assert answers[1] < 1e-9
    assert check_of(events_of(action, p[action], 3)).summary()["calibration_p"] is None


def test_distributions_are_judged_within_halves_too():
    """Right on average, wrong in each half: only the halves show it, and p is small."""
    rng = np.random.default_rng(1)
    n = 4_000
    x = np.arange(n) % 2
    p = np.where(x[:, None] == 1, [0.6, 0.4], [0.4, 0.6])
    action = (rng.random(n) > p[:, 0]).astype(int)
    half = np.full((n, 2), 0.5)
    for context, low, high in ((x[:, None], 0.0, 1e-9), (None, 1e-2, 1.0)):
        check = check_of(events_of(action, 0.5, 2, context, probabilities=half.reshape(-1)))
        assert low <= check.summary()["calibration_p"] <= high


@pytest.mark.parametrize("n_actions", [3, 10])
def test_wrong_only_by_context_is_found_where_the_context_is_read(n_actions):
    events = World(n_actions, 1.0, 0.0).log(np.random.default_rng(1), 4_000, "constant")
    assert found(events, context=True) == (True, True)
    assert found(events, context=False)[1] is False
    check = check_of(events)
    assert "where x" in check.worst(events.space.actions)
    assert re.search(
        r"mean of 1/p of '\d' where x\d is (not )?above -?0\.\d+: \d", check.worst(events.space.actions)
    )


def test_bets_know_patterns_of_two_columns():
    """An action by exclusive or of two columns: right in every half, wrong in every pattern."""
    rng = np.random.default_rng(10)
    x = rng.integers(0, 2, (2_000, 2))
    action = (x.sum(axis=1) + (rng.random(2_000) < 0.2)) % 2
    check = check_of(events_of(action, 0.5, 2, x))
    assert check.summary()["propensity_mean"] == 1.0
    assert far_off(check.summary())
    # .8 · .8/.5 + .2 · .2/.5 = 1.36
    said = re.fullmatch(r"shares in earlier rows average (\S+) times the propensities", check.worst("ab"))
    assert float(said[1]) == pytest.approx(1.36, abs=0.03)


def test_counts_weigh_the_rows_in_which_an_action_is_eligible():
    events = random_events(11, 1_500, counts=True)
    sums = check_of(events)._settle()
    x = events.context[:, sums.halves.columns[0]] > sums.halves.thresholds[0]
    for power, row in ((1, 0), (2, 1)):
        want = [(events.count**power).sum(), (events.count**power)[x].sum()]
        np.testing.assert_allclose(sums.eligible()[3, row, :2], want, rtol=1e-12)


def test_a_right_log_of_rare_actions_looks_too_low_and_is_not_blamed():
    """An action of propensity .001 in half of the contexts: its mean is .5 whenever it is not drawn there."""
    rng = np.random.default_rng(3)
    x = np.arange(1_000) % 2
    p = np.where(x == 1, 1e-4, 0.5)
    action = (rng.random(1_000) < p).astype(int)
    check = check_of(events_of(action, np.where(action == 1, p, 1 - p), 2))
    assert check.summary()["propensity_p"] > 0.01
    assert "'b' 0.5" in check.worst("ab")


def test_what_rounding_leaves_is_no_finding():
    rng = np.random.default_rng(4)
    action = rng.integers(0, 3, 30_000)
    assert not doubtful(check_of(events_of(action, 0.333, 3)).summary())
    assert doubtful(check_of(events_of(action, 0.31, 3)).summary())
    assert not far_off(check_of(events_of(action, 0.31, 3)).summary())
    assert far_off(check_of(events_of(action, 0.25, 3)).summary())


def test_sampled_rows_are_not_bet_on():
    """Of rows with reward 0 one in ten is kept, so that the action rewarded most is kept too often."""
    rng = np.random.default_rng(5)
    n = 40_000
    action = rng.integers(0, 2, n)
    reward = rng.random(n) < np.where(action == 1, 0.5, 0.1)
    kept = reward | (rng.random(n) < 0.1)
    count = np.where(reward, 1.0, 10.0)[kept]
    events = events_of(action[kept], 0.5, 2, count=count)
    summary = check_of(events).summary()
    assert summary["propensity_bits"] is None
    assert not doubtful(summary)
    assert far_off(check_of(replace(events, count=None)).summary())
    same = check_of(replace(events, count=np.full(len(events), 10.0))).summary()
    assert same["propensity_bits"] == pytest.approx(
        check_of(replace(events, count=None)).summary()["propensity_bits"]
    )


# Chunks and parts


KINDS = [
    {},
    {"sets": True},
    {"full": True},
    {"sets": True, "full": True},
    {"slots": 3},
    {"counts": True},
    {"sets": True, "slots": 2, "full": True},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("size", [1, 7, 600, 1_023, 1_025])
def test_chunks_make_no_difference(kind, size):
    events = random_events(6, 2_400 if size > 1 else 60, **kind)
    cuts = np.arange(0, len(events), size)
    chunks = [events.take(np.arange(a, min(a + size, len(events)))) for a in cuts]
    one, other = check_of(events).summary(), check_of(*chunks).summary()
    assert one == {
        key: value if value is None else pytest.approx(value, rel=1e-8, abs=1e-12)
        for key, value in other.items()
    }


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_parts_merge(kind):
    """All but bets on later parts, which know nothing of the earlier ones."""
    events = random_events(7, 3_000, **kind)
    whole = check_of(events)
    total = check_of(events.take(np.arange(1_500)))
    rest = total.fork()
    rest.add(events.take(np.arange(1_500, 3_000)))
    total.merge(rest)
    a, b = whole._settle(), total._settle()
    for name in ("n", "inverse", "largest", "smallest", "_chosen", "_eligible", "_every", "_seen"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9, atol=1e-9)
    parts = [check_of(events.take(np.arange(1_500)))._settle().capital, rest._settle().capital]
    np.testing.assert_allclose(b.capital, sum(parts), rtol=1e-12)


def test_parts_with_other_halves_do_not_mix():
    events = random_events(8, 3_000)
    first, second = check_of(events.take(np.arange(1_200))), check_of(events.take(np.arange(1_200, 3_000)))
    first.merge(second)
    assert first.summary() == second.summary()
    empty = PropensityCheck(5)
    empty.merge(first)
    assert empty.summary() == first.summary()
    first.merge(PropensityCheck(5))
    assert empty.summary() == first.summary()


def test_nothing_is_said_of_nothing():
    check = PropensityCheck(3)
    check.add(events_of([], [], 3))
    check.add(replace(events_of([1], 0.5, 3), propensity=None))
    assert set(check.summary().values()) == {None}
    assert (check.placeholder, check.worst("abc")) == ("", "")


def test_columns_are_cut_at_their_medians():
    context = np.array(
        [[5, 1, 0, np.nan], [5, 2, 0, np.nan], [5, 3, 1, 7], [5, 4, 1, np.nan], [5, 9, 1, np.nan]]
    )
    halves = Halves.of(context.astype(np.float32), 3, ragged=False)
    assert (halves.columns.tolist(), halves.thresholds.tolist(), halves.bits) == ([1, 2], [3.0, 0.0], 2)
    assert halves.codes(context.astype(np.float32)).tolist() == [[0], [0], [2], [3], [3]]
    assert halves.name(0, "abcd") == "b is above 3"
    assert halves.name(3, "abcd") == "c is not above 0"
    wide = np.random.default_rng(0).normal(size=(9, 40)).astype(np.float32)
    assert [len(Halves.of(wide, a, ragged=False).columns) for a in (3, 400, 10_000)] == [12, 12, 0]
    assert len(Halves.of(wide, 3, ragged=True).columns) == 8
    assert FIRST_ROWS == 1_024


# Placeholders


def test_placeholders():
    x = np.array([0.0, 0.0, 1.0, 1.0])[:, None]
    three = [0, 1, 2, 2]
    assert check_of(events_of(three, 1.0, 3, x)).placeholder == (
        "every propensity is 1, though 2 actions were taken in one context"
    )
    assert check_of(events_of([0, 0, 2, 2], 1.0, 3, x)).placeholder == ""
    assert (
        check_of(events_of(three, 1.0, 3)).placeholder == "every propensity is 1, though 3 actions were taken"
    )
    assert check_of(events_of(three, 1.0, 3), whole=True).placeholder == (
        "every propensity is 1, though 3 actions were taken in one context"
    )
    assert check_of(events_of([1, 1], 1.0, 3)).placeholder == ""
    assert check_of(events_of(three, [1, 1, 1, 0.5], 3)).placeholder == ""
    # a slot, or other eligible actions, make another decision
    assert check_of(events_of([0, 1], 1.0, 3, slot=[0, 1]), whole=True).placeholder == ""
    sets = {"indptr": [0, 2, 4], "eligible": [0, 1, 1, 2]}
    assert check_of(events_of([0, 2], 1.0, 3, **sets), whole=True).placeholder == ""


def test_placeholders_in_chunks():
    x = np.repeat(np.arange(50.0), 4)[:, None]
    events = events_of(np.arange(200) % 4 // 2, 1.0, 3, x)
    chunks = [events.take(np.arange(a, a + 2)) for a in range(0, 200, 2)]
    assert "2 actions were taken in one context" in check_of(*chunks).placeholder
    assert check_of(*chunks, replace(chunks[0], propensity=np.full(2, 0.5))).placeholder == ""


def test_another_constant_is_a_placeholder_where_chance_does_not_explain_the_shares():
    rng = np.random.default_rng(9)
    even, uneven = rng.integers(0, 4, 2_000), rng.choice(4, 2_000, p=[0.7, 0.1, 0.1, 0.1])
    assert check_of(events_of(even, 0.25, 4)).placeholder == ""
    assert check_of(events_of(uneven, 0.25, 4)).placeholder.startswith(
        "every propensity is 0.25, though shares of the actions range from "
    )
    # even shares that are not the propensity, and even shares that are, by context
    assert check_of(events_of(even, 0.1, 4)).placeholder.startswith(
        "every propensity is 0.1, though shares of the actions "
    )
    by_context = check_of(events_of(even, 0.25, 4, (even == 0).astype(float)[:, None]))
    assert by_context.placeholder == "every propensity is 0.25, though actions depend on the context"
    # off by 7 %, which is a doubt
    assert check_of(events_of(rng.integers(0, 3, 5_000), 0.31, 3)).placeholder == ""
    # sets of 2 of the 4 actions: uneven shares, and right
    sets = np.array([[0, 1], [0, 2], [0, 3]])[rng.integers(0, 3, 2_000)]
    action = sets[np.arange(2_000), rng.integers(0, 2, 2_000)]
    of_sets = {"indptr": np.arange(2_001) * 2, "eligible": sets.reshape(-1)}
    check = check_of(events_of(action, 0.5, 4, **of_sets))
    assert (check.placeholder, doubtful(check.summary())) == ("", False)


# Power and false alarms


@pytest.mark.compiled
@pytest.mark.parametrize("fault", FAULTS[1:])
@pytest.mark.parametrize("world", WORLDS)
def test_wrong_propensities_are_found(world, fault):
    """Twenty logs of 10,000 rows with the context read: nearly all are found (docs/propensities.md)."""
    for n_actions in (3, 10, 50):
        (doubt, _), _ = shares(World(n_actions, *WORLDS[world]), 10_000, fault, 20)
        assert doubt >= 0.9, n_actions


@pytest.mark.compiled
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("n", [200, 1_000, 10_000])
def test_right_propensities_raise_no_alarm(world, n):
    """Sixty logs a cell at p < 1e-4: one alarm among all of them has a probability below 6e-3 a cell."""
    for n_actions in (3, 10, 50):
        for doubt, _ in shares(World(n_actions, *WORLDS[world]), n, "right", 20, seed=1):
            assert doubt == 0.0, n_actions


# Cases


@pytest.mark.parametrize(
    ("name", "placeholder", "far", "worst"),
    [
        (
            "constant_propensity",
            "every propensity is 0.5",
            True,
            "mean of 1/p per action: '0' 1.81, '1' 0.19",
        ),
        ("reagent133", "every propensity is 1, though 2 actions were taken in one context", False, ""),
        ("dm_no_support", "", False, ""),
        ("centred_reward", "", False, ""),
    ],
)
def test_cases(name, placeholder, far, worst, data_dir):
    path = data_dir.parent / "cases" / "replay" / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"shared cases not found at {path}")
    log = read(path)
    check = check_of(*log.chunks(), whole=True)
    assert check.placeholder.startswith(placeholder)
    assert bool(check.placeholder) == bool(placeholder)
    assert far_off(check.summary()) == far
    if worst:
        assert check.worst(log.space.actions) == worst
    summary = {"n": 1_200.0, "ess": 1_200.0} | check.summary()
    found = judge(summary, placeholder=check.placeholder, misfit=check.worst(log.space.actions))
    assert (found.label == CANNOT) == bool(placeholder)
    assert (f"do not fit the actions taken ({worst})" in found.reason) == far
    assert ("placeholders" in found.reason) == bool(placeholder)
