"""Grades: scores of a judgement file as few whole numbers, which user models and gains are made for."""

from __future__ import annotations

import numpy as np

from ltrr.types import Float64, Int8

__all__ = ["MOST_GRADES", "grades_of"]

MOST_GRADES = 10
"""The highest grade; a user's gain 2^grade makes the lowest of so many worth 1/1000 of the highest."""


def grades_of(score: Float64) -> tuple[Int8, tuple[str, ...]]:
    """Return scores as grades 0, 1, 2…, and notes on what is not the score itself.

    Scores below 0 count as 0. Whole numbers up to 10 are the grades. Of fractions and higher
    numbers only the order counts: the distinct scores above 0 become grades from 1 by rank, neighbours
    sharing a grade where there are more than 10.

    Parameters
    ----------
    score : float64 (J,)

    Examples
    --------
    >>> grades_of(np.array([1.0, 0.0, 3.0, -2.0]))
    (array([1, 0, 3, 0], dtype=int8), ('1 scores below 0 count as 0',))
    >>> grades_of(np.array([0.5, 127.0, 0.0, 1.0]))[0].tolist()
    [1, 3, 0, 2]
    """
    below = int((score < 0.0).sum())
    notes = (f"{below} scores below 0 count as 0",) if below else ()
    score = np.maximum(score, 0.0)
    levels = np.unique(score[score > 0.0])
    if len(levels) == 0 or (levels[-1] <= MOST_GRADES and bool((levels % 1.0 == 0.0).all())):
        return score.astype(np.int8), notes
    top = min(len(levels), MOST_GRADES)
    rank = np.searchsorted(levels, score, side="right")  # 0 for a score of 0
    grade = -(-rank * top // len(levels))
    spread = f"the {len(levels)} distinct scores above 0, {levels[0]:g} to {levels[-1]:g}"
    return grade.astype(np.int8), (*notes, f"{spread}, are read as grades 1 to {top} in their order")
