"""Blocks of a log in its order: means of rewards and weights over time, and whether they drift."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr.replay.judging.chi_square import chi_square_tail
from ltrr.types import Float64, Int64

__all__ = ["BLOCKS", "TimeBlocks"]

BLOCKS = 20
"""Number of blocks in time for the drift tests."""

_MOST = 64 * BLOCKS
"""Most pieces of which blocks are put together."""

_SUMS = 5
"""Of a block's numbers the first are sums; then come its first and last time."""


@dataclass
class TimeBlocks:
    """Sums of weights and rewards over short pieces of a log, in their order; parts merge.

    Examples
    --------
    >>> blocks = TimeBlocks()
    >>> reward, time = np.repeat([0.0, 1.0], 500), np.arange(1_000.0)
    >>> blocks.add(np.ones(1_000), reward, time)
    >>> first = blocks.found()[0]
    >>> first[:5].tolist(), first[5:].tolist(), blocks.drift_p("reward") < 1e-6
    ([50.0, 50.0, 50.0, 0.0, 0.0], [0.0, 49.0], True)
    """

    _pieces: Float64 = field(default_factory=lambda: np.zeros((0, _SUMS + 2)), init=False, repr=False)
    _size: int = field(default=1, init=False, repr=False)
    _rows: int = field(default=0, init=False, repr=False)

    def add(self, weight: Float64, reward: Float64, time: Float64 | None = None) -> None:
        """Take in rows; pieces are of equal length, whatever the length of chunks.

        Parameters
        ----------
        weight, reward : float64 (n,)
        time : float64 (n,), optional
            Seconds, NaN where unknown.
        """
        n = len(weight)
        if not n:
            return
        while self._rows + n > _MOST * self._size:
            self._halve()
        first = -self._rows % self._size
        starts = np.unique(np.append(0, np.arange(first, n, self._size)))
        when = np.full(n, np.nan) if time is None else np.where(np.isfinite(time), time, np.nan)
        rows = np.stack([np.ones(n), weight, weight * weight, reward, reward * reward, when, when], axis=1)
        made = _joined(rows, starts)
        if first and len(self._pieces):  # the last piece is not full yet
            self._pieces[-1] = _joined(np.stack([self._pieces[-1], made[0]]), np.zeros(1, np.int64))[0]
            made = made[1:]
        self._pieces = np.concatenate([self._pieces, made])
        self._rows += n

    def _halve(self) -> None:
        """Join pieces in pairs."""
        if len(self._pieces):
            self._pieces = _joined(self._pieces, np.arange(0, len(self._pieces), 2))
        self._size *= 2

    def merge(self, other: TimeBlocks) -> None:
        """Take in what another has collected on a later part of the log."""
        theirs = TimeBlocks()
        theirs._pieces, theirs._size = other._pieces, other._size
        while self._size != theirs._size:
            min(self, theirs, key=lambda one: one._size)._halve()
        self._pieces = np.concatenate([self._pieces, theirs._pieces])
        self._rows += other._rows
        while self._rows > _MOST * self._size:
            self._halve()

    def found(self) -> list[Float64]:
        """Return at most `BLOCKS` blocks, each (n, Σw, Σw², Σr, Σr², first time, last time)."""
        used = self._pieces[self._pieces[:, 0] > 0.0]
        if len(used) <= BLOCKS:
            return list(used)
        # cut by rows, not by chunks: chunks may differ in length
        ends = np.cumsum(used[:, 0])
        group = np.minimum((ends - 1.0) * BLOCKS // ends[-1], BLOCKS - 1.0)
        return list(_joined(used, np.flatnonzero(np.append(True, group[1:] != group[:-1]))))

    def drift_p(self, of: str, inflation: float = 1.0) -> float | None:
        """Return the p-value of equal means over time of "weight" or "reward" (chi-square over blocks).

        Parameters
        ----------
        of : "weight" or "reward"
        inflation : float
            By how much dependence of rows makes the variance of a mean larger; rows of a cluster are often
            neighbours.
        """
        blocks = np.array(self.found())
        at = 1 if of == "weight" else 3
        if len(blocks) < 2:
            return None
        n, total, squares = blocks[:, 0], blocks[:, at], blocks[:, at + 1]
        variance = squares.sum() / n.sum() - (total.sum() / n.sum()) ** 2
        # sums of rare rewards are far from normal where a block expects hardly any
        if variance <= 0.0 or np.any(n * variance < 1e-12) or n.min() < 20:
            return None
        z2 = (total / n - total.sum() / n.sum()) ** 2 * n / variance
        return chi_square_tail(float(z2.sum()) / max(inflation, 1.0), len(blocks) - 1)


def _joined(blocks: Float64, starts: Int64) -> Float64:
    """Return neighbouring blocks, or rows, joined from each start to the next."""
    return np.concatenate(
        [
            np.add.reduceat(blocks[:, :_SUMS], starts),
            np.fmin.reduceat(blocks[:, _SUMS : _SUMS + 1], starts),
            np.fmax.reduceat(blocks[:, _SUMS + 1 :], starts),
        ],
        axis=1,
    )
