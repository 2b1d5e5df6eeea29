"""The best guess most of the time, a random action otherwise."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr.bandits.base import SPACES, BasePolicy, level
from ltrr.bandits.blocks import checked_blocks
from ltrr.bandits.linucb import LinUCB
from ltrr.protocols import State
from ltrr.types import ActionSet, Feedback, Float64, Requests

__all__ = ["EpsilonGreedy"]


@dataclass(eq=False)
class EpsilonGreedy(BasePolicy):
    """Take the action that a ridge regression rates highest with probability 1 − ε, else any at random.

    Of n actions the favourite has probability ``1 − ε + ε/n``, the others ``ε/n``; the regression is that of
    `LinUCB` without its bonus, and ties go to the lowest position. Every action keeps a known, positive
    probability, so that logs can be reweighted. The share ε is spent forever, so regret grows linearly.

    Parameters
    ----------
    epsilon : float in [0, 1]
        Share of decisions made at random.
    ridge : float > 0
        Weight of the prior that all parameters are 0.
    space : "slabs" or "allocations"
        What an action is.
    blocks : sequence of str, optional
        Blocks of action features that are used (`ltrr.bandits.BLOCKS`); None for all but source and evidence.

    Examples
    --------
    >>> from ltrr.types import ActionSet, Requests
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.zeros((1, 0)))
    >>> actions = ActionSet(np.array([0, 2]), np.arange(2), np.eye(2), ("arm:a", "arm:b"), n_actions=2)
    >>> EpsilonGreedy(0.2).probabilities(one, actions, np.random.default_rng(0)).tolist()
    [0.9, 0.1]

    References
    ----------
    Sutton and Barto, "Reinforcement Learning", 2nd edition, section 2.2.
    """

    epsilon: float = 0.1
    _: KW_ONLY
    ridge: float = 1.0
    space: str = "slabs"
    blocks: tuple[str, ...] | None = None
    _model: LinUCB = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.epsilon = _check.fraction("EpsilonGreedy.epsilon", self.epsilon)
        self.ridge = _check.number("EpsilonGreedy.ridge", self.ridge, low=0.0, open_low=True)
        _check.choice("EpsilonGreedy.space", self.space, SPACES)
        self.blocks = checked_blocks("EpsilonGreedy.blocks", self.blocks, self.space)
        self._model = LinUCB(0.0, ridge=self.ridge, space=self.space, blocks=self.blocks)

    @property
    def deterministic(self) -> bool:
        """True only without exploration."""
        return self.epsilon == 0.0

    def probabilities(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:
        """Return ``1 − ε + ε/n`` for the favourite and ``ε/n`` for the others, (N,)."""
        favourite = self._model.probabilities(requests, actions, rng)
        even = level(actions, np.zeros(len(favourite)))
        return (1.0 - self.epsilon) * favourite + self.epsilon * even

    def terms(self, requests: Requests, actions: ActionSet) -> dict[str, Float64]:
        """Return the ``estimate`` of every flat action, (N,)."""
        return {"estimate": self._model.terms(requests, actions)["estimate"]}

    def learn(self, feedback: Feedback) -> None:
        """Regress the credit of every slot on the joint features of its action."""
        self._model.learn(feedback)

    def state(self) -> State:
        """Return the regression."""
        return self._model.state()

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        self._model.restore(state)
