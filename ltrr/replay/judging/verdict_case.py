"""What a verdict is about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Case", "plural"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is judged: the parameters of `judge`.

    Parameters
    ----------
    summary : mapping
    weighting, deterministic, modelled, exact : bool
    placeholder, misfit, biased, estimated : str

    Examples
    --------
    >>> Case(summary={"n": 5.0}).ess
    5.0
    """

    summary: Mapping[str, float | None]
    weighting: bool = True
    deterministic: bool = False
    modelled: bool = False
    exact: bool = False
    placeholder: str = ""
    misfit: str = ""
    biased: str = ""
    estimated: str = ""

    def get(self, key: str, default: float) -> float:
        """Return a diagnostic, or the default where it is not known."""
        value = self.summary.get(key)
        return default if value is None else value

    @property
    def n(self) -> float:
        """Rows."""
        return self.get("n", 0.0)

    @property
    def ess(self) -> float:
        """Effective sample size; the number of rows where nothing is reweighted."""
        return self.get("ess", self.n) if self.weighting or self.modelled else self.n

    @property
    def clusters(self) -> float:
        """Effective number of clusters; infinite where rows are taken to be independent."""
        return self.get("ess_clusters", self.get("clusters", math.inf))


def plural(number: float, what: str) -> str:
    """Count things.

    Examples
    --------
    >>> plural(1.0, "row"), plural(2000.0, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,.0f} {what}{'' if number == 1.0 else 's'}"
