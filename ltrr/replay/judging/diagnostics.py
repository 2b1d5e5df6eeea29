"""Diagnostics of one target policy on one log: whether its weights support an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ltrr._kernels.weights import weight_pass
from ltrr.logs.events import Events
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.judging.chi_square import chi_square_tail
from ltrr.replay.judging.pareto import pareto_k, tail_size
from ltrr.types import Float64, Int64

__all__ = ["BLOCKS", "MEANINGS", "Diagnostics"]

BLOCKS = 20
"""Number of blocks in time for the drift tests."""

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
    "ess_rewarded": "effective number of rewarded rows, (Σwr)² / Σ(wr)²",
    "unsupported_mass": "target probability on actions that the logging policy never took there",
    "unsupported_known": "1 where that is exact (full logged distributions), 0 where it only counts actions "
    "absent from the whole log",
    "mean_inverse_propensity": "mean of 1/propensity over the number of eligible actions; 1 where right",
    "mean_inverse_propensity_se": "its standard error",
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
    _largest: Float64 = field(init=False, repr=False)
    _taken: Float64 = field(init=False, repr=False)
    _wanted: Float64 = field(init=False, repr=False)
    _stated: Float64 = field(init=False, repr=False)
    _stated_var: Float64 = field(init=False, repr=False)
    _full: bool = field(default=False, init=False, repr=False)
    _outside: float = field(default=0.0, init=False, repr=False)
    _rows: int = field(default=0, init=False, repr=False)
    _certain: int = field(default=0, init=False, repr=False)
    _inverse: Float64 = field(init=False, repr=False)
    _accepted: Float64 = field(init=False, repr=False)
    _blocks: list[Float64] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self.histogram = np.zeros(_BINS, np.int64)
        self.mass = np.zeros(_BINS)
        self._sums = np.zeros(8)
        self._largest = np.zeros(0)
        self._taken, self._wanted, self._stated, self._stated_var = np.zeros((4, self.n_actions))
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
            self._keep(weight)
        if batch.accept is not None:
            self._accepted += np.array([batch.accept.sum(), len(batch)])
        self._block(weight, reward)
        if events is not None:
            self._support(events, probabilities)

    def _keep(self, weight: Float64) -> None:
        """Keep the largest weights."""
        full = len(self._largest) >= _KEEP
        above = weight[weight > self._largest.min()] if full else weight
        joined = np.concatenate([self._largest, above])
        if len(joined) > _KEEP:
            joined = np.partition(joined, len(joined) - _KEEP)[-_KEEP:]
        self._largest = joined

    def _block(self, weight: Float64, reward: Float64) -> None:
        """Add the sums that drift is judged by, and halve the number of blocks when there are too many."""
        # a chunk is cut so that small logs, which come in one chunk, have blocks too
        for part in np.array_split(np.arange(len(weight)), min(BLOCKS, len(weight)) or 1):
            w, r = weight[part], reward[part]
            self._blocks.append(np.array([len(part), w.sum(), w @ w, r.sum(), r @ r]))
        self._fold()

    def _fold(self) -> None:
        while len(self._blocks) > 64 * BLOCKS:
            pairs = self._blocks[: len(self._blocks) // 2 * 2]
            rest = self._blocks[len(pairs) :]
            self._blocks = [a + b for a, b in zip(pairs[::2], pairs[1::2], strict=True)] + rest

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
            actions, stated = events.actions.action, events.probabilities
            self._stated += np.bincount(actions, stated, minlength=self.n_actions)
            self._stated_var += np.bincount(actions, stated * (1.0 - stated), minlength=self.n_actions)
            if probabilities is not None:
                self._outside += float(probabilities[stated <= 0.0].sum())

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
            "_stated",
            "_stated_var",
            "_inverse",
            "_accepted",
        ):
            setattr(self, key, getattr(self, key) + getattr(other, key))
        self._full = self._full or other._full
        self._keep(other._largest)
        self._blocks = self._blocks + other._blocks
        self._fold()

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

    def calibration_p(self) -> float | None:
        """Return the p-value of the logged distributions given the actions taken; None where not logged.

        By action, taken minus expected over its standard deviation is squared and the largest compared with
        one degree of freedom, corrected for the number of actions (Bonferroni): the counts are dependent.
        """
        tested = self._stated_var > 5.0
        if not self._full or not tested.any():
            return None
        z = (self._taken - self._stated)[tested] / np.sqrt(self._stated_var[tested])
        return min(1.0, float(tested.sum()) * math.erfc(float(np.abs(z).max()) / math.sqrt(2.0)))

    def drift_p(self, of: str) -> float | None:
        """Return the p-value of equal means over time of "weight" or "reward" (chi-square over blocks)."""
        blocks = np.array(self.blocks())
        at = 1 if of == "weight" else 3
        if len(blocks) < 2:
            return None
        n, total, squares = blocks[:, 0], blocks[:, at], blocks[:, at + 1]
        variance = squares.sum() / n.sum() - (total.sum() / n.sum()) ** 2
        # sums of rare rewards are far from normal where a block expects hardly any
        if variance <= 0.0 or np.any(n * variance < 1e-12) or n.min() < 20:
            return None
        z2 = (total / n - total.sum() / n.sum()) ** 2 * n / variance
        return chi_square_tail(float(z2.sum()), len(blocks) - 1)

    def blocks(self) -> list[Float64]:
        """Return at most `BLOCKS` blocks in time, each (n, Σw, Σw², Σr, Σr²)."""
        used = [b for b in self._blocks if b[0]]
        if len(used) <= BLOCKS:
            return used
        # cut by rows, not by chunks: chunks may differ in length
        ends = np.cumsum([b[0] for b in used])
        group = np.minimum((ends - 1) * BLOCKS // ends[-1], BLOCKS - 1).astype(int)
        return [np.sum([b for b, g in zip(used, group, strict=True) if g == k], axis=0) for k in set(group)]

    def summary(self) -> dict[str, float | None]:
        """Return all diagnostics by name; None where the log does not determine it."""
        out: dict[str, float | None] = dict.fromkeys(MEANINGS)
        out["n"] = float(self.n)
        out["drift_reward_p"] = self.drift_p("reward")
        if self._rows:
            out["unsupported_mass"] = self.unsupported_mass
            out["unsupported_known"] = float(self._full)
            out["calibration_p"] = self.calibration_p()
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
        sums, top = self._sums, np.sort(self._largest)
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
