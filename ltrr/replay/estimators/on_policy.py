"""The mean reward of the log as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["OnPolicy"]


@dataclass
class OnPolicy(Estimator):
    """Mean reward of a request under the policy that wrote the log, ``(1/n) Σ r_i`` (slots summed).

    The reference for every other policy; it needs no weights.

    Examples
    --------
    >>> import numpy as np
    >>> mean = OnPolicy()
    >>> mean.add(ReplayBatch(np.array([7, 7, 8]), np.array([1.0, 1.0, 0.0])))
    >>> mean.value()
    1.0
    """

    name: ClassVar[str] = "on-policy"
    needs: ClassVar[frozenset[str]] = frozenset()
    slate: ClassVar[bool] = True
    weight: ClassVar[str] = ""
    whole_reward: ClassVar[bool] = True
    proportion: ClassVar[bool] = True

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return the reward of each request."""
        reward = batch.reward if batch.single else np.add.reduceat(batch.reward, batch.indptr[:-1])
        return np.asarray(reward[:, None])

    def combine(self, mean: Float64) -> Float64:
        """Return the mean itself."""
        return mean[..., 0]

    def bounds(self, weight_bound: float, low: float, high: float) -> tuple[float, float]:
        """Return the range of the rewards."""
        del weight_bound
        return low, high
