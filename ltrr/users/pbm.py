"""The position-based model: how often a place is examined depends on the place alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.types import Float64
from ltrr.users.graded import GradedUser
from ltrr.users.tables import UserTables

__all__ = ["EYE_TRACKING", "PBM"]

EYE_TRACKING = (0.68, 0.61, 0.48, 0.34, 0.28, 0.20, 0.11, 0.10, 0.08, 0.06)
"""Share of users who look at places 1 to 10 of a result page (Joachims et al. 2005)."""


@dataclass(frozen=True, kw_only=True)
class PBM(GradedUser):
    """Users who examine place k with probability γ_k, independently of all other places.

    P(C_k = 1) = γ_k a_k, with γ_k = eye_k^η (``"eye-tracking"``) or γ_k = k^−η (``"power"``), k from 1. The
    eye-tracking table ends at place 10 and is continued by eye_k = eye_10·10/k below it, our own choice. A
    satisfied user reads on, so satisfaction never stops a page.

    Parameters
    ----------
    examination : {"eye-tracking", "power"}
        How examination falls with the place: as measured by eye tracking, or as a power of it.
    eta : float >= 0
        η, severity of position bias; 0 examines every place, 1 is the published table.
    epsilon, attraction, satisfaction
        As in `GradedUser`.

    Raises
    ------
    InputError
        If a parameter is out of range.

    References
    ----------
    Richardson, Dominowska, Ragno, "Predicting clicks", WWW 2007, section 5; Joachims, Granka, Pan, Hembrooke,
    Gay, "Accurately interpreting clickthrough data as implicit feedback", SIGIR 2005, section 4.

    Examples
    --------
    >>> PBM(examination="power").examine(4).round(2).tolist()
    [1.0, 0.5, 0.33, 0.25]
    """

    examination: str = "eye-tracking"
    eta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.choice("PBM.examination", self.examination, ("eye-tracking", "power"))
        _check.number("PBM.eta", self.eta, low=0.0)

    def examine(self, k: int) -> Float64:
        """Return γ of the first ``k`` places."""
        place = np.arange(1, k + 1, dtype=np.float64)
        if self.examination == "power":
            return place**-self.eta
        known = np.asarray(EYE_TRACKING)
        base = known[np.minimum(np.arange(k), len(known) - 1)] * np.minimum(1.0, len(known) / place)
        return np.asarray(base**self.eta)

    def tables(self, k: int, max_grade: int) -> UserTables:
        """Return the tables for pages of ``k`` places in a world of grades 0 … ``max_grade``."""
        return UserTables.positions(
            self.examine(k), attract=self.attract(max_grade), satisfy=self.satisfy(max_grade)
        )
