"""Small worlds with known answers: each query is found by known arms at known ranks."""

from dataclasses import dataclass, field

import numpy as np

import ltrr
from ltrr.bandits import BasePolicy
from ltrr.retrieval import Arm
from ltrr.types import Candidates, Catalogue, Queries, row_of
from ltrr.worlds.topic_world import TopicWorld
from ltrr.worlds.topics import Topics

STREAM, HELD_OUT, SLAB, PAGE = 40, 20, 5, 10
N = STREAM + HELD_OUT
FILLERS = 2 * PAGE


def world():
    """Query q wants item q and nothing else; all queries of a set are equally frequent."""
    n_items = N + 2 * FILLERS
    stream = np.arange(N) < STREAM
    return TopicWorld(
        Topics(
            catalogue=Catalogue(
                name=tuple(f"i{i}" for i in range(n_items)),
                fields={"title": tuple(f"item {i}" for i in range(n_items))},
            ),
            queries=Queries(tuple(f"query {q}" for q in range(N))),
            query_indptr=np.arange(N + 1),
            query_topic=np.arange(N),
            query_weight=np.ones(N),
            topic_indptr=np.arange(N + 1),
            topic_item=np.arange(N),
            topic_grade=np.ones(N, np.int64),
            traffic=np.where(stream, 1.0 / STREAM, 0.0),
            held_out=np.where(stream, 0.0, 1.0 / HELD_OUT),
            intent=np.zeros(N),
            intent_names=("plain",),
            max_grade=1,
            complete=True,
        ),
        n_users=20,
        gap_seconds=30.0,
    )


@dataclass
class Finder(Arm):
    """Finds the item of query q at rank ``at[q]``, nowhere if that is −1, among items that nobody wants."""

    at: np.ndarray
    side: int

    def index(self, catalogue):
        del catalogue
        start = N + self.side * FILLERS
        self.lists = []
        for query, rank in enumerate(self.at):
            items = list(range(start, start + FILLERS))
            if rank >= 0:
                items.insert(rank, query)
            self.lists.append(items)

    def retrieve(self, requests, depth):
        return Candidates.from_lists([self.lists[q] for q in requests.query], depth=depth)


@dataclass(eq=False)
class ByQuery(BasePolicy):
    """Gives query q the quota ``quotas[q]``."""

    quotas: np.ndarray
    space: str = field(default="allocations", init=False)

    def probabilities(self, requests, actions, rng):
        wanted = self.quotas[requests.query][row_of(actions.indptr)]
        return (actions.quota == wanted).all(axis=1).astype(np.float64)


def run(at, policies, *, seed, n_slots, folder=None, seeds=5, rounds=400, **settings):
    """Simulate policies with two arms that find queries at ranks ``at`` (2, N)."""
    arms = {
        name: Finder(np.asarray(ranks), side) for side, (name, ranks) in enumerate(zip("ab", at, strict=True))
    }
    loop = {"n_slots": n_slots, "slot_size": SLAB, "page_size": PAGE, "warmup": 50, "fallback": []}
    loop |= {"held_out": 100, "checkpoint_every": 1000, "feedback_every": 50}
    return ltrr.simulate(
        world(),
        arms=arms,
        policies=policies,
        ranker="rrf",
        seed=seed,
        seeds=seeds,
        rounds=rounds,
        loop=loop | settings,
        out=folder,
        quiet=True,
    )


HALF = np.arange(N) % 2 == 0
"""Half of the queries, of those in the stream and of those held out."""


def clear_winner(seed, **settings):
    """Each arm finds half of the queries; one policy knows which. Right: yes, the one that knows."""
    at = np.stack([np.where(HALF, 0, -1), np.where(HALF, -1, 0)])
    knows = ByQuery(np.where(HALF[:, None], [1, 0], [0, 1]))
    return run(at, ["random", {"name": "knows", "kind": knows}], seed=seed, n_slots=1, **settings)


def tie(seed, **settings):
    """Each arm finds half of the queries, and no policy knows which. Right: not shown, whoever is ahead."""
    at = np.stack([np.where(HALF, 0, -1), np.where(HALF, -1, 0)])
    guesses = ByQuery(np.where(np.arange(N)[:, None] // 2 % 2 == 0, [1, 0], [0, 1]))
    return run(at, ["random", {"name": "guesses", "kind": guesses}], seed=seed, n_slots=1, **settings)


def dearer(seed, **settings):
    """Three queries in five need both slabs of one arm, the others both arms; one policy knows which.

    The best static allocation calls one arm, the better policy 1.4. Right: yes, at a price.
    """
    deep = np.arange(N) % 5 < 3
    at = np.stack([np.where(deep, SLAB, -1), np.where(deep, -1, 0)])
    knows = ByQuery(np.where(deep[:, None], [2, 0], [1, 1]))
    return run(at, ["random", {"name": "knows", "kind": knows}], seed=seed, n_slots=2, **settings)
