"""LinUCB with parameters shared by all actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr._kernels import linucb as kernels
from ltrr._kernels import linucb_in_turn as in_turn
from ltrr._kernels.linucb import Bank
from ltrr.bandits.base import SPACES, BasePolicy, greedy, offered, one_hot
from ltrr.bandits.blocks import checked_blocks, seen, seen_of
from ltrr.bandits.joint import crossed, joint_features, joint_names, taken_features
from ltrr.bandits.own_choices import OwnChoices
from ltrr.bandits.ridge import EMPTY, bank_from, bank_state, matching
from ltrr.protocols import State
from ltrr.types import ActionSet, Feedback, Float32, Float64, Int64, Requests

__all__ = ["LinUCB"]

_CELLS = 1 << 22  # joint features are built for this many numbers at a time: 16 MB


@dataclass(eq=False)
class LinUCB(BasePolicy):
    """Take the action with the highest upper confidence bound under one ridge regression for all actions.

    With joint features x of context and action (`joint_features`), ``A = λI + Σ x xᵀ`` and ``b = Σ r x`` over
    the slots learned from, the bound is ``θᵀx + α √(xᵀA⁻¹x)`` with ``θ = A⁻¹b``; ties go to the lowest
    position. The regression learns the credit of each slot. Right where expected credit is linear in the
    joint features; an action's mean is shrunk towards 0, and only the bonus keeps it from being forgotten.

    The stream is decided in turn (`in_turn`): the width of the bound counts each choice at once, θ when its
    reward is known. Otherwise all requests of a batch would take the action that was least known when the
    batch began. Learning anything drops what was counted; with delayed feedback, choices still under way are
    then not counted. A slot that the loop fills at random (audit) counts as what the policy would have taken.

    Parameters
    ----------
    alpha : float >= 0
        Width of the bound in standard deviations of the reward. Rewards in [0, 1] deviate by at most 0.5, so
        the default of 1 explores; well below 0.5 the policy can lock in on the first action that paid.
    ridge : float > 0
        λ, the weight of the prior that all parameters are 0.
    space : "slabs" or "allocations"
        What an action is.
    blocks : sequence of str, optional
        Blocks of action features that are used (`ltrr.bandits.BLOCKS`); None for all but source and evidence.
    refactor_every : int >= 1
        Number of updates after which A⁻¹ is recomputed from A, so that rounding errors do not add up.

    Raises
    ------
    InputError
        If features differ from those learned from.

    Examples
    --------
    Two actions told apart by one feature; the second pays:

    >>> x = np.tile(np.eye(2), (100, 1, 1))
    >>> rewards = np.tile([0.2, 0.8], (100, 1))
    >>> policy = LinUCB(1.0)
    >>> actions = policy.play(x, rewards)
    >>> actions[:3].tolist(), bool((actions[-50:] == 1).all())
    ([0, 1, 1], True)

    References
    ----------
    Li, Chu, Langford, Schapire, "A contextual-bandit approach to personalized news article recommendation",
    WWW 2010, section 3 (the shared part of the hybrid model, algorithm 2). In turn: Desautels, Krause,
    Burdick, "Parallelizing exploration-exploitation tradeoffs in Gaussian process bandit optimization", JMLR
    15 (2014), section 4.
    """

    alpha: float = 1.0
    _: KW_ONLY
    ridge: float = 1.0
    space: str = "slabs"
    blocks: tuple[str, ...] | None = None
    refactor_every: int = 1000
    _bank: Bank = field(default=EMPTY, init=False, repr=False)
    _names: tuple[str, ...] = field(default=(), init=False, repr=False)
    _choices: OwnChoices = field(default_factory=OwnChoices, init=False, repr=False)

    def __post_init__(self) -> None:
        self.alpha = _check.number("LinUCB.alpha", self.alpha, low=0.0)
        self.ridge = _check.number("LinUCB.ridge", self.ridge, low=0.0, open_low=True)
        _check.choice("LinUCB.space", self.space, SPACES)
        self.blocks = checked_blocks("LinUCB.blocks", self.blocks, self.space)
        self.refactor_every = _check.integer("LinUCB.refactor_every", self.refactor_every, low=1)

    @property
    def deterministic(self) -> bool:
        """True: one action has probability 1."""
        return True

    def _fit(self, names: tuple[str, ...]) -> None:
        self._bank = matching("LinUCB", self._bank, self._names, names, 1, self.ridge)
        self._names = names

    def bounds(self, requests: Requests, actions: ActionSet) -> Float64:
        """Return the upper confidence bound of every flat action, (N,)."""
        return self._bounds(requests, seen(actions, self.blocks))

    def _bounds(self, requests: Requests, actions: ActionSet) -> Float64:
        self._fit(joint_names(requests, actions))
        out = np.empty(len(actions.action))
        for _, part, x in self._parts(requests, actions):
            kernels.shared_bounds(x, self._bank, self.alpha, out[part])
        return out

    def terms(self, requests: Requests, actions: ActionSet) -> dict[str, Float64]:
        """Return what the bound of every flat action is the sum of: ``estimate`` and ``bonus``, each (N,)."""
        actions = seen(actions, self.blocks)
        self._fit(joint_names(requests, actions))
        estimate = np.empty(len(actions.action))
        for _, part, x in self._parts(requests, actions):
            kernels.shared_bounds(x, self._bank, 0.0, estimate[part])
        return {"estimate": estimate, "bonus": self._bounds(requests, actions) - estimate}

    def _parts(self, requests: Requests, actions: ActionSet) -> Iterator[tuple[slice, slice, Float32]]:
        """Yield requests, their flat actions, and these actions' joint features, some requests at a time."""
        longest = int(np.diff(actions.indptr).max(initial=1))
        step = max(1, _CELLS // (longest * len(self._names)))
        if len(requests) <= step:
            yield slice(0, len(requests)), slice(0, len(actions.action)), joint_features(requests, actions)
            return
        for start in range(0, len(requests), step):
            rows = np.arange(start, min(start + step, len(requests)))
            part = slice(int(actions.indptr[start]), int(actions.indptr[rows[-1] + 1]))
            x = joint_features(requests.take(rows), actions.take(rows))
            yield slice(start, start + len(rows)), part, x

    def probabilities(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:  # noqa: ARG002
        """Return 1 for the action with the highest bound and 0 elsewhere, (N,)."""
        return greedy(actions, self.bounds(requests, actions))

    def in_turn(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:
        """Return 1 for each request's action where the requests are decided one after another, (N,)."""
        if self.alpha == 0.0 or len(requests) == 0:
            return self.probabilities(requests, actions, rng)
        if len(requests) > 1 or len(actions.action) == 0:
            offered(actions)
        actions = seen(actions, self.blocks)
        self._fit(joint_names(requests, actions))
        self._choices.begin(requests, self._bank)
        decide = self._one if len(requests) == 1 else self._several
        position, row = decide(requests, actions)
        self._choices.add(row, np.zeros(len(requests), np.int64))
        return one_hot(len(actions.action), position)

    def _one(self, requests: Requests, actions: ActionSet) -> tuple[Int64, Float32]:
        """Return the position (1,) and the row (1, d) of one request's action; nobody follows to count it."""
        base = self._choices.base(self._bank)
        bank = self._bank if base is self._bank.inverse else self._bank._replace(inverse=base)
        row = np.empty((1, len(self._names)), np.float32)
        columns = crossed(actions.names)
        position = in_turn.shared_one(actions.features, requests.context, columns, bank, self.alpha, row)
        return np.array([position]), row

    def _several(self, requests: Requests, actions: ActionSet) -> tuple[Int64, Float32]:
        """Return positions (B,) and rows (B, d) of actions that count for the requests after them."""
        earlier, _ = self._choices.earlier(len(self._names))
        inverse = self._choices.base(self._bank)[0].copy()
        position = np.empty(len(requests), np.int64)
        row = np.empty((len(requests), len(self._names)), np.float32)
        for rows, part, x in self._parts(requests, actions):
            indptr = actions.indptr[rows.start : rows.stop + 1] - part.start
            out = position[rows]
            in_turn.shared_in_turn(indptr, x, earlier[rows], inverse, self._bank.weights[0], self.alpha, out)
            row[rows] = x[out]
            out += part.start
        return position, row

    def learn(self, feedback: Feedback) -> None:
        """Regress the credit of every slot on the joint features of its action, request by request."""
        decision = seen_of(feedback.decision, self.blocks)
        for actions in decision.actions:
            self._fit(joint_names(feedback.requests, actions))
        x = taken_features(feedback.requests, decision).reshape(-1, len(self._names))
        model = np.zeros(len(x), np.int64)
        kernels.learn(x, model, feedback.credit.reshape(-1), self._bank, self.refactor_every)
        self._choices.forget()

    def play(self, x: Float64, rewards: Float64) -> Int64:
        """Play T rounds one at a time against full rewards and return the actions taken.

        Parameters
        ----------
        x : float64 (T, n, d)
            Features of the n actions of each round, used as they are.
        rewards : float64 (T, n)
            What each action would earn.

        Returns
        -------
        int64 (T,)
        """
        x = _check.array("x", x, np.float64, (None, None, None))
        rewards = _check.array("rewards", rewards, np.float64, x.shape[:2])
        self._fit(tuple(f"x{i}" for i in range(x.shape[2])))
        out = np.empty(len(x), np.int64)
        kernels.shared_play(x, rewards, self._bank, self.alpha, self.refactor_every, out)
        return out

    def state(self) -> State:
        """Return the regression and the names of its features."""
        return {**bank_state(self._bank, self._names), **self._choices.state(self._bank)}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        self._bank, self._names = bank_from("LinUCB", state)
        self._choices.restore("LinUCB", state, self._bank)
