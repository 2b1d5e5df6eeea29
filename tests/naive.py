"""Slow, obvious twins of the kernels."""

from __future__ import annotations

import math

import numpy as np


def naive_draw(rows, u, u_audit, audit):
    """Inverse CDF, one request at a time; returns flat positions, mixed distributions, audit flags."""
    position, mixed, audited, start = [], [], [], 0
    for row, left, flag in zip(rows, u, u_audit, strict=True):
        n = len(row)
        random = flag < audit
        shares = [1 / n] * n if random else list(row / 1.0)
        total, chosen = 0.0, max(i for i in range(n) if shares[i] > 0)
        scale = 1.0 if random else sum(shares)
        for i in range(n):
            if shares[i] > 0 and left * scale < total + shares[i]:
                chosen = i
                break
            total += shares[i]
        position.append(start + chosen)
        mixed += [(1 - audit) * p + audit / n for p in row]
        audited.append(bool(random))
        start += n
    return position, mixed, audited


def naive_delivered(quota, available, slabs, slot_size, fallback):
    """Candidates per arm after spilling, candidate by candidate."""
    got = [min(q * own, have) for q, own, have in zip(quota, slabs, available, strict=True)]
    spilled = 0
    for _ in range(sum(quota) * slot_size - sum(got)):
        for arm in fallback:
            if got[arm] < available[arm]:
                got[arm] += 1
                spilled += 1
                break
    return got, spilled


def naive_quotas(n_slots, n_arms):
    """All quota vectors by recursion."""
    if n_arms == 1:
        return [[n_slots]]
    return [
        [first, *rest] for first in range(n_slots + 1) for rest in naive_quotas(n_slots - first, n_arms - 1)
    ]


def naive_context(text, fields, n_items):
    """Query statistics of one text over item fields (lists of token lists by field name)."""
    docs = [{t for field in fields.values() for t in field[i]} for i in range(n_items)]
    tokens = text
    df = {t: sum(t in d for d in docs) for t in tokens}
    known = [t for t in tokens if df[t] > 0]
    idf = {t: np.log1p((n_items - df[t] + 0.5) / (df[t] + 0.5)) for t in known}
    shares = []
    for field in fields.values():
        per = [sum(t in f for f in field) / df[t] for t in known]
        shares.append(sum(per) / max(len(known), 1))
    return {
        "query_terms": np.log1p(len(tokens)) / 4,
        "query_unknown": 1 - (len(known) / len(tokens) if tokens else 0),
        "query_idf_mean": sum(idf[t] for t in known) / max(len(known), 1) / 10,
        "query_idf_max": max((idf[t] for t in known), default=0) / 10,
        "query_df_min": np.log1p(min(df[t] for t in known)) / 12 if known else 0,
        "query_df_max": np.log1p(max(df[t] for t in known)) / 12 if known else 0,
        "query_df_product": np.log1p(n_items * np.prod([df[t] / n_items for t in known])) / 12
        if known
        else 0,
        "fields": shares,
    }


def naive_weight_pass(weight, count, reward, low, per_decade, bins):
    """Histogram and sums of weights, row by row."""
    n, mass, sums = [0] * bins, [0.0] * bins, [0.0] * 8
    for w, c, r in zip(weight, count, reward, strict=True):
        if w == 0:
            b = 0
        elif np.log10(w) < low:
            b = 1
        else:
            b = min(2 + int(np.floor((np.log10(w) - low) * per_decade)), bins - 1)
        n[b] += 1
        mass[b] += c * w
        values = (
            c,
            c * w,
            (c * w) ** 2,
            c * c * w,
            c * c,
            abs(c * w * r),
            (c * w * r) ** 2,
            float(w * r != 0),
        )
        sums = [s + v for s, v in zip(sums, values, strict=True)]
    return n, mass, sums


def naive_pareto_k(weight, n):
    """Zhang and Stephens' posterior mean over the weights above the threshold, shrunk towards 1/2."""
    size = math.ceil(min(n / 5, 3 * math.sqrt(n)))
    ordered = sorted(weight)
    size = min(size, len(ordered) - 1)
    if size < 5:
        return None
    threshold = ordered[-size - 1]
    x = [w - threshold for w in ordered[-size:] if w > threshold]
    if not x:
        return -math.inf
    m = len(x)
    if m < 5:
        return None
    quartile = x[math.floor(m / 4 + 0.5) - 1]
    points = 30 + math.floor(math.sqrt(m))
    thetas = [1 / x[-1] + (1 - math.sqrt(points / (j - 0.5))) / (3 * quartile) for j in range(1, points + 1)]
    shapes = [sum(math.log1p(-t * v) for v in x) / m for t in thetas]
    profile = [m * (math.log(-t / k) - k - 1) for t, k in zip(thetas, shapes, strict=True)]
    share = [1 / sum(math.exp(other - own) for other in profile) for own in profile]
    theta = sum(s * t for s, t in zip(share, thetas, strict=True))
    shape = sum(math.log1p(-theta * v) for v in x) / m
    return (m * shape + 10 * 0.5) / (m + 10)


def naive_kind(row, names):
    """Return the kind of query that `CreditHistory` assigns a context of these names."""
    cuts = {
        "memory_items": (0.01,),
        "query_unknown": (0.01, 0.6),
        "query_terms": (0.2, 0.3),
        "query_df_product": (0.01, 0.2),
    }
    kind = 0
    for name, edges in cuts.items():
        value = row[names.index(name)] if name in names else -math.inf
        kind = kind * (len(edges) + 1) + sum(not value < edge for edge in edges)
    return kind
