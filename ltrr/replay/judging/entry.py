"""An estimator with the intervals that see its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ltrr.replay.estimators import Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.moments import Moments
from ltrr.replay.intervals import Asymptotic, ClopperPearson, IntervalMethod
from ltrr.replay.judging.metrics import REWARD
from ltrr.types import Float64, Int64

__all__ = ["Entry"]


@dataclass
class Entry:
    """An estimator with the intervals that see its rows.

    Parameters
    ----------
    name : str
        The text by which the estimator was requested.
    estimator : Estimator
    methods : sequence of IntervalMethod
        All but the bootstrap that estimators share.
    refused : str
        Why the estimator cannot be used on this log and policy, or "".
    metric : str
        What is estimated.
    places : tuple of int
        Places of the metric's one or two columns among those of `Metrics`.

    Examples
    --------
    >>> from ltrr.replay.estimators.ips import IPS
    >>> batch = ReplayBatch(np.arange(2), np.array([0.0, 1.0]), weight=np.array([0.5, 2.0]))
    >>> entry = Entry("ips", IPS(), methods=[])
    >>> entry.add(entry.estimator.rows(batch), batch.key)
    >>> entry.estimator.value()
    1.0
    """

    name: str
    estimator: Estimator
    methods: Sequence[IntervalMethod]
    refused: str = ""
    metric: str = REWARD
    places: tuple[int, ...] = (0,)
    exact: ClopperPearson = field(default_factory=ClopperPearson, init=False, repr=False)
    _own: Moments = field(default_factory=lambda: Moments(1), init=False, repr=False)

    def add(self, rows: Float64, key: Int64, batch: ReplayBatch | None = None) -> None:
        """Take in the rows that the estimator makes of a batch."""
        self.estimator.moments.add(rows)
        self.see(rows, key, batch)

    def see(self, rows: Float64, key: Int64, batch: ReplayBatch | None = None) -> None:
        """Show the rows to all but the estimator itself, which gets the sums of all rows at the end."""
        if self.estimator.proportion:
            self.exact.add(rows, key)
        for method in self.methods:
            method.add(rows, key)
        own = getattr(batch, self.estimator.weight) if batch is not None and self.weighs_anew else None
        if own is not None:
            self._own.add(own[:, None])

    @property
    def watches(self) -> bool:
        """True where something besides the estimator needs the rows."""
        sums_alone = all(isinstance(method, Asymptotic) for method in self.methods)
        return self.estimator.proportion or self.weighs_anew or not sums_alone

    def fork(self) -> Entry:
        """Return an entry of the same kind that has seen nothing."""
        estimator = self.estimator.fork()
        methods = [method.fork(estimator) for method in self.methods]
        return Entry(self.name, estimator, methods, self.refused, self.metric, self.places)

    @property
    def weighs_anew(self) -> bool:
        """True where the estimator's weights are not those of the policy."""
        return self.estimator.weight not in ("", "weight")

    def own_weights(self) -> dict[str, float | None]:
        """Return the diagnostics that change where the estimator has its own weights."""
        if not self.weighs_anew or not self._own.n:
            return {}
        mean = float(self._own.mean[0])
        variance = float(self._own.comoment[0, 0]) / self._own.n
        total = self._own.n * mean
        out: dict[str, float | None] = {
            "ess": total * mean / (variance + mean * mean) if mean else 0.0,
            "max_weight_share": None,
            "pareto_k": None,
            # they were counted by the policy's weights
            "rewarded": None,
            "ess_rewarded": None,
        }
        if self.estimator.weight != "accept":  # that averages the acceptance rate
            out |= {"mean_weight": mean, "mean_weight_se": float(np.sqrt(variance / self._own.n))}
        return out
