"""Vowpal Wabbit's contextual bandits with action features, ε-greedy or SquareCB."""

from __future__ import annotations

import tempfile
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import vowpalwabbit

from ltrr import _check
from ltrr.bandits.base import SPACES, BasePolicy
from ltrr.bandits.blocks import checked_blocks, seen, seen_of
from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.types import ActionSet, Feedback, Float64, Requests, chosen

__all__ = ["VowpalWabbit"]

EXPLORE = ("epsilon", "squarecb")

_ACTION = "| action"
"""Stands between the names of context and action columns."""


def _body(width: int, n_features: int, labelled: int = -1) -> str:
    """Return the template of ``width`` action lines, one of them with room for cost and probability."""
    line = "|a " + " ".join(f"{i}:%.7g" for i in range(n_features))
    lines = [line] * width
    if labelled >= 0:
        lines[labelled] = "0:%.7g:%.9g " + line
    return "\n".join(lines)


def _difference(known: tuple[str, ...], given: tuple[str, ...]) -> str:
    """Return the first pair of names that differ."""
    pairs = zip_longest(known, given, fillvalue="none")
    return next(f"{b!r} in place of {a!r}" for a, b in pairs if a != b)


@dataclass(eq=False)
class VowpalWabbit(BasePolicy):
    """Run Vowpal Wabbit's ``--cb_explore_adf`` and return its own distribution.

    A linear model of the cost of (context, action) is learned by importance-weighted regression (``mtr``) on
    context (namespace c, shared), action features (namespace a) and their products. Over n actions,
    *epsilon* gives the cheapest ``1 − ε + ε/n`` (ties share it) and the others ``ε/n``; *squarecb* gives an
    action whose predicted cost lies Δ above the cheapest ``1/(n + γΔ)`` and the rest to the cheapest, with
    ``γ = gamma_scale · t^gamma_exponent`` after t updates.

    The cost learned is ``−credit``, and VW starts with weights of 0: nothing earns anything. No optimism is
    added, as every action keeps a positive probability (with ``epsilon=0`` the policy can lock
    in); on sparse rewards a start at the highest reward (cost ``1 − credit``) mostly learned more slowly.

    Every event passes through VW's text parser, one Python call each: the loop over rows here is the
    binding's. Features are written with 7 digits.

    Parameters
    ----------
    explore : "epsilon" or "squarecb"
        How probabilities follow from predicted costs.
    epsilon : float in [0, 1]
        Share of random decisions (*epsilon* only).
    gamma_scale : float > 0
        Greediness (*squarecb* only).
    gamma_exponent : float >= 0
        Growth of greediness (*squarecb* only).
    space : "slabs" or "allocations"
        What an action is.
    blocks : sequence of str, optional
        Blocks of action features that are used (`ltrr.bandits.BLOCKS`); None for all but source and evidence.
    options : str
        Further options as VW takes them, such as ``"--learning_rate 0.2"``.

    Raises
    ------
    InputError
        If VW does not take the options, or features differ from those learned from, in number, name or order.

    Examples
    --------
    >>> from ltrr.types import ActionSet, Requests
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.ones((1, 1)), ("length",))
    >>> actions = ActionSet(np.array([0, 2]), np.arange(2), np.eye(2), ("arm:a", "arm:b"), n_actions=2)
    >>> policy = VowpalWabbit("epsilon", epsilon=0.2)
    >>> policy.probabilities(one, actions, np.random.default_rng(0)).round(6).tolist()
    [0.5, 0.5]
    >>> policy.close()

    References
    ----------
    Bietti, Agarwal, Langford, "A contextual bandit bake-off", JMLR 22 (2021), section 3; Foster and Rakhlin,
    "Beyond UCB: optimal and efficient contextual bandits with regression oracles", ICML 2020, algorithm 1.
    """

    explore: str = "epsilon"
    _: KW_ONLY
    epsilon: float = 0.1
    gamma_scale: float = 10.0
    gamma_exponent: float = 0.5
    space: str = "slabs"
    blocks: tuple[str, ...] | None = None
    options: str = ""
    _workspace: Any = field(default=None, init=False, repr=False)
    _names: tuple[str, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        _check.choice("VowpalWabbit.explore", self.explore, EXPLORE)
        self.epsilon = _check.fraction("VowpalWabbit.epsilon", self.epsilon)
        self.gamma_scale = _check.number("VowpalWabbit.gamma_scale", self.gamma_scale, low=0.0, open_low=True)
        self.gamma_exponent = _check.number("VowpalWabbit.gamma_exponent", self.gamma_exponent, low=0.0)
        _check.choice("VowpalWabbit.space", self.space, SPACES)
        self.blocks = checked_blocks("VowpalWabbit.blocks", self.blocks, self.space)
        if not isinstance(self.options, str):
            raise InputError(f"`VowpalWabbit.options` must be a string, got {self.options!r}")

    def fits(self, arms: tuple[str, ...], n_slots: int) -> None:
        """Start the engine with the options, to see that it accepts them."""
        del arms, n_slots
        options = self.options.split()
        if not options:
            return
        if {"-h", "--help", "--version"} & set(options):  # the engine would end the whole process
            raise InputError(f"`VowpalWabbit.options` must not ask for help, got {options}")
        none = np.zeros((0, 1), np.float32)
        no_requests = Requests.empty().with_context(none, ("length",))
        no_actions = ActionSet(np.zeros(1, np.int64), np.zeros(0, np.int32), none, ("arm:a",), n_actions=1)
        trial = replace(self, blocks=None)
        try:
            trial.probabilities(no_requests, no_actions, np.random.default_rng(0))
        finally:
            trial.close()

    def command(self) -> str:
        """Return the options VW is run with."""
        if self.explore == "epsilon":
            explore = f"--epsilon {self.epsilon!r}"
        else:
            explore = (
                f"--squarecb --gamma_scale {self.gamma_scale!r} --gamma_exponent {self.gamma_exponent!r}"
            )
        fixed = "--cb_explore_adf --cb_type mtr --quiet -q ca"
        return f"{fixed} {explore} {self.options}".strip()

    def close(self) -> None:
        """Release VW's memory and forget what was learned; the policy can be used again."""
        if self._workspace is not None:
            self._workspace.finish()
        self._workspace = None
        self._names = ()

    def _open(self, model: Path | None = None) -> Any:
        start = "" if model is None else f" --initial_regressor {model} --preserve_performance_counters"
        try:
            return vowpalwabbit.Workspace(self.command() + start)
        except RuntimeError as error:
            cause = " ".join(str(error).split())
            raise InputError(
                f"`VowpalWabbit.options` must be options VW takes, got {self.options!r}: {cause}"
            ) from error

    def _ready(self, requests: Requests, actions: ActionSet) -> Any:
        # VW knows columns by number alone: in another order it would apply one column's weight to another
        names = (*requests.context_names, _ACTION, *actions.names)
        if self._workspace is not None and self._names != names:
            raise InputError(
                f"`VowpalWabbit` must be given the features it was trained on ({len(self._names) - 1} "
                f"columns), got {len(names) - 1} columns, among them {_difference(self._names, names)}; "
                "use a fresh fork"
            )
        self._names = names
        if self._workspace is None:
            self._workspace = self._open()
        return self._workspace

    @staticmethod
    def _heads(requests: Requests) -> list[str]:
        """Return the shared line of every request."""
        template = "shared |c " + " ".join(f"{i}:%.7g" for i in range(requests.context.shape[1])) + "\n"
        return [template % tuple(row) for row in requests.context.tolist()]

    def probabilities(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:  # noqa: ARG002
        """Return VW's distribution, renormalised in float64, (N,); the model does not change."""
        actions = seen(actions, self.blocks)
        workspace = self._ready(requests, actions)
        out = np.zeros(len(actions.action))
        n_features = actions.features.shape[1]
        templates = {width: _body(width, n_features) for width in np.unique(np.diff(actions.indptr)).tolist()}
        if 0 in templates:
            raise InputError("`ActionSet` must offer every request an action, got a request with none")
        flat = actions.features.reshape(-1).tolist()
        start = 0
        for head, end in zip(self._heads(requests), actions.indptr[1:].tolist(), strict=True):
            values = flat[start * n_features : end * n_features]
            p = np.array(workspace.predict(head + templates[end - start] % tuple(values)))
            out[start:end] = p / p.sum()
            start = end
        return out

    def learn(self, feedback: Feedback) -> None:
        """Learn the cost ``−credit`` of every slot with its logged propensity, request by request."""
        decision = seen_of(feedback.decision, self.blocks)
        n_slots = decision.n_slots
        heads = self._heads(feedback.requests)
        events = [""] * (len(heads) * n_slots)
        for s, actions in enumerate(decision.actions):
            self._ready(feedback.requests, actions)
            events[s::n_slots] = self._events(heads, actions, feedback, s)
        for event in events:
            self._workspace.learn(event)

    @staticmethod
    def _events(heads: list[str], actions: ActionSet, feedback: Feedback, s: int) -> list[str]:
        """Return the labelled events of slot ``s``."""
        n_features = actions.features.shape[1]
        flat = actions.features.reshape(-1).tolist()
        starts = actions.indptr[:-1]
        widths = np.diff(actions.indptr).tolist()
        places = (chosen(actions, feedback.decision.action[:, s]) - starts).tolist()
        labels = np.stack([-feedback.credit[:, s], feedback.decision.propensity[:, s]], axis=1).tolist()
        templates: dict[tuple[int, int], str] = {}
        events = []
        for head, start, width, place, label in zip(
            heads, starts.tolist(), widths, places, labels, strict=True
        ):
            if (width, place) not in templates:
                templates[width, place] = _body(width, n_features, place)
            values = flat[start * n_features : (start + width) * n_features]
            values[place * n_features : place * n_features] = label
            events.append(head + templates[width, place] % tuple(values))
        return events

    def state(self) -> State:
        """Return VW's model as bytes, with all that it needs to go on learning."""
        if self._workspace is None:
            return {}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.vw"
            self._workspace.save(path)
            return {"model": path.read_bytes(), "names": list(self._names)}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        self.close()
        if not state:
            return
        if not isinstance(state.get("model"), bytes) or "names" not in state:
            raise InputError(f"state of `VowpalWabbit` must hold model and names, got {sorted(state)}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.vw"
            path.write_bytes(state["model"])
            self._workspace = self._open(path)
        self._names = tuple(state["names"])
