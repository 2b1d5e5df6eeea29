"""What is true of a request: the topic it means, and the grades of items for that topic."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Bool, Float64, Int8, Int32, Int64

__all__ = ["draw_topics", "grade_items"]


@kernel
def draw_topics(query: Int32, u: Float64, indptr: Int64, topic: Int32, weight: Float64, out: Int64) -> None:
    """Fill ``out`` (B,) with the topic that each request means, by inverse CDF over its query's topics.

    Parameters
    ----------
    query : int32 (B,), >= 0
        Query of each request.
    u : float64 (B,), in [0, 1)
        Uniforms.
    indptr, topic, weight : int64 (Q + 1,), int32 (M,), float64 (M,)
        Topics of each query and their probabilities.
    out : int64 (B,)
        Filled.
    """
    for b in range(len(query)):
        left = u[b]
        chosen = -1
        for i in range(indptr[query[b]], indptr[query[b] + 1]):
            if weight[i] > 0.0:
                # kept also when the weights sum to a hair below the uniform
                chosen = topic[i]
                if left < weight[i]:
                    break
                left -= weight[i]
        out[b] = chosen


@kernel
def grade_items(
    indptr: Int64,
    item: Int32,
    topic: Int64,
    topic_indptr: Int64,
    topic_item: Int32,
    topic_grade: Int8,
    grade: Int8,
    listed: Bool,
) -> None:
    """Fill ``grade`` and ``listed`` (N,) for ragged items, given the topic (B,) of each request.

    The topic's items ascend, so each item is found by binary search. An empty place (−1) has grade −1 and
    is not listed; an item without a judgement has grade 0 and is not listed.

    Parameters
    ----------
    indptr, item : int64 (B + 1,), int32 (N,)
        Items of each request.
    topic : int64 (B,)
        Topic of each request.
    topic_indptr, topic_item, topic_grade : int64 (T + 1,), int32 (J,), int8 (J,)
        Graded items of each topic, items ascending.
    grade, listed : int8 (N,), bool (N,)
        Filled.
    """
    for b in range(len(topic)):
        start = topic_indptr[topic[b]]
        stop = topic_indptr[topic[b] + 1]
        for i in range(indptr[b], indptr[b + 1]):
            wanted = item[i]
            low, high = start, stop
            while low < high:
                middle = (low + high) >> 1
                if topic_item[middle] < wanted:
                    low = middle + 1
                else:
                    high = middle
            found = low < stop and topic_item[low] == wanted
            listed[i] = found
            if found:
                grade[i] = topic_grade[low]
            elif wanted < 0:
                grade[i] = -1
            else:
                grade[i] = 0
