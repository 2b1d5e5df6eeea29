"""Slow, obvious twins of memory, popular list, union and page, and small batches to try them on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ltrr.types import ActionSet, Candidates, Catalogue, Decision, Feedback, Items, Queries, Requests


def make_catalogue(n, popularity=None, alive=None):
    return Catalogue(tuple(map(str, range(n))), {"title": ("x",) * n}, popularity=popularity, alive=alive)


def make_requests(query, table=None):
    n = len(query)
    table = Queries(tuple(f"text {q}" for q in range(max(query, default=-1) + 1))) if table is None else table
    ids = np.arange(n)
    return Requests(ids, ids, ids, np.asarray(query, np.int32), ids, np.zeros((n, 0)), (), table)


def make_feedback(query, page, acted, signal="satisfied", table=None):
    """Return pages (B, K) with actions; the other signal is all False."""
    page = np.asarray(page, np.int32)
    acted = np.asarray(acted, bool)
    n, k = page.shape
    none = np.zeros((n, k), bool)
    actions = ActionSet(np.arange(n + 1), np.zeros(n), np.zeros((n, 0)), (), 1)
    decision = Decision(
        action=np.zeros((n, 1)),
        propensity=np.ones((n, 1)),
        quota=np.ones((n, 1)),
        audit=np.zeros((n, 1)),
        actions=(actions,),
        probabilities=(np.ones(n),),
        version=np.zeros(n),
    )
    return Feedback(
        requests=make_requests(query, table),
        decision=decision,
        item=page,
        slots=np.zeros((n, k)),
        features=np.zeros((n, k, 0)),
        click=acted if signal == "click" else none,
        satisfied=acted if signal == "satisfied" else none,
        abandoned=np.zeros(n),
        arrived_at=np.zeros(n),
        reward=np.zeros(n),
        value=np.zeros((n, k)),
        credit=np.zeros((n, 1)),
    )


def make_candidates(lists, depth=None):
    """Return lists of item ids as candidates with falling scores."""
    lengths = [len(x) for x in lists]
    depth = lengths if depth is None else depth
    return Candidates(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array([i for x in lists for i in x], np.int32),
        np.array([-r for x in lists for r in range(len(x))], np.float32),
        np.array(lengths) == np.array(depth),
    )


def make_items(lists):
    return Items(
        np.concatenate([[0], np.cumsum([len(x) for x in lists])]).astype(np.int64),
        np.array([i for x in lists for i in x], np.int32),
    )


def rows(candidates):
    """Return candidates as lists of (item, score)."""
    ends = candidates.indptr
    pairs = list(zip(candidates.item.tolist(), candidates.score.tolist(), strict=True))
    return [pairs[a:b] for a, b in pairwise(ends)]


class NaiveMemory:
    def __init__(self, capacity, prior, weight, alive):
        self.capacity, self.prior, self.weight, self.alive = capacity, prior, weight, alive
        self.table = {}

    def learn(self, query, page, acted):
        for q, items, did in zip(query, page, acted, strict=True):
            if q < 0:
                continue
            entries = self.table.setdefault(int(q), {})
            for item, yes in zip(items, did, strict=True):
                item = int(item)
                if item < 0:
                    continue
                if item in entries:
                    actions, shows = entries[item]
                    entries[item] = (actions + int(yes), shows + 1)
                elif yes and self.alive[item]:
                    if len(entries) == self.capacity:
                        del entries[min(entries, key=lambda i: (*entries[i], -i))]
                    entries[item] = (1, 1)

    def rate(self, query, item):
        if item not in self.table.get(query, {}):
            return np.float32(0)
        actions, shows = self.table[query][item]
        return np.float32((actions + self.prior * self.weight) / (shows + self.weight))

    def retrieve(self, query, depth):
        found = [(i, float(self.rate(query, i))) for i in self.table.get(query, {})]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:depth]

    def coverage(self, query):
        entries = self.table.get(query, {})
        if not entries:
            return [0.0, 0.0, 0.0]
        total = sum(a for a, _ in entries.values())
        return [np.log1p(len(entries)), np.log1p(total), max(self.rate(query, i) for i in entries)]


def naive_popular(popularity, alive, page, acted, weight, decay):
    """Return [(item, score)] of all living items, best first, after the lessons."""
    highest = max(popularity)
    count = [0.0] * len(popularity)
    for items, did in zip(page, acted, strict=True):
        count = [c * decay for c in count]
        for item, yes in zip(items, did, strict=True):
            if item >= 0 and yes:
                count[item] += 1.0
    prior = [weight * p / highest if highest else 0.0 for p in popularity]
    pairs = [(i, np.log1p(c + p)) for i, (c, p) in enumerate(zip(count, prior, strict=True)) if alive[i]]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def naive_union(lists, quota, slabs, slot_size, fallback, action=None):
    """Return, per request, {item: (slots, [(arm, slab, rank)])}, filling slot after slot one by one.

    ``lists[arm][request]`` holds all that an arm has for a request.
    """
    out = []
    for b in range(len(quota)):
        filled = action[b] if action is not None else [a for a, q in enumerate(quota[b]) for _ in range(q)]
        taken = [0] * len(lists)
        sources = []
        missing = []

        def take(arm, slot, b=b, taken=taken, sources=sources):
            if taken[arm] == len(lists[arm][b]):
                return False
            sources.append((arm, taken[arm], slot))
            taken[arm] += 1
            return True

        for slot, arm in enumerate(filled):
            found = sum(take(arm, slot) for _ in range(slabs[arm]))
            missing += [slot] * (slot_size - found)
        for slot in missing:
            any(take(arm, slot) for arm in fallback)
        found = {}
        for arm, rank, slot in sorted(sources):
            drawn, own = found.setdefault(lists[arm][b][rank], (set(), []))
            drawn.add(slot if action is not None else 0)
            own.append((arm, rank // slabs[arm], rank))
        out.append({i: (sum(1 << s for s in drawn), own) for i, (drawn, own) in sorted(found.items())})
    return out


def naive_page(indptr, item, score, k):
    """Return, per request, [(item, position, score)] of the page, without its empty places."""
    out = []
    for a, b in pairwise(indptr):
        best = sorted(range(a, b), key=lambda j: (-score[j], item[j]))[:k]
        out.append([(int(item[j]), j, float(score[j])) for j in best])
    return out
