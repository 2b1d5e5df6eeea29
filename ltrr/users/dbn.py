"""Dynamic Bayesian network models: read from the top until satisfied, or until patience ends."""

from __future__ import annotations

from dataclasses import dataclass

from ltrr import _check
from ltrr.users.graded import GradedUser
from ltrr.users.tables import UserTables

__all__ = ["DBN", "SDBN"]


@dataclass(frozen=True, kw_only=True)
class SDBN(GradedUser):
    """Users who read from the top and stop exactly when a click satisfies them.

    P(C_k = 1) = a_k ε_k, ε_1 = 1, ε_{k+1} = ε_k (1 − a_k σ_k).

    Parameters
    ----------
    epsilon, attraction, satisfaction
        As in `GradedUser`.

    References
    ----------
    Chapelle, Zhang, "A dynamic Bayesian network click model for web search ranking", WWW 2009, section 6
    (simplified model, γ = 1).

    Examples
    --------
    P(reads on) after a skip, after a click that does not satisfy, and after one that does:

    >>> SDBN().tables(k=2, max_grade=1).table[3:, 0, 1].tolist()
    [1.0, 1.0, 0.0]
    """

    def tables(self, k: int, max_grade: int) -> UserTables:
        """Return the tables for pages of ``k`` places in a world of grades 0 … ``max_grade``."""
        attract, satisfy = self.attract(max_grade), self.satisfy(max_grade)
        return UserTables.chain(
            k, attract=attract, satisfy=satisfy, go_skip=1.0, go_click=1.0, go_satisfied=0.0
        )


@dataclass(frozen=True, kw_only=True)
class DBN(GradedUser):
    """Users who stop when satisfied, and otherwise read on with probability γ.

    P(C_k = 1) = a_k ε_k, ε_1 = 1, ε_{k+1} = γ ε_k (1 − a_k σ_k).

    Parameters
    ----------
    gamma : float in [0, 1]
        γ, perseverance.
    epsilon, attraction, satisfaction
        As in `GradedUser`.

    Raises
    ------
    InputError
        If a parameter is out of range.

    References
    ----------
    Chapelle, Zhang, "A dynamic Bayesian network click model for web search ranking", WWW 2009, section 4.

    Examples
    --------
    P(reads on) after a skip, after a click that does not satisfy, and after one that does:

    >>> DBN(gamma=0.8).tables(k=2, max_grade=1).table[3:, 0, 1].tolist()
    [0.8, 0.8, 0.0]
    """

    gamma: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.fraction("DBN.gamma", self.gamma)

    def tables(self, k: int, max_grade: int) -> UserTables:
        """Return the tables for pages of ``k`` places in a world of grades 0 … ``max_grade``."""
        attract, satisfy = self.attract(max_grade), self.satisfy(max_grade)
        return UserTables.chain(
            k, attract=attract, satisfy=satisfy, go_skip=self.gamma, go_click=self.gamma, go_satisfied=0.0
        )
