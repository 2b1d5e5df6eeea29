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
