"""Your own estimator: IPS whose weights are cut at a cap."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.replay.estimators.base import Estimator, needed


@dataclass
class CappedIPS(Estimator):
    """Mean of min(w, cap) · r: low variance, biased towards 0."""

    cap: float = 5.0
    name: ClassVar[str] = "capped-ips"
    bias: ClassVar[str] = "cut weights leave out reward: biased towards 0."

    def terms(self, batch):
        weight = needed(batch, "weight", self.name)
        return (np.minimum(weight, self.cap) * batch.reward)[:, None]

    def combine(self, mean):
        return mean[..., 0]
