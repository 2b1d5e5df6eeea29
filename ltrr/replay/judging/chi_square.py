"""The upper tail of the chi-square distribution, without a library that takes half a second to load."""

from __future__ import annotations

import math

__all__ = ["chi_square_tail"]


def chi_square_tail(x: float, degrees: int) -> float:
    """Return the probability that a chi-square variable of ``degrees`` >= 1 is above x >= 0.

    It is Q(degrees / 2, x / 2), the regularised upper incomplete gamma function, by
    ``Q(a + 1, y) = Q(a, y) + y^a e^(−y) / Γ(a + 1)`` from ``Q(1/2, y) = erfc(√y)`` or ``Q(1, y) = e^(−y)``.
    All terms are positive, so no digits cancel.

    Examples
    --------
    >>> round(chi_square_tail(3.841459, 1), 6), round(chi_square_tail(30.143527, 19), 6)
    (0.05, 0.05)

    References
    ----------
    Abramowitz, Stegun, "Handbook of mathematical functions", 1964, 6.5.21 and 26.4.
    """
    y = x / 2.0
    if y <= 0.0:
        return 1.0
    a, tail = (0.5, math.erfc(math.sqrt(y))) if degrees % 2 else (1.0, math.exp(-y))
    while a < degrees / 2.0:
        tail += math.exp(a * math.log(y) - y - math.lgamma(a + 1.0))
        a += 1.0
    return tail
