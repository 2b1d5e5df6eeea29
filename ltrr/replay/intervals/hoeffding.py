"""Hoeffding's interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ltrr.replay.intervals.bounded import Bounded

__all__ = ["Hoeffding"]


@dataclass
class Hoeffding(Bounded):
    """Mean ± ``(b − a) sqrt(ln(2 / α) / (2 n))`` for n independent terms in [a, b].

    Right for every n and every distribution in the range, hence wide: a term of IPS ranges up to the largest
    weight, however rarely that occurs. Each tail holds at most α/2.

    Parameters
    ----------
    weight_bound, reward_range
        Declared bounds, see `Bounded`.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> from ltrr.replay.estimators.ips import IPS
    >>> ips, hoeffding = IPS(), Hoeffding(weight_bound=1.0, reward_range=(0.0, 1.0))
    >>> batch = ReplayBatch(np.arange(100), np.arange(100) % 2.0, weight=np.ones(100))
    >>> ips.add(batch)
    >>> hoeffding.add(ips.rows(batch), ips.keys(batch))
    >>> round(hoeffding.interval(ips).low, 4)
    0.3642

    References
    ----------
    Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58, 1963, theorem 2.
    """

    @property
    def name(self) -> str:
        """``hoeffding``."""
        return "hoeffding"

    def half_width(self, n: int, deviation: float, spread: float, outside: float) -> float:
        """Return ``spread sqrt(ln(1 / outside) / (2 n))``."""
        del deviation
        return spread * math.sqrt(-math.log(outside) / (2.0 * n))
