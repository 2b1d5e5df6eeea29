"""All policies on one log, with the differences between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from ltrr.logs.events import Events
from ltrr.replay.estimators import Difference, Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.clip_grid import ClipGrid
from ltrr.replay.estimators.joined import Joined
from ltrr.replay.estimators.ratio import Ratio
from ltrr.replay.judging.chunk import Chunk
from ltrr.replay.judging.clusters import Clusters, ClusterSums, ids_of
from ltrr.replay.judging.diagnostics import Diagnostics
from ltrr.replay.judging.entry import Entry
from ltrr.replay.judging.joint import Joint, Key
from ltrr.replay.judging.largest import Largest
from ltrr.replay.judging.metrics import REWARD
from ltrr.replay.judging.plan import Plan
from ltrr.replay.judging.policy_judge import Judged, Made, PolicyJudge, joined, rows_of
from ltrr.types import Float64, Int64

__all__ = ["Comparison", "Pair"]

Place = tuple[int, int]
"""Index of a judge, −1 for the policy that wrote the log, and of its entry."""

LOGGED = -1


@dataclass
class Pair:
    """A paired difference and its two terms.

    Parameters
    ----------
    entry : Entry
        Whose estimator joins those of the two, as `Difference` does.
    first, second : (int, int)
        Index of the judge, −1 for the log's own policy, and index of its entry.

    Examples
    --------
    >>> from ltrr.replay.estimators.ips import IPS
    >>> first, second = IPS(), IPS()
    >>> pair = Pair(Entry("ips", Difference(first, second), []), (1, 0), (0, 0))
    >>> pair.difference.width
    1
    """

    entry: Entry
    first: Place
    second: Place

    @property
    def difference(self) -> Joined:
        """The entry's estimator."""
        return cast(Joined, self.entry.estimator)


@dataclass
class Comparison:
    """All policies side by side: values as logged, paired differences, the bootstrap and clusters they share.

    Parameters
    ----------
    plan : Plan
    judges : list of PolicyJudge
    cluster : str
        Column whose values name the cluster of a row; "" where rows are independent.
    clusters : Clusters or None
        The numbers of the clusters; None for new ones.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.logs import read
    >>> from ltrr.replay.judging.models import Models
    >>> from ltrr.replay.judging.settings import Settings
    >>> from ltrr.replay.targets.always import Always
    >>> log = read(pa.table({"action": ["a", "b"], "reward": [0, 1], "propensity": [0.5, 0.5]}))
    >>> plan = Plan.of(log, Settings(estimators=["ips"]))
    >>> comparison = Comparison(plan, [plan.judge(Always(name), Models(logged=True), 2) for name in "ab"])
    >>> comparison.add(next(log.chunks()))
    >>> comparison.finish()
    >>> [pair.difference.value() for pair in comparison.pairs]
    [-0.5, 0.5, 1.0]
    """

    plan: Plan
    judges: list[PolicyJudge]
    cluster: str = ""
    clusters: Clusters | None = None
    logged: list[Entry] = field(init=False)
    pairs: list[Pair] = field(default_factory=list, init=False)
    gaps: list[Pair] = field(default_factory=list, init=False)
    changes: list[Pair] = field(default_factory=list, init=False)
    joint: Joint = field(init=False, repr=False)
    sums: ClusterSums | None = field(default=None, init=False)
    diagnostics: Diagnostics = field(init=False, repr=False)
    taken: Float64 = field(init=False, repr=False)
    rewarded: Float64 = field(init=False, repr=False)
    tails: list[Largest] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.judges = list(self.judges)  # learners are judged later, and apart
        self.logged = self.plan.logged()
        self.diagnostics = Diagnostics(1)
        self.taken, self.rewarded = np.zeros(0), np.zeros((1, 3))
        self.tails = [Largest() for _ in self.plan.settings.measured.columns]
        for j, judge in enumerate(self.judges):
            for e, entry in enumerate(judge.entries):
                if not entry.refused:
                    self.pairs += [self._pair((j, e), other) for other in self._rivals(j, entry)]
            self.gaps += self._gaps(j)
            self.changes += self._changes(j)
        self.joint = Joint(None if self.plan.bootstrap is None else self.plan.bootstrap.fork())
        for place in self._places():
            entry = self.entry(place)
            for key, part in zip(self._keys(place), parts_of(entry), strict=True):
                self.joint.reserve(key, part)
        if self.cluster:
            self.clusters = self.clusters or Clusters()
            self.sums = ClusterSums(self.clusters)
            self.sums.enrol(self.joint, self.joint.width)
            for owner in (self, *self.judges):
                self.sums.enrol(owner, 1)
            for clips in self._clips():
                self.sums.enrol(clips, clips.width + 1)

    def _places(self) -> Iterator[Place]:
        """Yield the places of all entries."""
        yield from ((LOGGED, i) for i in range(len(self.logged)))
        yield from ((j, e) for j, judge in enumerate(self.judges) for e in range(len(judge.entries)))

    def _keys(self, place: Place) -> list[Key]:
        """Return where the terms of the entry at a place stand among the joint columns."""
        entry = self.entry(place)
        return [(place[0], entry.name, column) for column in entry.places]

    def _clips(self) -> list[ClipGrid]:
        return [judge.clips for judge in self.judges if judge.clips is not None]

    def fork(self) -> Comparison:
        """Return a comparison of the same policies that has seen nothing, with the same clusters."""
        return Comparison(self.plan, [judge.fork() for judge in self.judges], self.cluster, self.clusters)

    def entry(self, place: Place) -> Entry:
        """Return the entry at a place."""
        judge, index = place
        return self.logged[index] if judge == LOGGED else self.judges[judge].entries[index]

    def _rivals(self, j: int, entry: Entry) -> Iterator[Place]:
        """Yield what an entry is compared with: the log's own policy, and earlier policies."""
        yield LOGGED, next(i for i, own in enumerate(self.logged) if own.metric == entry.metric)
        for i in range(j if self.plan.settings.pairs else 0):
            for e, rival in enumerate(self.judges[i].entries):
                if (rival.name, rival.metric) == (entry.name, entry.metric) and not rival.refused:
                    yield i, e

    def _gaps(self, j: int) -> list[Pair]:
        """Return the doubly robust estimate of a policy minus those by weights alone."""
        at = {e.name: i for i, e in enumerate(self.judges[j].entries) if e.metric == REWARD and not e.refused}
        if "dr" not in at:
            return []
        return [self._pair((j, at["dr"]), (j, at[name])) for name in ("ips", "snips") if name in at]

    def _changes(self, j: int) -> list[Pair]:
        """Return the values of a policy over those as logged, where guardrails are about their ratio."""
        about = {rule.metric for rule in self.plan.settings.guardrails if rule.relative}
        entries = enumerate(self.judges[j].entries)
        places = [(j, e) for e, entry in entries if entry.metric in about and not entry.refused]
        return [self._pair(place, next(self._rivals(0, self.entry(place))), Ratio) for place in places]

    def _pair(self, first: Place, second: Place, kind: type[Joined] = Difference) -> Pair:
        entry = self.entry(first)
        both = kind(entry.estimator, self.entry(second).estimator)
        made = self.plan.entry(entry.name, both, metric=entry.metric, places=entry.places)
        return Pair(made, first, second)

    def add(self, events: Events) -> None:
        """Take in a chunk."""
        self.take_in(self.chunk(events))

    def chunk(self, events: Events) -> Chunk:
        """Return a chunk with what every policy makes of it."""
        rewards = self.plan.settings.measured.matrix(events)
        plain = tuple(
            ReplayBatch(events.key, rewards[:, place], slot=events.slot, count=events.count)
            for place in range(rewards.shape[1])
        )
        judged = tuple(judge.batches(events, rewards) for judge in self.judges)
        if self.clusters is None:
            return Chunk(events, plain, judged)
        ids = ids_of(events, self.cluster)
        return Chunk(events, plain, judged, ids, self.clusters.number(ids))

    def take_in(self, chunk: Chunk) -> None:
        """Take in a chunk as `chunk` returned it, or a part of one."""
        key = chunk.key
        self._tally(chunk)
        logged = Made()
        for entry in self.logged:
            rows = rows_of(entry, chunk.plain, logged)
            if entry.watches:
                entry.see(joined(entry, rows), key)
        found = {LOGGED: logged}
        for j, (judge, one) in enumerate(zip(self.judges, chunk.judged, strict=True)):
            found[j] = judge.add(one, chunk.events)
        made = {(j, *name): rows for j, by_name in found.items() for name, rows in by_name.items()}
        self._watch(made, key)
        together = self.joint.add(made, key)
        apart: list[tuple[object, Float64]] = []
        for judge, one in zip(self.judges, chunk.judged, strict=True):
            clipped = judge.clip_rows(one)
            apart += [] if clipped is None else [(judge.clips, clipped)]
        if self.sums is not None and chunk.number is not None:
            parts = [(self.joint, together), *apart, *self._weights(chunk)]
            self.sums.add(parts, chunk.number[chunk.starts])

    def _watch(self, made: Mapping[Key, Float64], key: Int64) -> None:
        """Show the rows of differences to interval methods that need more than sums."""
        for pair in self.pairs:
            sides = [[made.get(name) for name in self._keys(place)] for place in (pair.first, pair.second)]
            if pair.entry.watches and all(rows is not None for side in sides for rows in side):
                first, second = (
                    joined(self.entry(place), [rows for rows in side if rows is not None])
                    for place, side in zip((pair.first, pair.second), sides, strict=True)
                )
                pair.entry.see(pair.difference.paired(first, second), key)

    def _tally(self, chunk: Chunk) -> None:
        """Count the actions taken and the rows with rewards, and add the rewards over time."""
        self.diagnostics.add(chunk.plain[0])
        taken = np.bincount(chunk.events.action, minlength=len(chunk.events.space.actions))
        self.taken = taken + self.taken if len(self.taken) else taken.astype(np.float64)
        plain = Judged(chunk.plain)
        self.rewarded = self.rewarded + plain.rewarded
        for tail, sizes in zip(self.tails, plain.sizes(), strict=False):
            tail.add(sizes)

    def _weights(self, chunk: Chunk) -> Iterator[tuple[object, Float64]]:
        """Yield one column for each policy whose sums by cluster say how many clusters count."""
        count = chunk.plain[0].count
        one = np.ones(len(chunk.starts)) if count is None else count[chunk.starts]
        yield self, one[:, None]
        for judge, judged in zip(self.judges, chunk.judged, strict=True):
            weight = judged.weight
            yield judge, (one if weight is None else one * weight)[:, None]

    def finish(self) -> None:
        """Give all estimators the sums of their rows, once the log is read."""
        if self.sums is not None:
            self.joint.cluster(self.sums)
            for clips in self._clips():
                if clips.moments.n:
                    self.sums.give_to(clips)
        for place in self._places():
            self.joint.give_to(self.entry(place).estimator, self._keys(place))
        for pair in (*self.pairs, *self.gaps, *self.changes):
            keys = [*self._keys(pair.first), *self._keys(pair.second)]
            self.joint.give_to(pair.entry.estimator, keys)

    def clip_grid(self, j: int) -> ClipGrid | None:
        """Return a policy's estimates by clipped weights, where there are some."""
        found = self.judges[j].clips
        return found if found is not None and found.moments.n else None


def parts_of(entry: Entry) -> list[Estimator]:
    """Return the estimators of an entry's columns."""
    estimator = entry.estimator
    return [estimator.first, estimator.second] if isinstance(estimator, Ratio) else [estimator]
