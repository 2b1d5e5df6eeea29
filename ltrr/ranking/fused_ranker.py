"""What rankers share that fuse the arms' lists without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from ltrr.errors import InputError
from ltrr.ranking.provenance import arm_weights
from ltrr.retrieval.fusion_weights import checked_weights, searched_settings
from ltrr.types import Feedback

__all__ = ["FusedRanker"]


@dataclass(frozen=True)
class FusedRanker:
    """Reads one kind of provenance column, weighs it by arm, and never learns.

    Parameters
    ----------
    weights : mapping of str to float
        Weights >= 0 by arm; arms that are not named weigh 1.

    Examples
    --------
    >>> from ltrr.ranking import ReciprocalRankFusion
    >>> fusion = ReciprocalRankFusion()
    >>> isinstance(fusion, FusedRanker), fusion.allocation_dependent, fusion.state()
    (True, True, {})
    """

    kind: ClassVar[str]
    """What the names of the columns that it reads begin with."""
    fusion: ClassVar[str]
    """How it merges lists, as the arm `Hybrid` names it."""
    allocation_dependent: ClassVar[bool] = True
    """True: scores depend on which arms drew a candidate."""
    provenance_only: ClassVar[bool] = True
    """True: no other column than those of provenance is read."""
    version: ClassVar[int] = 0
    """0: it is never trained."""

    weights: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    _columns: tuple[tuple[int, float], ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", checked_weights(type(self).__name__, self.weights))

    def for_columns(self, names: Sequence[str], memory_columns: Sequence[int]) -> Self:
        """Return the ranker for rows of these columns, among them those that it reads."""
        del memory_columns
        other = replace(self)
        columns = arm_weights(type(self).__name__, names, self.kind, self.weights)
        object.__setattr__(other, "_columns", columns)
        return other

    def columns(self) -> tuple[tuple[int, float], ...]:
        """Return column and weight of each arm, to sum in this order: sums are then alike in every batch."""
        if not self._columns:
            raise InputError(
                f"`{type(self).__name__}.for_columns` must say first which columns hold {self.kind}<arm>"
            )
        return self._columns

    def search(self, arms: Sequence[str], rng: np.random.Generator, n: int) -> list[dict[str, Any]]:
        """Return ``n`` settings to try: its own, then drawn ones, whose weights sum to 1."""
        return [{}, *(searched_settings(self.fusion, arms, rng) for _ in range(n - 1))]

    def learn(self, feedback: Feedback) -> None:
        """Do nothing: there is nothing to learn."""

    def fork(self) -> Self:
        """Return the ranker itself, as it carries no state."""
        return self

    def state(self) -> dict[str, Any]:
        """Return no state, as nothing is learned."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing: there is no state."""
