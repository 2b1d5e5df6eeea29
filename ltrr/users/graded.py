"""Attraction and satisfaction by relevance grade, as most user models take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types import Float64
from ltrr.users.tables import TableUser

__all__ = ["GradedUser", "fractions", "gain", "satisfaction_by_grade"]


def gain(max_grade: int) -> Float64:
    """Return (2^y − 1) / (2^max_grade − 1) for each grade y, float64 (max_grade + 1,).

    Examples
    --------
    >>> gain(2).round(3).tolist()
    [0.0, 0.333, 1.0]
    """
    top = _check.integer("max_grade", max_grade, low=1, high=127)
    return np.asarray((np.exp2(np.arange(top + 1)) - 1.0) / (2.0**top - 1.0))


def fractions(name: str, values: Any) -> tuple[float, ...]:
    """Return at least two numbers in [0, 1], one a grade from 0.

    Examples
    --------
    >>> fractions("PBM.attraction", [0.1, 1])
    (0.1, 1.0)
    """
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) < 2:
        raise InputError(f"`{name}` must be a list of numbers in [0, 1], one a grade from 0, got {values!r}")
    return tuple(_check.fraction(f"{name}[{i}]", v) for i, v in enumerate(values))


def satisfaction_by_grade(name: str, given: tuple[float, ...] | None, max_grade: int) -> Float64:
    """Return the given values as an array (max_grade + 1,), or `gain` where none are given.

    Raises
    ------
    InputError
        If the values are not one a grade.

    Examples
    --------
    >>> satisfaction_by_grade("PBM.satisfaction", None, 1).tolist()
    [0.0, 1.0]
    >>> satisfaction_by_grade("PBM.satisfaction", (0.2, 0.9), 1).tolist()
    [0.2, 0.9]
    """
    if given is None:
        return gain(max_grade)
    return _check.array(f"{name} for grades 0 to {max_grade}", given, np.float64, (max_grade + 1,))


@dataclass(frozen=True, kw_only=True)
class GradedUser(TableUser):
    """Base of models whose clicks and satisfaction depend on the grade alone, once a place is examined.

    P(click | examined, grade y) = ε + (1 − ε)·gain(y) and P(satisfied | click, y) = gain(y), where
    gain(y) = (2^y − 1) / (2^max_grade − 1).

    Parameters
    ----------
    epsilon : float in [0, 1]
        ε, the attraction of an irrelevant item: noise clicks.
    attraction, satisfaction : tuple of float in [0, 1], one a grade from 0, optional
        The probabilities themselves, instead of the formulas; they then fit worlds of that many grades only.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Examples
    --------
    Clicks and satisfaction by grade, before anything is said of where users stop reading.

    >>> from ltrr.users import PBM
    >>> user = PBM(epsilon=0.1)
    >>> user.attract(2).round(2).tolist(), user.satisfy(2).round(2).tolist()
    ([0.1, 0.4, 1.0], [0.0, 0.33, 1.0])
    """

    epsilon: float = 0.1
    attraction: tuple[float, ...] | None = None
    satisfaction: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        own = type(self).__name__
        _check.fraction(f"{own}.epsilon", self.epsilon)
        for key in ("attraction", "satisfaction"):
            if getattr(self, key) is not None:
                object.__setattr__(self, key, fractions(f"{own}.{key}", getattr(self, key)))

    def attract(self, max_grade: int) -> Float64:
        """Return P(click | examined) by grade, (max_grade + 1,)."""
        own = type(self).__name__
        if self.attraction is not None:
            name = f"{own}.attraction for grades 0 to {max_grade}"
            return _check.array(name, self.attraction, np.float64, (max_grade + 1,))
        return self.epsilon + (1.0 - self.epsilon) * gain(max_grade)

    def satisfy(self, max_grade: int) -> Float64:
        """Return P(satisfied | click) by grade, (max_grade + 1,)."""
        return satisfaction_by_grade(f"{type(self).__name__}.satisfaction", self.satisfaction, max_grade)
