"""Sums and bets of the test of propensities, row by row."""

import numpy as np

__all__ = ["naive_bets", "naive_chosen", "naive_codes", "naive_eligible"]


def naive_codes(context, columns, thresholds, bits):
    """Binary digits of a group of columns: is the value above its threshold?"""
    out = []
    for row in context:
        above = [int(row[c] > t) for c, t in zip(columns, thresholds, strict=True)]
        groups = [above[g : g + bits] for g in range(0, len(above), bits)] if above else [[]]
        out.append([sum(bit << h for h, bit in enumerate(group)) for group in groups])
    return np.array(out, np.int8)


def naive_chosen(action, propensity, count, codes, shape):
    """Σ c, Σ c/p, Σ c²/p², Σ c²/p of the action taken."""
    sums = np.zeros(shape)
    for a, p, c, code in zip(action, propensity, count, codes, strict=True):
        for g, pattern in enumerate(code):
            sums[g, pattern, a] += c, c / p, (c / p) ** 2, c * c / p
    return sums


def naive_eligible(sets, probabilities, count, codes, shape):
    """Σ c, Σ c², Σ c q, Σ c² q (1 − q) of every eligible action."""
    sums = np.zeros(shape)
    for actions, q, c, code in zip(sets, probabilities, count, codes, strict=True):
        for a, x in zip(actions, q, strict=True):
            for g, pattern in enumerate(code):
                sums[g, pattern, a] += c, c * c, c * x, c * c * x * (1 - x)
    return sums


def naive_bets(action, propensity, slot, pattern, sets, stakes):
    """ln of the capital of bets by the shares of all rows of the slot, and by those of the cell."""
    logs = np.zeros((2, len(stakes)))
    for i, (a, p) in enumerate(zip(action, propensity, strict=True)):
        rows = [j for j in range(i) if slot[j] == slot[i] and action[j] in sets[i]]
        size = len(sets[i])
        share = (sum(action[j] == a for j in rows) + 0.5) / (len(rows) + size / 2)
        own = [j for j in rows if pattern[j] == pattern[i]]
        share_own = (sum(action[j] == a for j in own) + share * size / 2) / (len(own) + size / 2)
        for side, predicted in enumerate((share, share_own)):
            logs[side] += [np.log(1 - s + s * predicted / p) for s in stakes]
    return logs
