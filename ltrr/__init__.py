"""Learning to rank and retrieve: simulate, analyse and judge policies that choose where candidates come from.

Names are loaded when first used, so that ``import ltrr`` costs next to nothing.

>>> import ltrr
>>> ltrr.bandits.LinUCB(alpha=0.5).alpha
0.5
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ltrr import (
        bandits,
        checks,
        embeddings,
        features,
        logs,
        metrics,
        ranking,
        replay,
        retrieval,
        simulation,
        study,
        types,
        users,
        worlds,
    )
    from ltrr.bandits import load as load_policy
    from ltrr.errors import InputError
    from ltrr.logs import Log
    from ltrr.rng import Streams
    from ltrr.simulation import Loop, LoopSetting
    from ltrr.study import Result, Study, read_study
    from ltrr.study.simulate import run_study, simulate
    from ltrr.users import Reward

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())

_PLACES = {
    "InputError": "errors",
    "Log": "logs",
    "Loop": "simulation",
    "LoopSetting": "simulation",
    "Result": "study",
    "Reward": "users",
    "Streams": "rng",
    "Study": "study",
    "read_study": "study",
    "run_study": "study",
    "simulate": "study",
}
"""The module that each public name is loaded from."""

_ROOMS = (
    *("bandits", "checks", "embeddings", "features", "logs", "metrics", "ranking", "replay", "retrieval"),
    *("simulation", "study", "types", "users", "worlds"),
)

__all__ = [
    "InputError",
    "Log",
    "Loop",
    "LoopSetting",
    "Result",
    "Reward",
    "Streams",
    "Study",
    "bandits",
    "checks",
    "embeddings",
    "features",
    "load_policy",
    "logs",
    "metrics",
    "ranking",
    "read_study",
    "replay",
    "retrieval",
    "run_study",
    "simulate",
    "simulation",
    "study",
    "types",
    "users",
    "worlds",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name in _ROOMS:
        return importlib.import_module(f"ltrr.{name}")
    if name == "load_policy":
        value = importlib.import_module("ltrr.bandits").load
    elif name in _PLACES:
        value = getattr(importlib.import_module(f"ltrr.{_PLACES[name]}"), name)
    else:
        raise AttributeError(f"module 'ltrr' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
