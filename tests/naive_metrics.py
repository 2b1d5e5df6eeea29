"""Slow, obvious twins of the metrics and oracles."""

import itertools
import math

import numpy as np


def ndcg(grade, ideal, k, gain):
    def dcg(grades):
        total = 0.0
        for place, g in enumerate(grades[:k], start=1):
            if g > 0:
                total += (g if gain == "linear" else 2.0**g - 1) / math.log2(place + 1)
        return total

    return np.array(
        [
            dcg(got) / dcg(best) if dcg(best) else 0.0
            for got, best in zip(grade.tolist(), ideal.tolist(), strict=True)
        ]
    )


def recall(grade, n_relevant, k, level):
    return np.array(
        [
            sum(g >= level for g in row[:k]) / n if n else 0.0
            for row, n in zip(grade.tolist(), n_relevant.tolist(), strict=True)
        ]
    )


def reciprocal_rank(grade, k, level):
    out = []
    for row in grade.tolist():
        places = [place for place, g in enumerate(row[:k], start=1) if g >= level]
        out.append(1 / places[0] if places else 0.0)
    return np.array(out)


def all_quotas(n_slots, n_arms):
    return [q for q in itertools.product(range(n_slots + 1), repeat=n_arms) if sum(q) == n_slots]


def delivered(quota, lists, slabs, slot_size, fallback):
    """How many of each arm's list a quota draws, slab by slab, one candidate at a time."""
    depth = [0] * len(quota)
    missing = 0
    for arm, slots in enumerate(quota):
        for place in list(range(slot_size)) * slots:
            if place < slabs[arm] and depth[arm] < len(lists[arm]):
                depth[arm] += 1
            else:
                missing += 1
    for arm in fallback:
        while missing and depth[arm] < len(lists[arm]):
            depth[arm] += 1
            missing -= 1
    return depth


def page_reward(grades, table, *, independent, kind):
    """Expected reward of a page by enumerating (clicked, satisfied) at every place."""
    k = table.shape[1]
    discount = [1 / math.log2(j + 2) for j in range(k)]

    def gross(clicks, satisfied):
        if kind == 0:
            return float(any(satisfied))
        if kind == 1:
            return float(any(clicks))
        if kind == 2:
            return sum(clicks) / k
        return sum(c * d for c, d in zip(clicks, discount, strict=False)) / sum(discount)

    def walk(j, p, clicks, satisfied, examining):
        if j == len(grades):
            return p * gross(clicks, satisfied)
        g = grades[j]
        seen = table[0, j, g] if independent else float(examining)
        attract, satisfy = table[1, j, g], table[2, j, g]
        total = 0.0
        events = (
            (1 - seen, 0, 0, 0.0),
            (seen * (1 - attract), 0, 0, table[3, j, g]),
            (seen * attract * (1 - satisfy), 1, 0, table[4, j, g]),
            (seen * attract * satisfy, 1, 1, table[5, j, g]),
        )
        for chance, click, sat, go in events:
            for goes_on, q in ((True, go), (False, 1 - go)):
                if independent and not goes_on:
                    continue
                weight = p * chance * (1.0 if independent else q)
                if weight:
                    total += walk(j + 1, weight, [*clicks, click], [*satisfied, sat], goes_on)
        return total

    return walk(0, 1.0, [], [], True)


def quota_union(lists, quota, slabs, slot_size, fallback):
    depth = delivered(quota, lists, slabs, slot_size, fallback)
    return {item for arm, items in enumerate(lists) for item in items[: depth[arm]]}


def bootstrap_t(values, counts, level):
    """Bootstrap-t interval of a mean, one resample at a time; ``counts`` says what each resample drew."""
    n, alpha = len(values), (1 - level) / 2
    mean, error = values.mean(), values.std(ddof=1) / math.sqrt(n)
    t = []
    for count in counts:
        again = np.repeat(values, count)
        spread = again.std() / math.sqrt(n - 1)
        if spread > 1e-9 * error:
            t.append((again.mean() - mean) / spread)
        else:
            t.append(math.copysign(math.inf, again.mean() - mean))
    t = sorted(t)
    low, high = (t[math.ceil(p * len(t) - 1e-9) - 1] for p in (alpha, 1 - alpha))
    return mean - high * error, mean - low * error
