"""Streams of random numbers: one named, counter-based generator per kind of draw.

A number is a function of (seed, replicate, stream name, counters). Counters are ids: a request, a request and
an item, a request and a rank. So generators have no position to save, batches may be cut anywhere, the number
of workers does not matter, and policies in one study share common random numbers.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ltrr._kernels.philox import uniforms
from ltrr.types.arrays import Float64

__all__ = ["Streams"]


@functools.lru_cache(maxsize=4096)
def _key(seed: int, replicate: int, name: str) -> tuple[np.uint64, np.uint64]:
    """Hash a stream's name once: a batch asks for a dozen of them."""
    digest = hashlib.blake2b(f"{seed}/{replicate}/{name}".encode(), digest_size=16).digest()
    return (
        np.uint64(int.from_bytes(digest[:8], "little")),
        np.uint64(int.from_bytes(digest[8:], "little")),
    )


@dataclass(frozen=True)
class Streams:
    """The random streams of one replicate.

    Parameters
    ----------
    seed : int
        The study's seed.
    replicate : int
        The replicate's number within the study.

    Examples
    --------
    >>> import numpy as np
    >>> streams = Streams(seed=7)
    >>> u = streams.uniform("draw", np.arange(3), 0)
    >>> bool(np.all(u[1:] == streams.uniform("draw", np.arange(1, 3), 0)))
    True
    """

    seed: int
    replicate: int = 0

    def key(self, name: str) -> tuple[np.uint64, np.uint64]:
        """Return the Philox key of a named stream."""
        return _key(self.seed, self.replicate, name)

    def uniform(self, name: str, a: ArrayLike, b: ArrayLike = 0) -> Float64:
        """Return uniforms in [0, 1), one for each pair of counters of the broadcast ``a`` and ``b``."""
        first, second = np.asarray(a, np.int64), np.asarray(b, np.int64)
        shape = np.broadcast_shapes(first.shape, second.shape)
        out = np.empty(shape, np.float64)
        k0, k1 = self.key(name)
        uniforms(
            k0,
            k1,
            np.broadcast_to(first, shape).flatten(),
            np.broadcast_to(second, shape).flatten(),
            out.reshape(-1),
        )
        return out

    def generator(self, name: str, a: int = 0, b: int = 0) -> np.random.Generator:
        """Return numpy's generator for a named stream, for what is drawn in bulk (worlds, Monte Carlo)."""
        k0, k1 = self.key(name)
        return np.random.Generator(np.random.Philox(key=np.array([k0, k1]), counter=[0, 0, a, b]))
