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


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 6), max_size=8), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.99]))
def test_draw_equals_its_twin(lengths, seed, audit):
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
