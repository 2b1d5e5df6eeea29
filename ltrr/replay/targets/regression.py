"""The greedy policy of a model of rewards."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ltrr.bandits.base import level
from ltrr.logs.events import Events
from ltrr.replay.targets.described import blocks, described
from ltrr.replay.targets.distribution import Distribution
from ltrr.replay.targets.reads import FEATURES, Reads
from ltrr.types import Float32, Float64, row_of

__all__ = ["RegressionTarget", "design"]


def design(events: Events) -> Float32:
    """Return one row a flat action: its id, its features as of `described`, then the context, (N, 1 + F + D).

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> space = Space(("a", "b"), ("hour",))
    >>> one = Events(space, row=[1], key=[1], action=[1], reward=[1], context=[[7.0]])
    >>> design(one).tolist()
    [[0.0, 1.0, 0.0, 7.0], [1.0, 0.0, 1.0, 7.0]]
    """
    actions = described(events)
    row = row_of(actions.indptr)
    return np.concatenate(
        [actions.action[:, None].astype(np.float32), actions.features, events.context[row]], axis=1
    )


@dataclass(frozen=True)
class RegressionTarget(Distribution):
    """Choose the action whose predicted reward is highest; ties share evenly.

    Parameters
    ----------
    model : object
        Has ``predict`` of rows as of `design`, in the style of scikit-learn.
    label : str
        Name in tables.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from ltrr.logs.events import Space
    >>> events = Events(Space(("a", "b")), [1, 2], [1, 2], [0, 1], [0.0, 1.0])
    >>> model = LinearRegression().fit(design(events)[[0, 3]], events.reward)
    >>> RegressionTarget(model).logged(events).tolist()
    [0.0, 1.0]
    """

    model: Any
    _: KW_ONLY
    label: str = "learned"

    @property
    def name(self) -> str:
        """Name in tables."""
        return self.label

    @property
    def reads(self) -> Reads:
        """Contexts and actions."""
        return FEATURES

    def predict(self, events: Events) -> Float64:
        """Return the predicted reward of every eligible action, ragged like them."""
        parts = [self.model.predict(design(events.take(rows))) for rows in blocks(events)]
        return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)

    def probabilities(self, events: Events) -> Float64:
        """Return the favourite's distribution."""
        return level(events.actions, self.predict(events))
