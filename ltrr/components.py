"""Names that a study may use, and what they make."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ltrr.bandits import (
    EpsilonGreedy,
    EqualSplit,
    LinUCB,
    LinUCBDisjoint,
    SingleArm,
    StaticQuota,
    Uniform,
    VowpalWabbit,
)
from ltrr.embeddings import LSA
from ltrr.errors import InputError, nearest
from ltrr.protocols import Policy, Retriever
from ltrr.ranking import LambdaMART, PriorRanker, RankFeatures, ReciprocalRankFusion
from ltrr.retrieval import BM25, Dense, Memory, Popular
from ltrr.users import PRESETS
from ltrr.worlds import Collection, Music

__all__ = ["ARMS", "POLICIES", "POLICY_KINDS", "RANKERS", "USERS", "WORLDS", "make"]


def _dense(**params: Any) -> Dense:
    """TF-IDF → truncated SVD (`ltrr.embeddings.LSA`), exact search by cosine."""
    return Dense(encoder=LSA(**params))


ARMS: dict[str, Callable[..., Retriever]] = {
    "bm25": BM25,
    "dense": _dense,
    "memory": Memory,
    "popular": Popular,
}
WORLDS: dict[str, Callable[..., Any]] = {"music": Music, "collection": Collection}


def _prior(**params: Any) -> PriorRanker:
    """Fixed weights on named features."""
    return PriorRanker(RankFeatures.names, **params)


def _lambdamart(**params: Any) -> LambdaMART:
    """LightGBM LambdaRank trained on logged clicks; fixed weights until its first training."""
    return LambdaMART(_prior(), memory_columns=RankFeatures.memory_columns, **params)


RANKERS: dict[str, Callable[..., Any]] = {
    "lambdamart": _lambdamart,
    "prior": _prior,
    "rrf": ReciprocalRankFusion,
}
USERS: dict[str, Callable[..., Any]] = dict(PRESETS)
POLICY_KINDS: dict[str, Callable[..., Policy]] = {
    "single": SingleArm,
    "equal": EqualSplit,
    "uniform": Uniform,
    "static": StaticQuota,
    "epsilon-greedy": EpsilonGreedy,
    "linucb": LinUCB,
    "linucb-disjoint": LinUCBDisjoint,
    "vw": VowpalWabbit,
}
"""Kinds of policy besides ``best-static``, which the tuning turns into ``static``."""

POLICIES: dict[str, dict[str, Any]] = {
    "equal": {"kind": "equal"},
    "random": {"kind": "uniform"},
    "best-static": {"kind": "best-static"},
    "rrf": {"kind": "equal", "ranker": {"kind": "rrf"}},
    "equal-memory-free": {"kind": "equal", "ranker": {"memory_free": True}},
    "epsilon-greedy": {"kind": "epsilon-greedy"},
    "linucb": {"kind": "linucb"},
    "linucb-allocations": {"kind": "linucb", "space": "allocations"},
    "linucb-disjoint": {"kind": "linucb-disjoint"},
    "vw-epsilon": {"kind": "vw", "explore": "epsilon"},
    "vw-squarecb": {"kind": "vw", "explore": "squarecb"},
}
"""Policies that a study or a call may name without saying more; an arm's name is the policy of that arm."""


def make(registry: Mapping[str, Callable[..., Any]], kind: Any, params: Mapping[str, Any], where: str) -> Any:
    """Return what ``kind`` names, made with ``params``; unknown names and values are one clear line.

    Examples
    --------
    >>> make(ARMS, "bm25", {"k1": 0.9}, "arms.bm25").k1
    0.9
    >>> make(ARMS, "bm26", {}, "arms")
    Traceback (most recent call last):
    ltrr.errors.InputError: `arms` names no known kind, got 'bm26'; did you mean 'bm25'?
    """
    if kind not in registry:
        hint = nearest(str(kind), registry)
        raise InputError(f"`{where}` names no known kind, got {kind!r}{hint}")
    maker = registry[kind]
    known = _parameters(maker)
    for key in params:
        if known is not None and key not in known:
            raise InputError(f"`{where}` has no setting {key!r} for kind {kind!r}{nearest(key, known)}")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items()}
    try:
        return maker(**values)
    except TypeError as error:
        raise InputError(f"`{where}` cannot be made: {error}") from error


def _parameters(maker: Callable[..., Any]) -> tuple[str, ...] | None:
    """Return the names a maker takes; None where it takes any."""
    maker = {_dense: LSA, _lambdamart: LambdaMART, _prior: PriorRanker}.get(maker, maker)
    if dataclasses.is_dataclass(maker):
        return tuple(f.name for f in dataclasses.fields(maker) if f.init)
    parameters = inspect.signature(maker).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return tuple(p.name for p in parameters)
