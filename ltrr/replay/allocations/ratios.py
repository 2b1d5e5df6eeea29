"""Ratios of what a target policy would do to what the logging policy could have done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr.replay.allocations.quota_law import QuotaLaw
from ltrr.types import Bool, Float64, Int32, Int64

__all__ = ["Level", "by_page", "mean_square", "outside", "ratio", "sequence_level"]


def ratio(target: Float64, logged: Float64, at: Int64 | Int32) -> Float64:
    """Return target over logging probability of what was logged, (B,).

    Examples
    --------
    >>> ratio(np.array([[0.25, 0.75]]), np.array([[0.5, 0.5]]), np.array([1])).tolist()
    [1.5]
    """
    rows = np.arange(len(at))
    return np.asarray(_over(target[rows, at], logged[rows, at]))


def mean_square(target: Float64, logged: Float64) -> Float64:
    """Return the mean of the squared ratio under the logging policy, ``Σ_q target(q)² / logged(q)``, (B,).

    Examples
    --------
    >>> mean_square(np.array([[0.0, 1.0]]), np.array([[0.75, 0.25]])).tolist()
    [4.0]
    """
    return np.asarray(_over(target**2, logged).sum(axis=1))


def outside(target: Float64, logged: Float64) -> Float64:
    """Return the target's mass where the logging policy has none, (B,)."""
    return np.asarray((target * (logged <= 0.0)).sum(axis=1))


def by_page(law: Float64, group: Int64) -> Float64:
    """Return the mass of each page, at the place of its lowest quota, (B, Q)."""
    n, q = law.shape
    flat = (np.arange(n)[:, None] * q + group).reshape(-1)
    return np.asarray(np.bincount(flat, law.reshape(-1), n * q), np.float64).reshape(n, q)


@dataclass(frozen=True)
class Level:
    """The weights of B requests at one level, see `TwoStageBatch`.

    Parameters
    ----------
    weight, outside, square : float64 (B,)
    own : bool (B,)

    Examples
    --------
    >>> level = Level.of(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]), np.array([1]))
    >>> level.weight.tolist(), level.square.tolist()
    ([2.0], [2.0])
    """

    weight: Float64
    own: Bool
    outside: Float64
    square: Float64

    @staticmethod
    def of(target: Float64, logged: Float64, at: Int64) -> Level:
        """Return a level where the target and the logging policy have known laws, (B, Q)."""
        own = np.ones(len(at), np.bool_)
        return Level(ratio(target, logged, at), own, outside(target, logged), mean_square(target, logged))

    def where(self, known: Bool, below: Level) -> Level:
        """Return this level where the logging policy's law is known, the one below elsewhere."""
        return Level(
            np.where(known, self.weight, below.weight),
            known,
            np.where(known, self.outside, below.outside),
            np.where(known, self.square, below.square),
        )


def sequence_level(target: QuotaLaw, path: Int64, action: Int32, logged: Float64) -> Level:
    """Return weights of the logged sequences and what the target would have done outside the support.

    The squares are means over the last slot alone: only its alternatives were logged.

    Parameters
    ----------
    target : QuotaLaw
    path : int64 (B, S + 1)
        Nodes of the quota tree before each slot.
    action : int32 (B, S)
    logged : float64 (B, S, R)
    """
    n, slots, _ = logged.shape
    rows, weight, mass, square = np.arange(n), np.ones(n), np.zeros(n), np.ones(n)
    for s in range(slots):
        step = target.step[s][rows, path[:, s]]
        mass += weight * outside(step, logged[:, s])
        square = weight**2 * mean_square(step, logged[:, s])
        weight = weight * ratio(step, logged[:, s], action[:, s])
    return Level(weight, np.ones(n, np.bool_), mass, square)


def _over(target: Float64, logged: Float64) -> Float64:
    """Return target over logged, 0 where the logging policy has no mass."""
    return np.divide(target, logged, out=np.zeros_like(target), where=logged > 0.0)
