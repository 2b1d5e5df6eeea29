"""Drawing actions: stated probabilities are the frequencies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from ltrr.bandits.draw import draw
from ltrr.errors import InputError
from ltrr.rng import Streams
from ltrr.types import ActionSet
from tests.naive import naive_draw


def sets(lengths):
    n = int(np.sum(lengths))
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    action = np.concatenate([np.arange(k) for k in lengths]) if len(lengths) else np.zeros(0)
    return ActionSet(indptr, action, np.zeros((n, 0)), (), int(max(lengths, default=1)))


@pytest.mark.compiled
def test_frequencies_of_100_000_draws_equal_stated_propensities():
    n, stated, audit = 100_000, np.array([0.05, 0.0, 0.65, 0.3]), 0.1
    streams = Streams(5)
    position, mixed, audited = draw(
        sets([4] * n),
        np.tile(stated, n),
        streams.uniform("draw", np.arange(n)),
        u_audit=streams.uniform("audit", np.arange(n)),
        audit=audit,
    )
    expected = 0.9 * stated + 0.1 / 4
    np.testing.assert_allclose(mixed[:4], expected, rtol=1e-12)
    for rows, share in ((slice(None), expected), (audited, np.full(4, 0.25)), (~audited, stated)):
        counts = np.bincount(position[rows] % 4, minlength=4)
        total = counts.sum()
        assert np.all(counts[share == 0] == 0)
        used = share > 0
        statistic = ((counts[used] - total * share[used]) ** 2 / (total * share[used])).sum()
        assert statistic < chi2.isf(1e-6, used.sum() - 1)
    assert abs(audited.mean() - audit) < 5 * np.sqrt(audit * (1 - audit) / n)


@pytest.mark.parametrize("audit", [0.0, 0.3, 0.99])
@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(1, 6), max_size=8), seed=st.integers(0, 2**32 - 1))
def test_draw_equals_its_twin(audit, lengths, seed):
    rng = np.random.default_rng(seed)
    rows = [rng.dirichlet(np.ones(k)) * (rng.random(k) > 0.3) for k in lengths]
    rows = [r / r.sum() if r.sum() > 0 else np.eye(len(r))[0] for r in rows]
    flat = np.concatenate(rows) if rows else np.zeros(0)
    u, u_audit = rng.random(len(lengths)), rng.random(len(lengths))
    position, mixed, audited = draw(sets(lengths), flat, u, u_audit=u_audit, audit=audit)
    want = naive_draw(rows, u, u_audit, audit)
    assert position.tolist() == want[0]
    np.testing.assert_allclose(mixed, want[1], atol=1e-15)
    assert audited.tolist() == want[2]


@pytest.mark.parametrize("bad", [[0.5, 0.6], [-0.1, 1.1], [np.nan, 1.0], [0.0, 0.0]])
def test_what_is_no_distribution_is_refused(bad):
    with pytest.raises(InputError, match="in row 1"):
        draw(sets([2, 2]), np.array([0.5, 0.5, *bad]), np.array([0.1, 0.1]))


@pytest.mark.parametrize("n", [3, 5])
def test_as_many_probabilities_as_actions(n):
    with pytest.raises(InputError, match=f"one number for each of the 4 actions, got {n}"):
        draw(sets([1, 3]), np.full(n, 1.0), np.array([0.1, 0.1]))


def test_the_bad_row_is_quoted_with_its_number():
    """Rows of unequal length, a bad one in the middle: the message holds its numbers and no others'."""
    stated = np.array([1.0, 0.5, 0.5, 0.25, 0.25, 0.25, 0.75, 0.25])
    with pytest.raises(InputError, match=r"got \[0\.25, 0\.25, 0\.25\] in row 2; correct the policy"):
        draw(sets([1, 2, 3, 2]), stated, np.full(4, 0.5))
    # the first of two
    stated[2] = 0.75
    with pytest.raises(InputError, match=r"got \[0\.5, 0\.75\] in row 1;"):
        draw(sets([1, 2, 3, 2]), stated, np.full(4, 0.5))
    with pytest.raises(InputError, match=r"got \[\] in row 1;"):
        draw(sets([1, 0, 1]), np.ones(2), np.full(3, 0.5))


@pytest.mark.parametrize("off", [0.9e-9, -0.9e-9])
def test_sums_may_be_off_by_rounding_and_no_more(off):
    near, far = np.array([0.5, 0.5 + off]), np.array([0.5, 0.5 + 1.2 * off])
    assert draw(sets([2]), near, np.array([0.9]))[0].tolist() == [1]
    with pytest.raises(InputError, match="sum to 1"):
        draw(sets([2]), far, np.array([0.9]))


def test_audit_by_hand():
    """Three rows of two actions: an audit draw halves the interval, any other follows what was stated."""
    stated = np.array([0.9, 0.1] * 3)
    position, mixed, audited = draw(
        sets([2, 2, 2]), stated, np.array([0.6, 0.6, 0.9]), u_audit=np.array([0.1, 0.25, 0.9]), audit=0.25
    )
    # a uniform that equals the share is no audit
    assert audited.tolist() == [True, False, False]
    # 0.6 lies in the second half; below 0.9; and 0.9 itself is the second action's
    assert position.tolist() == [1, 2, 5]
    np.testing.assert_allclose(mixed, [0.75 * 0.9 + 0.125, 0.75 * 0.1 + 0.125] * 3, rtol=1e-15)
    # nobody audits where no uniforms are given
    position, mixed, audited = draw(sets([2]), stated[:2], np.array([0.6]))
    assert (position.tolist(), mixed.tolist(), audited.tolist()) == ([0], [0.9, 0.1], [False])


def test_what_rounding_leaves_over_goes_to_the_last_possible_action():
    stated = np.array([0.1] * 10 + [0.0])
    assert draw(sets([11]), stated, np.array([np.nextafter(1.0, 0.0)]))[0].tolist() == [9]
