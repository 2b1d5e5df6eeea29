"""Replay: estimate policies from logs, and say what a log can and cannot answer.

Names are loaded when first used: IPS and SNIPS need no model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

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

__getattr__ = _lazy.names(
    __name__,
    {
        "ltrr.logs.events": "Events Space",
        "ltrr.logs.faults": "Faults",
        "ltrr.logs.reading": "read",
        "ltrr.logs.replay_log": "ReplayLog",
        "ltrr.logs.validation": "validate",
        "ltrr.replay.call": "evaluate run",
        "ltrr.replay.estimators.batch": "ReplayBatch",
        "ltrr.replay.estimators.moments": "Moments",
        "ltrr.replay.judging.evaluation": "Evaluation",
        "ltrr.replay.judging.verdict": "Verdict",
        "ltrr.replay.learning.learn": "learn_policy",
        "ltrr.replay.learning.split": "split",
    },
)
