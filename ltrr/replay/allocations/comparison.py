"""Allocation policies side by side: paired differences on the same requests, and their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ltrr.logs.formats.run_log import RunPart
from ltrr.metrics.intervals import Interval
from ltrr.replay.allocations.two_stage import AllocationJudge
from ltrr.replay.estimators import Difference, Estimator, OnPolicy
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.intervals import Asymptotic, PoissonBootstrap, make_interval
from ltrr.replay.judging.joint import Joint
from ltrr.replay.judging.settings import Settings

__all__ = ["AllocationComparison", "AllocationPair"]

_LOGGED = ("as logged",)
"""Key of the reward as logged among the joint columns."""


@dataclass(frozen=True)
class AllocationPair:
    """One estimator of a quota minus the same one of another quota, or minus the reward as logged.

    Parameters
    ----------
    quota, estimator : str
    against : str or None
        The other quota; None for the reward as logged.
    difference : Difference

    Examples
    --------
    >>> from ltrr.replay.estimators import IPS, OnPolicy
    >>> AllocationPair("3 bm25", "quota-ips", None, Difference(IPS(), OnPolicy())).difference.label
    'ips - on-policy'
    """

    quota: str
    estimator: str
    against: str | None
    difference: Difference


@dataclass
class AllocationComparison:
    """Judges allocation policies part by part, with the differences between them and from the log.

    Intervals are asymptotic, and those of the bootstrap where it is asked for; its draws go by request, and
    are the same for all estimates. Other methods do not apply.

    Parameters
    ----------
    judges : mapping of str to AllocationJudge
        By quota, on one log.
    settings : Settings

    Examples
    --------
    >>> import ltrr
    >>> from ltrr.logs.formats.run_log import open_run_log
    >>> from ltrr.replay.allocations.weights import TwoStage
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100, seed=1)
    >>> loop = {"warmup": 40, "slot_size": 4, "held_out": 0}
    >>> run = ltrr.simulate(world, policies=["random"], rounds=80, seeds=1, loop=loop, quiet=True)
    >>> log = open_run_log(run.folder, policy="random")
    >>> judges = {q: AllocationJudge(TwoStage(log, q), ["quota-ips"], None) for q in ("3 bm25", "3 dense")}
    >>> comparison = AllocationComparison(judges, Settings())
    >>> for part in log.read():
    ...     comparison.add(part)
    >>> comparison.finish()
    >>> [(pair.quota, pair.against, pair.difference.moments.n) for pair in comparison.pairs]
    [('3 bm25', None, 80), ('3 dense', None, 80), ('3 dense', '3 bm25', 80)]
    """

    judges: Mapping[str, AllocationJudge]
    settings: Settings
    logged: OnPolicy = field(default_factory=OnPolicy, init=False, repr=False)
    pairs: list[AllocationPair] = field(init=False, repr=False)
    asymptotic: bool = field(init=False, repr=False)
    joint: Joint = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.pairs = [
            AllocationPair(quota, name, against, Difference(estimator, other))
            for place, (quota, judge) in enumerate(self.judges.items())
            for name, estimator in judge.estimators.items()
            for against, other in self._others(place, name)
        ]
        methods = [make_interval(method, seed=self.settings.seed) for method in self.settings.intervals]
        bootstrap = next((method for method in methods if isinstance(method, PoissonBootstrap)), None)
        self.asymptotic = bootstrap is None or any(isinstance(method, Asymptotic) for method in methods)
        self.joint = Joint(None if bootstrap is None else bootstrap.fork())
        for key, estimator in self._terms():
            self.joint.reserve(key, estimator)

    def _terms(self) -> Iterator[tuple[tuple[str, ...], Estimator]]:
        """Yield the estimators whose terms all others are made of, and the keys of their columns."""
        yield _LOGGED, self.logged
        for quota, judge in self.judges.items():
            yield from (((quota, name), estimator) for name, estimator in judge.estimators.items())

    def _others(self, place: int, name: str) -> list[tuple[str | None, Estimator]]:
        """Return what a quota is compared with: the log, and the quotas before it."""
        before = list(self.judges.items())[:place] if self.settings.pairs else []
        return [(None, self.logged), *((quota, judge.estimators[name]) for quota, judge in before)]

    def add(self, part: RunPart) -> None:
        """Take in a part of the log."""
        found = {quota: judge.add(part) for quota, judge in self.judges.items()}
        if not len(part.events):
            return
        events, first = part.events, part.events.request_indptr[:-1]
        key = events.key[first]
        rows = {(quota, name): own for quota, by_name in found.items() for name, own in by_name.items()}
        logged = self.logged.rows(ReplayBatch(key, np.add.reduceat(events.reward, first)))
        self.joint.add({_LOGGED: logged, **rows}, key)

    def finish(self) -> None:
        """Give all estimates and differences the sums of their rows, once the log is read."""
        for key, estimator in self._terms():
            self.joint.give_to(estimator, [key])
        for pair in self.pairs:
            other = _LOGGED if pair.against is None else (pair.against, pair.estimator)
            self.joint.give_to(pair.difference, [(pair.quota, pair.estimator), other])

    def intervals(self, estimator: Estimator) -> list[tuple[str, Interval | None]]:
        """Return the intervals of one of the estimators or differences, by the methods asked for."""
        level, found = self.settings.level, []
        if self.asymptotic:
            found.append((Asymptotic().name, Asymptotic().interval(estimator, level)))
        if self.joint.bootstrap is not None:
            found.append((self.joint.bootstrap.name, self.joint.resampled(estimator, level)))
        return found
