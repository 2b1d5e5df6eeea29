"""Users who read a page from the top: closed forms and samples, all from one table of six rows.

Rows of ``table`` (6, K, G) by place k and grade g:

* ``EXAMINE`` γ: P(place examined), used only where examination is independent across places;
* ``ATTRACT`` a: P(click | examined);
* ``SATISFY`` σ: P(satisfied | click);
* ``GO_SKIP``, ``GO_CLICK``, ``GO_SATISFIED``: P(next place examined | this one examined and not clicked;
  clicked without satisfaction; clicked with satisfaction), used only in a chain, where the first place is
  always examined.

Grade −1 ends a page: nothing there or below is examined. Grades are trusted to lie below G.
"""

# ruff: noqa: FBT001 (compiled functions are called by position)

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Bool, Float64, Int8

__all__ = [
    "ATTRACT",
    "CLICK",
    "CLICKS",
    "DCG",
    "EXAMINE",
    "GO_CLICK",
    "GO_SATISFIED",
    "GO_SKIP",
    "SATISFIED",
    "SATISFY",
    "conditional_clicks",
    "filled_places",
    "pages_fit",
    "page_probabilities",
    "page_value",
    "page_values",
    "sample_pages",
]

EXAMINE, ATTRACT, SATISFY, GO_SKIP, GO_CLICK, GO_SATISFIED = 0, 1, 2, 3, 4, 5
SATISFIED, CLICK, CLICKS, DCG = 0, 1, 2, 3


@kernel
def filled_places(grades: Int8) -> int:
    """Return the number of places (K,) before the first empty one.

    Parameters
    ----------
    grades : int8 (K,)
        Grades of a page, −1 for empty places.
    """
    n = 0
    while n < len(grades) and grades[n] >= 0:
        n += 1
    return n


@kernel
def _any_value(grades: Int8, n: int, table: Float64, independent: bool, kind: int) -> float:
    """Return P(at least one satisfied click), or P(at least one click) for kind ``CLICK``."""
    # to the first click, every click counts as the end: as if each satisfied
    none = 1.0
    got = 0.0
    for k in range(n):
        g = grades[k]
        a = table[ATTRACT, k, g]
        s = table[SATISFY, k, g] if kind == SATISFIED else 1.0
        # Places do not depend on one another, so that the chance of nothing is a product.
        if independent:
            none *= 1.0 - table[EXAMINE, k, g] * a * s
        else:
            # none: P(this place is examined and nothing has counted so far)
            got += none * a * s
            none *= (1.0 - a) * table[GO_SKIP, k, g] + a * (1.0 - s) * table[GO_CLICK, k, g]
    return 1.0 - none if independent else got


@kernel
def _go(table: Float64, k: int, g: int) -> float:
    """Return P(next place examined | this one examined)."""
    a, s = table[ATTRACT, k, g], table[SATISFY, k, g]
    clicked = (1.0 - s) * table[GO_CLICK, k, g] + s * table[GO_SATISFIED, k, g]
    return float((1.0 - a) * table[GO_SKIP, k, g] + a * clicked)


@kernel
def _summed_value(grades: Int8, n: int, table: Float64, independent: bool, kind: int) -> float:
    """Return the expected sum of clicks over all K places, each weighted, over the sum of the weights."""
    examined = 1.0
    got = 0.0
    total = 0.0
    # Over all K places, filled or not: a short page is not worth more for being short.
    for k in range(table.shape[1]):
        weight = 1.0 / np.log2(k + 2.0) if kind == DCG else 1.0
        total += weight
        if k < n:
            g = grades[k]
            if independent:
                got += weight * table[EXAMINE, k, g] * table[ATTRACT, k, g]
            else:
                got += weight * examined * table[ATTRACT, k, g]
                examined *= _go(table, k, g)
    return got / total if total > 0.0 else 0.0


@kernel
def page_value(grades: Int8, n: int, table: Float64, independent: bool, kind: int) -> float:
    """Return the expected gross reward of one page, in [0, 1]; allocates nothing.

    ``grades`` (K,) holds ``n`` filled places first; ``kind`` is ``SATISFIED`` P(a satisfied click),
    ``CLICK`` P(a click), ``CLICKS`` E[clicks] / K, ``DCG`` E[Σ click_k / log2(k + 2)] / Σ 1 / log2(k + 2),
    k from 0 and both sums over the table's K places.

    Parameters
    ----------
    grades : int8 (K,)
        Grades of a page, from 0 in its filled places.
    n : int
        Filled places, at most K.
    table : float64 (6, K, G)
        The user model, see the module.
    independent : bool
        Whether places are examined independently of one another; a chain if not.
    kind : int
        `SATISFIED`, `CLICK`, `CLICKS` or `DCG`.
    """
    if kind in (SATISFIED, CLICK):
        return _any_value(grades, n, table, independent, kind)
    return _summed_value(grades, n, table, independent, kind)


@kernel
def page_values(grades: Int8, table: Float64, independent: bool, kind: int, out: Float64) -> None:
    """Fill ``out`` (B,) with `page_value` of each page (B, K).

    Parameters
    ----------
    grades : int8 (B, K)
        Grades of pages, −1 for empty places at the end.
    table : float64 (6, K, G)
        The user model, see the module.
    independent : bool
        Whether places are examined independently of one another; a chain if not.
    kind : int
        As in `page_value`.
    out : float64 (B,)
        Filled.
    """
    for b in range(len(grades)):
        out[b] = page_value(grades[b], filled_places(grades[b]), table, independent, kind)


@kernel
def page_probabilities(
    grades: Int8, table: Float64, independent: bool, examined: Float64, click: Float64, satisfied: Float64
) -> None:
    """Fill P(examined), P(click) and P(satisfied) of each place (B, K); empty places are left as they are.

    Parameters
    ----------
    grades : int8 (B, K)
        Grades of pages, −1 for empty places at the end.
    table : float64 (6, K, G)
        The user model, see the module.
    independent : bool
        Whether places are examined independently of one another; a chain if not.
    examined, click, satisfied : float64 (B, K)
        Filled.
    """
    for b in range(len(grades)):
        e = 1.0
        for k in range(filled_places(grades[b])):
            g = grades[b, k]
            if independent:
                e = table[EXAMINE, k, g]
            examined[b, k] = e
            click[b, k] = e * table[ATTRACT, k, g]
            satisfied[b, k] = click[b, k] * table[SATISFY, k, g]
            # Without effect where places are independent: the next place sets it anew.
            e *= _go(table, k, g)


@kernel
def conditional_clicks(grades: Int8, table: Float64, independent: bool, click: Bool, out: Float64) -> None:
    """Fill ``out`` (B, K) with P(click at k | clicks above k), satisfaction unseen.

    A click shows that its place was examined, so it resets the belief; a skip is weighed by Bayes' rule.
    After an impossible skip (click certain, none seen) nothing below is examined.

    Parameters
    ----------
    grades : int8 (B, K)
        Grades of pages, −1 for empty places at the end.
    table : float64 (6, K, G)
        The user model, see the module.
    independent : bool
        Whether places are examined independently of one another; a chain if not.
    click : bool (B, K)
        Where the user clicked.
    out : float64 (B, K)
        Filled; empty places are left as they are.
    """
    for b in range(len(grades)):
        e = 1.0
        for k in range(filled_places(grades[b])):
            g = grades[b, k]
            a, s = table[ATTRACT, k, g], table[SATISFY, k, g]
            if independent:
                e = table[EXAMINE, k, g]
            p = e * a
            out[b, k] = p
            if click[b, k]:
                e = (1.0 - s) * table[GO_CLICK, k, g] + s * table[GO_SATISFIED, k, g]
            # Bayes: P(examined | no click) = e (1 − a) / (1 − e a). At p = 1 that would be 0 / 0.
            elif p < 1.0:
                e = e * (1.0 - a) / (1.0 - p) * table[GO_SKIP, k, g]
            else:
                e = 0.0


@kernel
def sample_pages(
    grades: Int8, table: Float64, independent: bool, u: Float64, click: Bool, satisfied: Bool
) -> None:
    """Set True in ``click`` and ``satisfied`` (B, K, given as False) what one user a page did.

    ``u`` (B, K, 3) in [0, 1) decides attraction, satisfaction, and continuation (examination where
    independent). Examination is a drawn state: a click below an unexamined place of a chain is impossible.

    Parameters
    ----------
    grades : int8 (B, K)
        Grades of pages, −1 for empty places at the end.
    table : float64 (6, K, G)
        The user model, see the module.
    independent : bool
        Whether places are examined independently of one another; a chain if not.
    u : float64 (B, K, 3)
        Uniform draws.
    click, satisfied : bool (B, K)
        Changed.
    """
    for b in range(len(grades)):
        for k in range(filled_places(grades[b])):
            g = grades[b, k]
            if independent and u[b, k, 2] >= table[EXAMINE, k, g]:
                continue
            clicked = u[b, k, 0] < table[ATTRACT, k, g]
            content = clicked and u[b, k, 1] < table[SATISFY, k, g]
            click[b, k] = clicked
            satisfied[b, k] = content
            if not independent:
                row = GO_SATISFIED if content else (GO_CLICK if clicked else GO_SKIP)
                # With u in [0, 1) and a strict comparison, 0 means never and 1 always.
                if u[b, k, 2] >= table[row, k, g]:
                    break


@kernel
def pages_fit(grades: Int8, max_grade: int) -> bool:
    """Say whether all grades (B, K) lie in [−1, ``max_grade``] and empty places (−1) end their page."""
    for b in range(grades.shape[0]):
        for k in range(grades.shape[1]):
            grade = grades[b, k]
            if not -1 <= grade <= max_grade or (k > 0 and grade >= 0 and grades[b, k - 1] < 0):
                return False
    return True
