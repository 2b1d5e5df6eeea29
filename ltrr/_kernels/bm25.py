"""Sparse retrieval over postings with precomputed weights: exact top k, and scores of given pairs.

A score is a sum of float32 weights in one fixed order, by `order_terms`, in both kernels: so a pair's score
has the same bits whichever way it was reached. A term's bound is its largest weight. Terms are walked from
the largest bound down; once the bounds of what is left cannot lift an untouched document into the top k, the
rest (the long, cheap lists) only completes documents that still can get there.

Source: Turtle, Flood, "Query evaluation: strategies and optimizations", IP&M 31(6), 1995, section 4
("max score").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr._kernels.top_k import UInt64, key_bits, key_item, key_of, offer, sort_descending
from ltrr.types.arrays import Float32, Int32, Int64

__all__ = ["Postings", "Rows", "order_terms", "score_pairs", "search"]

# Bounds are added in float64, scores in float32, where each addition may err by 6e-8 of the sum.
_ROUNDING = 1e-6

# Documents compared at once: such a count is vectorised, and nearly all chunks hold none of the best.
_CHUNK = 256

# Once one document in so many may be touched, a walk over all of them is faster than one over a list.
_DENSE = 8

# What it costs to look one weight up in a row, mostly cache misses, measured in postings walked.
_LOOKUP = 40


class Postings(NamedTuple):
    """Weights by term: documents ascend within a term; ``bound`` is the largest weight of each term."""

    indptr: Int64
    doc: Int32
    weight: Float32
    bound: Float32


class Rows(NamedTuple):
    """Weights by document: terms ascend within a document."""

    indptr: Int64
    term: Int32
    weight: Float32


@kernel
def order_terms(term: Int32, bound: Float32, out: Int32) -> int:
    """Fill ``out`` with the terms that can add to a score, largest bound first, and return their number.

    Equal bounds keep the query's order; unknown terms (−1) and those of bound 0 are left out.
    """
    n = 0
    for t in term:
        # Insertion, since queries have few terms; strictly smaller, so that equal bounds keep their order.
        if t >= 0 and bound[t] > 0.0:
            at = n
            while at > 0 and bound[out[at - 1]] < bound[t]:
                out[at] = out[at - 1]
                at -= 1
            out[at] = t
            n += 1
    return n


@kernel
def _weight(rows: Rows, doc: int, term: int) -> np.float32:
    """Return the weight of a term in a document, 0 if it is absent."""
    low, high = rows.indptr[doc], rows.indptr[doc + 1]
    while low < high:
        middle = (low + high) >> 1
        if rows.term[middle] < term:
            low = middle + 1
        else:
            high = middle
    # The bisection ends at the first term not below the wanted one, which may belong to the next document.
    if low < rows.indptr[doc + 1] and rows.term[low] == term:
        weight: np.float32 = rows.weight[low]
        return weight
    return np.float32(0.0)


@kernel
def score_pairs(
    q_indptr: Int64, q_term: Int32, indptr: Int64, item: Int32, rows: Rows, bound: Float32, out: Float32
) -> None:
    """Fill ``out`` (N,) with the scores of each request's items; −1 items score 0.

    Parameters
    ----------
    q_indptr, q_term : int64 (B + 1,), int32 (T,)
        Terms of each query, −1 where unknown.
    indptr, item : int64 (B + 1,), int32 (N,)
        Items of each request.
    rows : Rows
        Weights by document.
    bound : float32 (V,)
        Largest weight of each term.
    out : float32 (N,)
        Filled.
    """
    terms = np.empty(len(q_term), np.int32)
    for b in range(len(indptr) - 1):
        m = order_terms(q_term[q_indptr[b] : q_indptr[b + 1]], bound, terms)
        for i in range(indptr[b], indptr[b + 1]):
            # In float32 and in the order of `search`, or the two would differ in the last bit. An absent term
            # adds an exact 0, as if it had been passed over.
            total = np.float32(0.0)
            if item[i] >= 0:
                for j in range(m):
                    total += _weight(rows, item[i], terms[j])
            out[i] = total


@kernel
def _best_of_all(acc: Float32, k: int, heap: UInt64) -> int:
    """Fill ``heap`` with the keys of the best ``k`` documents of positive score and return their number."""
    # Scores are never negative, and the bits of such floats rise with their value, so integers are compared.
    bits = acc.view(np.int32)
    size = 0
    # The heap takes scores above 0 only: documents that no term touched stay out.
    floor = np.int32(0)
    for start in range(0, len(bits), _CHUNK):
        chunk = bits[start : start + _CHUNK]
        above = np.int32(0)
        for value in chunk:
            above += np.int32(value > floor)
        if above > 0:
            for i in range(len(chunk)):
                # documents ascend, so that of equal scores the later one is never better
                if chunk[i] > floor:
                    size = offer(heap, size, k, key_of(chunk[i], start + i))
                    if size == k:
                        # Until the heap is full anything positive may enter; from then on its smallest key is
                        # the k-th best.
                        floor = np.int32(key_bits(heap[0]))
    return size


@kernel
def _best_of_touched(acc: Float32, touched: Int32, k: int, heap: UInt64) -> int:
    """Fill ``heap`` with the keys of the best ``k`` of ``touched`` and return their number."""
    bits = acc.view(np.int32)
    size = 0
    for d in touched:
        key = key_of(bits[d], d)
        # asked before the call, since a call costs more than most documents are worth
        if size < k or key > heap[0]:
            size = offer(heap, size, k, key)
    return size


@kernel
def _add(doc: Int32, weight: Float32, acc: Float32) -> None:
    """Add a term's weights to the accumulators."""
    for p in range(len(doc)):
        acc[doc[p]] += weight[p]


@kernel
def _add_and_list(doc: Int32, weight: Float32, acc: Float32, touched: Int32, n: int) -> int:
    """Add a term's weights to the accumulators; list what was untouched and return the new length."""
    for p in range(len(doc)):
        d = doc[p]
        # no branch: whether a document is new cannot be predicted
        touched[n] = d
        n += acc[d] == 0.0
        acc[d] += weight[p]
    return n


@kernel
def _add_to_touched(doc: Int32, weight: Float32, acc: Float32) -> None:
    """Add a term's weights to documents that have a score already."""
    for p in range(len(doc)):
        d = doc[p]
        # A product with 0 or 1 instead of a branch. Untouched documents stay at exactly 0 and cannot come
        # back.
        acc[d] += weight[p] * np.float32(acc[d] > 0.0)


@kernel
def _drop(acc: Float32, touched: Int32, least: float) -> int:
    """Forget documents of a score below ``least``; the others move to the front. Return their number."""
    kept = 0
    for d in touched:
        if acc[d] >= least:
            touched[kept] = d
            kept += 1
        else:
            acc[d] = 0.0
    return kept


@kernel
def _search_one(
    terms: Int32, k: int, postings: Postings, rows: Rows, acc: Float32, touched: Int32, heap: UInt64
) -> int:
    """Fill ``heap`` with the keys of the best ``k`` documents, descending; leave ``acc`` all zero."""
    m = len(terms)
    # One rounding for each addition to a score, and one to spare for the sums of bounds.
    slack = 1.0 + (m + 1) * _ROUNDING
    # The largest score that an untouched document can still reach, and the postings that are not yet walked.
    rest = 0.0
    left = 0
    for t in terms:
        rest += postings.bound[t]
        left += postings.indptr[t + 1] - postings.indptr[t]
    many = len(acc) // _DENSE
    dense = False
    growing = True
    n = 0
    for j in range(m):
        # looking for the k-th best costs a walk: worth it only where a longer one may be saved
        if growing and left > min(n, many) and (dense or n >= k):
            size = _best_of_all(acc, k, heap) if dense else _best_of_touched(acc, touched[:n], k, heap)
            kth = float(acc[key_item(heap[0])]) if size == k else 0.0
            # Strictly below: a newcomer with the same score but a lower id would belong to the k best.
            if rest * slack < kth:
                growing = False
                if not dense:
                    # The k-th best score only grows, so a document that cannot reach today's never will.
                    n = _drop(acc, touched[:n], kth / slack - rest * slack)
                    if n * (m - j) * _LOOKUP < left:
                        # Terms are added in the same order as by postings, and absent ones as exact zeros:
                        # the bits agree.
                        for d in touched[:n]:
                            for t in terms[j:]:
                                acc[d] += _weight(rows, d, t)
                        break
        start, end = postings.indptr[terms[j]], postings.indptr[terms[j] + 1]
        doc, weight = postings.doc[start:end], postings.weight[start:end]
        # Not after the early exit: the list is short by then, and can no longer grow.
        dense = dense or (growing and n + len(doc) > many)
        if not growing:
            _add_to_touched(doc, weight, acc)
        elif dense:
            _add(doc, weight, acc)
        else:
            n = _add_and_list(doc, weight, acc, touched, n)
        # Subtracting errs by about 1e-16 of the first sum. The slack covers that unless bounds differ by 1e9.
        rest -= postings.bound[terms[j]]
        left -= end - start
    size = _best_of_all(acc, k, heap) if dense else _best_of_touched(acc, touched[:n], k, heap)
    sort_descending(heap, size)
    # Without a list of what was touched the whole array is cleared, which costs no more than a walk.
    if dense:
        acc[:] = 0.0
    else:
        for d in touched[:n]:
            acc[d] = 0.0
    return size


@kernel
def search(
    q_indptr: Int64,
    q_term: Int32,
    out_indptr: Int64,
    postings: Postings,
    rows: Rows,
    item: Int32,
    score: Float32,
    count: Int64,
) -> None:
    """Write the best documents of each query to ``item[out_indptr[b]:]`` and their number to ``count[b]``.

    At most ``out_indptr[b + 1] - out_indptr[b]`` documents, all of positive score, score descending, then
    document ascending.

    Parameters
    ----------
    q_indptr, q_term : int64 (B + 1,), int32 (T,)
        Terms of each query, −1 where unknown.
    out_indptr : int64 (B + 1,)
        Room for each query's documents.
    postings, rows : Postings, Rows
        The same weights by term and by document.
    item, score : int32 (out_indptr[B],), float32 (out_indptr[B],)
        Filled from the beginning of each query's room.
    count : int64 (B,)
        Filled.
    """
    n_docs = len(rows.indptr) - 1
    n_terms = 0
    depth = 0
    for b in range(len(count)):
        n_terms = max(n_terms, q_indptr[b + 1] - q_indptr[b])
        depth = max(depth, out_indptr[b + 1] - out_indptr[b])
    terms = np.empty(n_terms, np.int32)
    acc = np.zeros(n_docs, np.float32)
    # one place more than there are documents, since `_add_and_list` writes before it knows
    touched = np.empty(n_docs + 1, np.int32)
    heap = np.empty(depth, np.uint64)
    # The score leaves the key as bits, so that no conversion can change it.
    bits = score.view(np.uint32)
    for b in range(len(count)):
        start = out_indptr[b]
        k = out_indptr[b + 1] - start
        count[b] = 0
        if k == 0:
            continue
        m = order_terms(q_term[q_indptr[b] : q_indptr[b + 1]], postings.bound, terms)
        size = _search_one(terms[:m], k, postings, rows, acc, touched, heap)
        count[b] = size
        for i in range(size):
            item[start + i] = key_item(heap[i])
            bits[start + i] = key_bits(heap[i])
