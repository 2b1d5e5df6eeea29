"""What all intervals share: they see an estimator's rows and give its interval."""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeVar

from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators.base import Estimator
from ltrr.types import Float64, Int64

__all__ = ["IntervalMethod"]

M = TypeVar("M", bound="IntervalMethod")


class IntervalMethod(Protocol):
    """The uncertainty of an estimate, independent of how it is made.

    `clustered` and `lacks` may be left out: the replay then takes the method to need independent rows, and
    gives no reason where it has no interval.

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

    clustered: ClassVar[bool] = False
    """True where the interval is right for rows in dependent clusters, given the sums of every cluster."""

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

    def lacks(self, estimator: Estimator) -> str:
        """Return why `interval` gives None for the estimator, with the remedy; "" where it gives one.

        One clause that begins with a verb, such as ``needs …``, and names an option both as keyword and flag.
        """
        del estimator
        return ""
