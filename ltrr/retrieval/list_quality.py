"""How good lists are for requests whose relevant or clicked items are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr._kernels.ranking_metrics import dcg
from ltrr._kernels.truth import grade_items
from ltrr.errors import InputError
from ltrr.types import Candidates, Float64, Int8, Int64, Items
from ltrr.types.ragged import row_of

__all__ = ["ListQuality"]


@dataclass(frozen=True)
class ListQuality:
    """The mean nDCG of lists, linear in the grades, as `ltrr.metrics.ndcg` defines it.

    Parameters
    ----------
    relevant : Items
        Relevant or clicked items of each request, distinct; requests without any do not count.
    grades : int8 (N,), optional
        Grade >= 0 of each of them; all 1 if None.
    depth : int >= 1
        Places that count.

    Raises
    ------
    InputError
        If no request has a relevant item, one has an item twice, or an argument is out of range.

    Examples
    --------
    The relevant item is third: 1 / log2(4).

    >>> quality = ListQuality(Items(np.array([0, 1]), np.array([7])))
    >>> quality.mean(Candidates.from_lists([[4, 5, 7]], depth=[3]))
    0.5
    """

    relevant: Items
    grades: Int8 | None = None
    depth: int = 10

    def __post_init__(self) -> None:
        item = self.relevant.item
        given = np.ones(len(item), np.int8) if self.grades is None else self.grades
        grades = _check.array("grades", given, np.int8, (len(item),))
        _check.integer("depth", self.depth, low=1)
        if (grades < 0).any():
            raise InputError(f"`grades` must be >= 0, got {int(grades.min())}")
        grades = np.where(item >= 0, grades, np.int8(0))
        if not grades.any():
            raise InputError("`relevant` must hold at least one item with a grade above 0, got none")
        row = row_of(self.relevant.indptr)
        order = np.lexsort((item, row))  # grades are found by binary search
        item, row = item[order], row[order]
        if ((item[1:] == item[:-1]) & (row[1:] == row[:-1]) & (item[1:] >= 0)).any():
            raise InputError("`relevant` must not hold an item twice for one request")
        object.__setattr__(self, "relevant", Items(self.relevant.indptr, item))
        object.__setattr__(self, "grades", grades[order])

    def mean(self, found: Candidates) -> float:
        """Return the mean over the requests that have relevant items."""
        grades = np.asarray(self.grades)
        grade = np.empty(len(found.item), np.int8)
        grade_items(
            found.indptr,
            found.item,
            np.arange(len(found)),
            self.relevant.indptr,
            self.relevant.item,
            grades,
            grade,
            np.empty(len(grade), np.bool_),
        )
        best = np.lexsort((-grades, row_of(self.relevant.indptr)))
        got, ideal = self._dcg(found.indptr, grade), self._dcg(self.relevant.indptr, grades[best])
        return float((got[ideal > 0.0] / ideal[ideal > 0.0]).mean())

    def _dcg(self, indptr: Int64, grade: Int8) -> Float64:
        """Return the discounted gain (B,) of ragged grades in their order."""
        row = row_of(indptr)
        place = np.arange(len(row)) - indptr[row]
        page = np.full((len(indptr) - 1, self.depth), -1, np.int8)
        kept = place < self.depth
        page[row[kept], place[kept]] = grade[kept]
        out = np.empty(len(page))
        dcg(page, np.arange(128.0), 1.0 / np.log2(np.arange(self.depth) + 2.0), out)
        return out
