"""LinUCB with separate parameters for every action."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr._kernels import linucb as kernels
from ltrr._kernels import linucb_in_turn as in_turn
from ltrr._kernels.linucb import Bank
from ltrr.bandits.base import SPACES, BasePolicy, greedy, offered, one_hot
from ltrr.bandits.blocks import checked_blocks, seen
from ltrr.bandits.own_choices import OwnChoices
from ltrr.bandits.ridge import EMPTY, bank_from, bank_state, matching
from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.types import ActionSet, Feedback, Float32, Float64, Int64, Requests, chosen, row_of

__all__ = ["LinUCBDisjoint"]


@dataclass(eq=False)
class LinUCBDisjoint(BasePolicy):
    """Take the action with the highest upper confidence bound under its own ridge regression.

    For action a with ``A_a = λI + Σ x xᵀ`` and ``b_a = Σ r x`` over the times it was taken, the bound is
    ``θ_aᵀx + α √(xᵀA_a⁻¹x)``, x the context (with a leading 1 if ``intercept``); ties go to the lowest
    position. Action features are used where ``blocks`` names them, as further columns of x. Nothing learned
    about one action helps another, so large action spaces need many rounds. The stream is decided in turn, as
    by `LinUCB`.

    Parameters
    ----------
    alpha : float >= 0
        Width of the bound in standard deviations of the reward; 1 explores where rewards lie in [0, 1].
    ridge : float > 0
        λ, the weight of the prior that all parameters are 0.
    space : "slabs" or "allocations"
        What an action is.
    blocks : sequence of str, optional
        Blocks of action features that are used (`ltrr.bandits.BLOCKS`); none if None.
    intercept : bool
        Whether x starts with a constant 1.
    refactor_every : int >= 1
        Number of updates of an action after which its A⁻¹ is recomputed from A.

    Raises
    ------
    InputError
        If the context or the action space differs from what was learned from.

    Examples
    --------
    >>> x = np.ones((100, 1))
    >>> policy = LinUCBDisjoint(1.0, intercept=False)
    >>> actions = policy.play(x, np.tile([0.2, 0.8], (100, 1)))
    >>> actions[:3].tolist(), bool((actions[-50:] == 1).all())
    ([0, 1, 1], True)

    References
    ----------
    Li, Chu, Langford, Schapire, "A contextual-bandit approach to personalized news article recommendation",
    WWW 2010, section 3.1, algorithm 1.
    """

    alpha: float = 1.0
    _: KW_ONLY
    ridge: float = 1.0
    space: str = "allocations"
    blocks: tuple[str, ...] | None = None
    intercept: bool = True
    refactor_every: int = 1000
    _bank: Bank = field(default=EMPTY, init=False, repr=False)
    _names: tuple[str, ...] = field(default=(), init=False, repr=False)
    _choices: OwnChoices = field(default_factory=OwnChoices, init=False, repr=False)

    def __post_init__(self) -> None:
        self.alpha = _check.number("LinUCBDisjoint.alpha", self.alpha, low=0.0)
        self.ridge = _check.number("LinUCBDisjoint.ridge", self.ridge, low=0.0, open_low=True)
        _check.choice("LinUCBDisjoint.space", self.space, SPACES)
        self.blocks = checked_blocks("LinUCBDisjoint.blocks", self.blocks, self.space)
        if not isinstance(self.intercept, bool):
            raise InputError(f"`LinUCBDisjoint.intercept` must be true or false, got {self.intercept!r}")
        self.refactor_every = _check.integer("LinUCBDisjoint.refactor_every", self.refactor_every, low=1)

    @property
    def deterministic(self) -> bool:
        """True: one action has probability 1."""
        return True

    def _fit(self, names: tuple[str, ...], n_actions: int) -> None:
        self._bank = matching("LinUCBDisjoint", self._bank, self._names, names, n_actions, self.ridge)
        self._names = names

    def _rows(self, requests: Requests, actions: ActionSet) -> tuple[Int64, Float32]:
        """Return rows x, and how many actions share each: of requests, or with blocks of actions."""
        bias = ("bias",) if self.intercept else ()
        ones = np.ones((len(requests), len(bias)), np.float32)
        x = np.concatenate([ones, requests.context], axis=1)
        if self.blocks is None:
            self._fit((*bias, *requests.context_names), actions.n_actions)
            return actions.indptr, x
        own = seen(actions, self.blocks)
        self._fit((*bias, *requests.context_names, *own.names), actions.n_actions)
        return np.arange(len(own.action) + 1), np.hstack([x[row_of(own.indptr)], own.features])

    def bounds(self, requests: Requests, actions: ActionSet) -> Float64:
        """Return the upper confidence bound of every flat action, (N,)."""
        indptr, x = self._rows(requests, actions)
        out = np.empty(len(actions.action))
        kernels.disjoint_bounds(indptr, actions.action, x, self._bank, self.alpha, out)
        return out

    def terms(self, requests: Requests, actions: ActionSet) -> dict[str, Float64]:
        """Return what the bound of every flat action is the sum of: ``estimate`` and ``bonus``, each (N,)."""
        indptr, x = self._rows(requests, actions)
        estimate = np.empty(len(actions.action))
        kernels.disjoint_bounds(indptr, actions.action, x, self._bank, 0.0, estimate)
        return {"estimate": estimate, "bonus": self.bounds(requests, actions) - estimate}

    def probabilities(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:  # noqa: ARG002
        """Return 1 for the action with the highest bound and 0 elsewhere, (N,)."""
        return greedy(actions, self.bounds(requests, actions))

    def in_turn(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:
        """Return 1 for each request's action where the requests are decided one after another, (N,)."""
        if self.alpha == 0.0 or len(requests) == 0:
            return self.probabilities(requests, actions, rng)
        offered(actions)
        indptr, x = self._rows(requests, actions)
        self._choices.begin(requests, self._bank)
        inverse = self._choices.base(self._bank)
        if len(requests) == 1:  # nobody follows to count it, and many inverses need not be copied
            bound = np.empty(len(actions.action))
            bank = self._bank._replace(inverse=inverse)
            kernels.disjoint_bounds(indptr, actions.action, x, bank, self.alpha, bound)
            out = np.array([bound.argmax()])
        else:
            out = self._several(actions, x, inverse.copy())
        self._choices.add(x if self.blocks is None else x[out], actions.action[out].astype(np.int64))
        return one_hot(len(actions.action), out)

    def _several(self, actions: ActionSet, x: Float32, inverse: Float64) -> Int64:
        """Return the places (B,) of actions that count, in ``inverse``, for the requests after them."""
        rows, models = self._choices.earlier(len(self._names))
        out = np.empty(len(actions), np.int64)
        weights, alpha = self._bank.weights, self.alpha
        if self.blocks is None:
            in_turn.disjoint_in_turn(actions.indptr, actions.action, x, models, inverse, weights, alpha, out)
        else:
            in_turn.disjoint_rows_in_turn(
                actions.indptr, actions.action, x, (rows, models), inverse, weights, alpha, out
            )
        return out

    def learn(self, feedback: Feedback) -> None:
        """Regress the credit of every slot on its x, in the taken action's regression."""
        decision = feedback.decision
        taken: list[Float32] = []
        for s, actions in enumerate(decision.actions):
            at = chosen(actions, decision.action[:, s])  # what was not offered must not be learned
            if self.blocks is not None or not taken:
                _, x = self._rows(feedback.requests, actions)
            taken.append(x if self.blocks is None else x[at])
        x = np.stack(taken, axis=1).reshape(-1, len(self._names))
        model = decision.action.reshape(-1).astype(np.int64)
        kernels.learn(x, model, feedback.credit.reshape(-1), self._bank, self.refactor_every)
        self._choices.forget()

    def play(self, x: Float64, rewards: Float64) -> Int64:
        """Play T rounds one at a time against full rewards and return the actions taken.

        Parameters
        ----------
        x : float64 (T, d)
            Contexts, used as they are: no intercept is added.
        rewards : float64 (T, n)
            What each action would earn.

        Returns
        -------
        int64 (T,)
        """
        x = _check.array("x", x, np.float64, (None, None))
        rewards = _check.array("rewards", rewards, np.float64, (len(x), None))
        self._fit(tuple(f"x{i}" for i in range(x.shape[1])), rewards.shape[1])
        out = np.empty(len(x), np.int64)
        kernels.disjoint_play(x, rewards, self._bank, self.alpha, self.refactor_every, out)
        return out

    def state(self) -> State:
        """Return the regressions and the names of their features."""
        return {**bank_state(self._bank, self._names), **self._choices.state(self._bank)}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        self._bank, self._names = bank_from("LinUCBDisjoint", state)
        self._choices.restore("LinUCBDisjoint", state, self._bank)
