"""What every user model must keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.checks.error import copies, require, run, same
from ltrr.protocols import PageOutcome, UserModel
from ltrr.types import Bool, Float64, Int8, Int64, Truth

__all__ = ["USER_MODEL_CHECKS", "check_user_model"]

_FALSE_ALARM = 1e-6
_PAGES = 12
_SAMPLES = 20_000
_COLUMNS = ("click", "satisfied", "abandoned")


@dataclass(frozen=True)
class _Case:
    """A user model under check, and the pages it reads."""

    user: Any
    max_grade: int
    n_places: int

    @property
    def name(self) -> str:
        return type(self.user).__name__

    def grades(self) -> Int8:
        """Return pages of mixed grades, the last ones short, one of them empty, (B, K)."""
        rng = np.random.default_rng(13)
        out = rng.integers(0, self.max_grade + 1, (_PAGES, self.n_places)).astype(np.int8)
        out[0], out[1] = 0, self.max_grade
        filled = np.full(_PAGES, self.n_places)
        filled[-4:] = np.linspace(self.n_places - 1, 0, 4).astype(np.int64)
        out[np.arange(self.n_places) >= filled[:, None]] = -1
        return out

    def truth(self, grades: Int8) -> Truth:
        n, k = grades.shape
        item = np.where(grades < 0, -1, np.arange(n * k).reshape(n, k))
        return Truth(
            np.arange(n + 1) * k,
            item.reshape(-1),
            grades.reshape(-1),
            item.reshape(-1) >= 0,
            (grades > 0).sum(axis=1),
            -np.sort(-np.maximum(grades, 0), axis=1),
            np.arange(n),
            self.max_grade,
        )

    def sample(self, grades: Int8, seed: int = 14) -> PageOutcome:
        u = np.random.default_rng(seed).random((*grades.shape, 3))
        outcome: PageOutcome = self.user.sample(self.truth(grades), u)
        return outcome

    def many(self) -> Int8:
        return np.repeat(self.grades(), 200, axis=0)


def follows_protocol(case: _Case) -> None:
    """All members are there, and closed forms and outcomes have the shape of the pages."""
    require(
        isinstance(case.user, UserModel),
        f"`{case.name}` must have the members of `ltrr.protocols.UserModel`, got only some of them",
    )
    grades = case.grades()
    marginals, outcome = case.user.probabilities(case.truth(grades)), case.sample(grades)
    for key in ("click", "satisfied"):
        p = np.asarray(getattr(marginals, key, None))
        require(
            p.shape == grades.shape,
            f"`{case.name}.probabilities(...).{key}` must have shape {grades.shape}, got {p.shape}",
        )
    for key, shape in zip(_COLUMNS, (grades.shape, grades.shape, grades.shape[:1]), strict=True):
        value = np.asarray(getattr(outcome, key, None))
        require(
            value.shape == shape and value.dtype == np.bool_,
            f"`{case.name}.sample(...).{key}` must be bool {shape}, got {value.dtype} {value.shape}",
        )


def probabilities_are_probabilities(case: _Case) -> None:
    """Marginals lie in [0, 1], no satisfied click is likelier than the click, and empty places have none."""
    grades = case.grades()
    p = case.user.probabilities(case.truth(grades))
    for key in ("click", "satisfied"):
        value: Float64 = getattr(p, key)
        require(
            ((value >= 0.0) & (value <= 1.0 + 1e-12)).all(),
            f"`{case.name}.probabilities(...).{key}` must lie in [0, 1], got {value.min()} to {value.max()}",
        )
        require(
            not value[grades < 0].any(),
            f"`{case.name}.probabilities(...).{key}` must be 0 at empty places, "
            f"got {value[grades < 0].max()}",
        )
    require(
        (p.satisfied <= p.click + 1e-12).all(),
        f"`{case.name}.probabilities`: a satisfied click must be no likelier than a click, got otherwise",
    )


def empty_places_are_never_clicked(case: _Case) -> None:
    """Nobody clicks where nothing stands."""
    grades = case.many()
    outcome = case.sample(grades)
    require(
        not (outcome.click | outcome.satisfied)[grades < 0].any(),
        f"`{case.name}.sample` must never click an empty place (grade -1), got a click",
    )


def satisfied_implies_click(case: _Case) -> None:
    """Satisfied places are among the clicked, and abandoned pages are those without a click."""
    outcome = case.sample(case.many())
    require(
        not (outcome.satisfied & ~outcome.click).any(),
        f"`{case.name}.sample` must satisfy by clicks only, got a satisfied place without one",
    )
    require(
        same(outcome.abandoned, ~outcome.click.any(axis=1)),
        f"`{case.name}.sample(...).abandoned` must be True exactly where nothing was clicked, got otherwise",
    )


def uniforms_decide_everything(case: _Case) -> None:
    """Sample again: the same uniforms give the same outcome, to a page alone as in a batch."""
    grades = case.many()[:: 200 // 5]
    u = np.random.default_rng(15).random((*grades.shape, 3))
    first, again = (case.user.sample(case.truth(grades), u) for _ in range(2))
    require(
        all(same(getattr(first, key), getattr(again, key)) for key in _COLUMNS),
        f"`{case.name}.sample` must be decided by `u` alone, got another outcome from the same uniforms",
    )
    for b in range(len(grades)):
        alone = case.user.sample(case.truth(grades[b : b + 1]), u[b : b + 1])
        require(
            all(same(getattr(alone, key), getattr(first, key)[b : b + 1]) for key in _COLUMNS),
            f"`{case.name}.sample` must not depend on the other pages of the batch, got otherwise in row {b}",
        )


def empty_batch(case: _Case) -> None:
    """No pages have no outcome."""
    none = case.truth(case.grades()[:0])
    p = case.user.probabilities(none)
    outcome = case.user.sample(none, np.zeros((0, case.n_places, 3)))
    require(
        len(p.click) == 0 and all(len(getattr(outcome, key)) == 0 for key in _COLUMNS),
        f"`{case.name}` must return nothing for no pages, got rows",
    )


def arguments_are_left_alone(case: _Case) -> None:
    """Neither closed forms nor samples write into what was given."""
    grades = case.grades()
    truth, u = case.truth(grades), np.random.default_rng(16).random((*grades.shape, 3))
    untouched = copies(truth, u)
    case.user.probabilities(truth)
    case.user.sample(truth, u)
    require(untouched(), f"`{case.name}` must not write into its arguments: copy what it changes")


def samples_match(case: _Case) -> None:
    """Clicks and satisfied clicks come as often as the closed forms say: exact binomial tests."""
    grades = case.grades()
    p = case.user.probabilities(case.truth(grades))
    keys = ("click", "satisfied")
    counts: dict[str, Int64] = {key: np.zeros(grades.shape, np.int64) for key in keys}
    pages: dict[str, Int64] = {f"any_{key}": np.zeros(len(grades), np.int64) for key in keys}
    for part in range(10):
        outcome = case.sample(np.repeat(grades, _SAMPLES // 10, axis=0), seed=100 + part)
        for key, total in counts.items():
            hit: Bool = getattr(outcome, key).reshape(len(grades), -1, case.n_places)
            total += hit.sum(axis=1)
            pages[f"any_{key}"] += hit.any(axis=2).sum(axis=1)
    counts.update({key: n for key, n in pages.items() if hasattr(p, key)})
    n_tests = sum(n.size for n in counts.values())
    for key, count in counts.items():
        chance = _two_sided(count, np.clip(getattr(p, key), 0.0, 1.0))
        at = np.unravel_index(int(chance.argmin()), chance.shape)
        require(
            chance[at] > _FALSE_ALARM / n_tests,
            f"`{case.name}.probabilities(...).{key}` must be the share of {_SAMPLES} samples, got "
            f"{count[at] / _SAMPLES:.4f} instead of {getattr(p, key)[at]:.4f}",
        )


def _two_sided(count: Int64, p: Float64) -> Float64:
    """Return the chance of counts as far out as these among `_SAMPLES`, were ``p`` true."""
    from scipy.special import bdtr, bdtrc  # loads scipy, which `import ltrr` needs not

    certain = (p <= 0.0) | (p >= 1.0)
    inner = np.where(certain, 0.5, p)
    below = bdtr(count.astype(np.float64), _SAMPLES, inner)
    above = np.where(count > 0, bdtrc(np.maximum(count - 1.0, 0.0), _SAMPLES, inner), 1.0)
    tail = np.minimum(1.0, 2.0 * np.minimum(below, above))
    return np.asarray(np.where(certain, count == _SAMPLES * p, tail), np.float64)


USER_MODEL_CHECKS: Sequence[Callable[[_Case], None]] = (
    follows_protocol,
    arguments_are_left_alone,
    probabilities_are_probabilities,
    empty_places_are_never_clicked,
    satisfied_implies_click,
    uniforms_decide_everything,
    empty_batch,
    samples_match,
)
"""The checks, in the order in which they are run."""


def check_user_model(
    user: Any, *, max_grade: int = 4, n_places: int = 10, skip: Mapping[str, str] | None = None
) -> None:
    """Check that a user model keeps `ltrr.protocols.UserModel`.

    Closed forms must have ``click`` and ``satisfied`` (B, K); ``any_click`` and ``any_satisfied`` (B,) are
    judged where there are any.

    Parameters
    ----------
    user : UserModel
    max_grade : int in [1, 127]
        Highest grade of the pages.
    n_places : int >= 2
        Places a page.
    skip : mapping of check to reason, optional
        Checks of `USER_MODEL_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``skip`` names no check or gives no reason.

    Examples
    --------
    >>> from ltrr.users import DBN
    >>> check_user_model(DBN())
    """
    top = _check.integer("max_grade", max_grade, low=1, high=127)
    run(USER_MODEL_CHECKS, _Case(user, top, _check.integer("n_places", n_places, low=2)), skip)
