"""Slow, obvious twins of lexical and dense retrieval, and small builders for their tests."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from ltrr.types import Candidates, Catalogue, Items, Queries, Requests


def catalogue_of(texts, alive=None):
    names = tuple(str(i) for i in range(len(texts)))
    return Catalogue(names, {"text": tuple(texts)}, alive=alive)


def requests_of(texts, query=None):
    """One request a query text, or one for each id in ``query``."""
    query = np.arange(len(texts)) if query is None else np.asarray(query, np.int32)
    n = len(query)
    ids = np.arange(n)
    return Requests(ids, ids, ids, query, ids, np.zeros((n, 0)), (), Queries(tuple(texts)))


def items_of(lists):
    indptr = np.concatenate([[0], np.cumsum([len(x) for x in lists])])
    return Items(indptr, np.array([i for x in lists for i in x], np.int32))


def depths(n, depth):
    return np.full(n, depth, np.int32)


def rows(found: Candidates):
    """The lists as Python lists of (item, score)."""
    return [
        list(zip(found.item[a:z].tolist(), found.score[a:z].tolist(), strict=True))
        for a, z in zip(found.indptr[:-1], found.indptr[1:], strict=True)
    ]


def ranked(scores, depth):
    """Item ids by score descending, then id ascending."""
    return sorted(scores, key=lambda i: (-scores[i], i))[:depth]


def naive_bm25(texts, query, k1=1.5, b=0.75, method="lucene"):
    """Score every text, from the formula in the docstring of `BM25`."""
    docs = [Counter(text.split()) for text in texts]
    n = len(docs)
    mean = sum(sum(doc.values()) for doc in docs) / n
    scores = []
    for doc in docs:
        total = 0.0
        for word in query.split():
            df = sum(word in other for other in docs)
            if df == 0 or word not in doc:
                continue
            odds = (n - df + 0.5) / (df + 0.5)
            idf = {
                "lucene": math.log(1 + odds),
                "robertson": max(0.0, math.log(odds)),
                "atire": math.log(n / df),
            }[method]
            gain = k1 + 1 if method == "atire" else 1.0
            held_back = k1 * (1 - b + b * sum(doc.values()) / mean)
            total += idf * gain * doc[word] / (doc[word] + held_back)
        scores.append(total)
    return scores


def naive_cosines(vectors, query):
    """Cosines in float64; NaN where a vector is zero."""
    out = []
    for vector in vectors.astype(np.float64):
        lengths = math.sqrt(sum(vector**2)) * math.sqrt(sum(query.astype(np.float64) ** 2))
        out.append(sum(vector * query) / lengths if lengths > 0 else math.nan)
    return out


def naive_run(lines, topic, alive):
    """List (item, score) of a topic of a run whose documents are item ids, as `TrecRun` says."""
    cells = [line.split() for line in lines]
    own = {int(c[2]): np.float32(float(c[4])) for c in cells if c[0] == topic and int(c[2]) < len(alive)}
    scores = {i: s for i, s in own.items() if alive[i]}
    return [(i, scores[i]) for i in ranked(scores, len(alive))]


def near_lists(query, table, neighbours, prior, prior_weight):
    """Return [(item, score)]: own entries by 1 + rate, then others' by the greatest rate times factor.

    ``table`` maps a query to {item: (actions, shows)}; ``neighbours`` is [(query, factor)].
    """

    def rate(actions, shows):
        return (float(actions) + prior * prior_weight) / (float(shows) + prior_weight)

    own = {i: np.float32(1.0 + rate(*counts)) for i, counts in table.get(query, {}).items()}
    near = {}
    for other, factor in neighbours:
        for i, counts in table.get(other, {}).items():
            if i not in own and factor > 0:
                near[i] = max(near.get(i, np.float32(0)), np.float32(factor * rate(*counts)))
    return sorted([*own.items(), *near.items()], key=lambda pair: (-pair[1], pair[0]))


def near_queries(query, vectors, known, floor, m):
    """Return [(query, cosine)] of the at most ``m`` nearest known queries at or above the floor."""
    found = [(o, np.dot(vectors[query], vectors[o])) for o in known if o != query]
    return sorted([f for f in found if f[1] >= floor], key=lambda pair: (-pair[1], pair[0]))[:m]


class CarefulMemory:
    """A memory that keeps every event, from the docstring of `Memory`; no entry ever leaves."""

    def __init__(self, alive, prior, weight, *, position=0.0, half_life=math.inf, once=False, caution=0.0):
        self.alive, self.prior, self.weight = alive, prior, weight
        self.position, self.half_life, self.once, self.caution = position, half_life, once, caution
        self.events, self.last, self.now = {}, {}, 0

    def learn(self, query, user, page, acted):
        for q, who, items, did in zip(query, user, page, acted, strict=True):
            for place, (item, yes) in enumerate(zip(items, did, strict=True)):
                pair = (int(q), int(item))
                if q < 0 or item < 0 or (pair not in self.events and not (yes and self.alive[item])):
                    continue
                if yes and self.once and who >= 0 and self.last.get(pair) == who:
                    continue
                seen = math.log2(place + 2) ** -self.position
                self.events.setdefault(pair, []).append((self.now, float(yes), seen))
                if yes and who >= 0:
                    self.last[pair] = who
            self.now += 1

    def counts(self, query, item):
        worth = [(2.0 ** ((t - self.now) / self.half_life), a, s) for t, a, s in self.events[query, item]]
        return sum(w * a for w, a, _ in worth), sum(w * s for w, _, s in worth)

    def rate(self, query, item):
        actions, shows = self.counts(query, item)
        n = shows + self.weight
        p = min((actions + self.prior * self.weight) / n, 1.0)
        z = self.caution
        # the smaller root r of (p - r)² = z² r (1 - r) / n
        a, b, c = 1 + z * z / n, -(2 * p + z * z / n), p * p
        return (-b - math.sqrt(max(b * b - 4 * a * c, 0.0))) / (2 * a)


def naive_popular_by(popularity, page, acted, segment, asked, *, weight, decay=1.0, window=None, m=50.0):
    """Scores of all items to a request of segment ``asked``, from the formula of `Popular`."""
    n = len(popularity)
    highest = max(popularity)
    prior = [weight * p / highest if highest else 0.0 for p in popularity]
    count, own = [0.0] * n, [0.0] * n
    first = 0 if window is None else max(0, len(page) - window)
    for b in range(first, len(page)):
        worth = decay ** (len(page) - 1 - b)
        for item, did in zip(page[b], acted[b], strict=True):
            if item >= 0 and did:
                count[item] += worth
                own[item] += worth * (segment[b] == asked)
    overall = [c + p for c, p in zip(count, prior, strict=True)]
    if sum(own) + m == 0.0:
        return [math.log1p(c) for c in overall]
    scale = sum(count) + sum(prior)
    return [math.log1p((scale * c + m * o) / (sum(own) + m)) for c, o in zip(own, overall, strict=True)]


def naive_fresh(released, alive, shows, time, half_life, bonus):
    """[(item, score)] of what a request at ``time`` gets, best first."""
    newest = max(r for r, a in zip(released, alive, strict=True) if a)
    scores = {
        i: (released[i] - newest) / half_life + math.log2(1 + bonus / (1 + shows[i]))
        for i in range(len(released))
        if alive[i] and released[i] <= time
    }
    return [(i, scores[i]) for i in ranked(scores, len(scores))]


def naive_explore(pool, shows, actions, *, prior, prior_weight, width, relevance):
    """[(item, score)] of a list of (item, base score), ordered by upper bound, best first."""
    scores = {}
    for item, base in pool:
        better = sum(other > base for _, other in pool)
        weight = shows[item] + prior_weight
        mean = (actions[item] + prior * prior_weight) / weight
        deviation = math.sqrt(mean * (1 - mean) / (weight + 1))
        scores[item] = np.float32((mean + width * deviation) * math.log2(better + 2) ** -relevance)
    return [(i, scores[i]) for i in ranked(scores, len(scores))]


def naive_hybrid(lists, weights, fusion, pool, *, k, strength):
    """Return [(item, score)] of two lists {item: score}, words then vectors, as `Hybrid` says."""
    totals = {}
    cut = [{i: own[i] for i in ranked(own, pool)} for own in lists]
    for m, own in enumerate(cut):
        for i, score in own.items():
            low, high = min(own.values()), max(own.values())
            scaled = (score - low) / (high - low) if high > low else 1.0
            weight = weights[m]
            if fusion == "rrf":
                value = weight / (k + sum(other > score for other in own.values()) + 1.0)
            elif fusion == "relative-score":
                value = weight * (max(score, 0.0) / high if high > 0.0 else 0.0)
            elif fusion == "confidence" and m == 0:
                value = weight * max(0.0, 1.0 - strength * naive_margin(cut[1])) * scaled
            else:
                value = weight * scaled
            totals[i] = totals.get(i, 0.0) + value
    found = {i: float(np.float32(total)) for i, total in totals.items()}
    return [(i, found[i]) for i in ranked(found, len(found))]


def naive_margin(own):
    """Return how far the second score lies below the first, as a share of the range."""
    scores = sorted(own.values(), reverse=True)
    width = scores[0] - scores[-1] if scores else 0.0
    return (scores[0] - scores[1]) / width if width > 0.0 else 0.0


def naive_co_counts(query, item, weight, session, n, share):
    """Weights by (query, item); an action counts a share for each other query of its session."""
    out = np.zeros((n, n))
    for q, i, w, s in zip(query, item, weight, session, strict=True):
        for other in {p for p, t in zip(query, session, strict=True) if t == s}:
            out[other, i] += w if other == q else share * w
    return out


def naive_ppmi(counts, smoothing):
    """Positive pointwise mutual information with smoothed shares of the items, pair by pair."""
    items = counts.sum(axis=0) ** smoothing
    out = np.zeros(counts.shape)
    for q, i in zip(*np.nonzero(counts), strict=True):
        out[q, i] = max(0.0, math.log(counts[q, i] / counts[q].sum() / (items[i] / items.sum())))
    return out
