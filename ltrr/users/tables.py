"""What every user model reduces to: one table of probabilities, served by one set of kernels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ltrr import _check
from ltrr._kernels import users as kernels
from ltrr.errors import InputError
from ltrr.protocols import UserModel
from ltrr.types import Bool, Float64, Int8, Truth

__all__ = ["Outcome", "PageProbabilities", "TableUser", "UserTables", "pages_of", "tables_of"]


@dataclass(frozen=True)
class UserTables:
    """A user model for pages of K places and G grades.

    Parameters
    ----------
    independent : bool
        True where each place is examined independently of the others (position-based); False for a chain:
        the first place is examined, each next one with the probability that the place above allows.
    table : float64 (6, K, G), in [0, 1]
        Rows, by place and grade: P(examined) where independent; P(click | examined); P(satisfied | click);
        P(continue | examined, no click); P(continue | click, not satisfied); P(continue | click, satisfied).
        Rows without meaning for the kind of model hold ones.

    Raises
    ------
    InputError
        If the table has another shape or holds what is not a probability.

    Examples
    --------
    Two places, grades 0 and 1: the second place is examined half the time, and only grade 1 is clicked.

    >>> tables = UserTables.positions([1.0, 0.5], attract=np.array([0.0, 1.0]), satisfy=np.array([0.0, 1.0]))
    >>> tables.independent, tables.table.shape
    (True, (6, 2, 2))
    """

    independent: bool
    table: Float64

    def __post_init__(self) -> None:
        table = _check.array("UserTables.table", self.table, np.float64, (6, None, None))
        if not bool(((table >= 0.0) & (table <= 1.0)).all()):
            raise InputError("`UserTables.table` must hold probabilities in [0, 1]")
        object.__setattr__(self, "table", table)

    @staticmethod
    def positions(examine: ArrayLike, *, attract: Float64, satisfy: Float64) -> UserTables:
        """Return independent places: ``examine`` (K,) by place, ``attract``, ``satisfy`` (G,) by grade."""
        gamma = np.asarray(examine, np.float64)
        table = np.ones((6, len(gamma), len(attract)))
        table[kernels.EXAMINE] = gamma[:, None]
        table[kernels.ATTRACT], table[kernels.SATISFY] = attract, satisfy
        return UserTables(True, table)

    @staticmethod
    def chain(
        k: int,
        *,
        attract: Float64,
        satisfy: Float64,
        go_skip: ArrayLike,
        go_click: ArrayLike,
        go_satisfied: ArrayLike,
    ) -> UserTables:
        """Return a chain of ``k`` places from probabilities by grade, (G,) each or one number for all."""
        table = np.ones((6, k, len(attract)))
        table[kernels.ATTRACT], table[kernels.SATISFY] = attract, satisfy
        table[kernels.GO_SKIP], table[kernels.GO_CLICK] = go_skip, go_click
        table[kernels.GO_SATISFIED] = go_satisfied
        return UserTables(False, table)


@dataclass(frozen=True)
class PageProbabilities:
    """Closed-form probabilities of B pages of K places; 0 at empty places.

    Parameters
    ----------
    examined, click, satisfied : float64 (B, K)
        Marginals of each place.
    any_click, any_satisfied : float64 (B,)
        P(at least one click) and P(at least one satisfied click) on the page.

    Examples
    --------
    >>> from ltrr.users import PBM
    >>> page = Truth(
    ...     indptr=[0, 2], item=[4, 7], grade=[0, 1], judged=[True, True], n_relevant=[1], ideal=[[1, 0]],
    ...     topic=[0], max_grade=1,
    ... )
    >>> found = PBM(examination="power", epsilon=0.2).probabilities(page)
    >>> found.examined.tolist(), found.click.tolist(), found.any_click.round(2).tolist()
    ([[1.0, 0.5]], [[0.2, 0.5]], [0.6])
    """

    examined: Float64
    click: Float64
    satisfied: Float64
    any_click: Float64
    any_satisfied: Float64


@dataclass(frozen=True)
class Outcome:
    """What one user a page did (a `ltrr.protocols.PageOutcome`).

    Parameters
    ----------
    click, satisfied : bool (B, K)
        Satisfied places are among the clicked.
    abandoned : bool (B,)
        True where nothing was clicked.

    Examples
    --------
    >>> click = np.array([[False, True], [False, False]])
    >>> outcome = Outcome(click, satisfied=click, abandoned=~click.any(axis=1))
    >>> outcome.abandoned.tolist()
    [False, True]
    """

    click: Bool
    satisfied: Bool
    abandoned: Bool


class TableUser(ABC):
    """A user model (`ltrr.protocols.UserModel`) that its tables describe in full.

    Examples
    --------
    A user of one's own who looks at the first place only, and clicks whatever is relevant there.

    >>> class FirstPlace(TableUser):
    ...     def tables(self, k, max_grade):
    ...         relevant = (np.arange(max_grade + 1) > 0).astype(float)
    ...         return UserTables.positions(np.arange(k) == 0, attract=relevant, satisfy=relevant)
    >>> page = Truth(
    ...     indptr=[0, 2], item=[4, 7], grade=[1, 1], judged=[True, True], n_relevant=[2], ideal=[[1, 1]],
    ...     topic=[0], max_grade=1,
    ... )
    >>> FirstPlace().sample(page, np.full((1, 2, 3), 0.5)).click.tolist()
    [[True, False]]
    """

    @abstractmethod
    def tables(self, k: int, max_grade: int) -> UserTables:
        """Return the tables for pages of ``k`` places in a world of grades 0 … ``max_grade``."""

    def probabilities(self, truth: Truth) -> PageProbabilities:
        """Return the closed-form probabilities of pages.

        Parameters
        ----------
        truth : Truth
            Of pages: as many places for each request, empty ones (grade −1) at the end.

        Raises
        ------
        InputError
            If the truth is not that of pages.
        """
        grades, tables = self._of(truth)
        examined, click, satisfied = (np.zeros(grades.shape) for _ in range(3))
        kernels.page_probabilities(grades, tables.table, tables.independent, examined, click, satisfied)
        any_click, any_satisfied = np.empty(len(grades)), np.empty(len(grades))
        kernels.page_values(grades, tables.table, tables.independent, kernels.CLICK, any_click)
        kernels.page_values(grades, tables.table, tables.independent, kernels.SATISFIED, any_satisfied)
        return PageProbabilities(examined, click, satisfied, any_click, any_satisfied)

    def sample(self, truth: Truth, u: Float64) -> Outcome:
        """Return one user's behaviour on each page.

        Examination is drawn, place by place, and never carried as a probability, so that clicks of one page
        depend on each other as the model says.

        Parameters
        ----------
        truth : Truth
            Of pages, as for `probabilities`.
        u : float64 (B, K, 3), in [0, 1)
            Uniforms of attraction, satisfaction, and continuation (examination where places are
            independent).

        Raises
        ------
        InputError
            If the truth is not that of pages or ``u`` has another shape.
        """
        grades, tables = self._of(truth)
        # an empty batch does not know its number of places: the uniforms do
        n, k = grades.shape
        u = _check.array(f"{type(self).__name__}.sample u", u, np.float64, (n, k if n else None, 3))
        click, satisfied = np.zeros(u.shape[:2], np.bool_), np.zeros(u.shape[:2], np.bool_)
        kernels.sample_pages(grades, tables.table, tables.independent, u, click, satisfied)
        return Outcome(click, satisfied, np.asarray(~click.any(axis=1)))

    def conditional(self, truth: Truth, click: Bool) -> Float64:
        """Return P(click at k | clicks above k), float64 (B, K): the factors of a page's click likelihood.

        Parameters
        ----------
        truth : Truth
            Of pages, as for `probabilities`.
        click : bool (B, K)
            Observed clicks; satisfaction is unseen. A click that the model calls impossible has
            probability 0, and the places below are judged as after a click.

        Raises
        ------
        InputError
            If the truth is not that of pages or ``click`` has another shape.
        """
        grades, tables = self._of(truth)
        seen = _check.array(f"{type(self).__name__}.conditional click", click, np.bool_, grades.shape)
        out = np.zeros(grades.shape)
        kernels.conditional_clicks(grades, tables.table, tables.independent, seen, out)
        return out

    def _of(self, truth: Truth) -> tuple[Int8, UserTables]:
        grades = pages_of(truth)
        return grades, tables_of(self, grades.shape[1], truth.max_grade)


def tables_of(user: UserModel, k: int, max_grade: int) -> UserTables:
    """Return ``user.tables(k, max_grade)``, made once for a user that is frozen.

    Examples
    --------
    >>> from ltrr.users import PBM
    >>> user = PBM()
    >>> tables_of(user, 10, 4) is tables_of(user, 10, 4)
    True
    """
    frozen = getattr(getattr(type(user), "__dataclass_params__", None), "frozen", False)
    if not frozen:
        made: UserTables = user.tables(k, max_grade)
        return made
    kept: dict[tuple[int, int], UserTables] = user.__dict__.setdefault("_made", {})
    if (k, max_grade) not in kept:
        kept[k, max_grade] = user.tables(k, max_grade)
    return kept[k, max_grade]


def pages_of(truth: Truth) -> Int8:
    """Return the grades (B, K) of pages, having checked that they are pages.

    Raises
    ------
    InputError
        If requests have different numbers of places, a grade is out of range, or an empty place is above a
        filled one.

    Examples
    --------
    >>> page = Truth(
    ...     indptr=[0, 2], item=[4, -1], grade=[1, -1], judged=[True, False], n_relevant=[1], ideal=[[1, 0]],
    ...     topic=[0], max_grade=1,
    ... )
    >>> pages_of(page).tolist()
    [[1, -1]]
    """
    places = truth.indptr[1:] - truth.indptr[:-1]
    if len(places) > 1 and int(places.min()) != int(places.max()):
        raise InputError(
            f"`truth` must hold as many places for each request, got {places.min()} to {places.max()}; "
            "ask the world about `Page.items`"
        )
    grades = truth.rectangle()
    if kernels.pages_fit(grades, truth.max_grade):
        return grades
    if not (int(grades.min()) >= -1 and int(grades.max()) <= truth.max_grade):
        raise InputError(
            f"`truth.grade` must lie in [-1, {truth.max_grade}], got {grades.min()} to {grades.max()}"
        )
    raise InputError("`truth` must have its empty places at the end of each page, got a gap")
