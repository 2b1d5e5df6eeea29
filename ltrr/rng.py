"""Streams of random numbers: one named, counter-based generator per kind of draw.

A number is a function of (seed, replicate, stream name, counters). Counters are ids: a request, a request and
an item, a request and a rank. So generators have no position to save, batches may be cut anywhere, the number
of workers does not matter, and policies in one study share common random numbers.
"""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ltrr._kernels.philox import uniforms
from ltrr.types.arrays import Float64, Int64

__all__ = ["TUNING_REPLICATE", "Streams"]

TUNING_REPLICATE = 10_000
"""Replicates from here on belong to the search for the best static allocation; no study has so many."""

_AHEAD = 64
"""Requests whose uniforms are drawn together where requests come one by one."""


def _flat(counter: Int64, shape: tuple[int, ...]) -> Int64:
    """Return the counter broadcast to ``shape`` and laid flat, or alone where one serves for all."""
    # as many numbers as asked for differ in axes of length 1 alone
    if counter.size == 1 or counter.size == math.prod(shape):
        return counter.flatten()
    if len(shape) == 2 and counter.shape == (shape[0], 1):
        return np.repeat(counter, shape[1])
    return np.broadcast_to(counter, shape).flatten()


def _shape_of(a: Int64, b: Int64) -> tuple[int, ...]:
    """Return the shape to which the two broadcast, the usual ones without numpy, which takes long."""
    if b.ndim == 0:
        return a.shape
    if a.ndim == 2 and a.shape[1] == 1:
        if b.ndim == 1:
            return (len(a), len(b))
        if b.ndim == 2 and len(a) == len(b):
            return b.shape
    return np.broadcast_shapes(a.shape, b.shape)


@functools.lru_cache(maxsize=4096)
def _key(seed: int, replicate: int, name: str) -> tuple[np.uint64, np.uint64]:
    """Hash a stream's name once: a batch asks for a dozen of them."""
    digest = hashlib.blake2b(f"{seed}/{replicate}/{name}".encode(), digest_size=16).digest()
    return (
        np.uint64(int.from_bytes(digest[:8], "little")),
        np.uint64(int.from_bytes(digest[8:], "little")),
    )


@functools.lru_cache(maxsize=256)
def _ahead(seed: int, replicate: int, name: str, block: int, width: int) -> Float64:
    """Return the uniforms of a block of requests by request and place; not to be written to."""
    request = np.repeat(np.arange(block * _AHEAD, (block + 1) * _AHEAD), width)
    out = np.empty((_AHEAD, width))
    uniforms(*_key(seed, replicate, name), request, np.tile(np.arange(width), _AHEAD), out.reshape(-1))
    return out


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

    @property
    def tuning(self) -> bool:
        """Whether the replicate is one of a study's tuning."""
        return self.replicate >= TUNING_REPLICATE

    def key(self, name: str) -> tuple[np.uint64, np.uint64]:
        """Return the Philox key of a named stream."""
        return _key(self.seed, self.replicate, name)

    def uniform(self, name: str, a: ArrayLike, b: ArrayLike = 0) -> Float64:
        """Return uniforms in [0, 1), one for each pair of counters of the broadcast ``a`` and ``b``."""
        first, second = np.asarray(a, np.int64), np.asarray(b, np.int64)
        out = np.empty(_shape_of(first, second), np.float64)
        k0, k1 = self.key(name)
        uniforms(k0, k1, _flat(first, out.shape), _flat(second, out.shape), out.reshape(-1))
        return out

    def by_request(self, name: str, request: Int64, width: int = 1) -> Float64:
        """Return ``uniform(name, request[:, None], np.arange(width))``, (B, width).

        A single request takes its row of a block that was drawn ahead, since a call costs more than the
        numbers do.

        Examples
        --------
        >>> streams, request = Streams(seed=7), np.array([70])
        >>> row = streams.by_request("draw", request, 3)
        >>> bool(np.all(row == streams.uniform("draw", request[:, None], np.arange(3))))
        True
        """
        if len(request) != 1:
            return self.uniform(name, request[:, None], np.arange(width))
        block, row = divmod(int(request[0]), _AHEAD)
        return _ahead(self.seed, self.replicate, name, block, width)[row : row + 1].copy()

    def generator(self, name: str, a: int = 0, b: int = 0) -> np.random.Generator:
        """Return numpy's generator for a named stream, for what is drawn in bulk (worlds, Monte Carlo)."""
        k0, k1 = self.key(name)
        return np.random.Generator(np.random.Philox(key=np.array([k0, k1]), counter=[0, 0, a, b]))

    def restarted(self, rng: np.random.Generator, name: str, a: int = 0, b: int = 0) -> np.random.Generator:
        """Return ``rng``, which `generator` made, as `generator` would make it for these arguments.

        Faster than a new one, for a caller whose generators are never kept.
        """
        k0, k1 = self.key(name)
        rng.bit_generator.state = {
            "bit_generator": "Philox",
            "state": {"counter": np.array([0, 0, a, b], np.uint64), "key": np.array([k0, k1])},
            "buffer": np.zeros(4, np.uint64),
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        return rng
