"""Estimators as their papers write them: one plain loop over events each, no chunks, no moments.

A log is a list of events, each a dictionary with r, w, q_a (prediction for the chosen action), q_pi (under
the target), m_a, m_pi (the same for MRDR), b (balanced weight), e (category's weight), z (accepted or not).
"""

import math


def replay(log):
    kept = [e["r"] for e in log if e["z"] == 1.0]
    return sum(kept) / len(kept)


def ips(log):
    return sum(e["w"] * e["r"] for e in log) / len(log)


def clipped_ips(log, m):
    total = 0.0
    for e in log:
        total += (m if e["w"] > m else e["w"]) * e["r"]
    return total / len(log)


def snips(log):
    return sum(e["w"] * e["r"] for e in log) / sum(e["w"] for e in log)


def dm(log):
    return sum(e["q_pi"] for e in log) / len(log)


def dr(log):
    return sum(e["q_pi"] + e["w"] * (e["r"] - e["q_a"]) for e in log) / len(log)


def sndr(log):
    mean_weight = sum(e["w"] for e in log) / len(log)
    return sum(e["q_pi"] + e["w"] / mean_weight * (e["r"] - e["q_a"]) for e in log) / len(log)


def switch_dr(log, tau):
    total = 0.0
    for e in log:
        total += e["q_pi"]
        if e["w"] <= tau:
            total += e["w"] * (e["r"] - e["q_a"])
    return total / len(log)


def dr_os(log, lam):
    total = 0.0
    for e in log:
        total += e["q_pi"] + lam * e["w"] / (e["w"] ** 2 + lam) * (e["r"] - e["q_a"])
    return total / len(log)


def mrdr(log):
    return sum(e["m_pi"] + e["w"] * (e["r"] - e["m_a"]) for e in log) / len(log)


def sub_gaussian(log, lam):
    return sum(e["w"] / (1 - lam + lam * e["w"]) * e["r"] for e in log) / len(log)


def sub_gaussian_dr(log, lam):
    total = 0.0
    for e in log:
        total += e["q_pi"] + e["w"] / (1 - lam + lam * e["w"]) * (e["r"] - e["q_a"])
    return total / len(log)


def balanced_ips(log):
    return sum(e["b"] * e["r"] for e in log) / sum(e["b"] for e in log)


def mips(log):
    return sum(e["e"] * e["r"] for e in log) / len(log)


def cressie_read(log, low=0.0, high=math.inf):
    """Solve for the probabilities by Lagrange multipliers: ``p = u + v w`` with two linear constraints."""
    n = len(log)
    weights = [e["w"] for e in log]
    mean_reward = sum(e["r"] for e in log) / n
    unseen = high if sum(weights) < n else low
    if math.isinf(unseen):
        # a limit: the unseen row's probability is 0 and its share of the weight what the rows leave
        share = 1.0 - sum(weights) / n
        return sum(e["w"] * e["r"] for e in log) / n + share * mean_reward
    points = [*weights, unseen]
    s0, s1, s2 = len(points), sum(points), sum(w * w for w in points)
    # u s0 + v s1 = 1 and u s1 + v s2 = 1
    determinant = s0 * s2 - s1 * s1
    u, v = (s2 - s1) / determinant, (s0 - s1) / determinant
    value = sum((u + v * e["w"]) * e["w"] * e["r"] for e in log)
    return value + (u + v * unseen) * unseen * mean_reward


def standard_error_of_mean(terms):
    n = len(terms)
    mean = sum(terms) / n
    return math.sqrt(sum((t - mean) ** 2 for t in terms) / (n - 1) / n)


def standard_error_of_ratio(tops, bottoms):
    """Delta method for Σ top / Σ bottom: the spread of the residuals over the mean of the bottoms."""
    n = len(tops)
    ratio = sum(tops) / sum(bottoms)
    residuals = [t - ratio * b for t, b in zip(tops, bottoms, strict=True)]
    return standard_error_of_mean(residuals) / (sum(bottoms) / n)


def slope(values, errors, z, z_first):
    """Return the last that agrees with all before it and lies in the first one's interval, counted from 0."""
    chosen = 0
    for i in range(1, len(values)):
        agrees = abs(values[i] - values[0]) <= z_first * errors[0]
        for j in range(i):
            gap = abs(values[i] - values[j])
            agrees = agrees and gap <= z * errors[i] + (math.sqrt(6.0) - 1.0) * z * errors[j]
        if agrees:
            chosen = i
    return chosen


def ratio(log, other):
    """IPS of one reward over IPS of another, events paired; and its standard error."""
    tops = [e["w"] * e["r"] for e in log]
    bottoms = [e["w"] * e["r"] for e in other]
    return sum(tops) / sum(bottoms), standard_error_of_ratio(tops, bottoms)
