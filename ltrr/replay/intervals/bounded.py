"""What finite-sample intervals share: the range of the term, as declared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.intervals.level import COUNTED, FEW, check_seen, tail
from ltrr.types import Float64, Int64

__all__ = ["NO_BOUND", "NO_RANGE", "Bounded", "check_range"]

NO_RANGE = "needs the range of a request's reward: reward_range=(0, 1), --reward-range 0,1"
"""What is lacking where no range of rewards was declared."""

NO_BOUND = (
    "needs the largest possible weight: weight_bound=20, --weight-bound 20, or the smallest possible "
    "propensity: floor=0.05, --floor 0.05"
)
"""What is lacking where no bound on weights was declared."""

B = TypeVar("B", bound="Bounded")


def check_range(method: str, weight_bound: float | None, reward_range: tuple[float, float] | None) -> None:
    """Raise `InputError` unless the declared bounds are numbers in order."""
    if weight_bound is not None:
        # weights average 1, so the largest cannot be below
        _check.number(f"{method}.weight_bound", weight_bound, low=1.0)
    if reward_range is not None:
        low = _check.number(f"{method}.reward_range[0]", reward_range[0])
        _check.number(f"{method}.reward_range[1]", reward_range[1], low=low, open_low=True)


@dataclass
class Bounded(ABC):
    """An interval ``mean ± half`` for a mean of independent terms in a known range.

    It is a guarantee for any n where ``reward_range`` is declared and the range of the estimator's term
    follows: from a declared ``weight_bound``, or because the term does not grow with the weight (clipped).
    Without a weight bound `interval` takes the largest weight seen in its place, and `assumes` says so.

    Parameters
    ----------
    weight_bound : float or None
        Declared largest weight, >= 1: largest target probability over smallest propensity.
    reward_range : (float, float) or None
        Declared range of a request's reward; without it no interval is given.

    Examples
    --------
    >>> from ltrr.replay.estimators.ips import IPS
    >>> from ltrr.replay.intervals.hoeffding import Hoeffding
    >>> Hoeffding(reward_range=(0.0, 1.0)).assumes(IPS())
    'no weight is above the largest seen'
    >>> Hoeffding(weight_bound=20.0, reward_range=(0.0, 1.0)).assumes(IPS())
    ''
    """

    clustered: ClassVar[bool] = False

    weight_bound: float | None = None
    reward_range: tuple[float, float] | None = None
    n: int = field(default=0, init=False, repr=False)
    counted: bool = field(default=False, init=False, repr=False)
    seen: tuple[float, float] = field(default=(np.inf, -np.inf), init=False, repr=False)

    def __post_init__(self) -> None:
        check_range(type(self).__name__, self.weight_bound, self.reward_range)

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in tables and on the command line."""

    @abstractmethod
    def half_width(self, n: int, deviation: float, spread: float, outside: float) -> float:
        """Return half the width from n, standard deviation, range of the term and the tail α/2."""

    def fork(self: B, estimator: Estimator | None = None) -> B:
        """Return a method with the same parameters that has seen nothing."""
        del estimator
        return replace(self)

    def add(self, rows: Float64, key: Int64) -> None:
        """Take in rows (requests, k + 1); only their number, counts and extremes are kept."""
        del key
        if len(rows):
            self.n += len(rows)
            self.counted = self.counted or bool((rows[:, 0] != 1.0).any())
            low, high = float(rows[:, 1:].min()), float(rows[:, 1:].max())
            self.seen = (min(self.seen[0], low), max(self.seen[1], high))

    def merge(self: B, other: B) -> None:
        """Take in what another method of the same parameters has seen."""
        self.n += other.n
        self.counted = self.counted or other.counted
        self.seen = (min(self.seen[0], other.seen[0]), max(self.seen[1], other.seen[1]))

    def assumes(self, estimator: Estimator) -> str:
        """Return what the estimator's interval assumes, ``""`` where it is a guarantee."""
        moves = self._range(estimator, 1.0) != self._range(estimator, 2.0)
        return "no weight is above the largest seen" if moves and self.weight_bound is None else ""

    def _range(self, estimator: Estimator, weight_bound: float) -> tuple[float, float] | None:
        return None if self.reward_range is None else estimator.bounds(weight_bound, *self.reward_range)

    def interval(
        self, estimator: Estimator, level: float = 0.95, *, largest_weight: float | None = None
    ) -> Interval | None:
        """Return the interval of a mean of bounded terms, None elsewhere.

        Parameters
        ----------
        estimator : Estimator
            The estimator whose rows were added.
        level : float
            Confidence level in (0, 1).
        largest_weight : float or None
            Largest weight seen in the log, used where no weight bound was declared. It cannot be read from an
            estimator's rows: where rewards are rare, the largest weights may not have had one yet.

        Returns
        -------
        Interval or None
            None where the estimate is not a mean of bounded terms, where rows stand for more or fewer events
            than one, where no range is known, and for fewer than two requests.

        Raises
        ------
        InputError
            If a term that was added lies outside the declared range.
        """
        outside = tail(level)
        check_seen(type(self).__name__, self.n, estimator)
        bounds = self._bounds(estimator, largest_weight)
        if self.counted or self.n < 2 or bounds is None:
            return None
        low, high = bounds
        slack = 1e-9 * (high - low)
        if self.seen[0] < low - slack or self.seen[1] > high + slack:
            raise InputError(
                f"`{type(self).__name__}`: terms of `{estimator.label}` reach [{self.seen[0]:g}, "
                f"{self.seen[1]:g}], outside the declared [{low:g}, {high:g}]; correct weight_bound "
                "(1 / floor where a floor is declared) or reward_range"
            )
        mean = estimator.value()
        deviation = float(np.sqrt(estimator.moments.covariance[1, 1]))
        half = self.half_width(self.n, deviation, high - low, outside)
        return Interval(mean, mean - half, mean + half, self.n)

    def _bounds(self, estimator: Estimator, largest_weight: float | None) -> tuple[float, float] | None:
        """Return the range of the term, None where it is not known."""
        weight_bound = self.weight_bound if self.weight_bound is not None else largest_weight
        if weight_bound is None and not self.assumes(estimator):
            weight_bound = 1.0
        return None if weight_bound is None else self._range(estimator, weight_bound)

    def lacks(self, estimator: Estimator, *, largest_weight: float | None = None) -> str:
        """Return what is missing for an interval, "" where there is one; arguments as of `interval`."""
        if self.counted:
            return COUNTED
        if estimator.bounds(1.0, 0.0, 1.0) is None:
            return "needs a mean of bounded terms, such as ips, clipped-ips or dr"
        if self.reward_range is None:
            return NO_RANGE
        if self._bounds(estimator, largest_weight) is None:
            return NO_BOUND
        return FEW if self.n < 2 else ""
