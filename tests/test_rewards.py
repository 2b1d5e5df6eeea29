"""Rewards: expected against enumeration, observed against the naive definition, and their agreement."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr._kernels.users import page_value
from ltrr.errors import InputError
from ltrr.users import DBN, SDBN, USERS
from ltrr.users.rewards import Reward, grade_order_is_best
from tests.naive_users import GRADES, enumerate_page, expect, pair, parameters, reward, shares, truth_of
from tests.naive_users import KINDS as USER_KINDS

KINDS = ("satisfied", "click", "clicks", "dcg")


@pytest.mark.parametrize("user", USER_KINDS)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None)
@given(given=parameters, page=st.lists(st.integers(0, GRADES - 1), max_size=4))
def test_expected_equals_enumeration(kind, user, given, page):
    model, naive = pair(user, *given)
    want = expect(enumerate_page(naive, page), lambda e, c, s: reward(kind, c, s, 4))
    padded = page + [-1] * (4 - len(page))
    got = Reward(kind).expected(model, truth_of(padded, GRADES - 1))
    assert got.shape == (1,)
    assert got[0] == pytest.approx(want, abs=1e-12)
    assert 0.0 <= got[0] <= 1.0 + 1e-12


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), min_size=5, max_size=5), max_size=4))
def test_observed_equals_definition_and_shares_add_up(kind, acts):
    acts = np.array(acts, np.int64).reshape(-1, 5)
    click, satisfied = acts > 0, acts == 2
    got, value = Reward(kind).observed(click, satisfied)
    assert got.shape == (len(acts),)
    assert value.shape == (len(acts), 5)
    np.testing.assert_allclose(value.sum(axis=1), got, atol=1e-12)
    for b in range(len(acts)):
        c, s = click[b].tolist(), satisfied[b].tolist()
        assert got[b] == pytest.approx(reward(kind, c, s, 5), abs=1e-12)
        np.testing.assert_allclose(value[b], shares(kind, c, s), atol=1e-12)


def test_by_hand():
    user = SDBN(attraction=(0.0, 0.5), satisfaction=(0.0, 0.5))
    truth = truth_of([1, 1, -1], 1)
    assert Reward().expected(user, truth).tolist() == [0.4375]
    assert Reward("click").expected(user, truth).tolist() == [0.75]
    assert Reward("clicks").expected(user, truth)[0] == pytest.approx(0.875 / 3)
    weights = 1.0, 1 / np.log2(3), 0.5
    want = (0.5 * weights[0] + 0.375 * weights[1]) / sum(weights)
    assert Reward("dcg").expected(user, truth)[0] == pytest.approx(want)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_of_one_place_by_hand(kind):
    user = SDBN(attraction=(0.0, 0.5), satisfaction=(0.0, 0.5))
    want = 0.25 if kind == "satisfied" else 0.5
    assert Reward(kind).expected(user, truth_of([1], 1)).tolist() == [want]


def test_kernel_serves_one_page_at_a_time():
    tables = USERS.makers["dbn"]().tables(10, 4)
    rng = np.random.default_rng(3)
    grades = rng.integers(0, 5, (20, 10)).astype(np.int8)
    for kind in KINDS:
        spare = Reward(kind)
        whole = spare.expected(USERS.makers["dbn"](), truth_of(grades, 4))
        single = [page_value(row, 10, tables.table, tables.independent, spare.code) for row in grades]
        assert whole.tolist() == single
        # what lies below the filled places does not count
        cut = np.where(np.arange(10) < 6, grades, -1)
        short = [page_value(row, 6, tables.table, tables.independent, spare.code) for row in grades]
        assert spare.expected(USERS.makers["dbn"](), truth_of(cut, 4)).tolist() == short


def test_costs():
    spare = Reward("click", arm_cost=0.01, candidate_cost=0.001)
    np.testing.assert_allclose(spare.cost(np.array([0, 3]), np.array([0, 60])), [0.0, 0.09])
    assert Reward().cost(np.zeros(0), np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("max_grade", [1, 2, 3, 4])
@pytest.mark.parametrize("name", USERS.makers)
def test_grade_order_is_best_for_satisfaction_and_for_any_click(name, max_grade):
    user = USERS.makers[name]()
    assert grade_order_is_best(user, Reward("satisfied"), max_grade)
    assert grade_order_is_best(user, Reward("click"), max_grade)


def test_grade_order_is_not_best_for_clicks_of_users_who_stop():
    for name in ("navigational", "informational"):
        for max_grade in (1, 2, 4):
            assert not grade_order_is_best(USERS.makers[name](), Reward("clicks"), max_grade)
    assert grade_order_is_best(USERS.makers["pbm"](), Reward("clicks"), 4)
    # the counterexample in numbers: an irrelevant item first keeps the navigational user reading
    user, clicks = USERS.makers["navigational"](), Reward("clicks")
    down, up = clicks.expected(user, truth_of([[1, 0], [0, 1]], 1))
    assert down == pytest.approx((0.95 + 0.05 * (1 - 0.95 * 0.9)) / 2)
    assert up == pytest.approx((0.05 + 0.95 * (1 - 0.05 * 0.2)) / 2)
    assert up > down


def test_grade_order_sees_a_table_that_is_not_monotone():
    upside_down = DBN(attraction=(0.9, 0.5, 0.1), satisfaction=(0.9, 0.5, 0.1))
    assert not grade_order_is_best(upside_down, Reward("satisfied"), 2)
    # many grades: not all pages are tried, but a single step down between neighbours is still seen
    for top in (12, 31, 127):
        rising = np.linspace(0.1, 0.9, top + 1)
        assert grade_order_is_best(DBN(attraction=rising.tolist()), Reward("satisfied"), top)
        rising[[top // 2, top // 2 + 1]] = rising[[top // 2 + 1, top // 2]]
        falls = DBN(attraction=rising.tolist(), satisfaction=rising.tolist())
        assert not grade_order_is_best(falls, Reward("satisfied"), top)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Reward("satisfed"), "did you mean 'satisfied'"),
        (lambda: Reward(arm_cost=-1.0), "Reward.arm_cost"),
        (lambda: Reward(candidate_cost=float("nan")), "Reward.candidate_cost"),
        (
            lambda: Reward().observed(np.zeros((2, 3), bool), np.zeros((2, 4), bool)),
            "Reward.observed satisfied",
        ),
        (lambda: Reward().cost(np.zeros(2), np.zeros(3)), "Reward.cost n_candidates"),
    ],
)
def test_mistakes_are_named(make, words):
    with pytest.raises(InputError, match=words):
        make()
