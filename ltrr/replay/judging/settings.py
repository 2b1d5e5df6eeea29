"""How a log is to be judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ltrr import _check
from ltrr.errors import InputError
from ltrr.replay.judging.guardrails import Guardrail
from ltrr.replay.judging.metrics import Metrics, metrics_of

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
        Names or import paths (``module:Class``), with a hyper-parameter after a colon ("clipped-ips:20") or
        at its declared default, tables with ``kind``, or objects; "slope:clipped-ips" lets SLOPE choose the
        hyper-parameter from the log. Empty for the default: ips, snips and dr, or the slate estimators where
        requests have several slots.
    intervals : sequence of str or IntervalMethod
        Interval methods, given in the same ways ("bootstrap:200"). Empty for the default: normal intervals
        by the delta method, and exact ones where a proportion is not reweighted.
    level : float in (0, 1)
        Level of the intervals.
    seed : int
        Of resamples, folds, samples and draws.
    half_width : float or None
        Half-width that ``rows_needed`` refers to; a tenth of the estimate if None.
    reward_model : str or a scikit-learn estimator
        What predicts rewards for dm, dr and related estimators: "ridge", "lightgbm", "logistic".
    propensity_model : str or a scikit-learn classifier, or None
        What estimates propensities, in place of those logged: "frequency", "lightgbm", "logistic". None: as
        logged, and by frequency where the log has none.
    q : str or mapping, or None
        Columns of predicted rewards of your own, in place of a reward model: a pattern with one column an
        action ("q_*", the star stands for its name), or a mapping from "logged" to the column of the chosen
        action's prediction and from a policy's name to that of its mean prediction.
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
    metrics : sequence of str or Metric, or mapping
        Further rewards and ratios in the same pass: "revenue", "rpc=revenue/click".
    guardrails : sequence of str or Guardrail
        Bounds on changes from the log's own policy: "revenue > -2%", "complaints < 0.005".
    by : str or None
        A column whose values are segments that are judged apart, too.
    cluster : str or None
        A column whose values name the cluster of a row: rows of a cluster may be dependent. "auto" for users
        where the log has them, "day" for days, None or "none" for independent rows.
    clips : bool
        True to estimate by clipped weights at several clips, which shows how much large weights decide.

    Examples
    --------
    >>> Settings(estimators=["snips"], level=0.9).estimators
    ('snips',)
    >>> Settings(level=95)
    Traceback (most recent call last):
    ltrr.errors.InputError: `level` must be a number > 0 and <= 1, got 95
    """

    estimators: Sequence[Any] = ()
    intervals: Sequence[Any] = ()
    level: float = 0.95
    seed: int = 0
    half_width: float | None = None
    reward_model: Any = "ridge"
    propensity_model: Any = None
    q: Any = None
    folds: int = 5
    fit_rows: int = 200_000
    embedding: Sequence[int] | None = None
    weight_bound: float | None = None
    reward_range: tuple[float, float] | None = None
    pairs: bool = True
    metrics: Any = ()
    guardrails: Sequence[Any] = ()
    by: str | None = None
    cluster: str | None = "auto"
    clips: bool = True

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
        for name in ("by", "cluster"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value):
                raise InputError(f"`{name}` must be the name of a column or None, got {value!r}")
        for name in ("estimators", "intervals", "guardrails"):
            object.__setattr__(self, name, several(name, getattr(self, name)))
        if not isinstance(self.metrics, Mapping):
            object.__setattr__(self, "metrics", several("metrics", self.metrics))
        rules = tuple(Guardrail.parsed(rule) for rule in self.guardrails)
        object.__setattr__(self, "guardrails", rules)
        metrics_of(self.metrics)

    @cached_property
    def measured(self) -> Metrics:
        """What is measured: the reward, the metrics, and columns that guardrails are about."""
        return metrics_of(self.metrics, [rule.metric for rule in self.guardrails])
