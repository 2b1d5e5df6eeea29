"""The ratio of two estimates from one log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.errors import InputError
from ltrr.replay.estimators.joined import Joined
from ltrr.types import Float64

__all__ = ["Ratio"]


@dataclass
class Ratio(Joined):
    """First estimate over second, such as revenue per click of one policy, ``θ₁(m₁) / θ₂(m₂)``.

    The two see the same requests with different rewards. The ratio is of the two values, not a mean of
    ratios: requests without a click count in neither. Consistent where both estimates are, with a bias of
    order 1/n. The standard error is the delta method's, ``sqrt(Var(θ̂₁ − ρ θ̂₂)) / θ̂₂`` with ρ the ratio: it
    assumes that the second value is many standard errors away from 0.

    Parameters
    ----------
    first, second : Estimator
        The estimators, see `Joined`.

    Examples
    --------
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> from ltrr.replay.estimators.ips import IPS
    >>> key, weight = np.arange(3), np.array([2.0, 1.0, 0.0])
    >>> per_click = Ratio(IPS(), IPS())
    >>> revenue, click = np.array([4.0, 0.0, 9.0]), np.array([1.0, 1.0, 1.0])
    >>> per_click.add_pair(ReplayBatch(key, revenue, weight=weight), ReplayBatch(key, click, weight=weight))
    >>> round(per_click.value(), 4)
    2.6667

    References
    ----------
    Deng, Knoblich, Lu, "Applying the delta method in metric analytics", KDD 2018, section 3.
    """

    name: ClassVar[str] = "ratio"
    sign: ClassVar[str] = "/"

    def of_rows(self, mean: Float64) -> Float64:
        """Return the ratio of the two values from means of `paired` rows, (..., k + 1) → (...)."""
        first, second = self._split(mean)
        return np.asarray(first / second)

    def value(self) -> float:
        """Return the ratio.

        Raises
        ------
        InputError
            If nothing was added, one of the two is undefined, or the second is 0.
        """
        if self.moments.n:
            with np.errstate(divide="ignore", invalid="ignore"):
                second = self._split(self.moments.mean)[1]
            if np.real(second) == 0.0:
                raise InputError(f"`{self.label}` is undefined: the value to divide by is 0")
        return super().value()
