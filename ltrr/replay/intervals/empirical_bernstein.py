"""The empirical Bernstein interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ltrr.replay.intervals.bounded import Bounded

__all__ = ["EmpiricalBernstein"]


@dataclass
class EmpiricalBernstein(Bounded):
    """Mean ± ``s sqrt(2 ln(4 / α) / n) + 7 (b − a) ln(4 / α) / (3 (n − 1))`` for n terms in [a, b].

    s is the sample standard deviation (divisor n − 1). The range matters only at order 1/n, so the interval
    is narrower than Hoeffding's where the spread is small compared with the range. Each tail holds at most
    α/2: the one-sided bound, whose logarithm is ``ln(2 / δ)``, is taken at ``δ = α/2``.

    Parameters
    ----------
    weight_bound, reward_range
        Declared bounds, see `Bounded`.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> from ltrr.replay.estimators.ips import IPS
    >>> ips, bernstein = IPS(), EmpiricalBernstein(weight_bound=1.0, reward_range=(0.0, 1.0))
    >>> batch = ReplayBatch(np.arange(1000), np.arange(1000) % 2.0, weight=np.ones(1000))
    >>> ips.add(batch)
    >>> bernstein.add(ips.rows(batch), ips.keys(batch))
    >>> round(bernstein.interval(ips).low, 4)
    0.4429

    References
    ----------
    Maurer, Pontil, "Empirical Bernstein bounds and sample variance penalization", COLT 2009, theorem 4.
    """

    @property
    def name(self) -> str:
        """``empirical-bernstein``."""
        return "empirical-bernstein"

    def half_width(self, n: int, deviation: float, spread: float, outside: float) -> float:
        """Return the theorem's bound at ``δ = outside``."""
        log = math.log(2.0 / outside)
        return deviation * math.sqrt(2.0 * log / n) + 7.0 * spread * log / (3.0 * (n - 1))
