"""Interval methods by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ltrr.registry import Registry
from ltrr.replay.intervals.asymptotic import Asymptotic
from ltrr.replay.intervals.base import IntervalMethod
from ltrr.replay.intervals.clopper_pearson import ClopperPearson
from ltrr.replay.intervals.confidence_sequence import ConfidenceSequence
from ltrr.replay.intervals.empirical_bernstein import EmpiricalBernstein
from ltrr.replay.intervals.hoeffding import Hoeffding
from ltrr.replay.intervals.poisson_bootstrap import PoissonBootstrap
from ltrr.types.component import Component
from ltrr.types.settings import parameters
from ltrr.types.spec import make, spec_of

__all__ = ["INTERVALS", "make_interval"]

INTERVALS = Registry(
    "intervals",
    {
        "asymptotic": Asymptotic,
        "bootstrap": PoissonBootstrap,
        "hoeffding": Hoeffding,
        "empirical-bernstein": EmpiricalBernstein,
        "clopper-pearson": ClopperPearson,
        "confidence-sequence": ConfidenceSequence,
    },
    makes=IntervalMethod,
    needs=("name", "fork", "add", "merge", "interval"),
    base="ltrr.replay.intervals.IntervalMethod",
)
"""Kinds of interval by their name in tables and on the command line."""


def make_interval(
    spec: Any,
    where: str = "intervals",
    *,
    seed: int = 0,
    weight_bound: float | None = None,
    reward_range: tuple[float, float] | None = None,
) -> IntervalMethod:
    """Return an interval method from a text, a table with ``kind``, or an object, which is returned as it is.

    Parameters
    ----------
    spec : str, mapping or IntervalMethod
        A text is a name or ``module:Class``, values of parameters after further colons: ``bootstrap:200``.
    where : str
        Names the setting in messages.
    seed : int
        Goes to methods that have a parameter ``seed``.
    weight_bound, reward_range
        Declared bounds; go to methods that have parameters of these names.

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
    ltrr.errors.InputError: `intervals` names no known kind, got 'asymtotic'; did you mean 'asymptotic'?
    """
    offered = {"seed": seed, "weight_bound": weight_bound, "reward_range": reward_range}
    if isinstance(spec, str):
        made = make(INTERVALS, spec_of(INTERVALS, spec, where), where, **offered)
    else:
        made = _of_table(INTERVALS.component(spec, where), offered, where)
    method: IntervalMethod = made
    return method


def _of_table(asked: Component, offered: Mapping[str, Any], where: str) -> Any:
    """Return what was given as a table or an object; what a table leaves out is taken from the defaults."""
    if asked.given is not None:
        return asked.given
    known = parameters(INTERVALS.maker(asked.kind, where))[0]
    given = {name: value for name, value in offered.items() if name in known}
    return INTERVALS.make(asked.kind, given | dict(asked.params), where)
