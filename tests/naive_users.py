"""Slow twins of the user models: each model's own definition, every latent pattern enumerated.

The twins know nothing of the package's tables: parameters are plain lists by grade (attraction ``a``,
satisfaction ``s``, stop ``t``) or by place (examination ``gamma``), as in the models' own papers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from hypothesis import strategies as st

from ltrr.types import Truth
from ltrr.users import DBN, PBM, SDBN, Cascade, StopTable

GRADES = 3
KINDS = ("pbm", "cascade", "sdbn", "dbn", "stop")


@dataclass(frozen=True)
class Naive:
    """One model: ``kind`` in {pbm, cascade, sdbn, dbn, stop} and its parameters."""

    kind: str
    a: tuple[float, ...]
    s: tuple[float, ...]
    gamma: tuple[float, ...] | float = 1.0  # by place for the PBM, perseverance for the DBN
    t: tuple[float, ...] = ()

    def examine(self, k, above, grades):
        """P(E_k = 1 | what happened at the place above: (examined, clicked, satisfied))."""
        if self.kind == "pbm":
            return self.gamma[k]
        if k == 0:
            return 1.0
        examined, clicked, satisfied = above
        if not examined:
            return 0.0
        if self.kind == "cascade":
            return 0.0 if clicked else 1.0
        if self.kind == "sdbn":
            return 0.0 if satisfied else 1.0
        if self.kind == "dbn":
            return 0.0 if satisfied else self.gamma
        return 1.0 - self.t[grades[k - 1]] if clicked else 1.0


def latent(model, grades):
    """Yield (probability, examined, clicked, satisfied) of every latent assignment of (E, A, S).

    A is drawn at every place, looked at or not; C = E·A; S is drawn at clicked places only.
    """
    k = len(grades)
    for e, a, s in product(product((0, 1), repeat=k), repeat=3):
        p = 1.0
        above = (0, 0, 0)
        c = [e[i] * a[i] for i in range(k)]
        for i, g in enumerate(grades):
            q = model.examine(i, above, grades)
            p *= q if e[i] else 1.0 - q
            p *= model.a[g] if a[i] else 1.0 - model.a[g]
            if c[i]:
                p *= model.s[g] if s[i] else 1.0 - model.s[g]
            elif s[i]:
                p = 0.0
            above = (e[i], c[i], s[i])
            if p == 0.0:
                break
        if p > 0.0:
            yield p, e, tuple(c), s


def enumerate_page(model, grades):
    """Return {(examined, clicked, satisfied): probability} of one page without empty places."""
    out = {}
    for p, e, c, s in latent(model, grades):
        out[e, c, s] = out.get((e, c, s), 0.0) + p
    return out


def expect(joint, value):
    """Return the expectation of ``value(examined, clicked, satisfied)``."""
    return math.fsum(p * value(*pattern) for pattern, p in joint.items())


def reward(kind, clicked, satisfied, places):
    """Return the reward of one page of ``places`` places."""
    if kind == "satisfied":
        return 1.0 if any(satisfied) else 0.0
    if kind == "click":
        return 1.0 if any(clicked) else 0.0
    weight = [1.0 if kind == "clicks" else 1.0 / math.log2(k + 2) for k in range(places)]
    return sum(w for w, c in zip(weight, clicked, strict=False) if c) / sum(weight)


def shares(kind, clicked, satisfied):
    """Return the share of the reward that each place earned."""
    if kind in ("satisfied", "click"):
        counted = satisfied if kind == "satisfied" else clicked
        return [1.0 / sum(counted) if c else 0.0 for c in counted]
    alone = [[j == k and c for j, c in enumerate(clicked)] for k in range(len(clicked))]
    return [reward(kind, row, row, len(clicked)) for row in alone]


def click_after_click(model, grades, i, j):
    """Return the textbook P(C_j = 1 | C_i = 1), i < j."""
    a, s = [model.a[g] for g in grades], [model.s[g] for g in grades]
    if model.kind == "pbm":
        return model.gamma[j] * a[j]
    if model.kind == "cascade":
        return 0.0
    if model.kind in ("sdbn", "dbn"):
        gamma = 1.0 if model.kind == "sdbn" else model.gamma
        between = math.prod(1.0 - a[m] * s[m] for m in range(i + 1, j))
        return gamma ** (j - i) * (1.0 - s[i]) * between * a[j]
    t = [model.t[g] for g in grades]
    return (1.0 - t[i]) * math.prod(1.0 - a[m] * t[m] for m in range(i + 1, j)) * a[j]


def textbook_clicks(model, grades):
    """Return the textbook P(C_k = 1) of each place."""
    a, s = [model.a[g] for g in grades], [model.s[g] for g in grades]
    if model.kind == "pbm":
        return [gamma * x for gamma, x in zip(model.gamma, a, strict=False)]
    out, examined = [], 1.0
    for k, g in enumerate(grades):
        out.append(examined * a[k])
        examined *= {
            "cascade": lambda k, g: 1.0 - a[k],
            "sdbn": lambda k, g: 1.0 - a[k] * s[k],
            "dbn": lambda k, g: model.gamma * (1.0 - a[k] * s[k]),
            "stop": lambda k, g: 1.0 - a[k] * model.t[g],
        }[model.kind](k, g)
    return out


def sample_page(model, grades, u):
    """Return (clicked, satisfied) of one page from uniforms (K, 3), place by place; −1 ends the page."""
    clicked, satisfied = [0] * len(grades), [0] * len(grades)
    above = (0, 0, 0)
    for k, g in enumerate(grades):
        if g < 0:
            break
        # examination of a chain's place is decided by the uniform of the place above
        draw = u[k][2] if model.kind == "pbm" else (u[k - 1][2] if k else 0.0)
        e = int(draw < model.examine(k, above, grades))
        clicked[k] = int(e and u[k][0] < model.a[g])
        satisfied[k] = int(clicked[k] and u[k][1] < model.s[g])
        above = (e, clicked[k], satisfied[k])
    return clicked, satisfied


def truth_of(pages, max_grade):
    """Return the truth of pages given as grades (B, K)."""
    grades = np.atleast_2d(np.asarray(pages, np.int8))
    n, k = grades.shape
    return Truth(
        indptr=np.arange(n + 1) * k,
        item=np.where(grades < 0, -1, np.arange(k)).reshape(-1),
        grade=grades.reshape(-1),
        judged=np.ones(n * k, bool),
        n_relevant=np.zeros(n, np.int32),
        ideal=np.zeros((n, k), np.int8),
        topic=np.zeros(n, np.int64),
        max_grade=max_grade,
    )


def pair(kind, a, s, t, gamma, eta):
    """Return one model twice: as the package makes it and as its naive twin."""
    a, s, t = tuple(a), tuple(s), tuple(t)
    given_both = {"attraction": a, "satisfaction": s}
    if kind == "pbm":
        power = tuple(1.0 / (k + 1) ** eta for k in range(4))
        return PBM(examination="power", eta=eta, **given_both), Naive("pbm", a, s, power)
    if kind == "cascade":
        return Cascade(**given_both), Naive("cascade", a, s)
    if kind == "sdbn":
        return SDBN(**given_both), Naive("sdbn", a, s)
    if kind == "dbn":
        return DBN(gamma=gamma, **given_both), Naive("dbn", a, s, gamma)
    return StopTable(click=(a,), stop=(t,), satisfaction=s), Naive("stop", a, s, 1.0, t)


probability = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0))
by_grade = st.lists(probability, min_size=GRADES, max_size=GRADES)
parameters = st.tuples(by_grade, by_grade, by_grade, probability, st.floats(0, 3))
