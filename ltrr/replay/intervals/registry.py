"""Interval methods by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ltrr.errors import InputError, nearest
from ltrr.replay.intervals.asymptotic import Asymptotic
from ltrr.replay.intervals.base import IntervalMethod
from ltrr.replay.intervals.clopper_pearson import ClopperPearson
from ltrr.replay.intervals.confidence_sequence import ConfidenceSequence
from ltrr.replay.intervals.empirical_bernstein import EmpiricalBernstein
from ltrr.replay.intervals.hoeffding import Hoeffding
from ltrr.replay.intervals.poisson_bootstrap import PoissonBootstrap

__all__ = ["INTERVALS", "make_interval"]

INTERVALS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "asymptotic": Asymptotic,
        "bootstrap": PoissonBootstrap,
        "hoeffding": Hoeffding,
        "empirical-bernstein": EmpiricalBernstein,
        "clopper-pearson": ClopperPearson,
        "confidence-sequence": ConfidenceSequence,
    }
)
"""Kinds of interval by their name in tables and on the command line."""

_BOUNDED = frozenset({"hoeffding", "empirical-bernstein", "confidence-sequence"})


def make_interval(
    name: str,
    *,
    seed: int = 0,
    weight_bound: float | None = None,
    reward_range: tuple[float, float] | None = None,
) -> IntervalMethod:
    """Return an interval method from its name, or ``bootstrap:B`` for B resamples.

    Parameters
    ----------
    name : str
        A key of `INTERVALS`.
    seed : int
        Of the bootstrap.
    weight_bound, reward_range
        Declared bounds, for methods that need them.

    Raises
    ------
    InputError
        If there is no such method.

    Examples
    --------
    >>> make_interval("bootstrap:200", seed=1)
    PoissonBootstrap(n_resamples=200, seed=1)
    >>> make_interval("asymtotic")
    Traceback (most recent call last):
    ltrr.errors.InputError: `interval` must be a known name, got 'asymtotic'; did you mean 'asymptotic'?
    """
    kind, _, rest = name.partition(":")
    if kind not in INTERVALS or (rest and (kind != "bootstrap" or not rest.isdecimal())):
        raise InputError(f"`interval` must be a known name, got {name!r}{nearest(kind, INTERVALS)}")
    method: IntervalMethod
    if kind == "bootstrap":
        method = PoissonBootstrap(int(rest) if rest else 1000, seed)
    elif kind in _BOUNDED:
        method = INTERVALS[kind](weight_bound=weight_bound, reward_range=reward_range)
    else:
        method = INTERVALS[kind]()
    return method
