"""A system: one policy with everything it runs in, forked from what all cells share."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

from ltrr.features import ActionBuilder, Allocations, ContextFeatures, CreditHistory, Slabs
from ltrr.features.quotas import all_quotas
from ltrr.protocols import Policy, Retriever, State, World
from ltrr.ranking import LambdaMART, PriorRanker, RankFeatures, ReciprocalRankFusion
from ltrr.retrieval import BM25, Dense, Memory, Popular, StaticCache
from ltrr.rng import Streams
from ltrr.simulation.setting import LoopSetting
from ltrr.types import Float32, Float64, Union
from ltrr.users import TableUser
from ltrr.users.rewards import Reward

__all__ = ["Prepared", "System"]


@dataclass
class Prepared:
    """What the cells of a study share: the world, indexed arms, query statistics.

    Parameters
    ----------
    world : World
    arms : mapping of name to Retriever, in the order of their indices
        Static arms are cached for all known queries; learning arms are indexed and have learnt nothing.
    context : ContextFeatures
    features : RankFeatures
    """

    world: World
    arms: Mapping[str, Retriever]
    context: ContextFeatures
    features: RankFeatures

    @staticmethod
    def build(world: World, arms: Mapping[str, Retriever], setting: LoopSetting) -> Prepared:
        """Index every arm, and answer every known query once by the static ones."""
        ready: dict[str, Retriever] = {}
        for name, arm in arms.items():
            arm.index(world.catalogue)
            if arm.static:
                cache = StaticCache(arm, world.queries, setting.budget)
                cache.warm()
                ready[name] = cache
            else:
                ready[name] = arm
        lexical, dense = arms.get("bm25"), arms.get("dense")
        context = ContextFeatures(world.catalogue, None)
        context.warm(world.queries)
        return Prepared(
            world,
            ready,
            context,
            RankFeatures(
                world.catalogue,
                lexical=lexical if isinstance(lexical, BM25) else None,
                dense=dense if isinstance(dense, Dense) else None,
            ),
        )


@dataclass
class System:
    """One policy with everything it runs in.

    Parameters
    ----------
    world, user, reward
        The side of the truth.
    arms : tuple of Retriever
        By arm index.
    context, actions, history, features
        What the policy and the ranker may see.
    policy, ranker
        What is judged.
    """

    world: World
    arms: tuple[Retriever, ...]
    context: ContextFeatures
    history: CreditHistory
    actions: ActionBuilder
    features: RankFeatures
    policy: Policy
    ranker: LambdaMART | PriorRanker | ReciprocalRankFusion
    user: TableUser
    reward: Reward

    @staticmethod
    def fork(
        prepared: Prepared,
        setting: LoopSetting,
        streams: Streams,
        *,
        policy: Policy,
        ranker: Any,
        user: TableUser,
        reward: Reward,
    ) -> System:
        """Return a system at its beginning that shares with others only what never changes."""
        world = prepared.world.fork(streams)
        arms = {name: _own(arm, world) for name, arm in prepared.arms.items()}
        memory, popular = arms.get("memory"), arms.get("popular")
        known_memory = memory if isinstance(memory, Memory) else None
        known_popular = popular if isinstance(popular, Popular) else None
        names = tuple(arms)
        slabs = policy.space == "slabs"
        n_actions = len(names) if slabs else len(all_quotas(setting.n_slots, len(names)))
        history = CreditHistory(n_actions)
        builder: ActionBuilder = (
            Slabs(names, setting.n_slots, history) if slabs else Allocations(names, setting.n_slots, history)
        )
        return System(
            world,
            tuple(arms.values()),
            prepared.context.fork(known_memory),
            history,
            builder,
            prepared.features.fork(known_memory, known_popular),
            policy.fork(),
            ranker,
            user,
            reward,
        )

    @property
    def allocation_dependent(self) -> bool:
        """True where a candidate's score depends on which arms drew it, so that oracles cannot rescore."""
        return bool(getattr(self.ranker, "allocation_dependent", False))

    def rank(self, union: Union, features: Float32) -> Float64:
        """Return the ranker's scores of a union's candidates, (N,)."""
        if isinstance(self.ranker, ReciprocalRankFusion):
            return self.ranker.fuse(union)
        return self.ranker.score(features)

    def learners(self) -> Iterator[Any]:
        """Yield, in order, all that learns from feedback."""
        yield from (arm for arm in self.arms if not arm.static)
        yield self.history
        yield self.policy
        yield self.ranker

    def state(self) -> State:
        """Return the learned state of every part."""
        return {
            "world": self.world.state(),
            "arms": {str(a): arm.state() for a, arm in enumerate(self.arms) if not arm.static},
            "context": self.context.state(),
            "history": self.history.state(),
            "policy": self.policy.state(),
            "ranker": self.ranker.state(),
        }

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        self.world.restore(state["world"])
        for key, arm_state in state["arms"].items():
            self.arms[int(key)].restore(arm_state)
        self.context.restore(state["context"])
        self.history.restore(state["history"])
        self.policy.restore(state["policy"])
        self.ranker.restore(state["ranker"])


def _own(arm: Retriever, world: World) -> Retriever:
    """Return a static arm itself, of a learning one a copy that has learnt nothing."""
    if arm.static:
        return arm
    fresh: Retriever = replace(arm) if is_dataclass(arm) else copy.deepcopy(arm)
    fresh.index(world.catalogue)
    return fresh
