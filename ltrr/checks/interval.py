"""What every interval method must keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ltrr.checks.common import refused
from ltrr.checks.compare import variants
from ltrr.checks.interval_case import REQUESTS, IntervalCase, by_cluster
from ltrr.errors import InputError
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.dr import DR
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.estimators.on_policy import OnPolicy
from ltrr.replay.estimators.snips import SNIPS

__all__ = ["INTERVAL_CHECKS", "check_interval"]

_EXACT = 1e-12
_LEVELS = (0.5, 0.8, 0.95, 0.99)
_NO_LEVELS = (0.0, 1.0, -0.5, 1.5, float("nan"))
_CUTS = (0, 1, 1, 60, 61, 250, REQUESTS)


@dataclass(frozen=True, kw_only=True)
class _Case(IntervalCase):
    """The checks."""

    def check_follows_protocol(self) -> None:
        """All members are there, a fork is of the same kind, and there is an answer for some estimator."""
        super().check_follows_protocol()
        for key in ("fork", "add", "merge", "interval"):
            self.must(key)(callable(getattr(self.component, key)), "be a method, got no function")
        name = self.component.name
        self.must("name")(isinstance(name, str) and name != "", f"be a name, got {name!r}")
        kind = type(self.component.fork(self.estimators[0]))
        self.must("fork")(kind is type(self.component), f"return a {self.name}, got {kind.__name__}")
        self.must("interval")(
            any(self.answered(*self.fed(*log)) is not None for log in self.logs()),
            "answer for one of the estimators at least, got None for all; declare bounds, or give "
            "`estimators` that it is made for",
        )

    def check_says_what_it_lacks(self) -> None:
        """Where there is no interval, ``lacks`` says why in one line; where there is one it says nothing."""
        clustered = getattr(self.component, "clustered", False)
        self.must("clustered")(isinstance(clustered, bool), f"be True or False, got {clustered!r}")
        if not hasattr(self.component, "lacks"):
            return
        for estimator, batch in self.logs():
            for part in (batch, batch.take(np.arange(0)), replace(batch, count=np.full(len(batch), 2.0))):
                pupil, method = self.fed(estimator, part)
                for n in (None, 1, 40) if clustered and len(part) else (None,):
                    pupil.clusters = None if n is None else by_cluster(pupil.rows(part), n)
                    self._says_what_it_lacks(pupil, method)

    def _says_what_it_lacks(self, pupil: Any, method: Any) -> None:
        must, why = self.must("lacks"), method.lacks(pupil)
        must(isinstance(why, str) and "\n" not in why, f"be one line, got {why!r}")
        try:
            got = method.interval(pupil)
        except InputError:
            return
        alike = (why == "") == (got is not None)
        must(alike, f"be empty where there is an interval and only there, got {why!r} and {got}")

    def check_asking_changes_nothing(self) -> None:
        """Ask again: the answer is the same."""
        for estimator, batch in self.logs():
            fed = self.fed(estimator, batch)
            answers = [self.ends(*fed) for _ in range(3)]
            alike = answers[0] == answers[1] == answers[2]
            self.must("interval")(alike, f"give the same answer to the same question, got {answers}")

    def check_arguments_are_left_alone(self) -> None:
        """Nothing is written into rows, keys, what is merged, or the estimator."""
        for estimator, batch in self.logs():
            pupil, other = self.fed(estimator, batch)
            rows, keys = pupil.rows(batch).copy(), pupil.keys(batch).copy()
            method, before = self.component.fork(estimator), self.ends(pupil, other)
            with self.left_alone(rows, keys, pupil.moments):
                method.add(rows, keys)
                self.answered(pupil, method)
                method.merge(other)
                after = self.ends(pupil, other)
            self.must("merge")(before == after, "not change what it merges, got another interval of that")

    def check_intervals_are_of_the_estimate(self) -> None:
        """Answers have ends in order, no NaN, the estimate as their mean, and say on how many they rest."""
        for estimator, batch in self.logs():
            pupil, method = self.fed(estimator, batch)
            for got in filter(None, (self.answered(pupil, method, level) for level in _LEVELS)):
                value, n = pupil.value(), len(batch)
                fits = abs(got.mean - value) <= _EXACT * (1.0 + abs(got.mean)) and 0 < got.n <= n
                text = f"be of {value!r} from at most {n} requests, got {got}"
                self.must("interval", f"of `{pupil.label}`")(fits, text)

    def check_wider_at_higher_levels(self) -> None:
        """Intervals of a higher level hold those of a lower one, and more; no level is 0 or 1."""
        grew, must = False, self.must("interval")
        for estimator, batch in self.logs():
            pupil, method = self.fed(estimator, batch)
            got = [self.answered(pupil, method, level) for level in _LEVELS]
            for inner, outer in pairwise(got):
                if inner is None or outer is None:
                    both = inner is outer
                    must(both, f"answer at all levels or at none, got both for `{pupil.label}`")
                    continue
                holds = outer.low <= inner.low and inner.high <= outer.high
                must(holds, f"hold at a higher level that of a lower one, got {outer} and {inner}")
                grew = grew or outer.high - outer.low > inner.high - inner.low
            for level in _NO_LEVELS if got[0] is not None else ():
                refused(partial(method.interval, pupil, level), f"`{self.name}.interval` at {level}")
        must(grew, "be wider at a higher level, got the same")

    def check_fork_has_seen_nothing(self) -> None:
        """Fork what has seen a log: the fork answers as one that saw nothing, and is independent of it."""
        more, must = self.batch(seed=16), self.must("fork")
        for estimator, batch in self.logs():
            pupil, method = self.fed(estimator, batch)
            before = self.ends(pupil, method)
            fork, again = method.fork(estimator), estimator.fork()
            again.add(more)
            fork.add(again.rows(more), again.keys(more))
            blank = self.ends(again, fork) == self.ends(*self.fed(estimator, more))
            must(blank, "have seen nothing and keep the parameters, got another interval")
            apart = self.ends(pupil, method) == before
            must(apart, "share nothing that moves, got intervals that moved together")

    def check_chunks_are_one_pass(self) -> None:
        """Add the rows in chunks, empty ones among them: the interval is that of one pass."""
        for estimator, batch in self.logs():
            want = self.ends(*self.fed(estimator, batch))
            got = self.ends(*self.fed(estimator, *_cut(batch)))
            self.must("add")(_agree(want, got), f"lead in chunks to {want}, as in one pass, got {got}")

    def check_parts_merge_to_one_pass(self) -> None:
        """Merge parts: the interval is that of one pass."""
        for estimator, batch in self.logs():
            pupil, whole = self.fed(estimator, batch)
            merged = self.component.fork(estimator)
            for part in _cut(batch):
                merged.merge(self.fed(estimator, part)[1])
            want, got = self.ends(pupil, whole), self.ends(pupil, merged)
            self.must("merge")(_agree(want, got), f"lead to {want}, as one pass, got {got}")

    def check_merge_minds_parameters(self) -> None:
        """Merge what saw a log under other parameters: it is refused, or makes no difference."""
        for estimator, batch in self.logs():
            half, rest = batch.take(np.arange(200)), batch.take(np.arange(200, REQUESTS))
            pupil, _ = self.fed(estimator, batch)
            _, same = self.fed(estimator, half)
            same.merge(self.fed(estimator, rest)[1])
            for variant in variants(self.component):
                _, method = self.fed(estimator, half)
                try:
                    method.merge(replace(self, component=variant).fed(estimator, rest)[1])
                except InputError:
                    continue
                alike = _agree(self.ends(pupil, same), self.ends(pupil, method))
                text = f"refuse other parameters ({variant!r}) or not mind them, got another interval"
                self.must("merge")(alike, text)

    def check_few_requests(self) -> None:
        """There is no interval from nothing, and from one request none that is certain."""
        for estimator in self.estimators:
            for batches in ([], [self.batch(0)]):
                got = self.answered(*self.fed(estimator, *batches))
                self.must("interval")(got is None, f"be None or refused before any row, got {got}")
            for batch in (self.batch(1), replace(self.sharp(1), weight=np.ones(1))):
                got = self.answered(*self.fed(estimator, batch))
                wide = got is None or got.low < got.high
                self.must("interval")(wide, f"be None, refused or wide from one request, got {got}")

    def check_odd_logs_have_no_nan(self) -> None:
        """Rows without weight, equal rewards, one heavy row, counts: None, refused, or ends in order."""
        low, high = self.reward_range
        plain = self.sharp(60)
        n = len(plain)
        logs = (
            replace(plain, weight=np.zeros(n)),
            replace(plain, reward=np.full(n, low)),
            replace(plain, reward=np.full(n, high), weight=np.ones(n)),
            replace(plain, weight=np.where(np.arange(n) == 7, self.weight_bound, 0.0)),
            replace(plain, count=np.full(n, 2.0)),
            plain.take(np.arange(2)),
        )
        for estimator in self.estimators:
            for log in logs:
                fed = self.fed(estimator, log)
                for level in (_LEVELS[0], _LEVELS[-1]):
                    self.answered(*fed, level)


def _agree(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    """Say whether two answers are the same, but for rounding."""
    if one is None or other is None:
        return one is other
    return bool(np.allclose(one, other, rtol=_EXACT, atol=_EXACT))


def _cut(batch: ReplayBatch) -> list[ReplayBatch]:
    return [batch.take(np.arange(i, j)) for i, j in pairwise(_CUTS)]


INTERVAL_CHECKS = _Case.checks()
"""Names of the checks, in the order in which they run."""


def check_interval(
    method: Any,
    *,
    estimators: Sequence[Estimator] = (OnPolicy(), IPS(), SNIPS(), DR()),
    weight_bound: float = 10.0,
    reward_range: tuple[float, float] = (0.0, 1.0),
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check that an interval method keeps `ltrr.replay.intervals.IntervalMethod`; it is only ever forked.

    Whether its intervals cover as often as stated is not checked here: that takes many logs.

    Parameters
    ----------
    method : IntervalMethod
        With bounds declared, where it needs them: those below, or wider ones.
    estimators : sequence of Estimator
        Whose rows it sees, of one decision a request; it must answer for one of them at least.
    weight_bound : float > 1
        Largest weight of the logs.
    reward_range : (float, float)
        The two rewards of the logs.
    skip : mapping of check to reason, optional
        Checks of `INTERVAL_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``method`` is a class or another kind of object, a number is out of range, or ``skip`` names no
        check or gives no reason.

    Examples
    --------
    >>> from ltrr.replay.intervals import Hoeffding
    >>> check_interval(Hoeffding(weight_bound=10.0, reward_range=(0.0, 1.0)))
    """
    _Case(
        component=method,
        estimators=tuple(estimators),
        weight_bound=weight_bound,
        reward_range=reward_range,
    ).run(skip)
