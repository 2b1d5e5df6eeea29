"""The columns that many estimators are made of, each summed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators import Estimator
from ltrr.replay.estimators.moments import Moments
from ltrr.replay.intervals import PoissonBootstrap
from ltrr.replay.judging.clusters import ClusterSums
from ltrr.types import Float64, Int64

__all__ = ["Joint"]

Key = tuple[Any, ...]


@dataclass
class Joint:
    """Terms of all estimators side by side, with the number of events first.

    An estimator, a ratio or a difference of estimators is a function of means of some of the columns. So each
    column's sums, products, sums by cluster and resamples are made once, whatever number of differences is
    taken: with p policies their number grows like p, that of the differences like p².

    Parameters
    ----------
    bootstrap : PoissonBootstrap or None
        Resamples all columns.

    Examples
    --------
    >>> from ltrr.replay.estimators import IPS, Difference, OnPolicy
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> ips, logged, joint = IPS(), OnPolicy(), Joint()
    >>> for name, estimator in (("ips", ips), ("logged", logged)):
    ...     joint.reserve((name,), estimator)
    >>> batch = ReplayBatch(np.arange(2), np.array([1.0, 0.0]), weight=np.array([2.0, 0.5]))
    >>> _ = joint.add({("ips",): ips.rows(batch), ("logged",): logged.rows(batch)}, batch.key)
    >>> difference = Difference(ips, logged)
    >>> joint.give_to(difference, [("ips",), ("logged",)])
    >>> difference.value()
    0.5
    """

    bootstrap: PoissonBootstrap | None = None
    moments: Moments = field(init=False, repr=False)
    by_cluster: Moments | None = field(default=None, init=False, repr=False)
    width: int = field(default=1, init=False)
    _place: dict[Key, slice] = field(default_factory=dict, init=False, repr=False)
    _columns: dict[int, Int64] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.moments = Moments(self.width)

    def reserve(self, key: Key, estimator: Estimator) -> None:
        """Reserve the columns of an estimator's terms under a key; those of a key are reserved once."""
        if key not in self._place:
            self._place[key] = slice(self.width, self.width + estimator.width)
            self.width += estimator.width
            self.moments = Moments(self.width)

    def add(self, rows: Mapping[Key, Float64], key: Int64) -> Float64:
        """Take in the rows of the reserved keys, and return them side by side; those without rows are zeros.

        Parameters
        ----------
        rows : mapping of key to float64 (requests, 1 + terms)
            The number of events is the same in all.
        key : int64 (requests,)
            What resamples are keyed by.
        """
        joined = np.zeros((len(key), self.width))
        for place, own in rows.items():
            if place in self._place:
                joined[:, 0] = own[:, 0]
                joined[:, self._place[place]] = own[:, 1:]
        self.moments.add(joined)
        if self.bootstrap is not None:
            self.bootstrap.add(joined, key)
        return joined

    def cluster(self, sums: ClusterSums) -> None:
        """Take the moments of the columns' sums by cluster, which were enrolled by this object."""
        found = sums.of(self)
        # a cluster without any row here, as in a segment, is no observation
        found = found[found[:, 0] != 0.0]
        self.by_cluster = Moments(self.width)
        self.by_cluster.add(found)

    def give_to(self, estimator: Estimator, keys: list[Key]) -> None:
        """Let an estimator have seen what was added, its terms being those of the keys in their order."""
        columns = np.concatenate([[0], *(np.arange(self.width)[self._place[key]] for key in keys)])
        self._columns[id(estimator)] = columns
        estimator.moments = _moments(self.moments, columns, estimator)
        if self.by_cluster is not None:
            estimator.clusters = _moments(self.by_cluster, columns, estimator)

    def knows(self, estimator: Estimator) -> bool:
        """Return whether the estimator was given its columns."""
        return id(estimator) in self._columns

    def resampled(self, estimator: Estimator, level: float) -> Interval | None:
        """Return the bootstrap's interval of an estimator; None where there is no bootstrap."""
        shared, columns = self.bootstrap, self._columns.get(id(estimator))
        if shared is None or columns is None:
            return None
        own = shared.fork()
        own.n = shared.n
        if shared.sums is not None:
            sums = shared.sums[columns]
            own.sums = sums if len(sums) == estimator.width + 1 else np.stack([sums[0], sums[1] - sums[2]])
        return own.interval(estimator, level)


def _moments(of: Moments, columns: Int64, estimator: Estimator) -> Moments:
    """Return the moments of an estimator's rows; a difference of two means has one term, their difference."""
    out = of.part(columns)
    if out.width == estimator.width + 1:
        return out
    (c, x, y), (cc, cx, cy), xx, xy, yy = out.mean, out.comoment[0], *out.comoment[[1, 1, 2], [1, 2, 2]]
    spread = xx - 2.0 * xy + yy
    # equal terms leave a rounding error
    spread = 0.0 if spread <= 1e-13 * (xx + yy) else spread
    one = Moments(2)
    one.n, one.mean = out.n, np.array([c, x - y])
    one.comoment = np.array([[cc, cx - cy], [cx - cy, spread]])
    return one
