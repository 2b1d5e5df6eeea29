"""The cascade model: read from the top, click once, leave."""

from __future__ import annotations

from dataclasses import dataclass

from ltrr.users.graded import GradedUser
from ltrr.users.tables import UserTables

__all__ = ["Cascade"]


@dataclass(frozen=True, kw_only=True)
class Cascade(GradedUser):
    """Users who read from the top and stop at their first click.

    P(C_k = 1) = a_k Π_{j<k} (1 − a_j). The one click satisfies with P(satisfied | grade); the user leaves
    either way.

    Parameters
    ----------
    epsilon, attraction, satisfaction
        As in `GradedUser`.

    References
    ----------
    Craswell, Zoeter, Taylor, Ramsey, "An experimental comparison of click position-bias models", WSDM 2008,
    section 3.4.

    Examples
    --------
    >>> Cascade().attract(2).round(2).tolist()
    [0.1, 0.4, 1.0]
    """

    def tables(self, k: int, max_grade: int) -> UserTables:
        """Return the tables for pages of ``k`` places in a world of grades 0 … ``max_grade``."""
        attract, satisfy = self.attract(max_grade), self.satisfy(max_grade)
        return UserTables.chain(
            k, attract=attract, satisfy=satisfy, go_skip=1.0, go_click=0.0, go_satisfied=0.0
        )
