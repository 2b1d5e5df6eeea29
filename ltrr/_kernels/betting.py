"""Capital of bets on a mean, on a grid of candidate means."""

from __future__ import annotations

import math

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float64

__all__ = ["bet"]

_HUGE = 1e200
_LONGEST = 512
"""Factors are at least 1/2, so products of so many of them stay above 1e-155."""


@kernel
def bet(x: Float64, mean: Float64, log: float, prior: Float64, state: Float64, capital: Float64) -> None:
    """Bet that the mean of x is larger than each of ``mean``, and add the log of the gains to ``capital``.

    ``state`` is (n, sum, sum of squared deviations) of what was bet on before, and is brought up to date;
    ``prior`` is (mean, variance) of one observation beforehand. The stake on candidate m is
    ``min(sqrt(2 log / (v t ln(1 + t))), 1 / (2 m))`` with t, v from what came before x, so that the gain
    ``1 + stake (x − m)`` is at least 1/2 for x >= 0.

    Parameters
    ----------
    x : float64 (n,), >= 0
        Observations, in the order in which they came.
    mean : float64 (m,), > 0
        Candidates for the mean.
    log : float
        log(2 / α), for which the stakes are tuned.
    prior : float64 (2,)
        Mean and variance of the observation that stands before the first.
    state : float64 (3,)
        n, sum, and sum of squared deviations; changed.
    capital : float64 (m,)
        Log of the capital of the bet against each candidate; changed.
    """
    # x is never negative, so the worst gain is 1 − stake · m: at this cap it is 1/2, and no bet can ruin.
    cap = 0.5 / mean
    product = np.ones(len(mean))
    # No product exceeds this one, whose stake has no cap and whose candidate is 0: one number guards all.
    largest, held = 1.0, 0
    for i in range(len(x)):
        t = state[0] + 1.0
        variance = (prior[1] + state[2]) / t
        # The stake must not know x. If it did, the capital would not be a martingale, and the bound would be
        # void.
        stake = math.sqrt(2.0 * log / (variance * t * math.log(1.0 + t)))
        value = x[i]
        for j in range(len(mean)):
            product[j] *= 1.0 + min(stake, cap[j]) * (value - mean[j])
        state[0] = t
        state[1] += value
        # The mean counts x already, as in the source of the interval: it enters the next stake, not this one.
        centre = (prior[0] + state[1]) / (t + 1.0)
        state[2] += (value - centre) ** 2
        largest *= 1.0 + stake * value
        held += 1
        # logs are taken rarely: before a product can leave the range of floats
        if held == _LONGEST or largest > _HUGE or i == len(x) - 1:
            for j in range(len(mean)):
                capital[j] += math.log(product[j])
                product[j] = 1.0
            largest, held = 1.0, 0
