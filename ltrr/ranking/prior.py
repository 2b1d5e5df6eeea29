"""The ranker before anything is learned: fixed weights on named features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ltrr import _check
from ltrr._kernels.rank_features import weighted_sum
from ltrr.errors import InputError, nearest
from ltrr.types import Feedback, Float32, Float64, Int64

__all__ = ["PRIOR_WEIGHTS", "PriorRanker"]

PRIOR_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "bm25_share": 1.0,
        "ngrams_share": 1.0,
        "cosine": 1.0,
        "memory_rate": 2.0,
        "near_rate": 2.0,
        "popularity": 0.05,
    }
)
"""Text evidence from both sides, what users chose before above it, and popularity to break near-ties."""


@dataclass(frozen=True)
class PriorRanker:
    """Ranks by a fixed weighted sum of features, and never learns.

    ``score = Σ_f weight[f] · feature[f]``, added in the order of ``weights``, so that a row's score does not
    depend on the batch it comes in.

    Parameters
    ----------
    names : tuple of str, length F
        Names of the feature columns; a study fills them in (`for_columns`).
    weights : mapping of str to float, optional
        Weights of named features; the others weigh nothing. By default those of `PRIOR_WEIGHTS` that are
        among the columns.

    Raises
    ------
    InputError
        If a weight names no feature or is not finite, or the number of feature columns is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> ranker = PriorRanker(("bm25_share", "cosine"), weights={"cosine": 2.0, "bm25_share": 1.0})
    >>> ranker.score(np.array([[0.5, 0.25], [1.0, 0.5]], np.float32)).tolist()
    [1.0, 2.0]
    """

    names: tuple[str, ...] = ()
    _: KW_ONLY
    weights: Mapping[str, float] | None = None
    _column: Int64 = field(init=False, repr=False, compare=False)
    _weight: Float64 = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = {name: w for name, w in PRIOR_WEIGHTS.items() if name in self.names}
        weights = known if self.weights is None else self.weights
        for name, weight in weights.items():
            if self.names and name not in self.names:
                raise InputError(
                    f"`PriorRanker.weights` must name features, got {name!r}{nearest(name, self.names)}"
                )
            _check.number(f"PriorRanker.weights[{name!r}]", weight)
        column = [self.names.index(name) for name in weights if self.names]
        object.__setattr__(self, "_column", np.array(column, np.int64))
        object.__setattr__(self, "_weight", np.array(list(weights.values()), np.float64))

    @property
    def version(self) -> int:
        """0: it is never trained."""
        return 0

    def for_columns(self, names: Sequence[str], memory_columns: Sequence[int]) -> PriorRanker:
        """Return the ranker for rows of these columns.

        Raises
        ------
        InputError
            If it was made for other columns, or weighs a feature that is not among them.
        """
        del memory_columns
        if self.names and self.names != tuple(names):
            raise InputError(f"`PriorRanker.names` must be those of the rows, {list(names)}; leave them out")
        return replace(self, names=tuple(names))

    def score(self, features: Float32) -> Float64:
        """Return scores (N,) of feature rows (N, F); higher is better."""
        rows = _check.array("PriorRanker.score features", features, np.float32, (None, len(self.names)))
        out = np.empty(len(rows), np.float64)
        weighted_sum(rows, self._column, self._weight, out)
        return out

    def learn(self, feedback: Feedback) -> None:
        """Do nothing: the weights are fixed."""

    def fork(self) -> PriorRanker:
        """Return the ranker itself, as it carries no state."""
        return self

    def state(self) -> dict[str, Any]:
        """Return no state, as nothing is learned."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing: there is no state."""
