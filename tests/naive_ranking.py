"""Slow, obvious twins of what the ranking kernels compute."""

from __future__ import annotations

import math
import re

DAY = 86_400.0


def words(text):
    return re.findall(r"\w+", text.lower())


def idf(word, texts):
    df = sum(word in words(text) for text in texts)
    return math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))


def text_features(query, title, text, texts):
    """Features of query and item that need texts alone."""
    asked = words(query)
    vocabulary = {word for other in texts for word in words(other)}
    known = [word for word in asked if word in vocabulary]
    # each unknown token is a term of its own
    distinct = len(set(known)) + len(asked) - len(known)

    def share(other):
        return len(set(known) & set(words(other))) / distinct if distinct else 0.0

    return {
        "overlap": share(text),
        "title_overlap": share(title),
        "query_length": len(asked),
        "query_idf_mean": sum(idf(word, texts) for word in known) / len(known) if known else 0.0,
        "query_unknown_share": (len(asked) - len(known)) / len(asked) if asked else 0.0,
        "title_length": len(words(title)),
        "text_length": math.log(1 + len(words(text))),
    }


def bm25(query, text, texts, k1=1.5, b=0.75):
    mean = sum(len(words(other)) for other in texts) / len(texts)
    total = 0.0
    for word in words(query):
        tf = words(text).count(word)
        if tf:
            held_back = k1 * (1 - b + b * len(words(text)) / (mean or 1.0))
            total += idf(word, texts) * tf / (tf + held_back)
    return total


def bm25_bound(query, texts):
    """The limit of an ever longer repetition of every word of the query."""
    vocabulary = {word for other in texts for word in words(other)}
    return sum(idf(word, texts) for word in words(query) if word in vocabulary)


def age(now, released):
    return math.log(1 + max(0.0, (now - released) / DAY))


def weighted(row, names, weights):
    total = 0.0
    for name, weight in weights.items():
        total += weight * float(row[names.index(name)])
    return total


def reciprocal_rank_fusion(lists, k):
    """Scores of items from lists of item ids, best first, as a dictionary."""
    scores = {}
    for ranked in lists:
        for place, item in enumerate(ranked, start=1):
            scores[item] = scores.get(item, 0.0) + 1.0 / (k + place)
    return scores


def training_points(first, factor, last):
    """Declared numbers of rows up to ``last``."""
    points, point = [], first
    while point <= last:
        points.append(point)
        point = max(point + 1, int(point * factor))
    return points


def ndcg(score, gain, k):
    """Mean linear-gain nDCG@k over lists of scores and gains; lists without gain are left out."""
    values = []
    for s, g in zip(score, gain, strict=True):
        order = sorted(range(len(s)), key=lambda i: (-s[i], i))
        ideal = sorted(g, reverse=True)
        best = sum(x / math.log2(r + 2) for r, x in enumerate(ideal[:k]))
        if best > 0:
            values.append(sum(g[i] / math.log2(r + 2) for r, i in enumerate(order[:k])) / best)
    return sum(values) / len(values)
