"""Your own ranker: a linear score that moves towards what was clicked."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Perceptron:
    """After each batch: weights += rate · (mean clicked row − mean row shown)."""

    rate: float = 0.5
    version: int = field(init=False, default=0)  # number of trainings, for the log
    weight: np.ndarray = field(init=False, default_factory=lambda: np.zeros(0))

    def score(self, features):
        if len(self.weight) == 0:
            return np.zeros(len(features))
        return (features * self.weight).sum(axis=1)

    def learn(self, feedback):
        if feedback.click.any():
            clicked = feedback.features[feedback.click].mean(axis=0, dtype=np.float64)
            shown = feedback.features[feedback.item >= 0].mean(axis=0, dtype=np.float64)
            start = self.weight if len(self.weight) else np.zeros(len(shown))
            self.weight, self.version = start + self.rate * (clicked - shown), self.version + 1

    def state(self):  # arrays, bytes, numbers: nothing is pickled
        return {"weight": self.weight.copy(), "version": self.version}

    def restore(self, state):
        self.weight, self.version = state["weight"].copy(), state["version"]
