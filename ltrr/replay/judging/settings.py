"""How a log is to be judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ltrr import _check
from ltrr.errors import InputError

__all__ = ["Settings", "several"]


def several(name: str, values: Any) -> tuple[Any, ...]:
    """Return a list as a tuple after checking that it is one.

    Raises
    ------
    InputError
        If it is one name or object alone.

    Examples
    --------
    >>> several("estimators", "ips")
    Traceback (most recent call last):
    ltrr.errors.InputError: `estimators` must be a list of names or objects, got 'ips': write ['ips']
    """
    if isinstance(values, str):
        raise InputError(f"`{name}` must be a list of names or objects, got {values!r}: write [{values!r}]")
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        kind = values.__name__ if isinstance(values, type) else type(values).__name__
        raise InputError(f"`{name}` must be a list of names or objects, got one {kind}: write […]")
    return tuple(values)


@dataclass(frozen=True)
class Settings:
    """How a log is to be judged.

    Parameters
    ----------
    estimators : sequence of str or Estimator
        Names or import paths (``module:Class``), with a hyper-parameter after a colon ("clipped-ips:10") or
        without ("clipped-ips": chosen by SLOPE where that applies), tables with ``kind``, or objects. Empty
        for the default: ips, snips and dr, or the slate estimators where requests have several slots.
    intervals : sequence of str or IntervalMethod
        Interval methods, given in the same ways ("bootstrap:200").
    level : float in (0, 1)
        Level of the intervals.
    seed : int
        Of resamples, folds, samples and draws.
    half_width : float or None
        Half-width that ``rows_needed`` refers to; a tenth of the estimate if None.
    reward_model : str or a scikit-learn estimator
        What predicts rewards for dm, dr and related estimators: "lightgbm", "ridge", "logistic".
    propensity_model : str or a scikit-learn classifier
        What estimates propensities where the log has none: "frequency", "lightgbm", "logistic".
    folds : int >= 2
        Folds of cross-fitting.
    fit_rows : int
        Models are fitted on a sample of at most this many rows.
    embedding : sequence of int or None
        Category of each action, for mips.
    weight_bound : float or None
        Largest weight that is possible, for finite-sample bounds; from the log's declared floor if None.
    reward_range : (float, float) or None
        Range of a request's reward, for finite-sample bounds.
    pairs : bool
        True to add the differences between all pairs of policies.

    Examples
    --------
    >>> Settings(estimators=["snips"], level=0.9).intervals
    ('asymptotic',)
    >>> Settings(level=95)
    Traceback (most recent call last):
    ltrr.errors.InputError: `level` must be a number > 0 and <= 1, got 95
    """

    estimators: Sequence[Any] = ()
    intervals: Sequence[Any] = ("asymptotic",)
    level: float = 0.95
    seed: int = 0
    half_width: float | None = None
    reward_model: Any = "lightgbm"
    propensity_model: Any = "frequency"
    folds: int = 5
    fit_rows: int = 200_000
    embedding: Sequence[int] | None = None
    weight_bound: float | None = None
    reward_range: tuple[float, float] | None = None
    pairs: bool = True

    def __post_init__(self) -> None:
        _check.number("level", self.level, low=0.0, high=1.0, open_low=True)
        if self.level == 1.0:
            raise InputError("`level` must be below 1: an interval that never misses says nothing")
        _check.integer("seed", self.seed, low=0)
        _check.integer("folds", self.folds, low=2)
        _check.integer("fit_rows", self.fit_rows, low=10)
        if self.half_width is not None:
            _check.number("half_width", self.half_width, low=0.0, open_low=True)
        if self.weight_bound is not None:
            _check.number("weight_bound", self.weight_bound, low=0.0, open_low=True)
        object.__setattr__(self, "estimators", several("estimators", self.estimators))
        object.__setattr__(self, "intervals", several("intervals", self.intervals))
