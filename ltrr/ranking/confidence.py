"""The confidence rule: lexical evidence counts less where the dense list has a clear first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.ranking.fused_ranker import FusedRanker
from ltrr.ranking.provenance import MARGIN, SCALED
from ltrr.types import Float32, Float64

__all__ = ["ConfidenceRule"]


@dataclass(frozen=True)
class ConfidenceRule(FusedRanker):
    """A convex combination whose lexical weights fall, request by request, with the dense list's margin.

    ``score(i) = Σ_arms weight · scaled(i)``, where the weights of the arms ``lexical`` are multiplied by
    ``max(0, 1 − strength · margin)``. The margin is the part of the range of the ``dense`` arm's scores that
    lies between its first and its second item; where that arm drew nothing, or one item, it is 0 and the rule
    is `ConvexCombination`.

    Parameters
    ----------
    weights : mapping of str to float
        Weights >= 0 by arm; arms that are not named weigh 1.
    dense : str
        The arm whose margin counts; without such an arm the rule is a convex combination.
    lexical : sequence of str
        Arms whose weights are lowered; those that a study does not have are passed over.
    strength : float >= 0
        How much a margin lowers them.

    Raises
    ------
    InputError
        If a weight or the strength is out of range, or the rows hold no provenance columns.

    Examples
    --------
    The dense list is peaked: its second item scores a fifth of the range below the first.

    >>> names = ("scaled@bm25", "scaled@dense", "margin@bm25", "margin@dense")
    >>> rule = ConfidenceRule(strength=1.0).for_columns(names, ())
    >>> rule.score(np.array([[1.0, 0.0, 0.5, 0.2], [0.0, 0.9, 0.5, 0.2]], np.float32)).round(2).tolist()
    [0.8, 0.9]

    Notes
    -----
    Practitioners ship such rules in hybrid search: a fixed weight of BM25 drowns a dense list that is sure.
    """

    kind = SCALED
    fusion = "confidence"

    dense: str = field(default="dense", kw_only=True)
    lexical: Sequence[str] = field(default=("bm25", "bm25f", "ngrams"), kw_only=True)
    strength: float = field(default=1.0, kw_only=True)
    _margin: int = field(default=-1, init=False, repr=False)
    _lowered: tuple[int, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.number("ConfidenceRule.strength", self.strength, low=0.0)
        if isinstance(self.lexical, str) or not all(isinstance(name, str) for name in self.lexical):
            raise InputError(f"`ConfidenceRule.lexical` must list names of arms, got {self.lexical!r}")
        object.__setattr__(self, "lexical", tuple(self.lexical))

    def for_columns(self, names: Sequence[str], memory_columns: Sequence[int]) -> Self:
        """Return the ranker for rows of these columns, among them those that it reads."""
        other = super().for_columns(names, memory_columns)
        column = {name: i for i, name in enumerate(names)}
        object.__setattr__(other, "_margin", column.get(MARGIN + self.dense, -1))
        lowered = [column[SCALED + arm] for arm in self.lexical if SCALED + arm in column]
        object.__setattr__(other, "_lowered", tuple(lowered))
        return other

    def score(self, features: Float32) -> Float64:
        """Return scores (N,) of feature rows (N, F); higher is better."""
        columns = self.columns()
        margin = features[:, self._margin].astype(np.float64) if self._margin >= 0 else 0.0
        factor = np.maximum(0.0, 1.0 - self.strength * margin)
        out = np.zeros(len(features))
        for column, weight in columns:
            value = weight * features[:, column].astype(np.float64)
            out += value * factor if column in self._lowered else value
        return out
