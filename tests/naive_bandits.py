"""Slow, obvious twins of the policies and of credit, and the small worlds their tests share."""

from __future__ import annotations

import math

import numpy as np

from ltrr.types import ActionSet, Decision, Feedback, Queries, Requests

ARMS = ("bm25", "dense", "memory", "popular")


def requests_of(context, first=0):
    n, d = context.shape
    ids = np.arange(first, first + n)
    names = tuple(f"c{i}" for i in range(d))
    return Requests(ids, ids, ids, np.zeros(n, np.int32), ids * 1.0, context, names, Queries(("q",)))


def slab_actions(counts, rng, ragged=False):
    """One action an arm (some missing if ragged), with features arm:…, slab, credit."""
    n, r = counts.shape
    keep = rng.random((n, r)) < 0.6 if ragged else np.ones((n, r), bool)
    keep[np.arange(n), rng.integers(r, size=n)] = True
    row, arm = np.nonzero(keep)
    onehot = np.eye(r, dtype=np.int32)[arm]
    features = np.column_stack([onehot, counts[row, arm] / 3, rng.random(len(row)) * 0.2]).astype(np.float32)
    names = (*(f"arm:{a}" for a in ARMS[:r]), "slab", "credit")
    indptr = np.concatenate([[0], np.cumsum(keep.sum(1))])
    return ActionSet(indptr, arm, features, names, r, counts[row] + onehot)


def allocation_actions(n, rng):
    """All quotas of 2 slots over 3 arms."""
    quotas = np.array([q for q in np.ndindex(3, 3, 3) if sum(q) == 2], np.int32)
    q = len(quotas)
    features = np.column_stack([np.tile(quotas / 2, (n, 1)), rng.random(n * q)]).astype(np.float32)
    names = (*(f"share:{a}" for a in ARMS[:3]), "credit")
    return ActionSet(
        np.arange(n + 1) * q, np.tile(np.arange(q), n), features, names, q, np.tile(quotas, (n, 1))
    )


def feedback_of(n, rng, space="slabs", ragged=False, n_slots=3, first=0, d=5):
    """Feedback on random decisions with credits in [0, 1]."""
    requests = requests_of(rng.normal(size=(n, d)).astype(np.float32), first)
    if space == "allocations":
        n_slots, r = 1, 3
    else:
        r = len(ARMS)
    counts = np.zeros((n, r), np.int32)
    sets, taken, propensity, quota = [], [], [], counts
    for _ in range(n_slots):
        actions = slab_actions(counts, rng, ragged) if space == "slabs" else allocation_actions(n, rng)
        width = np.diff(actions.indptr)
        flat = actions.indptr[:-1] + rng.integers(0, width) if n else np.zeros(0, np.int64)
        sets.append(actions)
        taken.append(actions.action[flat])
        propensity.append(1.0 / width)
        counts = quota = actions.quota[flat]
    decision = Decision(
        action=np.stack(taken, 1),
        propensity=np.stack(propensity, 1),
        quota=quota,
        audit=np.zeros((n, n_slots), bool),
        actions=tuple(sets),
        probabilities=tuple(np.repeat(1.0 / np.diff(a.indptr), np.diff(a.indptr)) for a in sets),
        version=np.zeros(n, np.int32),
    )
    k = 2
    none = np.zeros((n, k), bool)
    return Feedback(
        requests=requests,
        decision=decision,
        item=np.full((n, k), -1),
        slots=np.zeros((n, k)),
        features=np.zeros((n, k, 1)),
        click=none,
        satisfied=none,
        abandoned=np.ones(n, bool),
        arrived_at=np.zeros(n),
        reward=np.zeros(n),
        value=np.zeros((n, k)),
        credit=rng.random((n, n_slots)),
    )


def arrays_of(value, found):
    """Collect all arrays within nested dataclasses and tuples."""
    if isinstance(value, np.ndarray):
        found.append(value)
    elif isinstance(value, tuple):
        for part in value:
            arrays_of(part, found)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            arrays_of(getattr(value, name), found)
    return found


def naive_joint(requests, actions):
    rows = []
    for b in range(len(requests)):
        for n in range(actions.indptr[b], actions.indptr[b + 1]):
            row = [1.0, *actions.features[n]]
            for f, name in enumerate(actions.names):
                if name.split(":")[0] in ("arm", "share"):
                    row += [actions.features[n, f] * c for c in requests.context[b]]
            rows.append(row)
    return np.array(rows, np.float32)


class NaiveRidge:
    """Keeps every row and solves the normal equations whenever asked."""

    def __init__(self, ridge):
        self.ridge, self.x, self.r = ridge, [], []

    def learn(self, x, r):
        self.x.append(np.asarray(x, np.float64))
        self.r.append(r)

    def bound(self, x, alpha):
        x = np.asarray(x, np.float64)
        a = self.ridge * np.eye(len(x))
        b = np.zeros(len(x))
        for row, r in zip(self.x, self.r, strict=True):
            a += np.outer(row, row)
            b += r * row
        return x @ np.linalg.solve(a, b) + alpha * math.sqrt(x @ np.linalg.solve(a, x))


def naive_gross(items, value, counted):
    """The page's reward of a set of places: all of it if one counts, else the sum of their values."""
    if counted is None:
        return sum(value[k] for k in items)
    return sum(value) if any(counted[k] for k in items) else 0.0


def naive_credit(rule, value, slots, n_slots, kind, click, satisfied, u):
    out = np.zeros((len(value), n_slots))
    for b in range(len(value)):
        places = range(len(value[b]))
        drew = [{k for k in places if int(slots[b][k]) >> s & 1} for s in range(n_slots)]
        for s in range(n_slots):
            before = set().union(*drew[:s])
            others = set().union(*(drew[t] for t in range(n_slots) if t != s))
            for k in places:
                m = sum(k in d for d in drew)
                if rule == "page":
                    out[b, s] += value[b][k]
                elif k in drew[s]:
                    earns = {"any": True, "first": k not in before, "marginal": k not in others}
                    out[b, s] += value[b][k] / m if rule == "split" else value[b][k] * earns.get(rule, False)
        if rule == "sequential":
            counted = {"satisfied": satisfied[b], "click": click[b]}.get(kind)
            have = set()
            for s in sorted(range(n_slots), key=lambda s: (u[b][s], s)):
                more = have | drew[s]
                out[b, s] = naive_gross(more, value[b], counted) - naive_gross(have, value[b], counted)
                have = more
    return out


class NaiveTurns:
    """Decides request by request and slot by slot, with inverses solved afresh from all rows that count."""

    def __init__(self, twins, alpha):
        self.twins, self.alpha = twins, alpha
        self.before = [[] for _ in twins]  # rows chosen in earlier batches
        self.batch = []  # for each request of the batch: (regression, row) of its slots so far

    def start(self, n):
        for own in self.batch:
            for m, x in own:
                self.before[m].append(x)
        self.batch = [[] for _ in range(n)]

    def bound(self, m, x, counted):
        twin = self.twins[m]
        x = np.asarray(x, np.float64)
        a = twin.ridge * np.eye(len(x))
        for row in [*twin.x, *counted]:
            a += np.outer(row, row)
        return twin.bound(x, 0.0) + self.alpha * math.sqrt(x @ np.linalg.solve(a, x))

    def slot(self, offers):
        """Return the position chosen by each request among its (regression, row) offers."""
        out, counted = [], [list(rows) for rows in self.before]
        for own, offer in zip(self.batch, offers, strict=True):
            bounds = [self.bound(m, x, counted[m]) for m, x in offer]
            best = bounds.index(max(bounds))
            out.append(best)
            own.append((offer[best][0], np.asarray(offer[best][1], np.float64)))
            for m, x in own:
                counted[m].append(x)
        return out
