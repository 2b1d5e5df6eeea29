"""Replay by rejection: the rows on which the target policy would have done as the log did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.replay.estimators.base import Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["RejectionReplay"]


@dataclass
class RejectionReplay(Estimator):
    """Mean reward of the accepted rows, ``Σ z_i r_i / Σ z_i`` with ``z = 1`` where a row is accepted.

    Accepting a row with a probability proportional to ``π(a | x) / π_b(a | x)`` leaves rows as the target
    policy would have made them, so a policy that learns from accepted rows only is judged as it would have
    learned. On a log of uniform choices that is: accept where the target's own draw is the logged action.
    Accepting equal actions on a log that is *not* uniform answers another question. Most rows are discarded:
    with A actions about n / A are left.

    Examples
    --------
    >>> import numpy as np
    >>> replay = RejectionReplay()
    >>> replay.add(ReplayBatch(np.arange(3), np.array([1.0, 0.0, 1.0]), accept=np.array([1.0, 1.0, 0.0])))
    >>> replay.value()
    0.5

    References
    ----------
    Li, Chu, Langford, Wang, "Unbiased offline evaluation of contextual-bandit-based news article
    recommendation algorithms", WSDM 2011, section 3.
    """

    name: ClassVar[str] = "replay"
    width: ClassVar[int] = 2
    needs: ClassVar[frozenset[str]] = frozenset({"accept"})
    weight: ClassVar[str] = "accept"
    proportion: ClassVar[bool] = True

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``(z r, z)``."""
        accept = needed(batch, "accept", self.name)
        return np.stack([accept * batch.reward, accept], axis=1)

    def combine(self, mean: Float64) -> Float64:
        """Return the ratio of the two means."""
        return np.asarray(mean[..., 0] / mean[..., 1])
