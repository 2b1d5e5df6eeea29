"""Intervals, apart from estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

if TYPE_CHECKING:
    from ltrr.replay.intervals.asymptotic import Asymptotic
    from ltrr.replay.intervals.base import IntervalMethod
    from ltrr.replay.intervals.bounded import Bounded
    from ltrr.replay.intervals.clopper_pearson import ClopperPearson
    from ltrr.replay.intervals.confidence_sequence import ConfidenceSequence
    from ltrr.replay.intervals.empirical_bernstein import EmpiricalBernstein
    from ltrr.replay.intervals.hoeffding import Hoeffding
    from ltrr.replay.intervals.poisson_bootstrap import PoissonBootstrap
    from ltrr.replay.intervals.registry import INTERVALS, make_interval

__all__ = [
    "INTERVALS",
    "Asymptotic",
    "Bounded",
    "ClopperPearson",
    "ConfidenceSequence",
    "EmpiricalBernstein",
    "Hoeffding",
    "IntervalMethod",
    "PoissonBootstrap",
    "make_interval",
]

__getattr__ = _lazy.names(
    __name__,
    {
        ".asymptotic": "Asymptotic",
        ".base": "IntervalMethod",
        ".bounded": "Bounded",
        ".clopper_pearson": "ClopperPearson",
        ".confidence_sequence": "ConfidenceSequence",
        ".empirical_bernstein": "EmpiricalBernstein",
        ".hoeffding": "Hoeffding",
        ".poisson_bootstrap": "PoissonBootstrap",
        ".registry": "INTERVALS make_interval",
    },
)
