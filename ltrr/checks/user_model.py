"""What every user model must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.checks.common import Case
from ltrr.checks.compare import same
from ltrr.protocols import PageOutcome, UserModel
from ltrr.types import Float64, Int8, Int64, Truth

__all__ = ["USER_MODEL_CHECKS", "check_user_model"]

_FALSE_ALARM = 1e-6
_PAGES = 12
_SAMPLES = 20_000
_MARGINALS = ("click", "satisfied")
_COLUMNS = (*_MARGINALS, "abandoned")


@dataclass(frozen=True, kw_only=True)
class _Case(Case):
    """A user model under check, and the pages it reads."""

    max_grade: int
    n_places: int

    call = "check_user_model"
    group = "users"
    protocol = UserModel

    def grades(self) -> Int8:
        """Return pages of mixed grades, the last ones short, one of them empty, (B, K)."""
        rng = np.random.default_rng(13)
        out = rng.integers(0, self.max_grade + 1, (_PAGES, self.n_places)).astype(np.int8)
        out[0], out[1] = 0, self.max_grade
        filled = np.full(_PAGES, self.n_places)
        filled[-4:] = np.linspace(self.n_places - 1, 0, 4).astype(np.int64)
        out[np.arange(self.n_places) >= filled[:, None]] = -1
        return out

    def many(self, times: int = 200) -> Int8:
        return np.repeat(self.grades(), times, axis=0)

    def truth(self, grades: Int8) -> Truth:
        n, k = grades.shape
        item = np.where(grades < 0, -1, np.arange(n * k).reshape(n, k)).reshape(-1)
        return Truth(
            indptr=np.arange(n + 1) * k,
            item=item,
            grade=grades.reshape(-1),
            judged=item >= 0,
            n_relevant=(grades > 0).sum(axis=1),
            ideal=-np.sort(-np.maximum(grades, 0), axis=1),
            topic=np.arange(n),
            max_grade=self.max_grade,
        )

    def marginals(self, grades: Int8) -> Any:
        return self.component.probabilities(self.truth(grades))

    def sample(self, grades: Int8, seed: int = 14) -> PageOutcome:
        u = np.random.default_rng(seed).random((*grades.shape, 3))
        outcome: PageOutcome = self.component.sample(self.truth(grades), u)
        return outcome

    def check_follows_protocol(self) -> None:
        """All members are there, and closed forms and outcomes have the shape of the pages."""
        super().check_follows_protocol()
        grades = self.grades()
        marginals, outcome = self.marginals(grades), self.sample(grades)
        for key in _MARGINALS:
            got = np.asarray(getattr(marginals, key, None)).shape
            self.must(f"probabilities(...).{key}")(got == grades.shape, f"be {grades.shape}, got {got}")
        for key in _COLUMNS:
            value, shape = np.asarray(getattr(outcome, key, None)), grades.shape[: 1 + (key in _MARGINALS)]
            fits = value.shape == shape and value.dtype == np.bool_
            self.must(f"sample(...).{key}")(fits, f"be bool {shape}, got {value.dtype} {value.shape}")

    def check_arguments_are_left_alone(self) -> None:
        """Neither closed forms nor samples write into what was given."""
        grades = self.grades()
        truth, u = self.truth(grades), np.random.default_rng(16).random((*grades.shape, 3))
        with self.left_alone(truth, u):
            self.component.probabilities(truth)
            self.component.sample(truth, u)

    def check_probabilities_are_probabilities(self) -> None:
        """Marginals lie in [0, 1], satisfied clicks are no likelier than clicks, empty places have none."""
        grades = self.grades()
        p = self.marginals(grades)
        for key in _MARGINALS:
            must, value = self.must(f"probabilities(...).{key}"), getattr(p, key)
            inside = (value >= 0.0) & (value <= 1.0 + 1e-12)
            must(inside.all(), f"lie in [0, 1], got {value.min()} to {value.max()}")
            empty = value[grades < 0]
            must(not empty.any(), f"be 0 at empty places, got {empty.max(initial=0.0)}")
        fits = (p.satisfied <= p.click + 1e-12).all()
        self.must("probabilities")(fits, "have no satisfied click likelier than the click, got otherwise")

    def check_empty_places_are_never_clicked(self) -> None:
        """Nobody clicks an empty place."""
        grades = self.many()
        outcome = self.sample(grades)
        clicked = (outcome.click | outcome.satisfied)[grades < 0].any()
        self.must("sample")(not clicked, "never click an empty place (grade -1), got a click")

    def check_satisfied_implies_click(self) -> None:
        """Satisfied places are among the clicked, and abandoned pages are those without a click."""
        outcome, must = self.sample(self.many()), self.must("sample")
        alone = (outcome.satisfied & ~outcome.click).any()
        must(not alone, "satisfy by clicks only, got a satisfied place without one")
        fits = same(outcome.abandoned, ~outcome.click.any(axis=1))
        must(fits, "set `abandoned` exactly where nothing was clicked, got otherwise")

    def check_uniforms_decide_everything(self) -> None:
        """Sample again: the same uniforms give the same outcome, to a page alone as in a batch."""
        grades, must = self.many()[:: 200 // 5], self.must("sample")
        u = np.random.default_rng(15).random((*grades.shape, 3))
        first, again = (self.component.sample(self.truth(grades), u) for _ in range(2))
        alike = all(same(getattr(first, key), getattr(again, key)) for key in _COLUMNS)
        must(alike, "be decided by `u` alone, got another outcome from the same uniforms")
        for b in range(len(grades)):
            alone = self.component.sample(self.truth(grades[b : b + 1]), u[b : b + 1])
            alike = all(same(getattr(alone, key), getattr(first, key)[b : b + 1]) for key in _COLUMNS)
            must(alike, f"not depend on the other pages of the batch, got otherwise in row {b}")

    def check_empty_batch(self) -> None:
        """No pages have no outcome."""
        none = self.grades()[:0]
        p, outcome = self.marginals(none), self.sample(none)
        empty = len(p.click) == 0 and all(len(getattr(outcome, key)) == 0 for key in _COLUMNS)
        self.must()(empty, "return nothing for no pages, got rows")

    def check_samples_match(self) -> None:
        """Clicks and satisfied clicks are as frequent as the closed forms say: exact binomial tests."""
        grades = self.grades()
        p = self.marginals(grades)
        counts: dict[str, Int64] = {key: np.zeros(grades.shape, np.int64) for key in _MARGINALS}
        pages = {f"any_{key}": np.zeros(len(grades), np.int64) for key in _MARGINALS}
        for part in range(10):
            outcome = self.sample(self.many(_SAMPLES // 10), seed=100 + part)
            for key in _MARGINALS:
                hit = getattr(outcome, key).reshape(len(grades), -1, self.n_places)
                counts[key] += hit.sum(axis=1)
                pages[f"any_{key}"] += hit.any(axis=2).sum(axis=1)
        counts.update({key: n for key, n in pages.items() if hasattr(p, key)})
        n_tests = sum(n.size for n in counts.values())
        for key, count in counts.items():
            chance = _two_sided(count, np.clip(getattr(p, key), 0.0, 1.0))
            at = np.unravel_index(int(chance.argmin()), chance.shape)
            self.must(f"probabilities(...).{key}")(
                chance[at] > _FALSE_ALARM / n_tests,
                f"be the share of {_SAMPLES} samples, got {count[at] / _SAMPLES:.4f} instead of "
                f"{getattr(p, key)[at]:.4f}",
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


USER_MODEL_CHECKS = _Case.checks()
"""Names of the checks, in the order in which they run."""


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
        If ``user`` is a class or another kind of object, or ``skip`` names no check or gives no reason.

    Examples
    --------
    >>> from ltrr.users import DBN
    >>> check_user_model(DBN())
    """
    top = _check.integer("max_grade", max_grade, low=1, high=127)
    places = _check.integer("n_places", n_places, low=2)
    _Case(component=user, max_grade=top, n_places=places).run(skip)
