"""A small loop over a synthetic world, for examples and tests."""

from __future__ import annotations

from ltrr.bandits import LinUCB
from ltrr.embeddings import LSA
from ltrr.protocols import Retriever
from ltrr.ranking import LambdaMART
from ltrr.retrieval import BM25, Dense, Memory, Popular
from ltrr.rng import Streams
from ltrr.simulation.loop import Loop
from ltrr.simulation.setting import LoopSetting
from ltrr.simulation.system import Prepared, System
from ltrr.users import USERS, Reward
from ltrr.worlds import Music

__all__ = ["small_example"]


def small_example() -> Loop:
    """Return a loop of 400 items, four arms and LinUCB at its beginning."""
    setting = LoopSetting(
        warmup=20,
        feedback_every=20,
        slot_size=5,
        slab_size={"memory": 3},
        held_out=20,
        checkpoint_every=100,
    )
    arms: dict[str, Retriever] = {
        "bm25": BM25(),
        "dense": Dense(LSA(dim=16)),
        "memory": Memory(),
        "popular": Popular(),
    }
    prepared = Prepared.build(Music(n_items=400, n_queries=200), arms, setting)
    streams = Streams(seed=1)
    system = System.fork(
        prepared,
        setting,
        streams,
        policy=LinUCB(),
        ranker=LambdaMART(),
        user=USERS.make("navigational", {}, "user"),
        reward=Reward(),
    )
    return Loop(system, setting, streams)
