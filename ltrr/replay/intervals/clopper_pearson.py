"""The exact interval of a proportion."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.joined import Joined
from ltrr.replay.intervals.level import check_seen, tail
from ltrr.replay.intervals.proportion import proportion_bounds
from ltrr.types import Float64, Int64

__all__ = ["ClopperPearson"]


@dataclass
class ClopperPearson:
    """Exact interval of a proportion: k successes in m trials.

    The low end is the α/2 quantile of Beta(k, m − k + 1), the high end the 1 − α/2 quantile of
    Beta(k + 1, m − k). It covers at least as often as stated, whatever m and however rare the success.

    It applies to the reward as logged (``on-policy``) and to self-normalised estimates (``snips``,
    ``replay``) whose every row counts fully or not at all (weight 0 or 1), with rewards 0 or 1: the estimate
    is then k / m, and given which rows count, k is binomial. The weights must be seen for that, so there is
    none for ``ips``: a log whose large weights have not met a reward yet would look on-policy. A caller who
    knows that every weight is exactly 1 says so by ``unweighted``; every estimate is then the mean as logged.
    Trials must be independent: there is none for dependent rows, but see
    `ltrr.replay.intervals.proportion.proportion_of_clusters`.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> from ltrr.replay.estimators.snips import SNIPS
    >>> snips, method = SNIPS(), ClopperPearson()
    >>> batch = ReplayBatch(np.arange(10), np.array([1.0] + [0.0] * 9), weight=np.ones(10))
    >>> snips.add(batch)
    >>> method.add(snips.rows(batch), snips.keys(batch))
    >>> interval = method.interval(snips)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.0025, 0.445)

    References
    ----------
    Clopper, Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26(4), 1934.
    """

    clustered: ClassVar[bool] = False

    n: int = field(default=0, init=False, repr=False)
    applies: bool = field(default=True, init=False, repr=False)
    successes: int = field(default=0, init=False, repr=False)
    trials: int = field(default=0, init=False, repr=False)

    @property
    def name(self) -> str:
        """``clopper-pearson``."""
        return "clopper-pearson"

    def fork(self, estimator: Estimator | None = None) -> ClopperPearson:
        """Return a method that has seen nothing."""
        del estimator
        return replace(self)

    def add(self, rows: Float64, key: Int64) -> None:
        """Take in rows ``(c, reward)`` or ``(c, weighted reward, weight)``; others have none."""
        del key
        self.n += len(rows)
        if rows.shape[1] not in (2, 3):
            self.applies = False
        elif self.applies:
            count, reward = rows[:, 0], rows[:, 1]
            weight = rows[:, 2] if rows.shape[1] == 3 else np.ones(len(rows))
            binary = ((weight == 0.0) & (reward == 0.0)) | (
                (weight == 1.0) & ((reward == 0.0) | (reward == 1.0))
            )
            self.applies = bool(((count == 1.0) & binary).all())
            self.successes += int(reward.sum()) if self.applies else 0
            self.trials += int(weight.sum()) if self.applies else 0

    def merge(self, other: ClopperPearson) -> None:
        """Take in what another has seen."""
        self.n += other.n
        self.applies = self.applies and other.applies
        self.successes += other.successes
        self.trials += other.trials

    def applies_to(self, estimator: Estimator, *, unweighted: bool = False) -> bool:
        """Return whether the estimate is a proportion, by all that was added.

        Parameters
        ----------
        estimator : Estimator
            The estimator whose rows were added.
        unweighted : bool
            True where all weights are known to be exactly 1.
        """
        may = estimator.proportion or (unweighted and bool(estimator.weight))
        return may and not isinstance(estimator, Joined) and self.applies and self.trials > 0

    def interval(
        self, estimator: Estimator, level: float = 0.95, *, unweighted: bool = False
    ) -> Interval | None:
        """Return the interval; None where `applies_to` is False."""
        tail(level)
        check_seen("ClopperPearson", self.n, estimator)
        if not self.applies_to(estimator, unweighted=unweighted):
            return None
        low, high = proportion_bounds(self.successes, self.trials, level)
        return Interval(self.successes / self.trials, low, high, self.trials)

    def lacks(self, estimator: Estimator, *, unweighted: bool = False) -> str:
        """Return what is missing for an interval, "" where there is one; arguments as of `interval`."""
        if self.applies_to(estimator, unweighted=unweighted):
            return ""
        if not estimator.proportion:
            return "needs a proportion: the reward as logged, snips or replay"
        if self.applies:
            return "needs at least one row of weight 1"
        return "needs rewards of 0 and 1, weights of 0 and 1, and rows that stand for one event each"
