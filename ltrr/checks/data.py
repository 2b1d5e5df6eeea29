"""Small seeded data that checks run on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from ltrr.features import ActionBuilder, Allocations, CreditHistory, Slabs
from ltrr.types import (
    ActionSet,
    Bool,
    Catalogue,
    Decision,
    Feedback,
    Float32,
    Float64,
    Int32,
    Int64,
    Queries,
    Requests,
)

__all__ = ["catalogue_of", "decision_of", "feedback_of", "narrowed", "reordered", "requests_of"]

_WORDS = tuple("amber birch cedar delta ember fjord grove harbor island juniper kettle lagoon".split())  # noqa: SIM905
_CONTEXT = ("c0", "c1", "query_terms", "query_unknown")
_PAGE = 10


def catalogue_of(n: int = 60, seed: int = 1) -> Catalogue:
    """Return items of few words with repeated texts (ties), an empty text, and some that are not alive."""
    rng = np.random.default_rng(seed)
    distinct = [" ".join(rng.choice(_WORDS, rng.integers(1, 7))) for _ in range(2 * n // 3)]
    texts = [distinct[i % len(distinct)] for i in range(n)]
    texts[n // 2] = ""
    alive = np.arange(n) % 7 != 3
    return Catalogue(
        name=tuple(f"item{i}" for i in range(n)),
        fields={"title": tuple(" ".join(t.split()[:2]) for t in texts), "text": tuple(texts)},
        popularity=rng.integers(0, 6, n).astype(np.float32),
        released=np.asarray(-86_400.0 * rng.integers(0, 50, n), np.float64),
        alive=alive,
    )


def reordered(catalogue: Catalogue, old: Int64) -> Catalogue:
    """Return the catalogue renumbered: its item i is ``old[i]`` of the given one."""

    def pick(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(texts[i] for i in old.tolist()) if texts else ()

    return Catalogue(
        pick(catalogue.name),
        {key: pick(texts) for key, texts in catalogue.fields.items()},
        catalogue.popularity[old],
        catalogue.released[old],
        catalogue.kind[old],
        catalogue.kind_names,
        catalogue.alive[old],
        pick(catalogue.metadata),
    )


@cache
def _queries() -> Queries:
    """Return queries of known words, then of unknown ones, and of none."""
    rng = np.random.default_rng(2)
    texts = [" ".join(rng.choice(_WORDS, rng.integers(1, 4))) for _ in range(37)]
    return Queries((*texts, "xylophone", f"xylophone {_WORDS[0]}", ""))


def requests_of(n: int, *, first: int = 0) -> Requests:
    """Return requests on a fixed table of queries: known words, unknown ones, none, and no query at all."""
    rng, queries = np.random.default_rng([2, first]), _queries()
    ids = np.arange(first, first + n)
    query = rng.integers(-1, len(queries), n).astype(np.int32)
    # the odd ones are always among those asked
    query[:4] = [*range(len(queries) - 3, len(queries)), -1][:n]
    return Requests(
        request=ids,
        session=ids // 3,
        user=rng.integers(0, 9, n),
        query=query,
        time=ids.astype(np.float64),
        context=rng.random((n, len(_CONTEXT)), np.float32),
        context_names=_CONTEXT,
        queries=queries,
    )


def decision_of(
    requests: Requests, space: str, arms: tuple[str, ...], n_slots: int, seed: int = 3
) -> Decision:
    """Return what a uniform policy decided in an action space, with what could be chosen."""
    rng = np.random.default_rng([seed, len(requests)])
    n = len(requests)
    n_actions = len(arms)
    builder: ActionBuilder = Slabs(arms, n_slots, CreditHistory(n_actions))
    if space == "allocations":
        counted = Allocations(arms, n_slots, CreditHistory(1))
        builder = Allocations(arms, n_slots, CreditHistory(counted.n_actions))
    quota = np.zeros((n, len(arms)), np.int32)
    sets, taken, propensity = [], [], []
    for _ in range(builder.n_slots):
        actions = _with_credit(builder.build(requests, quota), rng)
        flat = actions.indptr[:-1] + rng.integers(0, builder.n_actions, n)
        if actions.quota is not None:
            quota = actions.quota[flat]
        sets.append(actions)
        taken.append(actions.action[flat])
        propensity.append(np.full(n, 1.0 / builder.n_actions))
    return Decision(
        action=np.stack(taken, axis=1),
        propensity=np.stack(propensity, axis=1),
        quota=quota,
        audit=np.zeros((n, builder.n_slots), np.bool_),
        actions=tuple(sets),
        probabilities=tuple(np.full(len(a.action), 1.0 / builder.n_actions) for a in sets),
        version=np.zeros(n, np.int32),
    )


def _with_credit(actions: ActionSet, rng: np.random.Generator) -> ActionSet:
    """Return the actions with past credits that differ, as they do once a loop has run."""
    features = actions.features.copy()
    features[:, actions.names.index("credit")] = rng.random(len(features))
    return replace(actions, features=features)


def narrowed(actions: ActionSet, stated: Float64, seed: int = 4) -> ActionSet:
    """Return each request's likeliest actions and a random part of the others."""
    rng = np.random.default_rng(seed)
    row = np.repeat(np.arange(len(actions)), np.diff(actions.indptr))
    best = np.zeros(len(actions))
    np.maximum.at(best, row, stated)
    keep = (stated == best[row]) | (rng.random(len(row)) < 0.4)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row[keep], minlength=len(actions)))])
    quota = None if actions.quota is None else actions.quota[keep]
    return replace(
        actions, indptr=indptr, action=actions.action[keep], features=actions.features[keep], quota=quota
    )


def feedback_of(
    requests: Requests,
    *,
    alive: Bool | None = None,
    n_features: int = 1,
    space: str = "slabs",
    arms: tuple[str, ...] = ("a", "b", "c"),
    n_slots: int = 3,
    seed: int = 5,
) -> Feedback:
    """Return feedback in which some items answer a query, some features show it, and some actions pay more.

    Parameters
    ----------
    requests : Requests
    alive : bool (N,), optional
        Items that may appear on pages; 60 items if None.
    n_features : int
        Ranker features; the first one is relevance with noise.
    space, arms, n_slots
        Of the decisions.
    seed : int
    """
    rng = np.random.default_rng([seed, int(requests.request[0]) if len(requests) else 0])
    item = _pages(np.flatnonzero(np.ones(60, np.bool_) if alive is None else alive), len(requests), rng)
    shown = item >= 0
    good = shown & ((item + requests.query[:, None]) % 4 == 0)
    click = shown & (rng.random(item.shape) < np.where(good, 0.7, 0.1))
    satisfied = click & (rng.random(item.shape) < np.where(good, 0.8, 0.2))
    number = satisfied.sum(axis=1)
    decision = decision_of(requests, space, arms, n_slots, seed)
    pull = 0.2 + 0.6 * (decision.action % 3 == 1) * requests.context[:, :1]
    return Feedback(
        requests=requests,
        decision=decision,
        item=item,
        slots=np.where(shown, 1 << rng.integers(0, decision.n_slots, item.shape), 0),
        features=_features(good, shown, n_features, rng),
        click=click,
        satisfied=satisfied,
        abandoned=np.asarray(~click.any(axis=1)),
        arrived_at=requests.time,
        reward=(number > 0).astype(np.float64),
        value=satisfied / np.maximum(number, 1)[:, None],
        credit=np.clip(pull + 0.2 * rng.random(decision.action.shape), 0.0, 1.0),
    )


def _pages(living: Int64, n: int, rng: np.random.Generator) -> Int32:
    """Return pages of distinct items, some of them short, (n, K)."""
    width = min(_PAGE, len(living))
    page = np.full((n, _PAGE), -1, np.int32)
    # a page needs few items, so a window of the living ones, shuffled, is as good as all of them
    start = rng.integers(0, len(living), (n, 1))
    order = rng.permuted(np.tile(np.arange(width), (n, 1)), axis=1)
    page[:, :width] = living[(start + order) % len(living)]
    page[np.arange(_PAGE) >= rng.integers(3, _PAGE + 1, (n, 1))] = -1
    return page


def _features(good: Bool, shown: Bool, n_features: int, rng: np.random.Generator) -> Float32:
    out = rng.random((*good.shape, n_features)).astype(np.float32)
    out[..., :1] += good[..., None]
    out[~shown] = 0.0
    return out
