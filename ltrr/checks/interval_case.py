"""An interval method under check, with small logs of all kinds that its intervals meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ltrr.checks.logged import LogCase, batch_of
from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.moments import Moments
from ltrr.replay.intervals.base import IntervalMethod
from ltrr.types import Float64

__all__ = ["REQUESTS", "IntervalCase", "by_cluster"]

REQUESTS = 400
"""Requests of a log."""


@dataclass(frozen=True, kw_only=True)
class IntervalCase(LogCase):
    """An interval method under check, and the logs and estimators that it answers for.

    Parameters
    ----------
    component, tolerance, weight_bound, reward_range
        As in `LogCase`.
    estimators : sequence of Estimator
        Whose rows the method sees.

    Examples
    --------
    >>> from ltrr.replay.estimators import OnPolicy
    >>> from ltrr.replay.intervals import Asymptotic
    >>> bounds = {"weight_bound": 10.0, "reward_range": (0.0, 1.0)}
    >>> case = IntervalCase(component=Asymptotic(), estimators=[OnPolicy()], **bounds)
    >>> len(case.batch(50))
    50
    """

    estimators: Sequence[Estimator]

    call = "check_interval"
    group = "intervals"
    protocol = IntervalMethod

    @classmethod
    def members(cls) -> tuple[str, ...]:
        """Return the members that a method must have; what intervals need besides has a default."""
        return tuple(name for name in super().members() if name not in ("clustered", "lacks"))

    def batch(self, n: int = REQUESTS, *, seed: int = 15) -> ReplayBatch:
        """Return requests with the lowest or the highest reward and weights that spread."""
        low, high = self.reward_range
        batch = batch_of(n, weight_bound=self.weight_bound, reward_range=self.reward_range, seed=seed)
        return replace(batch, reward=np.where(batch.reward > 0.5 * (low + high), high, low))

    def sharp(self, n: int = REQUESTS) -> ReplayBatch:
        """Return requests with weights of 0 and 1."""
        batch = self.batch(n)
        return replace(batch, weight=np.where(np.asarray(batch.weight) > 0.0, 1.0, 0.0))

    def fed(self, estimator: Estimator, *batches: ReplayBatch) -> tuple[Any, Any]:
        """Return forks of estimator and method that have seen the batches."""
        pupil, method = estimator.fork(), self.component.fork(estimator)
        for batch in batches:
            pupil.add(batch)
            method.add(pupil.rows(batch), pupil.keys(batch))
        return pupil, method

    def logs(self) -> Iterator[tuple[Estimator, ReplayBatch]]:
        """Yield estimators and the logs that they see."""
        for estimator in self.estimators:
            yield estimator, self.batch()
            yield estimator, self.sharp()

    def answered(self, pupil: Any, method: Any, level: float = 0.95) -> Interval | None:
        """Return the interval, None also where it is refused, after checking that it is one."""
        must = self.must("interval", f"of `{pupil.label}`")
        try:
            got: Interval | None = method.interval(pupil, level)
        except InputError as error:
            must("\n" not in str(error), "refuse in one line, got several")
            return None
        must(got is None or isinstance(got, Interval), f"be an Interval or None, got {type(got)}")
        if got is not None:
            fits = not np.isnan([got.mean, got.low, got.high]).any() and got.low <= got.high
            must(fits, f"have ends in order and no NaN, got [{got.low}, {got.high}] around {got.mean}")
        return got

    def ends(self, pupil: Any, method: Any) -> tuple[float, ...] | None:
        """Return the numbers of the interval."""
        got = self.answered(pupil, method)
        return None if got is None else (got.mean, got.low, got.high, float(got.n))


def by_cluster(rows: Float64, n: int) -> Moments:
    """Return the moments of the sums of rows over n clusters."""
    out = Moments(rows.shape[1])
    out.add(np.array([rows[k::n].sum(axis=0) for k in range(n)]))
    return out
