"""All policies on one log, with the differences between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from ltrr.logs.events import Events
from ltrr.replay.estimators import Difference, Estimator, OnPolicy
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.judging.plan import Plan
from ltrr.replay.judging.policy_judge import Entry, PolicyJudge, Resampler

__all__ = ["Comparison", "Pair"]


@dataclass
class Pair:
    """A paired difference and its two terms.

    Parameters
    ----------
    entry : Entry
        Whose estimator is a `Difference`.
    first, second : (int, str), or None
        Index of the judge and name of the estimator; None for the reward as logged.

    Examples
    --------
    >>> from ltrr.replay.estimators.ips import IPS
    >>> first, second = IPS(), IPS()
    >>> pair = Pair(Entry("ips", Difference(first, second), []), (1, "ips"), (0, "ips"))
    >>> pair.difference.width
    1
    """

    entry: Entry
    first: tuple[int, str]
    second: tuple[int, str] | None

    @property
    def difference(self) -> Difference:
        """The entry's estimator."""
        return cast(Difference, self.entry.estimator)


@dataclass
class Comparison:
    """All policies side by side: the reward as logged, paired differences, and the bootstrap they share.

    Parameters
    ----------
    plan : Plan
    judges : list of PolicyJudge

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
    >>> [pair.difference.value() for pair in comparison.pairs]
    [-0.5, 0.5, 1.0]
    """

    plan: Plan
    judges: list[PolicyJudge]
    logged: Entry = field(init=False)
    pairs: list[Pair] = field(default_factory=list, init=False)
    resampler: Resampler | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.judges = list(self.judges)  # learners are judged later, and apart
        self.logged = self.plan.entry(OnPolicy.name, OnPolicy())
        for j, judge in enumerate(self.judges):
            for entry in judge.entries:
                if entry.refused:
                    continue
                name = entry.name
                against: list[tuple[tuple[int, str] | None, Estimator]] = [(None, self.logged.estimator)]
                if self.plan.settings.pairs:
                    against += [
                        ((i, name), rival.estimator)
                        for i in range(j)
                        for rival in self.judges[i].entries
                        if rival.name == name and not rival.refused
                    ]
                for place, other in against:
                    difference = Difference(entry.estimator, other)
                    self.pairs.append(Pair(self.plan.entry(name, difference), (j, name), place))
        if self.plan.bootstrap is not None:
            self.resampler = Resampler(self.plan.bootstrap.fork())
            for entry in self.entries():
                self.resampler.enrol(entry.estimator)

    def entries(self) -> list[Entry]:
        """Return all entries that are resampled together."""
        own = [entry for judge in self.judges for entry in judge.entries]
        return [self.logged, *own, *(pair.entry for pair in self.pairs)]

    def add(self, events: Events) -> None:
        """Take in a chunk."""
        rows = [judge.add(events) for judge in self.judges]
        batch = ReplayBatch(events.key, events.reward, slot=events.slot, count=events.count)
        key = Estimator.keys(batch)
        logged = self.logged.estimator.rows(batch)
        self.logged.add(logged, key)
        parts = [(self.logged.estimator, logged)]
        for judge, own in zip(self.judges, rows, strict=True):
            parts += [(e.estimator, own[e.name]) for e in judge.entries if e.name in own]
        for pair in self.pairs:
            first = rows[pair.first[0]].get(pair.first[1])
            second = logged if pair.second is None else rows[pair.second[0]].get(pair.second[1])
            if first is None or second is None:
                continue
            paired = pair.difference.paired(first, second)
            pair.entry.add(paired, key)
            parts.append((pair.entry.estimator, paired))
        if self.resampler is not None:
            self.resampler.add(parts, key)
