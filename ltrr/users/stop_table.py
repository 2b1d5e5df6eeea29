"""The cascade with a stop table: click and stop probabilities by grade, as in online learning to rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr.errors import InputError
from ltrr.types import Float64
from ltrr.users.graded import fractions, satisfaction_by_grade
from ltrr.users.tables import TableUser, UserTables

__all__ = ["StopTable"]


@dataclass(frozen=True, kw_only=True)
class StopTable(TableUser):
    """Users who read from the top and, after a click, stop with a probability that depends on the grade.

    P(C_k = 1) = a_k ε_k, ε_1 = 1, ε_{k+1} = ε_k (1 − a_k s_k), with a = P(click | grade) and
    s = P(stop | click, grade).

    Stopping does not imply satisfaction here: the published "perfect" user clicks every good item and never
    stops, and would never be satisfied if the two were one. Whether a click satisfies is drawn separately,
    with P(satisfied | click, grade).

    Parameters
    ----------
    click, stop : tuple of tuples of float in [0, 1]
        P(click | grade) and P(stop | click, grade): one row for each number of grades, for instance a row of
        5, one of 3 and one of 2. A world takes the row of its own number of grades. Where there is none, the
        longest row is interpolated linearly: with 5 values and grades 0 … 3, at grade·4/3.
    satisfaction : tuple of float in [0, 1], one a grade from 0, optional
        P(satisfied | click, grade); by default (2^y − 1) / (2^max_grade − 1).

    Raises
    ------
    InputError
        If the rows of ``click`` and ``stop`` do not pair up or a value is out of range.

    References
    ----------
    Guo, Liu, Wang, "Efficient multiple-click models in web search", WSDM 2009, section 3 (the dependent click
    model, with stopping by grade instead of rank); Hofmann, "Fast and reliable online learning to rank for
    information retrieval", PhD thesis, 2013, section 3.3 (its use and its tables).

    Examples
    --------
    >>> user = StopTable(click=((0.0, 0.5, 1.0),), stop=((0.2, 0.5, 0.9),))
    >>> user.by_grade(user.click, 4).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """

    click: tuple[tuple[float, ...], ...]
    stop: tuple[tuple[float, ...], ...]
    satisfaction: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for key in ("click", "stop"):
            rows = tuple(fractions(f"StopTable.{key}[{i}]", row) for i, row in enumerate(getattr(self, key)))
            object.__setattr__(self, key, rows)
        lengths = [len(row) for row in self.click]
        if not lengths or len(set(lengths)) < len(lengths):
            raise InputError(f"`StopTable.click` must hold rows of different lengths, got {lengths}")
        if lengths != [len(row) for row in self.stop]:
            raise InputError("`StopTable.stop` must hold as many rows, each as long, as `StopTable.click`")
        if self.satisfaction is not None:
            values = fractions("StopTable.satisfaction", self.satisfaction)
            object.__setattr__(self, "satisfaction", values)

    @staticmethod
    def by_grade(rows: tuple[tuple[float, ...], ...], max_grade: int) -> Float64:
        """Return the row of ``max_grade`` + 1 values, or the longest one interpolated to that length."""
        row = next((row for row in rows if len(row) == max_grade + 1), max(rows, key=len))
        at = np.arange(max_grade + 1) * (len(row) - 1) / max_grade
        return np.asarray(np.interp(at, np.arange(len(row)), row), np.float64)

    def tables(self, k: int, max_grade: int) -> UserTables:
        """Return the tables for pages of ``k`` places in a world of grades 0 … ``max_grade``."""
        satisfy = satisfaction_by_grade("StopTable.satisfaction", self.satisfaction, max_grade)
        go = 1.0 - self.by_grade(self.stop, max_grade)
        attract = self.by_grade(self.click, max_grade)
        return UserTables.chain(
            k, attract=attract, satisfy=satisfy, go_skip=1.0, go_click=go, go_satisfied=go
        )
