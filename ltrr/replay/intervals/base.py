"""What all intervals share: they see an estimator's rows and give its interval."""

from __future__ import annotations

from typing import Protocol, TypeVar

from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators.base import Estimator
from ltrr.types import Float64, Int64

__all__ = ["IntervalMethod"]

M = TypeVar("M", bound="IntervalMethod")


class IntervalMethod(Protocol):
    """The uncertainty of an estimate, independent of how it is made.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> from ltrr.replay.estimators.ips import IPS
    >>> from ltrr.replay.intervals.asymptotic import Asymptotic
    >>> ips, method = IPS(), Asymptotic()
    >>> batch = ReplayBatch(np.arange(4), np.array([1.0, 0.0, 1.0, 0.0]), weight=np.ones(4))
    >>> ips.add(batch)
    >>> method.add(ips.rows(batch), ips.keys(batch))
    >>> method.name, round(method.interval(ips, level=0.9).high, 3)
    ('asymptotic', 0.975)
    """

    @property
    def name(self) -> str:
        """Name in tables and on the command line."""

    def fork(self: M, estimator: Estimator | None = None) -> M:
        """Return a method with the same parameters that has seen nothing, for the rows of ``estimator``."""

    def add(self, rows: Float64, key: Int64) -> None:
        """Take in an estimator's `rows` (requests, k + 1) and the keys (requests,) they belong to."""

    def merge(self: M, other: M) -> None:
        """Take in what another method of the same parameters has seen."""

    def interval(self, estimator: Estimator, level: float = 0.95) -> Interval | None:
        """Return the interval of the estimator whose rows were added; None where it does not apply."""
