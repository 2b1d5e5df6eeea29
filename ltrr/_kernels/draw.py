"""Drawing one action a request from stated probabilities."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float64, Int64

__all__ = ["draw_rows"]


@kernel
def draw_rows(
    indptr: Int64,
    probability: Float64,
    u: Float64,
    u_audit: Float64,
    audit: float,
    out: Int64,
    mixed: Float64,
) -> int:
    """Draw by inverse CDF; return −1, or the first row whose probabilities are not a distribution.

    With probability ``audit`` a row is drawn uniformly. ``mixed`` receives the distribution of what is
    drawn, ``out`` the flat position drawn, or −1 − position where it was an audit draw.

    Parameters
    ----------
    indptr, probability : int64 (B + 1,), float64 (N,)
        Stated probabilities of each request's actions.
    u, u_audit : float64 (B,), in [0, 1)
        Uniforms that choose the action, and whether it is an audit.
    audit : float in [0, 1)
        Probability of an audit.
    out : int64 (B,)
        Filled.
    mixed : float64 (N,)
        Filled.
    """
    for row in range(len(indptr) - 1):
        low, high = indptr[row], indptr[row + 1]
        n = high - low
        total = 0.0
        for i in range(low, high):
            # Asked this way round, NaN fails too.
            if not probability[i] >= 0.0:
                return row
            total += probability[i]
        if n == 0 or not abs(total - 1.0) <= 1e-9:
            return row
        random = u_audit[row] < audit
        # Stretched to the sum as it is: otherwise the last action would gain or lose what is missing to 1.
        left = u[row] * (1.0 if random else total)
        chosen = -1
        for i in range(low, high):
            share = 1.0 / n if random else probability[i]
            # An action that cannot occur is never chosen, not even with u = 0.
            if share > 0.0:
                chosen = i  # the last possible action takes what rounding leaves over
                if left < share:
                    break
            left -= share
        for i in range(low, high):
            # From the stated probabilities, not from those over their sum: with audit 0 they pass unchanged.
            mixed[i] = (1.0 - audit) * probability[i] + audit / n
        out[row] = -1 - chosen if random else chosen
    return -1
