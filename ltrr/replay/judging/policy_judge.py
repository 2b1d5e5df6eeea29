"""One target policy on one log: batches, estimators and diagnostics, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ltrr._kernels.rewarded import reward_pass
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay import nuisance
from ltrr.replay.estimators import Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.clip_grid import ClipGrid
from ltrr.replay.estimators.ratio import Ratio
from ltrr.replay.judging.diagnostics import Diagnostics
from ltrr.replay.judging.entry import Entry
from ltrr.replay.judging.largest import Largest
from ltrr.replay.judging.models import Models
from ltrr.replay.judging.settings import Settings
from ltrr.replay.nuisance.acceptance import accepted
from ltrr.replay.targets.base import Target
from ltrr.rng import Streams
from ltrr.types import Float64, Int64

__all__ = ["Judged", "Made", "PolicyJudge", "joined", "rows_of"]

Made = dict[tuple[str, int], Float64]
"""Rows by the estimator's name and the place of the column."""


@dataclass(frozen=True)
class Judged:
    """One policy on one chunk.

    Parameters
    ----------
    batches : tuple of ReplayBatch
        One for each column that is measured; they differ in rewards and predicted rewards.
    probabilities : float64 (N,) or None
        The target's, ragged like the actions, where it states them all.

    Examples
    --------
    >>> batch = ReplayBatch(np.arange(2), np.array([0.0, 1.0]), weight=np.array([0.5, 2.0]))
    >>> judged = Judged((batch,))
    >>> judged.take(np.array([1]), np.array([1])).weight.tolist(), judged.rewarded.tolist()
    ([2.0], [[2.0, 4.0, 1.0]])
    """

    batches: tuple[ReplayBatch, ...]
    probabilities: Float64 | None = None

    def take(self, rows: Int64, flat: Int64) -> Judged:
        """Return the chosen rows, whose actions are at ``flat``."""
        pi = self.probabilities
        return Judged(tuple(b.take(rows) for b in self.batches), None if pi is None else pi[flat])

    @property
    def weight(self) -> Float64 | None:
        """The weight of each request, (requests,)."""
        batch = self.batches[0]
        if batch.weight is None or batch.single:
            return batch.weight
        return np.asarray(np.multiply.reduceat(batch.weight, batch.indptr[:-1]))

    @property
    def rewarded(self) -> Float64:
        """``Σ c |w r|``, ``Σ (c w r)²`` and how many rows have ``w r ≠ 0``, of each column, (columns, 3)."""
        batch, weight = self.batches[0], self.weight
        starts = batch.indptr[:-1]
        factor = np.ones(len(starts)) if weight is None else weight
        if batch.count is not None:
            factor = factor * batch.count[starts]
        out = np.zeros((len(self.batches), 3))
        for place, one in enumerate(self.batches if len(starts) else ()):
            reward = one.reward if one.single else np.add.reduceat(one.reward, starts)
            reward_pass(np.ascontiguousarray(factor), np.ascontiguousarray(reward), out[place])
        return out

    def sizes(self) -> Iterator[Float64]:
        """Yield ``|c w r|`` of each column where it is not 0, (rows,)."""
        batch, weight = self.batches[0], self.weight
        starts = batch.indptr[:-1]
        for one in self.batches if len(starts) else ():
            reward = one.reward if one.single else np.add.reduceat(one.reward, starts)
            size = np.abs(reward if weight is None else reward * weight)
            size = size if batch.count is None else size * batch.count[starts]
            yield size[size > 0.0]


@dataclass
class PolicyJudge:
    """Collects what is needed to judge one policy.

    Parameters
    ----------
    target : Target
    entries : sequence of Entry
        Estimates of the policy's value, metric by metric.
    models : Models
    n_actions : int
    settings : Settings

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> from ltrr.replay.estimators.ips import IPS
    >>> from ltrr.replay.targets.always import Always
    >>> events = Events(Space(("a", "b")), [1, 2], [1, 2], [0, 1], [0.0, 1.0], propensity=[0.5, 0.5])
    >>> judge = PolicyJudge(Always("b"), [Entry("ips", IPS(), [])], Models(logged=True), n_actions=2)
    >>> rows = judge.add(judge.batches(events), events)
    >>> rows["ips", 0].tolist(), judge.diagnostics.ess
    ([[1.0, 0.0], [1.0, 2.0]], 1.0)
    """

    target: Target
    entries: Sequence[Entry]
    models: Models
    n_actions: int
    settings: Settings = field(default_factory=Settings)
    diagnostics: Diagnostics = field(init=False, repr=False)
    chosen_only: bool = field(default=False, init=False, repr=False)
    clips: ClipGrid | None = field(default=None, init=False, repr=False)
    rewarded: Float64 = field(init=False, repr=False)
    tails: list[Largest] = field(init=False, repr=False)
    _needs: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.rewarded = np.zeros((1, 3))
        self.tails = [Largest() for _ in self.settings.measured.columns]
        self.diagnostics = Diagnostics(self.n_actions)
        self._needs = frozenset().union(*(e.estimator.needs for e in self.entries))
        if self.settings.clips:
            self.clips = ClipGrid()

    def fork(self) -> PolicyJudge:
        """Return a judge of the same policy on a segment that has seen nothing, without estimates by clip."""
        entries = [entry.fork() for entry in self.entries]
        own = PolicyJudge(self.target, entries, self.models, self.n_actions, self.settings)
        own.clips = None  # their table is of the whole log
        return own

    def batches(self, events: Events, rewards: Float64 | None = None) -> Judged:
        """Return the batches of a chunk, and the target's probabilities where it states them all.

        Parameters
        ----------
        events : Events
        rewards : float64 (n, columns), optional
            As of `Metrics.matrix`.
        """
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
            streams = Streams(self.settings.seed)
            columns["accept"] = accepted(events, chosen, streams, floor=self.models.floor)
        if rewards is None:
            rewards = self.settings.measured.matrix(events)
        predicted = self._predicted(events, pi)
        batches = tuple(
            ReplayBatch(
                events.key,
                rewards[:, place],
                slot=events.slot,
                count=events.count,
                **(columns if place == 0 else {k: v for k, v in columns.items() if k[:4] != "mrdr"}),
                **(predicted[place] if place < len(predicted) else {}),
            )
            for place in range(rewards.shape[1])
        )
        return Judged(batches, pi)

    def _predicted(self, events: Events, pi: Float64 | None) -> list[dict[str, Float64]]:
        """Return q̂ of the chosen action and of the target, for each column that has a model."""
        if "q" not in self._needs:
            return []
        stated = self._stated(events)
        if stated:
            return [stated]
        model = self.models.reward_of(self.target.name)
        if pi is None or model is None:
            return []
        q = model.predict(events).reshape(len(pi), -1)
        logged, indptr = q[events.place], events.actions.indptr
        return [
            {
                "q_logged": np.ascontiguousarray(logged[:, place]),
                "q_target": nuisance.expected_value(indptr, pi, q[:, place]),
            }
            for place in range(q.shape[1])
        ]

    def _stated(self, events: Events) -> dict[str, Float64]:
        """Return q̂ of the chosen action and of the target from columns of the log, where they are given."""
        q = self.settings.q
        if not isinstance(q, Mapping):
            return {}
        column = q.get(self.target.name, q.get(getattr(self.target, "column", ""), ""))
        if not column or "logged" not in q:
            return {}
        return {"q_logged": _finite(events, q["logged"]), "q_target": _finite(events, column)}

    def _modelled(self, events: Events, pi: Float64) -> dict[str, Float64]:
        """Return the other columns that rest on models, as far as they are needed and available."""
        out: dict[str, Float64] = {}
        models, name, indptr = self.models, self.target.name, events.actions.indptr
        if "mrdr" in self._needs and name in models.mrdr:
            q = models.mrdr[name].predict(events)
            out["mrdr_logged"] = q[events.place]
            out["mrdr_target"] = nuisance.expected_value(indptr, pi, q)
        if "balanced" in self._needs and name in models.balanced:
            out["balanced_weight"] = models.balanced[name].weights(events, pi)
        if "marginal" in self._needs and models.embedding is not None:
            logging = models.logging(events)
            if logging is not None:
                out["marginal_weight"] = nuisance.marginal_weights(events, pi, logging, models.embedding)
        return out

    def add(self, judged: Judged, events: Events) -> Made:
        """Take in a chunk; return the rows of every estimator and column, without those that are refused."""
        batch = judged.batches[0]
        self.diagnostics.add(batch, events, judged.probabilities)
        self.rewarded = self.rewarded + judged.rewarded
        for tail, sizes in zip(self.tails, judged.sizes(), strict=False):
            tail.add(sizes)
        key, made = Estimator.keys(batch), Made()
        for entry in self.entries:
            if entry.refused:
                continue
            try:
                rows = rows_of(entry, judged.batches, made)
            except InputError as error:
                entry.refused = str(error)
                continue
            if entry.watches:
                entry.see(joined(entry, rows), key, batch)
        return made

    def clip_rows(self, judged: Judged) -> Float64 | None:
        """Take in a chunk at every clip; return the rows, None where requests have no weights of one slot."""
        batch = judged.batches[0]
        if self.clips is None or batch.weight is None or not batch.single:
            return None
        rows = self.clips.rows(batch)
        self.clips.moments.add(rows)
        return rows


def rows_of(entry: Entry, batches: Sequence[ReplayBatch], made: Made) -> list[Float64]:
    """Return the rows of an entry's parts; those of one column serve all metrics that it is part of."""
    estimator = entry.estimator
    parts = [estimator.first, estimator.second] if isinstance(estimator, Ratio) else [estimator]
    for part, place in zip(parts, entry.places, strict=True):
        if (entry.name, place) not in made:
            made[entry.name, place] = part.rows(batches[place])
    return [made[entry.name, place] for place in entry.places]


def joined(entry: Entry, rows: Sequence[Float64]) -> Float64:
    """Return an entry's rows from those of its parts."""
    return entry.estimator.paired(*rows) if isinstance(entry.estimator, Ratio) else rows[0]


def _finite(events: Events, column: str) -> Float64:
    """Return a column of predictions.

    Raises
    ------
    InputError
        If one is missing or infinite.
    """
    values: Float64 = events.numbers[column]
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        row = int(events.row[bad[0]])
        raise InputError(
            f"`{column}` has no finite prediction in row {row}; predict every row or leave q out"
        )
    return values
