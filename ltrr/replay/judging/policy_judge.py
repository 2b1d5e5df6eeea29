"""One target policy on one log: batches, estimators, intervals and diagnostics, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.metrics.intervals import Interval
from ltrr.replay import nuisance
from ltrr.replay.estimators import Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.moments import Moments
from ltrr.replay.intervals import IntervalMethod, PoissonBootstrap
from ltrr.replay.judging.diagnostics import Diagnostics
from ltrr.replay.judging.models import Models
from ltrr.replay.nuisance.acceptance import accepted
from ltrr.replay.targets.base import Target
from ltrr.rng import Streams
from ltrr.types import Float64, Int64

__all__ = ["Entry", "PolicyJudge", "Resampler"]


@dataclass
class Resampler:
    """One bootstrap for many estimators, whose rows share its draws, which are the main cost.

    Parameters
    ----------
    bootstrap : PoissonBootstrap

    Examples
    --------
    >>> from ltrr.replay.estimators.ips import IPS
    >>> ips, resampler = IPS(), Resampler(PoissonBootstrap(seed=1))
    >>> batch = ReplayBatch(np.arange(500), np.arange(500.0) % 2, weight=np.ones(500))
    >>> resampler.enrol(ips)
    >>> ips.add(batch)
    >>> resampler.add([(ips, ips.rows(batch))], batch.key)
    >>> 0.4 < resampler.interval(ips, 0.95).low < 0.5
    True
    """

    bootstrap: PoissonBootstrap
    _start: dict[int, int] = field(default_factory=dict, init=False, repr=False)
    _width: int = field(default=0, init=False, repr=False)

    def enrol(self, estimator: Estimator) -> None:
        """Reserve the columns of an estimator."""
        self._start[id(estimator)] = self._width
        self._width += estimator.moments.width

    def add(self, parts: Sequence[tuple[Estimator, Float64]], key: Int64) -> None:
        """Take in the rows of the enrolled estimators; those without rows count as zeros."""
        rows = np.zeros((len(key), self._width))
        for estimator, own in parts:
            start = self._start[id(estimator)]
            rows[:, start : start + own.shape[1]] = own
        if self._width:
            self.bootstrap.add(rows, key)

    def knows(self, estimator: Estimator) -> bool:
        """Return whether the estimator was enrolled."""
        return id(estimator) in self._start

    def interval(self, estimator: Estimator, level: float) -> Interval | None:
        """Return the percentile interval of an enrolled estimator."""
        return self.bootstrap.interval(estimator, level, start=self._start[id(estimator)])


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
    _own: Moments = field(default_factory=lambda: Moments(1), init=False, repr=False)

    def add(self, rows: Float64, key: Int64, batch: ReplayBatch | None = None) -> None:
        """Take in the rows that the estimator makes of a batch."""
        self.estimator.moments.add(rows)
        for method in self.methods:
            method.add(rows, key)
        own = getattr(batch, self.estimator.weight) if batch is not None and self.weighs_anew else None
        if own is not None:
            self._own.add(own[:, None])

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
        }
        if self.estimator.weight != "accept":  # that averages the acceptance rate
            out |= {"mean_weight": mean, "mean_weight_se": float(np.sqrt(variance / self._own.n))}
        return out


@dataclass
class PolicyJudge:
    """Collects what is needed to judge one policy.

    Parameters
    ----------
    target : Target
    entries : sequence of Entry
        Estimates of the policy's value.
    models : Models
    n_actions : int
    seed : int
        Of the draws of rejection replay.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> from ltrr.replay.estimators.ips import IPS
    >>> from ltrr.replay.targets.always import Always
    >>> events = Events(Space(("a", "b")), [1, 2], [1, 2], [0, 1], [0.0, 1.0], propensity=[0.5, 0.5])
    >>> judge = PolicyJudge(Always("b"), [Entry("ips", IPS(), [])], Models(logged=True), n_actions=2)
    >>> _ = judge.add(events)
    >>> judge.entries[0].estimator.value(), judge.diagnostics.ess
    (1.0, 1.0)
    """

    target: Target
    entries: Sequence[Entry]
    models: Models
    n_actions: int
    seed: int = 0
    diagnostics: Diagnostics = field(init=False, repr=False)
    chosen_only: bool = field(default=False, init=False, repr=False)
    _needs: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.diagnostics = Diagnostics(self.n_actions)
        self._needs = frozenset().union(*(e.estimator.needs for e in self.entries))

    def batch(self, events: Events) -> tuple[ReplayBatch, Float64 | None]:
        """Return the batch of a chunk and the target's probabilities, where it states them all."""
        pi = self.target.probabilities(events)
        self.chosen_only = pi is None
        chosen = self.target.logged(events) if pi is None else pi[events.place]
        propensity = self.models.propensities(events)
        columns: dict[str, Float64] = {}
        if propensity is not None:
            columns["weight"] = chosen / propensity
        if pi is not None:
            columns |= self._modelled(events, pi)
        if "accept" in self._needs and self.models.floor is not None:
            columns["accept"] = accepted(events, chosen, Streams(self.seed), floor=self.models.floor)
        return ReplayBatch(events.key, events.reward, slot=events.slot, count=events.count, **columns), pi

    def _modelled(self, events: Events, pi: Float64) -> dict[str, Float64]:
        """Return the columns that rest on models, as far as they are needed and available."""
        out: dict[str, Float64] = {}
        models, name, indptr = self.models, self.target.name, events.actions.indptr
        for prefix, model in (("q", models.reward_of(name)), ("mrdr", models.mrdr.get(name))):
            if prefix in self._needs and model is not None:
                q = model.predict(events)
                out[f"{prefix}_logged"] = q[events.place]
                out[f"{prefix}_target"] = nuisance.expected_value(indptr, pi, q)
        if "balanced" in self._needs and name in models.balanced:
            out["balanced_weight"] = models.balanced[name].weights(events, pi)
        if "marginal" in self._needs and models.embedding is not None:
            logging = models.logging(events)
            if logging is not None:
                out["marginal_weight"] = nuisance.marginal_weights(events, pi, logging, models.embedding)
        return out

    def add(self, events: Events) -> dict[str, Float64]:
        """Take in a chunk; return the rows of every estimator by name."""
        batch, pi = self.batch(events)
        self.diagnostics.add(batch, events, pi)
        rows: dict[str, Float64] = {}
        for entry in self.entries:
            if entry.refused:
                continue
            try:
                rows[entry.name] = entry.estimator.rows(batch)
            except InputError as error:
                entry.refused = str(error)
                continue
            entry.add(rows[entry.name], Estimator.keys(batch), batch)
        return rows
