"""Means and co-moments of rows, added batch by batch and merged exactly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr import _check
from ltrr._kernels.moments import moments
from ltrr.types import Float64, Int64

__all__ = ["Moments"]


@dataclass(eq=False)
class Moments:
    """Number, mean and centred co-moments of vectors, without keeping them.

    Two parts with n₁, n₂ rows, means m₁, m₂ and co-moments C₁, C₂ merge to the mean ``m₁ + δ n₂ / n`` and the
    co-moments ``C₁ + C₂ + δ δᵀ n₁ n₂ / n``, where ``δ = m₂ − m₁``: no large numbers are subtracted.

    Parameters
    ----------
    width : int
        Length of a row, k.

    Examples
    --------
    >>> import numpy as np
    >>> whole, left, right = Moments(1), Moments(1), Moments(1)
    >>> whole.add(np.array([[1.0], [2.0], [6.0]]))
    >>> left.add(np.array([[1.0]])); right.add(np.array([[2.0], [6.0]])); left.merge(right)
    >>> left.n, left.mean.tolist(), left.covariance.tolist() == whole.covariance.tolist()
    (3, [3.0], True)

    References
    ----------
    Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
    COMPSTAT 1982, equations 2.1 and 2.2.
    """

    width: int
    n: int = field(default=0, init=False)
    mean: Float64 = field(init=False, repr=False)
    comoment: Float64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.mean = np.zeros(self.width)
        self.comoment = np.zeros((self.width, self.width))

    def add(self, rows: Float64) -> None:
        """Take in rows (n, k).

        Raises
        ------
        InputError
            If the rows have another width.
        """
        rows = _check.array("rows", rows, np.float64, (None, self.width))
        if len(rows) == 0:
            return
        mean, comoment = np.empty(self.width), np.empty((self.width, self.width))
        moments(rows, mean, comoment)
        self._join(len(rows), mean, comoment)

    def merge(self, other: Moments) -> None:
        """Take in what another has seen."""
        if other.n:
            self._join(other.n, other.mean, other.comoment)

    def part(self, columns: Int64) -> Moments:
        """Return the moments of some columns of the rows, as if only these had been added."""
        out = Moments(len(columns))
        out.n, out.mean = self.n, self.mean[columns]
        out.comoment = self.comoment[np.ix_(columns, columns)]
        return out

    def _join(self, n: int, mean: Float64, comoment: Float64) -> None:
        total = self.n + n
        delta = mean - self.mean
        self.mean = self.mean + delta * (n / total)
        self.comoment = self.comoment + comoment + np.outer(delta, delta) * (self.n * (n / total))
        self.n = total

    @property
    def covariance(self) -> Float64:
        """Sample covariance (k, k), divisor n − 1; zeros where there are fewer than two rows."""
        return np.asarray(self.comoment / max(self.n - 1, 1))
