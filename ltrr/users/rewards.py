"""Rewards: what a page earned, what each shown item earned of it, and what it cost."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from itertools import combinations_with_replacement, permutations

import numpy as np
from numpy.typing import ArrayLike

from ltrr import _check
from ltrr._kernels.users import CLICK, CLICKS, DCG, SATISFIED, page_values
from ltrr.protocols import UserModel
from ltrr.types import Bool, Float64, Int8, Truth
from ltrr.users.tables import UserTables, pages_of, tables_of

__all__ = ["Reward", "grade_order_is_best"]

_GRADES_TRIED = 12

_CODES = {"satisfied": SATISFIED, "click": CLICK, "clicks": CLICKS, "dcg": DCG}


@dataclass(frozen=True)
class Reward:
    """The gross reward of a page, in [0, 1], and the costs that are subtracted.

    * ``satisfied``: 1 if any click satisfied;
    * ``click``: 1 if anything was clicked;
    * ``clicks``: Σ_k click_k / K;
    * ``dcg``: Σ_k click_k w_k / Σ_k w_k, w_k = 1 / log2(k + 2), k from 0.

    K counts all places of the page, empty ones included.

    Parameters
    ----------
    signal : {"satisfied", "click", "clicks", "dcg"}
    arm_cost : float >= 0
        Cost of each arm that was called, in units of reward.
    candidate_cost : float >= 0
        Cost of each candidate that was retrieved, in units of reward.
    preview_cost : float >= 0
        Cost of each arm's preview, in units of reward; for policies that use evidence.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> click = np.array([[True, False, True]])
    >>> reward, value = Reward("click").observed(click, np.zeros_like(click))
    >>> reward.tolist(), value.tolist()
    ([1.0], [[0.5, 0.0, 0.5]])
    """

    signal: str = "satisfied"
    _: KW_ONLY
    arm_cost: float = 0.0
    candidate_cost: float = 0.0
    preview_cost: float = 0.0

    def __post_init__(self) -> None:
        _check.choice("Reward.signal", self.signal, tuple(_CODES))
        _check.number("Reward.arm_cost", self.arm_cost, low=0.0)
        _check.number("Reward.candidate_cost", self.candidate_cost, low=0.0)
        _check.number("Reward.preview_cost", self.preview_cost, low=0.0)

    @property
    def code(self) -> int:
        """The signal's number in the kernels."""
        return _CODES[self.signal]

    def expected(self, user: UserModel, truth: Truth) -> Float64:
        """Return the expected gross reward of each page under ``user``, in closed form, (B,).

        Parameters
        ----------
        user : UserModel
        truth : Truth
            Of pages: as many places for each request, empty ones (grade −1) at the end.

        Raises
        ------
        InputError
            If the truth is not that of pages.
        """
        grades = pages_of(truth)
        return self._values(grades, tables_of(user, grades.shape[1], truth.max_grade))

    def observed(self, click: Bool, satisfied: Bool) -> tuple[Float64, Float64]:
        """Return the gross reward (B,) and the share of it that each place earned (B, K).

        Shares add up to the reward; a reward of 1 for any (satisfied) click is split evenly over all of them.

        Parameters
        ----------
        click, satisfied : bool (B, K)
            What the user did.

        Raises
        ------
        InputError
            If the two differ in shape.
        """
        click = _check.array("Reward.observed click", click, np.bool_, (None, None))
        satisfied = _check.array("Reward.observed satisfied", satisfied, np.bool_, click.shape)
        k = click.shape[1]
        if self.signal in ("satisfied", "click"):
            counted = satisfied if self.signal == "satisfied" else click
            number = counted.sum(axis=1)
            return (number > 0).astype(np.float64), counted / np.maximum(number, 1)[:, None]
        weight = np.ones(k) if self.signal == "clicks" else 1.0 / np.log2(np.arange(k) + 2.0)
        value = click * (weight / max(float(weight.sum()), 1e-300))
        return value.sum(axis=1), value

    def cost(self, n_calls: ArrayLike, n_candidates: ArrayLike, n_previews: int = 0) -> Float64:
        """Return what called arms (B,), candidates (B,), and previews of each request cost, (B,)."""
        calls = _check.array("Reward.cost n_calls", n_calls, np.float64, (None,))
        candidates = _check.array("Reward.cost n_candidates", n_candidates, np.float64, calls.shape)
        return np.asarray(
            self.arm_cost * calls + self.candidate_cost * candidates + self.preview_cost * n_previews
        )

    def _values(self, grades: Int8, tables: UserTables) -> Float64:
        out = np.empty(len(grades))
        page_values(grades, tables.table, tables.independent, self.code, out)
        return out


def grade_order_is_best(user: UserModel, reward: Reward, max_grade: int) -> bool:
    """Say whether showing higher grades first earns the most, by trying every order of pages of 4.

    With up to 12 grades these are all pages; with more, those of 12 grades spread evenly and those of any 4
    grades in a row, since the number of all grows with the fourth power.

    Where False, an ideal that sorts by grade is no upper bound: for instance a user who stops after good
    clicks makes *more* clicks on a page that keeps its best item for last. True is evidence from pages of 4
    places, not a proof for longer ones.

    Parameters
    ----------
    user : UserModel
    reward : Reward
        Gross; costs do not depend on the order.
    max_grade : int >= 1

    Examples
    --------
    >>> from ltrr.users.registry import USERS
    >>> user = USERS.make("navigational", {}, "user")
    >>> grade_order_is_best(user, Reward("satisfied"), 4), grade_order_is_best(user, Reward("clicks"), 4)
    (True, False)
    """
    orders = np.array(list(permutations(range(4))))
    tables = user.tables(4, max_grade)
    some = np.unique(np.linspace(0, max_grade, min(max_grade + 1, _GRADES_TRIED)).astype(int))[::-1]
    row = np.arange(max_grade, 2, -1)[:, None] - np.arange(4)
    multisets = np.concatenate([list(combinations_with_replacement(some, 4)), row]).astype(np.int8)
    # the first permutation is the identity, and the multisets are written in descending order
    pages = np.ascontiguousarray(multisets[:, orders].reshape(-1, 4))
    values = reward._values(pages, tables).reshape(len(multisets), len(orders))
    return bool((values[:, 0] >= values.max(axis=1) - 1e-12).all())
