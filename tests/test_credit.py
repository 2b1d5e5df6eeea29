"""Credit of slots: every rule against its twin, by hand, and what each rule makes a learner choose."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ltrr.bandits.credit import RULES, SIGNALS, credit
from ltrr.errors import InputError
from tests.naive_bandits import naive_credit


def page_of(kind, click, satisfied):
    """Return the values of a page as the reward defines them."""
    if kind in ("satisfied", "click"):
        counted = satisfied if kind == "satisfied" else click
        return counted / np.maximum(counted.sum(1), 1)[:, None]
    weight = np.ones(click.shape[1]) if kind == "clicks" else 1 / np.log2(np.arange(click.shape[1]) + 2)
    return click * weight / weight.sum()


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), b=st.integers(0, 6), k=st.integers(1, 6), s=st.integers(1, 5))
@example(seed=1, b=6, k=6, s=5)
def test_equals_the_naive_twin(rule, kind, seed, b, k, s):
    rng = np.random.default_rng(seed)
    click = rng.random((b, k)) < 0.6
    satisfied = click & (rng.random((b, k)) < 0.7)
    value = page_of(kind, click, satisfied)
    slots = rng.integers(0, 2**s, (b, k)).astype(np.uint32)
    u = np.round(rng.random((b, s)), 1)  # ties are common
    code = SIGNALS.index(kind)
    page = {"value": value, "slots": slots, "n_slots": s, "click": click, "satisfied": satisfied, "u": u}
    got = credit(rule, **page, reward_kind=code)
    np.testing.assert_allclose(got, naive_credit(rule, kind=kind, **page).reshape(b, s), atol=1e-12)
    drawn = slots > 0
    if rule in ("split", "first"):
        np.testing.assert_allclose(got.sum(1), (value * drawn).sum(1), atol=1e-12)
    if rule == "sequential":
        if kind in ("satisfied", "click"):
            earned = ((satisfied if kind == "satisfied" else click) & drawn).any(1).astype(float)
        else:
            earned = (value * drawn).sum(1)
        np.testing.assert_allclose(got.sum(1), earned, atol=1e-12)


def test_by_hand():
    # place 0: slots 0 and 2; place 1: slot 1; place 2: no slot; clicks on all, satisfied by 0 and 2
    click = np.array([[True, True, True]])
    satisfied = np.array([[True, False, True]])
    page = {
        "slots": np.array([[0b101, 0b010, 0]], np.uint32),
        "n_slots": 3,
        "click": click,
        "satisfied": satisfied,
        "u": np.array([[0.9, 0.5, 0.1]]),
    }
    half = {**page, "value": np.array([[0.5, 0.0, 0.5]]), "reward_kind": SIGNALS.index("satisfied")}
    want = {
        "split": [0.25, 0, 0.25],
        "marginal": [0, 0, 0],
        "any": [0.5, 0, 0.5],
        "first": [0.5, 0, 0],
        "sequential": [0, 0, 1],
        "page": [1, 1, 1],
    }
    assert {rule: credit(rule, **half)[0].tolist() for rule in RULES} == want
    third = {**page, "value": np.array([[0.3, 0.2, 0.1]]), "reward_kind": SIGNALS.index("clicks")}
    assert credit("sequential", **third)[0].tolist() == [0, 0.2, 0.3]
    assert credit("marginal", **third)[0].tolist() == [0, 0.2, 0]


def draw_pair(pair, rng, n):
    """Two places of items: of A and B, the same item, right for 55 % of requests; of C for the other 45 %."""
    need = rng.random(n) < 0.55
    right = {
        "A": need & (rng.random(n) < 0.95),
        "C": ~need & (rng.random(n) < 0.9),
        "D": rng.random(n) < 0.05,
    }
    right["B"] = right["A"]
    same = set(pair) == {"A", "B"}
    satisfied = np.stack([right[pair[0]], right[pair[1]] & (not same)], 1)
    slots = np.tile(np.array([[0b11, 0]] if same else [[0b01, 0b10]], np.uint32), (n, 1))
    return satisfied, slots


@pytest.mark.compiled
def test_near_duplicates():
    """With A in the first slot: whom does each rule want in the second, and what does that page earn?

    20,000 requests a pair; the closest two means lie 0.1 apart, which is 20 standard errors.
    """
    rng = np.random.default_rng(5)
    earned, paid = {}, {rule: {} for rule in RULES}
    both = {}
    for other in "BCD":
        satisfied, slots = draw_pair(("A", other), rng, 20_000)
        value = page_of("satisfied", satisfied, satisfied)
        earned[other] = satisfied.any(1).mean()
        page = {"value": value, "slots": slots, "n_slots": 2, "click": satisfied, "satisfied": satisfied}
        for rule in RULES:
            got = credit(rule, **page, reward_kind=0, u=rng.random((20_000, 2)))
            paid[rule][other] = got[:, 1].mean()
            if other == "B":
                both[rule] = got.sum(0)
    assert both["marginal"].tolist() == [0, 0]
    assert both["sequential"].sum() == pytest.approx(20_000 * earned["B"])
    assert both["sequential"].min() > 4_000
    pick = {rule: max("BCD", key=paid[rule].get) for rule in RULES}
    assert pick["any"] == "B"
    assert {pick[rule] for rule in ("split", "marginal", "sequential")} == {"C"}
    assert earned["C"] == max(earned.values()) > earned["B"] + 0.3


def test_refuses_what_it_cannot_read():
    none = np.zeros((1, 2), bool)
    page = {"value": np.zeros((1, 2)), "slots": np.zeros((1, 2)), "n_slots": 2, "reward_kind": 0}
    page |= {"click": none, "satisfied": none, "u": np.zeros((1, 2))}
    with pytest.raises(InputError, match="did you mean 'split'"):
        credit("spilt", **page)
    with pytest.raises(InputError, match="reward_kind"):
        credit("split", **{**page, "reward_kind": 4})
    with pytest.raises(InputError, match="credit u"):
        credit("split", **{**page, "u": np.zeros((1, 3))})
    with pytest.raises(InputError, match="n_slots"):
        credit("split", **{**page, "n_slots": 33})
