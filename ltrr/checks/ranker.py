"""What every ranker must keep."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr import _check
from ltrr._state import pack, unpack
from ltrr.checks.data import feedback_of, requests_of
from ltrr.checks.error import copies, require, run, same
from ltrr.protocols import Ranker
from ltrr.types import Feedback, Float32, Float64

__all__ = ["RANKER_CHECKS", "check_ranker"]

_LESSONS = 150
_ROWS = 200


@dataclass(frozen=True)
class _Case:
    """A ranker under check, and the width of its features."""

    ranker: Any
    n_features: int

    @property
    def name(self) -> str:
        return type(self.ranker).__name__

    def fresh(self) -> Any:
        """Return a ranker of its own: a fork where there is one, else a copy."""
        fork = getattr(self.ranker, "fork", None)
        return copy.deepcopy(self.ranker) if fork is None else fork()

    def feedback(self, batch: int) -> Feedback:
        requests = requests_of(_LESSONS, first=_LESSONS * batch)
        return feedback_of(requests, n_features=self.n_features)

    def learned(self, ranker: Any = None, *, start: int = 0, n: int = 2) -> Any:
        """Return ``ranker`` (a fresh one if None) after ``n`` batches of feedback."""
        pupil = self.fresh() if ranker is None else ranker
        for i in range(start, start + n):
            pupil.learn(self.feedback(i))
        return pupil

    def rows(self, n: int = _ROWS) -> Float32:
        """Return feature rows like those of the feedback, twins among them."""
        rng = np.random.default_rng(9)
        rows = rng.random((n, self.n_features)).astype(np.float32)
        rows[:, :1] += rng.integers(0, 2, (n, 1))
        rows[n // 2 :] = rows[: n - n // 2]
        return rows

    def both(self) -> Iterator[tuple[str, Any]]:
        """Yield the ranker before and after learning."""
        yield "unlearned", self.fresh()
        yield "after learning", self.learned()


def follows_protocol(case: _Case) -> None:
    """All members of the protocol are there."""
    require(
        isinstance(case.ranker, Ranker),
        f"`{case.name}` must have the members of `ltrr.protocols.Ranker`, got only some of them",
    )


def scores_are_numbers(case: _Case) -> None:
    """Scores are one finite float64 a row."""
    rows = case.rows()
    for when, ranker in case.both():
        score: Float64 = ranker.score(rows)
        require(
            isinstance(score, np.ndarray) and score.shape == (len(rows),) and score.dtype == np.float64,
            f"`{case.name}.score` ({when}) must be float64 ({len(rows)},), got {getattr(score, 'dtype', '')} "
            f"{np.shape(score)}",
        )
        require(
            np.isfinite(score).all(),
            f"`{case.name}.score` ({when}) must be finite, got {score[~np.isfinite(score)][:1]}",
        )


def batch_does_not_matter(case: _Case) -> None:
    """Score rows alone, in another order and in a part of the batch: they get the same bits."""
    rows = case.rows()
    backwards = np.arange(len(rows))[::-1]
    for when, ranker in case.both():
        score = ranker.score(rows)
        alone = np.concatenate([ranker.score(rows[i : i + 1]) for i in range(0, len(rows), 7)])
        text = f"`{case.name}.score` ({when}) must not depend on the other rows of the batch, got"
        require(same(alone, score[::7]), f"{text} other bits for a row alone")
        require(same(ranker.score(rows[:31]), score[:31]), f"{text} other bits in a smaller batch")
        turned = ranker.score(np.ascontiguousarray(rows[backwards]))
        require(same(turned, score[backwards]), f"{text} other bits in another order")


def empty_batch(case: _Case) -> None:
    """No rows get no scores, and no feedback teaches nothing."""
    rows = case.rows()
    for when, ranker in case.both():
        before = ranker.score(rows)
        score = ranker.score(rows[:0])
        require(
            np.shape(score) == (0,),
            f"`{case.name}.score` ({when}) must be empty for no rows, got {np.shape(score)}",
        )
        ranker.learn(case.feedback(0).take(np.zeros(0, np.int64)))
        require(
            same(before, ranker.score(rows)),
            f"`{case.name}.learn` ({when}) must learn nothing from empty feedback, got other scores",
        )


def arguments_are_left_alone(case: _Case) -> None:
    """Neither scoring nor teaching writes into what was given."""
    rows, feedback = case.rows(), case.feedback(0)
    untouched = copies(rows, feedback)
    for _, ranker in case.both():
        ranker.score(rows)
        ranker.learn(feedback)
    require(untouched(), f"`{case.name}` must not write into its arguments: copy what it changes")


def fresh_is_unlearned(case: _Case) -> None:
    """Fork a learned ranker: the fork scores as one that never learned."""
    if not hasattr(case.ranker, "fork"):
        return
    rows = case.rows()
    require(
        same(case.fresh().score(rows), case.learned().fork().score(rows)),
        f"`{case.name}.fork()` must have learned nothing, got what the original learned",
    )


def state_can_be_stored(case: _Case) -> None:
    """State is arrays, bytes and plain values, and stays what it was while the ranker goes on learning."""
    pupil = case.learned()
    state = pupil.state()
    before = pack(state)
    case.learned(pupil, start=2)
    require(
        pack(state) == before,
        f"`{case.name}.state()` must return copies, got arrays that learning went on to change",
    )


def state_continues_exactly(case: _Case) -> None:
    """Restore from stored state: the copy scores, and goes on learning, bit for bit as the original does."""
    rows = case.rows()
    pupil, other = case.learned(), case.fresh()
    other.restore(unpack(pack(pupil.state())))
    require(
        same(pupil.score(rows), other.score(rows)),
        f"`{case.name}.restore` must lead to the same scores, got others; is something learned missing from "
        "`state()`?",
    )
    case.learned(pupil, start=2), case.learned(other, start=2)
    require(
        same(pupil.score(rows), other.score(rows)) and pack(pupil.state()) == pack(other.state()),
        f"`{case.name}` must learn on from restored state as it would have, got other scores or another "
        "state after more feedback; are counters or schedules missing from `state()`?",
    )


RANKER_CHECKS: Sequence[Callable[[_Case], None]] = (
    follows_protocol,
    arguments_are_left_alone,
    scores_are_numbers,
    batch_does_not_matter,
    empty_batch,
    fresh_is_unlearned,
    state_can_be_stored,
    state_continues_exactly,
)
"""The checks, in the order in which they are run."""


def check_ranker(ranker: Any, *, n_features: int, skip: Mapping[str, str] | None = None) -> None:
    """Check that a ranker keeps `ltrr.protocols.Ranker`; it is only ever forked or copied.

    Two times 300 requests are taught, with pages of 10 places of which about a third is clicked; give a
    ranker that trains on a schedule one that falls due within them.

    Parameters
    ----------
    ranker : Ranker
    n_features : int >= 1
        Number of feature columns that it takes.
    skip : mapping of check to reason, optional
        Checks of `RANKER_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``skip`` names no check or gives no reason.

    Examples
    --------
    >>> from ltrr.ranking import PriorRanker
    >>> check_ranker(PriorRanker(("x", "y"), weights={"x": 1.0}), n_features=2)
    """
    run(RANKER_CHECKS, _Case(ranker, _check.integer("n_features", n_features, low=1)), skip)
