"""Slow twins of what judges rankers on logged pages, and of the draw of explored places."""

from itertools import permutations
from math import log2, sqrt

from scipy.stats import t as student


def prominence(rank, discount):
    return log2(rank + 2.0) ** -discount


def page_value(score, shown, value, propensity, explored, places, discount, cap):
    """What one page would have earned; ``shown`` are positions among the candidates, −1 for none."""
    order = sorted(range(len(score)), key=lambda i: (-score[i], i))
    total = 0.0
    for place, own in enumerate(shown):
        if own < 0 or value[place] == 0.0:
            continue
        if explored[place]:
            seen = sum(propensity[place] * prominence(k, discount) for k in range(len(shown)))
        else:
            seen = propensity[place] * prominence(place, discount)
        rank = order.index(own)
        if rank < places:
            total += value[place] * prominence(rank, discount) * min(1.0 / seen, cap)
    return total


def comparison(a, b, query, level):
    """Share by which a is worth more than b, with the interval of a ratio, clustered by query."""
    keys = [q if q >= 0 else ("none", i) for i, q in enumerate(query)]
    groups = sorted(set(keys), key=str)
    share = (sum(a) - sum(b)) / sum(b)
    left = [sum(x - y - share * y for x, y, k in zip(a, b, keys, strict=True) if k == key) for key in groups]
    g = len(groups)
    half = student.ppf(0.5 + level / 2, g - 1) * sqrt(sum(v * v for v in left) * g / (g - 1)) / sum(b)
    return share, share - half, share + half


def explored_pages(n, k, share):
    """Every page of ``n`` candidates, best first, with its probability: permutations and coins enumerated."""
    best, outside = list(range(min(n, k))), list(range(k, n))
    if not outside:
        return {tuple(best + [-1] * (k - n)): 1.0}
    entries = outside + [None] * (max(k, len(outside)) - len(outside))
    orders = list(permutations(range(len(entries)), k))
    pages = {}
    for order in orders:
        for coins in range(2**k):
            page, chance = [], 1.0 / len(orders)
            for place in range(k):
                fires = coins >> place & 1
                chance *= share if fires else 1.0 - share
                other = entries[order[place]]
                page.append(other if fires and other is not None else best[place])
            pages[tuple(page)] = pages.get(tuple(page), 0.0) + chance
    return pages


def subjects(query, earners):
    """Merge pages that share a query or an item that earned, until nothing changes."""
    label = list(range(len(query)))
    changed = True
    while changed:
        changed = False
        for i in range(len(query)):
            for j in range(i):
                alike = query[i] == query[j] >= 0 or set(earners[i]) & set(earners[j])
                if alike and label[i] != label[j]:
                    low, high = sorted((label[i], label[j]))
                    label = [low if own == high else own for own in label]
                    changed = True
    return label
