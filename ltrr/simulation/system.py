"""A system: one policy with everything it runs in, forked from what all cells share."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ltrr.bandits.blocks import uses
from ltrr.features import ActionBuilder, Allocations, ContextFeatures, CreditHistory, Slabs, Supply, tokenize
from ltrr.features.arm_columns import ArmColumns, SourceHistory, share_of_types
from ltrr.features.evidence import Evidence
from ltrr.protocols import FeatureProvider, Policy, Ranker, Retriever, State, UserModel, World
from ltrr.ranking import RankFeatures, provenance, provenance_names
from ltrr.retrieval import ARMS, StaticCache
from ltrr.retrieval.exclusion import without
from ltrr.rng import Streams
from ltrr.simulation.setting import LoopSetting
from ltrr.types import Candidates, Float32, Float64, Int32, Requests, Union
from ltrr.types.quotas import all_quotas, offered_quotas
from ltrr.users import Reward

__all__ = ["SHOWN_TO_RANKERS", "Prepared", "System", "fresh", "providers_of"]

SHOWN_TO_RANKERS = ("bm25", "dense", "memory", "popular")
"""Providers of features that a ranker sees whether they are arms or not."""


def providers_of(arms: Mapping[str, Retriever]) -> dict[str, FeatureProvider]:
    """Return the providers of features by default: `SHOWN_TO_RANKERS` and every other arm that offers any.

    An arm with the name of one of these serves as that provider, so that it is indexed and trained once.

    Examples
    --------
    >>> list(providers_of({}))
    ['bm25', 'dense', 'memory', 'popular']
    """
    out: dict[str, Any] = {
        name: arms[name] if isinstance(arms.get(name), FeatureProvider) else ARMS.make(name, {}, "features")
        for name in SHOWN_TO_RANKERS
    }
    return out | {name: arm for name, arm in arms.items() if isinstance(arm, FeatureProvider)}


@dataclass
class Prepared:
    """What the cells of a study share: the world, indexed arms, query statistics.

    Parameters
    ----------
    world : World
    arms : mapping of name to Retriever, in the order of their indices
        Static arms are cached for all known queries; learning arms are indexed and have learned nothing.
    context : ContextFeatures
    features : RankFeatures

    Examples
    --------
    >>> from ltrr.retrieval import BM25, Memory
    >>> from ltrr.worlds import Topics, TopicWorld
    >>> topics = Topics.from_frames(
    ...     {"item": ["a", "b"], "title": ["red shoe", "blue hat"]},
    ...     {"query": [1, 2], "text": ["shoe", "hat"]},
    ...     {"query": [1, 2], "item": ["a", "b"], "grade": [1, 1]},
    ... )
    >>> arms = {"bm25": BM25(), "memory": Memory()}
    >>> prepared = Prepared.build(TopicWorld(topics), arms, LoopSetting(arms=tuple(arms)), providers=arms)
    >>> [type(arm).__name__ for arm in prepared.arms.values()]
    ['StaticCache', 'Memory']
    """

    world: World
    arms: Mapping[str, Retriever]
    context: ContextFeatures
    features: RankFeatures

    @staticmethod
    def build(
        world: World,
        arms: Mapping[str, Retriever],
        setting: LoopSetting,
        providers: Mapping[str, FeatureProvider] | None = None,
    ) -> Prepared:
        """Index arms and providers of features, and answer every known query once by the static arms."""
        shown = providers_of(arms) if providers is None else providers
        parts: dict[int, Any] = {id(part): part for part in (*arms.values(), *shown.values())}
        for part in parts.values():
            index = getattr(part, "index", None)
            if index is not None:
                index(world.catalogue)
            keep_lists = getattr(part, "keep_lists", None)
            if keep_lists is not None:
                keep_lists(world.queries)
        ready = {name: _cached(arm, world, setting) if arm.static else arm for name, arm in arms.items()}
        # words count alike in what a policy and a ranker see and in the text match
        tokenizer = getattr(shown.get("bm25"), "tokenizer", tokenize)
        context = ContextFeatures(world.catalogue, tokenizer=tokenizer)
        context.warm(world.queries)
        return Prepared(world, ready, context, RankFeatures(world.catalogue, shown, index=context.index))


@dataclass(kw_only=True)
class System:
    """One policy with everything it runs in.

    Parameters
    ----------
    world, user, reward
        The parts that know the truth.
    arms : tuple of Retriever
        By arm index.
    context, actions, history, features
        What the policy and the ranker may see.
    policy, ranker
        What is judged.
    providers : mapping of str to FeatureProvider
        Providers of features that learn and are not arms.
    arm_names : tuple of str
    provenance_only : bool
        The ranker's rows hold provenance alone.
    columns : ArmColumns or None
        What the policy may know of each arm besides its name, where the setting or the policy asks for it.

    Examples
    --------
    Two systems that share the indexes, each with a policy and a memory of its own.

    >>> from ltrr.bandits import LinUCB, Uniform
    >>> from ltrr.ranking import PriorRanker
    >>> from ltrr.retrieval import BM25, Memory
    >>> from ltrr.users import PBM
    >>> from ltrr.worlds import Topics, TopicWorld
    >>> topics = Topics.from_frames(
    ...     {"item": ["a", "b"], "title": ["red shoe", "blue hat"]},
    ...     {"query": [1, 2], "text": ["shoe", "hat"]},
    ...     {"query": [1, 2], "item": ["a", "b"], "grade": [1, 1]},
    ... )
    >>> arms = {"bm25": BM25(), "memory": Memory()}
    >>> setting = LoopSetting(arms=tuple(arms))
    >>> prepared = Prepared.build(TopicWorld(topics), arms, setting, providers=arms)
    >>> parts = {"ranker": PriorRanker(), "user": PBM(), "reward": Reward()}
    >>> one, two = (
    ...     System.fork(prepared, setting, Streams(seed=1), policy=policy, **parts)
    ...     for policy in (LinUCB(), Uniform())
    ... )
    >>> one.arms[0] is two.arms[0], one.arms[1] is two.arms[1]
    (True, False)
    """

    world: World
    arms: tuple[Retriever, ...]
    context: ContextFeatures
    history: CreditHistory
    actions: ActionBuilder
    features: RankFeatures
    policy: Policy
    ranker: Ranker
    user: UserModel
    reward: Reward
    providers: Mapping[str, Any]
    arm_names: tuple[str, ...]
    provenance_only: bool = False
    columns: ArmColumns | None = None

    def __post_init__(self) -> None:
        if self.columns is not None:
            self.columns.retrieve = self.retrieve

    @staticmethod
    def fork(
        prepared: Prepared,
        setting: LoopSetting,
        streams: Streams,
        *,
        policy: Policy,
        ranker: Ranker,
        user: UserModel,
        reward: Reward,
        catalogue: Sequence[int] | None = None,
        logged: bool = True,
    ) -> System:
        """Return a system at its beginning that shares with others only what never changes.

        ``catalogue`` says which quotas a policy over allocations chooses among (`offered_quotas`). Where rows
        are not ``logged``, a ranker that reads provenance alone is given nothing else.
        """
        world = prepared.world.fork(streams)
        arms = {name: arm if arm.static else _own(arm, world) for name, arm in prepared.arms.items()}
        providers = {
            name: _own(provider, world)
            for name, provider in prepared.features.providers.items()
            if name not in arms and not getattr(provider, "static", True)
        }
        learning: dict[str, Any] = {name: arm for name, arm in arms.items() if not arm.static}
        features = prepared.features.fork(learning | providers)
        names = tuple(arms)
        slabs = policy.space == "slabs"
        every = all_quotas(setting.n_slots, len(names))
        history = CreditHistory(len(names) if slabs else len(every))
        columns_of_arms = None
        if setting.preview or uses(policy, "source"):
            share = np.eye(len(names)) if slabs else every / setting.n_slots
            columns_of_arms = _arm_columns(arms, share, setting.preview, world)
        # a cached arm is asked itself: the cache knows no more of it than its lists
        supply = Supply(setting.slabs, setting.slot_size, [getattr(a, "retriever", a) for a in arms.values()])
        if catalogue is None:
            catalogue = offered_quotas(setting.n_slots, len(names), setting.catalogue).tolist()
        builder: ActionBuilder = (
            Slabs(names, setting.n_slots, history, supply, columns=columns_of_arms)
            if slabs
            else Allocations(
                names, setting.n_slots, history, supply, catalogue=catalogue, columns=columns_of_arms
            )
        )
        provenance_only = not logged and bool(getattr(ranker, "provenance_only", False))
        columns, memory = ((), ()) if provenance_only else (features.names, features.memory_columns)
        if getattr(ranker, "allocation_dependent", False):
            columns = (*columns, *provenance_names(names))
        suited = getattr(ranker, "for_columns", None)
        return System(
            world=world,
            arms=tuple(arms.values()),
            context=prepared.context.fork(
                {n: arm for n, arm in learning.items() if hasattr(arm, "coverage")}
            ),
            history=history,
            actions=builder,
            features=features,
            policy=policy.fork(),
            ranker=fresh(ranker) if suited is None else suited(columns, memory),
            user=user,
            reward=reward,
            providers=providers,
            arm_names=names,
            provenance_only=provenance_only,
            columns=columns_of_arms,
        )

    @property
    def allocation_dependent(self) -> bool:
        """True where a candidate's score depends on which arms drew it, so that oracles cannot rescore."""
        return bool(getattr(self.ranker, "allocation_dependent", False))

    @property
    def rank_columns(self) -> tuple[str, ...]:
        """Names of the columns of `rows`."""
        extra = provenance_names(self.arm_names) if self.allocation_dependent else ()
        return (*(() if self.provenance_only else self.features.names), *extra)

    def retrieve(self, arm: int, requests: Requests, depth: Int32) -> Candidates:
        """Return up to ``depth[b]`` candidates of an arm, without the item that a request must not see."""
        item = _excluded(self.world, requests)
        if item is None:
            return self.arms[arm].retrieve(requests, depth)
        deeper = depth + ((item >= 0) & (depth > 0)).astype(np.int32)
        return without(self.arms[arm].retrieve(requests, deeper), item, depth)

    def evidence(self, requests: Requests) -> Float32 | None:
        """Return what the previews of all arms say, (B, R · C), or None where there are none."""
        return None if self.columns is None else self.columns.evidence_of(requests)

    def count(self, requests: Requests) -> None:
        """Count a batch of the stream as asked, once it is decided."""
        self.context.count(requests)
        if self.columns is not None:
            self.columns.count()

    def cost(self, calls: ArrayLike, n_candidates: ArrayLike) -> Float64:
        """Return what called arms (B,), candidates (B,), and the previews that the policy uses cost, (B,)."""
        previews = len(self.arms) if uses(self.policy, "evidence") else 0
        return self.reward.cost(calls, n_candidates, previews)

    def rows(self, requests: Requests, union: Union) -> Float32:
        """Return what the ranker sees of a union's candidates, (N, F)."""
        if self.provenance_only:
            return provenance(union, len(self.arms))
        rows = self.features.build(requests, union.items)
        if not self.allocation_dependent:
            return rows
        return np.concatenate([rows, provenance(union, len(self.arms))], axis=1)

    def ranked(self, rows: Float32, query: Int32) -> Float64:
        """Return the ranker's scores (N,) of feature rows, each of the query (N,) that it belongs to."""
        known = getattr(self.ranker, "score_for", None)
        score: Float64 = self.ranker.score(rows) if known is None else known(rows, query)
        return score

    def learners(self) -> Iterator[Any]:
        """Yield, in order, all that learns from feedback."""
        yield from (arm for arm in self.arms if not arm.static)
        yield from self.providers.values()
        yield self.history
        if self.columns is not None:
            yield self.columns
        yield self.policy
        yield self.ranker

    def state(self) -> State:
        """Return the learned state of every part."""
        return {
            "world": self.world.state(),
            "arms": {str(a): arm.state() for a, arm in enumerate(self.arms) if not arm.static},
            "providers": {name: provider.state() for name, provider in self.providers.items()},
            "context": self.context.state(),
            "history": self.history.state(),
            "policy": self.policy.state(),
            "ranker": self.ranker.state(),
            **({} if self.columns is None else {"columns": self.columns.state()}),
        }

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        self.world.restore(state["world"])
        for key, arm_state in state["arms"].items():
            self.arms[int(key)].restore(arm_state)
        for name, provider_state in state["providers"].items():
            self.providers[name].restore(provider_state)
        self.context.restore(state["context"])
        self.history.restore(state["history"])
        self.policy.restore(state["policy"])
        self.ranker.restore(state["ranker"])
        if self.columns is not None:
            self.columns.restore(state["columns"])


def fresh(component: Any) -> Any:
    """Return a component with the same parameters that has learned nothing: a fork, or a copy.

    Examples
    --------
    >>> from ltrr.bandits import Uniform
    >>> policy = Uniform("allocations")
    >>> fresh(policy), fresh(policy) is policy
    (Uniform(space='allocations'), False)
    """
    fork = getattr(component, "fork", None)
    if fork is not None:
        return fork()
    whole = is_dataclass(component) and not isinstance(component, type)
    return replace(component) if whole else copy.deepcopy(component)


def _own(learner: Any, world: World) -> Any:
    """Return a copy of a learning arm or provider that has learned nothing; a fork is indexed already."""
    copied = fresh(learner)
    if hasattr(copied, "index") and not hasattr(learner, "fork"):
        copied.index(world.catalogue)
    return copied


def _arm_columns(arms: Mapping[str, Any], share: Float64, preview: int, world: World) -> ArmColumns:
    """Return the columns of arms, for actions that give them ``share`` (A, R)."""
    source = [getattr(getattr(arm, "retriever", arm), "source", "other") for arm in arms.values()]
    evidence = Evidence(tuple(arms), preview, world.catalogue) if preview else None
    return ArmColumns(source, SourceHistory(share_of_types(source, share)), evidence)


def _excluded(world: World, requests: Requests) -> Int32 | None:
    """Return the item that each request must not see, or None where the world has no such items."""
    excluded = getattr(world, "excluded", None)
    found: Int32 | None = None if excluded is None else excluded(requests)
    return found


def _cached(arm: Retriever, world: World, setting: LoopSetting) -> StaticCache:
    """Return a static arm with its answers to all known queries."""
    # one more than the budget where an item may be left out, see `System.retrieve`
    spare = _excluded(world, Requests.empty()) is not None
    cache = StaticCache(arm, world.queries, setting.budget + spare)
    cache.warm()
    return cache
