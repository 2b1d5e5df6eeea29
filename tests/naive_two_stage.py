"""Obvious, slow twins of the two-stage weights: every sequence and every page, one by one."""

from itertools import product

import numpy as np


def quota_of(sequence, n_arms):
    return tuple(sequence.count(a) for a in range(n_arms))


def law(step, n_slots, n_arms):
    """Probability of each quota, where ``step(slot, quota)`` gives the arms' probabilities of one request."""
    out = {}
    for sequence in product(range(n_arms), repeat=n_slots):
        p = 1.0
        for s, a in enumerate(sequence):
            p *= step(s, quota_of(sequence[:s], n_arms))[a]
        key = quota_of(sequence, n_arms)
        out[key] = out.get(key, 0.0) + p
    return out


def page(lists, score, quota, *, slabs, slot_size, fallback, page_size):
    """The page of a quota: ``lists`` holds each arm's items, best first, ``score`` each item's score."""
    depth = [min(q * slab, len(own)) for q, slab, own in zip(quota, slabs, lists, strict=True)]
    missing = sum(quota) * slot_size - sum(depth)
    for a in fallback:
        while missing > 0 and depth[a] < len(lists[a]):
            depth[a] += 1
            missing -= 1
    items = {item for own, d in zip(lists, depth, strict=True) for item in own[:d]}
    return tuple(sorted(items, key=lambda item: (-score[item], item))[:page_size])


def page_weight(pages, target, logged, quota):
    """Target over logged mass of all quotas that show the page of ``quota``; mappings go by quota."""
    same = [q for q in pages if pages[q] == pages[quota]]
    return sum(target[q] for q in same) / sum(logged[q] for q in same)


def outside(pages, target, logged):
    """Target mass on pages that no quota of the logging policy shows."""
    return sum(target[q] for q in pages if not any(logged[o] > 0 and pages[o] == pages[q] for o in pages))


def ridge(columns, reward, penalty):
    """Coefficients of a ridge regression whose first column, the constant, is not penalised."""
    shrink = np.diag([1e-9, *[penalty] * (columns.shape[1] - 1)])
    return np.linalg.solve(columns.T @ columns + shrink, columns.T @ reward)


def mean_square(target, logged, n_slots, n_arms):
    """Sum of target² over logged probability of all sequences that the logging policy may choose."""
    total = 0.0
    for sequence in product(range(n_arms), repeat=n_slots):
        p = b = 1.0
        for s, a in enumerate(sequence):
            quota = quota_of(sequence[:s], n_arms)
            p, b = p * target(s, quota)[a], b * logged(s, quota)[a]
        if b > 0.0:
            total += p * p / b
    return total


def sequence_level(target, logged, action):
    """Weight of a sequence, target mass off the support along it, mean square over the last slot's arms."""
    weight, outside = 1.0, 0.0
    for s, a in enumerate(action):
        for other, p in enumerate(target[s]):
            outside += weight * p if logged[s][other] == 0.0 else 0.0
        before, weight = weight, weight * target[s][a] / logged[s][a]
    last = zip(target[-1], logged[-1], strict=True)
    return weight, outside, sum(b * (before * p / b) ** 2 for p, b in last if b > 0.0)


def ips_parts(weight, reward):
    """Value of IPS and each request's part of it."""
    parts = [w * r for w, r in zip(weight, reward, strict=True)]
    return sum(parts) / len(parts), parts


def snips_parts(weight, reward):
    """Value of SNIPS and each request's part in its first-order expansion."""
    mean = sum(weight) / len(weight)
    value = sum(w * r for w, r in zip(weight, reward, strict=True)) / sum(weight)
    return value, [w * (r - value) / mean for w, r in zip(weight, reward, strict=True)]


def difference(first, second):
    """Difference of two values and its standard error, from each request's parts."""
    gaps = [a - b for a, b in zip(first[1], second[1], strict=True)]
    n = len(gaps)
    mean = sum(gaps) / n
    return first[0] - second[0], (sum((g - mean) ** 2 for g in gaps) / (n - 1) / n) ** 0.5
