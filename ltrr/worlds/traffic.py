"""Traffic: what a replicate's stream asks and how often, and what is held out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ltrr import _check
from ltrr.rng import Streams
from ltrr.types import Bool, Float64, Int8, Int64

__all__ = ["HoldOut", "RankedTraffic", "Splitter", "bands", "zipf_law"]

_RESERVED_SHARE = 0.1
_RESERVED_FROM = 10
"""Fewer needs than this have none reserved: one of them would be too much of the stream."""


class Splitter(Protocol):
    """Draws the traffic of a replicate.

    Examples
    --------
    >>> splitter: Splitter = RankedTraffic(HoldOut.of(np.zeros(4), 0.25, Streams(0)))
    >>> traffic, held_out = splitter(Streams(7, replicate=2))
    >>> float(traffic.sum().round(9)), int((held_out > 0).sum())
    (1.0, 1)
    """

    def __call__(self, streams: Streams, /) -> tuple[Float64, Float64]:
        """Return the probabilities (Q,) of each text in the stream and among the held-out requests."""


@dataclass(frozen=True)
class HoldOut:
    """Which of U information needs each replicate holds out: the same share of every stratum.

    A tenth of each stratum is reserved, one need at least where there are ten: held out in every replicate
    of a study and absent from those of its tuning, so that no choice was ever made on it. The others that are
    held out are drawn for each replicate. Every stratum keeps one need in the stream.

    Parameters
    ----------
    stratum : int (U,)
        The stratum of each need.
    share : float
        Share of the needs that are held out, in [0, 1]. Where it is below a tenth, all of them are reserved.
    reserved : bool (U,)
        Which needs are reserved.

    Examples
    --------
    >>> hold_out = HoldOut.of(np.zeros(20), 0.3, Streams(0))
    >>> stream, held_out = hold_out.draw(Streams(7))
    >>> [int(needs.sum()) for needs in (stream, held_out, held_out & hold_out.reserved)]
    [14, 6, 2]
    >>> stream, held_out = hold_out.draw(Streams(7, replicate=10_000))
    >>> [int(needs.sum()) for needs in (stream, held_out, held_out & hold_out.reserved)]
    [14, 4, 0]
    """

    stratum: Int64
    share: float
    reserved: Bool

    @staticmethod
    def of(stratum: ArrayLike, share: float, streams: Streams) -> HoldOut:
        """Return the hold-out of some needs; the reserved ones are drawn by ``streams``, a world's own."""
        strata = np.asarray(stratum, np.int64)
        rng = streams.generator("world/reserved")
        reserved = np.zeros(len(strata), np.bool_)
        for kind in np.unique(strata):
            rows = np.flatnonzero(strata == kind)
            tenth = max(1, int(_RESERVED_SHARE * len(rows) + 0.5)) if len(rows) >= _RESERVED_FROM else 0
            reserved[rng.permutation(rows)[: min(tenth, _count(len(rows), share))]] = True
        return HoldOut(strata, share, reserved)

    def draw(self, streams: Streams) -> tuple[Bool, Bool]:
        """Return which needs (U,) the stream of a replicate asks and which it holds out."""
        rng = streams.generator("world/split")
        out = np.zeros(len(self.stratum), np.bool_)
        for kind in np.unique(self.stratum):
            own = self.stratum == kind
            free = np.flatnonzero(own & ~self.reserved)
            n = _count(int(own.sum()), self.share) - int((own & self.reserved).sum())
            out[rng.permutation(free)[:n]] = True
        return ~(out | self.reserved), out if streams.tuning else out | self.reserved


@dataclass(frozen=True)
class RankedTraffic:
    """Zipf–Mandelbrot traffic in an order that each replicate draws; held-out needs weigh equally.

    Parameters
    ----------
    hold_out : HoldOut
        What is held out of the U needs.
    source : int64 (Q,), optional
        The need of each text; by default each need has one text.
    share : float64 (Q,), optional
        Share of its need's requests that each text has; sums to 1 over the texts of a need.
    exponent, shift : float
        As in `zipf_law`.

    Examples
    --------
    >>> traffic, held_out = RankedTraffic(HoldOut.of(np.zeros(4), 0.5, Streams(0)), shift=1.0)(Streams(7))
    >>> np.sort(traffic).round(2).tolist(), np.sort(held_out).tolist()
    ([0.0, 0.0, 0.39, 0.61], [0.0, 0.0, 0.5, 0.5])
    """

    hold_out: HoldOut
    source: Int64 | None = None
    share: Float64 | None = None
    exponent: float = 1.1
    shift: float = 10.0

    def __call__(self, streams: Streams, /) -> tuple[Float64, Float64]:
        """Return the probabilities (Q,) of each text in the stream and among the held-out requests."""
        stream, out = self.hold_out.draw(streams)
        order = streams.generator("world/order").permutation(np.flatnonzero(stream))
        traffic = np.zeros(len(stream))
        traffic[order] = zipf_law(len(order), exponent=self.exponent, shift=self.shift)
        # What is asked for the first time is the tail, where no need is met more often than another.
        held_out = out / max(int(out.sum()), 1)
        if self.source is None or self.share is None:
            return traffic, held_out
        return traffic[self.source] * self.share, held_out[self.source] * self.share


def bands(share: Float64) -> Int8:
    """Return whether each topic is of the head (0), the torso (1) or the tail (2) of the traffic.

    Topics are taken by falling share. Those that begin within the first third of the traffic are the head,
    and so on; topics without traffic are −1.

    Parameters
    ----------
    share : float64 (T,)
        Each topic's share of the stream.

    Examples
    --------
    >>> bands(np.array([0.1, 0.4, 0.0, 0.3, 0.2])).tolist()
    [2, 0, -1, 1, 2]
    """
    order = np.argsort(-share, kind="stable")
    before = np.cumsum(share[order]) - share[order]
    out = np.empty(len(share), np.int8)
    # the sum of the shares before the last topic may round up to 1
    out[order] = np.minimum(np.floor(3.0 * before), 2.0)
    out[share <= 0.0] = -1
    return out


def zipf_law(n: int, *, exponent: float, shift: float = 0.0) -> Float64:
    """Return the Zipf–Mandelbrot probabilities of ranks 1 … n: p(r) ∝ (r + shift)^−exponent.

    Parameters
    ----------
    n : int
        Number of ranks, >= 1.
    exponent : float
        Steepness, >= 0.
    shift : float
        Flattens the first ranks, >= 0; 0 is Zipf's law.

    Examples
    --------
    >>> zipf_law(3, exponent=1.0).round(4).tolist()
    [0.5455, 0.2727, 0.1818]

    References
    ----------
    Mandelbrot, "An informational theory of the statistical structure of languages", 1953.
    """
    _check.integer("zipf_law.n", n, low=1)
    _check.number("zipf_law.exponent", exponent, low=0.0)
    _check.number("zipf_law.shift", shift, low=0.0)
    weight = (np.arange(1, n + 1) + shift) ** -float(exponent)
    return np.asarray(weight / weight.sum())


def _count(n: int, share: float) -> int:
    """Return how many of ``n`` needs are held out, rounded half up; one stays."""
    return min(int(share * n + 0.5), n - 1)
