"""Sums by action and half of the context, which show whether propensities fit the actions taken."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float32, Float64, Int8, Int16, Int32, Int64

__all__ = ["chosen_sums", "eligible_sums", "pattern_codes", "play_bets"]


@kernel
def pattern_codes(context: Float32, columns: Int64, thresholds: Float32, bits: int) -> Int8:
    """Return the pattern of halves of each group of columns: in how far values lie above their thresholds.

    Parameters
    ----------
    context : float32 (n, D)
    columns, thresholds : int64 (C,), float32 (C,)
        Columns that are cut, and where; a missing value is not above.
    bits : int
        Columns of a group; the first is the lowest binary digit.

    Returns
    -------
    int8 (n, G)
        With one group, of pattern 0, where no column is cut.
    """
    width = len(columns)
    groups = max(1, (width + bits - 1) // bits) if bits > 0 else 1
    out = np.zeros((len(context), groups), np.int8)
    for i in range(len(context)):
        for g in range(groups):
            code = 0
            # no branch, which would be mispredicted in half of the cases
            for h in range(g * bits, min((g + 1) * bits, width)):
                code |= int(context[i, columns[h]] > thresholds[h]) << (h - g * bits)
            out[i, g] = code
    return out


@kernel
def chosen_sums(
    action: Int32,
    propensity: Float64,
    count: Float64,
    codes: Int8,
    sums: Float64,
) -> None:
    """Add the rows by the action taken.

    Parameters
    ----------
    action, propensity, count : (n,)
        Action taken, p, c: events that the row stands for.
    codes : int8 (n, G)
        Of `pattern_codes`.
    sums : float64 (G, P, A, 4)
        Σ c, Σ c/p, Σ c²/p², Σ c²/p over the rows that took the action, by pattern; added to.
    """
    for i in range(len(action)):
        a, c = action[i], count[i]
        cw = c / propensity[i]
        for g in range(codes.shape[1]):
            # one place for all columns of a group: halves are sums over patterns, taken at the end
            own = sums[g, codes[i, g], a]
            own[0] += c
            own[1] += cw
            own[2] += cw * cw
            own[3] += c * cw


@kernel
def eligible_sums(
    indptr: Int64, eligible: Int32, probabilities: Float64, count: Float64, codes: Int8, sums: Float64
) -> None:
    """Add the rows by every action that could be taken.

    Parameters
    ----------
    indptr, eligible : int64 (n + 1,), int32 (N,)
        Eligible actions.
    probabilities : float64 (N,), or (0,)
        q: their logged probabilities, where the log has them.
    count, codes
        As in `chosen_sums`.
    sums : float64 (G, P, A, 4)
        Σ c, Σ c², Σ c q, Σ c² q (1 − q) over the rows in which the action was eligible; added to.
    """
    full = len(probabilities) > 0
    for i in range(len(indptr) - 1):
        c = count[i]
        for g in range(codes.shape[1]):
            part = sums[g, codes[i, g]]
            for k in range(indptr[i], indptr[i + 1]):
                q = probabilities[k] if full else 0.0
                own = part[eligible[k]]
                own[0] += c
                own[1] += c * c
                own[2] += c * q
                own[3] += c * c * q * (1.0 - q)


@kernel
def play_bets(
    action: Int32,
    propensity: Float64,
    slot: Int16,
    code: Int8,
    indptr: Int64,
    eligible: Int32,
    seen: Float64,
    stakes: Float64,
    capital: Float64,
) -> None:
    """Bet on the actions taken, against their propensities, by their shares in earlier rows.

    A bet of stake s pays 1 − s + s r, where r is the predicted probability of the action over its propensity.
    Where propensities are right r has an expectation of at most 1, so that no bet gains but by chance.

    Parameters
    ----------
    action, propensity, slot, code : (n,)
        Action taken, p, slot, pattern of halves of the context; rows in the order of the log.
    indptr, eligible : int64 (n + 1,), int32 (N,)
        Eligible actions; of length 0 where all are.
    seen : float64 (S, 1 + Q, 1 + A)
        By slot, for all rows and for each of Q patterns, a power of 2, how often each action was taken so
        far, and rows; later slots share the last place, and patterns are taken modulo Q; added to.
    stakes : float64 (L,)
        In (0, 1].
    capital : float64 (2, L)
        ln of the capital of bets by shares of all rows, and of those by shares of the cell; added to.
    """
    last, mask = seen.shape[0] - 1, seen.shape[1] - 2
    n_actions, n_stakes = seen.shape[2] - 1, len(stakes)
    product = np.ones((2, n_stakes))
    for i in range(len(action)):
        a = action[i]
        # masks, since whole-number division is slow
        whole = seen[min(slot[i], last), 0]
        own = seen[min(slot[i], last), 1 + (code[i] & mask)]
        size, rows, rows_own = float(n_actions), whole[n_actions], own[n_actions]
        if len(indptr) > 0:
            size, rows, rows_own = float(indptr[i + 1] - indptr[i]), 0.0, 0.0
            for k in range(indptr[i], indptr[i + 1]):
                rows += whole[eligible[k]]
                rows_own += own[eligible[k]]
        # Krichevsky and Trofimov add half a row an action; a cell adds as many, in the shares of all rows
        share = (whole[a] + 0.5) / (rows + 0.5 * size)
        share_own = (own[a] + 0.5 * size * share) / (rows_own + 0.5 * size)
        # a bet may pay less than it could; eight of these stay within the range of numbers
        inverse = min(1.0 / propensity[i], 1e20)
        gain, gain_own = share * inverse - 1.0, share_own * inverse - 1.0
        for j in range(n_stakes):
            product[0, j] *= 1.0 + stakes[j] * gain
            product[1, j] *= 1.0 + stakes[j] * gain_own
        for counts in (whole, own):
            counts[a] += 1.0
            counts[n_actions] += 1.0
        # logarithms are slow: products until they may leave the range of numbers
        if i % 8 == 7:
            for side in range(2):
                for j in range(n_stakes):
                    if not 1e-100 < product[side, j] < 1e100:
                        capital[side, j] += np.log(product[side, j])
                        product[side, j] = 1.0
    capital += np.log(product)
