"""Sums of rows by cluster, for the errors of estimates from dependent rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr._kernels.clusters import add_by_cluster, find_clusters
from ltrr.errors import InputError
from ltrr.logs.columns import Columns
from ltrr.logs.events import Events
from ltrr.logs.formats.run_log import RunLog
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay.estimators import Estimator
from ltrr.replay.estimators.moments import Moments
from ltrr.types import Float64, Int64

__all__ = ["ClusterSums", "Clusters", "cluster_name", "has_users", "ids_of"]

_MOST = 1 << 18
"""Clusters with sums of their own; of more, several share sums, so that memory is bounded."""


def cluster_name(asked: str | None, log: ReplayLog) -> str:
    """Return the column that names the cluster of a row, "" where there is none or it is not known yet.

    Parameters
    ----------
    asked : str or None
        As in `Settings`: "auto" is "user" where the log has users. In logs of simulations requests are drawn
        independently, whoever makes them.
    log : ReplayLog
        One without a column map may have users in its events: `has_users`.
    """
    if asked != "auto":
        return "" if asked in (None, "none") else asked
    columns = getattr(log, "columns", None)
    return "user" if isinstance(columns, Columns) and columns.user else ""


def has_users(log: ReplayLog, opened: ReplayLog) -> bool:
    """Return whether rows are clustered by the users that events have, where there is no column map.

    Parameters
    ----------
    log : ReplayLog
        As it is read; its first rows are looked at.
    opened : ReplayLog
        As it was given.
    """
    if isinstance(opened, RunLog) or isinstance(getattr(opened, "columns", None), Columns):
        return False
    first = next(iter(log.chunks()), None)
    return first is not None and first.user is not None


def ids_of(events: Events, name: str) -> Int64:
    """Return the ids of the clusters that rows belong to, (n,)."""
    own: Int64 | None = events.ids.get(name)
    found = getattr(events, name, None) if own is None and name in ("user", "session") else own
    if found is None:
        raise InputError(f"the log has no `{name}` to cluster by; map it, say --column user=NAME")
    return np.asarray(found, np.int64)


@dataclass
class Clusters:
    """Numbers the clusters of a log in the order in which they are first seen.

    Examples
    --------
    >>> clusters = Clusters()
    >>> clusters.number(np.array([70, 50, 70])).tolist(), clusters.number(np.array([50, 9])).tolist()
    ([0, 1, 0], [1, 2])
    >>> clusters.known
    3
    """

    known: int = field(default=0, init=False)
    _table: Int64 = field(init=False, repr=False)
    _place: Int64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._table, self._place = np.zeros(1024, np.int64), np.full(1024, -1, np.int64)

    def number(self, ids: Int64) -> Int64:
        """Return the number of each id, (n,)."""
        ids = np.ascontiguousarray(ids, np.int64)
        self._grow(len(ids))
        out = np.empty(len(ids), np.int64)
        self.known = find_clusters(ids, self._table, self._place, self.known, out)
        return out

    def _grow(self, more: int) -> None:
        """Make room: at most half of the table is ever filled, so that searches stay short."""
        size = len(self._table)
        while size < 2 * (self.known + more):
            size *= 2
        if size == len(self._table):
            return
        filled = np.flatnonzero(self._place >= 0)
        ids = self._table[filled][np.argsort(self._place[filled])]
        self._table, self._place = np.zeros(size, np.int64), np.full(size, -1, np.int64)
        find_clusters(ids, self._table, self._place, 0, np.empty(len(ids), np.int64))


@dataclass
class ClusterSums:
    """Sums of the rows of many estimators by cluster.

    The value of an estimator does not change when its rows are summed by cluster first, since it depends on
    ratios of means alone. Clusters are independent where rows are not, so the spread of their sums gives the
    error (the sandwich estimator; sizes of clusters may be random). Of more than 262,144 clusters several
    share sums: groups of independent clusters are independent too.

    Parameters
    ----------
    clusters : Clusters

    Examples
    --------
    >>> from ltrr.replay.estimators import OnPolicy
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> mean, sums = OnPolicy(), ClusterSums(Clusters())
    >>> sums.enrol(mean, mean.moments.width)
    >>> batch = ReplayBatch(np.arange(4), np.array([1.0, 1.0, 0.0, 0.0]))
    >>> mean.add(batch)
    >>> sums.add([(mean, mean.rows(batch))], sums.clusters.number(np.array([5, 5, 8, 8])))
    >>> sums.of(mean).tolist()
    [[2.0, 2.0], [2.0, 0.0]]
    >>> before = mean.standard_error()
    >>> sums.give_to(mean)
    >>> round(mean.standard_error() / before, 3)
    1.732

    References
    ----------
    Liang, Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 73, 1986.
    """

    clusters: Clusters
    _start: dict[int, tuple[int, int]] = field(default_factory=dict, init=False, repr=False)
    _width: int = field(default=0, init=False, repr=False)
    _sums: Float64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._sums = np.zeros((0, 0))

    def enrol(self, owner: Any, width: int) -> None:
        """Reserve columns for an estimator, or for another owner of rows."""
        self._start[id(owner)] = (self._width, self._width + width)
        self._width += width

    def add(self, parts: Sequence[tuple[Any, Float64]], number: Int64) -> None:
        """Take in rows of the enrolled owners; ``number`` is that of each row's cluster."""
        rows = np.zeros((len(number), self._width))
        for owner, own in parts:
            start, stop = self._start[id(owner)]
            rows[:, start:stop] = own
        if self.clusters.known > _MOST:
            number = number % _MOST
        self._room(min(self.clusters.known, _MOST))
        add_by_cluster(number, rows, self._sums)

    def _room(self, known: int) -> None:
        have = len(self._sums)
        if have < known or self._sums.shape[1] != self._width:
            more = np.zeros((min(max(known, 2 * have), _MOST), self._width))
            more[:have, : self._sums.shape[1]] = self._sums
            self._sums = more

    def of(self, owner: Any) -> Float64:
        """Return the sums of an owner's rows, one row a cluster, (clusters, k)."""
        start, stop = self._start[id(owner)]
        if not self.clusters.known:  # no row was seen, and nothing is known of sums
            return np.zeros((0, stop - start))
        return np.ascontiguousarray(self._sums[: min(self.clusters.known, _MOST), start:stop])

    @property
    def shared(self) -> int:
        """The number of clusters where several share sums, else 0: sums then are fewer than clusters."""
        return self.clusters.known if self.clusters.known > _MOST else 0

    def effective(self, owner: Any) -> float:
        """Return the effective number of clusters by an owner's one column W, ``(Σ W)² / Σ W²``."""
        total = self.of(owner)[:, 0]
        squares = float(total @ total)
        return float(total.sum()) ** 2 / squares if squares else 0.0

    def give_to(self, estimator: Estimator) -> None:
        """Let an estimator take its error from the sums of its rows."""
        sums = self.of(estimator)
        # a cluster without any row here, as in a segment, is no observation
        sums = sums[sums[:, 0] != 0.0]
        estimator.clusters = Moments(sums.shape[1])
        estimator.clusters.add(sums)
