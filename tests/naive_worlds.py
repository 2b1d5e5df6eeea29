"""Slow, obvious twins of the worlds."""

from __future__ import annotations

import numpy as np

from ltrr.rng import Streams
from ltrr.worlds import Topics


def pick(probability, u):
    """Return the first index whose cumulative probability exceeds u."""
    total = 0.0
    for i, p in enumerate(probability):
        total += p
        if u < total:
            return i
    return max(i for i, p in enumerate(probability) if p > 0)


def topic_of(topics: Topics, streams: Streams, request: int, query: int) -> int:
    row = slice(topics.query_indptr[query], topics.query_indptr[query + 1])
    u = float(streams.uniform("topic", request))
    return int(topics.query_topic[row][pick(topics.query_weight[row].tolist(), u)])


def judgements(topics: Topics, topic: int) -> dict[int, int]:
    row = slice(topics.topic_indptr[topic], topics.topic_indptr[topic + 1])
    return dict(zip(topics.topic_item[row].tolist(), topics.topic_grade[row].tolist(), strict=True))


def truth(topics: Topics, streams: Streams, request, query, lists):
    """Return one dictionary a request: topic, grades, judged flags, n_relevant, ideal."""
    out = []
    for r, q, items in zip(request, query, lists, strict=True):
        topic = topic_of(topics, streams, int(r), int(q))
        known = judgements(topics, topic)
        ideal = sorted(known.values(), reverse=True)[:20]
        out.append(
            {
                "topic": topic,
                "grade": [-1 if i < 0 else known.get(i, 0) for i in items],
                "judged": [i >= 0 and (topics.complete or i in known) for i in items],
                "n_relevant": sum(g >= 1 for g in known.values()),
                "ideal": ideal + [0] * (20 - len(ideal)),
            }
        )
    return out


def next_query_and_user(topics: Topics, n_users: int, streams: Streams, request: int) -> tuple[int, int]:
    zipf = 1.0 / np.arange(1, n_users + 1)
    query = pick(topics.traffic.tolist(), float(streams.uniform("query", request)))
    user = pick((zipf / zipf.sum()).tolist(), float(streams.uniform("user", request)))
    return query, user
