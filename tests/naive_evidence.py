"""Slow, obvious twins of what previews say."""

from __future__ import annotations

import math


def naive_overlaps(items):
    """Share of each arm's items that each other arm has, and that any other has, of lists by b and a."""
    pair, rest = [], []
    for row in items:
        pair.append([])
        rest.append([])
        for a, own in enumerate(row):
            others = [set(other) if o != a else set() for o, other in enumerate(row)]
            pair[-1].append([len(set(own) & other) / max(len(own), 1) for other in others])
            rest[-1].append(len(set(own) & set().union(*others)) / max(len(own), 1))
    return pair, rest


def naive_shape(scores):
    """Margin, spread, NQC and WIG of one list of descending scores."""
    if not scores:
        return [0.0] * 4
    mean = sum(scores) / len(scores)
    second = scores[1] if len(scores) > 1 else scores[0]
    head = math.ceil(len(scores) / 4)
    top, rest = scores[:head], scores[head:]
    wig = sum(top) / len(top) - sum(rest) / len(rest) if rest else 0.0
    deviation = math.sqrt(sum((s - mean) ** 2 for s in scores) / len(scores))

    def ratio(value, scale):
        return 0.0 if value == 0.0 else 2.0 if value >= 2.0 * abs(scale) else value / abs(scale)

    return [
        ratio(scores[0] - second, scores[0]),
        ratio(scores[0] - scores[-1], scores[0]),
        ratio(deviation, mean),
        ratio(wig, mean),
    ]
