"""Learning to rank and retrieve: simulate, analyse and judge policies that choose where candidates come from.

>>> import ltrr
>>> sorted(ltrr.components.ARMS)
['bm25', 'dense', 'memory', 'popular']
"""

from importlib import metadata as _metadata

from ltrr import (
    bandits,
    checks,
    components,
    features,
    metrics,
    ranking,
    replay,
    retrieval,
    types,
    users,
    worlds,
)
from ltrr.bandits import load as load_policy
from ltrr.errors import InputError
from ltrr.log import Log
from ltrr.loop import Loop
from ltrr.result import Result
from ltrr.rewards import Reward
from ltrr.rng import Streams
from ltrr.setting import LoopSetting
from ltrr.simulate import run_study, simulate
from ltrr.study import Study
from ltrr.study_files import read_study

__version__ = _metadata.version("ltrr")

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
    "components",
    "features",
    "load_policy",
    "metrics",
    "ranking",
    "read_study",
    "replay",
    "retrieval",
    "run_study",
    "simulate",
    "types",
    "users",
    "worlds",
]
