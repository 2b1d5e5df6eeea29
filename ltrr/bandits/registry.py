"""The policies that have names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ltrr.bandits.epsilon_greedy import EpsilonGreedy
from ltrr.bandits.fixed import EqualSplit, SingleArm, StaticQuota
from ltrr.bandits.linucb import LinUCB
from ltrr.bandits.linucb_disjoint import LinUCBDisjoint
from ltrr.bandits.uniform import Uniform
from ltrr.bandits.vowpal_wabbit import VowpalWabbit
from ltrr.protocols import Policy
from ltrr.registry import Registry

__all__ = ["BEST_STATIC", "POLICIES", "PRESETS"]

POLICIES = Registry(
    "policies",
    {
        "single": SingleArm,
        "equal": EqualSplit,
        "uniform": Uniform,
        "static": StaticQuota,
        "epsilon-greedy": EpsilonGreedy,
        "linucb": LinUCB,
        "linucb-disjoint": LinUCBDisjoint,
        "vw": VowpalWabbit,
    },
    makes=Policy,
    needs=("space", "deterministic", "fork", "probabilities", "learn", "state", "restore"),
    base="ltrr.bandits.BasePolicy",
)
"""Kinds of policy besides `BEST_STATIC`."""

BEST_STATIC = "best-static"
"""The kind of policy that a study's tuning turns into a ``static`` one."""

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "equal": {"kind": "equal"},
        "random": {"kind": "uniform"},
        "best-static": {"kind": BEST_STATIC},
        "prior": {"kind": BEST_STATIC, "ranker": {"kind": "prior"}},
        "rrf": {"kind": "equal", "ranker": {"kind": "rrf"}},
        "tuned-rrf": {"kind": BEST_STATIC, "ranker": {"kind": "rrf"}, "tune": True},
        "tuned-convex": {"kind": BEST_STATIC, "ranker": {"kind": "convex"}, "tune": True},
        "confidence": {"kind": BEST_STATIC, "ranker": {"kind": "confidence"}, "tune": True},
        "equal-memory-free": {"kind": "equal", "without": ["memory"], "ranker": {"memory_free": True}},
        "linucb-allocations": {"kind": "linucb", "space": "allocations"},
        "vw-epsilon": {"kind": "vw", "explore": "epsilon"},
        "vw-squarecb": {"kind": "vw", "explore": "squarecb"},
    }
)
"""Names that stand for a kind with settings; any other kind is a name too."""
