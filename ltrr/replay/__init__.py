"""Replay: estimate policies from logs, and say what a log can and cannot answer.

Names are loaded when first used: IPS and SNIPS need no model.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ltrr.logs.events import Events, Space
    from ltrr.logs.faults import Faults
    from ltrr.logs.reading import read
    from ltrr.logs.replay_log import ReplayLog
    from ltrr.logs.validation import validate
    from ltrr.replay.call import evaluate, run
    from ltrr.replay.estimators.batch import ReplayBatch
    from ltrr.replay.estimators.moments import Moments
    from ltrr.replay.judging.evaluation import Evaluation
    from ltrr.replay.judging.verdict import Verdict
    from ltrr.replay.learning.learn import learn_policy
    from ltrr.replay.learning.split import split

_PLACES = {
    "Evaluation": "ltrr.replay.judging.evaluation",
    "Events": "ltrr.logs.events",
    "Faults": "ltrr.logs.faults",
    "Moments": "ltrr.replay.estimators.moments",
    "ReplayBatch": "ltrr.replay.estimators.batch",
    "ReplayLog": "ltrr.logs.replay_log",
    "Space": "ltrr.logs.events",
    "Verdict": "ltrr.replay.judging.verdict",
    "evaluate": "ltrr.replay.call",
    "learn_policy": "ltrr.replay.learning.learn",
    "read": "ltrr.logs.reading",
    "run": "ltrr.replay.call",
    "split": "ltrr.replay.learning.split",
    "validate": "ltrr.logs.validation",
}
"""The module that each public name is loaded from."""

__all__ = [
    "Evaluation",
    "Events",
    "Faults",
    "Moments",
    "ReplayBatch",
    "ReplayLog",
    "Space",
    "Verdict",
    "evaluate",
    "learn_policy",
    "read",
    "run",
    "split",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value
