"""The exact interval of a proportion."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.intervals.level import check_seen, tail
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
    none for ``ips``: a log whose large weights have not met a reward yet would look on-policy.

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

    def interval(self, estimator: Estimator, level: float = 0.95) -> Interval | None:
        """Return the interval; None where the estimate is not a proportion."""
        outside = tail(level)
        check_seen("ClopperPearson", self.n, estimator)
        if not self.applies or self.trials == 0 or not estimator.proportion:
            return None
        from scipy.special import betaincinv

        k, m = self.successes, self.trials
        low = float(betaincinv(k, m - k + 1, outside)) if k > 0 else 0.0
        high = float(betaincinv(k + 1, m - k, 1.0 - outside)) if k < m else 1.0
        return Interval(k / m, low, high, m)
