"""Inverse propensity scoring with clipped weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.replay.estimators.base import positive
from ltrr.replay.estimators.ips import IPS
from ltrr.types import Float64

__all__ = ["ClippedIPS"]


@dataclass
class ClippedIPS(IPS):
    """Mean of rewards under weights no larger than M, ``(1/n) Σ min(w_i, M) r_i``.

    No term exceeds M times the largest reward, so the variance is finite whatever the propensities. The price
    is a bias of ``−E[(w − M)₊ r]``: for rewards >= 0 the value is underestimated by what actions contribute
    that the log hardly tried. M → ∞ is IPS.

    Parameters
    ----------
    max_weight : float
        M > 0; inf for IPS. The default, 10, keeps weights up to ten times the average of 1 and is a
        convention, not a tuned value; ``slope:clipped-ips`` has M chosen from the log.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay import ReplayBatch
    >>> clipped = ClippedIPS(3.0)
    >>> clipped.add(ReplayBatch(np.arange(2), np.array([1.0, 1.0]), weight=np.array([5.0, 0.5])))
    >>> clipped.value()
    1.75

    References
    ----------
    Ionides, "Truncated importance sampling", Journal of Computational and Graphical Statistics 17(2), 2008,
    section 2; Strehl, Langford, Li, Kakade, "Learning from logged implicit exploration data", NIPS 2010,
    section 3.
    """

    name: ClassVar[str] = "clipped-ips"
    bias: ClassVar[str] = "clipped weights leave out reward: biased towards 0."

    max_weight: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.max_weight = positive("ClippedIPS.max_weight", self.max_weight)

    @classmethod
    def bent_at(cls, weight: float) -> ClippedIPS:
        """Return the estimator that clips weights at ``weight``."""
        return cls(weight)

    def shrunk(self, weight: Float64) -> Float64:
        """Return ``min(w, M)``."""
        return np.minimum(weight, self.max_weight)

    def largest(self, weight_bound: float) -> float:
        """Return ``min(weight_bound, M)``."""
        return min(weight_bound, self.max_weight)
