"""Slow, plain twins of what is summed by cluster."""

import numpy as np


def numbered(ids):
    """Return the numbers of ids in the order of their first appearance."""
    known = {}
    return [known.setdefault(int(i), len(known)) for i in ids]


def sums_by_cluster(ids, rows):
    """Return the sums of rows by cluster, in the order of first appearance."""
    known = {}
    for i, row in zip(ids, rows, strict=True):
        known[int(i)] = known.get(int(i), 0.0) + np.asarray(row, float)
    return np.array(list(known.values()))


def ratio_error(ids, numerator, denominator):
    """Return the cluster-robust standard error of Σ numerator / Σ denominator, by residuals."""
    ratio = np.sum(numerator) / np.sum(denominator)
    residual = {}
    for i, a, b in zip(ids, numerator, denominator, strict=True):
        residual[int(i)] = residual.get(int(i), 0.0) + (a - ratio * b)
    e = np.array(list(residual.values()))
    g = len(e)
    return np.sqrt(g / (g - 1) * np.sum(e**2)) / abs(np.sum(denominator))
