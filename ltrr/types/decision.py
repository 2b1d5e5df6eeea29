"""Decisions: what was chosen slot by slot, and with which probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types.action_set import ActionSet
from ltrr.types.arrays import Bool, Float64, Int32, Int64
from ltrr.types.ragged import take_flat

__all__ = ["Decision"]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The decisions of B requests over S slots.

    Parameters
    ----------
    action : int32 (B, S)
        Chosen action id per slot.
    propensity : float64 (B, S)
        Probability of that action given the slots already filled, audit share included; in (0, 1].
    quota : int32 (B, R)
        Slots given to each arm.
    audit : bool (B, S)
        Slots that were filled at random rather than by the policy.
    actions : tuple of S ActionSet
        What could be chosen in each slot.
    probabilities : tuple of S float64 arrays, ragged like ``actions``
        The full conditional distributions that the loop drew from.
    version : int
        Number of learning updates of the policy before it decided; −1 for the warm-up's logging policy.

    Examples
    --------
    Two slots, each filled by one of two arms. The second slot's probabilities are those after the first.

    >>> import numpy as np
    >>> two = ActionSet(np.array([0, 2]), np.array([0, 1]), np.zeros((2, 0)), (), n_actions=2)
    >>> decision = Decision(
    ...     action=[[0, 1]], propensity=[[0.75, 0.5]], quota=[[1, 1]], audit=[[False, False]], version=[3],
    ...     actions=(two, two), probabilities=(np.array([0.75, 0.25]), np.array([0.5, 0.5])),
    ... )
    >>> decision.n_slots, decision.sequence_propensity.tolist()
    (2, [0.375])
    """

    action: Int32
    propensity: Float64
    quota: Int32
    audit: Bool
    actions: tuple[ActionSet, ...]
    probabilities: tuple[Float64, ...]
    version: Int32

    def __post_init__(self) -> None:
        action = _check.array("Decision.action", self.action, np.int32, (None, None))
        n, s = action.shape
        object.__setattr__(self, "action", action)
        for key, dtype, shape in (
            ("propensity", np.float64, (n, s)),
            ("quota", np.int32, (n, None)),
            ("audit", np.bool_, (n, s)),
            ("version", np.int32, (n,)),
        ):
            object.__setattr__(self, key, _check.array(f"Decision.{key}", getattr(self, key), dtype, shape))
        if len(self.actions) != s or len(self.probabilities) != s:
            raise InputError(f"`Decision.actions` must hold {s} slots, got {len(self.actions)}")
        if n and not (float(self.propensity.min()) > 0.0 and float(self.propensity.max()) <= 1.0 + 1e-9):
            raise InputError("`Decision.propensity` must lie in (0, 1]")

    def __len__(self) -> int:
        return len(self.action)

    @property
    def n_slots(self) -> int:
        """Slots a request, S."""
        return int(self.action.shape[1])

    @property
    def sequence_propensity(self) -> Float64:
        """Probability of the whole sequence: the product of the conditionals, (B,)."""
        return np.asarray(self.propensity.prod(axis=1))

    def take(self, rows: Int64) -> Decision:
        """Return the chosen rows."""
        flat = [take_flat(a.indptr, rows)[1] for a in self.actions]
        return Decision(
            action=self.action[rows],
            propensity=self.propensity[rows],
            quota=self.quota[rows],
            audit=self.audit[rows],
            actions=tuple(a.take(rows) for a in self.actions),
            probabilities=tuple(p[f] for p, f in zip(self.probabilities, flat, strict=True)),
            version=self.version[rows],
        )

    @staticmethod
    def concat(parts: Sequence[Decision]) -> Decision:
        """Join batches with the same number of slots."""
        slots = range(parts[0].n_slots)
        return Decision(
            action=np.concatenate([p.action for p in parts]),
            propensity=np.concatenate([p.propensity for p in parts]),
            quota=np.concatenate([p.quota for p in parts]),
            audit=np.concatenate([p.audit for p in parts]),
            actions=tuple(ActionSet.concat([p.actions[s] for p in parts]) for s in slots),
            probabilities=tuple(np.concatenate([p.probabilities[s] for p in parts]) for s in slots),
            version=np.concatenate([p.version for p in parts]),
        )
