"""User models: closed forms, conditionals and samples against enumeration of every latent pattern."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr import users
from ltrr.errors import InputError
from ltrr.protocols import UserModel
from ltrr.types import Truth
from ltrr.users import DBN, PBM, SDBN, USERS, Cascade, StopTable, UserTables
from tests.naive_users import (
    GRADES,
    KINDS,
    click_after_click,
    enumerate_page,
    expect,
    pair,
    parameters,
    sample_page,
    textbook_clicks,
    truth_of,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(given=parameters, page=st.lists(st.integers(0, GRADES - 1), min_size=1, max_size=4))
def test_closed_forms_equal_enumeration(kind, given, page):
    model, naive = pair(kind, *given)
    joint = enumerate_page(naive, page)
    assert expect(joint, lambda e, c, s: 1.0) == pytest.approx(1.0, abs=1e-12)
    got = model.probabilities(truth_of(page, GRADES - 1))
    for k in range(len(page)):
        assert got.examined[0, k] == pytest.approx(expect(joint, lambda e, c, s, k=k: e[k]), abs=1e-12)
        assert got.click[0, k] == pytest.approx(expect(joint, lambda e, c, s, k=k: c[k]), abs=1e-12)
        assert got.satisfied[0, k] == pytest.approx(expect(joint, lambda e, c, s, k=k: s[k]), abs=1e-12)
    assert got.any_click[0] == pytest.approx(expect(joint, lambda e, c, s: any(c)), abs=1e-12)
    assert got.any_satisfied[0] == pytest.approx(expect(joint, lambda e, c, s: any(s)), abs=1e-12)
    np.testing.assert_allclose(got.click[0], textbook_clicks(naive, page), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None)
@given(given=parameters, page=st.lists(st.integers(0, GRADES - 1), min_size=4, max_size=4))
def test_conditionals_multiply_to_the_joint_and_give_the_pairs(kind, given, page):
    model, naive = pair(kind, *given)
    joint = enumerate_page(naive, page)
    patterns = np.array(list(product((False, True), repeat=4)))
    truth = truth_of(np.tile(page, (len(patterns), 1)), GRADES - 1)
    step = model.conditional(truth, patterns)
    likelihood = np.where(patterns, step, 1.0 - step).prod(axis=1)
    assert likelihood.sum() == pytest.approx(1.0, abs=1e-12)
    for row, pattern in zip(likelihood, patterns.astype(int).tolist(), strict=True):
        want = expect(joint, lambda e, c, s, p=tuple(pattern): c == p)
        assert row == pytest.approx(want, abs=1e-12)
    for i, j in combinations(range(4), 2):
        single = likelihood[patterns[:, i]].sum()
        both_clicked = likelihood[patterns[:, i] & patterns[:, j]].sum()
        assert both_clicked == pytest.approx(single * click_after_click(naive, page, i, j), abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(
    given=parameters,
    page=st.lists(st.integers(-1, GRADES - 1), min_size=4, max_size=4),
    random=st.randoms(use_true_random=False),
)
def test_sample_equals_naive_uniform_for_uniform(kind, given, page, random):
    model, naive = pair(kind, *given)
    page = [g for g in page if g >= 0] + [-1] * page.count(-1)
    u = np.array([random.random() for _ in range(5 * 4 * 3)]).reshape(5, 4, 3)
    got = model.sample(truth_of([page] * 5, GRADES - 1), u)
    for b in range(5):
        clicked, satisfied = sample_page(naive, page, u[b].tolist())
        assert got.click[b].astype(int).tolist() == clicked
        assert got.satisfied[b].astype(int).tolist() == satisfied
        assert got.abandoned[b] == (not any(clicked))


def test_sdbn_by_hand():
    # ε = 1, then 1 − .5·.5 = .75; satisfied: .25 + .75·.25; any click: .5 + .5·.5
    user = SDBN(attraction=(0.0, 0.5), satisfaction=(0.0, 0.5))
    got = user.probabilities(truth_of([1, 1, -1], 1))
    assert got.examined.tolist() == [[1.0, 0.75, 0.0]]
    assert got.click.tolist() == [[0.5, 0.375, 0.0]]
    assert got.satisfied.tolist() == [[0.25, 0.1875, 0.0]]
    assert got.any_satisfied.tolist() == [0.4375]
    assert got.any_click.tolist() == [0.75]
    # after a click ε = 1 − .5; after a skip ε = 1
    truth = truth_of([[1, 1], [1, 1]], 1)
    click = np.array([[True, False], [False, False]])
    assert user.conditional(truth, click).tolist() == [[0.5, 0.25], [0.5, 0.5]]


def same(one, other, max_grade=GRADES - 1):
    """Compare two models: closed forms, and samples under the same uniforms."""
    rng = np.random.default_rng(5)
    grades = rng.integers(0, max_grade + 1, (300, 6))
    truth, u = truth_of(grades, max_grade), rng.random((300, 6, 3))
    a, b = one.probabilities(truth), other.probabilities(truth)
    for key in ("examined", "click", "satisfied", "any_click", "any_satisfied"):
        np.testing.assert_allclose(getattr(a, key), getattr(b, key), atol=1e-12)
    return np.array_equal(one.sample(truth, u).click, other.sample(truth, u).click)


def test_identities():
    some, sure, never = (0.2, 0.5, 0.9), (1.0,) * GRADES, (0.0,) * GRADES
    assert same(DBN(gamma=1.0, satisfaction=some), SDBN(satisfaction=some))
    assert same(SDBN(satisfaction=sure), Cascade(satisfaction=sure))
    a = tuple(Cascade().attract(GRADES - 1))
    assert same(StopTable(click=(a,), stop=(sure,)), Cascade())
    # nobody ever stops: all places examined, whatever the family
    unstoppable = StopTable(click=(a,), stop=(never,), satisfaction=never)
    assert same(unstoppable, SDBN(satisfaction=never))
    full = PBM(eta=0.0, satisfaction=never)
    truth, u = truth_of([[0, 2, 1, 1]] * 50, 2), np.random.default_rng(1).random((50, 4, 3))
    assert np.array_equal(full.sample(truth, u).click, unstoppable.sample(truth, u).click)
    np.testing.assert_array_equal(full.probabilities(truth).click, unstoppable.probabilities(truth).click)


STOP_TABLES = {
    ("perfect", 4): ((0, 0.2, 0.4, 0.8, 1), (0, 0, 0, 0, 0)),
    ("navigational", 4): ((0.05, 0.3, 0.5, 0.7, 0.95), (0.2, 0.3, 0.5, 0.7, 0.9)),
    ("informational", 4): ((0.4, 0.6, 0.7, 0.8, 0.9), (0.1, 0.2, 0.3, 0.4, 0.5)),
    ("almost-random", 4): ((0.4, 0.45, 0.5, 0.55, 0.6), (0.5,) * 5),
    ("perfect", 2): ((0, 0.5, 1), (0, 0, 0)),
    ("navigational", 2): ((0.05, 0.5, 0.95), (0.2, 0.5, 0.9)),
    ("informational", 2): ((0.4, 0.7, 0.9), (0.1, 0.3, 0.5)),
    ("navigational", 1): ((0.05, 0.95), (0.2, 0.9)),
    ("informational", 1): ((0.4, 0.9), (0.1, 0.5)),
    # grades 0 to 3 read the table of 5 grades at 0, 4/3, 8/3, 4
    ("navigational", 3): (
        (0.05, 0.3 + 0.2 / 3, 0.5 + 0.4 / 3, 0.95),
        (0.2, 0.3 + 0.2 / 3, 0.5 + 0.4 / 3, 0.9),
    ),
    ("perfect", 3): ((0, 0.2 + 0.2 / 3, 0.4 + 0.8 / 3, 1), (0, 0, 0, 0)),
}


@pytest.mark.parametrize(("name", "max_grade"), STOP_TABLES)
def test_stop_tables_are_the_published_ones(name, max_grade):
    click, stop = STOP_TABLES[name, max_grade]
    got = USERS.makers[name]().tables(3, max_grade)
    assert not got.independent
    want_satisfied = [(2**y - 1) / (2**max_grade - 1) for y in range(max_grade + 1)]
    for k in range(3):
        np.testing.assert_allclose(got.table[1, k], click, atol=1e-15)
        np.testing.assert_allclose(got.table[2, k], want_satisfied, atol=1e-15)
        np.testing.assert_array_equal(got.table[3, k], 1.0)
        np.testing.assert_allclose(1.0 - got.table[4, k], stop, atol=1e-15)
        np.testing.assert_array_equal(got.table[5, k], got.table[4, k])


def test_position_bias_is_the_published_one():
    eye = [0.68, 0.61, 0.48, 0.34, 0.28, 0.20, 0.11, 0.10, 0.08, 0.06]
    np.testing.assert_allclose(PBM().examine(12), [*eye, 0.6 / 11, 0.05], atol=1e-15)
    np.testing.assert_allclose(PBM(eta=2.0).examine(10), np.square(eye), atol=1e-15)
    assert PBM(eta=0.0).examine(30).tolist() == [1.0] * 30
    np.testing.assert_allclose(PBM(examination="power", eta=0.5).examine(3), [1, 2**-0.5, 3**-0.5])
    np.testing.assert_allclose(PBM().attract(2), [0.1, 0.1 + 0.9 / 3, 1.0], atol=1e-15)


@pytest.mark.parametrize("max_grade", [1, 2, 3, 4])
@pytest.mark.parametrize("name", USERS.makers)
def test_every_preset_on_every_number_of_grades(name, max_grade):
    user = USERS.makers[name]()
    assert isinstance(user, UserModel)
    rng = np.random.default_rng(2)
    grades = rng.integers(-1, max_grade + 1, (40, 12)).astype(np.int8)
    grades = np.take_along_axis(grades, np.argsort(grades < 0, axis=1, kind="stable"), axis=1)
    truth, u = truth_of(grades, max_grade), rng.random((40, 12, 3))
    before = grades.copy(), u.copy()
    p, got = user.probabilities(truth), user.sample(truth, u)
    assert np.array_equal(before[0], truth.rectangle())
    assert np.array_equal(before[1], u)
    for empty in (p.examined, p.click, p.satisfied, got.click, got.satisfied):
        assert not empty[grades < 0].any()
    assert (got.satisfied <= got.click).all()
    assert (p.any_satisfied <= p.any_click + 1e-15).all()
    assert (p.click.max(axis=1) <= p.any_click + 1e-12).all()
    assert (p.any_click <= p.click.sum(axis=1) + 1e-12).all()
    # rows do not depend on the batch they come in
    alone = user.sample(truth_of(grades[7:8], max_grade), u[7:8])
    assert np.array_equal(alone.click[0], got.click[7])
    # better grades please more
    worst, best = (truth_of(np.full((1, 4), g), max_grade) for g in (0, max_grade))
    assert user.probabilities(worst).any_satisfied[0] == 0.0
    assert user.probabilities(best).any_satisfied[0] > 0.4


@pytest.mark.parametrize("name", USERS.makers)
def test_empty_batches_and_empty_pages(name):
    user = USERS.makers[name]()
    none = truth_of(np.zeros((0, 10)), 4)
    got = user.sample(none, np.zeros((0, 10, 3)))
    assert got.click.shape == got.satisfied.shape == (0, 10)
    assert got.abandoned.shape == (0,)
    assert user.probabilities(none).any_click.shape == (0,)
    blank = truth_of([[-1, -1]], 4)
    assert user.sample(blank, np.zeros((1, 2, 3))).abandoned.tolist() == [True]
    assert user.probabilities(blank).any_click.tolist() == [0.0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DBN(gamma=1.5), "DBN.gamma"),
        (lambda: PBM(epsilon=-0.1), "PBM.epsilon"),
        (lambda: PBM(eta=-1.0), "PBM.eta"),
        (lambda: PBM(examination="powr"), "did you mean 'power'"),
        (lambda: SDBN(attraction=(0.1, 2.0)), r"SDBN.attraction\[1\]"),
        (lambda: Cascade(satisfaction=0.5), "Cascade.satisfaction"),
        (lambda: StopTable(click=((0.1, 0.2),), stop=((0.1, 0.2, 0.3),)), "StopTable.stop"),
        (
            lambda: StopTable(click=((0.1, 0.2), (0.3, 0.4)), stop=((0.1, 0.2), (0.3, 0.4))),
            "different lengths",
        ),
        (lambda: StopTable(click=(), stop=()), "StopTable.click"),
        (lambda: UserTables(False, np.full((6, 2, 2), np.nan)), "probabilities"),
        (lambda: SDBN(attraction=(0.1, 0.2)).tables(3, 4), "SDBN.attraction for grades 0 to 4"),
        (lambda: SDBN().tables(3, 0), "max_grade"),
        (lambda: SDBN().probabilities(truth_of([[3, 0]], 2)), "truth.grade"),
        (
            lambda: SDBN().probabilities(truth_of([[1, -2]], 2)),
            r"truth.grade` must lie in \[-1, 2\], got -2 to 1",
        ),
        (lambda: SDBN().probabilities(truth_of([[-1, 0]], 2)), "gap"),
        (lambda: SDBN().sample(truth_of([[1, 0]], 2), np.zeros((1, 3, 3))), "SDBN.sample u"),
        (lambda: SDBN().conditional(truth_of([[1, 0]], 2), np.zeros((2, 2), bool)), "SDBN.conditional"),
    ],
)
def test_mistakes_are_named(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_ragged_truth_is_refused():
    t = truth_of([[1, 0], [1, 1]], 1)
    ragged = Truth(
        indptr=np.array([0, 1, 4]),
        item=t.item,
        grade=t.grade,
        judged=t.judged,
        n_relevant=t.n_relevant,
        ideal=t.ideal,
        topic=t.topic,
        max_grade=1,
    )
    with pytest.raises(InputError, match="as many places"):
        SDBN().probabilities(ragged)


def test_public_names():
    assert sorted(users.__all__) == sorted(
        n for n in vars(users) if n[0].isupper() or n in ("grade_order_is_best", "pages_of")
    )
