"""Choosing from the log how far to bend weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import ClassVar

import numpy as np

from ltrr import _check
from ltrr.errors import InputError, nearest
from ltrr.replay.estimators.base import Estimator, positive
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.registry import ESTIMATORS, open_kind
from ltrr.types import Float64

__all__ = ["BREAKS", "SLOPE_KINDS", "Slope", "grid_of"]

BREAKS = (math.inf, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
"""Weights at which the candidates break where no pass over the weights was made, least biased first."""

SLOPE_KINDS = tuple(name for name, kind in ESTIMATORS.makers.items() if kind.bent_at(1.0) is not None)
"""Names of estimators that bend weights by one parameter."""


def grid_of(weights: Float64, size: int = 8) -> tuple[float, ...]:
    """Return weights at which candidates may break, from a first pass over the weights.

    First inf, so that the first candidate bends nothing whatever weights come; then geometric steps below
    the largest weight down to the median of those above 0, but not below 1.

    Parameters
    ----------
    weights : float64 (m,)
        Weights of the log under the target, a sample of them, or their quantiles.
    size : int
        Number of candidates, at least 2; fewer are returned where all weights are equal.

    Raises
    ------
    InputError
        If no weight is above 0, or one is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> [round(b, 9) for b in grid_of(np.array([0.5, 1.0, 1.0, 8.0]), size=4)]
    [inf, 4.0, 2.0, 1.0]
    """
    _check.integer("size", size, low=2)
    weights = _check.array("weights", weights, np.float64, (None,))
    if not np.isfinite(weights).all() or not (weights > 0.0).any():
        raise InputError("`weights` must be finite, with some above 0: the grid lies between them")
    top = max(float(weights.max()), 1.0)
    bottom = max(float(np.median(weights[weights > 0.0])), 1.0)
    steps = np.geomspace(top, bottom, size)
    inner = steps[steps < top * (1.0 - 1e-9)]
    return (math.inf, *inner.tolist())


@dataclass
class Slope(Estimator):
    """The candidate that bends weights most while its interval still meets those of all less bent ones.

    Candidates are ordered by rising bias and falling spread, i = 1, 2, …, with intervals
    ``I_i = θ̂_i ± 2 CNF(i)``; the choice is the largest i for which ``I_1 ∩ … ∩ I_i`` is not empty. The error
    of the choice is within a constant of the best candidate's, without the bias being known.
    ``CNF(i) = z_{1 − δ / 2m} se_i`` for m candidates.

    All candidates are accumulated together, so merging and intervals work as for any estimator; the value
    is the chosen candidate's, and so is the interval, which does *not* know that a choice was made on the
    same rows.

    Parameters
    ----------
    kind : str
        One of `SLOPE_KINDS`, or the import path of a class that has ``bent_at``.
    breaks : tuple of float
        Weights at which the candidates break, from `grid_of` or `BREAKS`; in any order, all different.
    delta : float
        Probability in (0, 1) with which some candidate's estimate may lie further from its mean than CNF.

    Examples
    --------
    >>> import numpy as np
    >>> slope = Slope("clipped-ips", (8.0, 4.0, 2.0, 1.0))
    >>> weight = np.tile([0.0, 0.5, 1.5, 2.0], 25)
    >>> slope.add(ReplayBatch(np.arange(100), np.tile([0.0, 1.0], 50), weight=weight))
    >>> slope.chosen, slope.candidate(slope.choice)
    (1.0, ClippedIPS(max_weight=1.0))
    >>> slope.value()
    0.375

    References
    ----------
    Su, Srinath, Krishnamurthy, "Adaptive estimator selection for off-policy evaluation", ICML 2020,
    section 3.
    """

    name: ClassVar[str] = "slope"
    bias: ClassVar[str] = (
        "bends weights by a parameter that SLOPE chose on these rows: the interval leaves its bias out."
    )

    kind: str = "clipped-ips"
    breaks: tuple[float, ...] = BREAKS
    delta: float = 0.05

    def __post_init__(self) -> None:
        self._check_kind()
        if not 0.0 < _check.fraction("Slope.delta", self.delta) < 1.0:
            raise InputError(f"`Slope.delta` must be in (0, 1), got {self.delta!r}")
        ordered = tuple(sorted((positive("Slope.breaks", b) for b in self.breaks), reverse=True))
        if not ordered or ordered[-1] < 1.0 or len(set(ordered)) != len(ordered):
            raise InputError(
                f"`Slope.breaks` must be different numbers >= 1, at least one, got {self.breaks!r}"
            )
        self.breaks = ordered
        super().__post_init__()

    def _check_kind(self) -> None:
        """Raise `InputError` unless the kind bends weights."""
        if self.kind in SLOPE_KINDS:
            return
        found = open_kind(self.kind, "Slope.kind") if ":" in str(self.kind) else None
        if found is None or found.bent_at(1.0) is None:
            raise InputError(
                f"`Slope.kind` must be a known name, got {self.kind!r}{nearest(str(self.kind), SLOPE_KINDS)}"
            )

    @property
    def width(self) -> int:  # type: ignore[override]  # constant for other kinds; here the grid decides
        """Number of candidates, m."""
        return len(self.breaks)

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]  # those of the kind that is chosen among
        """Optional columns of `ReplayBatch` that the candidates are made of."""
        return self.candidates[0].needs

    @property
    def weight(self) -> str:  # type: ignore[override]  # that of the kind that is chosen among
        """Column of `ReplayBatch` that reweights the rows."""
        return self.candidates[0].weight

    @property
    def label(self) -> str:
        """The name and the kind that is chosen among."""
        return f"{self.name}:{self.kind}"

    @cached_property
    def candidates(self) -> tuple[Estimator, ...]:
        """The candidates, least biased first; what was added is in `moments`, see `candidate`."""
        kind = open_kind(self.kind, "Slope.kind") or Estimator
        return tuple(made for b in self.breaks if (made := kind.bent_at(b)) is not None)

    def candidate(self, index: int) -> Estimator:
        """Return a candidate that has seen what was added."""
        out = self.candidates[index].fork()
        columns = np.array([0, index + 1])
        out.moments.n = self.moments.n
        out.moments.mean = self.moments.mean[columns]
        out.moments.comoment = self.moments.comoment[np.ix_(columns, columns)]
        return out

    @property
    def choice(self) -> int:
        """Index of the chosen candidate.

        Raises
        ------
        InputError
            If nothing was added.
        """
        z = -NormalDist().inv_cdf(self.delta / (2.0 * self.width))
        seen = [self.candidate(i) for i in range(self.width)]
        value = np.array([candidate.value() for candidate in seen])
        reach = 2.0 * z * np.array([candidate.standard_error() for candidate in seen])
        low, high = np.maximum.accumulate(value - reach), np.minimum.accumulate(value + reach)
        # the intersections shrink, so those that are not empty come first
        return max(int(np.count_nonzero(low <= high)) - 1, 0)

    @property
    def chosen(self) -> float:
        """Parameter of the chosen candidate."""
        return float(next(iter(self.candidates[self.choice].parameters().values())))

    @property
    def parameter(self) -> float | None:
        """Parameter of the chosen candidate; None where nothing was seen."""
        return self.chosen if self.moments.n else None

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return every candidate's term."""
        return np.concatenate([candidate.terms(batch) for candidate in self.candidates], axis=1)

    def combine(self, mean: Float64) -> Float64:
        """Return the chosen candidate's mean."""
        return mean[..., self.choice]
