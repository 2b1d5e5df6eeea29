"""Slow, obvious twins of what the ranking kernels compute."""

from __future__ import annotations

import math
import re

import numpy as np

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


def reciprocal_rank_fusion(lists, k, weights=None):
    """Scores of items from lists of item ids, best first, as a dictionary."""
    scores = {}
    for a, ranked in enumerate(lists):
        for place, item in enumerate(ranked, start=1):
            scores[item] = scores.get(item, 0.0) + (weights[a] if weights else 1.0) / (k + place)
    return scores


def convex_combination(lists, weights):
    """Scores of items from one dictionary of scores by item for each arm."""
    scores = {}
    for scored, weight in zip(lists, weights, strict=True):
        for item, score in scored.items():
            low, high = min(scored.values()), max(scored.values())
            scaled = (score - low) / (high - low) if high > low else 1.0
            scores[item] = scores.get(item, 0.0) + weight * scaled
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


def naive_trees(model, rows):
    """Walk LightGBM's dump of a model row by row, by its documentation of missing values."""
    out = []
    for row in rows:
        total = 0.0
        for tree in model["tree_info"]:
            node = tree["tree_structure"]
            while "leaf_value" not in node:
                value, kind = float(row[node["split_feature"]]), node["missing_type"]
                tiny = abs(value) <= float(np.float32(1e-35))
                if kind == "NaN":
                    gone = np.isnan(value)
                else:
                    value = 0.0 if np.isnan(value) or tiny else value
                    gone = kind == "Zero" and value == 0.0
                value = 0.0 if tiny else value
                left = node["default_left"] if gone else value <= node["threshold"]
                node = node["left_child" if left else "right_child"]
            total += node["leaf_value"]
        out.append(total)
    return np.array(out)
