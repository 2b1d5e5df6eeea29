"""Slow twins of the kernels that serve a batch of one request: plain loops over plain lists."""

import numpy as np


def naive_slab_actions(have, quota, slabs, slot_size, n_slots, credit):
    """Return the feature rows and the quotas of the next slab of each arm, request by request."""
    rows, after = [], []
    for b, taken in enumerate(quota.tolist()):
        for a, slots in enumerate(taken):
            left = slabs[a]
            if have[b, a] >= 0:
                left = sorted((0, have[b, a] - slots * slabs[a], slabs[a]))[1]
            one = [float(j == a) for j in range(len(taken))]
            share = [slots / n_slots * x for x in one]
            rows.append([*one, *share, 1.0 - left / slot_size, credit[b, a]])
            after.append([n + (j == a) for j, n in enumerate(taken)])
    return np.array(rows, np.float32), np.array(after, np.int32)


def naive_shown(indptr, candidate, slots, features):
    """Return place in the request's list, slots and features of every place of the pages."""
    blank = (-1, 0, [0.0] * features.shape[1])
    out = [
        [blank if at < 0 else (at - indptr[b], slots[at], features[at].tolist()) for at in row]
        for b, row in enumerate(candidate.tolist())
    ]
    return tuple([[place[i] for place in row] for row in out] for i in range(3))


def naive_new_queries(query, asked):
    """Return which rows ask a query for the first time, and the queries asked by then."""
    asked, new = set(asked), []
    for q in query:
        new.append(q < 0 or q not in asked)
        asked |= {q} - {-1}
    return new, asked


def naive_pages_fit(grades, max_grade):
    """Say whether each page is grades in range, then nothing but empty places."""
    filled = [[g for g in page if g != -1] for page in grades]
    return all(
        page[: len(own)] == own and all(0 <= g <= max_grade for g in own)
        for page, own in zip(grades, filled, strict=True)
    )


def naive_pair_columns(indptr, item, rate, actions, coverage):
    """Return the four columns of memory for every pair, zeros in empty places."""
    owner = [b for b in range(len(indptr) - 1) for _ in range(indptr[b], indptr[b + 1])]
    return [
        [0.0] * 4 if i < 0 else [rate[j], actions[j], coverage[b][2], float(coverage[b][0] > 0)]
        for j, (b, i) in enumerate(zip(owner, item, strict=True))
    ]


def naive_with_share(lists, bound):
    """Return scores and their shares of each request's bound."""
    return [
        [x, np.float32(x) / np.float32(most) if most > 0 else 0.0]
        for own, most in zip(lists, bound, strict=True)
        for x in own
    ]
