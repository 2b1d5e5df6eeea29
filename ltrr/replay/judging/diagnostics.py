"""Diagnostics of one target policy on one log: whether its weights support an answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr._kernels.weights import weight_pass
from ltrr.logs.events import Events
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.judging.largest import Largest
from ltrr.replay.judging.pareto import pareto_k, tail_size
from ltrr.replay.judging.time_blocks import TimeBlocks
from ltrr.types import Float64, Int64

__all__ = ["MEANINGS", "Diagnostics"]

_KEEP = 40_000
"""Largest weights kept: the tail of up to 100 million rows."""

_LOW, _PER_DECADE, _BINS = -4.0, 5.0, 62
"""The histogram: from 10⁻⁴, five bins a decade, to 10⁸."""

MEANINGS = {
    "n": "requests",
    "events": "events that the rows stand for",
    "ess": "effective sample size, (Σw)² / Σw²",
    "mean_weight": "mean weight; 1 where propensities are right and the target stays within the support",
    "mean_weight_se": "its standard error",
    "max_weight": "largest weight",
    "max_weight_share": "share of all weight held by the largest weight",
    "top1_percent_share": "share of all weight held by the largest 1 % of the weights",
    "zero_weight_share": "share of rows with weight 0: weighting estimators learn nothing from them",
    "pareto_k": "tail shape of the weights; above 0.7 their mean converges too slowly",
    "rewarded": "rows with a weight and a reward other than 0",
    "ess_rewarded": "effective number of rewarded rows, (Σ|wr|)² / Σ(wr)²",
    "reward_k": "tail shape of the weighted rewards; above 0.7 their mean converges too slowly",
    "reward_top_share": "share of Σ(wr)² held by its largest term",
    "clusters": "clusters of dependent rows",
    "ess_clusters": "effective number of clusters, by their weights",
    "left_out": "share of rows that were excluded, copies aside",
    "repeat_p": "p-value: do rows repeat the last action in their context by chance only?",
    "repeat_share": "share of rows that do so beyond chance",
    "gap_p": "p-value: do DR and IPS differ on the same rows by chance only?",
    "unsupported_mass": "target probability on actions that the logging policy never took there",
    "unsupported_known": "1 where that is exact (full logged distributions), 0 where it only counts actions "
    "absent from the whole log",
    "mean_inverse_propensity": "mean of 1/propensity over the number of eligible actions; 1 where right",
    "mean_inverse_propensity_se": "its standard error",
    "propensity_p": "p-value: do the propensities fit the actions taken?",
    "propensity_mean": "largest mean of 1{a}/propensity, of an action or of one in half of the contexts, "
    "that chance does not explain; 1 where there is none",
    "propensity_bits": "log2 of the mean, at least, of the actions' shares in earlier rows over their "
    "propensities; at most 0 but by chance",
    "propensity_scale": "mean of 1/propensity over the mean number of eligible actions; 1 where right",
    "calibration_p": "p-value: do the logged distributions fit the actions taken?",
    "certain_share": "share of rows with propensity 1",
    "acceptance_rate": "share of rows that rejection replay keeps",
    "drift_reward_p": "p-value: is the reward's mean the same over time?",
    "drift_weight_p": "p-value: is the weights' mean the same over time?",
}
"""What each diagnostic means."""


@dataclass
class Diagnostics:
    """Collects diagnostics chunk by chunk; parts merge.

    Parameters
    ----------
    n_actions : int
        Size of the action space.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay import ReplayBatch
    >>> d = Diagnostics(n_actions=2)
    >>> d.add(ReplayBatch(np.arange(4), np.ones(4), weight=np.array([0.0, 1.0, 1.0, 2.0])))
    >>> d.ess, d.mean_weight
    (2.6666666666666665, 1.0)
    """

    n_actions: int
    n: int = field(default=0, init=False)
    histogram: Int64 = field(init=False, repr=False)
    mass: Float64 = field(init=False, repr=False)
    _sums: Float64 = field(init=False, repr=False)
    _largest: Largest = field(default_factory=lambda: Largest(_KEEP), init=False, repr=False)
    _least: float = field(default=np.inf, init=False, repr=False)
    _taken: Float64 = field(init=False, repr=False)
    _wanted: Float64 = field(init=False, repr=False)
    _full: bool = field(default=False, init=False, repr=False)
    _outside: float = field(default=0.0, init=False, repr=False)
    _rows: int = field(default=0, init=False, repr=False)
    _certain: int = field(default=0, init=False, repr=False)
    _inverse: Float64 = field(init=False, repr=False)
    _accepted: Float64 = field(init=False, repr=False)
    time: TimeBlocks = field(default_factory=TimeBlocks, init=False, repr=False)

    def __post_init__(self) -> None:
        self.histogram = np.zeros(_BINS, np.int64)
        self.mass = np.zeros(_BINS)
        self._sums = np.zeros(8)
        self._taken, self._wanted = np.zeros((2, self.n_actions))
        self._inverse = np.zeros(3)
        self._accepted = np.zeros(2)

    def add(
        self, batch: ReplayBatch, events: Events | None = None, probabilities: Float64 | None = None
    ) -> None:
        """Take in a chunk: its batch, and where they are known its events and target probabilities."""
        starts = batch.indptr[:-1]
        self.n += len(starts)
        reward = batch.reward if batch.single else np.add.reduceat(batch.reward, starts)
        count = np.ones(len(starts)) if batch.count is None else batch.count[starts]
        weight = np.ones(len(starts))
        if batch.weight is not None and len(starts):
            weight = batch.weight if batch.single else np.multiply.reduceat(batch.weight, starts)
            self._sums += weight_pass(weight, count, reward, _LOW, _PER_DECADE, self.histogram, self.mass)
            self._largest.add(weight)
            self._least = min(self._least, float(weight.min()))
        if batch.accept is not None:
            self._accepted += np.array([batch.accept.sum(), len(batch)])
        timed = events is not None and events.space.timed
        self.time.add(weight, reward, events.time[starts] if timed and events is not None else None)
        if events is not None:
            self._support(events, probabilities)

    def _support(self, events: Events, probabilities: Float64 | None) -> None:
        """Add which actions were taken, wanted by the target, and possible."""
        self._rows += len(events)
        self._taken += np.bincount(events.action, minlength=self.n_actions)
        if events.propensity is not None and len(events):
            self._certain += int((events.propensity == 1.0).sum())
            eligible = self.n_actions if events.indptr is None else np.diff(events.indptr)
            ratio = 1.0 / (events.propensity * eligible)
            self._inverse += np.array([len(ratio), ratio.sum(), np.square(ratio).sum()])
        if probabilities is not None:
            actions = events.actions.action
            self._wanted += np.bincount(actions, probabilities, minlength=self.n_actions)
        if events.probabilities is not None:
            self._full = True
            if probabilities is not None:
                self._outside += float(probabilities[events.probabilities <= 0.0].sum())

    def merge(self, other: Diagnostics) -> None:
        """Take in what another has collected on a later part of the log."""
        for key in ("n", "_outside", "_rows", "_certain"):
            setattr(self, key, getattr(self, key) + getattr(other, key))
        for key in (
            "histogram",
            "mass",
            "_sums",
            "_taken",
            "_wanted",
            "_inverse",
            "_accepted",
        ):
            setattr(self, key, getattr(self, key) + getattr(other, key))
        self._full = self._full or other._full
        self._largest.merge(other._largest)
        self._least = min(self._least, other._least)
        self.time.merge(other.time)

    @property
    def ess(self) -> float:
        """Effective sample size of the weights; the number of requests where there are none."""
        if not self._sums[0]:
            return float(self.n)
        return float(self._sums[1] ** 2 / self._sums[2]) if self._sums[2] else 0.0

    @property
    def mean_weight(self) -> float:
        """Mean weight; 1 where there are none."""
        return float(self._sums[1] / self._sums[0]) if self._sums[0] else 1.0

    @property
    def mean_weight_se(self) -> float:
        """Standard error of the mean weight."""
        c, cw, cw2, ccw, cc = self._sums[:5]
        if not c:
            return 0.0
        mean = cw / c
        return float(np.sqrt(max(cw2 - 2.0 * mean * ccw + mean * mean * cc, 0.0)) / c)

    @property
    def weighted(self) -> bool:
        """True where the log gave weights."""
        return bool(self._sums[0])

    @property
    def max_weight(self) -> float | None:
        """Largest weight; None where there are no weights."""
        return float(self._largest.values.max()) if self.weighted and len(self._largest.values) else None

    @property
    def off_one(self) -> float:
        """Largest distance of a weight from 1; infinite where there are no weights."""
        largest = self._largest.values
        return max(abs(float(largest.max()) - 1.0), abs(self._least - 1.0)) if len(largest) else np.inf

    @property
    def deterministic(self) -> bool:
        """True where every logged propensity is 1: no other action was ever tried."""
        return self._rows > 0 and self._certain == self._rows and self.n_actions > 1

    @property
    def unsupported_mass(self) -> float:
        """Share of the target's probability on actions that were never taken where the target wants them."""
        if not self._rows:
            return 0.0
        if self._full:
            return self._outside / self._rows
        return float(self._wanted[self._taken == 0].sum() / self._rows)

    def drift_p(self, of: str, inflation: float = 1.0) -> float | None:
        """Return the p-value of equal means over time of "weight" or "reward", as `TimeBlocks` does."""
        return self.time.drift_p(of, inflation)

    @property
    def weight_variance(self) -> float:
        """Variance of the sum of weights, were rows independent."""
        c, cw, cw2, ccw, cc = self._sums[:5]
        mean = cw / c if c else 0.0
        return float(max(cw2 - 2.0 * mean * ccw + mean * mean * cc, 0.0))

    def blocks(self) -> list[Float64]:
        """Return at most `BLOCKS` blocks in time, as `TimeBlocks.found` does."""
        return self.time.found()

    def summary(self) -> dict[str, float | None]:
        """Return all diagnostics by name; None where the log does not determine it."""
        out: dict[str, float | None] = dict.fromkeys(MEANINGS)
        out["n"] = float(self.n)
        out["drift_reward_p"] = self.drift_p("reward")
        if self._rows:
            out["unsupported_mass"] = self.unsupported_mass
            out["unsupported_known"] = float(self._full)
        if self._inverse[0]:
            n, total, squares = self._inverse
            out["certain_share"] = self._certain / self._rows
            out["mean_inverse_propensity"] = float(total / n)
            out["mean_inverse_propensity_se"] = float(np.sqrt(max(squares / n - (total / n) ** 2, 0.0) / n))
        if self._accepted[1]:
            out["acceptance_rate"] = float(self._accepted[0] / self._accepted[1])
        if self.weighted:
            out |= self._of_weights()
        return out

    def _of_weights(self) -> dict[str, float | None]:
        sums, top = self._sums, np.sort(self._largest.values)
        total = float(sums[1])
        percent = min(max(1, round(self.n / 100)), len(top))
        return {
            "events": float(sums[0]),
            "ess": self.ess,
            "mean_weight": self.mean_weight,
            "mean_weight_se": self.mean_weight_se,
            "max_weight": float(top[-1]),
            "max_weight_share": float(top[-1] / total) if total else None,
            # beyond the kept weights the share is not known
            "top1_percent_share": float(top[-percent:].sum() / total)
            if total and percent >= round(self.n / 100)
            else None,
            "zero_weight_share": float(self.histogram[0] / self.n),
            "pareto_k": pareto_k(top[-(tail_size(self.n) + 1) :], self.n),
            "rewarded": float(sums[7]),
            "ess_rewarded": float(sums[5] ** 2 / sums[6]) if sums[6] else 0.0,
            "drift_weight_p": self.drift_p("weight"),
        }

    @staticmethod
    def edges() -> Float64:
        """Return the lower ends of the histogram's bins; the first bin holds weights of 0."""
        return np.concatenate([[0.0, 0.0], 10.0 ** (_LOW + np.arange(_BINS - 2) / _PER_DECADE)])
