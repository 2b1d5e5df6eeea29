"""What every interval method must keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.checks.data import batch_of
from ltrr.checks.error import copies, refused, require, run, variants
from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval
from ltrr.replay.batch import Batch
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.dr import DR
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.estimators.on_policy import OnPolicy
from ltrr.replay.estimators.snips import SNIPS

__all__ = ["INTERVAL_CHECKS", "check_interval"]

_REQUESTS = 400
_EXACT = 1e-12
_LEVELS = (0.5, 0.8, 0.95, 0.99)
_NO_LEVELS = (0.0, 1.0, -0.5, 1.5, float("nan"))
_CUTS = (0, 1, 1, 60, 61, 250, _REQUESTS)


@dataclass(frozen=True)
class _Case:
    """An interval method under check, and the logs and estimators that it answers for."""

    method: Any
    estimators: Sequence[Estimator]
    weight_bound: float
    reward_range: tuple[float, float]

    @property
    def name(self) -> str:
        return type(self.method).__name__

    def batch(self, n: int = _REQUESTS, *, seed: int = 15) -> Batch:
        """Return requests with the lowest or the highest reward and weights that spread."""
        low, high = self.reward_range
        batch = batch_of(n, weight_bound=self.weight_bound, reward_range=self.reward_range, seed=seed)
        return replace(batch, reward=np.where(batch.reward > 0.5 * (low + high), high, low))

    def sharp(self, n: int = _REQUESTS) -> Batch:
        """Return requests with weights of 0 and 1."""
        batch = self.batch(n)
        return replace(batch, weight=np.where(np.asarray(batch.weight) > 0.0, 1.0, 0.0))

    def fed(self, estimator: Estimator, *batches: Batch) -> tuple[Any, Any]:
        """Return forks of estimator and method that have seen the batches."""
        pupil, method = estimator.fork(), self.method.fork(estimator)
        for batch in batches:
            pupil.add(batch)
            method.add(pupil.rows(batch), pupil.keys(batch))
        return pupil, method

    def logs(self) -> Iterator[tuple[Estimator, Batch]]:
        """Yield estimators and the logs that they see."""
        for estimator in self.estimators:
            yield estimator, self.batch()
            yield estimator, self.sharp()

    def answered(self, pupil: Any, method: Any, level: float = 0.95) -> Interval | None:
        """Return the interval, None also where it is refused, after checking that it is one."""
        try:
            got: Interval | None = method.interval(pupil, level)
        except InputError as error:
            require("\n" not in str(error), f"`{self.name}.interval` must refuse in one line, got several")
            return None
        text = f"`{self.name}.interval` of `{pupil.label}`"
        require(
            got is None or isinstance(got, Interval), f"{text} must be an Interval or None, got {type(got)}"
        )
        if got is not None:
            require(
                not np.isnan([got.mean, got.low, got.high]).any() and got.low <= got.high,
                f"{text} must have ends in order and no NaN, got [{got.low}, {got.high}] around {got.mean}",
            )
        return got


def _ends(interval: Interval | None) -> tuple[float, ...] | None:
    return None if interval is None else (interval.mean, interval.low, interval.high, float(interval.n))


def _agree(one: Interval | None, other: Interval | None) -> bool:
    """Say whether two answers are the same, but for rounding."""
    if one is None or other is None:
        return one is other
    return bool(np.allclose(_ends(one) or (), _ends(other) or (), rtol=_EXACT, atol=_EXACT))


def _cut(batch: Batch) -> list[Batch]:
    return [batch.take(np.arange(i, j)) for i, j in pairwise(_CUTS)]


def follows_protocol(case: _Case) -> None:
    """All members are there, a fork is of the same kind, and there is an answer for some estimator."""
    missing = [
        key for key in ("fork", "add", "merge", "interval") if not callable(getattr(case.method, key, None))
    ]
    require(
        not missing,
        f"`{case.name}` must have the members of `ltrr.replay.intervals.IntervalMethod`, got no {missing}",
    )
    name = getattr(case.method, "name", None)
    require(isinstance(name, str) and name != "", f"`{case.name}.name` must be a word, got {name!r}")
    require(
        type(case.method.fork(case.estimators[0])) is type(case.method),
        f"`{case.name}.fork()` must return a {case.name}, got another kind",
    )
    require(
        any(case.answered(*case.fed(*log)) is not None for log in case.logs()),
        f"`{case.name}.interval` must answer for one of the estimators at least, got None for all; declare "
        "bounds, or give `estimators` that it is made for",
    )


def arguments_are_left_alone(case: _Case) -> None:
    """Nothing is written into rows, keys, what is merged, or the estimator."""
    for estimator, batch in case.logs():
        pupil, other = case.fed(estimator, batch)
        rows, keys = pupil.rows(batch).copy(), pupil.keys(batch).copy()
        method = case.method.fork(estimator)
        before = _ends(case.answered(pupil, other))
        untouched = copies(rows, keys, pupil.moments)
        method.add(rows, keys)
        case.answered(pupil, method)
        method.merge(other)
        require(
            untouched() and _ends(case.answered(pupil, other)) == before,
            f"`{case.name}` must not write into its arguments: copy what it changes",
        )


def intervals_are_of_the_estimate(case: _Case) -> None:
    """Answers have ends in order, no NaN, the estimate as their mean, and say on how many they rest."""
    for estimator, batch in case.logs():
        pupil, method = case.fed(estimator, batch)
        for level in _LEVELS:
            got = case.answered(pupil, method, level)
            if got is None:
                continue
            require(
                abs(got.mean - pupil.value()) <= _EXACT * (1.0 + abs(got.mean)) and 0 < got.n <= len(batch),
                f"`{case.name}.interval` of `{pupil.label}` must be of {pupil.value()!r} from at most "
                f"{len(batch)} requests, got {got}",
            )


def asking_changes_nothing(case: _Case) -> None:
    """Ask again: the answer is the same."""
    for estimator, batch in case.logs():
        pupil, method = case.fed(estimator, batch)
        answers = [_ends(case.answered(pupil, method)) for _ in range(3)]
        require(
            answers[0] == answers[1] == answers[2],
            f"`{case.name}.interval` must answer the same question alike, got {answers}",
        )


def wider_at_higher_levels(case: _Case) -> None:
    """Intervals of a higher level hold those of a lower one, and more; no level is 0 or 1."""
    grew = False
    for estimator, batch in case.logs():
        pupil, method = case.fed(estimator, batch)
        got = [case.answered(pupil, method, level) for level in _LEVELS]
        for inner, outer in pairwise(got):
            require(
                (inner is None) == (outer is None),
                f"`{case.name}.interval` must answer at all levels or at none, got both for `{pupil.label}`",
            )
            if inner is not None and outer is not None:
                require(
                    outer.low <= inner.low and inner.high <= outer.high,
                    f"`{case.name}.interval` of a higher level must hold that of a lower one, got {outer} "
                    f"and {inner}",
                )
                grew = grew or outer.high - outer.low > inner.high - inner.low
        for level in _NO_LEVELS if got[0] is not None else ():
            refused(partial(method.interval, pupil, level), f"`{case.name}.interval` at {level}")
    require(grew, f"`{case.name}.interval` must be wider at a higher level, got the same")


def fork_has_seen_nothing(case: _Case) -> None:
    """Fork what has seen a log: the fork answers as one that saw nothing, and goes its own way."""
    for estimator, batch in case.logs():
        pupil, method = case.fed(estimator, batch)
        before = _ends(case.answered(pupil, method))
        fork = method.fork(estimator)
        more = case.batch(seed=16)
        again = estimator.fork()
        again.add(more)
        fork.add(again.rows(more), again.keys(more))
        require(
            _ends(case.answered(again, fork)) == _ends(case.answered(*case.fed(estimator, more))),
            f"`{case.name}.fork()` must have seen nothing and keep the parameters, got another interval",
        )
        require(
            _ends(case.answered(pupil, method)) == before,
            f"`{case.name}.fork()` must share nothing that moves, got intervals that moved together",
        )


def chunks_are_one_pass(case: _Case) -> None:
    """Add the rows in chunks, empty ones among them: the interval is that of one pass."""
    for estimator, batch in case.logs():
        whole = case.answered(*case.fed(estimator, batch))
        cut = case.answered(*case.fed(estimator, *_cut(batch)))
        require(
            _agree(whole, cut),
            f"`{case.name}.add` in chunks must lead to {_ends(whole)}, as in one pass, got {_ends(cut)}",
        )


def parts_merge_to_one_pass(case: _Case) -> None:
    """Merge parts: the interval is that of one pass."""
    for estimator, batch in case.logs():
        pupil, whole = case.fed(estimator, batch)
        merged = case.method.fork(estimator)
        for part in _cut(batch):
            merged.merge(case.fed(estimator, part)[1])
        want, got = case.answered(pupil, whole), case.answered(pupil, merged)
        require(
            _agree(want, got),
            f"`{case.name}.merge` must lead to {_ends(want)}, as one pass, got {_ends(got)}",
        )


def merge_minds_parameters(case: _Case) -> None:
    """Merge what saw a log under other parameters: it is refused, or makes no difference."""
    for estimator, batch in case.logs():
        half, rest = batch.take(np.arange(200)), batch.take(np.arange(200, _REQUESTS))
        pupil, _ = case.fed(estimator, batch)
        _, same = case.fed(estimator, half)
        same.merge(case.fed(estimator, rest)[1])
        for variant in variants(case.method):
            _, method = case.fed(estimator, half)
            try:
                _, other = replace(case, method=variant).fed(estimator, rest)
                method.merge(other)
            except InputError:
                continue
            require(
                _agree(case.answered(pupil, same), case.answered(pupil, method)),
                f"`{case.name}.merge` of other parameters ({variant!r}) must be refused or make no "
                "difference, got another interval",
            )


def few_requests(case: _Case) -> None:
    """There is no interval from nothing, and from one request none that is certain."""
    for estimator in case.estimators:
        for batches in ([], [case.batch(0)]):
            got = case.answered(*case.fed(estimator, *batches))
            require(got is None, f"`{case.name}.interval` before any row must be None or refused, got {got}")
        for batch in (case.batch(1), replace(case.sharp(1), weight=np.ones(1))):
            got = case.answered(*case.fed(estimator, batch))
            require(
                got is None or got.low < got.high,
                f"`{case.name}.interval` of one request must be None, refused or wide, got {got}",
            )


def odd_logs_have_no_nan(case: _Case) -> None:
    """Rows without weight, rewards all alike, one heavy row, counts: None, refused, or ends in order."""
    low, high = case.reward_range
    plain = case.sharp(60)
    n = len(plain)
    heavy = np.where(np.arange(n) == 7, case.weight_bound, 0.0)
    logs = (
        replace(plain, weight=np.zeros(n)),
        replace(plain, reward=np.full(n, low)),
        replace(plain, reward=np.full(n, high), weight=np.ones(n)),
        replace(plain, weight=heavy),
        replace(plain, count=np.full(n, 2.0)),
        plain.take(np.arange(2)),
    )
    for estimator in case.estimators:
        for log in logs:
            for level in (_LEVELS[0], _LEVELS[-1]):
                case.answered(*case.fed(estimator, log), level)


INTERVAL_CHECKS: Sequence[Callable[[_Case], None]] = (
    follows_protocol,
    asking_changes_nothing,
    arguments_are_left_alone,
    intervals_are_of_the_estimate,
    wider_at_higher_levels,
    fork_has_seen_nothing,
    chunks_are_one_pass,
    parts_merge_to_one_pass,
    merge_minds_parameters,
    few_requests,
    odd_logs_have_no_nan,
)
"""The checks, in the order in which they are run."""


def check_interval(
    method: Any,
    *,
    estimators: Sequence[Estimator] = (OnPolicy(), IPS(), SNIPS(), DR()),
    weight_bound: float = 10.0,
    reward_range: tuple[float, float] = (0.0, 1.0),
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check that an interval method keeps `ltrr.replay.intervals.IntervalMethod`; it is only ever forked.

    Whether its intervals cover as often as they say is not asked here: that takes many logs.

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
        If ``skip`` names no check or gives no reason, or a number is out of range.

    Examples
    --------
    >>> from ltrr.replay.intervals import Hoeffding
    >>> check_interval(Hoeffding(weight_bound=10.0, reward_range=(0.0, 1.0)))
    """
    low = _check.number("reward_range[0]", reward_range[0])
    high = _check.number("reward_range[1]", reward_range[1], low=low, open_low=True)
    bound = _check.number("weight_bound", weight_bound, low=1.0, open_low=True)
    run(INTERVAL_CHECKS, _Case(method, tuple(estimators), bound, (low, high)), skip)
