"""Counter-based random numbers."""

import numpy as np
import pytest

from ltrr._kernels.philox import philox_uniform
from ltrr.rng import Streams


def test_equals_numpy_philox():
    for counter in ([5, 9, 0, 0], [2**63 + 11, 3, 0, 0]):
        bits = np.random.Philox(key=np.array([7, 2**64 - 3], np.uint64), counter=np.array(counter, np.uint64))
        want = int(bits.random_raw(1)[0]) >> 11
        # numpy steps the counter before it draws
        got = philox_uniform(
            np.uint64(7), np.uint64(2**64 - 3), np.uint64(counter[0] + 1), np.uint64(counter[1])
        )
        assert got == want / 2**53


def test_uniform_depends_on_every_part_and_on_nothing_else():
    a = Streams(1, 0).uniform("x", np.arange(1000)[:, None], np.arange(3)[None, :])
    assert a.shape == (1000, 3)
    assert np.array_equal(a[10:20], Streams(1, 0).uniform("x", np.arange(10, 20)[:, None], np.arange(3)))
    for other in (Streams(2, 0), Streams(1, 1)):
        assert not np.any(other.uniform("x", np.arange(1000)[:, None], np.arange(3)[None, :]) == a)
    assert not np.any(Streams(1, 0).uniform("y", np.arange(1000)[:, None], np.arange(3)[None, :]) == a)


@pytest.mark.compiled
def test_uniform_is_uniform():
    u = Streams(3).uniform("x", np.arange(200_000))
    counts = np.histogram(u, 50, (0, 1))[0]
    chi2 = ((counts - 4000) ** 2 / 4000).sum()
    assert chi2 < 120  # 49 degrees of freedom: P(above) is about 5e-8
