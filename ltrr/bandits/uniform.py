"""Every action with the same probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.bandits.base import SPACES, BasePolicy, level
from ltrr.types import ActionSet, Float64, Requests

__all__ = ["Uniform"]


@dataclass(eq=False)
class Uniform(BasePolicy):
    """Give each of the n actions of a request probability 1/n.

    The logging policy of choice: every estimator can use its log.

    Parameters
    ----------
    space : "slabs" or "allocations"
        What an action is.

    Examples
    --------
    >>> from ltrr.types import ActionSet, Requests
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.zeros((1, 0)))
    >>> actions = ActionSet(np.array([0, 4]), np.arange(4), np.zeros((4, 0)), (), n_actions=4)
    >>> Uniform().probabilities(one, actions, np.random.default_rng(0)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    space: str = "slabs"

    def __post_init__(self) -> None:
        _check.choice("Uniform.space", self.space, SPACES)

    def probabilities(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:  # noqa: ARG002
        """Return 1/n for each of the n actions of a request, (N,)."""
        return level(actions, np.zeros(len(actions.action)))
