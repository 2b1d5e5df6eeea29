"""Choosing from the log how far to bend weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np

from ltrr import _check
from ltrr.errors import InputError, nearest
from ltrr.registry import Registry, registry_of
from ltrr.replay.estimators.base import Estimator, positive
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.part import fed_by
from ltrr.types import Float64
from ltrr.types.spec import spec_of

__all__ = ["BREAKS", "Slope", "grid_of", "slope_kinds", "slope_of"]

BREAKS = (math.inf, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
"""Weights at which the candidates break where no pass over the weights was made, least biased first."""

_BEYOND = math.sqrt(6.0) - 1.0
"""How far two estimates may differ, in CNF of the less bent one; one CNF of the more bent is added."""


def _registry() -> Registry:
    """Return the registry of estimators, which holds `Slope` too and so cannot be imported first."""
    return registry_of("estimators")


def slope_kinds() -> tuple[str, ...]:
    """Return the names of the estimators that bend weights by one parameter.

    Examples
    --------
    >>> slope_kinds()
    ('clipped-ips', 'switch-dr', 'dr-os', 'sub-gaussian', 'sub-gaussian-dr')
    """
    return tuple(name for name, kind in _registry().makers.items() if kind.bent_at(1.0) is not None)


def slope_of(spec: Any) -> str | None:
    """Return the kind of estimator whose parameter SLOPE shall choose on a grid from the log.

    Parameters
    ----------
    spec : str, mapping or Estimator
        As `make_estimator` takes it. Asked for by ``slope:KIND``, by ``slope`` alone for clipped IPS, or by a
        table of kind ``slope`` without ``breaks``.

    Returns
    -------
    str or None
        None for everything else; a `Slope` object and a table with ``breaks`` have their own grid.

    Examples
    --------
    >>> slope_of("slope:dr-os"), slope_of({"kind": "slope", "of": "switch-dr"}), slope_of("slope")
    ('dr-os', 'switch-dr', 'clipped-ips')
    >>> slope_of("dr-os")
    """
    if isinstance(spec, str):
        name, _, of = spec.strip().partition(":")
        return (of or Slope.of) if name == Slope.name else None
    if isinstance(spec, Mapping) and spec.get("kind") == Slope.name and "breaks" not in spec:
        return str(spec.get("of", Slope.of))
    return None


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
    """The candidate that bends weights most while it agrees with all less bent ones.

    Candidates are ordered by rising bias and falling spread, i = 1, 2, …; the choice is the largest i with
    ``|θ̂_i − θ̂_j| <= CNF(i) + (√6 − 1) CNF(j)`` for all j < i, where ``CNF(i) = z_{1 − δ / 2m} se_i`` for m
    candidates. The error of the choice is within a constant of the best candidate's, without the bias being
    known. That constant is large: where few rows carry large weights, a candidate may agree and yet lose
    most of the value. So the choice must also lie in the first candidate's own interval,
    ``θ̂_1 ± z_{1 − δ/2} se_1``.

    A choice is made only where it is asked for: ``slope:clipped-ips`` in place of ``clipped-ips``. All
    candidates are accumulated together, so merging and intervals work as for any estimator; the value is the
    chosen candidate's, and so is the interval, which does *not* know that a choice was made on the same rows
    and covers less often than stated.

    Parameters
    ----------
    of : str
        An estimator that bends weights by one parameter: clipped-ips, switch-dr, dr-os, sub-gaussian,
        sub-gaussian-dr; or the import path of a class that has ``bent_at``.
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
    >>> slope.chosen, slope.candidate(slope.choice), slope.value()
    (2.0, ClippedIPS(max_weight=2.0), 0.625)

    References
    ----------
    Tucker, Lee, "Improved estimator selection for off-policy evaluation", ICML 2021 workshop on reinforcement
    learning theory, section 3 (SLOPE++); Su, Srinath, Krishnamurthy, "Adaptive estimator selection for
    off-policy evaluation", ICML 2020, section 3 (SLOPE).
    """

    name: ClassVar[str] = "slope"
    bias: ClassVar[str] = (
        "bends weights by a parameter that SLOPE chose on these rows: the interval leaves its bias out."
    )

    of: str = "clipped-ips"
    breaks: tuple[float, ...] = BREAKS
    delta: float = 0.05

    def __post_init__(self) -> None:
        if not 0.0 < _check.fraction("Slope.delta", self.delta) < 1.0:
            raise InputError(f"`Slope.delta` must be in (0, 1), got {self.delta!r}")
        ordered = tuple(sorted((positive("Slope.breaks", b) for b in self.breaks), reverse=True))
        if not ordered or ordered[-1] < 1.0 or len(set(ordered)) != len(ordered):
            raise InputError(
                f"`Slope.breaks` must be different numbers >= 1, at least one, got {self.breaks!r}"
            )
        self.breaks = ordered
        self._kind()
        super().__post_init__()

    def _kind(self) -> type[Estimator]:
        """Return the class that is chosen among.

        Raises
        ------
        InputError
            If it bends no weights, or its parameter is given.
        """
        known = slope_kinds()
        if self.of in known or ":" in str(self.of):
            found = spec_of(_registry(), self.of, "Slope.of")
            bent = getattr(found.maker, "bent_at", None)
            if isinstance(found.maker, type) and not found.values and bent and bent(1.0) is not None:
                return found.maker
        raise InputError(f"`Slope.of` must be a known name, got {self.of!r}{nearest(str(self.of), known)}")

    def over(self, weights: Float64 | None) -> Slope:
        """Return one that has seen nothing, on the grid of a sample of weights, if any is above 0."""
        known = weights is not None and bool((weights > 0.0).any())
        return replace(self, breaks=grid_of(weights)) if known and weights is not None else replace(self)

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
        return f"{self.name}:{self.of}"

    @cached_property
    def candidates(self) -> tuple[Estimator, ...]:
        """The candidates, least biased first; what was added is in `moments`, see `candidate`."""
        kind = self._kind()
        return tuple(made for b in self.breaks if (made := kind.bent_at(b)) is not None)

    def candidate(self, index: int) -> Estimator:
        """Return a candidate that has seen what was added."""
        return fed_by(self, self.candidates[index], index)

    @property
    def choice(self) -> int:
        """Index of the chosen candidate.

        Raises
        ------
        InputError
            If nothing was added.
        """
        seen = [self.candidate(i) for i in range(self.width)]
        value = np.array([candidate.value() for candidate in seen])
        error = np.array([candidate.standard_error() for candidate in seen])
        gap = np.abs(value[:, None] - value)
        reach = -NormalDist().inv_cdf(self.delta / (2.0 * self.width)) * error
        agrees = np.tril(gap, -1) <= reach[:, None] + _BEYOND * reach
        inside = gap[:, 0] <= -NormalDist().inv_cdf(self.delta / 2.0) * error[0]
        return int(np.flatnonzero(agrees.all(axis=1) & inside).max())

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
