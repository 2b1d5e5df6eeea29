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


def page(lists, score, quota, *, slot_size, fallback, page_size):
    """The page of a quota: ``lists`` holds each arm's items, best first, ``score`` each item's score."""
    depth = [min(q * slot_size, len(own)) for q, own in zip(quota, lists, strict=True)]
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
