"""Your own policy: arms by the softmax of their mean credit so far."""

from dataclasses import dataclass, field

import numpy as np

from ltrr.bandits import BasePolicy
from ltrr.types import row_of


@dataclass(eq=False)
class Softmax(BasePolicy):
    """States P(action) ∝ exp(mean credit / temperature)."""

    temperature: float = 0.2
    space: str = "slabs"  # or "allocations"
    sums: np.ndarray = field(init=False, default_factory=lambda: np.zeros((2, 1000)))

    def probabilities(self, requests, actions, rng):
        credit, count = self.sums[:, actions.action]
        weight = np.exp(np.clip(credit / np.maximum(count, 1) / self.temperature, 0, 50))
        row = row_of(actions.indptr)
        return weight / np.bincount(row, weight, minlength=len(actions))[row]

    def learn(self, feedback):
        np.add.at(self.sums[0], feedback.decision.action, feedback.credit)
        np.add.at(self.sums[1], feedback.decision.action, 1.0)

    def state(self):
        return {"sums": self.sums.copy()}

    def restore(self, state):
        self.sums = state["sums"].copy()
