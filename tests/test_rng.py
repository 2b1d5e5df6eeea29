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


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((), ()),
        ((3,), ()),
        ((1,), (1,)),
        ((1,), (4,)),
        ((3,), (3,)),
        ((3, 1), (4,)),
        ((1, 1), (4,)),
        ((1, 1), (1, 4)),
        ((3, 1), (3, 4)),
        ((3, 1), (1, 4)),
        ((3, 4), (3, 4)),
        ((3, 4), (4,)),
        ((), (4,)),
        ((0,), ()),
        ((0, 1), (4,)),
        ((2, 3, 1), (4,)),
    ],
)
def test_counters_broadcast_as_numpy_does(a, b):
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 99, a), rng.integers(0, 99, b)
    x, y = np.broadcast_arrays(first, second)
    got = Streams(5).uniform("s", first, second)
    assert got.shape == x.shape
    want = [Streams(5).uniform("s", int(i), int(j)) for i, j in zip(x.flat, y.flat, strict=True)]
    assert got.reshape(-1).tolist() == [float(u) for u in want]


def test_counters_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="broadcast"):
        Streams(5).uniform("s", np.zeros((3, 1)), np.zeros((2, 4)))


def test_a_restarted_generator_is_a_new_one():
    used = Streams(1).generator("s", 4, 2)
    used.integers(0, 9, 3, dtype=np.int32)
    for name, a, b in (("s", 4, 2), ("t", 9, 0)):
        fresh = Streams(1, 2).generator(name, a, b)
        again = Streams(1, 2).restarted(used, name, a, b)
        assert (
            again.integers(0, 9, 5, dtype=np.int32).tolist()
            == fresh.integers(0, 9, 5, dtype=np.int32).tolist()
        )
        assert again.random(7).tolist() == fresh.random(7).tolist()
