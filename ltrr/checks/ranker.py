"""What every ranker must keep."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ltrr import _check
from ltrr._state import pack
from ltrr.checks.common import LearningCase
from ltrr.checks.data import feedback_of, requests_of
from ltrr.protocols import Ranker
from ltrr.ranking import provenance_names
from ltrr.types import Feedback, Float32, Float64

__all__ = ["RANKER_CHECKS", "check_ranker"]

_LESSONS = 150
_ROWS = 200
_WIDTH = 6


@dataclass(frozen=True, kw_only=True)
class _Case(LearningCase):
    """A ranker under check, and the width of its features."""

    n_features: int

    call = "check_ranker"
    group = "rankers"
    protocol = Ranker
    verb, answers, lessons = "score", "scores", 2

    def fresh(self) -> Any:
        """Return an independent ranker: a fork where there is one, else a copy."""
        fork = getattr(self.component, "fork", None)
        return copy.deepcopy(self.component) if fork is None else fork()

    def feedback(self, batch: int) -> Feedback:
        requests = requests_of(_LESSONS, first=_LESSONS * batch)
        return feedback_of(requests, n_features=self.n_features)

    def rows(self) -> Float32:
        """Return feature rows like those of the feedback, twins among them."""
        rng = np.random.default_rng(9)
        rows = rng.random((_ROWS, self.n_features)).astype(np.float32)
        rows[:, :1] += rng.integers(0, 2, (_ROWS, 1))
        rows[_ROWS // 2 :] = rows[: _ROWS // 2]
        return rows

    def ask(self, component: Any) -> Float64:
        score: Float64 = component.score(self.rows())
        return score

    def ask_nothing(self, component: Any, when: str) -> None:
        shape = np.shape(component.score(self.rows()[:0]))
        self.must(self.verb, when)(shape == (0,), f"be empty for no rows, got {shape}")

    def knows(self, component: Any) -> Any:
        """Return scores and, where the engine is exact, the state."""
        state = pack(component.state()) if self.tolerance == 0.0 else b""
        return [self.ask(component), np.frombuffer(state, np.uint8)]

    def check_arguments_are_left_alone(self) -> None:
        """Neither scoring nor teaching writes into what was given."""
        rows, feedback = self.rows(), self.feedback(0)
        for _, ranker in self.both():
            with self.left_alone(rows, feedback):
                ranker.score(rows)
                ranker.learn(feedback)

    def check_scores_are_numbers(self) -> None:
        """Scores are one finite float64 a row."""
        for when, ranker in self.both():
            must, score = self.must(self.verb, when), self.ask(ranker)
            fits = isinstance(score, np.ndarray) and score.shape == (_ROWS,) and score.dtype == np.float64
            found = f"{getattr(score, 'dtype', '')} {np.shape(score)}"
            must(fits, f"be float64 ({_ROWS},), got {found}")
            must(np.isfinite(score).all(), f"be finite, got {score[~np.isfinite(score)][:1]}")

    def check_batch_does_not_matter(self) -> None:
        """Score rows alone, in another order and in a part of the batch: they get the same scores."""
        rows = self.rows()
        for when, ranker in self.both():
            score = ranker.score(rows)
            alone = np.concatenate([ranker.score(rows[i : i + 1]) for i in range(0, len(rows), 7)])
            turned = ranker.score(np.ascontiguousarray(rows[::-1]))
            for how, want, got in (
                ("for a row alone", score[::7], alone),
                ("in a smaller batch", score[:31], ranker.score(rows[:31])),
                ("in another order", score[::-1], turned),
            ):
                self.must(self.verb, when)(
                    self.same(want, got), f"not depend on the other rows of the batch, got other bits {how}"
                )

    def check_scores_for_queries_fit(self) -> None:
        """Score rows by their query, where the ranker can: one finite score a row, whatever the others."""
        if not hasattr(self.component, "score_for"):
            return
        rows = self.rows()
        query = np.where(np.arange(_ROWS) % 3 == 0, -1, np.arange(_ROWS) % 60).astype(np.int32)
        for when, ranker in self.both():
            must, score = self.must("score_for", when), ranker.score_for(rows, query)
            must(np.shape(score) == (_ROWS,) and np.isfinite(score).all(), "be one finite number a row")
            part = ranker.score_for(rows[:31], query[:31])
            must(self.same(score[:31], part), "not depend on the other rows of the batch")
            empty = ranker.score_for(rows[:0], query[:0])
            must(np.shape(empty) == (0,), f"be empty for no rows, got {np.shape(empty)}")

    def check_explored_share_is_a_fraction(self) -> None:
        """Declare a share of explored places in [0, 1], if any."""
        share = getattr(self.component, "explore", 0.0)
        fits = isinstance(share, (int, float)) and 0.0 <= share <= 1.0
        self.must("explore")(fits, f"lie in [0, 1], got {share!r}")

    check_empty_batch = LearningCase.check_empty_batch

    def check_fresh_is_unlearned(self) -> None:
        """Fork a learned ranker: the fork scores as one that never learned."""
        if hasattr(self.component, "fork"):
            alike = self.same(self.ask(self.fresh()), self.ask(self.learned().fork()))
            self.must("fork")(alike, "return one that has learned nothing, got what the original learned")


RANKER_CHECKS = _Case.checks()
"""Names of the checks, in the order in which they run."""


def check_ranker(
    ranker: Any,
    n_features: int | None = None,
    *,
    tolerance: float = 0.0,
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check that a ranker keeps `ltrr.protocols.Ranker`; it is only ever forked or copied.

    The ranker learns from two times 300 requests, with pages of 10 places of which about a third is clicked;
    a ranker that trains on a schedule must fall due within them.

    Parameters
    ----------
    ranker : Ranker
        One with ``for_columns(names, memory_columns)`` is first made for columns of its own names, or of the
        names f0, f1… where it has none; where ``allocation_dependent`` is true the last three are those of
        `ltrr.ranking.provenance` for one arm.
    n_features : int >= 1, optional
        Number of feature columns that it takes; by default as many as it has ``names``, or 6.
    tolerance : float >= 0
        Largest allowed absolute difference wherever a check asks for the same bits; 0 is exact.
    skip : mapping of check to reason, optional
        Checks of `RANKER_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``ranker`` is a class or another kind of object, or ``skip`` names no check or gives no reason.

    Examples
    --------
    >>> from ltrr.ranking import PriorRanker
    >>> check_ranker(PriorRanker(("x", "y"), weights={"x": 1.0}))
    """
    case = _Case(component=ranker, tolerance=tolerance, n_features=_WIDTH)
    own = tuple(getattr(ranker, "names", None) or ())
    width = (len(own) or _WIDTH) if n_features is None else _check.integer("n_features", n_features, low=1)
    if hasattr(ranker, "for_columns"):
        names = own if len(own) == width else tuple(f"f{i}" for i in range(width))
        if not own and getattr(
            ranker, "allocation_dependent", False
        ):  # the last columns tell where arms had the item
            places = provenance_names(("a",))
            names = (*names[: -len(places)], *places)
        ranker = ranker.for_columns(names, (width - 1,))
    replace(case, component=ranker, n_features=width).run(skip)
