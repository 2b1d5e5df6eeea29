"""Slow, obvious twins of the target policies, and the small logs their tests share."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from ltrr.logs.events import Events, Space
from ltrr.logs.faults import Faults
from ltrr.replay.learning.rejection import feedback_of
from ltrr.replay.targets.described import described
from ltrr.rng import Streams
from ltrr.types import Queries

NAMES = ("latte", "tea", "flat white", "mocha", "water")


@dataclass
class MemoryLog:
    """A log of chunks in memory."""

    parts: list
    name: str = "memory"
    format: str = "memory"
    faults: Faults = field(default_factory=Faults)
    passes: int = 0

    @property
    def space(self):
        return self.parts[0].space

    def chunks(self):
        self.passes += 1
        yield from self.parts


def cut(events, size):
    """A log of the events in chunks of some size."""
    n = len(events)
    return MemoryLog([events.take(np.arange(i, min(i + size, n))) for i in range(0, n, size)])


def random_events(rng, n, *, n_actions=4, ragged=False, full=True, features=0, names=NAMES, first=1):
    """Single decisions with two context columns, positions 1..3 and rewards 0 or 1."""
    space = Space(names[:n_actions], ("age", "hour"), tuple(f"f{i}" for i in range(features)))
    widths = rng.integers(2, n_actions + 1, n) if ragged else np.full(n, n_actions)
    indptr = np.concatenate([[0], np.cumsum(widths)])
    sets = [np.sort(rng.choice(n_actions, w, replace=False)) for w in widths]
    eligible = np.concatenate([*sets, np.zeros(0, int)])
    p = [rng.dirichlet(np.ones(w)) for w in widths]
    place = [int(rng.choice(w, p=q)) for w, q in zip(widths, p, strict=True)]
    action = [s[i] for s, i in zip(sets, place, strict=True)]
    return Events(
        space,
        row=np.arange(first, first + n),
        key=np.arange(first, first + n) * 7,
        action=np.array(action, np.int32),
        reward=rng.integers(0, 2, n).astype(float),
        propensity=np.array([q[i] for q, i in zip(p, place, strict=True)]),
        position=rng.integers(1, 4, n),
        time=np.arange(n) * 2.0,
        context=rng.integers(0, 3, (n, 2)).astype(np.float32),
        indptr=indptr if ragged else None,
        eligible=eligible if ragged else None,
        probabilities=np.concatenate([*p, np.zeros(0)]) if full else None,
        features=rng.random((len(eligible), features)) if features else None,
        queries=Queries(),
    )


def rows_of(events, flat):
    """The flat values row by row, as {action: value}."""
    out = []
    for i in range(len(events)):
        low, high = events.actions.indptr[i : i + 2]
        out.append(dict(zip(events.actions.action[low:high].tolist(), flat[low:high].tolist(), strict=True)))
    return out


def naive_uniform(events):
    return [{a: 1 / len(row) for a in row} for row in rows_of(events, np.zeros(len(events.actions.action)))]


def naive_without(rows, removed):
    out = []
    for row in rows:
        left = {a: p for a, p in row.items() if a != removed}
        total = sum(left.values())
        out.append({a: (left.get(a, 0) / total if total else (a != removed) / len(left)) for a in row})
    return out


def naive_exploration(rows, epsilon, greedy=True):
    out = []
    for row in rows:
        best = [a for a in row if row[a] == max(row.values())]
        base = {a: (a in best) / len(best) for a in row} if greedy else row
        out.append({a: (1 - epsilon) * base[a] + epsilon / len(row) for a in row})
    return out


def naive_logged(source, events, cells, smoothing=0.0):
    """Frequencies by external name, cell by cell."""

    def key(e, i):
        own = {"position": e.position[i], "slot": e.slot[i]}
        own |= dict(zip(e.space.context_names, e.context[i], strict=True))
        return tuple(float(own[c]) for c in cells)

    chosen = defaultdict(lambda: defaultdict(float))
    eligible = defaultdict(lambda: defaultdict(float))
    sets = rows_of(source, np.zeros(len(source.actions.action)))
    for i, row in enumerate(sets):
        c = 1.0 if source.count is None else source.count[i]
        for z in (key(source, i), "all"):
            chosen[z][source.space.actions[source.action[i]]] += c
            for a in row:
                eligible[z][source.space.actions[a]] += c
    size = len(source.space.actions)

    def share(z, a):
        bottom = eligible[z][a] + smoothing * size
        return (chosen[z][a] + smoothing) / bottom if bottom and a in source.space.actions else 0.0

    out = []
    for i, row in enumerate(rows_of(events, np.zeros(len(events.actions.action)))):
        z = key(events, i)
        for cell in (z if z in chosen else "all", "all"):
            p = {a: share(cell, events.space.actions[a]) for a in row}
            if sum(p.values()):
                break
        total = sum(p.values())
        out.append({a: (p[a] / total if total else 1 / len(row)) for a in row})
    return out


def naive_walk(log, policy, batch, seed, floor):
    """The textbook's loop: one row at a time, asking the policy anew each time."""
    start, policy = policy, policy.fork()
    policy.restore(start.state())
    kept, lessons = [], []
    for events in log.chunks():
        for i in range(len(events)):
            one = events.take(np.array([i]))
            p = policy.probabilities(one.requests, described(one), np.random.default_rng(0))[one.place][0]
            u = Streams(seed).uniform("replay", one.key, one.slot)[0]
            if u < p * floor / one.propensity[0]:
                kept.append(int(one.row[0]))
                lessons.append((one, p))
                if len(lessons) == batch:
                    joined = Events.concat([e for e, _ in lessons])
                    policy.learn(feedback_of(joined, propensity=np.array([q for _, q in lessons])))
                    lessons = []
    return kept, policy
